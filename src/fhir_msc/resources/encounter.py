"""Encounter: a visit of the trial that took place, or was missed.

R4: http://hl7.org/fhir/R4/encounter.html.
"""

from __future__ import annotations

from collections.abc import Hashable

from fhir_msc.resources.body import Body
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import TERMINOLOGY, period, present, reference, research_study
from fhir_msc.resources.template import Kind, Layout, Slots
from fhir_msc.trial import Visit

_KINDS: tuple[Kind, ...] = ("rid", "rid", "rid", "rid", "dateTime", "dateTime", "string")


def build(record: Visit, links: Links, context: ResourceContext) -> Body:
    """The Encounter of a visit: ambulatory, its type in the protocol's words, at the site."""
    return _body(record, _shape(record, links, context)[1], context)


def _shape(record: Visit, links: Links, context: ResourceContext) -> tuple[Hashable, Slots]:
    start, end = record.start, record.end
    shape = (
        record.status,
        record.name,
        record.number,
        -1 if start is None else len(start),
        -1 if end is None else len(end),
        links.subject is None,
        links.study is None,
        links.service_provider is None,
        record.reason is None,
    )
    return shape, (links.rid, links.subject, links.study, links.service_provider, start, end, record.reason)


def _body(record: Visit, slots: Slots, context: ResourceContext) -> Body:
    rid, subject, study, service_provider, start, end, reason = slots
    name = record.name or (record.number and f"Visit {record.number}")
    return present(
        {
            "resourceType": "Encounter",
            "id": rid,
            "meta": context.meta(),
            "extension": research_study(study),
            "identifier": [context.sync_identifier(rid or "")],
            "status": record.status,
            "class": {"system": f"{TERMINOLOGY}v3-ActCode", "code": "AMB", "display": "ambulatory"},
            "type": [{"text": name}] if name else None,
            "subject": reference("Patient", subject),
            "period": period(start, end),
            "reasonCode": None if reason is None else [{"text": reason}],
            "serviceProvider": reference("Organization", service_provider),
        }
    )


def _kinds(record: Visit, links: Links) -> tuple[Kind, ...]:
    return _KINDS


LAYOUT = Layout(shape=_shape, kinds=_kinds, body=_body)
