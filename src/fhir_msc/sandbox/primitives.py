"""The values of R4's primitive types, as strictly as HAPI takes them: R4's own regular expressions, and real dates."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone

from orjson import Fragment

_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_TIME = r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d|60)(\.\d+)?)?"
_ZONE = r"(Z|[+-](?:0\d|1[0-4]):[0-5]\d)"
_DATE_TIME = re.compile(rf"(\d{{4}})-(\d\d)-(\d\d)T{_TIME}{_ZONE}?", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_EARLIEST, _LATEST = -(2**62), 2**62


def is_id(text: str) -> bool:
    """Whether the text can be the id of a resource."""
    return _ID.fullmatch(text) is not None


def span(text: str) -> tuple[int, int] | None:
    """The milliseconds since 1970 that a date, dateTime or instant covers, the end exclusive; None if it is no date.

    ``2021-03`` covers the month. What has no zone is taken as UTC.
    """
    if found := _DATE.fullmatch(text):
        year, month, day = int(found[1]), int(found[2] or 1), int(found[3] or 1)
        if not _is_day(year, month, day):
            return None
        start = _millis(datetime(year, month, day, tzinfo=UTC))
        if found[3]:
            return start, start + 86_400_000
        after = (year, month + 1) if found[2] and month < 12 else (year + 1, 1)
        return start, _millis(datetime(*after, 1, tzinfo=UTC)) if after[0] <= 9999 else _LATEST
    found = _DATE_TIME.fullmatch(text)
    if found is None or not _is_day(int(found[1]), int(found[2]), int(found[3])):
        return None
    moment = datetime(int(found[1]), int(found[2]), int(found[3]), int(found[4]), int(found[5]), tzinfo=_zone(found[8]))
    start = _millis(moment) + int(found[6] or 0) * 1000 + int((found[7] or ".0")[1:4].ljust(3, "0"))
    return start, start + (1 if found[7] else 1000 if found[6] else 60_000)


def period(start: str | None, end: str | None) -> tuple[int, int]:
    """What a Period covers; an end that is not there is open."""
    first, last = (span(start) if start else None), (span(end) if end else None)
    return (first[0] if first else _EARLIEST, last[1] if last else _LATEST)


def is_valid(type_name: str, value: object) -> bool:
    """Whether the value, as parsed, may stand in an element of the primitive type."""
    return _CHECKS.get(type_name, _is_text)(value)


def _is_day(year: int, month: int, day: int) -> bool:
    return year > 0 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]


def _millis(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return timezone(-offset if text[0] == "-" else offset)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_date(value: object) -> bool:
    return isinstance(value, str) and _DATE.fullmatch(value) is not None and span(value) is not None


def _is_date_time(value: object) -> bool:
    return isinstance(value, str) and span(value) is not None


def _is_instant(value: object) -> bool:
    return isinstance(value, str) and (found := _DATE_TIME.fullmatch(value)) is not None and bool(
        found[6] and found[8] and span(value)
    )  # fmt: skip


def _is_time(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(_TIME, value, re.ASCII) is not None


def _is_boolean(value: object) -> bool:
    return isinstance(value, bool)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, Fragment) or _is_integer(value)


_CHECKS: Mapping[str, Callable[[object], bool]] = {
    "boolean": _is_boolean,
    "integer": _is_integer,
    "positiveInt": _is_integer,
    "unsignedInt": _is_integer,
    "decimal": _is_number,
    "date": _is_date,
    "dateTime": _is_date_time,
    "instant": _is_instant,
    "time": _is_time,
}
