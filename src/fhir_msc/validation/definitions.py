"""The definitions of FHIR R4 as data: types, their elements and the closed value sets.

They come from HL7's packages (CC0) by ``tools/r4_definitions.py``; the files, ``r4.json`` and those beside it, name
the packages and their SHA-256. A file is read once, at first use; a type's elements are parsed when the type is first
asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import NotRequired, TypedDict, cast


@dataclass(frozen=True, slots=True)
class Element:
    """An element as its type defines it; ``choice`` where its name ends in ``[x]``.

    ``types`` give for each type's code the type to check, which is another where a profile narrows it (SimpleQuantity).
    ``targets`` are the types that a Reference may point to, empty for any. ``value_set`` is the URL of a required
    binding.
    """

    name: str
    min: int
    max: str
    types: Mapping[str, str]
    targets: Mapping[str, frozenset[str]]
    value_set: str | None

    @property
    def choice(self) -> bool:
        """Whether the JSON name carries the type (``value[x]``)."""
        return self.name.endswith("[x]")

    @property
    def many(self) -> bool:
        """Whether it is an array."""
        return self.max == "*"

    @property
    def json_names(self) -> Mapping[str, str]:
        """The names it may have in JSON, each with its type."""
        if not self.choice:
            return {self.name: next(iter(self.types.values()))}
        stem = self.name.removesuffix("[x]")
        return {f"{stem}{code[0].upper()}{code[1:]}": kind for code, kind in self.types.items()}


@dataclass(frozen=True, slots=True)
class Constraint:
    """An invariant of a type: its text, and its FHIRPath expression, which holds of every object of the type.

    ``element`` names the element of which it is stated instead, each of its items for itself, where that is one
    without children of its own (``Organization.address``). ``warning`` where it is a recommendation.
    """

    key: str
    text: str
    expression: str
    element: str | None = None
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Type:
    """A resource type, a data type, or an element with children (named by its path).

    ``elements`` hold the inherited ones too, ``lineage`` the type's own name and its bases, nearest first, and
    ``constraints`` each invariant by key, the inherited ones first.
    """

    name: str
    resource: bool
    elements: tuple[Element, ...]
    lineage: tuple[str, ...]
    constraints: Mapping[str, Constraint]


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """A search parameter of R4: its type (``token``) and the types of resources that it searches."""

    type: str
    bases: frozenset[str]


class _ConstraintRow(TypedDict):
    text: str
    expression: str
    element: NotRequired[str]
    warning: NotRequired[bool]


class _TypeRow(TypedDict, total=False):
    kind: str
    base: str
    abstract: bool
    elements: dict[str, str]
    constraints: dict[str, _ConstraintRow]


class _Table(TypedDict):
    fhirVersion: str
    origin: list[dict[str, str]]
    types: dict[str, _TypeRow]
    valueSets: dict[str, dict[str, list[str]]]


class _Codes(TypedDict):
    codeSystems: dict[str, list[str]]
    below: dict[str, dict[str, list[str]]]


class _Search(TypedDict):
    searchParameters: dict[str, str]


@cache
def _table() -> _Table:
    return cast(_Table, json.loads(files("fhir_msc.validation").joinpath("r4.json").read_bytes()))


@cache
def type_names() -> frozenset[str]:
    """Every type there is, elements with children included."""
    return frozenset(_table()["types"])


@cache
def resource_types() -> frozenset[str]:
    """The resource types that a document may have."""
    return frozenset(
        name for name, row in _table()["types"].items() if row["kind"] == "resource" and not row.get("abstract")
    )


@cache
def type_named(name: str) -> Type:
    """The type of that name. Raises KeyError for a name that R4 does not have."""
    row = _table()["types"][name]
    base = type_named(row["base"]) if row["base"] else None
    own = tuple(_element(element, text) for element, text in row["elements"].items())
    stated = {key: Constraint(key, **constraint) for key, constraint in row["constraints"].items()}
    redefined = {element.name for element in own}
    inherited = tuple(e for e in base.elements if e.name not in redefined) if base else ()
    return Type(
        name=name,
        resource=row["kind"] == "resource",
        elements=(*inherited, *own),
        lineage=(name, *(base.lineage if base else ())),
        constraints=MappingProxyType({**(base.constraints if base else {}), **stated}),
    )


def constraint_named(key: str) -> Constraint | None:
    """The invariant of that key, which is one wherever it is stated; ``None`` where R4 has none."""
    for name in sorted(type_names()):
        constraint = type_named(name).constraints.get(key)
        if constraint is not None:
            return constraint
    return None


@cache
def codes_of(value_set: str) -> Mapping[str, frozenset[str]] | None:
    """The codes of a value set by code system, or ``None`` where there is no closed list of them."""
    systems = _table()["valueSets"].get(value_set)
    return None if systems is None else {system: frozenset(codes) for system, codes in systems.items()}


@cache
def _codes() -> _Codes:
    return cast(_Codes, json.loads(files("fhir_msc.validation").joinpath("r4_codes.json").read_bytes()))


@cache
def _code_systems() -> Mapping[str, frozenset[str]]:
    return {url: frozenset(codes) for url, codes in _codes()["codeSystems"].items()}


def codes_below(system: str) -> Mapping[str, Sequence[str]]:
    """Of a code system of HL7, the codes that stand directly below others, by those."""
    return _codes()["below"].get(system, {})


@lru_cache(8192)
def is_unknown_code(system: str, code: str) -> bool:
    """Whether ``system`` is a code system of HL7, complete in R4, without this code."""
    codes = codes_of_system(system)
    return codes is not None and code not in codes


def codes_of_system(system: str) -> frozenset[str] | None:
    """The codes of a code system of HL7 that R4 holds whole, ``None`` for any other."""
    return _code_systems().get(system)


@cache
def _search() -> Mapping[str, str]:
    table = cast(_Search, json.loads(files("fhir_msc.validation").joinpath("r4_search.json").read_bytes()))
    return table["searchParameters"]


_SEARCH_PARAMETER = "http://hl7.org/fhir/SearchParameter/"


def search_parameter(url: str) -> SearchParameter | None:
    """The search parameter of R4 with that canonical URL (without a version), ``None`` for any other URL."""
    if not url.startswith(_SEARCH_PARAMETER):
        return None
    text = _search().get(url.removeprefix(_SEARCH_PARAMETER))
    if text is None:
        return None
    kind, _, bases = text.partition(" ")
    return SearchParameter(kind, frozenset(bases.split("|")))


def origin() -> tuple[Mapping[str, str], ...]:
    """The packages that the definitions come from: name, version, licence, SHA-256."""
    return tuple(_table()["origin"])


def _element(name: str, text: str) -> Element:
    """Parses ``min..max types [@value set]``, types as ``Quantity:SimpleQuantity|Reference(Patient,Group)``."""
    cardinality, kinds, *binding = text.split(" ")
    low, _, high = cardinality.partition("..")
    types, targets = {}, {}
    for kind in kinds.split("|"):
        code, _, among = kind.partition("(")
        code, _, profile = code.partition(":")
        types[code] = profile or code
        if among:
            targets[code] = frozenset(among.removesuffix(")").split(","))
    return Element(name, int(low), high, types, targets, binding[0].removeprefix("@") if binding else None)
