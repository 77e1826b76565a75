"""Consent: what of a participant may leave, given the consents that are recorded.

Nothing leaves without a recorded consent (21 CFR 50.20; GDPR art. 9(2)(a)). What was collected before it is held until
the project says that the consent covers it; what was collected after its withdrawal is never sent. Dates are compared
at the coarser of their precisions: the same day passes, and a partial date that may be before does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

WITHOUT_CONSENT = "MSC-CONSENT-001"
BEFORE_CONSENT = "MSC-CONSENT-002"
AFTER_WITHDRAWAL = "MSC-CONSENT-003"
UNCLEAR_WITHDRAWAL = "MSC-CONSENT-004"
DATE_UNKNOWN = "MSC-CONSENT-005"

REASONS = {
    WITHOUT_CONSENT: "no consent is recorded",
    BEFORE_CONSENT: "collected before the consent",
    AFTER_WITHDRAWAL: "collected after the consent was withdrawn",
    DATE_UNKNOWN: "no date to compare with the consent",
}


class Gate(StrEnum):
    """How a kind of record is gated."""

    DATED = "dated"
    """By the date it was collected on."""
    PERSON = "person"
    """By there being a consent: the participant, the consent itself, the way through the trial."""


@dataclass(frozen=True, slots=True)
class ConsentState:
    """What is recorded of one participant: the first consent's date, and the date it was withdrawn."""

    given: str | None = None
    withdrawn: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentPolicy:
    """What the project says: how many days before it the consent covers."""

    covers_days_before: int = 0


def gate(state: ConsentState, collected: str | None, kind: Gate, policy: ConsentPolicy) -> str | None:
    """Why a record may not leave, as a rule id; ``None`` where it may. ``collected`` is a FHIR date or dateTime."""
    if state.given is None:
        return WITHOUT_CONSENT
    if kind is Gate.PERSON:
        return None
    if collected is None:
        return DATE_UNKNOWN
    if _before(collected, _earlier(state.given, policy.covers_days_before)):
        return BEFORE_CONSENT
    if state.withdrawn is not None and _after(collected, state.withdrawn):
        return AFTER_WITHDRAWAL
    return None


def _before(moment: str, limit: str) -> bool:
    """Whether ``moment`` is, or may be, before the day ``limit``. The same day is not before."""
    day, limit = moment[:10], limit[:10]
    precision = min(len(day), len(limit))
    if day[:precision] != limit[:precision]:
        return day[:precision] < limit[:precision]
    # Equal as far as both go: the same day passes; a month or a year alone may lie before.
    return precision < 10


def _after(moment: str, limit: str) -> bool:
    """Whether ``moment`` is, or may be, after the day ``limit``. The same day is not after."""
    day, limit = moment[:10], limit[:10]
    precision = min(len(day), len(limit))
    if day[:precision] != limit[:precision]:
        return day[:precision] > limit[:precision]
    return precision < 10


def _earlier(day: str, days: int) -> str:
    if days == 0 or len(day) < 10:
        return day
    return (date.fromisoformat(day[:10]) - timedelta(days=days)).isoformat()
