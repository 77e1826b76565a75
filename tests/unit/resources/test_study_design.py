"""What the resources of the study itself say: people, sites, eligibility, schedule, objectives, terminology."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from fhir_msc.resources import (
    ArmPlan,
    CodeSystem,
    Eligibility,
    Links,
    Responsibility,
    Schedule,
    SiteLocation,
    SiteStudy,
    ValueSet,
    builder_for,
    serialise,
)
from fhir_msc.trial import Arm, ArmStep, Criterion, Element, Investigator, PlannedVisit, Quantity, Study, age_limit
from fhir_msc.validation import validate
from tests.unit.resources.samples import DESIGN, NAMESPACE, STUDY, context, links

OWN = f"{NAMESPACE}/StructureDefinition/"


def made(record: object, own: Links | None = None) -> dict[str, Any]:
    builder = builder_for(type(record))
    content = serialise(builder.build(record, own or links(builder.type, "x"), context(synthetic=False)))
    assert validate(content) == []
    body: dict[str, Any] = json.loads(content)
    return body


def study(**fields: object) -> dict[str, Any]:
    changed: Study = replace(STUDY, **fields)  # type: ignore[arg-type]
    return made(changed, links("ResearchStudy", "MSC-2")._replace(design=DESIGN))


def of(extensions: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [one for one in extensions if one["url"] == OWN + name]


def test_the_first_principal_investigator_leads_and_nobody_is_lost() -> None:
    body = study()
    first, second, director = DESIGN.investigators
    assert body["principalInvestigator"] == {"reference": f"PractitionerRole/{first}"}
    assert [one["name"] for one in body["contact"]] == ["Emergency unblinding (24 h)", "Ben Example", "Cy Example"]
    parties = [{part["url"]: part for part in one["extension"]} for one in of(body["extension"], "associated-party")]
    assert [one["role"]["valueCodeableConcept"]["text"] for one in parties] == [
        "Principal investigator",
        "Study director",
    ]
    assert [one["party"]["valueReference"]["reference"] for one in parties] == [
        f"Practitioner/{second}",
        f"Practitioner/{director}",
    ]


def test_a_study_director_is_no_principal_investigator() -> None:
    body = study(investigators=(Investigator("A company's desk", "study-director"),))
    assert "principalInvestigator" not in body
    assert body["contact"][-1] == {"name": "A company's desk"}


def test_investigators_without_resources_of_their_own_are_named() -> None:
    body = made(STUDY)
    assert "principalInvestigator" not in body
    parties = of(body["extension"], "associated-party")
    assert [one["extension"][1]["valueReference"]["display"] for one in parties] == [
        one.name for one in STUDY.investigators
    ]


def test_objectives_tell_outcome_measures_and_keep_their_time_frame() -> None:
    measure, objective = study()["objective"]
    assert measure["type"]["coding"][0]["code"] == "primary"
    assert measure["type"]["text"] == "Primary outcome measure"
    assert of(measure["extension"], "outcome-time-frame")[0]["valueString"] == "Week 24"
    assert objective["type"]["text"] == "Secondary objective"
    assert "extension" not in objective


def test_what_r4_has_no_element_for() -> None:
    body = study()
    said = {one["url"].removeprefix(OWN): one for one in body["extension"]}
    assert said["acronym"]["valueString"] == "MSC"
    assert said["official-title"]["valueString"] == "A trial of two doses of cells"
    assert (said["planned-enrolment"]["valueUnsignedInt"], said["actual-enrolment"]["valueUnsignedInt"]) == (80, 81)
    history = of(body["extension"], "status-history")
    assert [[one["extension"][0]["valueCode"], one["extension"][1]["valuePeriod"]] for one in history] == [
        ["approved", {"start": "2019-01", "end": "2019-03"}],
        ["active", {"start": "2019-03-04"}],
    ]
    assert said["collaborator"]["valueReference"] == {"display": "Institute of Allergy"}
    assert [one["text"] for one in body["condition"]] == ["Systemic lupus erythematosus", "Lupus nephritis"]
    assert [one["text"] for one in body["category"]] == ["Masking: double", "Allocation: randomized", "Parallel"]
    assert [one["reference"].partition("/")[0] for one in body["enrollment"] + body["protocol"]] == [
        *["Group"] * 2,
        *["PlanDefinition"] * 2,
    ]


def test_a_site_has_a_place_and_somebody_who_answers_for_it() -> None:
    own = links("Location", "01")
    place = made(SiteLocation(STUDY.sites[0]), own)
    assert place["position"] == {"longitude": -79.930, "latitude": 32.77}
    assert place["address"] == {
        "city": "Charleston",
        "state": "South Carolina",
        "postalCode": "29425",
        "country": "USA",
    }
    assert place["managingOrganization"] == {"reference": f"Organization/{own.service_provider}"}
    assert made(SiteLocation(STUDY.sites[1]))["name"] == "Site 02"
    part = made(SiteStudy(STUDY.sites[0]), links("ResearchStudy", "01")._replace(design=DESIGN))
    assert part["site"] == [{"reference": f"Location/{DESIGN.location}"}]
    assert part["principalInvestigator"] == {"reference": f"PractitionerRole/{DESIGN.investigators[0]}"}


def test_numbers_of_a_place_stay_as_written() -> None:
    builder = builder_for(SiteLocation)
    content = serialise(builder.build(SiteLocation(STUDY.sites[0]), links("Location", "01"), context()))
    assert b'"longitude":-79.930' in content


def test_an_affiliation_is_named_where_no_site_is() -> None:
    role = made(Responsibility(STUDY.investigators[0]), Links("i1", design=DESIGN._replace(location=None)))
    assert role["organization"] == {"display": "Example University"}
    assert role["code"] == [{"text": "Principal investigator"}]
    assert "location" not in role


def test_one_characteristic_per_criterion() -> None:
    criteria = (
        Criterion("SLEDAI >= 6", True, "I4", "2"),
        Criterion("Pregnant", False, "EXCL09", "2", "sdtm-ietestcd"),
        Criterion("Of sound mind", True),
    )
    body = made(Eligibility("2", criteria, age_limit("18 Years"), None, "female", False, "raw \\>= 6"))
    assert (body["type"], body["actual"], body["active"]) == ("person", False, True)
    assert body["name"] == "Eligibility criteria of MSC-2, 2"
    assert of(body["extension"], "eligibility-text") == [
        {"url": OWN + "eligibility-text", "valueMarkdown": "raw \\>= 6"}
    ]
    age, sex, healthy, first, second, third = body["characteristic"]
    assert age["valueRange"] == {
        "low": {"value": 18, "unit": "years", "system": "http://unitsofmeasure.org", "code": "a"}
    }
    assert sex["valueCodeableConcept"]["coding"][0]["code"] == "female"
    assert (healthy["valueBoolean"], healthy["exclude"]) == (True, True)
    assert first["code"]["coding"] == [{"system": f"{NAMESPACE}/CodeSystem/eligibility-criterion", "code": "I4"}]
    assert second["code"]["coding"] == [{"system": f"{NAMESPACE}/CodeSystem/sdtm-ietestcd", "code": "EXCL09"}]
    assert "coding" not in third["code"]
    assert [one["exclude"] for one in (first, second, third)] == [False, True, False]
    assert first["valueCodeableConcept"] == {"text": "SLEDAI >= 6"}


@pytest.mark.parametrize(
    ("visit", "relationship", "offset", "window"),
    [
        (PlannedVisit("1", "Screening", -14, 14, 4), "before-start", 14, (10, 28)),
        (PlannedVisit("2", "Baseline", 0), "concurrent-with-start", None, None),
        (PlannedVisit("2", "Baseline", 0, 1, 0), "concurrent-with-start", None, (-1, 0)),
        (PlannedVisit("3", "Week 1", 7, 2, 2), "after-start", 7, (5, 9)),
        (PlannedVisit("3", "Day 1", 1, 3, None), "after-start", 1, (-2, 1)),
    ],
)
def test_a_visit_stands_where_the_protocol_puts_it(
    visit: PlannedVisit, relationship: str, offset: int | None, window: tuple[int, int] | None
) -> None:
    infusion, action = made(Schedule((visit,)))["action"]
    [related] = action["relatedAction"]
    assert related["actionId"] == infusion["id"]
    assert related["relationship"] == relationship
    assert related.get("offsetDuration", {}).get("value") == offset
    found = [one["valueRange"] for one in related.get("extension", [])]
    assert [(one["low"]["value"], one["high"]["value"]) for one in found] == ([window] if window else [])


def test_a_rule_in_words_stays_in_words() -> None:
    visits = (
        PlannedVisit("101", "Early end", start="Whenever somebody leaves", end="All is done"),
        PlannedVisit("5", "Second infusion", arm="HIGH"),
    )
    first, second = made(Schedule(visits))["action"]
    assert first["description"] == "Starts: Whenever somebody leaves; Ends: All is done"
    assert (first["prefix"], first["id"], second["description"]) == ("101", "visit-101", "Arm HIGH only")
    assert "relatedAction" not in first


def test_ids_of_actions_are_ids_whatever_the_numbers() -> None:
    for numbers in (("1", "1"), ("visit one", "2"), ("ä", "x" * 70)):
        actions = made(Schedule(tuple(PlannedVisit(number) for number in numbers)))["action"]
        assert [one["id"] for one in actions] == ["visit-1", "visit-2"]


def test_arms_go_through_their_elements() -> None:
    steps = (
        ArmStep("A", "Arm A", "1", "S", None, "SCREENING", "To A"),
        ArmStep("A", "Arm A", "2", "C", "Cells", "TREATMENT"),
        ArmStep("B", "Arm B", "1", "S"),
    )
    elements = (Element("S", "Screening", "Consent", "Randomisation", "P2W"),)
    first, second, third = made(ArmPlan((Arm("A", "Arm A"), Arm("B", "Arm B"), Arm("C", "Arm C")), steps, elements))[
        "action"
    ]
    assert [one["title"] for one in first["action"]] == ["Screening", "Cells"]
    assert first["action"][0]["description"] == "Starts: Consent; Ends: Randomisation; Takes P2W; Then: To A"
    assert first["action"][0]["code"] == [{"text": "SCREENING"}]
    assert [one["title"] for one in second["action"]] == ["Screening"]
    assert "action" not in third


def test_a_value_set_has_all_codes_of_its_code_system() -> None:
    values, system = made(ValueSet("pro-score")), made(CodeSystem("pro-score"))
    assert values["url"] == f"{NAMESPACE}/ValueSet/pro-score"
    assert values["compose"]["include"] == [{"system": system["url"], "version": system["version"]}]
    assert values["name"] == "ProScoreCodes"


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [("18 Years", "18", "a"), ("1 year", "1", "a"), ("6 Months", "6", "mo"), ("P50Y", "50", "a"), ("P3W", "3", "wk")],
)
def test_ages_are_read(text: str, value: str, unit: str) -> None:
    limit = age_limit(text)
    assert isinstance(limit, Quantity)
    assert limit.unit is not None
    assert (limit.value, limit.unit.ucum) == (value, unit)


@pytest.mark.parametrize("text", ["", "N/A", "eighteen", "18", "P", "PINF"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be an age"):
        age_limit(text)
