"""Bodies by template: all resources of one shape share their bytes but for a few typed slots.

A laboratory's results differ in their id, participant, visit, time and number; code, unit, category, profiles and
which elements are there repeat. What repeats is the *shape*. For each shape the body is built once with markers in
its slots, serialised, and cut at the markers; each further record only fills the slots. The bytes are those of
``serialise(build(...))``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, cast

import orjson

from fhir_msc.quick import picker
from fhir_msc.resources.body import Body, serialise
from fhir_msc.resources.context import Links, ResourceContext

R = TypeVar("R", contravariant=True)

Slots = tuple[str | None, ...]
"""The texts that differ between resources of one shape, in a fixed order; ``None`` where the element is absent."""

Kind = Literal["decimal", "dateTime", "string", "rid"]
"""What a slot takes: a number of JSON as written, a FHIR dateTime, any text, an opaque id."""


@dataclass(frozen=True, slots=True)
class Layout(Generic[R]):
    """How a record divides into its shape and its slots.

    ``shape`` gives the shape's key, comparable within one resource type and context, and the slots. ``kinds`` gives
    the kinds of the slots in their order. ``body`` is the resource with the given slots, all else from the record;
    it reads a slot from nowhere but its argument.
    """

    shape: Callable[[R, Links, ResourceContext], tuple[Hashable, Slots]]
    kinds: Callable[[R, Links], tuple[Kind, ...]]
    body: Callable[[R, Slots, ResourceContext], Body]


@dataclass(frozen=True, slots=True)
class Builder(Generic[R]):
    """How the records of one class become resources of one type.

    ``rank`` orders types: what is referred to has the lower rank. ``layout`` is there for types built by template.
    """

    type: str
    rank: int
    build: Callable[[R, Links, ResourceContext], Body]
    layout: Layout[R] | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot of a template: where its text stands in the slots, what it takes, and where it goes in the resource.

    ``path`` is as in Finding.path; of the two places of the resource's own id, the first.
    """

    index: int
    kind: Kind
    path: str


@dataclass(frozen=True, slots=True)
class Template:
    """The body of one shape. ``slots`` are those that are present, by index."""

    slots: tuple[Slot, ...]
    _pieces: tuple[str, ...]
    """What repeats, in turn with a place for each slot."""
    _order: Callable[[Slots], tuple[str, ...]]
    _strings: tuple[int, ...]
    references: Callable[[Slots], tuple[str, ...]]
    """The ids that the body filled with these slots refers to, as ``body.references`` finds them."""
    _sample: Slots

    def fill(self, values: Slots) -> bytes:
        """The body with these slots. Numbers, times and ids go in as they are: check them first."""
        if self._strings:
            escaped = list(values)
            for index in self._strings:
                escaped[index] = orjson.dumps(values[index]).decode()
            values = tuple(escaped)
        text = list(self._pieces)
        text[1::2] = self._order(values)
        return "".join(text).encode()

    def sample(self) -> bytes:
        """The body with well-formed slots that stand for any, times at the shape's precision: to check it once."""
        return self.fill(self._sample)


# A run of digits is a number, a text and an id alike, and needs no escape in any of them.
_MARK = "41887290356217640953"
_DIGITS = 6
_LAST_MARK = re.compile(rf"{_MARK}(\d{{{_DIGITS}}})$")
_MARKER = re.compile(rf'"?{_MARK}(\d{{{_DIGITS}}})"?')
_GAP = "\0"
"""Stands in no JSON, which escapes it."""
_LATER = "2001-01-01T00:00:00Z"
_SAMPLES: dict[Kind, str] = {"decimal": "1", "dateTime": "2000-01-01T00:00:00Z", "string": "x", "rid": f"x{0:040}"}


def compile_template(layout: Layout[R], record: R, links: Links, context: ResourceContext) -> Template:
    """The template of the record's shape."""
    _, values = layout.shape(record, links, context)
    kinds = layout.kinds(record, links)
    marked = tuple(None if text is None else f"{_MARK}{index:0{_DIGITS}}" for index, text in enumerate(values))
    body = layout.body(record, marked, context)

    order: list[int] = []
    # What is picked has a place in the body, so it is there in every resource of the shape.
    present = cast("Callable[[Sequence[int]], Callable[[Slots], tuple[str, ...]]]", picker)

    def cut(found: re.Match[str]) -> str:
        order.append(int(found[1]))
        return _GAP if kinds[order[-1]] == "string" else found[0].replace(_MARK + found[1], _GAP)

    pieces = _MARKER.sub(cut, serialise(body).decode()).split(_GAP)
    places: dict[int, str] = {}
    for index, path in _places(body, str(body["resourceType"])):
        places.setdefault(index, path)
    return Template(
        slots=tuple(Slot(index, kinds[index], places[index]) for index in sorted(places)),
        _pieces=tuple(part for piece in pieces for part in (piece, ""))[:-1],
        _order=present(order),
        _strings=tuple(index for index in sorted(places) if kinds[index] == "string"),
        references=present(tuple(dict.fromkeys(index for index in order if places[index].endswith(".reference")))),
        _sample=tuple(
            None if text is None else _sample(kinds[index], text, places.get(index, ""))
            for index, text in enumerate(values)
        ),
    )


def _sample(kind: Kind, text: str, path: str) -> str:
    # The end of a period is later than its start at any precision.
    sample = _LATER if kind == "dateTime" and path.endswith(".end") else _SAMPLES[kind]
    return sample[: len(text)] if kind == "dateTime" and len(text) in (4, 7, 10) else sample


def _places(value: object, path: str) -> Iterator[tuple[int, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _places(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _places(inner, f"{path}[{position}]")
    elif _MARK in (text := str(value)) and (found := _LAST_MARK.search(text)):
        yield int(found[1]), path
