"""Elements, arrays, types, choices, bindings, primitive extensions, contained resources: one right, the rest wrong."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_msc.findings import Severity
from fhir_msc.validation import validate

OBSERVATION: dict[str, Any] = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
ABSENT = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]}
UCUM = "http://unitsofmeasure.org"


def found(document: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(finding.rule.removeprefix("MSC-FHIR-"), finding.path) for finding in validate(document)]


def observation(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in {**OBSERVATION, **members}.items() if value is not ...}


def patient(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **members}


RIGHT = [
    patient(),
    patient(active=True, name=[{"family": "A", "given": ["B", "C"]}]),
    patient(birthDate="1990", _birthDate={"id": "b1"}),
    patient(_birthDate=ABSENT),
    patient(name=[{"given": ["A", None], "_given": [None, ABSENT]}]),
    patient(name=[{"_given": [ABSENT]}]),
    patient(name=[{"given": ["A", "B"], "_given": [{"id": "x"}]}]),
    patient(extension=[{"url": "http://x.org/a", "extension": [{"url": "b", "valueBoolean": True}]}]),
    patient(
        contained=[{"resourceType": "Organization", "id": "o", "name": "N"}], managingOrganization={"reference": "#o"}
    ),
    observation(status=..., _status=ABSENT),
    observation(valueQuantity={"value": 1, "unit": "g", "system": UCUM, "code": "g"}),
    observation(valueQuantity={"value": 1, "comparator": "<"}),
    observation(_valueString=ABSENT),
    observation(component=[{"code": {"text": "y"}, "referenceRange": [{"low": {"value": 1}}]}]),
    observation(
        meta={
            "profile": ["http://hl7.org/fhir/StructureDefinition/Observation"],
            "tag": [{"system": "http://x.org", "code": "a"}],
        }
    ),
]

WRONG: list[tuple[dict[str, Any], str, str]] = [
    (patient(wat=1), "STRUCTURE-UNKNOWN", "Patient.wat"),
    (patient(name=[{"famly": "A"}]), "STRUCTURE-UNKNOWN", "Patient.name[0].famly"),
    (patient(_name=[{}]), "STRUCTURE-UNKNOWN", "Patient._name"),
    (patient(fhir_comments=["x"]), "STRUCTURE-UNKNOWN", "Patient.fhir_comments"),
    (observation(valueDecimal=1), "STRUCTURE-UNKNOWN", "Observation.valueDecimal"),
    (patient(name=[{"resourceType": "HumanName", "family": "A"}]), "STRUCTURE-UNKNOWN", "Patient.name[0].resourceType"),
    (observation(status=...), "CARDINALITY-MIN", "Observation.status"),
    (observation(code=...), "CARDINALITY-MIN", "Observation.code"),
    (observation(component=[{"valueInteger": 1}]), "CARDINALITY-MIN", "Observation.component[0].code"),
    (
        observation(referenceRange=[{"low": {"value": 1, "comparator": "<"}}]),
        "CARDINALITY-MAX",
        "Observation.referenceRange[0].low.comparator",
    ),
    (patient(name={"family": "A"}), "STRUCTURE-ARRAY", "Patient.name"),
    (patient(gender=["male"]), "STRUCTURE-ARRAY", "Patient.gender"),
    (observation(code=[{"text": "x"}]), "STRUCTURE-ARRAY", "Observation.code"),
    (patient(name=[["A"]]), "STRUCTURE-ARRAY", "Patient.name[0]"),
    (patient(name=[]), "STRUCTURE-EMPTY", "Patient.name"),
    (patient(name=[{}]), "STRUCTURE-EMPTY", "Patient.name[0]"),
    (patient(name=[{"id": "a"}]), "STRUCTURE-EMPTY", "Patient.name[0]"),
    (patient(name=[{"family": ""}]), "STRUCTURE-EMPTY", "Patient.name[0].family"),
    (patient(_birthDate={"id": "a"}), "STRUCTURE-EMPTY", "Patient._birthDate"),
    (patient(birthDate=None), "STRUCTURE-NULL", "Patient.birthDate"),
    (patient(name=[None]), "STRUCTURE-NULL", "Patient.name[0]"),
    (patient(name=[{"given": ["A", None]}]), "STRUCTURE-NULL", "Patient.name[0].given[1]"),
    (patient(name=[{"given": ["A", None], "_given": [ABSENT]}]), "STRUCTURE-NULL", "Patient.name[0].given[1]"),
    (patient(name=[{"given": [None], "_given": [None]}]), "STRUCTURE-NULL", "Patient.name[0].given[0]"),
    (patient(name=[{"given": ["A"], "_given": ABSENT}]), "STRUCTURE-ARRAY", "Patient.name[0]._given"),
    (patient(birthDate="1990", _birthDate=[ABSENT]), "STRUCTURE-ARRAY", "Patient._birthDate"),
    (patient(birthDate="1990", _birthDate={"value": "x"}), "STRUCTURE-UNKNOWN", "Patient._birthDate.value"),
    (patient(name=["A"]), "STRUCTURE-OBJECT", "Patient.name[0]"),
    (patient(gender={"value": "male"}), "TYPE-CODE", "Patient.gender"),
    (patient(active="true"), "TYPE-BOOLEAN", "Patient.active"),
    (patient(active=1), "TYPE-BOOLEAN", "Patient.active"),
    (patient(birthDate="2021-02-30"), "TYPE-DATE", "Patient.birthDate"),
    (patient(birthDate=1990), "TYPE-DATE", "Patient.birthDate"),
    (patient(multipleBirthInteger=1.0), "TYPE-INTEGER", "Patient.multipleBirthInteger"),
    (observation(valueQuantity={"value": "1"}), "TYPE-DECIMAL", "Observation.valueQuantity.value"),
    (observation(valueQuantity={"value": True}), "TYPE-DECIMAL", "Observation.valueQuantity.value"),
    (observation(effectiveDateTime="2021-02-28T10:11:12"), "ZONE", "Observation.effectiveDateTime"),
    (observation(effectiveDateTime="2021-02-28T10:11Z"), "TYPE-DATETIME", "Observation.effectiveDateTime"),
    (observation(issued="2021-02-28"), "TYPE-INSTANT", "Observation.issued"),
    (patient(id="a b"), "TYPE-ID", "Patient.id"),
    (patient(id="x" * 65), "TYPE-ID", "Patient.id"),
    (patient(meta={"profile": ["bodyweight"]}), "TYPE-CANONICAL", "Patient.meta.profile[0]"),
    (observation(valueString="x", valueInteger=1), "STRUCTURE-CHOICE", "Observation"),
    (observation(valueString="x", _valueInteger=ABSENT), "STRUCTURE-CHOICE", "Observation"),
    (
        {
            "resourceType": "MedicationAdministration",
            "status": "completed",
            "subject": {"reference": "Patient/1"},
            "effectiveDateTime": "2021",
        },
        "CARDINALITY-MIN",
        "MedicationAdministration.medication[x]",
    ),
    (observation(status="bogus"), "BINDING", "Observation.status"),
    (observation(valueQuantity={"value": 1, "comparator": "~"}), "BINDING", "Observation.valueQuantity.comparator"),
    (patient(gender="Male"), "BINDING", "Patient.gender"),
    (
        {
            "resourceType": "AdverseEvent",
            "actuality": "actual",
            "subject": {"reference": "Patient/1"},
            "outcome": {"text": "x"},
        },
        "BINDING",
        "AdverseEvent.outcome.coding",
    ),
    (
        observation(
            category=[
                {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "lab"}]}
            ]
        ),
        "CODE",
        "Observation.category[0].coding[0].code",
    ),
    (observation(code={"coding": [{"system": "loinc", "code": "1"}]}), "SYSTEM", "Observation.code.coding[0].system"),
    (patient(identifier=[{"system": "mrn", "value": "1"}]), "SYSTEM", "Patient.identifier[0].system"),
    (patient(identifier=[{"system": "urn:ietf:rfc:3986", "value": "1"}]), "IDENTIFIER", "Patient.identifier[0].value"),
    (patient(meta={"security": [{"system": "http://x.org", "code": "a"}] * 2}), "META-LABEL", "Patient.meta"),
    (patient(extension=[{"url": "a", "valueBoolean": True}]), "EXTENSION-URL", "Patient.extension[0].url"),
    (patient(extension=[{"valueBoolean": True}]), "CARDINALITY-MIN", "Patient.extension[0].url"),
    (patient(extension=[{"url": "http://x.org/a"}]), "INVARIANT-EXT-1", "Patient.extension[0]"),
    (
        patient(
            extension=[
                {"url": "http://x.org/a", "valueBoolean": True, "extension": [{"url": "b", "valueBoolean": True}]}
            ]
        ),
        "INVARIANT-EXT-1",
        "Patient.extension[0]",
    ),
    (patient(text={"status": "generated", "div": "<div>x</div>"}), "STRUCTURE-NARRATIVE", "Patient.text.div"),
    (patient(text={"status": "generated", "div": 1}), "TYPE", "Patient.text.div"),
    (
        patient(
            contained=[{"resourceType": "Organization", "id": "o", "nam": "N"}],
            managingOrganization={"reference": "#o"},
        ),
        "STRUCTURE-UNKNOWN",
        "Patient.contained[0].nam",
    ),
    (
        patient(contained=[{"id": "o"}], managingOrganization={"reference": "#o"}),
        "STRUCTURE-RESOURCE-TYPE",
        "Patient.contained[0].resourceType",
    ),
    (
        patient(
            contained=[{"resourceType": "Organization", "id": "o", "name": "N"}] * 2,
            managingOrganization={"reference": "#o"},
        ),
        "CONTAINED",
        "Patient.contained",
    ),
]


@pytest.mark.parametrize("document", RIGHT)
def test_what_is_right_gives_no_finding(document: dict[str, Any]) -> None:
    assert validate(document) == []


@pytest.mark.parametrize(("document", "rule", "path"), WRONG)
def test_what_is_wrong_gives_this_finding(document: dict[str, Any], rule: str, path: str) -> None:
    assert (rule, path) in found(document)


@pytest.mark.parametrize("name", [None, "Wat", "Resource", "DomainResource", "HumanName", 1, ["Patient"]])
def test_a_resource_has_a_type_of_r4(name: object) -> None:
    assert [finding.rule for finding in validate({"resourceType": name})] == ["MSC-FHIR-STRUCTURE-RESOURCE-TYPE"]


def test_every_finding_says_what_and_hides_the_value() -> None:
    for document, _, _ in WRONG:
        for finding in validate(document):
            assert finding.severity is Severity.ERROR or finding.rule == "MSC-PROFILE-UNKNOWN"
            assert finding.message
            if finding.value and len(finding.value) > 4:
                assert finding.value not in f"{finding.message} {finding.hint}"


def test_one_mistake_is_one_finding() -> None:
    assert found(observation(status="bogus", wat=1)) == [
        ("BINDING", "Observation.status"),
        ("STRUCTURE-UNKNOWN", "Observation.wat"),
    ]


def test_a_misspelt_element_gets_the_nearest_name() -> None:
    (finding,) = validate(patient(birthdate="1990"))
    assert finding.hint == "did you mean birthDate?"


def test_a_finding_is_the_same_for_text_and_document() -> None:
    assert validate(b'{"resourceType":"Patient","gender":"x"}') == validate(patient(gender="x"))
