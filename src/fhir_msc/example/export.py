"""The rows of REDCap's flat export: one per event, per instance of a repeating event, per adverse event."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from fhir_msc.example.adverse_events import adverse_events
from fhir_msc.example.assessments import Cells, examine
from fhir_msc.example.course import Course, workday
from fhir_msc.example.design import BASELINE, ONGOING, SCREENING, UNSCHEDULED, Event
from fhir_msc.example.dictionary import SYNTHETIC
from fhir_msc.example.disease import Disease, draw_disease
from fhir_msc.example.draw import Stream
from fhir_msc.example.forms import FORMS
from fhir_msc.example.laboratory import clock
from fhir_msc.example.person import Occasion, Person, draw_person

SYSTEM_COLUMNS = (
    "record_id",
    "redcap_event_name",
    "redcap_repeat_instrument",
    "redcap_repeat_instance",
    "redcap_data_access_group",
)
RECORD_COLUMNS = (
    *SYSTEM_COLUMNS,
    *(
        column
        for form, fields in FORMS.items()
        for column in (*(c for field in fields for c in field.columns if c != "record_id"), f"{form}_complete")
    ),
)
"""The header of the export, in REDCap's order: the record's identifier, REDCap's own columns, then form by form."""

_CHECKBOXES = {
    form: tuple(column for field in fields if field.kind == "checkbox" for column in field.columns)
    for form, fields in FORMS.items()
}
_LETTERS = "ABCDEFGHJKLMNPRSTVWZ"
_ADVERSE_EVENTS = "adverse_events"


@dataclass(frozen=True, slots=True)
class Participant:
    """One participant's rows, and what the pharmacy is told: weight in kg and the start of the infusion, if any."""

    course: Course
    rows: tuple[tuple[str, ...], ...]
    weight: float
    infusion_start: str | None


def participant(stream: Stream, course: Course) -> Participant:
    """Fills every form of one participant."""
    person = draw_person(stream, course.screening, anaemic=course.plan.failure == "E3")
    disease = draw_disease(stream, eligible=course.plan.failure != "I4")
    once = _once(stream, course, person)
    rows = []
    for event, day in course.visits:
        if day is None:
            rows.append(_row(stream, course, event, {"visit": _missed(stream)}))
            continue
        visit = {"visit_data_origin": SYNTHETIC, "visit_status": "1", "visit_date": day.isoformat()}
        occasion = _occasion(stream, course, person, event, day, disease=disease)
        rows.append(_row(stream, course, event, {**once.get(event, {}), "visit": visit, **examine(stream, occasion)}))
    for instance, day in enumerate(course.unscheduled, start=1):
        reason = stream.pick("123")
        visit = {
            "visit_data_origin": SYNTHETIC,
            "visit_status": "1",
            "visit_date": day.isoformat(),
            "visit_reason_unscheduled": reason,
        }
        occasion = _occasion(stream, course, person, UNSCHEDULED, day, disease=disease)
        filled = {"visit": visit, **examine(stream, replace(occasion, flare="1" if reason == "1" else "0"))}
        rows.append(_row(stream, course, UNSCHEDULED, filled, instance=instance))
    ending = {"disp_data_origin": SYNTHETIC, "disp_status": course.plan.ending, "disp_date": course.end.isoformat()}
    rows.append(_row(stream, course, ONGOING, {"disposition": ending}))
    for instance, cells in enumerate(adverse_events(stream, course), start=1):
        rows.append(_row(stream, course, ONGOING, {_ADVERSE_EVENTS: cells}, _ADVERSE_EVENTS, instance))
    start = once.get(BASELINE, {}).get("infusion", {}).get("inf_datetime")
    return Participant(course, tuple(rows), person.weight, start)


def _occasion(stream: Stream, course: Course, person: Person, event: Event, day: date, *, disease: Disease) -> Occasion:
    week = max((day - course.baseline).days, 0) / 7 if course.baseline else 0.0
    flare = "0"
    if event not in (SCREENING, BASELINE):
        flare = "2" if stream.chance(0.015) else "1" if stream.chance(0.06) else "0"
    early = course.plan.early_sample and event is SCREENING and course.consent is not None
    sample_day = course.consent - timedelta(days=2) if early and course.consent else day
    return Occasion(person, disease, event, day, sample_day, week, flare)


def _once(stream: Stream, course: Course, person: Person) -> dict[Event, dict[str, Cells]]:
    """The forms that are filled once: at the screening and at the baseline."""
    failure = course.plan.failure
    decided = course.end
    if course.baseline is not None:
        decided = min(workday(course.baseline - timedelta(days=stream.integer(0, 2))), course.baseline)
    screened = {
        "demographics": _demographics(stream, course, person),
        "consent": _consent(course),
        "eligibility": {
            "elig_date": decided.isoformat(),
            "elig_result": "2" if failure else "1",
            "elig_reason": failure or "",
        },
    }
    if course.baseline is None:
        return {SCREENING: screened}
    started = clock(course.baseline, stream.integer(11 * 60 + 30, 14 * 60 + 30))
    given = {"inf_done": "1", "inf_datetime": started, "inf_route": "1"}
    not_given = {"inf_done": "0", "inf_reason_not_done": "1"}
    infusion = {"inf_date": course.baseline.isoformat(), **(not_given if course.plan.not_infused else given)}
    return {
        SCREENING: screened,
        BASELINE: {"randomisation": {"rand_date": decided.isoformat()}, "infusion": infusion},
    }


def _demographics(stream: Stream, course: Course, person: Person) -> Cells:
    race = {f"race___{code}": "0" for code in "123456"}
    race[f"race___{stream.pick('33355555226')}"] = "1"
    if stream.chance(0.06):
        race[f"race___{stream.pick('135')}"] = "1"
    born = f"{person.birth_year}-{stream.integer(1, 12):02d}"
    return {
        "data_origin": SYNTHETIC,
        "initials": stream.pick(_LETTERS) + stream.pick(_LETTERS),
        "site": course.site.number,
        "sex": "1" if person.female else "2",
        "birth_year_month": born[:4] if stream.chance(0.04) else born,
        **race,
        "ethnicity": stream.pick("122222223"),
    }


def _consent(course: Course) -> Cells:
    if course.consent is None:
        return {}
    withdrawn = course.consent_withdrawn
    return {
        "consent_date": course.consent.isoformat(),
        "consent_version": "synthetic 1.0" if course.consent < date(2022, 1, 1) else "synthetic 2.0",
        "consent_withdrawn": "1" if withdrawn else "0",
        "consent_withdrawn_date": withdrawn.isoformat() if withdrawn else "",
    }


def _missed(stream: Stream) -> Cells:
    return {"visit_data_origin": SYNTHETIC, "visit_status": "2", "visit_reason_missed": stream.pick("12345")}


def _row(
    stream: Stream,
    course: Course,
    event: Event,
    filled: dict[str, Cells],
    instrument: str = "",
    instance: int | None = None,
) -> tuple[str, ...]:
    """One row. A designated form that nobody filled stands there as incomplete, its boxes unticked."""
    cells = dict(
        zip(
            SYSTEM_COLUMNS,
            (course.record, event.unique, instrument, str(instance or ""), course.site.group),
            strict=True,
        )
    )
    designated = (instrument,) if instrument else tuple(form for form in event.forms if form != _ADVERSE_EVENTS)
    for form in designated:
        cells.update(dict.fromkeys(_CHECKBOXES[form], "0"))
        values = filled.get(form, {})
        cells.update(values)
        cells[f"{form}_complete"] = ("1" if stream.chance(0.02) else "2") if values else "0"
    return tuple(cells.get(column, "") for column in RECORD_COLUMNS)
