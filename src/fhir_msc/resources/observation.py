"""Observation: laboratory results, vital signs, scores and other assessments.

R4: http://hl7.org/fhir/R4/observation.html. Scores are Quantities too, so that a search by value finds them.
"""

from __future__ import annotations

from collections.abc import Hashable

from fhir_msc.resources.body import Body
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import (
    codeable_concept,
    hl7_concept,
    present,
    quantity,
    reference,
    research_study,
)
from fhir_msc.resources.device import device_reference
from fhir_msc.resources.template import Kind, Layout, Slots
from fhir_msc.trial import Component, Concept, Observation, ObservationDescription, Quantity, ReferenceRange, Unit

(
    _RID,
    _SUBJECT,
    _STUDY,
    _ENCOUNTER,
    _EFFECTIVE,
    _VALUE,
    _LOW,
    _HIGH,
    _NOTE,
    _SPECIMEN,
    _DEVICE,
    _OTHER_DEVICE,
    _COMPONENTS,
) = range(13)
"""The slots; the values of the components follow from ``_COMPONENTS`` on, one each, then what it is
about."""

_NO_RANGE = ReferenceRange()

_BODY_POSITION = "http://hl7.org/fhir/StructureDefinition/observation-bodyPosition"


def build(record: Observation, links: Links, context: ResourceContext) -> Body:
    """The Observation of a record; a blood pressure is a panel whose two components are the record's."""
    return _body(record, _shape(record, links, context)[1], context)


def _shape(record: Observation, links: Links, context: ResourceContext) -> tuple[Hashable, Slots]:
    value_form, value = _split(record.value)
    limits = record.reference_range or _NO_RANGE
    known, other = (None, None) if context.blind else (links.device, None if links.device else record.device)
    effective, encounter, study, low, high = record.effective, links.encounter, links.study, limits.low, limits.high
    shape = (
        record.description,
        value_form,
        record.absent,
        record.profiles,
        limits.text,
        low is None,
        high is None,
        links.subject is None,
        study is None,
        encounter is None,
        record.note is None,
        links.specimen is None,
        len(links.focus),
        known is None,
        other is None,
        -1 if effective is None else len(effective),
    )
    ids = (links.rid, links.subject, study, encounter)
    slots = (*ids, effective, value, low, high, record.note, links.specimen, known, other)
    if not record.components:
        return shape, slots + links.focus if links.focus else slots
    forms, values = zip(*[_split(component.value) for component in record.components], strict=True)
    parts = tuple([(component.code, component.absent) for component in record.components])
    return (*shape, forms, parts), slots + values + links.focus


def _split(value: Quantity | Concept | str | None) -> tuple[Hashable, str | None]:
    """What of a value belongs to the shape, and what to the slot."""
    if value.__class__ is Quantity:
        return (value.unit, value.comparator), value.value
    if isinstance(value, str):
        return "string", value
    return value, None


def _kinds(record: Observation, links: Links) -> tuple[Kind, ...]:
    parts = tuple(_kind(component.value) for component in record.components)
    value = _kind(record.value)
    before: tuple[Kind, ...] = ("rid", "rid", "rid", "rid", "dateTime", value, "decimal", "decimal", "string")
    after: tuple[Kind, ...] = ("rid", "rid", "string")
    about: tuple[Kind, ...] = tuple("rid" for _ in links.focus)
    return before + after + parts + about


def _kind(value: Quantity | Concept | str | None) -> Kind:
    return "string" if isinstance(value, str) else "decimal"


def _body(record: Observation, slots: Slots, context: ResourceContext) -> Body:
    rid = slots[_RID] or ""
    unit = record.value.unit if isinstance(record.value, Quantity) else None
    note, what = slots[_NOTE], record.description
    about = _COMPONENTS + len(record.components)
    return present(
        {
            "resourceType": "Observation",
            "id": rid,
            "meta": context.meta(profiles=record.profiles),
            "extension": [*(research_study(slots[_STUDY]) or ()), *_position(what.position, context)] or None,
            "identifier": [context.sync_identifier(rid)],
            "status": what.status,
            "category": _categories(what, context),
            "code": codeable_concept(what.code, context),
            "subject": reference("Patient", slots[_SUBJECT]),
            "focus": [{"reference": f"AdverseEvent/{focus}"} for focus in slots[about:]] or None,
            "encounter": reference("Encounter", slots[_ENCOUNTER]),
            "effectiveDateTime": slots[_EFFECTIVE],
            "performer": [{"display": words} for words in what.performers] or None,
            **_value(record.value, slots[_VALUE], context),
            "dataAbsentReason": codeable_concept(record.absent, context),
            "interpretation": [codeable_concept(what.interpretation, context)] if what.interpretation else None,
            "note": None if note is None else [{"text": note}],
            "bodySite": codeable_concept(what.body_site, context),
            "method": codeable_concept(what.method, context),
            "specimen": _specimen(what.specimen, slots[_SPECIMEN]),
            "device": device_reference(slots[_DEVICE], slots[_OTHER_DEVICE], context),
            "referenceRange": _reference_range(record.reference_range, unit, slots[_LOW], slots[_HIGH]),
            "component": [
                _component(component, slot, context)
                for component, slot in zip(record.components, slots[_COMPONENTS:about], strict=True)
            ]
            or None,
        }
    )


def _categories(what: ObservationDescription, context: ResourceContext) -> list[Body] | None:
    found = [
        None if what.category is None else hl7_concept("observation-category", what.category),
        codeable_concept(what.source_category, context),
    ]
    return [one for one in found if one is not None] or None


def _specimen(kind: str | None, rid: str | None) -> Body | None:
    return {**(reference("Specimen", rid) or {}), **({"display": kind} if kind else {})} or None


def _position(position: Concept | None, context: ResourceContext) -> list[Body]:
    if position is None:
        return []
    return [{"url": _BODY_POSITION, "valueCodeableConcept": codeable_concept(position, context)}]


def _value(value: Quantity | Concept | str | None, slot: str | None, context: ResourceContext) -> Body:
    if isinstance(value, Concept):
        return {"valueCodeableConcept": codeable_concept(value, context)}
    if slot is None:
        return {}
    if isinstance(value, Quantity):
        return {"valueQuantity": quantity(slot, value.unit, value.comparator)}
    return {"valueString": slot}


def _reference_range(
    limits: ReferenceRange | None, unit: Unit | None, low: str | None, high: str | None
) -> list[Body] | None:
    if limits is None:
        return None
    elements = present(
        {
            "low": None if low is None else quantity(low, unit),
            "high": None if high is None else quantity(high, unit),
            "text": limits.text,
        }
    )
    return [elements] if elements else None


def _component(component: Component, slot: str | None, context: ResourceContext) -> Body:
    return present(
        {
            "code": codeable_concept(component.code, context),
            **_value(component.value, slot, context),
            "dataAbsentReason": codeable_concept(component.absent, context),
        }
    )


LAYOUT = Layout(shape=_shape, kinds=_kinds, body=_body)
