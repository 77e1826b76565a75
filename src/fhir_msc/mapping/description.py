"""Trial records as the words and texts in which a pack's examples say what a row must give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields

from fhir_msc.mapping.systems import SYSTEMS
from fhir_msc.trial import (
    Coding,
    Component,
    Concept,
    Observation,
    ObservationDescription,
    Quantity,
    Record,
    ReferenceRange,
    StudyPart,
    Visit,
)

_SHORT = {uri: name for name, uri in SYSTEMS.items()}
_UNSAID = frozenset({"key", "origins", "components"})
_WORDS: Mapping[type[object], Mapping[str, str]] = {
    Observation: {"effective": "when", "reference_range": "range"},
    Visit: {"name": "title"},
}


def described(record: Record | StudyPart) -> dict[str, tuple[str, ...]]:
    """What a record says: word → the texts that name it. A part of a panel stands under its code."""
    words = _WORDS.get(type(record), {})
    said: dict[str, tuple[str, ...]] = {}
    for name, value in _fields(record):
        if name not in _UNSAID and value is not None and value != ():
            said[words.get(name, name.replace("_", "-"))] = _texts(value)
    if isinstance(record, Observation):
        for part in record.components:
            said |= dict.fromkeys(_texts(part.code), _of_part(part))
    return said


def _fields(record: Record | StudyPart | ObservationDescription) -> Iterator[tuple[str, object]]:
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, ObservationDescription):
            yield from _fields(value)
        else:
            yield field.name, value


def _of_part(part: Component) -> tuple[str, ...]:
    return _texts(part.value if part.value is not None else part.absent)


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, Concept):
        return (*map(_coding, value.codings), *([value.text] if value.text else []))
    if isinstance(value, Quantity):
        number = (value.comparator or "") + value.value
        units = dict.fromkeys(unit for unit in (value.unit.ucum, value.unit.text) if unit) if value.unit else {}
        return tuple(f"{number} {unit}" for unit in units) or (number,)
    if isinstance(value, ReferenceRange):
        limits = " - ".join(limit for limit in (value.low, value.high) if limit is not None)
        return tuple(text for text in (limits, value.text) if text)
    if isinstance(value, bool):
        return ("true" if value else "false",)
    if isinstance(value, Coding):
        return (_coding(value),)
    if isinstance(value, tuple):
        return tuple(text for one in value for text in _texts(one))
    return (str(value),)


def _coding(coding: Coding) -> str:
    return f"{_SHORT.get(coding.system, coding.system)}|{coding.code}"
