"""Whatever a package holds and whatever claims it, there is an answer."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_msc.errors import SourceError
from fhir_msc.findings import Finding
from fhir_msc.validation import validate
from fhir_msc.validation.profiles.items import contains, equal
from fhir_msc.validation.profiles.known import read_profiles
from tests.unit.validation.mutants import mutant
from tests.unit.validation.profiles import test_checks, test_slicing
from tests.unit.validation.profiles.definitions import claiming, known, profile

BLOOD_PRESSURE = {
    "resourceType": "Observation",
    "status": "final",
    "meta": {"profile": ["http://hl7.org/fhir/StructureDefinition/bp"]},
    "category": [
        {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}
    ],
    "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
    "subject": {"reference": "Patient/1"},
    "effectiveDateTime": "2021-01-01",
    "component": [
        {
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "valueQuantity": {"value": 1, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"},
        }
        for code in ("8480-6", "8462-4")
    ],
}
DEFINITIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    *((definition, right) for definition, right, _ in test_checks.CASES),
    *((definition, right[0]) for definition, right, _ in test_slicing.CASES.values()),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


def _plain(document: Any) -> Any:
    if isinstance(document, dict):
        return {name: _plain(value) for name, value in document.items() if value is not ...}
    return [_plain(one) for one in document] if isinstance(document, list) else document


def test_the_blood_pressure_is_right() -> None:
    assert validate(BLOOD_PRESSURE) == []


@given(st.integers(0, 2**32))
def test_any_document_gets_an_answer(seed: int) -> None:
    random = Random(seed)
    _, _, changed = mutant(BLOOD_PRESSURE, random)
    _, _, again = mutant(changed, random) if isinstance(changed, dict) and len(changed) > 1 else ("", (), changed)
    assert all(isinstance(one, Finding) for one in validate(again if isinstance(again, dict) else {}))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(DEFINITIONS), st.integers(0, 2**32))
def test_any_definition_gets_an_answer(case: tuple[dict[str, Any], dict[str, Any]], seed: int) -> None:
    definition, document = case
    random = Random(seed)
    changed = definition
    for _ in range(random.randint(1, 3)):
        _, _, changed = mutant(changed, random)
    if not isinstance(changed, dict):
        return
    changed = {**changed, "resourceType": "StructureDefinition"}
    found = validate(claiming(_plain(document)), known(changed, *test_checks.BESIDE))
    assert all(isinstance(one, Finding) for one in found)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_refused_in_plain_words(tmp_path: Path, text: bytes, zipped: bool) -> None:
    import gzip

    path = tmp_path / "p.tgz"
    path.write_bytes(gzip.compress(text) if zipped else text)
    with pytest.raises(SourceError):
        read_profiles([path])


@given(JSON, JSON)
def test_equal_is_containing_each_other(one: object, other: object) -> None:
    assert equal(one, one)
    assert contains(one, one)
    assert equal(one, other) == equal(other, one)
    if equal(one, other):
        assert contains(one, other)
    assert equal(json.loads(json.dumps(one)), one)


@given(JSON)
def test_every_fixed_value_can_be_met(value: object) -> None:
    rule = {"id": "Patient.name", "path": "Patient.name", "fixedHumanName": value}
    found = validate(claiming({"resourceType": "Patient", "name": [value]}), known(profile("Patient", rule)))
    assert not [one for one in found if one.rule == "MSC-FHIR-PROFILE-OWN"]
