"""Provenance: that what was made of one participant's rows of one source table comes from there.

R4: http://hl7.org/fhir/R4/provenance.html. ``recorded`` is the data cut that the project declares, so that no body
holds the clock; neither the pack nor the version of fhir_msc is named, so that another one rewrites none of these. R4
has neither an identifier nor a search by one for this type: it is found by its id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fhir_msc.resources.body import Body
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import hl7_concept, present, reference


@dataclass(frozen=True, slots=True)
class Lineage:
    """The resources (type and id) that one participant's rows of a source table became, and when the data were cut.

    ``recorded`` is an instant with a zone.
    """

    table: str
    recorded: str
    targets: Sequence[tuple[str, str]]


def build(record: Lineage, links: Links, context: ResourceContext) -> Body:
    """The Provenance of these resources."""
    table = {"system": context.identifier_system("source-table"), "value": record.table}
    return present(
        {
            "resourceType": "Provenance",
            "id": links.rid,
            "meta": context.meta(),
            "target": [reference(type, rid) for type, rid in record.targets],
            "recorded": record.recorded,
            "activity": hl7_concept("iso-21089-lifecycle", "transform"),
            "agent": [
                {
                    "type": hl7_concept("provenance-participant-type", "assembler"),
                    "who": {"type": "Device", "display": "fhir_msc"},
                }
            ],
            "entity": [{"role": "source", "what": {"identifier": table, "display": record.table}}],
        }
    )
