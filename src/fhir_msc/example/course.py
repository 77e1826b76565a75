"""How a participant goes through the trial: consent, screening, visits, and how it ends. Dates only, no values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from fhir_msc.example.design import BASELINE, FOLLOW_UP, SCREENING, Event, Site
from fhir_msc.example.draw import Stream, clip

FIRST_SCREENING = date(2019, 1, 7)
LAST_SCREENING = date(2025, 1, 24)

COMPLETED, SCREEN_FAILURE, CONSENT_WITHDRAWN, WITHDRAWN_BY_SUBJECT = "1", "2", "3", "4"
LOST_TO_FOLLOW_UP, ADVERSE_EVENT, PHYSICIAN_DECISION = "5", "6", "7"

NO_CONSENT = "I6"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is decided of somebody before the trial takes its course.

    ``failure`` is the criterion that a screening fails. The three other flags mark what the README names as
    irregular on purpose: a sample taken before the consent, a visit held after its withdrawal, no infusion given.
    """

    ending: str
    failure: str | None = None
    early_sample: bool = False
    visit_after_withdrawal: bool = False
    not_infused: bool = False


@dataclass(frozen=True, slots=True)
class Course:
    """The dates of one participant. ``visits`` holds every visit due, with ``None`` for one that was missed."""

    record: str
    site: Site
    plan: Plan
    consent: date | None
    consent_withdrawn: date | None
    visits: tuple[tuple[Event, date | None], ...]
    unscheduled: tuple[date, ...]
    end: date

    @property
    def screening(self) -> date:
        """The day of the screening visit."""
        return self._day(SCREENING) or self.end

    @property
    def baseline(self) -> date | None:
        """The day of the infusion; ``None`` after a failed screening."""
        return self._day(BASELINE)

    def _day(self, event: Event) -> date | None:
        return next((day for visit, day in self.visits if visit is event), None)


def workday(day: date) -> date:
    """The nearest day from Monday to Friday."""
    return day - timedelta(days=1) if day.weekday() == 5 else day + timedelta(days=day.weekday() == 6)


def screening_days(stream: Stream, count: int) -> list[date]:
    """The days on which ``count`` people are screened, in order."""
    span = (LAST_SCREENING - FIRST_SCREENING).days
    return [
        workday(FIRST_SCREENING + timedelta(days=offset))
        for offset in sorted(stream.integer(0, span) for _ in range(count))
    ]


def take_course(stream: Stream, record: str, site: Site, plan: Plan, screening: date) -> Course:
    """Draws the dates of one participant who is screened on that day."""
    agreed = min(workday(screening - timedelta(days=stream.pick((0, 0, 0, 1, 3)))), screening)
    consent = None if plan.failure == NO_CONSENT else agreed
    if plan.failure is not None:
        end = workday(screening + timedelta(days=stream.integer(3, 14)))
        return Course(record, site, plan, consent, None, ((SCREENING, screening),), (), end)
    baseline = workday(screening + timedelta(days=stream.integer(8, 27)))
    last_day = 400 if plan.ending == COMPLETED else stream.integer(35, 260)
    visits = [(SCREENING, screening), (BASELINE, baseline), *_follow_up(stream, baseline, last_day, plan)]
    attended = [day for _, day in visits if day is not None]
    end = attended[-1] if plan.ending == COMPLETED else max(baseline + timedelta(days=last_day), attended[-1])
    withdrawn = None
    if plan.ending == CONSENT_WITHDRAWN:
        withdrawn = end = attended[-1] - timedelta(days=2) if plan.visit_after_withdrawal else end
    unscheduled = () if plan.visit_after_withdrawal else _unscheduled(stream, baseline, attended)
    return Course(record, site, plan, consent, withdrawn, tuple(visits), unscheduled, end)


def _follow_up(stream: Stream, baseline: date, last_day: int, plan: Plan) -> list[tuple[Event, date | None]]:
    """The visits due before somebody leaves; those who complete the trial attend its last visit."""
    due: list[tuple[Event, date | None]] = []
    for event in FOLLOW_UP:
        planned = event.day or 0
        reach = event.window - 1
        offset = int(clip(stream.near(0, event.window / 2), -reach, reach))
        missed = stream.chance(0.035) and event is not FOLLOW_UP[-1]
        if planned + event.window > last_day and plan.ending != COMPLETED:
            break
        due.append((event, None if missed else workday(baseline + timedelta(days=planned + offset))))
    return due


def _unscheduled(stream: Stream, baseline: date, attended: Sequence[date]) -> tuple[date, ...]:
    """Unplanned visits between two planned ones, for about one participant in five."""
    span = (attended[-1] - baseline).days
    count = stream.pick((0, 0, 0, 0, 0, 0, 0, 0, 1, 2))
    days = {workday(baseline + timedelta(days=stream.integer(10, max(10, span - 3)))) for _ in range(count)}
    return tuple(day for day in sorted(days - set(attended)) if day < attended[-1])
