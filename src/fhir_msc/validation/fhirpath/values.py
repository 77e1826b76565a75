"""The values of FHIRPath that Python has no type for: dates, times and quantities; how values are equal and ordered.

http://hl7.org/fhirpath/N1/#comparison: what is given to different precisions is neither equal nor unequal where the
common part is the same, which is ``None`` here. So it is for quantities whose units cannot be converted.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Literal as OneOf
from typing import TypeAlias

_TEMPORAL = re.compile(
    r"(?:(\d{4})(?:-(\d\d)(?:-(\d\d))?)?)?(?:T?(?:(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?)?(Z|[+-]\d\d:\d\d)?)?"
).fullmatch


@dataclass(frozen=True, slots=True)
class Temporal:
    """A date, dateTime or time: its parts from the greatest on, and its zone in minutes east of Greenwich."""

    kind: OneOf["date", "dateTime", "time"]
    parts: tuple[Decimal, ...]
    zone: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value with a unit: a UCUM code, or with ``calendar`` a word such as ``days``."""

    value: Decimal
    unit: str
    calendar: bool = False


SystemValue: TypeAlias = bool | int | Decimal | str | Temporal | Quantity

CALENDAR_UNITS: Mapping[str, str] = MappingProxyType(
    {
        word + ending: code
        for word, code in (
            ("year", "year"),
            ("month", "month"),
            ("week", "wk"),
            ("day", "d"),
            ("hour", "h"),
            ("minute", "min"),
            ("second", "s"),
            ("millisecond", "ms"),
        )
        for ending in ("", "s")
    }
)
"""The words for a span of time, each with the UCUM code it equals; years and months of the calendar equal none."""

_SCALES: Mapping[str, tuple[Decimal, str]] = MappingProxyType(
    {
        "wk": (Decimal(604800), "s"),
        "d": (Decimal(86400), "s"),
        "h": (Decimal(3600), "s"),
        "min": (Decimal(60), "s"),
        **{
            prefix + base: (scale, base)
            for prefix, scale in (
                ("", Decimal(1)),
                ("k", Decimal(1000)),
                ("d", Decimal("0.1")),
                ("c", Decimal("0.01")),
                ("m", Decimal("0.001")),
                ("u", Decimal("0.000001")),
                ("n", Decimal("0.000000001")),
            )
            for base in ("s", "g", "m", "L", "mol")
        },
    }
)
"""UCUM codes that are multiples of each other, by its prefixes: the factor and the code it leads to."""


@lru_cache(1024)
def temporal(text: str, kind: OneOf["date", "dateTime", "time"]) -> Temporal | None:
    """The date or time that a text holds, ``None`` where it is none of that kind."""
    match = _TEMPORAL(text)
    if match is None or not text or (match[4] is not None and "T" not in text and kind != "time"):
        return None
    if kind == "time":
        if match[1] is not None or match[7] is not None or match[4] is None:
            return None
        parts = tuple(Decimal(part) for part in match.group(4, 5, 6) if part is not None)
    else:
        if match[1] is None or (kind == "date" and "T" in text) or (match[4] is not None and match[3] is None):
            return None
        parts = tuple(Decimal(part) for part in match.group(1, 2, 3, 4, 5, 6) if part is not None)
        if not _in_calendar(parts):
            return None
    zone = None
    if match[7] is not None:
        sign = -1 if match[7][0] == "-" else 1
        zone = 0 if match[7] == "Z" else sign * (int(match[7][1:3]) * 60 + int(match[7][4:6]))
    return Temporal(kind, parts, zone, text)


def _in_calendar(parts: tuple[Decimal, ...]) -> bool:
    year, month, day, *time = (*parts, Decimal(1), Decimal(1))[: max(3, len(parts))]
    if not (year > 0 and 1 <= month <= 12 and 1 <= day <= monthrange(int(year), int(month))[1]):
        return False
    return all(part < limit for part, limit in zip(time, (24, 60, 61), strict=False))


@lru_cache(1024)
def _instant(value: Temporal) -> tuple[Decimal, ...]:
    """The parts in UTC where there is a zone to take away."""
    if not value.zone or len(value.parts) < 5:
        return value.parts
    year, month, day, hour, minute = (int(part) for part in value.parts[:5])
    try:
        moved = datetime(year, month, day, hour, minute, tzinfo=UTC) - timedelta(minutes=value.zone)
    except OverflowError:  # the first or the last day of the calendar
        return value.parts
    return (*map(Decimal, (moved.year, moved.month, moved.day, moved.hour, moved.minute)), *value.parts[5:])


def order_of_times(left: Temporal, right: Temporal) -> int | None:
    """-1, 0 or 1; ``None`` where the precisions leave it open, or the kinds do not compare."""
    if (left.kind == "time") != (right.kind == "time"):
        return None
    first, second = _instant(left), _instant(right)
    for one, other in zip(first, second, strict=False):
        if one != other:
            return -1 if one < other else 1
    return 0 if len(first) == len(second) else None


def same_time(left: Temporal, right: Temporal) -> bool | None:
    """Whether two times are the same; ``None`` where that is open: precision, or a zone on one side only."""
    if (left.kind == "time") != (right.kind == "time"):
        return False
    if len(left.parts) > 3 and len(right.parts) > 3 and (left.zone is None) != (right.zone is None):
        first, second = _moment(left), _moment(right)
        return None if abs(first - second) <= timedelta(hours=14) else False
    order = order_of_times(left, right)
    return None if order is None else order == 0


def _moment(value: Temporal) -> datetime:
    year, month, day, *time = (int(part) for part in _instant(value))
    hour, minute, second = (*time, 0, 0)[:3]
    return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)


def order_of_quantities(left: Quantity, right: Quantity) -> int | None:
    """-1, 0 or 1 in a common unit; ``None`` where there is none."""
    if left.unit == right.unit:
        first, second = left.value, right.value
    else:
        one, other = _scaled(left), _scaled(right)
        if one is None or other is None or one[1] != other[1]:
            return None
        first, second = one[0], other[0]
    return (first > second) - (first < second)


def _scaled(quantity: Quantity) -> tuple[Decimal, str] | None:
    unit = CALENDAR_UNITS.get(quantity.unit, quantity.unit)
    if unit in ("year", "month"):
        return quantity.value, unit
    if unit not in _SCALES:
        return None
    factor, base = _SCALES[unit]
    return quantity.value * factor, base
