from __future__ import annotations

import json
from collections.abc import Hashable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_msc.resources import InformedConsent, Links, Template, builder_for, compile_template, references, serialise
from fhir_msc.resources.diagnostic_report import Report
from fhir_msc.resources.registry import BUILDERS
from fhir_msc.resources.specimen import Sample
from fhir_msc.trial import (
    AdverseEvent,
    Condition,
    Infusion,
    Medication,
    Observation,
    Quantity,
    Unit,
    Visit,
)
from tests.unit.resources import strategies
from tests.unit.resources.samples import context, links, observation

TEMPLATED: list[tuple[type, st.SearchStrategy[Any]]] = [
    (Observation, strategies.observations),
    (Visit, strategies.visits),
    (Infusion, strategies.infusions),
    (Condition, strategies.conditions),
    (Medication, strategies.medications),
    (Report, strategies.reports),
    (AdverseEvent, strategies.adverse_events),
    (InformedConsent, strategies.consents),
    (Sample, strategies.samples),
]


def test_every_template_is_tried() -> None:
    assert {kind for kind, _ in TEMPLATED} == {kind for kind in BUILDERS if builder_for(kind).layout is not None}


def each_changed_in_one(record: Any, other: Any) -> Iterator[Any]:
    """The record with each of its fields in turn as the other has it; of what has fields itself, each of those."""
    for name in [one.name for one in fields(record) if one.name not in ("key", "participant")]:
        mine, its = getattr(record, name), getattr(other, name)
        has_fields = is_dataclass(mine) and mine.__class__ is its.__class__
        for value in each_changed_in_one(mine, its) if has_fields else (its,):
            yield replace(record, **{name: value})


@pytest.mark.parametrize(("kind", "records"), TEMPLATED, ids=lambda value: getattr(value, "__name__", ""))
def test_template_and_full_path_give_the_same_bytes(kind: type, records: st.SearchStrategy[Any]) -> None:
    """Records of one shape share a template, as they do in the product: a shape that forgot a field would fill one
    record's template with another's slots, and then the bytes differ."""
    builder = builder_for(kind)
    layout = builder.layout
    assert layout is not None

    @settings(max_examples=40, deadline=None)
    @given(records, records, strategies.links, strategies.links, st.booleans(), st.booleans())
    def same(record: Any, other: Any, ids: Links, other_ids: Links, blind: bool, synthetic: bool) -> None:
        here = context(blind=blind, synthetic=synthetic)
        templates: dict[Hashable, Template] = {}
        for one, its in (
            (record, ids),
            *((changed, ids) for changed in each_changed_in_one(record, other)),
            *((record, ids._replace(**{name: id})) for name, id in other_ids._asdict().items()),
            (other, other_ids),
        ):
            shape, values = layout.shape(one, its, here)
            if shape not in templates:
                templates[shape] = compile_template(layout, one, its, here)
            body = builder.build(one, its, here)
            assert templates[shape].fill(values) == serialise(body)
            assert templates[shape].references(values) == references(body)

    same()


def test_slots_say_where_they_are_and_what_they_take() -> None:
    layout = builder_for(Observation).layout
    assert layout is not None
    template = compile_template(layout, observation(note="x"), links("Observation", bare=True), context())
    assert [(slot.kind, slot.path) for slot in template.slots] == [
        ("rid", "Observation.id"),
        ("rid", "Observation.subject.reference"),
        ("rid", "Observation.extension[0].valueReference.reference"),
        ("dateTime", "Observation.effectiveDateTime"),
        ("decimal", "Observation.valueQuantity.value"),
        ("string", "Observation.note[0].text"),
    ]


@pytest.mark.parametrize("effective", ["2021", "2021-03", "2021-03-04", "2021-03-04T05:06:07+01:00"])
def test_sample_keeps_the_precision_of_times_and_nothing_of_the_record(effective: str) -> None:
    layout = builder_for(Observation).layout
    assert layout is not None
    record = observation(value="secret words", effective=effective)
    sample = compile_template(layout, record, links("Observation"), context()).sample()
    assert b"secret" not in sample
    assert b"2021" not in sample
    assert len(json.loads(sample)["effectiveDateTime"]) == min(len(effective), 20)


def test_a_laboratory_s_results_of_one_test_share_one_template() -> None:
    layout = builder_for(Observation).layout
    assert layout is not None
    unit = Unit("g/L", "g/L")
    shapes = {
        layout.shape(observation(i, value=Quantity(f"{i}.0", unit)), links("Observation", str(i)), context())[0]
        for i in range(20)
    }
    assert len(shapes) == 1
