"""A real HAPI's ``$validate`` and HL7's engine, asked by ``validate``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fhir_msc.second_opinion import engine_opinion
from tests.support.hapi import HapiServer, build
from tests.support.packages import fetched
from tests.support.projects import fhir_msc

pytestmark = pytest.mark.hapi

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
WRONG = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "1751-7"}]},
    "subject": {"reference": "Patient/a"},
    "valueQuantity": {"value": 3.9, "system": "http://unitsofmeasure.org", "code": "g/dL"},
    "category": [
        {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "labor"}]}
    ],
}


def test_each_is_heard_where_we_say_nothing(hapi: HapiServer, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(WRONG))
    server = fhir_msc("validate", path, "--server", hapi.base_url, "--json")
    engine = fhir_msc("validate", path, "--java", build("engine"), "--show-values", "--json")
    for outcome, rule in ((server, "MSC-SECOND-SERVER"), (engine, "MSC-SECOND-ENGINE")):
        found = [one for one in outcome.document["findings"] if one["rule"] == rule]
        assert found, outcome.out
        assert all(str(one["path"]).startswith("Observation") for one in found)
    assert "labor" not in server.out
    assert "labor" in engine.out


@pytest.mark.hapi(own=True)
@pytest.mark.npm
def test_the_engine_knows_the_packages_too() -> None:
    meta = {"profile": ["http://hl7.org/fhir/uv/ips/StructureDefinition/Patient-uv-ips"]}
    patient = {"resourceType": "Patient", "meta": meta, "name": [{"text": "x"}]}
    with engine_opinion(build("engine"), [fetched("hl7.fhir.uv.ips@2.0.0")]) as ask:
        said = [one.value or "" for one in ask(json.dumps(patient).encode()) if one.is_error]
    assert any("birthDate" in words for words in said)
