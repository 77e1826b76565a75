"""Organization: a site of the trial, or its sponsor.

R4: http://hl7.org/fhir/R4/organization.html.
"""

from __future__ import annotations

from dataclasses import dataclass

from fhir_msc.resources.body import Body
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import address, present
from fhir_msc.trial import Site


@dataclass(frozen=True, slots=True)
class Sponsor:
    """Who answers for the trial (ICH E6(R3))."""

    name: str


def build_site(record: Site, links: Links, context: ResourceContext) -> Body:
    """The Organization of a site, with its number in the trial."""
    where = address(record.city, record.state, record.postal_code, record.country)
    return present(
        {
            "resourceType": "Organization",
            "id": links.rid,
            "meta": context.meta(),
            "identifier": [
                context.sync_identifier(links.rid),
                {"system": context.identifier_system("site"), "value": record.identifier},
            ],
            "active": True,
            "name": record.name,
            "address": None if where is None else [where],
        }
    )


def build_sponsor(record: Sponsor, links: Links, context: ResourceContext) -> Body:
    """The Organization of the sponsor."""
    return present(
        {
            "resourceType": "Organization",
            "id": links.rid,
            "meta": context.meta(),
            "identifier": [context.sync_identifier(links.rid)],
            "active": True,
            "name": record.name,
        }
    )
