"""Consent: what of a participant may leave, given the consents that are recorded.

Nothing leaves without a recorded consent (21 CFR 50.20; GDPR art. 9(2)(a)). What was collected before it is held until
the project says that the consent covers it; what was collected after its withdrawal, and before another consent, is
never sent. Dates are compared at the coarser of their precisions: the same day passes, and a partial date that may lie
outside does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
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

_DAY = 10
"""The length of a whole date."""


class Gate(StrEnum):
    """How a kind of record is gated."""

    DATED = "dated"
    """By the date it was collected on."""
    HISTORY = "history"
    """As what the participant brought along: its beginning may lie before any consent; what began after the last
    withdrawal, or at an unknown time where there is one, is not covered."""
    PERSON = "person"
    """By there being a consent: the participant, the consent itself, the way through the trial."""


@dataclass(frozen=True, slots=True)
class Period:
    """A time in which a consent holds: the day it was given, and the day it was withdrawn, both included.

    ``until`` is ``None`` where it still holds and ``""`` where it was withdrawn on a day that nobody recorded.
    """

    since: str
    until: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentState:
    """What is recorded of one participant's consent: the periods in which it holds, in their order."""

    periods: tuple[Period, ...] = ()

    @property
    def is_given(self) -> bool:
        """Whether a consent is recorded at all."""
        return bool(self.periods)

    @property
    def is_withdrawn(self) -> bool:
        """Whether the last consent was withdrawn."""
        return bool(self.periods) and self.periods[-1].until is not None

    @property
    def was_withdrawn(self) -> bool:
        """Whether any consent was withdrawn, even if another was given since."""
        return any(period.until is not None for period in self.periods)


@dataclass(frozen=True, slots=True)
class ConsentPolicy:
    """What the project says: how many days before it the consent covers."""

    covers_days_before: int = 0


def consent_state(given: Sequence[str], withdrawn: Sequence[str | None], policy: ConsentPolicy) -> ConsentState:
    """The state that follows from the dates of consents and withdrawals, in any order.

    A consent given anew after a withdrawal opens another period; of consents in one period the first counts. A
    withdrawal whose date is not known, or that may lie after a consent, ends what it may end. Of the first period the
    policy says how far it reaches back.
    """
    if not given:
        return ConsentState()
    first = _earlier(min(given), policy.covers_days_before)
    if None in withdrawn:
        return ConsentState((Period(first, ""),))
    periods: list[Period] = []
    until: str | None = None
    for day in sorted(given, reverse=True):
        ends = [one for one in withdrawn if one and ends_consent(one, day)]
        # What ends a later consent ends this one too, and what may come first counts.
        ended = min([*ends, until] if until else ends, default=None)
        if periods and ended == until:
            periods.pop()
        periods.append(Period(day, ended))
        until = ended
    oldest = periods.pop()
    return ConsentState((Period(first, oldest.until), *reversed(periods)))


def ends_consent(withdrawn: str, given: str) -> bool:
    """Whether a withdrawal is, or may be, later than a consent; both are FHIR dates or dateTimes.

    On one day a consent comes before its withdrawal, unless both have a time: then these are compared, whatever their
    zones, to the minute.
    """
    ended, begun = _minute(withdrawn), _minute(given)
    if ended and begun:
        return ended >= begun
    precision = min(len(withdrawn), len(given), _DAY)
    return withdrawn[:precision] >= given[:precision]


def _minute(day: str) -> datetime | None:
    """The minute of a dateTime with a zone: seconds that nobody wrote down stand as zero."""
    try:
        moment = datetime.fromisoformat(day).replace(second=0, microsecond=0) if len(day) > _DAY else None
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None


def gate(state: ConsentState, collected: str | None, kind: Gate) -> str | None:
    """Why a record may not leave, as a rule id; ``None`` where it may. ``collected`` is a FHIR date or dateTime."""
    if not state.periods:
        return WITHOUT_CONSENT
    if kind is Gate.PERSON:
        return None
    if kind is Gate.HISTORY:
        until = state.periods[-1].until
        if until is None:
            return None
        if collected is None:
            return DATE_UNKNOWN
        return AFTER_WITHDRAWAL if _after(collected[:_DAY], until) else None
    if collected is None:
        return DATE_UNKNOWN
    day = collected[:_DAY]
    reason = BEFORE_CONSENT
    for period in state.periods:
        if _before(day, period.since):
            return reason
        if period.until is None or not _after(day, period.until):
            return None
        reason = AFTER_WITHDRAWAL
    return reason


def ends_uncovered(state: ConsentState, ended: str | None, kind: Gate) -> bool:
    """Whether what may leave ended, or may have, after a withdrawal and before another consent.

    ``ended`` is a FHIR date or dateTime; at an unknown time (``None``) it may have where the last consent is withdrawn.
    Of a history the last consent covers all that went before.
    """
    if ended is None:
        return state.is_withdrawn
    day = ended[:_DAY]
    periods = state.periods[-1:] if kind is Gate.HISTORY else state.periods
    return any(
        period.until is not None and _after(day, period.until) and (following is None or _before(day, following.since))
        for period, following in zip(periods, (*periods[1:], None), strict=True)
    )


def _before(day: str, limit: str) -> bool:
    """Whether ``day`` is, or may be, before ``limit``. The same day is not before."""
    precision = min(len(day), len(limit), _DAY)
    # Equal as far as both go: the same day passes; a month or a year alone may lie before.
    return day[:precision] < limit[:precision] or (precision < _DAY and day[:precision] == limit[:precision])


def _after(day: str, limit: str) -> bool:
    """Whether ``day`` is, or may be, after ``limit``. The same day is not after."""
    precision = min(len(day), len(limit), _DAY)
    return day[:precision] > limit[:precision] or (precision < _DAY and day[:precision] == limit[:precision])


def _earlier(day: str, days: int) -> str:
    if days == 0 or len(day) < _DAY:
        return day
    whole = date.fromisoformat(day[:_DAY])
    return date.fromordinal(max(1, (whole - timedelta(min(days, whole.toordinal() - 1))).toordinal())).isoformat()
