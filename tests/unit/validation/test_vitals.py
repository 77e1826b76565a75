"""The vital-signs profiles, where meta.profile claims one."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_msc.validation import validate
from fhir_msc.validation.units import UCUM
from fhir_msc.validation.vitals import VITAL_SIGNS

BASE = "http://hl7.org/fhir/StructureDefinition/"
VITAL = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}]


def loinc(code: str) -> dict[str, Any]:
    return {"coding": [{"system": "http://loinc.org", "code": code}]}


def quantity(code: str) -> dict[str, Any]:
    return {"value": 1, "unit": code, "system": UCUM, "code": code}


def sign(profile: str, code: str, **members: Any) -> dict[str, Any]:
    document = {
        "resourceType": "Observation",
        "meta": {"profile": [BASE + profile]},
        "status": "final",
        "category": VITAL,
    }
    document |= {
        "code": loinc(code),
        "subject": {"reference": "Patient/1"},
        "effectiveDateTime": "2021-01-01",
        **members,
    }
    return {name: value for name, value in document.items() if value is not ...}


def weight(**members: Any) -> dict[str, Any]:
    return sign("bodyweight", "29463-7", **{"valueQuantity": quantity("kg"), **members})


def pressure(*components: tuple[str, dict[str, Any]], **members: Any) -> dict[str, Any]:
    return sign("bp", "85354-9", component=[{"code": loinc(code), **value} for code, value in components], **members)


MM = {"valueQuantity": quantity("mm[Hg]")}
ABSENT = {"dataAbsentReason": {"text": "x"}}


@pytest.mark.parametrize("name", [name for name, profile in VITAL_SIGNS.items() if profile.units and profile.value])
def test_each_profile_takes_its_code_and_units_and_no_other(name: str) -> None:
    profile = VITAL_SIGNS[name]
    for unit in profile.units:
        assert validate(sign(name, profile.code, valueQuantity=quantity(unit))) == []
    assert {f.rule for f in validate(sign(name, profile.code, valueQuantity=quantity("mol")))} == {
        f"MSC-FHIR-PROFILE-{name.upper()}"
    }
    unit = min(profile.units)
    assert {f.rule for f in validate(sign(name, "1-1", valueQuantity=quantity(unit)))} == {
        f"MSC-FHIR-PROFILE-{name.upper()}"
    }


@pytest.mark.parametrize(
    "document",
    [
        weight(),
        weight(valueQuantity=..., **ABSENT),
        weight(effectiveDateTime=..., effectivePeriod={"start": "2021-01-01"}),
        pressure(("8480-6", MM), ("8462-4", MM)),
        pressure(("8480-6", MM), ("8462-4", ABSENT)),
        sign("vitalspanel", "85353-1", hasMember=[{"reference": "Observation/1"}]),
        sign("us-core-blood-pressure", "1-1", valueQuantity=quantity("mol")),
    ],
)
def test_right(document: dict[str, Any]) -> None:
    assert validate(document) == []


@pytest.mark.parametrize(
    ("document", "rule", "path"),
    [
        (weight(category=...), "PROFILE-VITALSIGNS", "Observation.category"),
        (weight(category=[{"text": "x"}]), "PROFILE-VITALSIGNS", "Observation.category"),
        (weight(subject=...), "PROFILE-VITALSIGNS", "Observation.subject"),
        (weight(effectiveDateTime=...), "PROFILE-VITALSIGNS", "Observation.effective[x]"),
        (weight(effectiveDateTime="2021-01"), "INVARIANT-VS-1", "Observation.effectiveDateTime"),
        (weight(valueQuantity=...), "INVARIANT-VS-2", "Observation"),
        (weight(valueQuantity=..., valueString="x"), "PROFILE-BODYWEIGHT", "Observation.value[x]"),
        (
            weight(valueQuantity={"value": 1, "system": UCUM, "code": "kg"}),
            "PROFILE-BODYWEIGHT",
            "Observation.valueQuantity.unit",
        ),
        (weight(valueQuantity={"value": 1, "unit": "kg"}), "PROFILE-BODYWEIGHT", "Observation.valueQuantity.system"),
        (pressure(("8480-6", MM)), "PROFILE-BP", "Observation.component"),
        (pressure(("8480-6", MM), ("8480-6", MM), ("8462-4", MM)), "PROFILE-BP", "Observation.component"),
        (pressure(("8480-6", MM), ("8462-4", {})), "INVARIANT-VS-3", "Observation.component[1]"),
        (
            pressure(("8480-6", MM), ("8462-4", {"valueQuantity": quantity("cm")})),
            "PROFILE-BP",
            "Observation.component[1].valueQuantity.code",
        ),
        (pressure(("8480-6", MM), ("8462-4", MM), valueQuantity=quantity("kg")), "PROFILE-BP", "Observation.value[x]"),
        (sign("bmi", "39156-5", **ABSENT), "PROFILE-BMI", "Observation.valueQuantity"),
        (sign("vitalspanel", "85353-1", **ABSENT), "PROFILE-VITALSPANEL", "Observation.hasMember"),
    ],
)
def test_wrong(document: dict[str, Any], rule: str, path: str) -> None:
    assert (f"MSC-FHIR-{rule}", path) in [(finding.rule, finding.path) for finding in validate(document)]
