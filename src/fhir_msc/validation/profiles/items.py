"""The items of an element in a JSON document, and whether a value is the one that a profile fixes."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from fhir_msc.validation.definitions import resource_types
from fhir_msc.validation.profiles.tree import Node, base_element


class Item(NamedTuple):
    """One item of an element: where it stands in its owner (``name[0]``), its value, the ``_name`` beside it, its type.

    ``kind`` is the type as R4 has it; of a resource it is the resource's own.
    """

    segment: str
    value: object
    beside: Mapping[str, object] | None
    kind: str


def items_of(owner: object, kind: str, node: Node) -> list[Item]:
    """The items of the element of ``node`` in a JSON object of type ``kind``; broken parts of it are passed over."""
    found: list[Item] = []
    if isinstance(owner, dict):
        for name, beside, of in _names(kind, node.name) or ((node.name, f"_{node.name}", node.kind or node.kinds[0]),):
            if name in owner or beside in owner:
                _add(found, name, of, owner.get(name), owner.get(beside))
    return found


@cache
def _names(kind: str, name: str) -> tuple[tuple[str, str, str], ...]:
    """The names in JSON of an element, each with that of what stands beside it and its type."""
    element = base_element(kind, name)
    return () if element is None else tuple((one, f"_{one}", of) for one, of in element.json_names.items())


def _add(found: list[Item], name: str, kind: str, value: object, beside: object) -> None:
    if not isinstance(value, (list, tuple)) and not isinstance(beside, (list, tuple)):
        found.append(Item(name, value, beside if isinstance(beside, dict) else None, _kind(kind, value)))
        return
    values = value if isinstance(value, (list, tuple)) else ()
    others = beside if isinstance(beside, (list, tuple)) else ()
    for index in range(max(len(values), len(others))):
        one = values[index] if index < len(values) else None
        other = others[index] if index < len(others) else None
        found.append(Item(f"{name}[{index}]", one, other if isinstance(other, dict) else None, _kind(kind, one)))


def _kind(kind: str, value: object) -> str:
    """The type; of a resource, the one that it says it is."""
    if kind == "Resource" and isinstance(value, dict):
        own = value.get("resourceType")
        return own if isinstance(own, str) and own in resource_types() else kind
    return kind


def equal(one: object, other: object) -> bool:
    """Whether two JSON values are the same, numbers by what they are worth."""
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(value, other[name]) for name, value in one.items())
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    if _is_number(one) and _is_number(other):
        return Decimal(str(one)) == Decimal(str(other))
    return type(one) is type(other) and one == other


def contains(value: object, pattern: object) -> bool:
    """Whether all of ``pattern`` is in ``value`` (http://hl7.org/fhir/R4/elementdefinition.html, pattern[x])."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(
            name in value and contains(value[name], part) for name, part in pattern.items()
        )
    if isinstance(pattern, (list, tuple)):
        return isinstance(value, (list, tuple)) and all(any(contains(one, part) for one in value) for part in pattern)
    return equal(value, pattern)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
