"""Records of every kind in many shapes, for the tests that look at whole resources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from fhir_msc.resources import (
    ArmPlan,
    CodeSystem,
    DesignLinks,
    Eligibility,
    Enrolment,
    Identity,
    InformedConsent,
    Links,
    ResourceContext,
    Responsibility,
    Schedule,
    SiteLocation,
    SiteStudy,
    Sponsor,
    own_code_systems,
    own_value_sets,
)
from fhir_msc.resources.diagnostic_report import Report
from fhir_msc.resources.medication_administration import Dispensed
from fhir_msc.resources.provenance import Lineage
from fhir_msc.resources.specimen import Sample as Drawn
from fhir_msc.trial import (
    AdverseEvent,
    Arm,
    ArmStep,
    CellProduct,
    Coding,
    Component,
    Concept,
    Condition,
    Consent,
    Criterion,
    Device,
    Disposition,
    Element,
    Infusion,
    Investigator,
    Medication,
    Observation,
    ObservationDescription,
    OutcomeMeasure,
    Participant,
    PlannedVisit,
    Quantity,
    ReferenceRange,
    Site,
    Study,
    StudyState,
    Unit,
    Visit,
)

IDENTITY = Identity(b"a secret for tests", "larch")
NAMESPACE = "https://fhir.hospital.example/trial"
LOINC = "http://loinc.org"
NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
_PROFILE = "http://hl7.org/fhir/StructureDefinition/"

STUDY = Study(
    identifier="MSC-2",
    title="Mesenchymal stromal cells in refractory lupus",
    phase="phase-2",
    purpose="treatment",
    description="Two doses of cells, and placebo.",
    official_title="A trial of two doses of cells",
    acronym="MSC",
    conditions=("Systemic lupus erythematosus", "Lupus nephritis"),
    keywords=("Lupus", "Cells"),
    interventions=("Cells", "Placebo"),
    features=(Concept(text="Allocation: randomized"), Concept((Coding(NCIT, "C82639"),), "Parallel")),
    countries=("USA",),
    collaborators=("Institute of Allergy",),
    planned_enrolment=80,
    actual_enrolment=81,
    registry="NCT00000000",
    sponsor="Example University",
    start="2019-03",
    end="2024-06-30",
    status_history=(StudyState("approved", "2019-01", "2019-03"), StudyState("active", "2019-03-04")),
    arms=(Arm("HIGH", "High dose", "5 million cells per kg", "Experimental"), Arm("PBO", "Placebo")),
    sites=(
        Site(
            "01", "Charleston", "Charleston", "South Carolina", "29425", "USA", "32.77", "-79.930", "America/New_York"
        ),
        Site("02"),
    ),
    investigators=(
        Investigator("Ada Example, MD", affiliation="Example University"),
        Investigator("Ben Example"),
        Investigator("Cy Example", "study-director"),
    ),
    outcome_measures=(
        OutcomeMeasure("Responders at week 24", "primary", "Week 24", "Those whose score fell"),
        OutcomeMeasure("To show that the cells do no harm", "secondary", is_objective=True),
    ),
    contact="+1 555 0100",
    product="ip-msc-blinded",
)


def context(*, blind: bool = True, synthetic: bool = True, study: Study = STUDY) -> ResourceContext:
    return ResourceContext(NAMESPACE, blind, study, IDENTITY, synthetic)


def links(type: str, *parts: str, bare: bool = False) -> Links:
    rid = IDENTITY.rid(type, parts)
    subject = rid if type == "Patient" else IDENTITY.rid("Patient", ("S1",))
    study = IDENTITY.rid("ResearchStudy", ("MSC-2", "01"))
    if bare:
        return Links(rid, subject, study)
    return Links(
        rid,
        subject,
        study,
        IDENTITY.rid("Encounter", ("S1", "3")),
        IDENTITY.rid("Consent", ("S1",)),
        IDENTITY.rid("Organization", ("01",)),
    )


def loinc(code: str, display: str) -> Concept:
    return Concept((Coding(LOINC, code, display),), display)


def hl7(system: str, code: str) -> Concept:
    return Concept((Coding(f"http://terminology.hl7.org/CodeSystem/{system}", code),))


_DESCRIBING = frozenset(one.name for one in fields(ObservationDescription))


def observation(number: int = 0, **given: object) -> Observation:
    """An observation; what is given of its description goes there."""
    what: dict[str, object] = {
        "category": "laboratory",
        "code": loinc("1751-7", "Albumin [Mass/volume] in Serum or Plasma"),
    }
    found: dict[str, object] = {
        "effective": "2012-11-23T08:00:00-05:00",
        "value": Quantity("39.0", Unit("g/L", "g/L")),
    }
    for name, value in given.items():
        (what if name in _DESCRIBING else found)[name] = value
    description = ObservationDescription(**what)  # type: ignore[arg-type]
    return Observation(("observation", "LB", "S1", str(number)), "S1", (), description, **found)  # type: ignore[arg-type]


def infusion(**fields: object) -> Infusion:
    return Infusion(("infusion", "EC", "S1"), "S1", (), **{"start": "2026-01-10T09:00:00+00:00", **fields})  # type: ignore[arg-type]


def visit(**fields: object) -> Visit:
    return Visit(("visit", "SV", "S1"), "S1", (), **{"number": "3", "name": "Week 4", **fields})  # type: ignore[arg-type]


def adverse_event(**fields: object) -> AdverseEvent:
    return AdverseEvent(("adverse-event", "AE", "S1"), "S1", (), **{"term": "Fever after infusion", **fields})  # type: ignore[arg-type]


def condition(**fields: object) -> Condition:
    return Condition(("condition", "MH", "S1"), "S1", (), **{"term": "Lupus nephritis", **fields})  # type: ignore[arg-type]


def medication(**fields: object) -> Medication:
    return Medication(("medication", "CM", "S1"), "S1", (), **{"term": "Deltasone", **fields})  # type: ignore[arg-type]


def participant(**fields: object) -> Participant:
    return Participant(("participant", "DM", "S1"), "S1", (), **fields)  # type: ignore[arg-type]


def consent(date: str | None, decision: str = "given") -> Consent:
    return Consent(("consent", "DS", "S1", decision), "S1", (), date, decision)  # type: ignore[arg-type]


def disposition(kind: str, date: str | None = None, scope: str = "study") -> Disposition:
    return Disposition(("disposition", "DS", "S1", kind), "S1", (), kind, date, scope)  # type: ignore[arg-type]


ROUTE = Concept((Coding("http://snomed.info/sct", "47625008"),), "Intravenous route")
CELLS = Quantity("1.50", Unit("10^6 cells/kg", "10*6/kg"))
SEALED: dict[str, object] = {
    "end": "2026-01-10T09:47:00+00:00",
    "product": Concept((Coding("investigational-product", "uc-msc"),), "UC-MSC"),
    "dose": CELLS,
    "volume": Quantity("100", Unit("mL", "mL")),
    "dose_text": '1 or "2"',
    "lot": 'L-"7"',
    "device": "DEV0001",
}
DEVICES = (
    Device("DEV0001", "Drug Auto-Injector", "Steady", "Example Devices", "A-2", 'S "1"', "L8"),
    Device("DEV0002"),
)
MMHG = Unit("mmHg", "mm[Hg]")
SCORE = Unit("score", "{score}")


def _observations() -> Iterator[Observation]:
    albumin = {
        "reference_range": ReferenceRange("34.0", "48.0"),
        "interpretation": hl7("v3-ObservationInterpretation", "N"),
    }
    yield observation(**albumin)
    yield observation(value=Quantity("0.5", Unit("mg/dL", "mg/dL"), "<"), reference_range=ReferenceRange(None, "1.0"))
    yield observation(value=Quantity("12", Unit("ZZ units")), reference_range=ReferenceRange(text="up to 15"))
    yield observation(value=Quantity("7"), effective="2012-11-23", note='haemolysed "slightly" – 5 %')
    yield observation(value="TRACE", specimen="URINE", method=Concept(text="Dipstick"))
    yield observation(value=Concept((Coding("http://snomed.info/sct", "10828004", "Positive"),), "POSITIVE"))
    yield observation(
        category=None,
        source_category=Concept((Coding(NCIT, "C103526", "PHQ-9"),), "PHQ-9"),
        value="Several days",
        components=(Component(Concept((Coding("pro-score", "item-score", "Score of an answer"),)), Quantity("1")),),
        performers=("INVESTIGATOR", "READER 1"),
    )
    yield observation(value=None, absent=hl7("data-absent-reason", "not-performed"), status="cancelled")
    yield observation(code=Concept((Coding("lab-test", "XYZ", "Sponsor's test"),), "Sponsor's test"), effective="2012")
    yield observation(
        category="vital-signs",
        code=loinc("29463-7", "Body weight"),
        value=Quantity("71.3", Unit("kg", "kg")),
        profiles=(f"{_PROFILE}bodyweight",),
    )
    yield observation(
        category="vital-signs",
        code=loinc("85354-9", "Blood pressure panel with all children optional"),
        value=None,
        components=(
            Component(loinc("8480-6", "Systolic blood pressure"), Quantity("120", MMHG)),
            Component(loinc("8462-4", "Diastolic blood pressure"), absent=hl7("data-absent-reason", "unknown")),
        ),
        profiles=(f"{_PROFILE}bp",),
        body_site=Concept(text="Left arm"),
        position=Concept(text="SUPINE"),
    )
    yield observation(
        category="survey",
        code=Concept((Coding("sle-assessment", "sledai-2k-total", "SLEDAI-2K total score"),), "SLEDAI-2K"),
        value=Quantity("6", SCORE),
        components=(
            Component(Concept((Coding("sle-assessment", "sledai-2k-arthritis"),)), Quantity("4", SCORE)),
            Component(Concept((Coding("sle-assessment", "sledai-2k-low-complement"),)), Quantity("2", SCORE)),
            Component(Concept(text="assessor's remark"), "50 % of joints"),
            Component(Concept(text="flare"), Concept((Coding("sle-assessment", "flare-none"),))),
        ),
    )


def _conditions() -> Iterator[Condition]:
    yield condition()
    yield condition(onset="1999", abatement="2001-05", status="resolved", category=Concept(text="RENAL"))
    yield condition(asserted="2010-06-01", recorded="2026-01-02T09:00:00+01:00", status="active", note='said "once"')
    yield condition(verification="refuted", severity=Concept(text="SEVERE"), body_site=Concept(text="EYE, LEFT"))
    yield condition(code=Concept((Coding("http://snomed.info/sct", "55464009"),), "SLE"), status="remission")


def _medications() -> Iterator[Medication]:
    prednisone = Concept((Coding("http://www.nlm.nih.gov/research/umls/rxnorm", "8640", "prednisone"),))
    daily = Concept((Coding("http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation", "QD", "QD"),), "QD")
    yield medication()
    yield medication(status="not-taken", status_reason=Concept(text="REFUSED"), recorded="2026-01-02")
    yield medication(code=prednisone, start="2019", status="active", frequency=daily, as_needed=True, route=ROUTE)
    yield medication(
        code=prednisone,
        form=Concept(text="TABLET"),
        category=Concept(text="PRIOR"),
        start="2019-03",
        end="2020-01-05",
        status="completed",
        reason='lupus, "flare"',
        dose=Quantity("5.0", Unit("mg", "mg")),
        dose_text="one in the morning",
        body_site=Concept(text="SKIN"),
        note="as told",
    )


def _infusions(blind: bool) -> Iterator[Infusion]:
    yield infusion(route=ROUTE)
    yield infusion(start=None, status="not-done", reason=Concept(text="ADVERSE EVENT"))
    yield infusion(start="2026-01-10", status="stopped")
    if not blind:
        yield infusion(route=ROUTE, form=Concept(text="INFUSION"), **SEALED)
        yield infusion(**{**SEALED, "lot": None, "dose": None, "route": ROUTE})
        yield infusion(dose=CELLS, lot="L8")


def cell_product(**fields: object) -> CellProduct:
    return CellProduct(("cell-product", "pharmacy", "S1"), "S1", (), **fields)  # type: ignore[arg-type]


def _cell_products() -> Iterator[CellProduct]:
    yield cell_product()
    yield cell_product(processed="2017-06", available=True)
    yield cell_product(
        lot="L8",
        kit="K1",
        donor="DONOR-2",
        product=Concept((Coding("investigational-product", "uc-msc"),), "UC-MSC"),
        cells=Quantity("329.9", Unit("10*6 cells", "10*6")),
        viability=Quantity("84.8", Unit("%", "%")),
        collected="2017-05-02",
        processing=("Explant culture", "Expansion to passage 4"),
        processed="2017-06-20",
        passage="4",
        expiry="2027-06",
        thawed="2026-01-10T08:30:00+00:00",
        storage_temperature=Quantity("-150", Unit("°C", "Cel")),
        available=False,
    )


def _adverse_events() -> Iterator[AdverseEvent]:
    yield adverse_event()
    yield adverse_event(
        start="2026-01-10",
        severity="mild",
        serious=False,
        outcome="resolved",
        relatedness="RELATED",
        end="2026-01-12",
        action="DOSE NOT CHANGED",
    )
    yield adverse_event(
        start="2026-01",
        severity="severe",
        grade=Concept((Coding(NCIT, "C41337", "Grade 4 Life Threatening or Disabling Adverse Event"),)),
        serious=True,
        criteria=(Concept((Coding(NCIT, "C83052"),)), Concept((Coding(NCIT, "C84266"),))),
        outcome="ongoing",
    )
    yield adverse_event(serious=True, criteria=(Concept((Coding(NCIT, "C82521"),)),), outcome="fatal")


def _enrolments() -> Iterator[Enrolment]:
    given = InformedConsent(consent("2026-01-02"))
    yield Enrolment(participant())
    yield Enrolment(participant(label="0007"), given)
    yield Enrolment(participant(arm="HIGH", actual_arm="HIGH"), given, (disposition("randomised", "2026-01-05"),))
    yield Enrolment(participant(), given, (disposition("completed", "2026-12-31"),))
    yield Enrolment(participant(), InformedConsent(consent("2026-01-02"), consent("2026-03-04", "withdrawn")))


Sample = tuple[object, Links]

DESIGN = DesignLinks(
    location=IDENTITY.rid("Location", ("01",)),
    practitioner=IDENTITY.rid("Practitioner", ("Ada Example, MD",)),
    investigators=(
        IDENTITY.rid("PractitionerRole", ("Ada Example, MD",)),
        IDENTITY.rid("Practitioner", ("Ben Example",)),
        IDENTITY.rid("Practitioner", ("Cy Example",)),
    ),
    enrollment=(IDENTITY.rid("Group", ("1",)), IDENTITY.rid("Group", ("2",))),
    protocol=(IDENTITY.rid("PlanDefinition", ("visits",)), IDENTITY.rid("PlanDefinition", ("arms",))),
)

VISITS = (
    PlannedVisit("1", "Screening", -14, 14, 0),
    PlannedVisit("2", "Baseline", 0),
    PlannedVisit("3.1", "Week 4", 28, 3, 3),
    PlannedVisit("4", "Week 12", 84, None, 5, arm="HIGH"),
    PlannedVisit("101", None, start="When somebody leaves early", end="When all is done"),
)
CRITERIA = (
    Criterion("At least 18 years, SLEDAI >= 6", True, "I1", "1.0"),
    Criterion("Pregnant\nor breast feeding", False, "E1", "1.0", "sdtm-ietestcd"),
    Criterion("Able to consent", True),
)


def _protocol() -> Iterator[Sample]:
    """What belongs to the study and to no participant."""
    for site in STUDY.sites:
        yield SiteLocation(site), links("Location", site.identifier)
    for investigator in STUDY.investigators:
        yield investigator, Links(IDENTITY.rid("Practitioner", (investigator.name,)))
        yield Responsibility(investigator), links("PractitionerRole", investigator.name)._replace(design=DESIGN)
        bare = Links(IDENTITY.rid("PractitionerRole", (investigator.name,)), design=DESIGN._replace(location=None))
        yield Responsibility(investigator), bare
    ages = (Quantity("18", Unit("years", "a")), Quantity("65", Unit("years", "a")))
    yield Eligibility("1.0", CRITERIA, *ages, "female", False, "* raw \\>= 6"), links("Group", "1")
    yield Eligibility(None, CRITERIA[2:], None, ages[1], healthy_volunteers=True), links("Group", "2")
    yield Eligibility(text="Inclusion Criteria:"), links("Group", "3")
    for visits in (VISITS, VISITS[-1:], (*VISITS, PlannedVisit("a visit", "Without a number"))):
        yield Schedule(visits), links("PlanDefinition", "visits")
    steps = (
        ArmStep("HIGH", "High dose", "1", "SCREEN", "Screening", "SCREENING", "Randomised to high dose"),
        ArmStep("HIGH", "High dose", "2", "CELLS", epoch="TREATMENT", transition="Passed over where refused"),
        ArmStep("PBO", "Placebo", "1", "SCREEN"),
    )
    elements = (Element("SCREEN", "Screening", "Consent", "Randomisation", "P2W"), Element("CELLS", "Cells"))
    yield ArmPlan(STUDY.arms, steps, elements), links("PlanDefinition", "arms")


def samples(*, blind: bool) -> Iterator[Sample]:
    """Records with their links, of every class that becomes a resource."""
    sponsor = Links(
        IDENTITY.rid("ResearchStudy", ("MSC-2",)), service_provider=IDENTITY.rid("Organization", ("",)), design=DESIGN
    )
    for system in own_code_systems():
        yield CodeSystem(system.name), Links(IDENTITY.rid("CodeSystem", (system.name,)))
    for values in own_value_sets():
        yield values, Links(IDENTITY.rid("ValueSet", (values.name,)))
    yield from _protocol()
    yield Sponsor("Example University"), links("Organization", "sponsor")
    yield STUDY, sponsor
    yield Study("BARE", "A study of which little is known"), Links(IDENTITY.rid("ResearchStudy", ("BARE",)))
    for site in STUDY.sites:
        yield site, links("Organization", site.identifier)
        yield SiteStudy(site), links("ResearchStudy", "MSC-2", site.identifier)
    at_site = links("ResearchStudy", "MSC-2", "01")._replace(design=DESIGN)
    yield SiteStudy(STUDY.sites[0]), at_site
    yield participant(), links("Patient", "S1", bare=True)
    yield participant(sex="female", birth_date="1951", died=True), links("Patient", "S1")
    yield participant(sex="male", birth_date="1951-03-07", death_date="2026-05-06", died=True), links("Patient", "S1")
    yield InformedConsent(consent("2026-01-02")), links("Consent", "S1")
    yield InformedConsent(consent("2026-01"), consent("2026-03-04", "withdrawn")), links("Consent", "S1")
    yield InformedConsent(consent(None), consent(None, "withdrawn")), links("Consent", "S1", bare=True)
    for enrolment in _enrolments():
        yield enrolment, links("ResearchSubject", "S1")
    yield visit(start="2026-02-10", end="2026-02-11"), links("Encounter", "S1", "3")
    yield visit(start="2026-02-10T09:00:00Z", name=None, reason='flare, "mild"'), links("Encounter", "S1", "3")
    yield visit(status="cancelled", number=None, name=None), links("Encounter", "S1", "3", bare=True)
    for given in _infusions(blind):
        yield given, links("MedicationAdministration", "S1")
        yield given, links("MedicationAdministration", "S1", bare=True)
    if not blind:
        for unit in _cell_products():
            yield unit, links("BiologicallyDerivedProduct", "S1")
        units = tuple(IDENTITY.rid("BiologicallyDerivedProduct", (name,)) for name in ("K1", "K2"))
        yield Dispensed(infusion(**SEALED), units), links("MedicationAdministration", "S1")
        with_device = links("MedicationAdministration", "S1")._replace(device=IDENTITY.rid("Device", ("DEV0001",)))
        yield infusion(**SEALED), with_device
        yield Dispensed(infusion(**SEALED), units), with_device
        for device in DEVICES:
            yield device, links("Device", device.identifier)
        yield Dispensed(infusion(start=None, status="not-done"), units[:1]), links("MedicationAdministration", "S1")
    for seen in _observations():
        yield seen, links("Observation", "S1")
        yield seen, links("Observation", "S1", bare=True)
    about = tuple(IDENTITY.rid("AdverseEvent", ("S1", name)) for name in ("RASH", "FEVER"))
    yield observation(value="Y"), links("Observation", "S1")._replace(focus=about)
    serum = links("Observation", "S1")._replace(specimen=IDENTITY.rid("Specimen", ("S1", "LB", "SERUM", "958")))
    yield observation(specimen="SERUM", sample="958"), serum
    yield Drawn("958", "SERUM", "2012-11-23T08:00:00-05:00"), links("Specimen", "S1")
    yield Drawn('9 "58"', "WHOLE BLOOD"), links("Specimen", "S1", "2")
    results = tuple(IDENTITY.rid("Observation", ("S1", name)) for name in ("ALB", "AST"))
    yield Report("CHEMISTRY", "laboratory", "2012-11-23", results, {"final"}), links("DiagnosticReport", "S1")
    yield Report('Gait "6MWT"', None, None, results[:1], {"cancelled"}), links("DiagnosticReport", "S1", bare=True)
    for illness in _conditions():
        yield illness, links("Condition", "S1")
    for drug in _medications():
        yield drug, links("MedicationStatement", "S1")
    for event in _adverse_events():
        yield event, links("AdverseEvent", "S1")
        yield event, links("AdverseEvent", "S1", bare=True)
    told = (("Patient", IDENTITY.rid("Patient", ("S1",))), ("Observation", IDENTITY.rid("Observation", ("S1", "0"))))
    yield Lineage("LB", "2026-06-30T18:00:00+02:00", told), Links(IDENTITY.rid("Provenance", ("LB", "S1")))
    yield Lineage('a "table"', "2026-06-30T18:00:00.125Z", told[:1]), Links(IDENTITY.rid("Provenance", ("T",)))
