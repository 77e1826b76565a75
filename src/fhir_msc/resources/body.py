"""A body: a resource as plain JSON values, and the bytes it goes over the wire as."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Self

import orjson

from fhir_msc.errors import UsageError

Body = dict[str, object]
"""A resource: JSON values, elements in the order of the specification, numbers as ``Number``."""

_LOOP = "Look for a loop in what made it."
_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


class Number(Decimal):
    """A decimal that keeps the digits it was written with: ``Number("1.50")`` and ``Number("1e2")`` print as such.

    The text must be a number of JSON (RFC 8259 section 6); ValueError otherwise.
    """

    __slots__ = ("_text",)
    _text: str

    def __new__(cls, text: str) -> Self:
        """The number that ``text`` writes."""
        if not _JSON_NUMBER.fullmatch(text):
            raise ValueError("the text is not a number as JSON writes it")
        number = super().__new__(cls, text)
        number._text = text
        return number

    def __str__(self) -> str:
        return self._text


def serialise(body: Mapping[str, object]) -> bytes:
    """The body as compact UTF-8 JSON, keys in the order they were set, decimals as written.

    Raises UsageError for what JSON has no form for, and for what is nested too deeply to be written.
    """
    try:
        return orjson.dumps(body, default=_number)
    except TypeError as error:
        raise UsageError(f"the body cannot be written as JSON: {error}") from None


def parsed(content: bytes) -> Body:
    """The resource of these bytes; ``serialise`` gives the same bytes again, for numbers keep their digits. ValueError
    for what is no JSON object."""
    try:
        found = json.loads(content, parse_float=Number, parse_int=_integer)
    except RecursionError:
        raise ValueError("the body is nested too deeply to be read") from None
    if not isinstance(found, dict):
        raise ValueError("a body is a JSON object")
    return found


def _integer(text: str) -> int | Number:
    """An integer, where that writes the same digits and is one that every JSON writer takes."""
    value = int(text)
    return value if str(value) == text and -(2**63) <= value < 2**63 else Number(text)


def _number(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def references(body: Mapping[str, object]) -> tuple[str, ...]:
    """The ids that the literal references of the body name, each once, in the order of the body.

    A reference to what the body contains (``#lot``) names no other resource. Raises UsageError for what is nested too
    deeply to be looked through.
    """
    found = (text.rpartition("/")[2] for text in _literal_references(body) if not text.startswith("#"))
    try:
        return tuple(dict.fromkeys(found))
    except RecursionError:
        raise UsageError("the body is nested too deeply to be looked through", hint=_LOOP) from None


def _literal_references(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name == "reference" and isinstance(inner, str):
                yield inner
            else:
                yield from _literal_references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _literal_references(inner)
