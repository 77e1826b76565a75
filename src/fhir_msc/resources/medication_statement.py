"""MedicationStatement: a medication that the participant took beside or before the study product.

R4: http://hl7.org/fhir/R4/medicationstatement.html. The medication is a concept; where its form is known, for which a
concept has no room, it is a Medication inside the resource: it has no identity of its own that anything could refer to.
"""

from __future__ import annotations

from collections.abc import Hashable

from fhir_msc.resources.body import Body
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import (
    codeable_concept,
    coded_words,
    period,
    present,
    quantity,
    reference,
    research_study,
)
from fhir_msc.resources.template import Kind, Layout, Slots
from fhir_msc.trial import Medication

_KINDS: tuple[Kind, ...] = (
    "rid", "rid", "rid", "string", "dateTime", "dateTime", "dateTime", "string", "decimal", "string", "string",
)  # fmt: skip


def build(record: Medication, links: Links, context: ResourceContext) -> Body:
    """The MedicationStatement of a record."""
    return _body(record, _shape(record, links, context)[1], context)


def _shape(record: Medication, links: Links, context: ResourceContext) -> tuple[Hashable, Slots]:
    dates = (record.start, record.end, record.recorded)
    dose = record.dose
    shape = (
        record.code,
        record.status,
        record.form,
        record.category,
        record.status_reason,
        record.frequency,
        record.as_needed,
        record.route,
        record.body_site,
        links.subject is None,
        links.study is None,
        *[-1 if date is None else len(date) for date in dates],
        record.reason is None,
        None if dose is None else (dose.unit, dose.comparator),
        record.dose_text is None,
        record.note is None,
    )
    amount = None if dose is None else dose.value
    ids = (links.rid, links.subject, links.study)
    return shape, (*ids, record.term, *dates, record.reason, amount, record.dose_text, record.note)


def _body(record: Medication, slots: Slots, context: ResourceContext) -> Body:
    rid, subject, study, term, start, end, recorded, reason, amount, dose_text, note = slots
    what = coded_words(term, record.code, context)
    form = codeable_concept(record.form, context)
    status_reason = codeable_concept(record.status_reason, context)
    contained = {"resourceType": "Medication", "id": "medication", "code": what, "form": form}
    dosage = _dosage(record, amount, dose_text, context)
    return present(
        {
            "resourceType": "MedicationStatement",
            "id": rid,
            "meta": context.meta(),
            "contained": None if form is None else [contained],
            "extension": research_study(study),
            "identifier": [context.sync_identifier(rid or "")],
            "status": record.status,
            "statusReason": None if status_reason is None else [status_reason],
            "category": codeable_concept(record.category, context),
            **(
                {"medicationCodeableConcept": what}
                if form is None
                else {"medicationReference": {"reference": "#medication"}}
            ),
            "subject": reference("Patient", subject),
            "effectivePeriod": period(start, end),
            "dateAsserted": recorded,
            "reasonCode": None if reason is None else [{"text": reason}],
            "note": None if note is None else [{"text": note}],
            "dosage": [dosage] if dosage else None,
        }
    )


def _dosage(record: Medication, amount: str | None, dose_text: str | None, context: ResourceContext) -> Body:
    dose = record.dose
    given = None if dose is None or amount is None else quantity(amount, dose.unit, dose.comparator)
    frequency = codeable_concept(record.frequency, context)
    return present(
        {
            "text": dose_text,
            "timing": None if frequency is None else {"code": frequency},
            "asNeededBoolean": True if record.as_needed else None,
            "site": codeable_concept(record.body_site, context),
            "route": codeable_concept(record.route, context),
            "doseAndRate": None if given is None else [{"doseQuantity": given}],
        }
    )


def _kinds(record: Medication, links: Links) -> tuple[Kind, ...]:
    return _KINDS


LAYOUT = Layout(shape=_shape, kinds=_kinds, body=_body)
