"""Practitioner and PractitionerRole: the people who answer for the trial.

R4: http://hl7.org/fhir/R4/practitioner.html, http://hl7.org/fhir/R4/practitionerrole.html. The role is a resource of
its own only where there is something that a Practitioner cannot say: for whom, or at which site, the person works.
"""

from __future__ import annotations

from dataclasses import dataclass

from fhir_msc.resources.body import Body
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import present, reference
from fhir_msc.trial import Investigator


@dataclass(frozen=True, slots=True)
class Responsibility:
    """What an investigator does for the trial, and where."""

    investigator: Investigator


def build(record: Investigator, links: Links, context: ResourceContext) -> Body:
    """The Practitioner; the name as it is written, for nobody knows its parts."""
    return present(
        {
            "resourceType": "Practitioner",
            "id": links.rid,
            "meta": context.meta(),
            "identifier": [context.sync_identifier(links.rid)],
            "active": True,
            "name": [{"text": record.name}],
        }
    )


def build_role(record: Responsibility, links: Links, context: ResourceContext) -> Body:
    """The PractitionerRole: at a site, or for whomever the affiliation names."""
    investigator, design = record.investigator, links.design
    employer = reference("Organization", links.service_provider)
    if employer is None and investigator.affiliation:
        employer = {"display": investigator.affiliation}
    location = reference("Location", design.location)
    return present(
        {
            "resourceType": "PractitionerRole",
            "id": links.rid,
            "meta": context.meta(),
            "identifier": [context.sync_identifier(links.rid)],
            "active": True,
            "practitioner": reference("Practitioner", design.practitioner),
            "organization": employer,
            "code": [role(investigator)],
            "location": None if location is None else [location],
        }
    )


def role(investigator: Investigator) -> Body:
    """The role in words: R4 has no codes for it."""
    return {"text": investigator.role.replace("-", " ").capitalize()}
