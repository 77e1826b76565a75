"""Records to checked bodies: by template where the type has one, whole where not."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple, TypeAlias, TypeVar

from fhir_msc.desired.own import own_body
from fhir_msc.findings import Finding, Severity
from fhir_msc.resources import body as bodies
from fhir_msc.resources.body import references, serialise
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.own import NamedBuilder
from fhir_msc.resources.registry import builder_for
from fhir_msc.resources.template import Builder, Layout, Slot, Template, compile_template
from fhir_msc.validation import document_findings, validate
from fhir_msc.validation.invariants import in_order
from fhir_msc.validation.primitives import is_date_time, is_decimal, is_id, is_string
from fhir_msc.validation.problems import INVARIANT
from fhir_msc.validation.profiles.notes import ONCE

R = TypeVar("R")

_CHECKS: dict[str, Callable[[str], bool]] = {
    # Numbers repeat: the last ones are remembered, as times are already.
    "decimal": lru_cache(2048)(is_decimal),
    "dateTime": is_date_time,
    "string": is_string,
    "rid": is_id,
}
_MOST_TEMPLATES = 4096


class Body(NamedTuple):
    """A body as bytes, the ids it refers to, and what is wrong with it."""

    type: str
    rank: int
    content: bytes
    refs: tuple[str, ...]
    findings: tuple[Finding, ...]


Content: TypeAlias = "tuple[bytes, tuple[str, ...], tuple[Finding, ...]]"
"""A body as bytes, the ids it refers to, and what is wrong with it."""


class _Checked(NamedTuple):
    template: Template
    findings: tuple[Finding, ...]
    slots: tuple[tuple[int, Callable[[str], bool], Slot], ...]
    periods: tuple[tuple[Slot, Slot], ...]


class _Known(NamedTuple):
    """A builder with the templates of its shapes."""

    builder: Builder[object]
    templates: dict[Hashable, _Checked]


class BodyMaker:
    """Makes the bodies of one target. Templates are built and checked once per shape."""

    def __init__(self, context: ResourceContext) -> None:
        self.context = context
        self._known: dict[type[object], _Known] = {}

    def make(self, record: object, links: Links) -> Body:
        """The body of a record, with the findings of its checks (of severity error: it may not leave)."""
        kind = record.__class__
        [content] = self.make_all(kind, (record,), (links,))
        builder = self._known[kind].builder
        return Body(builder.type, builder.rank, *content)

    def make_all(self, kind: type[object], records: Sequence[object], links: Sequence[Links]) -> list[Content]:
        """The bodies of records of one class, each with its links."""
        known = self._known.get(kind)
        if known is None:
            known = self._known[kind] = _Known(builder_for(kind), {})
        builder, templates = known
        build, layout, context = builder.build, builder.layout, self.context
        if layout is None:
            return [_whole(build(one, its, context), its) for one, its in zip(records, links, strict=True)]
        shape_of, made = layout.shape, []
        for record, its_links in zip(records, links, strict=True):
            shape, slots = shape_of(record, its_links, context)
            checked = templates.get(shape)
            if checked is None:
                if len(templates) >= _MOST_TEMPLATES:
                    templates.clear()
                checked = templates[shape] = self._checked(layout, record, its_links)
            template, wrong, checks, periods = checked
            rid = its_links.rid
            found = tuple([replace(one, key=rid) for one in wrong]) if wrong else ()
            for index, check, slot in checks:
                text = slots[index]
                if text is None or not check(text):
                    found = (*found, _wrong_slot(slot, rid, text))
            for start, end in periods:
                if not in_order(slots[start.index], slots[end.index]):
                    found = (*found, _wrong_period(start, rid))
            made.append((template.fill(slots), template.references(slots), found))
        return made

    def make_own(self, own: NamedBuilder, record: object, links: Links) -> Body | None:
        """The body that an integrator's own builder makes of a record, if it makes one. Raises ConfigError."""
        built = own_body(own, record, links, self.context)
        return None if built is None else Body(own.type, own.rank, *_whole(built, links))

    def _checked(self, layout: Layout[object], record: object, links: Links) -> _Checked:
        """The template of a record's shape, checked whole once."""
        template = compile_template(layout, record, links, self.context)
        return _Checked(
            template,
            _checked_whole(template.sample()),
            tuple((slot.index, _CHECKS[slot.kind], slot) for slot in template.slots if slot.kind != "rid"),
            tuple(_periods(template.slots)),
        )


def _whole(built: bodies.Body, links: Links) -> Content:
    """A body that is checked whole."""
    found = tuple(replace(one, key=links.rid) for one in _checked_whole(built))
    return serialise(built), references(built), found


def _checked_whole(built: bodies.Body | bytes) -> tuple[Finding, ...]:
    """What is wrong with a body; what is said of a profile once and not of each body is no finding about its row."""
    found = validate(built) if isinstance(built, bytes) else document_findings(built)
    return tuple(one for one in found if one.rule not in ONCE)


def _periods(slots: Sequence[Slot]) -> Iterator[tuple[Slot, Slot]]:
    """Start and end of each Period whose ends are slots: what no template can check once for all."""
    by_path = {slot.path: slot for slot in slots}
    for path, start in by_path.items():
        end = by_path.get(f"{path.removesuffix('.start')}.end")
        if path.endswith(".start") and end is not None:
            yield start, end


def _wrong_period(start: Slot, rid: str) -> Finding:
    return Finding(
        rule=f"{INVARIANT}-PER-1",
        severity=Severity.ERROR,
        message="per-1: a period must not end before it starts",
        path=start.path.removesuffix(".start"),
        key=rid,
        hint="correct the dates in the source",
    )


def _wrong_slot(slot: Slot, rid: str, text: str | None) -> Finding:
    return Finding(
        rule="MSC-FHIR-TYPE",
        severity=Severity.ERROR,
        message=f"not a FHIR {slot.kind}",
        path=slot.path,
        key=rid,
        value=text,
    )
