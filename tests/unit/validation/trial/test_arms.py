"""What tells the arm in what is for the blind: sealed elements, and texts that name an arm."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_msc.validation.trial import TrialRules, trial_problems

ELEMENT, NAME = "MSC-BLIND-002", "MSC-BLIND-003"
ARMS = ("Low dose MSC", "Placebo")
BLINDED = {
    "coding": [{"system": "https://t.example.org/CodeSystem/investigational-product", "code": "ip-msc-blinded"}],
    "text": "BLINDED: Study infusion (UC-MSC or matching placebo, blinded)",
}


def administration(**more: object) -> dict[str, Any]:
    return {
        "resourceType": "MedicationAdministration", "status": "completed", "medicationCodeableConcept": BLINDED,
        "effectiveDateTime": "2020-03-10T10:00:00Z", **more,
    }  # fmt: skip


def found(document: dict[str, Any], *, blind: bool = True) -> list[tuple[str, str]]:
    return [(one.rule, one.path) for one in trial_problems(document, TrialRules(blind=blind, arms=ARMS))]


@pytest.mark.parametrize(
    "document",
    [
        administration(),
        administration(dosage={"text": "one bag"}, effectivePeriod={"start": "2020-03-10"}),
        {"resourceType": "ResearchSubject", "status": "on-study"},
        {"resourceType": "ResearchStudy", "arm": [{"name": "Placebo"}, {"name": "Low dose MSC"}]},
        {"resourceType": "PlanDefinition", "action": [{"title": "Placebo"}]},
        {"resourceType": "AdverseEvent", "event": {"text": "Low mood, no placebos, low dose"}},
        {"resourceType": "Device", "deviceName": [{"name": "Pump"}]},
        {"resourceType": "Observation", "status": "final", "method": {"text": "Pump"}},
        {"resourceType": "Medication", "code": {"text": "Prednisone"}, "batch": {"expirationDate": "2020"}},
        {"resourceType": "Patient", "id": "Placebo", "meta": {"profile": ["https://t.example.org/Plan"]}},
    ],
)
def test_what_a_blind_target_may_have(document: dict[str, Any]) -> None:
    assert found(document) == []


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"resourceType": "ResearchSubject", "assignedArm": "A"}, "assignedArm"),
        ({"resourceType": "ResearchSubject", "_actualArm": {"id": "x"}}, "actualArm"),
        ({"resourceType": "BiologicallyDerivedProduct"}, ""),
        ({"resourceType": "Medication", "batch": {"lotNumber": "L1"}}, "batch.lotNumber"),
        ({"resourceType": "Device", "lotNumber": "L1"}, "lotNumber"),
        ({"resourceType": "Observation", "device": {"reference": "Device/1"}}, "device"),
        ({"resourceType": "Observation", "device": {"identifier": {"value": "D-1"}}}, "device"),
        (administration(dosage={"dose": {"value": 1}}), "dosage.dose"),
        (administration(dosage={"rateQuantity": {"value": 1}}), "dosage.rateQuantity"),
        (administration(effectivePeriod={"start": "2020", "end": "2020"}), "effectivePeriod.end"),
        (administration(device=[{"reference": "Device/1"}]), "device"),
        (
            administration(supportingInformation=[{"reference": "BiologicallyDerivedProduct/1"}]),
            "supportingInformation",
        ),
        (administration(medicationCodeableConcept={"text": "MSC"}), "medicationCodeableConcept"),
        (administration(contained=[{"batch": {"lotNumber": "1"}}]), "contained[0].batch.lotNumber"),
    ],
)
def test_an_element_that_tells_the_arm(document: dict[str, Any], path: str) -> None:
    assert found(document) == [(ELEMENT, path)]
    assert found(document, blind=False) == []
    bundle = {"resourceType": "Bundle", "entry": [{"resource": document}]}
    assert found(bundle) == [(ELEMENT, f"entry[0].resource.{path}".removesuffix("."))]


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"resourceType": "AdverseEvent", "event": {"text": "Knows of PLACEBO."}}, "event.text"),
        ({"resourceType": "Observation", "note": [{"text": "low  dose msc"}]}, "note[0].text"),
        ({"resourceType": "Patient", "text": {"div": "<div>arm: Placebo</div>"}}, "text.div"),
        (
            {"resourceType": "Patient", "extension": [{"url": "u", "valueString": "Placebo"}]},
            "extension[0].valueString",
        ),
        (
            {"resourceType": "Encounter", "subject": {"reference": "Patient/1", "display": "Placebo 4"}},
            "subject.display",
        ),
        (administration(note=[{"text": "Placebo?"}]), "note[0].text"),
    ],
)
def test_a_text_that_names_an_arm(document: dict[str, Any], path: str) -> None:
    assert found(document) == [(NAME, path)]
    assert all(one.value is None for one in trial_problems(document, TrialRules(blind=True, arms=ARMS)))
    assert found(document, blind=False) == []
    assert trial_problems(document, TrialRules(blind=True)) == []
