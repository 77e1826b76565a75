"""The functions on a single value: texts, numbers, conversions (http://hl7.org/fhirpath/N1/#string-manipulation)."""

from __future__ import annotations

import base64
import binascii
import html
import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache, wraps
from types import MappingProxyType
from typing import Literal

from fhir_msc.validation.fhirpath.collections import Function
from fhir_msc.validation.fhirpath.items import EvaluationError, Items, Undecided
from fhir_msc.validation.fhirpath.operators import as_text, text_of, value_of
from fhir_msc.validation.fhirpath.values import CALENDAR_UNITS, Quantity, SystemValue, Temporal, temporal

_QUANTITY = re.compile(r"([+-]?\d+(?:\.\d+)?)(?:\s*'([^']+)'|\s+([a-z]+))?").fullmatch


def _text(compute: Callable[..., SystemValue | None]) -> Function:
    """A function of a text and of texts or numbers; empty where one of them is, and where it gives nothing."""

    @wraps(compute)
    def function(focus: Items, *arguments: Items) -> Items:
        text = value_of(focus)
        given = [value_of(argument) for argument in arguments]
        if text is None or None in given:
            return []
        if isinstance(text, Temporal):
            text = text.text
        if not isinstance(text, str):
            raise EvaluationError("a text is expected")
        result = compute(text, *given)
        return [] if result is None else [result]

    return function


@lru_cache(512)
def pattern(expression: str) -> re.Pattern[str]:
    """A regular expression; the dot matches line ends too, as FHIRPath's single-line mode says.

    Raises Undecided for one that Python cannot read.
    """
    try:
        return re.compile(expression, re.DOTALL)
    except (re.error, OverflowError, RecursionError) as error:
        raise Undecided from error


def _substring(text: str, start: int, length: int | None = None) -> str | None:
    if not 0 <= start < len(text):
        return None
    return text[start:] if length is None else text[start : start + max(0, length)]


def _replace_matches(text: str, expression: str, by: str) -> str:
    if not expression:
        return text
    return pattern(expression).sub(re.sub(r"\$(\d+)", r"\\\1", by.replace("\\", "\\\\")), text)


def _encode(text: str, form: str) -> str | None:
    data = text.encode()
    match form:
        case "base64":
            return base64.b64encode(data).decode()
        case "urlbase64":
            return base64.urlsafe_b64encode(data).decode()
        case "hex":
            return data.hex()
    return None


def _decode(text: str, form: str) -> str | None:
    try:
        match form:
            case "base64":
                return base64.b64decode(text, validate=True).decode()
            case "urlbase64":
                return base64.urlsafe_b64decode(text).decode()
            case "hex":
                return bytes.fromhex(text).decode()
    except (binascii.Error, ValueError):
        pass
    return None


def _escape(text: str, form: str) -> str | None:
    return html.escape(text) if form == "html" else json.dumps(text)[1:-1] if form == "json" else None


def _unescape(text: str, form: str) -> str | None:
    if form == "html":
        return html.unescape(text)
    return re.sub(r"\\(.)", r"\1", text) if form == "json" else None


def _split(focus: Items, by: Items) -> Items:
    text, separator = text_of(focus), text_of(by)
    return [] if text is None or not separator else list(text.split(separator))


def _join(focus: Items, by: Items | None = None) -> Items:
    return [(text_of(by or []) or "").join(text_of([item]) or "" for item in focus)] if focus else []


def _characters(focus: Items) -> Items:
    return list(text_of(focus) or "")


# Conversions.


def to_integer(value: SystemValue) -> SystemValue | None:
    """A whole number, or ``None``."""
    if isinstance(value, (bool, int)):
        return int(value)
    return int(value) if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]+", value) else None


def _to_decimal(value: SystemValue) -> SystemValue | None:
    if isinstance(value, (bool, int, Decimal)):
        return Decimal(value)
    return Decimal(value) if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", value) else None


def _to_boolean(value: SystemValue) -> SystemValue | None:
    if isinstance(value, str):
        value = value.lower()
        return True if value in ("true", "t", "yes", "y", "1", "1.0") else False if value in _FALSE else None
    return bool(value) if isinstance(value, (bool, int, Decimal)) and value in (0, 1) else None


_FALSE = ("false", "f", "no", "n", "0", "0.0")


def _to_quantity(value: SystemValue) -> SystemValue | None:
    if isinstance(value, (bool, int, Decimal)):
        return Quantity(Decimal(value), "1")
    if isinstance(value, str) and (match := _QUANTITY(value)) is not None:
        if match[3] is None:
            return Quantity(Decimal(match[1]), match[2] or "1")
        if match[3] in CALENDAR_UNITS:
            return Quantity(Decimal(match[1]), match[3], calendar=True)
    return value if isinstance(value, Quantity) else None


def _to_time(value: SystemValue) -> SystemValue | None:
    return temporal(value, "time") if isinstance(value, str) else _of_kind(value, "time")


def _to_date(value: SystemValue) -> SystemValue | None:
    if isinstance(value, Temporal) and value.kind == "dateTime":
        return temporal(value.text[:10].rstrip("T"), "date")
    return temporal(value, "date") if isinstance(value, str) else _of_kind(value, "date")


def _to_date_time(value: SystemValue) -> SystemValue | None:
    if isinstance(value, Temporal) and value.kind == "date":
        return temporal(value.text, "dateTime")
    return temporal(value, "dateTime") if isinstance(value, str) else _of_kind(value, "dateTime")


def _clock(text: str, kind: Literal["date", "dateTime"]) -> Items:
    value = temporal(text, kind)
    return [] if value is None else [value]


def _of_kind(value: SystemValue, kind: str) -> SystemValue | None:
    return value if isinstance(value, Temporal) and value.kind == kind else None


_CONVERSIONS: Mapping[str, Callable[[SystemValue], SystemValue | None]] = MappingProxyType(
    {
        "Boolean": _to_boolean,
        "Date": _to_date,
        "DateTime": _to_date_time,
        "Decimal": _to_decimal,
        "Integer": to_integer,
        "Quantity": _to_quantity,
        "String": as_text,
        "Time": _to_time,
    }
)


def _to(convert: Callable[[SystemValue], SystemValue | None]) -> Function:
    def function(focus: Items) -> Items:
        value = value_of(focus)
        result = None if value is None else convert(value)
        return [] if result is None else [result]

    return function


def _converts(convert: Callable[[SystemValue], SystemValue | None]) -> Function:
    def function(focus: Items) -> Items:
        value = value_of(focus)
        return [] if value is None else [convert(value) is not None]

    return function


# Numbers.


def _number(compute: Callable[..., int | Decimal | float]) -> Function:
    """A function of a number and of numbers; empty where one of them is, and where there is no result."""

    @wraps(compute)
    def function(focus: Items, *arguments: Items) -> Items:
        given = [value_of(items) for items in (focus, *arguments)]
        if None in given:
            return []
        number = given[0]
        unit = number if isinstance(number, Quantity) else None
        if unit is not None:
            given[0] = unit.value
        try:
            result = compute(*(_numeric(value) for value in given))
        except (ValueError, ArithmeticError):
            return []
        if unit is not None:
            return [Quantity(Decimal(str(result)), unit.unit, unit.calendar)]
        return [result if isinstance(result, int) else Decimal(str(result))]

    return function


def _numeric(value: SystemValue | None) -> int | Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise EvaluationError("a number is expected")
    return value


def _round(value: int | Decimal, places: int = 0) -> Decimal:
    return Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def _power(value: int | Decimal, exponent: int | Decimal) -> int | Decimal:
    result = value**exponent
    if isinstance(result, complex):
        raise InvalidOperation
    return result


SCALARS: Mapping[str, Function] = MappingProxyType(
    {
        **{f"to{name}": _to(convert) for name, convert in _CONVERSIONS.items()},
        **{f"convertsTo{name}": _converts(convert) for name, convert in _CONVERSIONS.items()},
        "abs": _number(lambda value: abs(value)),
        "ceiling": _number(lambda value: int(Decimal(value).to_integral_value(ROUND_CEILING))),
        "contains": _text(lambda text, part: part in text),
        "decode": _text(_decode),
        "encode": _text(_encode),
        "endsWith": _text(lambda text, part: text.endswith(part)),
        "escape": _text(_escape),
        "exp": _number(lambda value: Decimal(value).exp()),
        "floor": _number(lambda value: int(Decimal(value).to_integral_value(ROUND_FLOOR))),
        "indexOf": _text(lambda text, part: text.find(part)),
        "join": _join,
        "length": _text(lambda text: len(text)),
        "ln": _number(lambda value: Decimal(value).ln()),
        "log": _number(lambda value, base: math.log(value, base)),
        "lower": _text(lambda text: text.lower()),
        "matches": _text(lambda text, expression: pattern(expression).search(text) is not None),
        "matchesFull": _text(lambda text, expression: pattern(expression).fullmatch(text) is not None),
        "now": lambda focus: _clock(datetime.now(UTC).isoformat(timespec="milliseconds"), "dateTime"),
        "power": _number(_power),
        "replace": _text(lambda text, part, by: text.replace(part, by)),
        "replaceMatches": _text(_replace_matches),
        "round": _number(_round),
        "split": _split,
        "sqrt": _number(lambda value: Decimal(value).sqrt()),
        "startsWith": _text(lambda text, part: text.startswith(part)),
        "substring": _text(_substring),
        "today": lambda focus: _clock(datetime.now(UTC).date().isoformat(), "date"),
        "toChars": _characters,
        "trim": _text(lambda text: text.strip()),
        "truncate": _number(lambda value: int(value)),
        "unescape": _text(_unescape),
        "upper": _text(lambda text: text.upper()),
    }
)
"""By name; each takes the number of arguments that its signature says."""
