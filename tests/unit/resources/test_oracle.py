"""Every body is what fhir.resources' R4B models take, and they read the same out of it."""

from __future__ import annotations

import json
from collections import Counter
from importlib import import_module

import pytest

from fhir_msc.resources import RANKS, builder_for, compile_template, references, serialise
from fhir_msc.resources.diagnostic_report import Report
from fhir_msc.resources.medication_administration import Dispensed
from fhir_msc.resources.provenance import Lineage
from tests.unit.resources.samples import context, samples

UNBLINDED = {"BiologicallyDerivedProduct", "Device"}
"""Types that stand in no blind target."""


def parse(body: bytes) -> dict[str, object]:
    name = json.loads(body)["resourceType"]
    model = getattr(import_module(f"fhir.resources.R4B.{name.lower()}"), name)
    read: dict[str, object] = json.loads(model.model_validate_json(body).model_dump_json(exclude_none=True))
    return read


@pytest.mark.parametrize("blind", [True, False])
def test_models_take_every_body(blind: bool) -> None:
    here = context(blind=blind)
    seen: Counter[str] = Counter()
    for record, links in samples(blind=blind):
        builder = builder_for(type(record))
        body = serialise(builder.build(record, links, here))
        read = parse(body)
        assert list(read) == list(json.loads(body)), "elements in the order of the specification"
        seen[builder.type] += 1
        if builder.layout:
            parse(compile_template(builder.layout, record, links, here).sample())
    assert set(seen) == set(RANKS) - (UNBLINDED if blind else set())


@pytest.mark.parametrize("blind", [True, False])
def test_every_body_is_tagged_named_and_without_absolute_references(blind: bool) -> None:
    here = context(blind=blind)
    for record, links in samples(blind=blind):
        body = builder_for(type(record)).build(record, links, here)
        text = serialise(body).decode()
        assert body["id"] == links.rid
        assert '{"system":"https://fhir.hospital.example/trial/CodeSystem/data-origin","code":"synthetic"}]' in text
        assert '"reference":"http' not in text
        assert '"div"' not in text
        ours = text.count(f'"system":"https://fhir.hospital.example/trial/id/sync","value":"{links.rid}"')
        assert ours == (not isinstance(record, Lineage)), "of all these types Provenance alone has no identifier"
        design = links.design
        named = {links.subject, links.study, links.encounter, links.consent, links.service_provider}
        named |= {design.location, design.practitioner, *design.investigators, *design.enrollment, *design.protocol}
        named |= {links.specimen, links.device, *links.focus, *(record.results if isinstance(record, Report) else ())}
        named |= set(record.products) if isinstance(record, Dispensed) else set()
        named |= {rid for _, rid in record.targets} if isinstance(record, Lineage) else set()
        assert set(references(body)) <= named


def test_without_the_tag_for_data_of_persons() -> None:
    here = context(synthetic=False)
    for record, links in samples(blind=True):
        body = builder_for(type(record)).build(record, links, here)
        meta = body.get("meta", {})
        assert isinstance(meta, dict)
        assert "tag" not in meta


def test_what_is_referred_to_ranks_before() -> None:
    types = {links.rid[0]: RANKS[builder_for(type(record)).type] for record, links in samples(blind=True)}
    for record, links in samples(blind=True):
        builder = builder_for(type(record))
        for rid in references(builder.build(record, links, context())):
            assert types[rid[0]] <= builder.rank
            assert types[rid[0]] < builder.rank or builder.type == "ResearchStudy"
