"""The invariants, the UCUM rule and the rules for Bundles: what holds and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_msc.validation import validate
from fhir_msc.validation.definitions import type_named, type_names
from fhir_msc.validation.invariants import PREDICATES
from fhir_msc.validation.units import is_ucum

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


def infusion(**dosage: Any) -> Json:
    base = {
        "resourceType": "MedicationAdministration",
        "status": "completed",
        "medicationCodeableConcept": {"text": "x"},
    }
    return {**base, "subject": {"reference": "Patient/1"}, "effectiveDateTime": "2021", "dosage": dosage}


def bundle(kind: str, *entries: Json, **members: Any) -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries), **members}


def code_system(*concepts: Json) -> Json:
    return {"resourceType": "CodeSystem", "status": "active", "content": "complete", "concept": list(concepts)}


def condition(**members: Any) -> Json:
    return {"resourceType": "Condition", "subject": {"reference": "Patient/1"}, **members}


def clinical(code: str) -> Json:
    return {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": code}]}


def timing(**repeat: Any) -> Json:
    return observation(effectiveTiming={"repeat": repeat})


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
    ("OBS-3", observation(referenceRange=[{"text": "x"}]), [observation(referenceRange=[{"type": {"text": "x"}}])]),
    (
        "QTY-3",
        observation(valueQuantity={"value": 1, "code": "g", "system": UCUM}),
        [observation(valueQuantity={"value": 1, "code": "g"})],
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
    (
        "RNG-2",
        observation(valueRange={"low": {"value": 1}, "high": {"value": 1.0}}),
        [observation(valueRange={"low": {"value": 2}, "high": {"value": 1}})],
    ),
    (
        "RAT-1",
        observation(valueRatio={"numerator": {"value": 1}, "denominator": {"value": 2}}),
        [observation(valueRatio={"numerator": {"value": 1}})],
    ),
    ("PPC-1", consent(), [without(consent(), "policyRule")]),
    ("CONSENT-PATIENT", consent(), [without(consent(), "patient")]),
    ("MAD-1", infusion(dose={"value": 1}), [infusion(text="x"), infusion(route={"text": "x"})]),
    ("MAD-1", infusion(rateQuantity={"value": 1}), []),
    (
        "PAT-1",
        {"resourceType": "Patient", "contact": [{"name": {"text": "x"}}]},
        [{"resourceType": "Patient", "contact": [{"gender": "male"}]}],
    ),
    ("ORG-1", ORGANIZATION, [{"resourceType": "Organization", "active": True}]),
    ("ORG-2", {**ORGANIZATION, "address": [{"use": "work"}]}, [{**ORGANIZATION, "address": [{"use": "home"}]}]),
    ("ORG-3", {**ORGANIZATION, "telecom": [{"use": "work"}]}, [{**ORGANIZATION, "telecom": [{"use": "home"}]}]),
    (
        "ATT-1",
        {"resourceType": "Patient", "photo": [{"data": "aGVsbG8=", "contentType": "image/png"}]},
        [{"resourceType": "Patient", "photo": [{"data": "aGVsbG8="}]}],
    ),
    (
        "CPT-2",
        {"resourceType": "Patient", "telecom": [{"system": "phone", "value": "1"}]},
        [{"resourceType": "Patient", "telecom": [{"value": "1"}]}],
    ),
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
    ("TIM-1", timing(duration=1, durationUnit="h"), [timing(duration=1)]),
    ("TIM-2", timing(period=1, periodUnit="h"), [timing(period=1)]),
    ("TIM-4", timing(duration=0, durationUnit="h"), [timing(duration=-1, durationUnit="h")]),
    ("TIM-5", timing(period=0, periodUnit="h"), [timing(period=-0.5, periodUnit="h")]),
    ("TIM-6", timing(period=1, periodMax=2, periodUnit="h"), [timing(periodMax=2)]),
    ("TIM-7", timing(duration=1, durationMax=2, durationUnit="h"), [timing(durationMax=2)]),
    ("TIM-8", timing(count=1, countMax=2), [timing(countMax=2)]),
    ("TIM-9", timing(offset=1, when=["ACM"]), [timing(offset=1), timing(offset=1, when=["C"])]),
    ("TIM-10", timing(timeOfDay=["10:00:00"]), [timing(timeOfDay=["10:00:00"], when=["ACM"])]),
    (
        "CON-4",
        condition(clinicalStatus=clinical("resolved"), abatementString="x"),
        [condition(clinicalStatus=clinical("active"), abatementString="x")],
    ),
    (
        "AGE-1",
        condition(onsetAge={"value": 1, "code": "a", "system": UCUM}),
        [condition(onsetAge={"value": 0, "code": "a", "system": UCUM}), condition(onsetAge={"value": 1})],
    ),
    ("BDL-1", bundle("searchset", ENTRY, total=1), [bundle("collection", ENTRY, total=1)]),
    (
        "BDL-2",
        bundle("searchset", {**ENTRY, "search": {"mode": "match"}}),
        [bundle("collection", {**ENTRY, "search": {"mode": "match"}})],
    ),
    (
        "BDL-3",
        bundle("transaction", {**ENTRY, **PUT}),
        [bundle("transaction", ENTRY), bundle("collection", {**ENTRY, **PUT})],
    ),
    ("BDL-4", bundle("batch-response", {"response": {"status": "200"}}), [bundle("batch-response", ENTRY)]),
    ("BDL-5", bundle("collection", ENTRY), [bundle("collection", {"fullUrl": "http://x.org"})]),
    ("BDL-7", bundle("collection", ENTRY), [bundle("collection", ENTRY, ENTRY)]),
    (
        "BDL-8",
        bundle("collection", ENTRY),
        [bundle("collection", {**ENTRY, "fullUrl": "http://x.org/fhir/Observation/1/_history/1"})],
    ),
    ("BDL-9", bundle("collection", ENTRY), [bundle("document", ENTRY)]),
    ("BDL-10", bundle("collection", ENTRY), [bundle("document", ENTRY)]),
    ("BDL-11", bundle("collection", ENTRY), [bundle("document", ENTRY)]),
    ("BDL-12", bundle("collection", ENTRY), [bundle("message", ENTRY)]),
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


def test_every_invariant_of_this_project_s_types_has_a_predicate() -> None:
    resources = ["ResearchStudy", "ResearchSubject", "Patient", "Organization", "Consent", "Encounter", "Medication"]
    resources += [
        "MedicationAdministration",
        "Observation",
        "AdverseEvent",
        "CodeSystem",
        "Bundle",
        "Condition",
        "Group",
    ]
    resources += ["Procedure", "Specimen", "Practitioner", "Device", "Provenance"]
    waiting, seen = [*resources], set[str]()
    while waiting:
        kind = type_named(waiting.pop())
        if kind.name not in seen:
            seen.add(kind.name)
            waiting += [name for element in kind.elements for name in element.types.values() if name in type_names()]
    seen -= {"ElementDefinition"} | {name for name in seen if name in NOT_YET}
    stated = {key for name in seen for key, c in type_named(name).constraints.items() if not c.warning}
    # Checked with the structure, the reference and the narrative.
    assert stated - PREDICATES.keys() == {"ele-1", "ext-1", "ref-1", "txt-1", "txt-2"}


# Metadata types that only definitional resources carry; an extension may hold them.
NOT_YET = {"DataRequirement", "DataRequirement.codeFilter", "DataRequirement.dateFilter", "TriggerDefinition"}


@pytest.mark.parametrize("unit", ["g/L", "10*6/kg", "{score}", "/[HPF]", "m[IU]/mL", "mm[Hg]", "%", "1", "kg.m/s2"])
def test_units(unit: str) -> None:
    assert is_ucum(unit)


@pytest.mark.parametrize("unit", ["", "month", "ea", "mEq", "IU/L", "cells", "kg m", "µg", "((", "g" * 300])
def test_what_is_no_unit(unit: str) -> None:
    assert not is_ucum(unit)
