"""ResearchStudy: the trial, and the trial at each site as a part of it.

R4: http://hl7.org/fhir/R4/researchstudy.html. The CDISC-FHIR joint mapping has one per site, ``partOf`` the whole;
R4's ResearchSubject names no site otherwise. R4 has no element for masking: it is a category. It has room for one
principal investigator: whoever else answers for the trial stands in ``contact`` by name, and as a reference in an
extension.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from fhir_msc.resources.body import Body
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import codeable_concept, hl7_concept, period, present, reference
from fhir_msc.resources.identity import LETTERS
from fhir_msc.resources.practitioner import role
from fhir_msc.trial import Arm, Investigator, OutcomeMeasure, Site, Study

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
    design = links.design
    people = list(zip_longest(record.investigators, design.investigators[: len(record.investigators)]))
    principal = next((rid for one, rid in people if one.is_principal), None)
    others = [(one, rid) for one, rid in people if rid is None or rid != principal]
    return present(
        {
            "resourceType": "ResearchStudy",
            "id": links.rid,
            "meta": context.meta(),
            "extension": _extensions(record, others, context) or None,
            "identifier": identifiers,
            "title": record.title,
            "protocol": [reference("PlanDefinition", rid) for rid in design.protocol] or None,
            "status": record.status,
            "primaryPurposeType": _concept("research-study-prim-purp-type", record.purpose),
            "phase": _concept("research-study-phase", record.phase),
            "category": [_masking(record.masking), *[codeable_concept(one, context) for one in record.features]],
            "focus": [{"text": name} for name in record.interventions] or None,
            "condition": [{"text": condition} for condition in record.conditions] or None,
            "contact": _contacts(record, [one for one, _ in others]) or None,
            "keyword": [{"text": keyword} for keyword in record.keywords] or None,
            "location": [{"text": country} for country in record.countries] or None,
            "description": record.description,
            "enrollment": [reference("Group", rid) for rid in design.enrollment] or None,
            "period": period(record.start, record.end),
            "sponsor": reference("Organization", links.service_provider),
            "principalInvestigator": _person(principal),
            "arm": [_arm(arm) for arm in record.arms] or None,
            "objective": [_objective(one, context) for one in record.outcome_measures] or None,
        }
    )


def build_site_study(record: SiteStudy, links: Links, context: ResourceContext) -> Body:
    """The ResearchStudy of one site, with the one who answers for it there."""
    study, site = context.study, record.site
    location = reference("Location", links.design.location)
    return present(
        {
            "resourceType": "ResearchStudy",
            "id": links.rid,
            "meta": context.meta(),
            "identifier": [
                context.sync_identifier(links.rid),
                {"system": context.identifier_system("study-site"), "value": f"{study.identifier}/{site.identifier}"},
            ],
            "title": f"{study.title} (site {site.identifier})",
            "partOf": [reference("ResearchStudy", links.study)] if links.study else None,
            "status": study.status,
            "principalInvestigator": _person(next(iter(links.design.investigators), None)),
            "site": None if location is None else [location],
        }
    )


def _extensions(
    record: Study, others: Sequence[tuple[Investigator, str | None]], context: ResourceContext
) -> list[Body]:
    """What R4 has no element for, in extensions of the project's own: HL7's engine for R4 refuses those that stand for
    elements of R5."""
    said: list[tuple[str, str, object]] = [
        ("official-title", "valueString", record.official_title),
        ("acronym", "valueString", record.acronym),
        ("planned-enrolment", "valueUnsignedInt", record.planned_enrolment),
        ("actual-enrolment", "valueUnsignedInt", record.actual_enrolment),
        *[("collaborator", "valueReference", {"display": name}) for name in record.collaborators],
    ]
    extensions: list[Body] = [
        {"url": context.extension(name), kind: value} for name, kind, value in said if value is not None
    ]
    for state in record.status_history:
        time = period(state.start, state.end)
        told: list[Body] = [{"url": "status", "valueCode": state.status}, {"url": "period", "valuePeriod": time}]
        extensions.append({"extension": told, "url": context.extension("status-history")})
    for investigator, rid in others:
        parts: list[Body] = [
            {"url": "role", "valueCodeableConcept": role(investigator)},
            {"url": "party", "valueReference": _person(rid) or {"display": investigator.name}},
        ]
        extensions.append({"extension": parts, "url": context.extension("associated-party")})
    return extensions


def _person(rid: str | None) -> Body | None:
    if rid is None:
        return None
    return reference("PractitionerRole" if rid.startswith(LETTERS["PractitionerRole"]) else "Practitioner", rid)


def _contacts(record: Study, others: Sequence[Investigator]) -> list[Body]:
    """Whom to call for unblinding, and the investigators for whom R4 has no other room."""
    names: list[Body] = [{"name": one.name} for one in others]
    return [*([_contact(record.contact)] if record.contact else []), *names]


def _objective(measure: OutcomeMeasure, context: ResourceContext) -> Body:
    """An objective, or an outcome measure, whose time frame and description R4 has no elements for."""
    said = (("outcome-time-frame", measure.time_frame), ("outcome-description", measure.description))
    extensions = [{"url": context.extension(name), "valueString": text} for name, text in said if text]
    what = "objective" if measure.is_objective else "outcome measure"
    kind = hl7_concept("research-study-objective-type", measure.kind)
    return present(
        {
            "extension": extensions or None,
            "name": measure.title,
            "type": {**kind, "text": f"{measure.kind.capitalize()} {what}"},
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
