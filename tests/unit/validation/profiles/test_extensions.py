"""Extensions whose definition is known: R4's own, and those of a package."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_msc.validation import validate
from tests.unit.validation.profiles.definitions import OWN, R4, element, known, profile, sliced

PATIENT: dict[str, Any] = {"resourceType": "Patient"}
BIRTH_PLACE = R4 + "patient-birthPlace"
NATIONALITY = R4 + "patient-nationality"
PERIOD = {"url": "period", "valuePeriod": {"start": "2020"}}
CODE = {"url": "code", "valueCodeableConcept": {"text": "x"}}


def patient(*extensions: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {**PATIENT, "extension": list(extensions), **members}


RIGHT = [
    patient({"url": BIRTH_PLACE, "valueAddress": {"city": "x"}}),
    patient({"url": NATIONALITY, "extension": [CODE, PERIOD]}),
    patient({"url": NATIONALITY, "extension": [CODE]}),
    patient({"url": "https://nobody.org/x", "valueString": "x"}),
    patient({"url": R4 + "nobody", "valueString": "x"}),
    {**PATIENT, "_birthDate": {"extension": [{"url": R4 + "patient-birthTime", "valueDateTime": "2020-01-01"}]}},
    {**PATIENT, "name": [{"_family": {"extension": [{"url": R4 + "humanname-own-name", "valueString": "x"}]}}]},
    {**PATIENT, "name": [{"_given": [{"extension": [{"url": R4 + "iso21090-EN-qualifier", "valueCode": "BR"}]}]}]},
]
DEFINITION, CONTEXT = "MSC-FHIR-EXTENSION-DEFINITION", "MSC-FHIR-EXTENSION-CONTEXT"
WRONG = [
    (patient({"url": BIRTH_PLACE, "valueString": "x"}), DEFINITION, "Patient.extension[0].valueString"),
    (patient({"url": BIRTH_PLACE, "extension": [CODE]}), DEFINITION, "Patient.extension[0].value[x]"),
    (patient({"url": NATIONALITY, "valueString": "x"}), DEFINITION, "Patient.extension[0].valueString"),
    (patient({"url": NATIONALITY, "extension": [CODE, CODE]}), DEFINITION, "Patient.extension[0].extension"),
    (
        patient({"url": NATIONALITY, "extension": [{"url": "code", "valueString": "x"}]}),
        DEFINITION,
        "Patient.extension[0].extension[0].valueString",
    ),
    (
        patient({"url": NATIONALITY, "extension": [{"url": "since", "valueString": "x"}]}),
        DEFINITION,
        "Patient.extension[0].extension[0].url",
    ),
    (
        {
            "resourceType": "Basic",
            "code": {"text": "x"},
            "extension": [{"url": BIRTH_PLACE, "valueAddress": {"city": "x"}}],
        },
        CONTEXT,
        "Basic.extension[0]",
    ),
    (
        {**PATIENT, "name": [{"extension": [{"url": NATIONALITY, "extension": [CODE]}], "text": "x"}]},
        CONTEXT,
        "Patient.name[0].extension[0]",
    ),
    (
        {**PATIENT, "_gender": {"extension": [{"url": R4 + "patient-birthTime", "valueDateTime": "2020-01-01"}]}},
        CONTEXT,
        "Patient._gender.extension[0]",
    ),
]


@pytest.mark.parametrize("document", RIGHT)
def test_right(document: dict[str, Any]) -> None:
    assert validate(document) == []


@pytest.mark.parametrize(("document", "rule", "path"), WRONG)
def test_wrong(document: dict[str, Any], rule: str, path: str) -> None:
    assert (rule, path) in [(one.rule, one.path) for one in validate(document)]


def test_one_of_a_package() -> None:
    definition = profile(
        "Extension",
        element("Extension.url", fixedUri=OWN + "ext"),
        element("Extension.value[x]", min=1, type=[{"code": "code"}]),
        name="ext",
        context=[{"type": "element", "expression": "Patient.contact"}],
    )
    profiles = known(definition)

    def contact(**value: Any) -> dict[str, Any]:
        return {**PATIENT, "contact": [{"name": {"text": "x"}, "extension": [{"url": OWN + "ext", **value}]}]}

    assert validate(contact(valueCode="x"), profiles) == []
    assert [one.rule for one in validate(contact(valueString="x"), profiles)] == [DEFINITION]
    assert [one.rule for one in validate(patient({"url": OWN + "ext", "valueCode": "x"}), profiles)] == [CONTEXT]
    assert validate(contact(valueString="x")) == [], "nobody knows it without the package"


def test_a_profile_s_extension_that_is_not_known_is_said() -> None:
    definition = profile(
        "Patient",
        sliced("Patient.extension", ("value", "url")),
        element("Patient.extension:x", type=[{"code": "Extension", "profile": ["https://other.org/x"]}]),
    )
    document = {**patient({"url": "https://other.org/x", "valueString": "x"}), "meta": {"profile": [OWN + "own"]}}
    assert [one.rule for one in validate(document, known(definition))] == ["MSC-PROFILE-UNCHECKED"]
