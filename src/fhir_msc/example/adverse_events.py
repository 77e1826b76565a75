"""The adverse events of one participant, in plain words."""

from __future__ import annotations

from datetime import date, timedelta

from fhir_msc.example.course import ADVERSE_EVENT, Course
from fhir_msc.example.dictionary import SYNTHETIC
from fhir_msc.example.draw import Stream

_TERMS = (
    ("Headache", 1),
    ("Nausea", 1),
    ("Dizziness", 1),
    ("Common cold", 1),
    ("Cough", 1),
    ("Diarrhoea", 1),
    ("Trouble sleeping", 1),
    ("Back pain", 1),
    ("Itching", 1),
    ("Bruise after a fall", 1),
    ("Urinary tract infection", 2),
    ("Sinus infection", 2),
    ("COVID-19", 2),
    ("Migraine", 2),
    ("Joint pain", 2),
    ("Shingles", 2),
    ("Sprained ankle", 2),
    ("Pneumonia", 3),
    ("Kidney infection", 3),
    ("Skin infection of the leg", 3),
)
_AT_THE_INFUSION = ("Flushing", "Chills", "Tingling at the infusion site", "Fast heartbeat", "Light-headedness")

_HOSPITAL, _IMPORTANT = "3", "6"


def adverse_events(stream: Stream, course: Course) -> list[dict[str, str]]:
    """The cells of each adverse event, in the order in which they were reported."""
    first = course.baseline or course.screening
    span = max((course.end - first).days, 1)
    events = []
    if course.baseline and not course.plan.not_infused and stream.chance(0.15):
        events.append(_at_the_infusion(stream, course.baseline))
    for _ in range(stream.pick((0, 1, 1, 2, 2, 3, 4, 5)) if course.baseline else stream.pick((0, 0, 0, 1))):
        term, severity = stream.pick(_TERMS)
        start = first + timedelta(days=stream.integer(0, span))
        events.append(_later(stream, course, term, severity, start))
    if course.plan.ending == ADVERSE_EVENT:
        events.append(_later(stream, course, "Pneumonia", 3, course.end - timedelta(days=stream.integer(3, 10))))
    return sorted(events, key=lambda cells: cells["ae_start"])


def _at_the_infusion(stream: Stream, day: date) -> dict[str, str]:
    interrupted = stream.chance(0.2)
    return _event(
        term=stream.pick(_AT_THE_INFUSION),
        start=day,
        end=day.isoformat(),
        severity=1,
        related="3" if interrupted else "2",
        outcome="1",
        action="1" if interrupted else "0",
    )


def _later(stream: Stream, course: Course, term: str, severity: int, start: date) -> dict[str, str]:
    over = start + timedelta(days=stream.integer(0, 21))
    ended = over <= course.end
    unknown = ended and stream.chance(0.03)
    serious = severity == 3 and stream.chance(0.6)
    return _event(
        term=term,
        start=start,
        end="UNK" if unknown else over.isoformat() if ended else "",
        severity=severity,
        related=stream.pick(("0", "0", "0", "1", "1", "2")),
        outcome=("4" if severity == 3 and stream.chance(0.15) else "1") if ended else stream.pick(("2", "3", "3")),
        action="0",
        criterion=(_HOSPITAL if stream.chance(0.8) else _IMPORTANT) if serious else None,
    )


def _event(
    *,
    term: str,
    start: date,
    end: str,
    severity: int,
    related: str,
    outcome: str,
    action: str,
    criterion: str | None = None,
) -> dict[str, str]:
    return {
        "ae_data_origin": SYNTHETIC,
        "ae_term": term,
        "ae_start": start.isoformat(),
        "ae_end": end,
        "ae_severity": str(severity),
        "ae_serious": "1" if criterion else "0",
        **{f"ae_criteria___{code}": "1" if code == criterion else "0" for code in "123456"},
        "ae_related": related,
        "ae_outcome": outcome,
        "ae_action": action,
    }
