"""The invariants, by the table of invariant_cases and through the door; the UCUM rule, the rules for Bundles."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from fhir_msc.validation import validate
from fhir_msc.validation.definitions import type_named, type_names
from fhir_msc.validation.fhirpath import Surroundings, by_closures
from fhir_msc.validation.invariants import CHECKED_ELSEWHERE, expression_of, invariant_check, invariants_of
from fhir_msc.validation.problems import Within
from fhir_msc.validation.units import is_ucum
from tests.unit.validation import invariant_cases

UCUM = "http://unitsofmeasure.org"
Json = dict[str, Any]


def rules(document: Json) -> set[str]:
    return {finding.rule.removeprefix("MSC-").removeprefix("FHIR-INVARIANT-") for finding in validate(document)}


def observation(**members: Any) -> Json:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **members}


def period(**members: Any) -> Json:
    return {"resourceType": "Patient", "name": [{"period": members}]}


def consent(**members: Any) -> Json:
    scope = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "research"}]}
    base = {"resourceType": "Consent", "status": "active", "scope": scope, "category": [{"text": "x"}]}
    return {**base, "patient": {"reference": "Patient/1"}, "policyRule": {"text": "x"}, **members}


def bundle(kind: str, *entries: Json, **members: Any) -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries), **members}


def code_system(*concepts: Json) -> Json:
    return {"resourceType": "CodeSystem", "status": "active", "content": "complete", "concept": list(concepts)}


def without(document: Json, name: str) -> Json:
    return {key: value for key, value in document.items() if key != name}


ENTRY = {"fullUrl": "http://x.org/fhir/Observation/1", "resource": observation(id="1")}
PUT = {"request": {"method": "PUT", "url": "Observation/1"}}
ORGANIZATION = {"resourceType": "Organization", "id": "o", "name": "N"}
CODED = {"coding": [{"system": "http://loinc.org", "code": "1"}]}

CASES: list[tuple[str, Json, list[Json]]] = [
    ("OBS-6", observation(valueString="x"), [observation(valueString="x", dataAbsentReason={"text": "y"})]),
    (
        "OBS-7",
        observation(code=CODED, valueString="x", component=[{"code": {"text": "x"}, "valueInteger": 1}]),
        [observation(code=CODED, valueString="x", component=[{"code": CODED, "valueInteger": 1}])],
    ),
    (
        "UNIT-UCUM",
        observation(valueQuantity={"value": 1, "code": "10*6/kg", "system": UCUM}),
        [
            observation(valueQuantity={"value": 1, "code": code, "system": UCUM})
            for code in ("month", "cells", "mEq", "IU/L")
        ],
    ),
    (
        "PER-1",
        period(start="2021", end="2021"),
        [
            period(start="2021-02", end="2021-01"),
            period(start="2021", end="2021-05"),
            period(start="2021-01-01T10:00:00+05:00", end="2021-01-01T04:00:00Z"),
        ],
    ),
    ("PER-1", period(start="2021-01-01T10:00:00+05:00", end="2021-01-01T05:00:00Z"), []),
    ("PER-1", period(start="2020", end="2021-05-01"), []),
    ("PPC-1", consent(), [without(consent(), "policyRule")]),
    ("CONSENT-PATIENT", consent(), [without(consent(), "patient")]),
    ("ORG-2", {**ORGANIZATION, "address": [{"use": "work"}]}, [{**ORGANIZATION, "address": [{"use": "home"}]}]),
    ("ORG-3", {**ORGANIZATION, "telecom": [{"use": "work"}]}, [{**ORGANIZATION, "telecom": [{"use": "home"}]}]),
    (
        "CSD-1",
        code_system({"code": "a"}, {"code": "b"}),
        [code_system({"code": "a"}, {"code": "a"}), code_system({"code": "a", "concept": [{"code": "a"}]})],
    ),
    (
        "DOM-2",
        {"resourceType": "Patient", "contained": [ORGANIZATION], "managingOrganization": {"reference": "#o"}},
        [
            {
                "resourceType": "Patient",
                "contained": [{**ORGANIZATION, "contained": [ORGANIZATION]}],
                "managingOrganization": {"reference": "#o"},
            }
        ],
    ),
    (
        "DOM-3",
        {"resourceType": "Patient", "contained": [ORGANIZATION], "managingOrganization": {"reference": "#o"}},
        [{"resourceType": "Patient", "contained": [ORGANIZATION]}],
    ),
    (
        "DOM-4",
        {
            "resourceType": "Patient",
            "contained": [{**ORGANIZATION, "meta": {"source": "x"}}],
            "managingOrganization": {"reference": "#o"},
        },
        [
            {
                "resourceType": "Patient",
                "contained": [{**ORGANIZATION, "meta": {"versionId": "1"}}],
                "managingOrganization": {"reference": "#o"},
            }
        ],
    ),
    (
        "DOM-5",
        {
            "resourceType": "Patient",
            "contained": [{**ORGANIZATION, "meta": {"source": "x"}}],
            "managingOrganization": {"reference": "#o"},
        },
        [
            {
                "resourceType": "Patient",
                "contained": [{**ORGANIZATION, "meta": {"security": [{"code": "R"}]}}],
                "managingOrganization": {"reference": "#o"},
            }
        ],
    ),
    (
        "BDL-3",
        bundle("transaction", {**ENTRY, **PUT}),
        [bundle("transaction", ENTRY), bundle("collection", {**ENTRY, **PUT})],
    ),
    ("BDL-7", bundle("collection", ENTRY), [bundle("collection", ENTRY, ENTRY)]),
    (
        "FHIR-BUNDLE-FULLURL",
        bundle("transaction", {"resource": observation(), **PUT}),
        [
            bundle("collection", {"resource": observation(id="1")}),
            bundle("collection", {**ENTRY, "fullUrl": "Observation/1"}),
            bundle("collection", {**ENTRY, "fullUrl": "http://x.org/fhir/Observation/2"}),
            bundle("collection", {**ENTRY, "fullUrl": "http://x.org/fhir/Patient/1"}),
        ],
    ),
    (
        "FHIR-BUNDLE-LINK",
        bundle("searchset", ENTRY, link=[{"relation": "self", "url": "http://x.org"}]),
        [bundle("searchset", ENTRY, link=[{"relation": "self", "url": "http://x.org"}] * 2)],
    ),
    (
        "FHIR-BUNDLE-OUTCOME",
        bundle("searchset", {**ENTRY, "search": {"mode": "match"}}),
        [bundle("searchset", {**ENTRY, "search": {"mode": "outcome"}})],
    ),
]


@pytest.mark.parametrize(("rule", "right", "wrong"), CASES)
def test_what_holds_and_what_does_not(rule: str, right: Json, wrong: list[Json]) -> None:
    assert rule not in rules(right)
    for document in wrong:
        assert rule in rules(document)


def around(name: str, node: Json) -> Json:
    """The resource that an object of that type stands in."""
    found = invariant_cases.AROUND.get(name, node)
    return {**found, name.rpartition(".")[2]: node} if found is not node else node


def broken(name: str, node: Json) -> set[str]:
    check = invariant_check(type_named(name), node)
    resource = around(name, node)
    found = check(node, Within(resource=resource, root=resource)) if check else None
    return {problem.rule.removeprefix("MSC-FHIR-INVARIANT-") for problem in found or ()}


@pytest.mark.parametrize(
    ("name", "key", "right", "wrong"), invariant_cases.CASES, ids=[f"{c[0]}-{c[1]}" for c in invariant_cases.CASES]
)
def test_of_which_objects_an_invariant_holds(name: str, key: str, right: list[Json], wrong: list[Json]) -> None:
    assert [node for node in right if key.upper() in broken(name, node)] == []
    assert [node for node in wrong if key.upper() not in broken(name, node)] == []


def stated() -> set[tuple[str, str]]:
    """The invariants of severity error that are decided here, by key and expression."""
    return {
        (constraint.key, constraint.expression)
        for name in type_names()
        for constraint in type_named(name).constraints.values()
        if not constraint.warning and constraint.key not in CHECKED_ELSEWHERE
    }


def test_every_invariant_of_severity_error_has_cases() -> None:
    covered = {
        (key, type_named(name).constraints[key].expression)
        for name, key, right, wrong in invariant_cases.CASES
        if right and len(wrong) >= 2
    }
    assert {key for key, _ in stated() - covered} == invariant_cases.CANNOT_FAIL.keys()
    assert len(stated()) == 202


def test_source_and_closures_agree() -> None:
    compared = Counter[bool]()
    for name, _, right, wrong in invariant_cases.CASES:
        for node in (*right, *wrong):
            surroundings = Surroundings(around(name, node), around(name, node))
            for constraint, invariant in invariants_of(type_named(name)):
                answer = invariant.holds(node, surroundings)
                slowly = by_closures(expression_of(constraint), name)(node, surroundings)
                assert answer == slowly, (name, constraint.key)
                assert slowly or invariant.names is None or invariant.names & node.keys(), (name, constraint.key)
                compared[answer] += 1
    assert compared[True] > 2000
    assert compared[False] > 400


@pytest.mark.parametrize("unit", ["g/L", "10*6/kg", "{score}", "/[HPF]", "m[IU]/mL", "mm[Hg]", "%", "1", "kg.m/s2"])
def test_units(unit: str) -> None:
    assert is_ucum(unit)


@pytest.mark.parametrize("unit", ["", "month", "ea", "mEq", "IU/L", "cells", "kg m", "µg", "((", "g" * 300])
def test_what_is_no_unit(unit: str) -> None:
    assert not is_ucum(unit)
