"""Records to checked bodies: by template where the type has one, whole where not."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple, TypeVar

from fhir_msc.findings import Finding, Severity
from fhir_msc.resources.body import references, serialise
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.registry import builder_for
from fhir_msc.resources.template import Builder, Slot, Template, compile_template
from fhir_msc.validation import validate
from fhir_msc.validation.primitives import is_date_time, is_decimal, is_id, is_string

R = TypeVar("R")

_CHECKS: dict[str, Callable[[str], bool]] = {
    # Numbers and times repeat: the last ones are remembered.
    "decimal": lru_cache(8192)(is_decimal),
    "dateTime": lru_cache(8192)(is_date_time),
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


@dataclass(frozen=True, slots=True)
class _Checked:
    template: Template
    findings: tuple[Finding, ...]
    slots: tuple[tuple[int, Callable[[str], bool], Slot], ...]


class BodyMaker:
    """Makes the bodies of one target. Templates are built and checked once per shape."""

    def __init__(self, context: ResourceContext) -> None:
        self.context = context
        self._templates: dict[tuple[str, Hashable], _Checked] = {}

    def make(self, record: object, links: Links) -> Body:
        """The body of a record, with the findings of its checks (of severity error: it may not leave)."""
        builder: Builder[object] = builder_for(type(record))
        if builder.layout is None:
            built = builder.build(record, links, self.context)
            found = tuple(replace(one, key=links.rid) for one in validate(built))
            return Body(builder.type, builder.rank, serialise(built), references(built), found)
        shape, slots = builder.layout.shape(record, links, self.context)
        checked = self._templates.get((builder.type, shape))
        if checked is None:
            if len(self._templates) >= _MOST_TEMPLATES:
                self._templates.clear()
            template = compile_template(builder.layout, record, links, self.context)
            checked = self._templates[builder.type, shape] = _Checked(
                template,
                tuple(validate(template.sample())),
                tuple((slot.index, _CHECKS[slot.kind], slot) for slot in template.slots if slot.kind != "rid"),
            )
        found = checked.findings and tuple(replace(one, key=links.rid) for one in checked.findings)
        for index, check, slot in checked.slots:
            text = slots[index]
            if text is None or not check(text):
                found = (*found, _wrong_slot(slot, links.rid, text))
        template = checked.template
        return Body(builder.type, builder.rank, template.fill(slots), template.references(slots), found)


def _wrong_slot(slot: Slot, rid: str, text: str | None) -> Finding:
    return Finding(
        rule="MSC-FHIR-TYPE",
        severity=Severity.ERROR,
        message=f"not a FHIR {slot.kind}",
        path=slot.path,
        key=rid,
        value=text,
    )
