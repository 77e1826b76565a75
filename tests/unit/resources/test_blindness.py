"""In a blind context nothing that tells the arm reaches a byte."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_msc.errors import BlindError
from fhir_msc.release.blinding import SEALED_FIELDS
from fhir_msc.resources import Enrolment, InformedConsent, Links, builder_for, compile_template, serialise
from fhir_msc.resources.medication_administration import Dispensed
from fhir_msc.trial import Infusion, Observation, Participant
from tests.unit.resources import strategies
from tests.unit.resources.samples import (
    SEALED,
    cell_product,
    consent,
    context,
    infusion,
    links,
    observation,
    participant,
)

BLIND = context(blind=True)


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(strategies.infusions, strategies.infusions) | st.tuples(strategies.observations, strategies.observations),
    strategies.links,
)
def test_sealed_fields_change_nothing(
    records: tuple[Infusion, Infusion] | tuple[Observation, Observation], its_links: Links
) -> None:
    one, other = records
    sealed = {name: getattr(other, name) for name in SEALED_FIELDS[type(one)]}
    builder = builder_for(type(one))
    layout = builder.layout
    assert layout is not None
    changed = replace(one, **sealed)
    assert serialise(builder.build(one, its_links, BLIND)) == serialise(builder.build(changed, its_links, BLIND))
    assert layout.shape(one, its_links, BLIND) == layout.shape(changed, its_links, BLIND)
    templates = [compile_template(layout, record, its_links, BLIND) for record in (one, changed)]
    assert templates[0].sample() == templates[1].sample()
    assert templates[0].slots == templates[1].slots


def test_what_only_active_arms_have_is_refused_blind() -> None:
    """Not left out: made at all, it would tell by being there."""
    for record in (cell_product(lot="L8"), Dispensed(infusion(), ("b" + 40 * "0",))):
        with pytest.raises(BlindError):
            builder_for(type(record)).build(record, links("x"), BLIND)  # type: ignore[arg-type]


@given(st.none() | strategies.text, st.none() | strategies.text)
def test_arms_change_nothing(arm: str | None, actual_arm: str | None) -> None:
    for kind, wrap in ((Participant, lambda person: person), (Enrolment, Enrolment)):
        builder = builder_for(kind)
        bodies = {
            serialise(builder.build(wrap(person), links(builder.type, "S1"), BLIND))
            for person in (participant(), participant(arm=arm, actual_arm=actual_arm))
        }
        assert len(bodies) == 1


@settings(max_examples=60, deadline=None)
@given(strategies.conditions | strategies.medications | strategies.observations, strategies.links)
def test_what_has_no_sealed_field_is_the_same_blind_or_not(record: object, its_links: Links) -> None:
    builder = builder_for(type(record))
    if isinstance(record, Observation):
        record, its_links = replace(record, device=None), its_links._replace(device=None)
    bodies = {serialise(builder.build(record, its_links, context(blind=blind))) for blind in (True, False)}
    assert len(bodies) == 1


def test_unblinded_they_do_change_it() -> None:
    """The tests above would pass on builders that never use these fields."""
    here = context(blind=False)
    bodies = {
        serialise(builder_for(Infusion).build(infusion(**{name: SEALED[name]}), links("x"), here)) for name in SEALED
    }
    assert len(bodies) == len(SEALED)
    bodies = {serialise(builder_for(Observation).build(observation(device=one), links("x"), here)) for one in "AB"}
    assert len(bodies) == 2
    person = Enrolment(participant(arm="HIGH", actual_arm="LOW"), InformedConsent(consent("2026-01-02")))
    body = builder_for(Enrolment).build(person, links("ResearchSubject"), here)
    assert (body["assignedArm"], body["actualArm"]) == ("HIGH", "LOW")


@pytest.mark.parametrize("blind", [True, False])
def test_label_says_whether_it_is_blind(blind: bool) -> None:
    body = serialise(builder_for(Infusion).build(infusion(), links("x"), context(blind=blind)))
    assert (b"TRIAL-BLINDED" in body) == blind
    assert b"RESCOMPT" in body
