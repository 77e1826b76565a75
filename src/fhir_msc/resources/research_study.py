"""ResearchStudy: the trial, and the trial at each site as a part of it.

R4: http://hl7.org/fhir/R4/researchstudy.html. The CDISC-FHIR joint mapping has one per site, ``partOf`` the whole;
R4's ResearchSubject names no site otherwise. R4 has no element for masking: it is a category.
"""

from __future__ import annotations

from dataclasses import dataclass

from fhir_msc.resources.body import Body
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import hl7_concept, period, present, reference
from fhir_msc.trial import Arm, Site, Study

_REGISTRY = "http://clinicaltrials.gov"
_DOUBLE_BLIND = {"system": "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl", "code": "C15228"}
"""NCI Thesaurus, SDTM Trial Blinding Schema Response: DOUBLE BLIND."""


@dataclass(frozen=True, slots=True)
class SiteStudy:
    """The trial at one site."""

    site: Site


def build(record: Study, links: Links, context: ResourceContext) -> Body:
    """The ResearchStudy of the whole trial; its arms are listed, for only who is in which is secret."""
    identifiers: list[Body] = [
        context.sync_identifier(links.rid),
        {"system": context.identifier_system("study"), "value": record.identifier},
    ]
    if record.registry:
        identifiers.append({"system": _REGISTRY, "value": record.registry})
    return present(
        {
            "resourceType": "ResearchStudy",
            "id": links.rid,
            "meta": context.meta(),
            "identifier": identifiers,
            "title": record.title,
            "status": record.status,
            "primaryPurposeType": _concept("research-study-prim-purp-type", record.purpose),
            "phase": _concept("research-study-phase", record.phase),
            "category": [_masking(record.masking)],
            "condition": [{"text": record.condition}] if record.condition else None,
            "contact": [_contact(record.contact)] if record.contact else None,
            "description": record.description,
            "period": period(record.start, record.end),
            "sponsor": reference("Organization", links.service_provider),
            "arm": [_arm(arm) for arm in record.arms] or None,
        }
    )


def build_site_study(record: SiteStudy, links: Links, context: ResourceContext) -> Body:
    """The ResearchStudy of one site.

    R4 takes only a Location as a study's site, so that the site's Organization stands as the one that manages a
    contained Location.
    """
    study, site = context.study, record.site
    location = {
        "resourceType": "Location",
        "id": "site",
        "name": site.name or f"Site {site.identifier}",
        "managingOrganization": reference("Organization", links.service_provider),
    }
    return present(
        {
            "resourceType": "ResearchStudy",
            "id": links.rid,
            "meta": context.meta(),
            "contained": [present(location)],
            "identifier": [
                context.sync_identifier(links.rid),
                {"system": context.identifier_system("study-site"), "value": f"{study.identifier}/{site.identifier}"},
            ],
            "title": f"{study.title} (site {site.identifier})",
            "partOf": [reference("ResearchStudy", links.study)] if links.study else None,
            "status": study.status,
            "site": [{"reference": "#site"}],
        }
    )


def _concept(system: str, code: str | None) -> Body | None:
    return None if code is None else hl7_concept(system, code)


def _masking(masking: str) -> Body:
    coding = [_DOUBLE_BLIND] if masking == "double" else None
    return present({"coding": coding, "text": f"Masking: {masking}"})


def _contact(telephone: str) -> Body:
    return {"name": "Emergency unblinding (24 h)", "telecom": [{"system": "phone", "value": telephone}]}


def _arm(arm: Arm) -> Body:
    return present({"name": arm.name, "type": {"text": arm.kind} if arm.kind else None, "description": arm.description})
