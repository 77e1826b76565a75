"""MedicationAdministration: one infusion of the study product, given or not given.

R4: http://hl7.org/fhir/R4/medicationadministration.html. In a blind context the resource is made of a whitelist: the
product under one name for every arm, and when the infusion began. Its end, the product, dose, volume, lot and device
are not read. ``dosage`` needs a dose or a rate (invariant mad-1), so that a blind one has none and names the route in
words.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from fhir_msc.errors import BlindError
from fhir_msc.release.blinding import BLINDED_CELLS, BLINDED_PRODUCT, BLINDED_PRODUCTS
from fhir_msc.resources.body import Body
from fhir_msc.resources.code_system import INVESTIGATIONAL_PRODUCT, concepts
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import (
    codeable_concept,
    period,
    present,
    quantity,
    reference,
    research_study,
    unknown,
)
from fhir_msc.resources.device import device_reference
from fhir_msc.resources.template import Kind, Layout, Slots
from fhir_msc.trial import Concept, Infusion, Quantity

_CONFIDENTIAL = (
    ("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "R"),
    ("http://terminology.hl7.org/CodeSystem/v3-ActCode", "RESCOMPT"),
)
_BLINDED = (*_CONFIDENTIAL, ("security-label", "TRIAL-BLINDED"))

_KINDS: tuple[Kind, ...] = (
    "rid", "rid", "rid", "rid", "dateTime", "dateTime", "decimal", "string", "string", "rid", "string",
)  # fmt: skip
_RID, _SUBJECT, _STUDY, _ENCOUNTER, _START, _END, _DOSE, _TEXT, _LOT, _DEVICE, _OTHER_DEVICE = range(11)


@dataclass(frozen=True, slots=True)
class Dispensed:
    """An infusion with the ids of the units of the cell product that were given. Of an unblinded target alone."""

    infusion: Infusion
    products: tuple[str, ...]


def build_dispensed(record: Dispensed, links: Links, context: ResourceContext) -> Body:
    """The MedicationAdministration that names its units: ``supportingInformation`` is the one element of R4 that may.
    Raises BlindError in a blind context."""
    if context.blind:
        raise BlindError("the units of a cell product are sealed in a blind project")
    body = build(record.infusion, links, context)
    units = [reference("BiologicallyDerivedProduct", product) for product in record.products]
    if not units:
        return body
    # Behind subject and context, where the specification has it.
    before = {"effectiveDateTime", "effectivePeriod", "device", "dosage"}
    return {
        **{name: value for name, value in body.items() if name not in before},
        "supportingInformation": units,
        **{name: value for name, value in body.items() if name in before},
    }


def build(record: Infusion, links: Links, context: ResourceContext) -> Body:
    """The MedicationAdministration of an infusion; blind or not as the context is."""
    return _body(record, _shape(record, links, context)[1], context)


def _shape(record: Infusion, links: Links, context: ResourceContext) -> tuple[Hashable, Slots]:
    start = record.start
    known = (
        record.status,
        record.reason,
        record.route,
        links.subject is None,
        links.study is None,
        links.encounter is None,
        -1 if start is None else len(start),
    )
    ids = (links.rid, links.subject, links.study, links.encounter, start)
    if context.blind:
        return known, (*ids, None, None, None, None, None, None)
    end, dose = record.end, _dose(record)
    text = _text(record)
    unblinded = (
        record.product,
        record.form,
        -1 if end is None else len(end),
        None if dose is None else (dose.unit, dose.comparator),
        text is None,
        record.lot is None,
        links.device is None,
        record.device is None,
    )
    other_device = record.device if links.device is None else None
    amount = None if dose is None else dose.value
    return known + unblinded, (*ids, end, amount, text, record.lot, links.device, other_device)


def _body(record: Infusion, slots: Slots, context: ResourceContext) -> Body:
    rid = slots[_RID] or ""
    start = slots[_START]
    head = {
        "resourceType": "MedicationAdministration",
        "id": rid,
        "meta": context.meta(security=_BLINDED if context.blind else _CONFIDENTIAL),
        "contained": None if context.blind else _contained(record, slots[_LOT], context),
        "extension": research_study(slots[_STUDY]),
        "identifier": [context.sync_identifier(rid)],
        "status": record.status,
        "statusReason": [codeable_concept(record.reason, context)] if record.reason else None,
    }
    who = {
        "subject": reference("Patient", slots[_SUBJECT]),
        "context": reference("Encounter", slots[_ENCOUNTER]),
    }
    at_start = {"effectivePeriod": unknown()} if start is None else {"effectiveDateTime": start}
    if context.blind:
        return present({**head, "medicationCodeableConcept": _blinded_product(record, context), **who, **at_start})
    end, device = slots[_END], device_reference(slots[_DEVICE], slots[_OTHER_DEVICE], context)
    return present(
        {
            **head,
            **(
                {"medicationReference": {"reference": "#product"}}
                if head["contained"]
                else {"medicationCodeableConcept": _product(record, context)}
            ),
            **who,
            **({"effectivePeriod": period(start, end)} if end is not None else at_start),
            "device": [device] if device else None,
            "dosage": _dosage(record, slots, context),
        }
    )


def _blinded_product(record: Infusion, context: ResourceContext) -> Body:
    """One product for every arm, in words that make a clinician assume the active one (the safe assumption)."""
    study = context.study
    code = study.product if study.product in BLINDED_PRODUCTS else BLINDED_PRODUCT
    named = concepts(INVESTIGATIONAL_PRODUCT)[code]
    active = "cell product" if code == BLINDED_CELLS else "active product"
    route = _concept_words(record.route)
    sentences = [
        f"BLINDED: {named if study.product in (None, code) else study.product}, protocol {study.identifier}.",
        f"Route: {route}." if route else "",
        f"Treat as {active} received." if record.status != "not-done" else "",
        f"Emergency unblinding: {study.contact} (24 h)" if study.contact else "",
    ]
    return {
        "coding": [{"system": context.code_system(INVESTIGATIONAL_PRODUCT), "code": code, "display": named}],
        "text": " ".join(filter(None, sentences)),
    }


def _product(record: Infusion, context: ResourceContext) -> Body:
    return codeable_concept(record.product, context) or {"text": context.study.product or "Study product"}


def _contained(record: Infusion, lot: str | None, context: ResourceContext) -> list[Body] | None:
    """A Medication inside the resource, where its lot or its form is known: R4 has no other place for them."""
    if lot is None and record.form is None:
        return None
    medication = {
        "resourceType": "Medication",
        "id": "product",
        "code": _product(record, context),
        "form": codeable_concept(record.form, context),
        "batch": None if lot is None else {"lotNumber": lot},
    }
    return [present(medication)]


def _dosage(record: Infusion, slots: Slots, context: ResourceContext) -> Body | None:
    """The dose, or the volume where no dose is known; one in words alone is an unknown number (mad-1 wants one);
    ``None`` without any."""
    dose, number, text = _dose(record), slots[_DOSE], slots[_TEXT]
    if text is None and number is None:
        return None
    return present(
        {
            "text": text,
            "route": codeable_concept(record.route, context),
            "dose": unknown() if dose is None or number is None else quantity(number, dose.unit, dose.comparator),
        }
    )


def _dose(record: Infusion) -> Quantity | None:
    return record.volume if record.dose is None else record.dose


def _text(record: Infusion) -> str | None:
    """What the dose as a number does not say: the words of it, and the volume where that is not the dose."""
    volume = None if record.dose is None or record.volume is None else f"Volume {_words(record.volume)}"
    return ", ".join(filter(None, (record.dose_text, volume))) or None


def _words(amount: Quantity) -> str:
    unit = amount.unit.text if amount.unit else None
    return " ".join(filter(None, (amount.comparator, amount.value, unit)))


def _concept_words(concept: Concept | None) -> str | None:
    if concept is None:
        return None
    return concept.text or next((coding.display for coding in concept.codings if coding.display), None)


def _kinds(record: Infusion, links: Links) -> tuple[Kind, ...]:
    return _KINDS


LAYOUT = Layout(shape=_shape, kinds=_kinds, body=_body)
