"""Blocks that make conditions and medications of a participant. Compiled once per table; a maker runs once per row."""

from __future__ import annotations

from fhir_msc.findings import Origin
from fhir_msc.mapping.blocks import ConditionBlock, MedicationBlock
from fhir_msc.mapping.concepts import concept, first_concept
from fhir_msc.mapping.expressions import quantity, words_of
from fhir_msc.mapping.records import Maker, one_of
from fhir_msc.mapping.scope import Cells, Scope
from fhir_msc.trial import Condition, Key, Medication, Record

CLINICAL_STATES = frozenset(["active", "recurrence", "relapse", "inactive", "remission", "resolved"])
"""R4 condition-clinical."""
VERIFICATION_STATES = frozenset(["unconfirmed", "provisional", "differential", "confirmed", "refuted"])
"""R4 condition-ver-status, without entered-in-error: a row that is there was not entered in error."""
MEDICATION_STATES = frozenset(["active", "completed", "intended", "stopped", "on-hold", "unknown", "not-taken"])
"""R4 medication-statement-status, without entered-in-error."""


def condition_of(words: ConditionBlock, scope: Scope) -> Maker:
    """A condition; a row without a term is none. One that has an end and of which nothing else is said is resolved, one
    that was not there has no clinical status."""
    term, note = words_of(words.term, scope), words_of(words.note, scope)
    onset, abatement = words_of(words.onset, scope), words_of(words.abatement, scope)
    asserted, recorded = words_of(words.asserted, scope), words_of(words.recorded, scope)
    status = one_of(words_of(words.status, scope), CLINICAL_STATES, words.status)
    verification = one_of(words_of(words.verification, scope), VERIFICATION_STATES, words.verification)
    code, category = first_concept(words.code, scope), concept(words.category, scope)
    severity, body_site = concept(words.severity, scope), concept(words.body_site, scope)

    def make(cells: Cells, zone: str | None, key: Key, subject: str, origins: tuple[Origin, ...]) -> Record | None:
        what = term(cells, zone)
        if what is None:
            return None
        ended, verified = abatement(cells, zone), verification(cells, zone)
        state = status(cells, zone) or ("resolved" if ended is not None else None)
        return Condition(
            key=key,
            participant=subject,
            origins=origins,
            term=what,
            code=code(cells, zone),
            onset=onset(cells, zone),
            abatement=ended,
            asserted=asserted(cells, zone),
            recorded=recorded(cells, zone),
            status=None if verified == "refuted" else state,
            verification=verified,
            category=category(cells, zone),
            severity=severity(cells, zone),
            body_site=body_site(cells, zone),
            note=note(cells, zone),
        )

    return make


def medication(words: MedicationBlock, scope: Scope) -> Maker:
    """A medication; a row without a term is none. One that has an end and of which nothing else is said is completed;
    of one without nobody knows."""
    term, reason, note = (words_of(value, scope) for value in (words.term, words.reason, words.note))
    start, end, recorded = (words_of(value, scope) for value in (words.start, words.end, words.recorded))
    status = one_of(words_of(words.status, scope), MEDICATION_STATES, words.status)
    code, form, category = first_concept(words.code, scope), concept(words.form, scope), concept(words.category, scope)
    status_reason, frequency = concept(words.status_reason, scope), concept(words.frequency, scope)
    route, body_site = concept(words.route, scope), concept(words.body_site, scope)
    dose, dose_text = quantity(words.dose, scope), words_of(words.dose_text, scope)
    as_needed = words_of(words.as_needed, scope)

    def make(cells: Cells, zone: str | None, key: Key, subject: str, origins: tuple[Origin, ...]) -> Record | None:
        what = term(cells, zone)
        if what is None:
            return None
        ended = end(cells, zone)
        return Medication(
            key=key,
            participant=subject,
            origins=origins,
            term=what,
            code=code(cells, zone),
            form=form(cells, zone),
            category=category(cells, zone),
            start=start(cells, zone),
            end=ended,
            recorded=recorded(cells, zone),
            status=status(cells, zone) or ("completed" if ended is not None else "unknown"),
            status_reason=status_reason(cells, zone),
            reason=reason(cells, zone),
            dose=dose(cells, zone),
            dose_text=dose_text(cells, zone),
            frequency=frequency(cells, zone),
            as_needed=as_needed(cells, zone) == "true",
            route=route(cells, zone),
            body_site=body_site(cells, zone),
            note=note(cells, zone),
        )

    return make
