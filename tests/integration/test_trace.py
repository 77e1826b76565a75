"""Lineage both ways, and whether the numbers agree, here and on the server."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from fhir_msc.sandbox import SandboxServer
from tests.support.hospital import Hospital
from tests.support.projects import configure, fhir_msc, namespace_of, new_project
from tests.support.tinystudy import SUBJECTS, tiny_study, write_study

CREATININE = "2160-0"
OF_THE_STUDY = {
    *("CodeSystem", "ValueSet", "Organization", "Location", "Practitioner", "PractitionerRole", "Group"),
    *("PlanDefinition", "ResearchStudy"),
}
"""Types that belong to no participant."""


@pytest.fixture
def url() -> Iterator[str]:
    with SandboxServer() as server:
        yield server.base_url


@pytest.fixture
def hospital(url: str, tmp_path: Path) -> Iterator[Hospital]:
    scene = Hospital(tmp_path, url)
    scene.sync()
    with scene.view:
        yield scene


def document(hospital: Hospital, *arguments: str, code: int = 0) -> Any:
    outcome = fhir_msc(*arguments, "--project", hospital.project, "--json")
    assert outcome.code == code, outcome.out + outcome.err
    return outcome.document


def test_from_a_result_to_its_cells_and_back(hospital: Hospital) -> None:
    place = hospital.observation(CREATININE, "0.91")
    key = place.partition("/")[2]
    hospital.correct("lab_creatinine", "0.95")
    hospital.sync()

    found = document(hospital, "trace", place)
    assert document(hospital, "trace", key) == found
    assert (found["type"], found["key"], found["state"], found["version"]) == ("Observation", key, "sent", "2")
    assert found["cause"] == "source"
    (origin,) = found["origins"]
    assert (origin["table"], origin["row"]) == ("laboratory", 2)
    assert [(one["event"], one["version"]) for one in found["history"]] == [("created", "1"), ("updated", "2")]
    assert {one["type"] for one in found["refersTo"]} == {"Patient", "Encounter", "ResearchStudy"}

    # The same edge from the other end.
    (patient,) = [one["key"] for one in found["refersTo"] if one["type"] == "Patient"]
    back = document(hospital, "trace", f"Patient/{patient}")["referredBy"]
    assert back["total"] == len(back["first"]) > 50
    assert {"type": "Observation", "key": key} in back["first"]
    by_row = document(hospital, "trace", f"laboratory:{origin['row']}")
    assert {"type": "Observation", "key": key} in by_row["resources"]
    for one in by_row["resources"]:
        places = document(hospital, "trace", one["key"])["origins"]
        assert any(where["table"] == "laboratory" and where["row"] == origin["row"] for where in places)
    told = fhir_msc("trace", key, "--project", hospital.project)
    assert "laboratory" in told.out
    assert "updated" in told.out
    assert fhir_msc("trace", "laboratory:2", "--project", hospital.project).code == 0


def test_a_row_that_went_into_another_tables_resource(hospital: Hospital) -> None:
    (place, *_) = [key for key in hospital.desired() if key.startswith("ResearchSubject/")]
    origins = document(hospital, "trace", place)["origins"]
    (step,) = [one for one in origins if one["table"] == "disposition"]
    found = document(hospital, "trace", f"disposition:{step['row']}")
    assert f"{found['resources'][0]['type']}/{found['resources'][0]['key']}" == place


def test_a_participant_by_the_identifier_of_the_source(hospital: Hospital) -> None:
    with hospital.records.open(encoding="utf-8", newline="") as stream:
        subject = next(csv.DictReader(stream))["record_id"]
    found = document(hospital, "trace", subject)
    assert sum(one["count"] for one in found["resources"]) == sum(
        place.partition("/")[0] not in OF_THE_STUDY for place in hospital.desired()
    )
    told = fhir_msc("trace", subject, "--project", hospital.project)
    assert found["patient"] in told.out


@pytest.mark.parametrize("what", ["o" + "0" * 40, "nobody", "LB:99", "laboratory:", ""])
def test_what_is_not_there(what: str, hospital: Hospital) -> None:
    outcome = fhir_msc("trace", what, "--project", hospital.project)
    assert outcome.code == 2
    assert "trace" in outcome.err


def test_the_numbers_agree_until_somebody_deletes(hospital: Hospital, tmp_path: Path) -> None:
    wanted = hospital.desired()
    table = tmp_path / "numbers.csv"
    found = document(hospital, "reconcile", "--csv", str(table))
    assert found["agrees"]
    assert {one["type"]: one["here"] for one in found["types"]} == {
        type: sum(place.startswith(f"{type}/") for place in wanted) for type in {p.partition("/")[0] for p in wanted}
    }
    asked = {one["type"]: one["there"] for one in found["types"]}
    assert asked.pop("AdverseEvent") is None, "R4 has no search by identifier for it"
    assert all(one["there"] in (None, one["here"]) for one in found["types"])
    assert found["files"] == [], "a blind project tells nothing of whole files"
    for one in found["tables"]:
        assert one["rows"] == sum(
            one[name] for name in ("delivered", "merged", "held", "rejected", "withheld", "not-mapped")
        )
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[0][:3] == ["table", "file", "rows"]
    assert ["Patient", "1", "1"] in rows

    hospital.view.delete(hospital.observation(CREATININE, "0.91"))
    found = document(hospital, "reconcile", code=1)
    assert not found["agrees"]
    (differs,) = [one for one in found["types"] if one["there"] not in (None, one["here"])]
    assert differs["type"] == "Observation"
    assert "differs" in fhir_msc("reconcile", "--project", hospital.project).out


def test_checksums_and_times_in_an_unblinded_project(url: str, tmp_path: Path) -> None:
    export = write_study(tmp_path / "export", tiny_study())
    project = new_project(tmp_path / "project", "sdtm", export, url, "--unblinded")
    assert fhir_msc("sync", "--project", project).code == 0
    found = fhir_msc("reconcile", "--project", project, "--json").document
    files = {one["file"]: one for one in found["files"]}
    assert files["dm.xpt"]["sha256"] == sha256((export / "dm.xpt").read_bytes()).hexdigest()
    assert files["dm.xpt"]["changed"].endswith("+00:00")
    assert files["dm.xpt"]["encoding"] == "utf-8"
    assert set(files) == {path.name for path in export.iterdir()}
    told = fhir_msc("reconcile", "--project", project)
    assert files["dm.xpt"]["sha256"] in told.out
    assert not any(subject in told.out for subject in SUBJECTS)
    assert fhir_msc("reconcile", "--project", project, "--csv", tmp_path / "t.csv").code == 0
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as stream:
        rows = {row["table"]: row for row in csv.DictReader(stream)}
    assert (rows["DM"]["encoding"], rows["DM"]["sha256"]) == ("utf-8", files["dm.xpt"]["sha256"])


def test_the_numbers_outlive_the_export(url: str, tmp_path: Path) -> None:
    export = write_study(tmp_path / "export", tiny_study())
    project = new_project(tmp_path / "project", "sdtm", export, url, "--unblinded")
    assert fhir_msc("sync", "--project", project).code == 0
    export.rename(tmp_path / "archive")
    found = fhir_msc("reconcile", "--project", project, "--json")
    assert (found.code, found.document["agrees"], found.document["files"]) == (3, True, [])
    assert "is not there" in found.document["unreadable"][0]
    assert "is not there" in fhir_msc("reconcile", "--project", project).out


def test_before_the_first_sync(tmp_path: Path) -> None:
    scene = Hospital(tmp_path, "http://127.0.0.1:9/fhir")
    for command in (("trace", "x"), ("reconcile",)):
        outcome = fhir_msc(*command, "--project", scene.project)
        assert outcome.code == 2
        assert "nothing was synced yet" in outcome.err


def test_a_server_that_cannot_be_reached(hospital: Hospital) -> None:
    configure(hospital.project, r'^url = ".*"$', 'url = "http://127.0.0.1:9/fhir"')
    assert fhir_msc("reconcile", "--project", hospital.project).code == 5
    assert fhir_msc("verify", "--project", hospital.project).code == 5
    assert fhir_msc("plan", "--project", hospital.project).code == 5


def test_what_is_another_projects_is_not_counted(url: str, tmp_path: Path) -> None:
    export = write_study(tmp_path / "export", tiny_study())
    one = new_project(tmp_path / "one", "sdtm", export, url)
    other = new_project(tmp_path / "other", "sdtm", export, url)
    configure(other, r"^namespace = .*$", f'namespace = "{namespace_of(one)}"')
    for project in (one, other):
        assert fhir_msc("sync", "--project", project).code == 0
    for project in (one, other):
        found = fhir_msc("reconcile", "--project", project, "--json")
        assert found.code == 0, found.out
        assert all(one["there"] in (None, one["here"]) for one in found.document["types"])
