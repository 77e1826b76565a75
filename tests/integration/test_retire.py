"""What vanished from the source is retired when a person says so, and not before; the audit has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.projects import configure, fhir_msc, new_project
from tests.support.serverside import versions
from tests.support.serverview import ServerView
from tests.support.tinystudy import Study, tiny_study, without_row, write_study

LOST, EVENT = ("LB", 2), ("AE", 1)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return write_study(tmp_path / "export", tiny_study())


@pytest.fixture
def project(export: Path, url: str, tmp_path: Path) -> Path:
    """A project whose first sync is done, and whose export has lost a result and an adverse event since."""
    folder = new_project(tmp_path / "project", "sdtm", export, url, "--unblinded")
    sync(folder)
    write_study(export, without(LOST, EVENT))
    assert sent(sync(folder)) == (0, 1), "the report of the lost result names it no more"
    return folder


def without(*rows: tuple[str, int]) -> Study:
    study = tiny_study()
    return {name: without_row(study[name], row) for name, row in rows}


def sync(project: Path, code: int = 0) -> Any:
    outcome = fhir_msc("sync", "--project", project, "--json")
    assert outcome.code == code, outcome.out + outcome.err
    return outcome.document


def sent(document: Any) -> tuple[int, int]:
    delivery = document["delivery"]
    return (0, 0) if delivery is None else (delivery["created"], delivery["updated"])


def listed(project: Path) -> dict[str, Any]:
    outcome = fhir_msc("retire", "--project", project, "--json")
    return {one["type"]: one for one in outcome.document["vanished"]}


def retire(project: Path, *arguments: str) -> Any:
    return fhir_msc("retire", *arguments, "--by", "dm", "--project", project)


def test_only_what_is_asked_for_is_retired_and_the_next_sync_says_so(project: Path, url: str) -> None:
    found = listed(project)
    assert set(found) == {"AdverseEvent", "Observation"}
    one = found["Observation"]
    assert (one["obstacle"], one["origins"][0]["table"], one["origins"][0]["row"]) == (None, *LOST)
    place = f"Observation/{one['key']}"
    told = fhir_msc("retire", "--project", project).out
    assert place in told
    assert "--reason" in told
    assert sent(sync(project)) == (0, 0)

    with ServerView(url) as view:
        before = view.read(place)
        assert retire(project, place, "--reason", "entered twice").code == 0
        assert view.read(place) == before
        plan = fhir_msc("plan", "--project", project, "--json").document
        assert [(step["action"], step["cause"]) for step in plan["steps"]] == [("update", "retired")]
        assert sent(sync(project)) == (0, 1)
        after = view.read(place)
    assert after["status"] == "entered-in-error"
    assert {**after, "status": before["status"], "meta": before["meta"]} == before
    assert set(listed(project)) == {"AdverseEvent"}
    assert sent(sync(project)) == (0, 0)
    assert fhir_msc("verify", "--project", project).code == 0
    history = fhir_msc("trace", one["key"], "--project", project).out
    assert "retired" in history
    assert "entered twice" in history
    assert fhir_msc("audit", "verify", "--project", project).code == 0


def test_a_row_that_comes_back_counts_again(project: Path, export: Path, url: str) -> None:
    one = listed(project)["Observation"]
    place = f"Observation/{one['key']}"
    with ServerView(url) as view:
        before = view.read(place)
        assert retire(project, "--all", "--reason", "not in the export").code == 0
        assert sent(sync(project)) == (0, 1)
        write_study(export, tiny_study())
        assert sent(sync(project)) == (0, 2), "the result and its report"
        after = view.read(place)
        assert {**after, "meta": before["meta"]} == before
        assert listed(project) == {}
        write_study(export, without(LOST))
        assert sent(sync(project)) == (0, 1)
        assert set(listed(project)) == {"Observation"}
        assert view.read(place) == after


def test_what_has_no_such_status_stays_and_says_why(project: Path, url: str) -> None:
    one = listed(project)["AdverseEvent"]
    assert "R4 has no status" in one["obstacle"]
    before = versions(url)
    refused = retire(project, one["key"], "--reason", "entered twice")
    assert refused.code == 2
    assert "R4 has no status" in refused.err
    sync(project)
    assert versions(url) == before


def test_what_has_no_such_status_is_deleted_where_the_config_allows_it(project: Path, export: Path, url: str) -> None:
    configure(project, r"^connections = 2$", 'connections = 2\ndelete = ["AdverseEvent"]')
    one = listed(project)["AdverseEvent"]
    place = f"AdverseEvent/{one['key']}"
    assert one["obstacle"] is None
    with ServerView(url) as view:
        before = view.read(place)
        assert retire(project, one["key"], "--reason", "entered twice").code == 0
        plan = fhir_msc("plan", "--project", project, "--json").document
        assert [(step["action"], step["cause"]) for step in plan["steps"]] == [("delete", "retired")]
        document = sync(project)
        assert (sent(document), document["delivery"]["deleted"]) == ((0, 0), 1)
        assert view.status(place) == 410
        assert sent(sync(project)) == (0, 0)
        assert fhir_msc("verify", "--project", project).code == 0
        assert fhir_msc("reconcile", "--project", project).code == 0
        assert "deleted" in fhir_msc("trace", one["key"], "--project", project).out
        # Its row comes back: it is there again.
        write_study(export, {"AE": tiny_study()["AE"]})
        assert sent(sync(project)) == (1, 0)
        assert {**view.read(place), "meta": before["meta"]} == before
    assert fhir_msc("verify", "--project", project).code == 0
    assert fhir_msc("audit", "verify", "--project", project).code == 0


def test_what_somebody_changed_is_not_deleted(project: Path, url: str) -> None:
    configure(project, r"^connections = 2$", 'connections = 2\ndelete = ["AdverseEvent"]')
    one = listed(project)["AdverseEvent"]
    place = f"AdverseEvent/{one['key']}"
    with ServerView(url) as view:
        view.edit(place, lambda resource: resource["event"].update(text="their words"))
        assert retire(project, one["key"], "--reason", "entered twice").code == 0
        document = sync(project, code=1)
        assert document["delivery"]["deleted"] == 0
        assert document["conflicts"]["total"] == 1
        assert view.read(place)["event"]["text"] == "their words"


def test_what_is_wrong_with_the_request_is_said(project: Path) -> None:
    key = listed(project)["Observation"]["key"]
    assert "--reason" in retire(project, key).err
    assert "--reason" in retire(project, key, "--all", "--reason", "both").err
    unknown = retire(project, key[:-1] + "x", "--reason", "no such key")
    assert (unknown.code, "no resource of this key has vanished" in unknown.err) == (2, True)
    assert retire(project, key, "--reason", "once").code == 0
    assert retire(project, key, "--reason", "twice").code == 2
