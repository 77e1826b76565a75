"""What a JSON object of FHIR has: its elements, the objects below it, codings. Other parts of it may be wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

Node: TypeAlias = Mapping[str, object]
Predicate: TypeAlias = Callable[[Node], bool]


# What a node has.


def has(node: Node, name: str) -> bool:
    """Whether the element is there, as a value or as an extension."""
    return name in node or f"_{name}" in node


def has_choice(node: Node, stem: str) -> bool:
    """Whether one of the elements ``stem[x]`` is there."""
    return any(name.startswith((stem, f"_{stem}")) for name in node)


def nodes(node: object, *path: str) -> Iterator[Node]:
    """The objects at ``path`` below ``node``, through arrays, in order."""
    if isinstance(node, (list, tuple)):
        for item in node:
            yield from nodes(item, *path)
    elif isinstance(node, Mapping):
        if path:
            yield from nodes(node.get(path[0]), *path[1:])
        else:
            yield node


def has_coding(node: Node, name: str, system: str, code: str) -> bool:
    """Whether a coding of the CodeableConcept ``name`` has that system and code."""
    return any(c.get("system") == system and c.get("code") == code for c in nodes(node, name, "coding"))
