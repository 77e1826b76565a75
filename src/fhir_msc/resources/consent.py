"""Consent: the recorded informed consent to the trial, and its withdrawal.

R4: http://hl7.org/fhir/R4/consent.html; ppc-1 asks for a policy. R4 has no status "withdrawn": a withdrawn consent is
inactive and its permission ends.
"""

from __future__ import annotations

from dataclasses import dataclass

from fhir_msc.resources.body import Body
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import TERMINOLOGY, hl7_concept, period, present, reference, research_study
from fhir_msc.trial import Consent


@dataclass(frozen=True, slots=True)
class InformedConsent:
    """A consent that was given, with its withdrawal if that is recorded: one resource of the two."""

    given: Consent
    withdrawal: Consent | None = None


def build(record: InformedConsent, links: Links, context: ResourceContext) -> Body:
    """The Consent to clinical trial research with patient care."""
    withdrawal = record.withdrawal
    return present(
        {
            "resourceType": "Consent",
            "id": links.rid,
            "meta": context.meta(),
            "extension": research_study(links.study),
            "identifier": [context.sync_identifier(links.rid)],
            "status": "active" if withdrawal is None else "inactive",
            "scope": hl7_concept("consentscope", "research"),
            "category": [hl7_concept("consentcategorycodes", "research")],
            "patient": reference("Patient", links.subject),
            "dateTime": record.given.date,
            "policyRule": hl7_concept("v3-ActCode", "OPTIN"),
            "provision": present(
                {
                    "type": "permit",
                    "period": period(None, withdrawal.date) if withdrawal else None,
                    "purpose": [{"system": f"{TERMINOLOGY}v3-ActReason", "code": "CLINTRCHPC"}],
                }
            ),
        }
    )
