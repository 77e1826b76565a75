"""Where resources come from, on a server: sent after what it tells of, once, and again only for another data cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fhir_msc.target.client import FhirClient
from tests.support.hospital import Hospital
from tests.support.projects import configure, fhir_msc

CUT = "2021-03-31T18:00:00+02:00"


def declare(hospital: Hospital, cut: str) -> None:
    configure(hospital.project, r"^\[project\]\n(data_cut = .*\n)?", f"[project]\ndata_cut = {cut}\n")


def provenance(hospital: Hospital) -> dict[str, str]:
    return {place: body for place, body in hospital.bodies().items() if place.startswith("Provenance/")}


def written(document: Any) -> tuple[int, int]:
    delivery = document["delivery"]
    return (0, 0) if delivery is None else (delivery["created"], delivery["updated"])


def test_once_and_again_for_another_cut(url: str, tmp_path: Path) -> None:
    hospital = Hospital(tmp_path, url)
    with hospital.view:
        once_and_again(hospital)


def once_and_again(hospital: Hospital) -> None:
    first = hospital.sync()
    assert provenance(hospital) == {}
    declare(hospital, CUT)
    wanted = provenance(hospital)
    assert len(wanted) > 10
    assert written(hospital.sync()) == (len(wanted), 0)
    assert written(first)[0] == len(hospital.bodies()) - len(wanted)
    assert hospital.stored() == hospital.desired()
    assert written(hospital.sync()) == (0, 0)
    hospital.correct("lab_creatinine", "0.97")
    assert written(hospital.sync()) == (0, 1), "a correction is no other origin"
    declare(hospital, "2021-09-30T18:00:00+02:00")
    planned = fhir_msc("plan", "--project", hospital.project, "--json").document
    assert planned["counts"]["update"] == len(wanted)
    assert written(hospital.sync()) == (0, len(wanted))
    assert hospital.stored() == hospital.desired()


@pytest.mark.hapi
def test_from_a_resource_to_its_table_by_a_server_that_validates(validating_url: str, tmp_path: Path) -> None:
    hospital = Hospital(tmp_path, validating_url)
    declare(hospital, CUT)
    with hospital.view:
        assert hospital.sync()["delivery"]["ended"] == "done"
        assert hospital.stored() == hospital.desired()
        place = hospital.observation("2160-0", "0.91")
    with FhirClient(validating_url) as client:
        [found] = client.search("Provenance", {"target": place})
    entity: Any = found.resource.content["entity"]
    assert entity[0]["what"]["identifier"]["value"] == "laboratory"
    assert fhir_msc("verify", "--project", hospital.project).code == 0
