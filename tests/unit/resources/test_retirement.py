"""What is retired says so and nothing else, and is still valid."""

from __future__ import annotations

import json
from importlib import import_module

import pytest

from fhir_msc.resources import RANKS, builder_for, serialise
from fhir_msc.resources.retirement import can_retire, retired
from fhir_msc.target.fhirjson import parse
from fhir_msc.validation import validate
from tests.unit.resources.samples import context, samples

STAYS = {"AdverseEvent", "BiologicallyDerivedProduct", "Provenance", "ResearchStudy", "ResearchSubject"}


@pytest.mark.parametrize("blind", [True, False])
def test_every_shape(blind: bool) -> None:
    here, seen = context(blind=blind), set()
    for record, links in samples(blind=blind):
        builder = builder_for(type(record))
        sent = parse(serialise(builder.build(record, links, here)))
        changed = retired(sent)
        assert (changed is not None) is can_retire(builder.type)
        if changed is None:
            continue
        seen.add(builder.type)
        body = serialise(changed)
        assert not [one for one in validate(body) if one.is_error], builder.type
        model = getattr(import_module(f"fhir.resources.R4B.{builder.type.lower()}"), builder.type)
        assert list(json.loads(model.model_validate_json(body).model_dump_json(exclude_none=True))) == list(changed)
        different = {name for name in {*sent, *changed} if sent.get(name) != changed.get(name)}
        assert different <= {"status", "active", "clinicalStatus", "verificationStatus", "abatementDateTime"}
        assert changed.get("status") in ("entered-in-error", "inactive", "retired") or (
            changed.get("active") is False or "entered-in-error" in str(changed.get("verificationStatus"))
        )
        assert retired(changed) == changed
    assert seen == set(RANKS) - STAYS - ({"Device"} if blind else set())
