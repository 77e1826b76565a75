"""Values in a pack: where one comes from and how it is read, what a concept is, when something holds.

The words that all blocks share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

# Any stands here only where pydantic hands over what a user wrote, before it is checked.


@dataclass(frozen=True)
class Or:
    """Tells the JSON Schema what a BeforeValidator takes besides the full form: a word, or one instead of a list."""

    word: bool = False
    one: bool = False

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        full = handler(core)
        forms: list[JsonSchemaValue] = [{"type": "string"}] if self.word else []
        if self.one:
            items = full["items"]
            forms += [form for form in items.get("anyOf", [items]) if form not in forms]
        return {"anyOf": [*forms, full]}


def _dashed(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


class Words(BaseModel):
    """Words of a pack: no others than these, written with dashes."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=_dashed, populate_by_name=False, defer_build=True
    )


def as_list(value: Any) -> Any:
    """One word instead of a list of words."""
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(as_list), Or(one=True)]
"""One name, or a list of names."""

Condition = dict[str, Names]
"""Columns and the values they must have, all of them: ``{LBSTAT: NOT DONE}``, ``{VSTESTCD: [SYSBP, DIABP]}``.
``""`` is an empty cell, ``*`` any filled one; ``!X`` is anything but X. Words count however they are capitalised."""


Unknown = Literal["keep", "reject", "drop", "report"]
"""What becomes of a cell that no map and no code table knows."""


def _as_value(value: Any) -> Any:
    return {"from": value} if isinstance(value, str) else value


class Value(Words):
    """Where a value comes from and how it is read. A column's name alone is ``{from: NAME}``."""

    from_: Names = Field((), description="the column, or the first filled one of several columns")
    all: Values = Field((), description="instead of `from`: the words of all these columns or values, between commas")
    pieces: Names = Field((), description="instead of `from`: one long text that stands in pieces in these columns")
    constant: str | None = Field(None, description="a fixed value, read by `as` like a cell")
    as_: str = Field("text", description="the transform that reads the cell")
    map: dict[str, str] | None = Field(
        None,
        description="cell → value; in a cell that begins or ends with `*`, each `*` is any letters, if none is equal; "
        "other cells follow `unknown`",
    )
    unknown: Unknown = Field(
        "reject",
        description="a cell that `map` lacks: kept, an error of the row, no value, or no value and reported once",
    )
    if_: Condition | None = Field(None, description="yields only where this holds")
    unit: UnitWord | None = Field(
        None, description="a UCUM code, or where the unit's text comes from; words have it behind them"
    )


def _as_unit(value: Any) -> Any:
    return {"ucum": value} if isinstance(value, str) else value


class UnitOf(Words):
    """A number's unit: fixed (``ucum``), or a column's text turned into UCUM by a code table (``text``, ``ucum``)."""

    ucum: str | None = None
    text: str | None = Field(None, description="how a fixed unit is printed, where it differs from UCUM")
    from_: str | None = None
    table: str | None = None


UnitWord = Annotated[UnitOf, BeforeValidator(_as_unit), Or(word=True)]


def as_values(value: Any) -> Any:
    """One instead of a list, whatever it is."""
    return value if isinstance(value, list) else [value]


ValueWord = Annotated[Value, BeforeValidator(_as_value), Or(word=True)]
Values = Annotated[tuple[ValueWord, ...], BeforeValidator(as_values), Or(one=True)]
"""One value, or several of which the first that yields counts."""


def _as_concept(value: Any) -> Any:
    return {"constant": value} if isinstance(value, str) else value


class ConceptOf(Words):
    """A concept: fixed (``loinc|1751-7|Albumin``), or cells looked up in a code table.

    The code table is a CSV file whose first columns are named as in ``from`` and whose others are ``system``,
    ``code``, ``display`` (and ``confidence``, ``source`` for readers). A cell of it may be empty (anything goes), ``-``
    (must be empty), or several values between bars. The most specific line counts.
    """

    constant: str | None = None
    from_: Names = ()
    table: str | None = None
    under: dict[str, str] = Field(
        default_factory=dict, description="column of `from` → the column of `table` that has its cells, by another name"
    )
    map: dict[str, str] | None = Field(None, description="cell → concept as system|code|display")
    text: Names = Field((), description="the column with the words, or several, between commas; default: the cell")
    sponsor: str | None = Field(None, description="the code system of the sponsor's own code, added as last coding")
    unknown: Unknown = Field(
        "keep", description="no line fits: text only, an error of the row, nothing, or nothing and reported once"
    )
    if_: Condition | None = None


ConceptWord = Annotated[ConceptOf, BeforeValidator(_as_concept), Or(word=True)]


Concepts = Annotated[tuple[ConceptWord, ...], BeforeValidator(as_values), Or(one=True)]
"""One concept, or several of which the first that yields counts."""


class NotDone(Words):
    """When nothing was found, and why."""

    if_: Condition
    reason: ConceptWord | None = Field(None, description="default: data-absent-reason not-performed")


class Range(Words):
    """The laboratory's limits."""

    low: str | None = None
    high: str | None = None
    text: str | None = None
