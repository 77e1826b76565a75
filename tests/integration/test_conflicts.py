"""Nobody else's change is overwritten, and nothing of it goes unsaid: a hospital works on our resources beside us."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.hapi import HapiServer
from tests.support.hospital import Hospital
from tests.support.projects import fhir_msc

CREATININE, HAEMOGLOBIN = "2160-0", "718-7"


@pytest.fixture
def hospital(url: str, tmp_path: Path) -> Iterator[Hospital]:
    """After the first sync."""
    scene = Hospital(tmp_path, url)
    scene.sync()
    with scene.view:
        yield scene


def amend(resource: Any) -> None:
    """What a hospital does to a result of ours."""
    resource["status"] = "amended"
    resource["note"] = [{"text": "haemolytic sample"}]


def label(resource: Any) -> None:
    """The hospital's own label."""
    resource["meta"].setdefault("tag", []).append({"system": "urn:hospital", "code": "seen"})


def written(document: Any) -> tuple[int, int, int]:
    """Created, updated, adopted."""
    delivery = document["delivery"]
    return (0, 0, 0) if delivery is None else (delivery["created"], delivery["updated"], delivery["adopted"])


def test_what_the_hospital_changed_is_shown_and_not_sent_and_the_rest_goes_on(hospital: Hospital) -> None:
    theirs = hospital.observation(CREATININE, "0.91")
    ours = hospital.observation(HAEMOGLOBIN, "12.2")
    hospital.view.edit(theirs, amend)
    before = hospital.view.read(theirs)
    hospital.correct("lab_creatinine", "0.95")
    hospital.correct("lab_haemoglobin", "12.5")

    document = hospital.sync(code=1)

    assert written(document) == (0, 1, 0)
    assert hospital.view.read(theirs) == before
    assert hospital.view.read(ours)["valueQuantity"]["value"] == "12.5"
    assert document["conflicts"]["total"] == 1
    (named,) = document["conflicts"]["first"]
    assert f"{named['type']}/{named['key']}" == theirs
    assert named["reason"] == "changed on the server"
    (origin,) = named["origins"]
    assert (origin["table"], origin["row"]) == ("laboratory", 2)
    assert "lab_creatinine" in origin["columns"]

    # It stays so, and is said every time, until a person has acted.
    told = fhir_msc("sync", "--project", hospital.project)
    assert told.code == 1
    assert theirs in told.out
    assert "conflicts" in told.out
    assert "lab_creatinine" in " ".join(told.out.split())
    assert hospital.view.read(theirs) == before
    assert fhir_msc("status", "--project", hospital.project).code == 1


def test_a_conflict_that_the_hospital_takes_back_goes_through(hospital: Hospital) -> None:
    place = hospital.observation(CREATININE, "0.91")
    as_sent = hospital.bodies()[place]
    hospital.view.edit(place, amend)
    hospital.correct("lab_creatinine", "0.95")
    hospital.sync(code=1)
    hospital.view.put(place, as_sent)

    document = hospital.sync()

    assert written(document) == (0, 1, 0)
    assert document["conflicts"]["total"] == 0
    assert hospital.stored() == hospital.desired()


def test_a_conflict_ends_when_the_hospital_writes_what_the_source_says(hospital: Hospital) -> None:
    place = hospital.observation(CREATININE, "0.91")
    hospital.view.edit(place, amend)
    hospital.correct("lab_creatinine", "0.95")
    hospital.sync(code=1)
    version = hospital.view.put(place, hospital.bodies()[place])

    document = hospital.sync()

    assert written(document) == (0, 0, 1)
    assert hospital.view.read(place)["meta"]["versionId"] == version
    assert hospital.stored() == hospital.desired()


def test_a_version_that_was_only_raised_is_no_conflict(hospital: Hospital) -> None:
    place = hospital.observation(CREATININE, "0.91")
    hospital.view.edit(place, label)
    raised = hospital.view.read(place)["meta"]["versionId"]
    assert raised == "2"
    hospital.correct("lab_creatinine", "0.95")

    document = hospital.sync()

    assert written(document) == (0, 1, 0)
    there = hospital.view.read(place)
    assert there["valueQuantity"]["value"] == "0.95"
    assert there["meta"]["versionId"] == "3"
    assert written(hospital.sync()) == (0, 0, 0)


@pytest.mark.hapi
def test_a_tag_added_by_the_operation_for_it_is_no_conflict(hapi: HapiServer, tmp_path: Path) -> None:
    hospital = Hospital(tmp_path, hapi.base_url)
    hospital.sync()
    with hospital.view:
        place = hospital.observation(CREATININE, "0.91")
        hospital.view.meta_add(place, "urn:hospital", "seen")
        hospital.correct("lab_creatinine", "0.95")
        assert written(hospital.sync()) == (0, 1, 0)
        there = hospital.view.read(place)
        assert there["valueQuantity"]["value"] == "0.95"
        assert {"system": "urn:hospital", "code": "seen"} in there["meta"]["tag"]


def test_what_the_hospital_deleted_is_not_raised_from_the_dead(hospital: Hospital) -> None:
    place = hospital.observation(CREATININE, "0.91")
    as_sent = hospital.bodies()[place]
    hospital.view.delete(place)
    assert written(hospital.sync()) == (0, 0, 0)  # nothing has changed in the source: the server is not asked
    hospital.correct("lab_creatinine", "0.95")
    hospital.correct("lab_haemoglobin", "12.5")

    document = hospital.sync(code=1)

    assert written(document) == (0, 1, 0)
    assert hospital.view.status(place) == 410
    (named,) = document["conflicts"]["first"]
    assert f"{named['type']}/{named['key']}" == place
    assert named["reason"] == "deleted on the server"
    assert named["origins"][0]["row"] == 2
    assert hospital.sync(code=1)["conflicts"]["total"] == 1
    assert hospital.view.status(place) == 410

    # The hospital brings it back as it was: then the correction goes through.
    hospital.view.put(place, as_sent)
    assert written(hospital.sync()) == (0, 1, 0)
    assert hospital.stored() == hospital.desired()


def test_a_lost_ledger_is_rebuilt_by_reading(hospital: Hospital) -> None:
    before = hospital.view.these(hospital.desired())
    shutil.rmtree(hospital.project / "state")

    document = hospital.sync()

    assert written(document) == (0, 0, len(before))
    assert document["delivery"]["transactions"] == 0
    assert hospital.view.these(hospital.desired()) == before
    hospital.correct("lab_creatinine", "0.95")
    assert written(hospital.sync()) == (0, 1, 0)


def test_a_ledger_set_back_to_a_backup_finds_what_was_sent_since(hospital: Hospital, tmp_path: Path) -> None:
    state, backup = hospital.project / "state", tmp_path / "backup"
    shutil.copytree(state, backup)
    hospital.correct("lab_creatinine", "0.95")
    assert written(hospital.sync()) == (0, 1, 0)
    before = hospital.view.these(hospital.desired())
    shutil.rmtree(state)
    shutil.move(backup, state)

    assert written(hospital.sync()) == (0, 0, 1)
    assert hospital.view.these(hospital.desired()) == before


def test_with_the_ledger_lost_what_differs_is_a_conflict(hospital: Hospital) -> None:
    theirs = hospital.observation(CREATININE, "0.91")
    hospital.view.edit(theirs, amend)
    before = hospital.view.these(hospital.desired())
    shutil.rmtree(hospital.project / "state")
    hospital.correct("lab_haemoglobin", "12.5")

    document = hospital.sync(code=1)

    assert written(document) == (0, 0, len(before) - 2)
    assert {named["reason"] for named in document["conflicts"]["first"]} == {
        "the server holds something else under this id"
    }
    assert document["conflicts"]["total"] == 2
    assert hospital.view.these(hospital.desired()) == before
