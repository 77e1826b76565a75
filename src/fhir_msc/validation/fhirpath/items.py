"""The items of a collection: parts of a JSON document with their FHIR type, and plain values.

What is asked of a part is asked of the JSON as it stands: a primitive's value in ``name``, its id and extensions in
``_name`` (http://hl7.org/fhir/R4/json.html#primitive).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from types import MappingProxyType
from typing import TypeAlias

from fhir_msc.validation.definitions import resource_types, type_named, type_names
from fhir_msc.validation.fhirpath.values import (
    Quantity,
    SystemValue,
    Temporal,
    order_of_quantities,
    same_time,
    temporal,
)

TEMPORAL = frozenset({"date", "dateTime", "instant", "time"})
WHOLE = frozenset({"integer", "positiveInt", "unsignedInt"})
BASE_OF_PRIMITIVE: Mapping[str, str] = MappingProxyType(
    {
        "code": "string",
        "id": "string",
        "markdown": "string",
        "canonical": "uri",
        "oid": "uri",
        "url": "uri",
        "uuid": "uri",
        "positiveInt": "integer",
        "unsignedInt": "integer",
        **dict.fromkeys(("base64Binary", "boolean", "decimal", "integer", "string", "uri", "xhtml"), "Element"),
        **dict.fromkeys(TEMPORAL, "Element"),
    }
)
"""The primitive types of FHIR, each with the type that it narrows."""


class Undecided(Exception):
    """The document is broken in a way that leaves the expression without a meaning."""


class EvaluationError(Exception):
    """What the expression asks for cannot be done with what it met: several items where it wants one, say."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A part of a document. ``value`` is its JSON, ``None`` where there is only a ``companion`` (``_name``)."""

    value: object
    kind: str
    companion: Mapping[str, object] | None = None


Item: TypeAlias = Node | SystemValue
Items: TypeAlias = list[Item]


def resource_node(resource: object) -> Node:
    """A resource, by its ``resourceType``."""
    name = resource.get("resourceType") if isinstance(resource, Mapping) else None
    return Node(resource, name if isinstance(name, str) and name in resource_types() else "Resource")


@cache
def members_of(kind: str) -> Mapping[str, tuple[tuple[str, str], ...]]:
    """The elements of a type by their name in a path, each with the names and types that it may have in JSON."""
    if kind in BASE_OF_PRIMITIVE:
        kind = "Element"
    if kind not in type_names():
        return {}
    return {
        element.name.removesuffix("[x]"): tuple(element.json_names.items()) for element in type_named(kind).elements
    }


def children(node: Node, name: str) -> Iterator[Item]:
    """The children of that name, in order."""
    if node.kind == _TYPE_INFO:
        yield str(node.value[name]) if isinstance(node.value, Mapping) and name in node.value else ""
        return
    source = node.companion if node.kind in BASE_OF_PRIMITIVE else node.value
    if isinstance(source, dict):
        for json_name, kind in members_of(node.kind).get(name, ()):
            yield from _named(source, json_name, kind)


def all_children(node: Node) -> Iterator[Node]:
    """Every child, in the order of the definition."""
    source = node.companion if node.kind in BASE_OF_PRIMITIVE else node.value
    if isinstance(source, dict):
        for name, beside, kind in _json_members_of(node.kind):
            if name in source or beside in source:  # most are not: asked here, where it costs no generator
                yield from _named(source, name, kind)


@cache
def _json_members_of(kind: str) -> tuple[tuple[str, str, str], ...]:
    """What a type's object may have in JSON: each name, that of its companion, and the type."""
    return tuple((name, f"_{name}", of) for names in members_of(kind).values() for name, of in names)


def descendants(nodes: Iterable[Item]) -> Iterator[Node]:
    """Every part below the nodes, level by level."""
    level = [child for node in nodes if isinstance(node, Node) for child in all_children(node)]
    while level:
        yield from level
        level = [child for node in level for child in all_children(node)]


def _named(source: Mapping[str, object], name: str, kind: str) -> Iterator[Node]:
    value = source.get(name)
    if kind not in BASE_OF_PRIMITIVE:
        for item in value if isinstance(value, (list, tuple)) else () if value is None else (value,):
            yield resource_node(item) if kind == "Resource" else Node(item, kind)
        return
    beside = source.get(f"_{name}")
    if value is None and beside is None:
        return
    values = value if isinstance(value, (list, tuple)) else (value,)
    besides = beside if isinstance(beside, (list, tuple)) else (beside,)
    for index in range(max(len(values), len(besides))):
        one = values[index] if index < len(values) else None
        other = besides[index] if index < len(besides) else None
        if one is not None or isinstance(other, Mapping):
            yield Node(one, kind, other if isinstance(other, Mapping) else None)


@cache
def lineage(kind: str) -> tuple[str, ...]:
    """A type's own name and its bases, nearest first."""
    if kind in BASE_OF_PRIMITIVE:
        return (kind, *lineage(BASE_OF_PRIMITIVE[kind]))
    return type_named(kind).lineage if kind in type_names() else (kind,)


def plain(item: Item) -> SystemValue | None:
    """The value of an item, ``None`` where it has none: a complex part, or a primitive with extensions alone.

    Raises Undecided for a value that its type does not allow.
    """
    if not isinstance(item, Node):
        return item
    if item.kind in BASE_OF_PRIMITIVE:
        return None if item.value is None else _primitive(item.value, item.kind)
    return quantity_of(item)


def _primitive(value: object, kind: str) -> SystemValue:
    if kind == "boolean":
        if isinstance(value, bool):
            return value
    elif kind in WHOLE:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    elif kind == "decimal":
        if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
            return Decimal(str(value))
    elif isinstance(value, str):
        if kind not in TEMPORAL:
            return value
        parsed = temporal(value, "time" if kind == "time" else "date" if kind == "date" else "dateTime")
        if parsed is not None:
            return parsed
    raise Undecided


def quantity_of(item: Item) -> Quantity | None:
    """An item as a quantity, if it is one with a value: its unit is the code, or the unit's name where it has none."""
    if isinstance(item, Quantity):
        return item
    if not isinstance(item, Node) or not isinstance(item.value, Mapping) or "Quantity" not in lineage(item.kind):
        return None
    value = item.value.get("value")
    if not isinstance(value, (int, float, Decimal)) or isinstance(value, bool):
        return None
    unit = item.value.get("code", item.value.get("unit", "1"))
    if not isinstance(unit, str):
        raise Undecided
    try:
        return Quantity(Decimal(str(value)), unit)
    except InvalidOperation as error:
        raise Undecided from error


def equal(left: Item, right: Item) -> bool | None:
    """Whether two items are equal; ``None`` where that is open."""
    first, second = plain(left), plain(right)
    if first is None or second is None:
        return _equal_parts(left, right) if first is second else False
    if isinstance(first, Temporal) and isinstance(second, Temporal):
        return same_time(first, second)
    if isinstance(first, Quantity) and isinstance(second, Quantity):
        order = order_of_quantities(first, second)
        return None if order is None else order == 0
    if isinstance(first, Temporal):
        return first.text == second
    if isinstance(second, Temporal):
        return second.text == first
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    return first == second


def _equal_parts(left: Item, right: Item) -> bool:
    if not isinstance(left, Node) or not isinstance(right, Node):
        return False
    return left.value == right.value


def holds(items: Items, item: Item) -> bool:
    """Whether a collection holds an item that is equal to this one."""
    return any(equal(one, item) for one in items)


def distinct(items: Iterable[Item]) -> Items:
    """The items without those that are equal to an earlier one. Texts are compared by hash: there may be many."""
    texts: set[str] = set()
    found: Items = []
    others: Items = []
    for item in items:
        value = plain(item)
        if isinstance(value, str):
            if value in texts:
                continue
            texts.add(value)
        elif holds(others, item):
            continue
        else:
            others.append(item)
        found.append(item)
    return found


# Types.

_SYSTEM = ("Boolean", "Integer", "Decimal", "String", "Date", "DateTime", "Time", "Quantity", "Any")
_TYPE_INFO = "System.TypeInfo"


def known_type(name: str) -> bool:
    """Whether FHIR R4 or FHIRPath has a type of that name, which may be qualified; any name may follow ``System``."""
    space, _, short = name.rpartition(".")
    if space in ("", "FHIR") and (short in type_names() or short in BASE_OF_PRIMITIVE):
        return True
    return space == "System" or (space == "" and short in _SYSTEM)


def is_of_type(item: Item, name: str, *, exactly: bool = False) -> bool:
    """Whether an item is of that type or, unless ``exactly``, of one that is built on it."""
    space, _, short = name.rpartition(".")
    if isinstance(item, Node):
        return space in ("", "FHIR") and (item.kind == short or (not exactly and short in lineage(item.kind)))
    return space in ("", "System") and system_type(item) == short


def system_type(value: SystemValue) -> str:
    """The name of the FHIRPath type of a plain value."""
    match value:
        case bool():
            return "Boolean"
        case int():
            return "Integer"
        case Decimal():
            return "Decimal"
        case str():
            return "String"
        case Quantity():
            return "Quantity"
        case Temporal():
            return f"{value.kind[0].upper()}{value.kind[1:]}"


def type_info(item: Item) -> Node:
    """What ``type()`` gives: a namespace and a name."""
    if isinstance(item, Node):
        return Node({"namespace": "FHIR", "name": item.kind}, _TYPE_INFO)
    return Node({"namespace": "System", "name": system_type(item)}, _TYPE_INFO)
