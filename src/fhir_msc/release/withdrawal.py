"""What of a record may leave that goes on, or may, when the consent is withdrawn: what was so until then.

Its end was collected later, and so was what only the end tells (that it resolved, that it was fatal). What a row says
without a date of its own (severity, action taken) counts as of its beginning.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from fhir_msc.release.consent import ConsentState, Gate, ends_uncovered
from fhir_msc.trial import (
    AdverseEvent,
    Concept,
    Condition,
    Disposition,
    Infusion,
    Medication,
    Participant,
    Record,
    Visit,
)

LATER_LEFT_OUT = "MSC-CONSENT-007"

R = TypeVar("R", bound=Record)
E = TypeVar("E", bound=AdverseEvent)

_ENDED_EVENT = frozenset(["resolved", "resolvedWithSequelae", "fatal"])
_ENDED_CONDITION = frozenset(["inactive", "remission", "resolved"])
_ENDED_DRUG = frozenset(["completed", "stopped"])
_WITHDRAWALS = frozenset(["consent-withdrawn", "unclear-withdrawal"])
_DEATH = "C48275"
"""Death as a criterion of seriousness (E2B) and as grade 5 (CTCAE), in NCI Thesaurus."""


def history_gate(record: Condition | Medication) -> Gate:
    """How a history is gated: written down on a day, by that day; else it is not gated by its beginning."""
    return Gate.DATED if record.recorded else Gate.HISTORY


def until_withdrawn(record: R, consent: ConsentState) -> R:
    """The record as it stood when the consent was withdrawn; the record itself where nothing of it is later.

    An end at an unknown time counts as later where the consent is withdrawn, as an unknown beginning does.
    """
    if not consent.was_withdrawn:
        return record
    stood = _stood(record, consent)
    return record if stood == record else stood


def day_of_visit(visit: Visit, consent: ConsentState) -> str | None:
    """The day as of which counts what was done at a visit and has no date of its own; none where the visit went on when
    the consent was withdrawn."""
    went_on = visit.end is not None and ends_uncovered(consent, visit.end, Gate.DATED)
    return None if went_on else visit.start


def is_later(step: Disposition, consent: ConsentState) -> bool:
    """Whether a step through the trial, other than the withdrawal itself, is or may be later than the consent."""
    return step.kind not in _WITHDRAWALS and ends_uncovered(consent, step.date, Gate.DATED)


def _stood(record: R, consent: ConsentState) -> R:
    if isinstance(record, AdverseEvent):
        later = ends_uncovered(consent, record.end, Gate.DATED)
        return _open_event(record) if later else record
    if isinstance(record, Condition):
        later = ends_uncovered(consent, record.abatement or record.recorded, history_gate(record))
        status = None if record.status in _ENDED_CONDITION else record.status
        return replace(record, abatement=None, status=status) if later else record
    if isinstance(record, Medication):
        later = ends_uncovered(consent, record.end or record.recorded, history_gate(record))
        if later and record.status in _ENDED_DRUG:
            return replace(record, end=None, status="unknown", status_reason=None)
        return replace(record, end=None) if later else record
    if isinstance(record, Participant):
        later = ends_uncovered(consent, record.death_date, Gate.DATED)
        return replace(record, died=False, death_date=None) if later else record
    # A visit and an infusion without an end are over on the day of their start.
    if isinstance(record, Visit | Infusion) and record.end and ends_uncovered(consent, record.end, Gate.DATED):
        if isinstance(record, Visit):
            return replace(record, end=None, status="in-progress" if record.status == "finished" else record.status)
        if record.status in _ENDED_DRUG:
            return replace(record, end=None, status="unknown", reason=None)
        return replace(record, end=None)
    return record


def _open_event(record: E) -> E:
    """An adverse event of which nobody knows the end."""
    criteria = tuple(one for one in record.criteria if not _is_death(one))
    grade = None if record.grade and _is_death(record.grade) else record.grade
    is_deadly = record.outcome == "fatal" or criteria != record.criteria or grade != record.grade
    return replace(
        record,
        end=None,
        outcome=None if record.end or record.outcome in _ENDED_EVENT else record.outcome,
        criteria=criteria,
        grade=grade,
        # Serious by its death alone, as far as the row says.
        serious=None if is_deadly and not criteria else record.serious,
    )


def _is_death(concept: Concept) -> bool:
    return any(coding.code == _DEATH for coding in concept.codings)
