"""The synthetic export of the phase 2 trial NCT02633163: three REDCap files and one of the pharmacy.

Facts are the design (arms, doses, weeks, cities, domains of outcome); every value, date and number per arm is
synthetic. The same arguments give the same bytes on every machine.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime

from fhir_msc.errors import UsageError
from fhir_msc.example.course import (
    ADVERSE_EVENT,
    COMPLETED,
    CONSENT_WITHDRAWN,
    LOST_TO_FOLLOW_UP,
    NO_CONSENT,
    PHYSICIAN_DECISION,
    SCREEN_FAILURE,
    WITHDRAWN_BY_SUBJECT,
    Plan,
    screening_days,
    take_course,
)
from fhir_msc.example.design import EVENTS, SITES, Site
from fhir_msc.example.dictionary import HEADERS
from fhir_msc.example.draw import Stream
from fhir_msc.example.export import RECORD_COLUMNS, Participant, participant
from fhir_msc.example.forms import FORMS
from fhir_msc.example.pharmacy import HEADERS as PHARMACY_HEADERS
from fhir_msc.example.pharmacy import Order, dispense, manufacture

SEED = 2633163

RECORDS = "edc/misle_records_synthetic.csv"
DICTIONARY = "edc/misle_dictionary_synthetic.csv"
EVENT_LIST = "edc/misle_events_synthetic.csv"
PHARMACY = "pharmacy/misle_pharmacy_synthetic.csv"

_PLANS, _SITES, _DAYS, _PARTICIPANT, _PHARMACY, _LOTS = range(6)

_LEAVING = (
    (CONSENT_WITHDRAWN, 3),
    (WITHDRAWN_BY_SUBJECT, 3),
    (LOST_TO_FOLLOW_UP, 4),
    (ADVERSE_EVENT, 2),
    (PHYSICIAN_DECISION, 1),
)
"""How many of 81 leave, and how (synthetic)."""

_FAILURES = ("I4", "E3", "I4", "E9", NO_CONSENT, "E13", "I4", "E4", "E3")


def generate(
    participants: int = 81, screen_failures: int = 9, *, seed: int = SEED, pharmacy_seed: int | None = None
) -> dict[str, bytes]:
    """The files of the export, by their path: UTF-8, comma-separated, REDCap's raw codes.

    ``participants`` are randomised, ``screen_failures`` come on top. Another ``pharmacy_seed`` gives other arms, lots
    and cells to the same participants and leaves every other file as it is. Raises UsageError for a negative number.
    """
    if participants < 0 or screen_failures < 0:
        raise UsageError("the numbers of participants and of screen failures cannot be negative")
    everyone = _everyone(participants, screen_failures, seed)
    stream, lots = (Stream(seed if pharmacy_seed is None else pharmacy_seed, path) for path in (_PHARMACY, _LOTS))
    orders = [_order(each) for each in everyone if each.course.baseline]
    return {
        RECORDS: _csv(RECORD_COLUMNS, (row for each in everyone for row in each.rows)),
        DICTIONARY: _csv(HEADERS, (field.row(form) for form, fields in FORMS.items() for field in fields)),
        EVENT_LIST: _events(),
        PHARMACY: _csv(PHARMACY_HEADERS, dispense(stream, orders, manufacture(lots))),
    }


def _everyone(participants: int, screen_failures: int, seed: int) -> list[Participant]:
    plans = Stream(seed, _PLANS).order(_plans(participants, screen_failures))
    sites = Stream(seed, _SITES).order(_sites(len(plans)))
    days = screening_days(Stream(seed, _DAYS), len(plans))
    numbers = dict.fromkeys((site.number for site in SITES), 0)
    everyone = []
    for index, (plan, site, day) in enumerate(zip(plans, sites, days, strict=True)):
        numbers[site.number] += 1
        record = f"SYN-{site.number}-{numbers[site.number]:03d}"
        stream = Stream(seed, _PARTICIPANT, index)
        everyone.append(participant(stream, take_course(stream, record, site, plan, day)))
    return sorted(everyone, key=lambda each: each.course.record)


def _plans(participants: int, screen_failures: int) -> list[Plan]:
    """Who leaves and how; the first of a kind carries what the README names as irregular on purpose."""
    endings = [ending for ending, of_81 in _LEAVING for _ in range((of_81 * participants + 40) // 81)]
    plans = [
        Plan(ending, visit_after_withdrawal=ending == CONSENT_WITHDRAWN and place == 0)
        for place, ending in enumerate(endings[:participants])
    ]
    completing = participants - len(plans)
    plans += [Plan(COMPLETED, early_sample=place == 0, not_infused=place == 1) for place in range(completing)]
    failures = (_FAILURES[place % len(_FAILURES)] for place in range(screen_failures))
    return plans + [Plan(SCREEN_FAILURE, failure=criterion) for criterion in failures]


def _sites(count: int) -> list[Site]:
    """``count`` places, each site with its share of them."""
    cycle = [site for site in SITES for _ in range(site.share)]
    return [cycle[place * len(cycle) // count] for place in range(count)]


def _order(each: Participant) -> Order:
    start = datetime.fromisoformat(each.infusion_start) if each.infusion_start else None
    return Order(each.course.record, each.weight, start)


def _events() -> bytes:
    columns = (
        "event_name",
        "arm_num",
        "day_offset",
        "offset_min",
        "offset_max",
        "unique_event_name",
        "custom_event_label",
    )
    rows = (
        (
            event.name,
            "1",
            "" if event.day is None else str(event.day),
            str(event.window),
            str(event.window),
            event.unique,
            "synthetic windows",
        )
        for event in EVENTS
    )
    return _csv(columns, rows)


def _csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()
