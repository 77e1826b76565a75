"""FHIR R4's primitive types as checks of one value (http://hl7.org/fhir/R4/datatypes.html#primitive).

Each ``is_…`` takes the value as text and says whether the type allows it; dates are real days of the calendar. The
answers for dates, codes and URIs are kept, bounded, because a trial repeats them.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType

MAX_STRING = 1024 * 1024
"""The longest string, in characters."""

_KEPT = 2048
_DATE = r"(?!0000)[0-9]{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01]))?)?"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"

_is_decimal = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?").fullmatch
_is_date = re.compile(_DATE).fullmatch
_is_date_time = re.compile(rf"{_DATE}|(?!0000)[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_TIME}{_ZONE}").fullmatch
_lacks_zone = re.compile(rf"(?!0000)[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_TIME}").fullmatch
_is_time = re.compile(_TIME).fullmatch
_is_id = re.compile(r"[A-Za-z0-9\-.]{1,64}").fullmatch
_is_code = re.compile(r"[^\s\x00-\x1f\x7f\ud800-\udfff]+(?: [^\s\x00-\x1f\x7f\ud800-\udfff]+)*").fullmatch
_is_string = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]+").fullmatch
_is_uri = re.compile(r"[^\s\x00-\x1f\x7f\ud800-\udfff]+").fullmatch
_is_oid = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+").fullmatch
_is_uuid = re.compile(r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
_scheme = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:").match


def is_decimal(text: str) -> bool:
    """A number in the form of JSON: ``1.50``, ``-0.5``, ``6e2``; not ``.5``, ``+1``, ``1.``, ``NaN``."""
    return _is_decimal(text) is not None


@lru_cache(_KEPT)
def is_date(text: str) -> bool:
    """``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``, a real one."""
    return _is_date(text) is not None and _in_calendar(text)


@lru_cache(_KEPT)
def is_date_time(text: str) -> bool:
    """A date as in :func:`is_date`, or a day with ``Thh:mm:ss[.f]`` and a zone."""
    return _is_date_time(text) is not None and _in_calendar(text)


@lru_cache(_KEPT)
def is_instant(text: str) -> bool:
    """A day with ``Thh:mm:ss[.f]`` and a zone."""
    return "T" in text and _is_date_time(text) is not None and _in_calendar(text)


@lru_cache(_KEPT)
def lacks_zone(text: str) -> bool:
    """A day with a time that would be right with a zone."""
    return _lacks_zone(text) is not None and _in_calendar(text)


def is_time(text: str) -> bool:
    """``hh:mm:ss[.f]`` without a zone."""
    return _is_time(text) is not None


def is_id(text: str) -> bool:
    """1 to 64 of letters, digits, ``-`` and ``.``."""
    return _is_id(text) is not None


@lru_cache(_KEPT)
def is_code(text: str) -> bool:
    """Not empty, no white space but single blanks inside."""
    return _is_code(text) is not None


def is_string(text: str) -> bool:
    """Not empty, at most 1 MiB of characters, no control characters but tab, CR and LF."""
    if text.isprintable():  # the usual case, ten times as fast as the expression
        return 0 < len(text) <= MAX_STRING
    return len(text) <= MAX_STRING and _is_string(text) is not None


@lru_cache(_KEPT)
def is_uri(text: str) -> bool:
    """No white space; what says it is an OID or a UUID is one."""
    if _is_uri(text) is None:
        return False
    if text.startswith("urn:oid:"):
        return is_oid(text)
    return not text.startswith("urn:uuid:") or is_uuid(text)


@lru_cache(_KEPT)
def is_absolute_uri(text: str) -> bool:
    """Text without white space that begins with a scheme."""
    return _is_uri(text) is not None and _scheme(text) is not None


@lru_cache(_KEPT)
def is_canonical(text: str) -> bool:
    """An absolute URI, with ``|version`` if need be, or a fragment ``#id`` of the resource itself."""
    return is_uri(text) and (text.startswith("#") or _scheme(text) is not None)


def is_oid(text: str) -> bool:
    """``urn:oid:`` and an OID."""
    return _is_oid(text) is not None


def is_uuid(text: str) -> bool:
    """``urn:uuid:`` and a UUID in lower case."""
    return _is_uuid(text) is not None


def is_base64_binary(text: str) -> bool:
    """Base64 (RFC 4648), with white space between if need be."""
    try:
        digits = text.encode("ascii").translate(None, b" \t\r\n")
        a2b_base64(digits, strict_mode=True)
    except ValueError:
        return False
    # Padding behind what needs none is no error there.
    return text != "" and len(digits) % 4 == 0 and not digits.endswith(b"===")


def is_integer(value: object) -> bool:
    """A JSON number without fraction and exponent, of 32 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31


def is_unsigned_int(value: object) -> bool:
    """An integer from 0."""
    return is_integer(value) and value >= 0  # type: ignore[operator]


def is_positive_int(value: object) -> bool:
    """An integer from 1."""
    return is_integer(value) and value >= 1  # type: ignore[operator]


def is_boolean(value: object) -> bool:
    """``true`` or ``false``."""
    return value is True or value is False


def is_number(value: object) -> bool:
    """A JSON number: an int, a finite float, or a finite Decimal, which is a number as it was written."""
    if isinstance(value, Decimal):
        return value.is_finite()
    if isinstance(value, float):
        return value - value == 0
    return isinstance(value, int) and not isinstance(value, bool)


def _in_calendar(text: str) -> bool:
    """Whether the day exists; the form has been checked."""
    if len(text) < 10:
        return True
    try:
        date(int(text[:4]), int(text[5:7]), int(text[8:10]))
    except ValueError:
        return False
    return True


TEXTS: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        "base64Binary": is_base64_binary,
        "canonical": is_canonical,
        "code": is_code,
        "date": is_date,
        "dateTime": is_date_time,
        "id": is_id,
        "instant": is_instant,
        "markdown": is_string,
        "oid": is_oid,
        "string": is_string,
        "time": is_time,
        "uri": is_uri,
        "url": is_uri,
        "uuid": is_uuid,
    }
)
"""Whether a text is of the primitive type, of those that are text in JSON."""


def _text(check: Callable[[str], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and check(value)


CHECKS: Mapping[str, Callable[[object], bool]] = MappingProxyType(
    {
        **{kind: _text(check) for kind, check in TEXTS.items()},
        "boolean": is_boolean,
        "decimal": is_number,
        "integer": is_integer,
        "positiveInt": is_positive_int,
        "unsignedInt": is_unsigned_int,
    }
)
"""Whether a value as JSON gives it (str, bool, int, float or Decimal) is of the primitive type."""

FORMS: Mapping[str, str] = MappingProxyType(
    {
        "base64Binary": "base64 text",
        "boolean": "true or false",
        "canonical": "an absolute URI, or a fragment of this resource",
        "code": "text without white space but single blanks inside",
        "date": "a real date: YYYY, YYYY-MM or YYYY-MM-DD",
        "dateTime": "a real date, or YYYY-MM-DDThh:mm:ss with a zone",
        "decimal": "a number",
        "id": "1 to 64 letters, digits, '-' and '.'",
        "instant": "YYYY-MM-DDThh:mm:ss with a zone",
        "integer": "a whole number of 32 bits",
        "markdown": "text that is not empty, without control characters",
        "oid": "urn:oid: and an OID",
        "positiveInt": "a whole number from 1",
        "string": "text that is not empty, without control characters",
        "time": "hh:mm:ss",
        "unsignedInt": "a whole number from 0",
        "uri": "a URI without white space",
        "url": "a URL without white space",
        "uuid": "urn:uuid: and a UUID in lower case",
    }
)
"""What each primitive type asks for, in words."""
