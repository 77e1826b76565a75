"""References: form, targets, contained resources, bundles, and the set as a whole."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_msc.validation import unresolved, validate

UUID = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"


def rules(reference: dict[str, Any], **members: Any) -> list[str]:
    document = {"resourceType": "Patient", "managingOrganization": reference, **members}
    return [finding.rule.removeprefix("MSC-FHIR-") for finding in validate(document)]


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Organization/1"},
        {"reference": "Organization/1/_history/2"},
        {"reference": "http://x.org/fhir/Organization/1"},
        {"reference": "http://x.org/anything"},
        {"reference": UUID},
        {"reference": "urn:oid:1.2.3"},
        {"display": "x"},
        {"reference": "Organization/1", "type": "Organization"},
        {"identifier": {"value": "1"}, "type": "Organization"},
        {"reference": "Organization/1", "type": "http://hl7.org/fhir/StructureDefinition/Organization"},
    ],
)
def test_right(reference: dict[str, Any]) -> None:
    assert rules(reference) == []


@pytest.mark.parametrize(
    ("reference", "rule"),
    [
        ({"reference": "foo"}, "REFERENCE-FORMAT"),
        ({"reference": "Nothing/1"}, "REFERENCE-FORMAT"),
        ({"reference": "Organization"}, "REFERENCE-FORMAT"),
        ({"reference": "Organization/a b"}, "REFERENCE-FORMAT"),
        ({"reference": "urn:uuid: 1"}, "REFERENCE-FORMAT"),
        ({"reference": "Organization?identifier=a|b"}, "REFERENCE-FORMAT"),
        ({"reference": "Patient/1"}, "REFERENCE-TARGET"),
        ({"reference": "http://x.org/fhir/Patient/1"}, "REFERENCE-TARGET"),
        ({"display": "x", "type": "Patient"}, "REFERENCE-TARGET"),
        ({"display": "x", "type": "Wat"}, "REFERENCE-TARGET"),
        ({"reference": "Organization/1", "type": "Patient"}, "REFERENCE-TARGET"),
        ({"reference": "#o"}, "INVARIANT-REF-1"),
        ({"reference": "#"}, "INVARIANT-REF-1"),
    ],
)
def test_wrong(reference: dict[str, Any], rule: str) -> None:
    assert rules(reference) == [rule]


def test_a_contained_resource_has_to_be_of_an_allowed_type() -> None:
    assert rules({"reference": "#p"}, contained=[{"resourceType": "Patient", "id": "p"}]) == ["REFERENCE-TARGET"]


def test_a_contained_resource_may_point_to_the_one_around() -> None:
    contained = [
        {
            "resourceType": "Observation",
            "id": "o",
            "status": "final",
            "code": {"text": "x"},
            "subject": {"reference": "#"},
        }
    ]
    assert validate({"resourceType": "Patient", "contained": contained}) == []


@pytest.mark.parametrize(
    ("kind", "reference", "rule"),
    [
        ("transaction", UUID, None),
        ("transaction", UUID[:-1] + "1", "REFERENCE-UNRESOLVED"),
        ("collection", UUID[:-1] + "1", None),
        ("transaction", "Organization?identifier=a|b", None),
        ("transaction", "Wat?identifier=a|b", "REFERENCE-FORMAT"),
        ("collection", "Organization?identifier=a|b", "REFERENCE-FORMAT"),
        ("transaction", "Patient?identifier=a|b", "REFERENCE-TARGET"),
    ],
)
def test_inside_a_bundle(kind: str, reference: str, rule: str | None) -> None:
    organization: dict[str, Any] = {"fullUrl": UUID, "resource": {"resourceType": "Organization", "name": "N"}}
    other = UUID[:-1] + "9"
    patient: dict[str, Any] = {
        "fullUrl": other,
        "resource": {"resourceType": "Patient", "managingOrganization": {"reference": reference}},
    }
    for entry, name in ((organization, "Organization"), (patient, "Patient")):
        if kind == "transaction":
            entry["request"] = {"method": "POST", "url": name}
    findings = validate({"resourceType": "Bundle", "type": kind, "entry": [organization, patient]})
    assert [(finding.rule, finding.path) for finding in findings] == (
        [] if rule is None else [(f"MSC-FHIR-{rule}", "Bundle.entry[1].resource.managingOrganization.reference")]
    )


def test_each_entry_has_its_own_contained_resources() -> None:
    organization = {"resourceType": "Organization", "id": "o", "name": "N"}
    first = {
        "resourceType": "Patient",
        "id": "1",
        "contained": [organization],
        "managingOrganization": {"reference": "#o"},
    }
    second = {"resourceType": "Patient", "id": "2", "managingOrganization": {"reference": "#o"}}
    entries = [{"fullUrl": f"http://x.org/Patient/{n}", "resource": r} for n, r in ((1, first), (2, second))]
    findings = validate({"resourceType": "Bundle", "type": "collection", "entry": entries})
    assert [finding.path for finding in findings] == ["Bundle.entry[1].resource.managingOrganization.reference"]


def test_what_a_set_leaves_unresolved() -> None:
    assert list(unresolved([("a", ["b", "c"]), ("b", []), ("c", ["d"])], {"a", "b"})) == [("a", "c"), ("c", "d")]
