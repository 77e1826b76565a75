"""Slices by each type of discriminator: what is right, and what is wrong in two ways."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_msc.validation import validate
from tests.unit.validation.profiles.definitions import OWN, R4, claiming, element, known, profile, sliced

PATIENT = {"resourceType": "Patient"}
OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


def identifier(system: str, **members: Any) -> dict[str, Any]:
    return {"system": system, **members}


def patient(*identifiers: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {**PATIENT, **({"identifier": list(identifiers)} if identifiers else {}), **members}


def observation(**members: Any) -> dict[str, Any]:
    return {**OBSERVATION, **members}


def component(code: str, **members: Any) -> dict[str, Any]:
    return {"code": {"coding": [{"system": "http://x.org", "code": code}]}, "valueString": "v", **members}


MRN, OTHER = "http://x.org/mrn", "http://x.org/other"
BY_VALUE = profile(
    "Patient",
    sliced("Patient.identifier", ("value", "system")),
    element("Patient.identifier:mrn", min=1, max="1"),
    element("Patient.identifier:mrn.system", min=1, fixedUri=MRN),
    element("Patient.identifier:mrn.value", min=1),
)
CLOSED = profile(
    "Patient",
    sliced("Patient.identifier", ("value", "system"), rules="closed", ordered=True),
    element("Patient.identifier:a.system", fixedUri=MRN),
    element("Patient.identifier:b.system", fixedUri=OTHER),
)
BY_PATTERN = profile(
    "Observation",
    sliced("Observation.component", ("pattern", "code")),
    element("Observation.component:a", min=1),
    element("Observation.component:a.code", patternCodeableConcept={"coding": [{"code": "a"}]}),
    element("Observation.component:a.interpretation", max="0"),
)
BELOW_THE_PATTERN = profile(
    "Observation",
    sliced("Observation.component", ("value", "code.coding.code")),
    element("Observation.component:a", min=1),
    element("Observation.component:a.code", patternCodeableConcept={"coding": [{"code": "a"}]}),
    element("Observation.component:a.interpretation", max="0"),
)
BY_TYPE = profile(
    "Observation",
    sliced("Observation.value[x]", ("type", "$this")),
    element("Observation.value[x]:valueQuantity", type=[{"code": "Quantity"}]),
    element("Observation.value[x]:valueQuantity.code", min=1),
)
SHORT = profile("Observation", element("Observation.valueQuantity"), element("Observation.valueQuantity.code", min=1))
BY_EXISTS = profile(
    "Patient",
    sliced("Patient.name", ("exists", "period")),
    element("Patient.name:old.period", min=1),
    element("Patient.name:old.use", min=1, fixedCode="old"),
    element("Patient.name:now", max="1"),
    element("Patient.name:now.period", max="0"),
)
BY_PROFILE = profile(
    "Observation",
    sliced("Observation.component", ("profile", "value")),
    element("Observation.component:kg", min=1),
    element("Observation.component:kg.value[x]", type=[{"code": "Quantity", "profile": [OWN + "kilogram"]}]),
    element("Observation.component:kg.interpretation", max="0"),
)
KILOGRAM = profile("Quantity", element("Quantity.code", min=1, fixedCode="kg"), name="kilogram")
BY_RESOLVED = profile(
    "Observation",
    sliced("Observation.hasMember", ("type", "resolve()")),
    element(
        "Observation.hasMember:observation",
        min=1,
        max="1",
        type=[{"code": "Reference", "targetProfile": [R4 + "Observation"]}],
    ),
)
BY_EXTENSION = profile(
    "Patient",
    element("Patient.extension:one", max="1", type=[{"code": "Extension", "profile": [OWN + "ext"]}]),
    element("Patient.extension:two", min=1),
    element("Patient.extension:two.url", fixedUri="http://x.org/two"),
)
KG = {"value": 1, "code": "kg", "system": "http://unitsofmeasure.org"}
ONE, TWO = {"url": OWN + "ext", "valueString": "x"}, {"url": "http://x.org/two", "valueString": "x"}

Case = tuple[dict[str, Any], list[dict[str, Any]], list[tuple[dict[str, Any], str]]]
CASES: dict[str, Case] = {
    "value": (
        BY_VALUE,
        [
            patient(identifier(MRN, value="1"), identifier(OTHER)),
            patient(identifier(OTHER), identifier(MRN, value="1")),
        ],
        [
            (patient(identifier(OTHER)), "Patient.identifier"),
            (patient(identifier(MRN)), "Patient.identifier[0].value"),
            (patient(identifier(MRN, value="1"), identifier(MRN, value="2")), "Patient.identifier"),
            (patient(), "Patient.identifier"),
        ],
    ),
    "closed and ordered": (
        CLOSED,
        [patient(identifier(MRN), identifier(OTHER)), patient(identifier(OTHER)), patient()],
        [
            (patient(identifier("http://x.org/third")), "Patient.identifier[0]"),
            (patient(identifier(OTHER), identifier(MRN)), "Patient.identifier"),
        ],
    ),
    "pattern": (
        BY_PATTERN,
        [observation(component=[component("a"), component("b", interpretation=[{"text": "x"}])])],
        [
            (observation(component=[component("b")]), "Observation.component"),
            (
                observation(component=[component("a", interpretation=[{"text": "x"}])]),
                "Observation.component[0].interpretation[0]",
            ),
        ],
    ),
    "value below a pattern": (
        BELOW_THE_PATTERN,
        [observation(component=[component("a"), component("b", interpretation=[{"text": "x"}])])],
        [
            (observation(component=[component("b")]), "Observation.component"),
            (
                observation(component=[component("a", interpretation=[{"text": "x"}])]),
                "Observation.component[0].interpretation[0]",
            ),
        ],
    ),
    "type": (
        BY_TYPE,
        [observation(valueQuantity=KG), observation(valueString="x"), observation()],
        [(observation(valueQuantity={"value": 1}), "Observation.valueQuantity.code")],
    ),
    "type by the name in JSON": (
        SHORT,
        [observation(valueQuantity=KG), observation()],
        [
            (observation(valueQuantity={"value": 1}), "Observation.valueQuantity.code"),
            (observation(valueString="x"), "Observation.valueString"),
        ],
    ),
    "exists": (
        BY_EXISTS,
        [patient(name=[{"family": "A"}, {"use": "old", "period": {"end": "2020"}}])],
        [
            (patient(name=[{"use": "usual", "period": {"end": "2020"}}]), "Patient.name[0].use"),
            (patient(name=[{"family": "A"}, {"family": "B"}]), "Patient.name"),
        ],
    ),
    "profile": (
        BY_PROFILE,
        [observation(component=[component("a", valueQuantity=KG, valueString=...), component("b")])],
        [
            (observation(component=[component("b")]), "Observation.component"),
            (
                observation(
                    component=[component("a", valueQuantity=KG, valueString=..., interpretation=[{"text": "x"}])]
                ),
                "Observation.component[0].interpretation[0]",
            ),
        ],
    ),
    "type of what is referred to": (
        BY_RESOLVED,
        [
            observation(hasMember=[{"reference": "Observation/1"}, {"reference": "QuestionnaireResponse/1"}]),
            observation(hasMember=[{"reference": "#o"}], contained=[{**OBSERVATION, "id": "o"}]),
        ],
        [
            (observation(hasMember=[{"reference": "QuestionnaireResponse/1"}]), "Observation.hasMember"),
            (observation(hasMember=[{"reference": f"Observation/{n}"} for n in (1, 2)]), "Observation.hasMember"),
        ],
    ),
    "extensions by URL": (
        BY_EXTENSION,
        [patient(extension=[TWO, ONE]), patient(extension=[TWO, {"url": "http://x.org/3", "valueString": "x"}])],
        [
            (patient(extension=[ONE]), "Patient.extension"),
            (patient(extension=[ONE, TWO, ONE]), "Patient.extension"),
        ],
    ),
}


def _plain(document: Any) -> Any:
    if isinstance(document, dict):
        return {name: _plain(value) for name, value in document.items() if value is not ...}
    return [_plain(one) for one in document] if isinstance(document, list) else document


@pytest.mark.parametrize("name", CASES)
def test_each_discriminator(name: str) -> None:
    definition, right, wrong = CASES[name]
    extension = profile("Extension", element("Extension.value[x]", type=[{"code": "string"}]), name="ext")
    profiles = known(definition, KILOGRAM, extension)
    for document in right:
        assert validate(claiming(_plain(document)), profiles) == []
    for document, path in wrong:
        found = validate(claiming(_plain(document)), profiles)
        assert [(one.path, one.rule) for one in found] == [(path, "MSC-FHIR-PROFILE-OWN")]


def test_a_slice_in_a_slice_refines_it() -> None:
    refined = profile(
        "Patient",
        element("Patient.identifier:mrn/long", max="1"),
        element("Patient.identifier:mrn/long.system", fixedUri=MRN),
        name="refined",
        base=OWN + "own",
    )
    profiles = known(BY_VALUE, refined)
    assert validate(claiming(patient(identifier(MRN, value="1")), "refined"), profiles) == []
    found = validate(claiming(patient(identifier(MRN)), "refined"), profiles)
    assert [one.path for one in found] == ["Patient.identifier[0].value"]


@pytest.mark.parametrize(
    "slicing",
    [
        element("Patient.identifier", slicing={"rules": "open"}),
        sliced("Patient.identifier", ("value", "type")),
        sliced("Patient.identifier", ("value", "a + b")),
    ],
)
def test_what_cannot_be_told_apart_is_said(slicing: dict[str, Any]) -> None:
    definition = profile(
        "Patient", slicing, element("Patient.identifier:a", min=1), element("Patient.identifier:a.system", fixedUri=MRN)
    )
    found = validate(claiming(patient(identifier(MRN))), known(definition))
    assert [one.rule for one in found] == ["MSC-PROFILE-UNCHECKED"]
