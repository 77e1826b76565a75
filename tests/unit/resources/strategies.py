"""Random trial records."""

from __future__ import annotations

from hypothesis import strategies as st

from fhir_msc.resources import InformedConsent, Links
from fhir_msc.resources.diagnostic_report import Report
from fhir_msc.resources.specimen import Sample
from fhir_msc.trial import (
    AdverseEvent,
    Coding,
    Component,
    Concept,
    Condition,
    Consent,
    Infusion,
    Medication,
    Observation,
    ObservationDescription,
    Quantity,
    ReferenceRange,
    Unit,
    Visit,
)
from tests.unit.resources.samples import IDENTITY

text = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12) | st.sampled_from(
    ["100 %", "%s", '"', "\\", "é", "a/b", "{}"]
)
decimal = st.from_regex(r"-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)
date_time = st.sampled_from(
    ["2021", "2021-03", "2021-03-04", "2021-03-04T05:06:07Z", "2021-03-04T05:06:07.089-05:00", "2022-01-01"]
)
absent = st.none()

coding = st.builds(Coding, st.sampled_from(["http://loinc.org", "urn:oid:1.2", "own", ""]), text, absent | text)
concept = st.builds(Concept, st.lists(coding, max_size=2).map(tuple), absent | text)
unit = st.builds(Unit, text, absent | st.sampled_from(["g/L", "%", "10*9/L"]))
quantity = st.builds(Quantity, decimal, absent | unit, st.sampled_from([None, None, "<", ">="]))
value = absent | quantity | concept | text


def rid(type: str) -> st.SearchStrategy[str]:
    return st.integers(0, 5).map(lambda number: IDENTITY.rid(type, (str(number),)))


links = st.builds(
    Links,
    rid("Basic"),
    absent | rid("Patient"),
    absent | rid("ResearchStudy"),
    absent | rid("Encounter"),
    absent | rid("Consent"),
    absent | rid("Organization"),
    specimen=absent | rid("Specimen"),
    device=absent | rid("Device"),
    focus=st.lists(rid("AdverseEvent"), max_size=2, unique=True).map(tuple),
)

_own = {"key": st.just(("k",)), "participant": st.just("S1"), "origins": st.just(())}

descriptions = st.builds(
    ObservationDescription,
    category=st.sampled_from([None, "laboratory", "survey"]),
    code=concept,
    interpretation=absent | concept,
    status=st.sampled_from(["final", "preliminary"]),
    method=absent | concept,
    position=absent | concept,
    body_site=absent | concept,
    specimen=absent | text,
    source_category=absent | concept,
    performers=st.lists(text, max_size=2).map(tuple),
)
observations = st.builds(
    Observation,
    **_own,
    description=descriptions,
    effective=absent | date_time,
    value=value,
    components=st.lists(st.builds(Component, concept, value, absent | concept), max_size=3).map(tuple),
    absent=absent | concept,
    reference_range=absent | st.builds(ReferenceRange, absent | decimal, absent | decimal, absent | text),
    visit=absent | text,
    sample=absent | text,
    profiles=st.lists(st.sampled_from(["http://a.example/p", "http://a.example/q"]), max_size=2).map(tuple),
    note=absent | text,
    device=absent | text,
)
visits = st.builds(
    Visit,
    **_own,
    number=absent | text,
    name=absent | text,
    start=absent | date_time,
    end=absent | date_time,
    status=st.sampled_from(["finished", "planned"]),
    reason=absent | text,
)
infusions = st.builds(
    Infusion,
    **_own,
    start=absent | date_time,
    status=st.sampled_from(["completed", "not-done"]),
    reason=absent | concept,
    route=absent | concept,
    form=absent | concept,
    visit=absent | text,
    end=absent | date_time,
    product=absent | concept,
    dose=absent | quantity,
    volume=absent | quantity,
    dose_text=absent | text,
    lot=absent | text,
    device=absent | text,
)
conditions = st.builds(
    Condition,
    **_own,
    term=text,
    code=absent | concept,
    onset=absent | date_time,
    abatement=absent | date_time,
    asserted=absent | date_time,
    recorded=absent | date_time,
    status=st.sampled_from([None, "active", "resolved"]),
    verification=st.sampled_from([None, "confirmed"]),
    category=absent | concept,
    severity=absent | concept,
    body_site=absent | concept,
    note=absent | text,
)
medications = st.builds(
    Medication,
    **_own,
    term=text,
    code=absent | concept,
    form=absent | concept,
    category=absent | concept,
    start=absent | date_time,
    end=absent | date_time,
    recorded=absent | date_time,
    status=st.sampled_from(["active", "completed", "not-taken"]),
    status_reason=absent | concept,
    reason=absent | text,
    dose=absent | quantity,
    dose_text=absent | text,
    frequency=absent | concept,
    as_needed=st.booleans(),
    route=absent | concept,
    body_site=absent | concept,
    note=absent | text,
)
reports = st.builds(
    Report,
    name=text,
    category=st.sampled_from([None, "laboratory", "survey"]),
    effective=absent | date_time,
    results=st.lists(rid("Observation"), min_size=1, max_size=4, unique=True).map(tuple),
    statuses=st.sets(st.sampled_from(["final", "preliminary", "cancelled", "amended"]), min_size=1, max_size=2),
)
adverse_events = st.builds(
    AdverseEvent,
    **_own,
    term=text,
    start=absent | date_time,
    end=absent | date_time,
    severity=st.sampled_from([None, "mild", "severe"]),
    grade=absent | concept,
    serious=st.sampled_from([None, True, False]),
    criteria=st.lists(concept, max_size=2).map(tuple),
    outcome=st.sampled_from([None, "resolved", "fatal"]),
    relatedness=absent | text,
    action=absent | text,
)
_consents = st.builds(Consent, **_own, date=absent | date_time)
consents = st.builds(InformedConsent, _consents, absent | _consents)
samples = st.builds(Sample, identifier=text, kind=text, collected=absent | date_time)
