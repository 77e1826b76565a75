"""A consent is withdrawn between two runs: whatever command comes next, nothing later leaves any more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fhir_msc.sandbox.server import SandboxServer
from tests.support.front import Front
from tests.support.projects import configure, fhir_msc, new_project
from tests.support.serverside import held
from tests.support.tinystudy import Study, tiny_study, with_row, write_study

NOWHERE = "http://127.0.0.1:9/fhir"
LATER_DAY = "2021-03-01"
"""On which the first participant, and nobody else, has a visit and a result, after the withdrawal of 15 February."""


def withdrawn(study: Study) -> Study:
    left = {"DSCAT": "DISPOSITION EVENT", "DSDECOD": "OTHER", "DSTERM": "WITHDREW CONSENT", "DSSTDTC": "2021-02-15"}
    return {**study, "DS": with_row(study["DS"], 1, **left)}


def later(url: str) -> list[str]:
    """What the server holds of the participant that is later than the withdrawal."""
    texts = {place: json.dumps(body, default=str) for place, body in held(url).items()}
    return [
        place
        for place, text in texts.items()
        if LATER_DAY in text or ("RASH" in text and "adverse-event-outcome" in text)
    ]


def sync(project: Path, *options: str, code: int = 0) -> None:
    outcome = fhir_msc("sync", "--project", project, *options)
    assert outcome.code == code, outcome.out + outcome.err


def in_vain(project: Path, url: str) -> None:
    """A sync whose every write is cut before it arrives."""
    with Front(url, lambda line: "pass" if line.startswith("GET") else "close") as front:
        moved(project, front.base_url)
        assert fhir_msc("sync", "--project", project).code != 0
    moved(project, url)
    assert fhir_msc("status", "--project", project, "--json").document["waiting"], "all of it is in the ledger"
    assert held(url) == {}


def moved(project: Path, url: str) -> None:
    configure(project, r'^url = ".*"$', f'url = "{url}"')


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return write_study(tmp_path / "export", tiny_study())


def test_what_could_not_be_sent_before_is_not_sent_after(export: Path, tmp_path: Path) -> None:
    project = new_project(tmp_path / "project", "sdtm", export, NOWHERE, "--unblinded")
    with SandboxServer() as server:
        in_vain(project, server.base_url)
        write_study(export, withdrawn(tiny_study()))
        assert fhir_msc("plan", "--project", project).code == 0
        sync(project)
        assert held(server.base_url)
        assert later(server.base_url) == []


@pytest.mark.parametrize("lost", ["missing", "damaged"])
def test_nor_where_its_table_cannot_be_read_any_more(export: Path, tmp_path: Path, lost: str) -> None:
    project = new_project(tmp_path / "project", "sdtm", export, NOWHERE, "--unblinded")
    with SandboxServer() as server:
        in_vain(project, server.base_url)
        write_study(export, withdrawn(tiny_study()))
        for name in ("lb", "ae"):
            path = export / f"{name}.xpt"
            path.unlink() if lost == "missing" else path.write_bytes(path.read_bytes()[:-100])
        fhir_msc("sync", "--project", project)
        assert held(server.base_url)
        assert later(server.base_url) == []


def test_a_plan_from_before_and_a_repair_send_nothing_later(export: Path, tmp_path: Path) -> None:
    project = new_project(tmp_path / "project", "sdtm", export, NOWHERE, "--unblinded")
    with SandboxServer() as server:
        moved(project, server.base_url)
        plan = tmp_path / "plan.json"
        assert fhir_msc("plan", "--project", project, "--output", plan).code == 0
        write_study(export, withdrawn(tiny_study()))
        fhir_msc("sync", "--project", project, "--plan", plan)
        assert later(server.base_url) == []
    write_study(export, tiny_study())
    with SandboxServer() as server:
        moved(project, server.base_url)
        sync(project, "--repair")
        assert len(later(server.base_url)) > 2
    write_study(export, withdrawn(tiny_study()))
    with SandboxServer() as server:
        moved(project, server.base_url)
        sync(project, "--repair")
        assert held(server.base_url)
        assert later(server.base_url) == []


def test_a_repair_sends_nothing_of_a_table_that_cannot_be_read(export: Path, tmp_path: Path) -> None:
    project = new_project(tmp_path / "project", "sdtm", export, NOWHERE, "--unblinded")
    with SandboxServer() as server:
        moved(project, server.base_url)
        sync(project)
        assert len(later(server.base_url)) > 2
    write_study(export, withdrawn(tiny_study()))
    for name in ("lb", "ae"):
        (export / f"{name}.xpt").unlink()
    with SandboxServer() as server:
        moved(project, server.base_url)
        fhir_msc("sync", "--project", project, "--repair")
        assert held(server.base_url)
        assert later(server.base_url) == []


def test_what_was_retired_does_not_come_back(export: Path, tmp_path: Path) -> None:
    project = new_project(tmp_path / "project", "sdtm", export, NOWHERE, "--unblinded")
    with SandboxServer() as server:
        moved(project, server.base_url)
        sync(project)
        write_study(export, withdrawn(tiny_study()))
        sync(project)
        fhir_msc("retire", "--all", "--reason", "the consent was withdrawn", "--by", "dm", "--project", project)
        sync(project)
    with SandboxServer() as server:
        moved(project, server.base_url)
        fhir_msc("sync", "--project", project, "--repair")
        assert held(server.base_url)
        assert later(server.base_url) == []
        found = fhir_msc("verify", "--project", project, "--json").document["drifted"]
        assert {one["type"] for one in found} <= {"AdverseEvent"}, "of what cannot be retired a person is told"
