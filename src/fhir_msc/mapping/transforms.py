"""Transforms: named functions that read one cell. Pure; a cell they cannot read raises ``Unreadable``.

They return FHIR's forms: numbers in JSON's spelling as written, dates and times in ISO 8601 with the precision the
cell has, times with a zone.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from typing import Literal
from zoneinfo import ZoneInfo

from fhir_msc.sources.naming import plain

TimeLost = Literal["zone", "minutes"] | None
"""Why a time is left out: no zone is known, or the minutes are not (an interval, too, has none); without either R4 has
no time."""


class Unreadable(ValueError):
    """The cell does not have the form the transform reads. The message says which form, never the cell."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written, with its comparator if it had one."""

    value: str
    comparator: str | None = None


_NUMBER = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]+))?")
_COMPARATOR = re.compile(r"(<=|>=|<|>|≤|≥)\s*(.+)")
_COMPARATORS = {"≤": "<=", "≥": ">="}


def decimal(cell: str) -> Number:
    """A number: digits as written, only what JSON forbids is changed (``.94`` → ``0.94``, ``+5`` → ``5``)."""
    match = _NUMBER.fullmatch(cell.strip())
    if match is None or not (match[2] or match[3]):
        raise Unreadable("a number is expected")
    sign, whole, fraction, exponent = match.groups()
    text = ("-" if sign == "-" else "") + (whole.lstrip("0") or "0")
    if fraction:
        text += "." + fraction
    return Number(text + (f"e{exponent}" if exponent else ""))


def comparator_decimal(cell: str) -> Number:
    """A number with a comparator (``<3.42``, ``>= 100``)."""
    match = _COMPARATOR.fullmatch(cell.strip())
    if match is None:
        raise Unreadable("a number with < <= > or >= is expected")
    return Number(decimal(match[2]).value, _COMPARATORS.get(match[1], match[1]))


def integer(cell: str) -> Number:
    """A whole number; ``5.0`` is one, ``5.5`` is not."""
    number = decimal(cell)
    whole, _, fraction = number.value.partition(".")
    if fraction.strip("0") or "e" in number.value:
        raise Unreadable("a whole number is expected")
    return Number(whole)


_KEPT = 2048
"""Dates and times that are remembered: they repeat within a participant's rows, not over a whole trial."""

_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_YEAR_AND_DAY = re.compile(r"(\d{4})---\d\d", re.ASCII)
_TIME = re.compile(r"(\d\d)(?::(?:(\d\d)|-)(?::(?:(\d\d)(?:[.,](\d+))?|-))?)?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII)
"""Parts that are not known are left out or, before one that is known, a line (SDTMIG 4.4.2)."""
_TIME_OF_DAY = re.compile(
    r"(?:([01]\d|2[0-3])(:([0-5]\d|-)(:([0-5]\d([.,]\d+)?|-))?)?|24(:00){0,2})(Z|[+-]\d\d(:?\d\d)?)?", re.ASCII
)
"""A time that is left out, and so may have parts that are not known (SDTM's ``13:-:17``)."""


def _joined(cell: str) -> str:
    # EDC exports (REDCap) put a blank where ISO 8601 has a T.
    return cell.strip().replace(" ", "T", 1)


@lru_cache(maxsize=_KEPT)
def iso_date(cell: str) -> str:
    """A date, maybe partial (``2021``, ``2021-03``, ``2021-03-05``); of a date and time, the date.

    SDTM's ``2021---05``, of which the month is not known (SDTMIG 4.4.2), is the year: FHIR has no day without a month.
    """
    day, _, clock = _joined(cell).partition("T")
    day = day.rstrip("-")
    if clock and not clock.startswith("-") and not (len(day) == 10 and _TIME_OF_DAY.fullmatch(clock)):
        raise Unreadable("a date as YYYY, YYYY-MM or YYYY-MM-DD is expected")
    if _YEAR_AND_DAY.fullmatch(day):
        day = day[:4]
    match = _DATE.fullmatch(day)
    if match is None:
        raise Unreadable("a date as YYYY, YYYY-MM or YYYY-MM-DD is expected")
    year, month, date = match.groups()
    if year == "0000" or (month and not 1 <= int(month) <= 12):
        raise Unreadable("there is no such month")
    if date and not 1 <= int(date) <= calendar.monthrange(int(year), int(month))[1]:
        raise Unreadable("there is no such day")
    return day


@lru_cache(maxsize=_KEPT)
def iso_date_time(cell: str, zone: str | None) -> tuple[str, TimeLost]:
    """A date, or a date and time with a zone: its own, or that of ``zone`` (IANA name).

    The second part says why a time had to be left out. Missing seconds become ``:00``, 24:00 is 00:00 of the next day.
    A wall-clock time that occurs twice when clocks go back is taken as the first of the two.
    Of an interval in which the moment lies (SDTMIG 4.4.2), what is known of the moment: the day, month or year that
    both ends have.
    """
    ends = cell.split("/")
    if len(ends) == 2:
        if ends[0] == ends[1]:
            return iso_date_time(ends[0], zone)
        return _common(iso_date_time(ends[0], zone), iso_date_time(ends[1], zone))
    day, _, clock = _joined(cell).partition("T")
    date = iso_date(day)
    if not clock or clock.startswith("-"):
        return date, None
    match = _TIME.fullmatch(clock)
    if match is None or len(date) < 10:
        raise Unreadable("a time as hh:mm or hh:mm:ss after a whole date is expected")
    hour, minute, second, fraction, offset = match.groups()
    second = second or "00"
    if hour == "24" and not f"{minute or ''}{second}{fraction or ''}".strip("0"):
        date, hour = _day_after(date), "00"
    if int(hour) > 23 or int(minute or 0) > 59 or int(second) > 59:
        raise Unreadable("there is no such time of day")
    if minute is None:
        return date, "minutes"
    wall = f"{date}T{hour}:{minute}:{second}"
    moment = f"{wall}.{fraction}" if fraction else wall
    if offset:
        return moment + _with_minutes(offset), None
    if zone is None:
        return date, "zone"
    return moment + _with_minutes(datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone)).strftime("%z")), None


def _with_minutes(offset: str) -> str:
    """An offset in FHIR's form: ``+01:00`` of ``+0100`` and ``+01``."""
    digits = offset.replace(":", "")
    return offset if offset == "Z" else f"{digits[:3]}:{digits[3:5] or '00'}"


def _day_after(date: str) -> str:
    try:
        return (datetime.fromisoformat(date) + timedelta(days=1)).date().isoformat()
    except OverflowError:
        raise Unreadable("there is no such day") from None


def _common(start: tuple[str, TimeLost], end: tuple[str, TimeLost]) -> tuple[str, TimeLost]:
    if start == end and start[1] is None:
        return start
    parts = zip(*(moment.partition("T")[0].split("-") for moment, _ in (start, end)), strict=False)
    date = "-".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], parts))
    if not date:
        raise Unreadable("an interval within one year is expected")
    return date, "minutes" if any(lost or "T" in moment for moment, lost in (start, end)) else None


def _layout(pattern: str, *order: int) -> Callable[[str], str]:
    form = re.compile(pattern, re.ASCII)

    def read(cell: str) -> str:
        match = form.fullmatch(cell.strip())
        if match is None:
            raise Unreadable("a date of the declared layout is expected")
        year, month, day = (match[group] for group in order)
        return iso_date(f"{year}-{int(month):02d}-{int(day):02d}")

    return read


DATE_LAYOUTS: dict[str, Callable[[str], str]] = {
    "date": iso_date,
    "date-us": _layout(r"(\d{1,2})/(\d{1,2})/(\d{4})", 3, 1, 2),
    "date-eu": _layout(r"(\d{1,2})[./](\d{1,2})[./](\d{4})", 3, 2, 1),
}
"""Transforms that read a date, by the names packs use."""

NUMBERS: dict[str, Callable[[str], Number]] = {
    "decimal": decimal,
    "integer": integer,
    "comparator-decimal": comparator_decimal,
}
"""Transforms that read a number."""


def text(cell: str) -> str:
    """Words, trimmed."""
    return cell.strip()


def upper(cell: str) -> str:
    """Words in capitals."""
    return cell.strip().upper()


def boolean(cell: str) -> str:
    """``true`` or ``false``, from Y/N, YES/NO, 1/0, TRUE/FALSE."""
    word = cell.strip().upper()
    if word in ("Y", "YES", "1", "TRUE"):
        return "true"
    if word in ("N", "NO", "0", "FALSE"):
        return "false"
    raise Unreadable("yes or no is expected")


def plain_number(cell: str) -> str:
    """A number that names something, as a visit's does; it is the same however it is spelled: ``4.00`` is ``4``,
    ``4.10`` is ``4.1``."""
    return plain(decimal(cell).value)


def study_day(cell: str) -> str:
    """A study day of SDTM, whose day 1 is that of the first treatment and which has no day 0 (SDTMIG 4.4.4), as days
    from it."""
    day = int(integer(cell).value.partition(".")[0])
    if day == 0:
        raise Unreadable("a study day is expected, and there is no day 0")
    return str(day - 1 if day > 0 else day)


WORDS: dict[str, Callable[[str], str]] = {
    "text": text,
    "upper": upper,
    "boolean": boolean,
    "visit-number": plain_number,
    "study-day": study_day,
    **DATE_LAYOUTS,
}
"""Transforms that read words."""

NAMES = (*WORDS, *NUMBERS, "date-time")
"""The names of the transforms that are built in."""
