"""Specimen: a sample that the source knows by an identifier of its own, and that results refer to.

R4: http://hl7.org/fhir/R4/specimen.html. The extension that ties a resource to its study is not allowed here.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from fhir_msc.resources.body import Body
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import present, reference
from fhir_msc.resources.template import Kind, Layout, Slots

_KINDS: tuple[Kind, ...] = ("rid", "rid", "string", "dateTime")


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample: its identifier and its kind in the source's words (SDTM --REFID, --SPEC), and when it was taken, where
    all its results agree."""

    identifier: str
    kind: str
    collected: str | None = None


def build(record: Sample, links: Links, context: ResourceContext) -> Body:
    """The Specimen of a sample."""
    return _body(record, _shape(record, links, context)[1], context)


def _shape(record: Sample, links: Links, context: ResourceContext) -> tuple[Hashable, Slots]:
    collected = record.collected
    shape = (record.kind, links.subject is None, -1 if collected is None else len(collected))
    return shape, (links.rid, links.subject, record.identifier, collected)


def _body(record: Sample, slots: Slots, context: ResourceContext) -> Body:
    rid, subject, identifier, collected = slots
    return present(
        {
            "resourceType": "Specimen",
            "id": rid,
            "meta": context.meta(),
            "identifier": [context.sync_identifier(rid or "")],
            "accessionIdentifier": {"system": context.identifier_system("specimen"), "value": identifier},
            "type": {"text": record.kind},
            "subject": reference("Patient", subject),
            "collection": None if collected is None else {"collectedDateTime": collected},
        }
    )


def _kinds(record: Sample, links: Links) -> tuple[Kind, ...]:
    return _KINDS


LAYOUT = Layout(shape=_shape, kinds=_kinds, body=_body)
