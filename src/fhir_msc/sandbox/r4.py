"""Which elements each type of FHIR R4 has, and the codes that R4 requires: ``r4.json``, read once, at first use.

The file comes from HL7's packages (CC0, named in it) by ``tools/sandbox_elements.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import NamedTuple, TypedDict, cast

import orjson


class Element(NamedTuple):
    """An element by its JSON name (``valueQuantity``): its type, and the codes allowed where R4 closes the list."""

    type: str
    codes: frozenset[str] | None
    is_object: bool
    is_array: bool


class _Type(TypedDict):
    kind: str
    base: str
    elements: dict[str, str]


class _Table(TypedDict):
    types: dict[str, _Type]
    codes: dict[str, list[str]]


@cache
def resource_types() -> frozenset[str]:
    """The resource types that can be stored."""
    abstract = {"Resource", "DomainResource"}
    return frozenset(name for name, type_ in _table()["types"].items() if type_["kind"] == "resource") - abstract


@cache
def elements(type_name: str) -> Mapping[str, Element]:
    """The elements of a type (``Observation``, ``HumanName``, ``Observation.component``), inherited ones too.

    Empty for primitive types.
    """
    table = _table()
    found: dict[str, Element] = {}
    while type_ := table["types"].get(type_name):
        for name, spelled in type_["elements"].items():
            kind, _, value_set = spelled.partition(" @")
            codes = frozenset(table["codes"][value_set]) if value_set else None
            type_of = kind.removesuffix("*")
            found[name] = Element(type_of, codes, type_of in table["types"], type_of != kind)
        type_name = type_["base"]
    return MappingProxyType(found)


@cache
def _table() -> _Table:
    return cast(_Table, orjson.loads(files(__package__).joinpath("r4.json").read_bytes()))
