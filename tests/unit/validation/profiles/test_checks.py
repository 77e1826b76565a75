"""What a profile may say of an element, each with what is right and what is wrong by it."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_msc.findings import Severity
from fhir_msc.validation import validate
from tests.unit.validation.profiles.definitions import OWN, R4, claiming, element, known, profile

PATIENT = {"resourceType": "Patient", "name": [{"family": "A"}], "gender": "male", "birthDate": "1980-01-01"}
OBSERVATION = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "1-8"}]},
}
QUANTITY = {"value": 1.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
CODES = {
    "resourceType": "ValueSet",
    "url": "https://example.org/ValueSet/v",
    "compose": {"include": [{"system": "https://example.org/s", "concept": [{"code": "a"}, {"code": "b"}]}]},
}
WHOLE = {
    "resourceType": "ValueSet",
    "url": "https://example.org/ValueSet/w",
    "compose": {
        "include": [{"system": "http://hl7.org/fhir/observation-status"}],
        "exclude": [
            {
                "system": "http://hl7.org/fhir/observation-status",
                "filter": [{"property": "concept", "op": "is-a", "value": "amended"}],
            }
        ],
    },
}
OPEN = {
    "resourceType": "ValueSet",
    "url": "https://example.org/ValueSet/o",
    "compose": {"include": [{"system": "http://loinc.org", "filter": [{"property": "x", "op": "=", "value": "y"}]}]},
}


def patient(**members: Any) -> dict[str, Any]:
    return _without({**PATIENT, **members})


def observation(**members: Any) -> dict[str, Any]:
    return _without({**OBSERVATION, **members})


def _without(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value is not ...}


def coded(*codes: str) -> dict[str, Any]:
    return {"coding": [{"system": "https://example.org/s", "code": code} for code in codes]}


CASES: list[tuple[dict[str, Any], dict[str, Any], list[tuple[dict[str, Any], str]]]] = [
    (  # a minimum
        profile("Patient", element("Patient.identifier", min=1), element("Patient.name.given", min=1)),
        patient(identifier=[{"value": "1"}], name=[{"given": ["B"]}]),
        [
            (patient(name=[{"given": ["B"]}]), "Patient.identifier"),
            (patient(identifier=[{"value": "1"}]), "Patient.name[0].given"),
        ],
    ),
    (  # a maximum
        profile("Patient", element("Patient.name", max="1"), element("Patient.photo", max="0")),
        patient(),
        [
            (patient(name=[{"family": "A"}, {"family": "B"}]), "Patient.name"),
            (patient(photo=[{"url": "http://x.org/a"}]), "Patient.photo[0]"),
        ],
    ),
    (  # fixed values: exactly so
        profile(
            "Observation",
            element("Observation.status", fixedCode="final"),
            element("Observation.valueQuantity", fixedQuantity={"value": 1.50, "unit": "kg"}),
        ),
        observation(valueQuantity={"value": 1.5, "unit": "kg"}),
        [
            (observation(status="amended"), "Observation.status"),
            (observation(valueQuantity={"value": 1.5}), "Observation.valueQuantity"),
            (
                observation(valueQuantity={"value": 1.5, "unit": "kg", "system": "http://x.org"}),
                "Observation.valueQuantity",
            ),
        ],
    ),
    (  # patterns: at least so
        profile("Observation", element("Observation.code", patternCodeableConcept=coded("a"))),
        observation(code={**coded("b", "a"), "text": "x"}),
        [(observation(code=coded("b")), "Observation.code"), (observation(code={"text": "a"}), "Observation.code")],
    ),
    (  # fewer types
        profile("Observation", element("Observation.value[x]", type=[{"code": "Quantity"}, {"code": "string"}])),
        observation(valueString="x"),
        [
            (observation(valueBoolean=True), "Observation.valueBoolean"),
            (observation(valueInteger=1), "Observation.valueInteger"),
        ],
    ),
    (  # fewer targets
        profile(
            "Observation",
            element("Observation.subject", type=[{"code": "Reference", "targetProfile": [R4 + "Patient"]}]),
        ),
        observation(subject={"reference": "Patient/1"}),
        [
            (observation(subject={"reference": "Group/1"}), "Observation.subject.reference"),
            (
                observation(
                    subject={"reference": "#g"},
                    contained=[{"resourceType": "Group", "id": "g", "type": "person", "actual": True}],
                ),
                "Observation.subject.reference",
            ),
        ],
    ),
    (  # a required binding
        profile("Observation", element("Observation.code", binding={"strength": "required", "valueSet": CODES["url"]})),
        observation(code=coded("z", "b")),
        [(observation(code=coded("z")), "Observation.code"), (observation(code={"text": "a"}), "Observation.code")],
    ),
    (  # of a code, in part of a code system
        profile(
            "Observation", element("Observation.status", binding={"strength": "required", "valueSet": WHOLE["url"]})
        ),
        observation(status="preliminary"),
        [
            (observation(status="amended"), "Observation.status"),
            (observation(status="corrected"), "Observation.status"),
        ],
    ),
    (  # an invariant
        profile(
            "Patient",
            element(
                "Patient.name",
                constraint=[
                    {
                        "key": "own-1",
                        "severity": "error",
                        "human": "a name has a family and is not X",
                        "expression": "family.exists() and family != 'X'",
                    }
                ],
            ),
        ),
        patient(),
        [(patient(name=[{"given": ["B"]}]), "Patient.name[0]"), (patient(name=[{"family": "X"}]), "Patient.name[0]")],
    ),
    (  # the profile of a type
        profile(
            "Observation",
            element("Observation.valueQuantity", type=[{"code": "Quantity", "profile": [OWN + "kilogram"]}]),
        ),
        observation(valueQuantity=QUANTITY),
        [
            (observation(valueQuantity={**QUANTITY, "code": "g"}), "Observation.valueQuantity.code"),
            (observation(valueQuantity={"value": 1}), "Observation.valueQuantity.code"),
        ],
    ),
    (  # of a base that is a profile
        profile("Patient", element("Patient.gender", fixedCode="male"), base=OWN + "born"),
        patient(),
        [(patient(birthDate=...), "Patient.birthDate"), (patient(gender="female"), "Patient.gender")],
    ),
]
BESIDE = (
    CODES,
    WHOLE,
    OPEN,
    profile("Patient", element("Patient.birthDate", min=1), name="born"),
    profile("Quantity", element("Quantity.code", min=1, fixedCode="kg"), name="kilogram"),
)


@pytest.mark.parametrize(("definition", "right", "wrong"), CASES)
def test_each_kind_of_rule(
    definition: dict[str, Any], right: dict[str, Any], wrong: list[tuple[dict[str, Any], str]]
) -> None:
    profiles = known(definition, *BESIDE)
    assert validate(claiming(right), profiles) == []
    for document, path in wrong:
        assert validate(document, profiles) == [], "nothing is held against what claims nothing"
        found = validate(claiming(document), profiles)
        assert [(one.path, one.severity) for one in found] == [(path, Severity.ERROR)]
        assert found[0].rule in ("MSC-FHIR-PROFILE-OWN", "MSC-FHIR-PROFILE-KILOGRAM", "MSC-FHIR-INVARIANT-OWN-1")


def test_a_snapshot_counts_before_the_difference() -> None:
    rule = element("Patient.birthDate", min=1)
    definition = profile("Patient", snapshot={"element": [element("Patient"), rule]})
    found = validate(claiming(patient(birthDate=...)), known(definition))
    assert [one.path for one in found] == ["Patient.birthDate"]


def test_an_extensible_value_set_warns() -> None:
    definition = profile(
        "Observation", element("Observation.code", binding={"strength": "extensible", "valueSet": CODES["url"]})
    )
    profiles = known(definition, *BESIDE)
    assert validate(claiming(observation(code=coded("a"))), profiles) == []
    assert validate(claiming(observation(code={"text": "z"})), profiles) == []
    found = validate(claiming(observation(code=coded("z"))), profiles)
    assert [(one.severity, one.value) for one in found] == [(Severity.WARNING, "z")]


def test_what_is_not_here_is_said_once() -> None:
    definition = profile(
        "Observation",
        element("Observation.code", binding={"strength": "required", "valueSet": OPEN["url"]}),
        element("Observation.subject", type=[{"code": "Reference", "targetProfile": ["https://other.org/P"]}]),
    )
    one = claiming(observation(subject={"reference": "Patient/1"}))
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": f"urn:uuid:00000000-0000-4000-8000-00000000000{n}", "resource": one} for n in range(3)],
    }
    found = validate(bundle, known(definition, *BESIDE))
    assert [(one.rule, one.count) for one in found] == [("MSC-PROFILE-UNCHECKED", 3)] * 2
    assert "https://other.org/P" in found[1].message


def test_a_base_that_is_not_known_is_said() -> None:
    found = validate(claiming(patient()), known(profile("Patient", base="https://other.org/base")))
    assert [(one.rule, one.severity) for one in found] == [("MSC-PROFILE-UNCHECKED", Severity.INFORMATION)]


def test_an_unknown_profile_is_told_once_per_url() -> None:
    entry = {"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000001", "resource": claiming(patient(), "x", "y")}
    other = {"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000002", "resource": claiming(patient(), "x")}
    found = validate({"resourceType": "Bundle", "type": "collection", "entry": [entry, other]})
    assert [(one.rule, one.severity, one.count) for one in found] == [
        ("MSC-PROFILE-UNKNOWN", Severity.WARNING, 2),
        ("MSC-PROFILE-UNKNOWN", Severity.WARNING, 1),
    ]


def test_what_is_no_url_of_a_profile_is_not_repeated() -> None:
    url = "http://hospital.org/fhir/StructureDefinition/own-patient"
    claims = [f"{url}|1.0", "http://hospital.org/?name=Miller"]
    [named, other] = validate({**PATIENT, "meta": {"profile": claims}})
    assert url in named.message
    assert "Miller" not in other.message
    assert other.value == "http://hospital.org/?name=Miller"


@pytest.mark.parametrize("url", [OWN + "own", R4 + "Group", R4 + "bp"])
def test_a_profile_of_another_type_is_wrong(url: str) -> None:
    found = validate({**PATIENT, "meta": {"profile": [url]}}, known(profile("Observation")))
    assert [(one.path, one.is_error) for one in found] == [("Patient.meta.profile[0]", True)]


@pytest.mark.parametrize("url", [R4 + "Patient", R4 + "Resource", R4 + "DomainResource"])
def test_the_type_itself_may_be_claimed(url: str) -> None:
    assert validate({**PATIENT, "meta": {"profile": [url]}}) == []


def test_the_caller_s_profile_is_for_every_resource_of_its_type() -> None:
    profiles = known(profile("Patient", element("Patient.photo", min=1)), claimed=(OWN + "own",))
    assert [one.path for one in validate(patient(), profiles)] == ["Patient.photo"]
    assert [one.path for one in validate(claiming(patient()), profiles)] == ["Patient.photo"]
    assert validate(observation(), profiles) == []
    inside = observation(subject={"reference": "#p"}, contained=[{**PATIENT, "id": "p"}])
    assert [one.path for one in validate(inside, profiles)] == ["Observation.contained[0].photo"]


def test_must_support_is_told_when_asked_for() -> None:
    definition = profile(
        "Patient", element("Patient.name", mustSupport=True), element("Patient.photo", mustSupport=True)
    )
    assert validate(claiming(patient()), known(definition)) == []
    found = validate(claiming(patient()), known(definition, must_support=True))
    assert [(one.rule, one.severity) for one in found] == [("MSC-PROFILE-MUST-SUPPORT", Severity.INFORMATION)]
    assert "Patient.photo" in found[0].message


def test_a_reference_is_followed_within_the_document() -> None:
    definition = profile(
        "Observation",
        element("Observation.subject", type=[{"code": "Reference", "targetProfile": [OWN + "born"]}]),
    )
    profiles = known(definition, *BESIDE)

    def bundle(**members: Any) -> dict[str, Any]:
        base = "https://example.org/fhir/"
        one = claiming({**observation(subject={"reference": "Patient/1"}), "id": "o"})
        return {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [
                {"fullUrl": f"{base}Observation/o", "resource": one},
                {"fullUrl": f"{base}Patient/1", "resource": {**patient(**members), "id": "1"}},
            ],
        }

    assert validate(bundle(), profiles) == []
    found = validate(bundle(birthDate=...), profiles)
    assert [one.path for one in found] == ["Bundle.entry[0].resource.subject.reference"]
    assert validate(claiming(observation(subject={"reference": "Patient/1"})), profiles) == []


def test_profiles_that_lead_to_each_other_end() -> None:
    def to(other: str, name: str) -> dict[str, Any]:
        rule = element("Patient.link.other", type=[{"code": "Reference", "targetProfile": [OWN + other]}])
        return profile("Patient", rule, name=name)

    def linked(name: str, other: str) -> dict[str, Any]:
        link = [{"other": {"reference": f"Patient/{other}"}, "type": "refer"}]
        return claiming({**patient(link=link), "id": name}, name)

    base = "https://example.org/fhir/Patient/"
    entries = [
        {"fullUrl": base + "a", "resource": linked("a", "b")},
        {"fullUrl": base + "b", "resource": linked("b", "a")},
    ]
    found = validate(
        {"resourceType": "Bundle", "type": "collection", "entry": entries}, known(to("b", "a"), to("a", "b"))
    )
    assert found == []
