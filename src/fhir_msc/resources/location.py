"""Location: where a site of the trial is.

R4: http://hl7.org/fhir/R4/location.html. R4 takes only a Location as a study's site; who runs it is an Organization.
"""

from __future__ import annotations

from dataclasses import dataclass

from fhir_msc.resources.body import Body, Number
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import address, present, reference
from fhir_msc.trial import Site


@dataclass(frozen=True, slots=True)
class SiteLocation:
    """The place of a site."""

    site: Site


def build(record: SiteLocation, links: Links, context: ResourceContext) -> Body:
    """The Location of a site, managed by the site's Organization."""
    site = record.site
    return present(
        {
            "resourceType": "Location",
            "id": links.rid,
            "meta": context.meta(),
            "identifier": [
                context.sync_identifier(links.rid),
                {"system": context.identifier_system("site"), "value": site.identifier},
            ],
            "status": "active",
            "name": site.name or f"Site {site.identifier}",
            "address": address(site.city, site.state, site.postal_code, site.country),
            "position": _position(site.latitude, site.longitude),
            "managingOrganization": reference("Organization", links.service_provider),
        }
    )


def _position(latitude: str | None, longitude: str | None) -> Body | None:
    if latitude is None or longitude is None:
        return None
    return {"longitude": Number(longitude), "latitude": Number(latitude)}
