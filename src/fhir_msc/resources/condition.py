"""Condition: a disease or another condition of the participant, past or present.

R4: http://hl7.org/fhir/R4/condition.html. It has no tie to the study: the extension that ties a resource to one is not
allowed here, and its subject is in the study by the ResearchSubject. It counts as an item of the problem list only
where its clinical status is known, which such an item needs (con-3). A condition that ended is inactive, resolved or
in remission (con-4).
"""

from __future__ import annotations

from collections.abc import Hashable

from fhir_msc.resources.body import Body
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import codeable_concept, coded_words, hl7_concept, present, reference
from fhir_msc.resources.template import Kind, Layout, Slots
from fhir_msc.trial import Condition

_ASSERTED = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"

_KINDS: tuple[Kind, ...] = ("rid", "rid", "string", "dateTime", "dateTime", "dateTime", "dateTime", "string")


def build(record: Condition, links: Links, context: ResourceContext) -> Body:
    """The Condition of a record."""
    return _body(record, _shape(record, links, context)[1], context)


def _shape(record: Condition, links: Links, context: ResourceContext) -> tuple[Hashable, Slots]:
    dates = (record.onset, record.abatement, record.asserted, record.recorded)
    shape = (
        record.code,
        record.status,
        record.verification,
        record.category,
        record.severity,
        record.body_site,
        links.subject is None,
        *[-1 if date is None else len(date) for date in dates],
        record.note is None,
    )
    return shape, (links.rid, links.subject, record.term, *dates, record.note)


def _body(record: Condition, slots: Slots, context: ResourceContext) -> Body:
    rid, subject, term, onset, abatement, asserted, recorded, note = slots
    status, verification = record.status, record.verification
    categories = [
        None if status is None else hl7_concept("condition-category", "problem-list-item"),
        codeable_concept(record.category, context),
    ]
    return present(
        {
            "resourceType": "Condition",
            "id": rid,
            "meta": context.meta(),
            "extension": None if asserted is None else [{"url": _ASSERTED, "valueDateTime": asserted}],
            "identifier": [context.sync_identifier(rid or "")],
            "clinicalStatus": None if status is None else hl7_concept("condition-clinical", status),
            "verificationStatus": None if verification is None else hl7_concept("condition-ver-status", verification),
            "category": [one for one in categories if one is not None] or None,
            "severity": codeable_concept(record.severity, context),
            "code": coded_words(term, record.code, context),
            "bodySite": None if record.body_site is None else [codeable_concept(record.body_site, context)],
            "subject": reference("Patient", subject),
            "onsetDateTime": onset,
            "abatementDateTime": abatement,
            "recordedDate": recorded,
            "note": None if note is None else [{"text": note}],
        }
    )


def _kinds(record: Condition, links: Links) -> tuple[Kind, ...]:
    return _KINDS


LAYOUT = Layout(shape=_shape, kinds=_kinds, body=_body)
