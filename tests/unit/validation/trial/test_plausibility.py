"""Units against codes, values within limits, systolic above diastolic: right and wrong cases of each rule."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from fhir_msc.ucum import is_commensurable, is_unit
from fhir_msc.validation.trial import TrialRules, trial_problems
from fhir_msc.validation.trial.limits import limits

UNIT, BEYOND, EXCHANGED = "MSC-UNIT-002", "MSC-VALUE-001", "MSC-VALUE-002"


def concept(code: str) -> dict[str, Any]:
    return {"coding": [{"system": "urn:x", "code": "local"}, {"system": "http://loinc.org", "code": code}]}


def quantity(value: object, unit: str, **more: object) -> dict[str, Any]:
    return {"value": value, "system": "http://unitsofmeasure.org", "code": unit, **more}


def measured(code: str, value: object, unit: str, **more: object) -> dict[str, Any]:
    return {"resourceType": "Observation", "code": concept(code), "valueQuantity": quantity(value, unit, **more)}


def pressure(systolic: object, diastolic: object) -> dict[str, Any]:
    parts = [("8480-6", systolic), ("8462-4", diastolic)]
    return {
        "resourceType": "Observation",
        "code": concept("85354-9"),
        "component": [
            {"code": concept(code), "valueQuantity": quantity(value, "mm[Hg]")} if value is not None
            else {"code": concept(code)}
            for code, value in parts
        ],
    }  # fmt: skip


def found(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one.rule, one.path) for one in trial_problems(document, TrialRules())]


@pytest.mark.parametrize(
    ("code", "value", "unit"),
    [
        ("2160-0", "0.81", "mg/dL"),
        ("2160-0", 71.6, "mg/L"),
        ("8310-5", "98.6", "[degF]"),
        ("8310-5", "310.15", "K"),
        ("6690-2", "5.4", "10*9/L"),
        ("1742-6", "25", "[iU]/L"),
        ("29463-7", 154, "[lb_av]"),
        ("44261-6", 27, "{score}"),
        ("44261-6", 27, "1"),
        ("718-7", 12.5, "no unit at all"),
        ("99999-9", 1e9, "g"),
    ],
)
def test_what_is_right(code: str, value: object, unit: str) -> None:
    assert found(measured(code, value, unit)) == []


@pytest.mark.parametrize(
    ("code", "unit"), [("2160-0", "umol/L"), ("14682-9", "mg/dL"), ("8310-5", "/min"), ("718-7", "%"), ("8302-2", "kg")]
)
def test_a_unit_that_the_code_does_not_measure(code: str, unit: str) -> None:
    assert found(measured(code, 80, unit)) == [(UNIT, "valueQuantity.code")]


@pytest.mark.parametrize(
    ("code", "value", "unit"),
    [
        ("8310-5", "98.6", "Cel"),
        ("8310-5", "36.6", "[degF]"),
        ("8302-2", "1.7", "cm"),
        ("29463-7", "-3", "kg"),
        ("44261-6", 28, "{score}"),
        ("718-7", 125, "g/dL"),
    ],
)
def test_a_value_that_nobody_has(code: str, value: object, unit: str) -> None:
    assert found(measured(code, value, unit)) == [(BEYOND, "valueQuantity.value")]


@pytest.mark.parametrize(
    ("comparator", "value", "wrong"), [("<", 0.5, 0), ("<", -1, 1), (">", 1100, 0), (">", 1500, 1)]
)
def test_a_value_with_a_comparator(comparator: str, value: float, wrong: int) -> None:
    assert len(found(measured("1988-5", value, "mg/L", comparator=comparator))) == wrong


def test_systolic_and_diastolic() -> None:
    assert found(pressure(124, 81)) == found(pressure(124, None)) == found(pressure(None, 81)) == []
    assert found(pressure(81, 124)) == [(EXCHANGED, "component[1].valueQuantity.value")]
    assert found(pressure(100, 100)) == [(EXCHANGED, "component[1].valueQuantity.value")]
    assert found(pressure(12, 8)) == [
        (BEYOND, "component[0].valueQuantity.value"),
        (BEYOND, "component[1].valueQuantity.value"),
    ]


def test_an_entry_of_a_bundle() -> None:
    bundle = {"resourceType": "Bundle", "entry": [{}, {"resource": measured("8310-5", 98.6, "Cel")}]}
    assert found(bundle) == [(BEYOND, "entry[1].resource.valueQuantity.value")]


@pytest.mark.parametrize(
    "document",
    [
        {"resourceType": "Observation"},
        {"resourceType": "Observation", "code": "2160-0", "component": "many", "valueQuantity": [1]},
        measured("2160-0", True, "mg/dL"),
        measured("2160-0", "many", "mg/dL"),
        measured("2160-0", 80, 5),  # type: ignore[arg-type]
        {"resourceType": "Bundle", "entry": [None, {"resource": 4}]},
        measured("2160-0", 80, "umol/L") | {"resourceType": "Basic"},
    ],
)
def test_what_cannot_be_read_is_left_to_other_rules(document: dict[str, Any]) -> None:
    assert found(document) == []


def test_the_table_is_sound() -> None:
    for limit in limits().values():
        assert limit.low < limit.high, limit.code
        assert limit.source, limit.code
        for unit in (limit.unit, *limit.also):
            assert is_unit(unit), limit.code
        assert all(is_commensurable(unit, limit.unit) is False for unit in limit.also), limit.code


def test_every_loinc_code_of_the_packs_that_has_a_number_has_limits() -> None:
    coded = set()
    for path in (Path(__file__).parents[4] / "mappings").glob("*/*.csv"):
        with path.open(encoding="utf-8", newline="") as stream:
            coded |= {line["code"] for line in csv.DictReader(stream) if line.get("system") == "loinc"}
    without = {"5048-4", "44260-8"}  # a titre in words, and an item
    assert coded - set(limits()) == without
