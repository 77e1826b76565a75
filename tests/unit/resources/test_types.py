"""What each resource says, where the reference fixes it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fhir_msc.errors import UsageError
from fhir_msc.resources import (
    CodeSystem,
    Enrolment,
    InformedConsent,
    Links,
    ResourceContext,
    SiteStudy,
    builder_for,
    own_code_systems,
    serialise,
)
from fhir_msc.resources.research_subject import standing
from fhir_msc.trial import Coding, Component, Concept, Disposition, Quantity, ReferenceRange, Study, Unit
from tests.unit.resources.samples import (
    CELLS,
    IDENTITY,
    NCIT,
    ROUTE,
    SCORE,
    STUDY,
    adverse_event,
    condition,
    consent,
    context,
    disposition,
    infusion,
    links,
    medication,
    observation,
    participant,
    visit,
)

EXAMPLES = Path("../shared/reference/fhir/examples")


def made(record: object, *, study: Study = STUDY, blind: bool = True, bare: bool = False) -> dict[str, Any]:
    builder = builder_for(type(record))
    here = context(blind=blind, synthetic=False, study=study)
    body: dict[str, Any] = json.loads(serialise(builder.build(record, links(builder.type, "S1", bare=bare), here)))
    return body


GIVEN = InformedConsent(consent("2026-01-02"))
WITHDRAWN = InformedConsent(consent("2026-01-02"), consent("2026-03-04", "withdrawn"))


@pytest.mark.parametrize(
    ("agreed", "events", "expected"),
    [
        (None, (), ("candidate", None)),
        (GIVEN, (), ("screening", None)),
        (GIVEN, (disposition("enrolled", "2026-01-03"),), ("on-study", None)),
        (GIVEN, (disposition("randomised", "2026-01-05"), disposition("enrolled")), ("on-study-intervention", None)),
        (GIVEN, (disposition("screen-failure", "2026-01-04"),), ("ineligible", "2026-01-04")),
        (GIVEN, (disposition("completed", "2026-05-01", "treatment"),), ("follow-up", None)),
        (GIVEN, (disposition("discontinued", "2026-05-01", "treatment"),), ("follow-up", None)),
        (GIVEN, (disposition("discontinued", "2026-05-01"),), ("off-study", "2026-05-01")),
        (GIVEN, (disposition("completed", "2026-12-31"),), ("off-study", "2026-12-31")),
        (GIVEN, (disposition("lost-to-follow-up", "2026-07"),), ("off-study", "2026-07")),
        (
            GIVEN,
            (disposition("unclear-withdrawal", "2026-07"), disposition("randomised")),
            ("on-study-intervention", None),
        ),
        (GIVEN, (disposition("consent-withdrawn", "2026-06-01"),), ("withdrawn", "2026-06-01")),
        (WITHDRAWN, (disposition("completed", "2026-12-31"),), ("withdrawn", "2026-03-04")),
        (
            GIVEN,
            (disposition("completed", "2026-12-31"), disposition("died", "2026-11-30")),
            ("off-study", "2026-11-30"),
        ),
    ],
)
def test_research_subject_status(
    agreed: InformedConsent | None, events: tuple[Disposition, ...], expected: tuple[str, str | None]
) -> None:
    assert standing(Enrolment(participant(), agreed, events)) == expected
    assert standing(Enrolment(participant(), agreed, events[::-1])) == expected


def test_research_subject_says_when_and_who() -> None:
    body = made(Enrolment(participant(label="0007"), WITHDRAWN))
    assert body["period"] == {"start": "2026-01-02", "end": "2026-03-04"}
    assert body["identifier"][1] == {"system": "https://fhir.hospital.example/trial/id/subject", "value": "0007"}
    assert made(Enrolment(participant()))["identifier"][1]["value"] == "S1"
    assert made(Enrolment(participant(), None, (disposition("randomised", "2026-01-05"),)))["period"] == {
        "start": "2026-01-05"
    }


def test_patient_is_pseudonymous() -> None:
    body = made(participant(label="0007", sex="female", birth_date="1951", site="01", country="USA"))
    assert set(body) == {"resourceType", "id", "meta", "identifier", "gender", "birthDate", "managingOrganization"}
    assert "0007" not in str(body)
    assert body["meta"]["security"][0]["code"] == "PSEUDED"


@pytest.mark.parametrize(
    ("died", "date", "element"),
    [(False, None, {}), (True, None, {"deceasedBoolean": True}), (True, "2026-05", {"deceasedDateTime": "2026-05"})],
)
def test_patient_death(died: bool, date: str | None, element: dict[str, object]) -> None:
    body = made(participant(died=died, death_date=date))
    assert {name: value for name, value in body.items() if name.startswith("deceased")} == element


def test_consent_ends_with_its_withdrawal() -> None:
    assert made(GIVEN)["status"] == "active"
    assert "period" not in made(GIVEN)["provision"]
    assert made(WITHDRAWN)["status"] == "inactive"
    assert made(WITHDRAWN)["provision"]["period"] == {"end": "2026-03-04"}


def test_blind_infusion_is_the_whitelist() -> None:
    body = made(infusion(route=ROUTE))
    assert set(body) == {
        "resourceType", "id", "meta", "extension", "identifier", "status", "medicationCodeableConcept", "subject",
        "context", "effectiveDateTime",
    }  # fmt: skip
    assert body["medicationCodeableConcept"] == {
        "coding": [
            {
                "system": "https://fhir.hospital.example/trial/CodeSystem/investigational-product",
                "code": "ip-msc-blinded",
                "display": "Study infusion (UC-MSC or matching placebo, blinded)",
            }
        ],
        "text": "BLINDED: Study infusion (UC-MSC or matching placebo, blinded), protocol MSC-2. Route: Intravenous "
        "route. Treat as cell product received. Emergency unblinding: +1 555 0100 (24 h)",
    }


@pytest.mark.parametrize(
    ("product", "contact", "text"),
    [
        (None, None, "BLINDED: Study product (blinded), protocol MSC-2. Treat as active product received."),
        ("Drug X or placebo", "+1", "BLINDED: Drug X or placebo, protocol MSC-2. Treat as active product received. "
         "Emergency unblinding: +1 (24 h)"),
    ],
)  # fmt: skip
def test_a_study_of_another_product_is_not_called_cells(product: str | None, contact: str | None, text: str) -> None:
    medication = made(infusion(), study=replace(STUDY, product=product, contact=contact))["medicationCodeableConcept"]
    assert medication["coding"][0]["code"] == "ip-blinded"
    assert medication["text"] == text


def test_unblinded_infusion_has_dose_product_time_and_lot() -> None:
    product = Concept(text="UC-MSC")
    body = made(
        infusion(route=ROUTE, product=product, dose=CELLS, end="2026-01-10T09:47:00+00:00", lot="L7"), blind=False
    )
    assert body["dosage"] == {
        "route": {"coding": [{"system": "http://snomed.info/sct", "code": "47625008"}], "text": "Intravenous route"},
        "dose": {"value": 1.5, "unit": "10^6 cells/kg", "system": "http://unitsofmeasure.org", "code": "10*6/kg"},
    }
    assert body["contained"] == [
        {"resourceType": "Medication", "id": "product", "code": {"text": "UC-MSC"}, "batch": {"lotNumber": "L7"}}
    ]
    assert body["medicationReference"] == {"reference": "#product"}
    assert body["effectivePeriod"] == {"start": "2026-01-10T09:00:00+00:00", "end": "2026-01-10T09:47:00+00:00"}


def test_dosage_needs_a_dose() -> None:
    assert "dosage" not in made(infusion(route=ROUTE), blind=False)
    volume = Quantity("100", Unit("mL", "mL"))
    assert made(infusion(volume=volume), blind=False)["dosage"]["dose"]["code"] == "mL"
    assert made(infusion(volume=volume, dose=CELLS), blind=False)["dosage"]["text"] == "Volume 100 mL"


def test_a_dose_in_words_keeps_its_words() -> None:
    volume = Quantity("100", Unit("mL", "mL"))
    reason = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
    assert made(infusion(dose_text="1-2"), blind=False)["dosage"] == {"text": "1-2", "dose": {"extension": [reason]}}
    of_volume = made(infusion(dose_text="1-2 vials", volume=volume), blind=False)["dosage"]
    assert (of_volume["text"], of_volume["dose"]["code"]) == ("1-2 vials", "mL")
    both = made(infusion(dose_text="1-2", dose=CELLS, volume=volume), blind=False)["dosage"]
    assert both["text"] == "1-2, Volume 100 mL"


def test_infusion_that_was_not_given_says_why_and_that_its_time_is_unknown() -> None:
    body = made(infusion(start=None, status="not-done", reason=Concept(text="FEVER")))
    assert body["statusReason"] == [{"text": "FEVER"}]
    assert "received" not in body["medicationCodeableConcept"]["text"]
    assert "effectiveDateTime" not in body
    assert body["effectivePeriod"]["extension"][0]["valueCode"] == "unknown"


def test_quantity_has_a_code_only_in_ucum() -> None:
    assert made(observation(value=Quantity("12", Unit("ZZ units"), "<")))["valueQuantity"] == {
        "value": 12,
        "comparator": "<",
        "unit": "ZZ units",
    }
    assert made(observation(value=Quantity("1")))["valueQuantity"] == {"value": 1}


def test_range_is_in_the_unit_of_the_value() -> None:
    seen = observation(value=Quantity("12", Unit("g/dL", "g/dL")), reference_range=ReferenceRange(high="15", text="t"))
    limit = {"value": 15, "unit": "g/dL", "system": "http://unitsofmeasure.org", "code": "g/dL"}
    assert made(seen)["referenceRange"] == [{"high": limit, "text": "t"}]
    assert made(replace(seen, value=None))["referenceRange"] == [{"high": {"value": 15}, "text": "t"}]
    assert "referenceRange" not in made(replace(seen, reference_range=ReferenceRange()))


def test_codes_without_a_full_system_are_the_project_s_own() -> None:
    codings = (
        Coding("sle-assessment", "a"),
        Coding("urn:oid:1.2", "b"),
        Coding("http://loinc.org", "c"),
        Coding("", "d"),
    )
    systems = [coding.get("system") for coding in made(observation(code=Concept(codings)))["code"]["coding"]]
    own = "https://fhir.hospital.example/trial/CodeSystem/sle-assessment"
    assert systems == [own, "urn:oid:1.2", "http://loinc.org", None]


def test_components_carry_values_of_their_own() -> None:
    code = Concept(text="c")
    parts = (Component(code, Quantity("4", SCORE)), Component(code, "words"), Component(code, absent=Concept(text="?")))
    body = made(observation(value=None, components=parts))
    assert [sorted(part) for part in body["component"]] == [
        ["code", "valueQuantity"],
        ["code", "valueString"],
        ["code", "dataAbsentReason"],
    ]


@pytest.mark.parametrize(
    ("serious", "criteria", "code"),
    [
        (None, (), None),
        (False, (), "Non-serious"),
        (True, (), "Serious"),
        (True, ("C82521",), "Serious"),
        (True, ("C83052",), "SeriousResultsInHospitalization"),
        (True, ("C83052", "C48275"), "SeriousResultsInDeath"),
        (True, ("C83117", "C84266"), "SeriousIsLifeThreatening"),
    ],
)
def test_seriousness_is_spelled_as_r4_does(serious: bool | None, criteria: tuple[str, ...], code: str | None) -> None:
    event = adverse_event(serious=serious, criteria=tuple(Concept((Coding(NCIT, each),)) for each in criteria))
    body = made(event)
    assert body.get("seriousness", {"coding": [{"code": None}]})["coding"][0]["code"] == code
    assert len(body.get("extension", ())) == len(criteria)


def test_adverse_event_names_a_suspect_only_where_somebody_judged() -> None:
    assert "suspectEntity" not in made(adverse_event())
    assert made(adverse_event(relatedness="RELATED"))["suspectEntity"] == [
        {
            "instance": {"type": "MedicationAdministration", "display": "Study treatment"},
            "causality": [{"productRelatedness": "RELATED"}],
        }
    ]


def test_visit_is_named_by_the_protocol() -> None:
    assert made(visit())["type"] == [{"text": "Week 4"}]
    assert made(visit(name=None))["type"] == [{"text": "Visit 3"}]
    assert "type" not in made(visit(name=None, number=None))


def test_site_study_is_part_of_the_study_and_names_its_site() -> None:
    own = links("ResearchStudy", "S1")
    assert made(SiteStudy(STUDY.sites[0]))["partOf"] == [{"reference": f"ResearchStudy/{own.study}"}]


def test_study_lists_its_arms_and_how_it_is_masked() -> None:
    body = made(STUDY)
    assert [arm["name"] for arm in body["arm"]] == ["High dose", "Placebo"]
    assert body["category"][0]["coding"][0]["code"] == "C15228"
    assert made(replace(STUDY, masking="none"))["category"][0] == {"text": "Masking: none"}


def test_own_code_systems_are_whole() -> None:
    names = [system.name for system in own_code_systems()]
    assert names == ["data-origin", "investigational-product", "pro-score", "security-label", "sle-assessment"]
    for name in names:
        body = made(CodeSystem(name))
        assert body["url"] == f"https://fhir.hospital.example/trial/CodeSystem/{name}"
        codes = [concept["code"] for concept in body["concept"]]
        assert len(set(codes)) == len(codes) == body["count"]
        assert all(concept["display"] and concept["definition"] for concept in body["concept"])


@pytest.mark.shared
@pytest.mark.parametrize("name", ["Patient", "Consent", "ResearchSubject", "MedicationAdministration", "AdverseEvent"])
def test_has_what_the_reference_example_has(name: str) -> None:
    example = json.loads((EXAMPLES / f"{name}.json").read_text())
    records: dict[str, object] = {
        "Patient": participant(sex="female"),
        "Consent": GIVEN,
        "ResearchSubject": Enrolment(participant(label="S01-0007"), GIVEN, (disposition("randomised"),)),
        "MedicationAdministration": infusion(),
        "AdverseEvent": adverse_event(
            start="2026-01-10", severity="mild", serious=False, outcome="resolved", relatedness="RELATED"
        ),
    }
    body = made(records[name], bare=True)
    assert set(example) - {"consent"} <= set(body)
    same = "status scope category policyRule actuality event date seriousness severity outcome gender effectiveDateTime"
    for element in same.split():
        assert body.get(element) == example.get(element)


def test_every_element_of_the_context_is_checked() -> None:
    for namespace in ("fhir-msc", "https://fhir.hospital.example/", ""):
        with pytest.raises(UsageError, match="namespace"):
            ResourceContext(namespace, True, STUDY, IDENTITY)


def test_links_default_to_absent() -> None:
    body = builder_for(type(visit())).build(visit(), Links("e1"), context())
    assert {"subject", "extension", "serviceProvider"}.isdisjoint(body)


def test_a_condition_is_of_the_problem_list_where_its_status_is_known() -> None:
    bare = made(condition(onset="1999"))
    assert set(bare) == {"resourceType", "id", "identifier", "code", "subject", "onsetDateTime"}, "no tie to the study"
    ended = made(condition(abatement="2001", status="resolved", category=Concept(text="RENAL")))
    assert [one.get("text") or one["coding"][0]["code"] for one in ended["category"]] == ["problem-list-item", "RENAL"]
    assert ended["clinicalStatus"]["coding"][0]["code"] == "resolved"
    refuted = made(condition(verification="refuted"))
    assert refuted["verificationStatus"]["coding"][0]["code"] == "refuted"
    assert not {"clinicalStatus", "category"} & set(refuted)
    diagnosed = made(condition(asserted="2010-06"))
    assert diagnosed["extension"] == [
        {"url": "http://hl7.org/fhir/StructureDefinition/condition-assertedDate", "valueDateTime": "2010-06"}
    ]


def test_a_medication_is_inside_where_its_form_is_known() -> None:
    plain = made(medication(code=Concept((Coding("urn:x", "8640"),), "other words"), start="2019", status="active"))
    assert plain["medicationCodeableConcept"] == {"coding": [{"system": "urn:x", "code": "8640"}], "text": "Deltasone"}
    assert plain["effectivePeriod"] == {"start": "2019"}
    assert plain["extension"][0]["url"].endswith("workflow-researchStudy")
    assert not {"contained", "dosage"} & set(plain)
    formed = made(medication(form=Concept(text="TABLET"), dose=Quantity("5.0", Unit("mg", "mg")), as_needed=True))
    [inside] = formed["contained"]
    assert formed["medicationReference"] == {"reference": f"#{inside['id']}"}
    assert (inside["code"], inside["form"]) == ({"text": "Deltasone"}, {"text": "TABLET"})
    [dosage] = formed["dosage"]
    assert dosage["asNeededBoolean"] is True
    assert dosage["doseAndRate"][0]["doseQuantity"]["value"] == 5.0


def test_an_observation_names_its_instrument_and_who_judged() -> None:
    body = made(observation(source_category=Concept(text="PHQ-9"), performers=("INVESTIGATOR", "READER 1")))
    assert [one.get("text") for one in body["category"]] == [None, "PHQ-9"]
    assert body["performer"] == [{"display": "INVESTIGATOR"}, {"display": "READER 1"}]
    assert "category" not in made(observation(category=None))
