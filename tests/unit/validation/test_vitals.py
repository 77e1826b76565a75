"""The vital-signs profiles, where meta.profile claims one."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_msc.validation import validate
from fhir_msc.validation.units import UCUM

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


# http://hl7.org/fhir/R4/observation-vitalsigns.html#vitals-table
@pytest.mark.parametrize(
    ("name", "code", "units"),
    [
        ("bmi", "39156-5", ["kg/m2"]),
        ("bodyheight", "8302-2", ["cm", "[in_i]"]),
        ("bodytemp", "8310-5", ["Cel", "[degF]"]),
        ("bodyweight", "29463-7", ["g", "kg", "[lb_av]"]),
        ("headcircum", "9843-4", ["cm", "[in_i]"]),
        ("heartrate", "8867-4", ["/min"]),
        ("oxygensat", "2708-6", ["%"]),
        ("resprate", "9279-1", ["/min"]),
    ],
)
def test_each_profile_takes_its_code_and_units_and_no_other(name: str, code: str, units: list[str]) -> None:
    for unit in units:
        assert validate(sign(name, code, valueQuantity=quantity(unit))) == []
    wrong = {f"MSC-FHIR-PROFILE-{name.upper()}"}
    assert {f.rule for f in validate(sign(name, code, valueQuantity=quantity("mol")))} == wrong
    assert {f.rule for f in validate(sign(name, "1-1", valueQuantity=quantity(units[0])))} == wrong


@pytest.mark.parametrize(
    "document",
    [
        weight(),
        weight(valueQuantity=..., **ABSENT),
        weight(effectiveDateTime=..., effectivePeriod={"start": "2021-01-01"}),
        pressure(("8480-6", MM), ("8462-4", MM)),
        pressure(("8480-6", MM), ("8462-4", ABSENT)),
        sign("vitalspanel", "85353-1", hasMember=[{"reference": "Observation/1"}]),
    ],
)
def test_right(document: dict[str, Any]) -> None:
    assert validate(document) == []


@pytest.mark.parametrize(
    ("document", "rule", "path"),
    [
        (weight(category=...), "PROFILE-BODYWEIGHT", "Observation.category"),
        (weight(category=[{"text": "x"}]), "PROFILE-BODYWEIGHT", "Observation.category"),
        (weight(subject=...), "PROFILE-BODYWEIGHT", "Observation.subject"),
        (weight(effectiveDateTime=...), "PROFILE-BODYWEIGHT", "Observation.effective[x]"),
        (weight(effectiveDateTime="2021-01"), "INVARIANT-VS-1", "Observation.effectiveDateTime"),
        (weight(valueQuantity=...), "INVARIANT-VS-2", "Observation"),
        (weight(valueQuantity=..., valueString="x"), "PROFILE-BODYWEIGHT", "Observation.valueString"),
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
        (
            pressure(("8480-6", MM), ("8462-4", MM), valueQuantity=quantity("kg")),
            "PROFILE-BP",
            "Observation.valueQuantity",
        ),
        (sign("bmi", "39156-5", **ABSENT), "PROFILE-BMI", "Observation.valueQuantity"),
        (sign("vitalspanel", "85353-1", **ABSENT), "PROFILE-VITALSPANEL", "Observation.hasMember"),
    ],
)
def test_wrong(document: dict[str, Any], rule: str, path: str) -> None:
    assert (f"MSC-FHIR-{rule}", path) in [(finding.rule, finding.path) for finding in validate(document)]
