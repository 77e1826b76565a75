"""What the sites must be asked: by site, form and participant, with the cells, and without participants' data."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_msc.sandbox import SandboxServer
from tests.support.hospital import Hospital
from tests.support.projects import fhir_msc

WRONG = "4.x2"


@pytest.fixture
def url() -> Iterator[str]:
    with SandboxServer() as server:
        yield server.base_url


@pytest.fixture
def hospital(url: str, tmp_path: Path) -> Iterator[Hospital]:
    """A cell that is no number stands in the laboratory's form."""
    scene = Hospital(tmp_path, url)
    scene.correct("lab_creatinine", WRONG)
    scene.sync(1)
    with scene.view:
        yield scene


def first_row(hospital: Hospital) -> dict[str, str]:
    with hospital.records.open(encoding="utf-8", newline="") as stream:
        return next(csv.DictReader(stream))


def test_a_wrong_cell_is_a_question_to_its_site(hospital: Hospital, tmp_path: Path) -> None:
    listed = tmp_path / "queries.csv"
    outcome = fhir_msc("queries", "--project", hospital.project, "--json", "--csv", listed)
    assert outcome.code == 0, outcome.err
    (one,) = [one for one in outcome.document["queries"] if one["severity"] == "error"]
    assert one["form"] == "laboratory"
    assert first_row(hospital)["redcap_data_access_group"] == "charleston"
    assert one["site"] == "01"
    assert one["message"]
    assert one["hint"]
    (origin,) = one["origins"]
    assert "lab_creatinine" in origin["columns"]
    subject = first_row(hospital)["record_id"]
    assert fhir_msc("trace", subject, "--project", hospital.project, "--json").document["patient"] == one["patient"]

    with listed.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["severity"] == "error"]
    assert [(row["site"], row["form"], row["patient"], row["row"]) for row in rows] == [
        (one["site"], "laboratory", one["patient"], str(origin["row"]))
    ]
    assert rows[0]["asked"] == one["message"]
    assert rows[0]["next"] == one["hint"]
    assert rows[0]["columns"] == "lab_creatinine"


def test_participants_and_cells_only_when_asked_for(hospital: Hospital, tmp_path: Path) -> None:
    subject, listed = first_row(hospital)["record_id"], tmp_path / "queries.csv"
    for options in ((), ("--json",)):
        hidden = fhir_msc("queries", "--project", hospital.project, "--csv", listed, *options)
        for text in (hidden.out, listed.read_text("utf-8")):
            assert subject not in text
            assert WRONG not in text
        shown = fhir_msc("queries", "--project", hospital.project, "--csv", listed, "--show-values", *options)
        for text in (shown.out, listed.read_text("utf-8")):
            assert subject in text
            assert WRONG in text


def test_an_answered_question_is_gone(hospital: Hospital) -> None:
    hospital.correct("lab_creatinine", "0.91")
    hospital.sync()
    outcome = fhir_msc("queries", "--project", hospital.project, "--json")
    assert [one for one in outcome.document["queries"] if one["severity"] == "error"] == []


def test_without_the_export_the_questions_are_told_and_the_sites_are_not(hospital: Hospital) -> None:
    hospital.records.write_bytes(b"")
    outcome = fhir_msc("queries", "--project", hospital.project, "--json")
    assert outcome.code == 3
    assert outcome.document["unreadable"]
    (one,) = [one for one in outcome.document["queries"] if one["severity"] == "error"]
    assert (one["site"], one["form"]) == (None, "laboratory")


def test_before_the_first_sync_nothing_is_known(url: str, tmp_path: Path) -> None:
    scene = Hospital(tmp_path, url)
    with scene.view:
        outcome = fhir_msc("queries", "--project", scene.project)
    assert outcome.code == 2
    assert "nothing was synced yet" in outcome.err
