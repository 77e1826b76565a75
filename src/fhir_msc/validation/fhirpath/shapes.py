"""What the definitions say of a step in a path: the names that it has in JSON, their types, and whether it repeats."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from fhir_msc.validation.definitions import type_named, type_names
from fhir_msc.validation.fhirpath.items import BASE_OF_PRIMITIVE


@dataclass(frozen=True, slots=True)
class Shape:
    """A step by its name in a path. ``names`` are those in JSON, more than one for a choice, each with its type."""

    names: tuple[tuple[str, str], ...]
    many: bool

    @property
    def keys(self) -> tuple[str, ...]:
        """The JSON names, those of ids and extensions of primitives included."""
        return tuple(
            key for name, kind in self.names for key in ((name, f"_{name}") if kind in BASE_OF_PRIMITIVE else (name,))
        )

    @property
    def kind(self) -> str | None:
        """The type, ``None`` for a choice."""
        return self.names[0][1] if len(self.names) == 1 else None


@cache
def shape_of(kind: str, name: str) -> Shape | None:
    """The step ``name`` from a type, ``None`` where the type has no such element."""
    if kind in BASE_OF_PRIMITIVE or kind not in type_names():
        return None
    for element in type_named("DomainResource" if kind == "Resource" else kind).elements:
        if element.name.removesuffix("[x]") == name:
            return Shape(tuple(element.json_names.items()), element.many)
    return None
