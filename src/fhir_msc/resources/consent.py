"""Consent: the recorded informed consent to the trial, and its withdrawal.

R4: http://hl7.org/fhir/R4/consent.html; ppc-1 asks for a policy. R4 has no status "withdrawn": a withdrawn consent is
inactive and its permission ends.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from fhir_msc.resources.body import Body
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import TERMINOLOGY, hl7_concept, period, present, reference, research_study
from fhir_msc.resources.template import Kind, Layout, Slots
from fhir_msc.trial import Consent


@dataclass(frozen=True, slots=True)
class InformedConsent:
    """A consent that was given, with its withdrawal if that is recorded: one resource of the two."""

    given: Consent
    withdrawal: Consent | None = None


_KINDS: tuple[Kind, ...] = ("rid", "rid", "rid", "dateTime", "dateTime")


def build(record: InformedConsent, links: Links, context: ResourceContext) -> Body:
    """The Consent to clinical trial research with patient care."""
    return _body(record, _shape(record, links, context)[1], context)


def _shape(record: InformedConsent, links: Links, context: ResourceContext) -> tuple[Hashable, Slots]:
    given, withdrawal = record.given.date, record.withdrawal
    ended = withdrawal.date if withdrawal else None
    shape = (
        withdrawal is None,
        -1 if given is None else len(given),
        -1 if ended is None else len(ended),
        links.subject is None,
        links.study is None,
    )
    return shape, (links.rid, links.subject, links.study, given, ended)


def _body(record: InformedConsent, slots: Slots, context: ResourceContext) -> Body:
    rid, subject, study, given, ended = slots
    return present(
        {
            "resourceType": "Consent",
            "id": rid,
            "meta": context.meta(),
            "extension": research_study(study),
            "identifier": [context.sync_identifier(rid or "")],
            "status": "active" if record.withdrawal is None else "inactive",
            "scope": hl7_concept("consentscope", "research"),
            "category": [hl7_concept("consentcategorycodes", "research")],
            "patient": reference("Patient", subject),
            "dateTime": given,
            "policyRule": hl7_concept("v3-ActCode", "OPTIN"),
            "provision": present(
                {
                    "type": "permit",
                    "period": period(None, ended),
                    "purpose": [{"system": f"{TERMINOLOGY}v3-ActReason", "code": "CLINTRCHPC"}],
                }
            ),
        }
    )


def _kinds(record: InformedConsent, links: Links) -> tuple[Kind, ...]:
    return _KINDS


LAYOUT = Layout(shape=_shape, kinds=_kinds, body=_body)
