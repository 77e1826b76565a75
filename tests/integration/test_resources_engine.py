"""HL7's Java engine finds no error in what the builders make."""

from __future__ import annotations

import pytest

from fhir_msc.resources import builder_for, compile_template, serialise
from fhir_msc.resources.retirement import retired
from tests.support.engine import Hl7Engine
from tests.unit.resources.samples import context, samples

pytestmark = pytest.mark.hapi


@pytest.mark.parametrize("blind", [True, False])
def test_no_error_in_any_shape(hl7_engine: Hl7Engine, blind: bool) -> None:
    here = context(blind=blind)
    found = []
    for record, links in samples(blind=blind):
        builder = builder_for(type(record))
        body = serialise(builder.build(record, links, here))
        found += [(builder.type, message.location, message.message) for message in hl7_engine.errors(body)]
        if builder.layout:
            sample = compile_template(builder.layout, record, links, here).sample()
            found += [(f"template of {builder.type}", m.location, m.message) for m in hl7_engine.errors(sample)]
    assert found == []


def test_the_engine_does_find_errors(hl7_engine: Hl7Engine) -> None:
    record, links = next(sample for sample in samples(blind=True) if type(sample[0]).__name__ == "Infusion")
    body = builder_for(type(record)).build(record, links, context())
    assert hl7_engine.errors(serialise({**body, "dosage": {"text": "no dose"}}))


def test_no_error_in_what_is_retired(hl7_engine: Hl7Engine) -> None:
    here, found = context(blind=False), []
    for record, links in samples(blind=False):
        builder = builder_for(type(record))
        changed = retired(builder.build(record, links, here))
        if changed is not None:
            found += [(builder.type, one.location, one.message) for one in hl7_engine.errors(serialise(changed))]
    assert found == []
