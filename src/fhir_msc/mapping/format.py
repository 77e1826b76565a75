"""The pack format: what an integrator may write, as pydantic models. The JSON Schema is made from them.

A pack is a folder: ``pack.yaml``, one YAML file per source table or form, code tables as CSV. ``docs/mapping-packs.md``
teaches it by example; here stands what each word means.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from fhir_msc.mapping.blocks import (
    AdverseEventBlock,
    CellProductBlock,
    ConditionBlock,
    ConsentBlock,
    DispositionBlock,
    InfusionBlock,
    MedicationBlock,
    ObservationBlock,
    ParticipantBlock,
    VisitBlock,
)
from fhir_msc.mapping.study_parts import StudyTable
from fhir_msc.mapping.values import Condition, Names, Or, Value, Words, as_list, as_values

# Any stands here only where pydantic hands over what a user wrote, before it is checked.


class Join(Words):
    """Another table whose rows belong to rows of this one. ``JOIN: NAME`` alone joins SDTM supplemental qualifiers."""

    table: str
    on: dict[str, str] = Field(default_factory=dict, description="this table's column → the other's")
    kind: Literal["qualifiers", "same", "look-up"] = Field(
        "same",
        description="`same`: the other row says more of the same thing, and is merged; `look-up`: the other row is a "
        "thing of its own, and lends its cells; `qualifiers`: SUPP--, each QNAM a column",
    )
    columns: Names = Field((), description="the other table's columns that are wanted")
    date: str | None = Field(
        None,
        description="of `on` the column that is a date, compared at the coarser precision of both tables; a row of the "
        "other table that fits in more than one way is held",
    )


def _as_join(value: Any) -> Any:
    return {"table": value, "kind": "qualifiers"} if isinstance(value, str) else value


JoinWord = Annotated[Join, BeforeValidator(_as_join), Or(word=True)]
Joins = Annotated[tuple[JoinWord, ...], BeforeValidator(as_values), Or(one=True)]


class Example(Words):
    """A row, or the rows of one group, and what they must give; ``mapping check`` runs it.

    ``gives`` is one record, several, the rule of the finding that rejects the row, or ``nothing``. Of a record only the
    words that are named are compared: concepts as ``loinc|1751-7`` or their words, quantities as ``<3.42 mg/dL``, a
    part of a panel by its code.
    """

    table: str | None = Field(None, description="the table of the row, where the words serve all tables of a class")
    row: Annotated[tuple[dict[str, str], ...], BeforeValidator(as_values), Or(one=True)]
    gives: Annotated[tuple[dict[str, str] | str, ...], BeforeValidator(as_values), Or(one=True)]


class TableWords(Words):
    """What the rows of a table become, or of all tables of a class.

    In the words of a class a column that begins with ``--`` begins, in each table, with the first two letters of the
    table's name (``--TESTCD`` of QSPH is QSTESTCD); ``{table}`` is the table's name, ``{prefix}`` these letters in
    lower case.
    """

    table: str = Field(
        description="the table's name; with * or ? all tables of such names that have the required columns, and that "
        "the pack neither names elsewhere nor leaves unmapped"
    )
    required: Names = ()
    participant: str | None = Field(None, description="the column with the participant's identifier")
    join: Joins = ()
    key: Names = Field((), description="the columns that make a row unique; the participant comes first")
    sponsor_id: Names = Field((), description="the sponsor's own identifier: where filled it stands for `correctable`")
    correctable: Names = Field((), description="key columns that a site may correct: dates, terms")
    tie_breakers: Names = Field((), description="columns that tell apart rows which still share a key")
    skip_unless_any: Names = Field((), description="rows in which none of these is filled are not mapped")
    one_of_each: bool = Field(False, description="the first block whose `if` holds takes the row")
    participants: Annotated[tuple[ParticipantBlock, ...], BeforeValidator(as_values), Or(one=True)] = Field(
        (), alias="participant-record"
    )
    consents: Annotated[tuple[ConsentBlock, ...], BeforeValidator(as_values), Or(one=True)] = Field((), alias="consent")
    dispositions: Annotated[tuple[DispositionBlock, ...], BeforeValidator(as_values), Or(one=True)] = Field(
        (), alias="disposition"
    )
    visits: Annotated[tuple[VisitBlock, ...], BeforeValidator(as_values), Or(one=True)] = Field((), alias="visit")
    infusions: Annotated[tuple[InfusionBlock, ...], BeforeValidator(as_values), Or(one=True)] = Field(
        (), alias="infusion"
    )
    cell_products: Annotated[tuple[CellProductBlock, ...], BeforeValidator(as_values), Or(one=True)] = Field(
        (), alias="cell-product"
    )
    observations: Annotated[tuple[ObservationBlock, ...], BeforeValidator(as_values), Or(one=True)] = Field(
        (), alias="observation"
    )
    adverse_events: Annotated[tuple[AdverseEventBlock, ...], BeforeValidator(as_values), Or(one=True)] = Field(
        (), alias="adverse-event"
    )
    conditions: Annotated[tuple[ConditionBlock, ...], BeforeValidator(as_values), Or(one=True)] = Field(
        (), alias="condition"
    )
    medications: Annotated[tuple[MedicationBlock, ...], BeforeValidator(as_values), Or(one=True)] = Field(
        (), alias="medication"
    )
    study: StudyTable | None = Field(None, description="instead of all these: the rows tell of the study itself")
    ignore: Names = Field(
        (),
        description="columns that are left on purpose, names may hold `*`; others that nothing reads are reported",
    )
    examples: tuple[Example, ...] = ()

    @property
    def when(self) -> tuple[Condition | None, ...]:
        """When a row becomes something: the conditions of all blocks, ``None`` for always."""
        first = (*self.participants, *self.consents, *self.dispositions, *self.visits, *self.infusions)
        second = (*self.cell_products, *self.observations, *self.adverse_events, *self.conditions, *self.medications)
        return tuple(one.if_ for one in (*first, *second))


class SealedRows(Words):
    """Rows to seal by a column's value: ``any`` of these, or all ``except`` these."""

    column: str
    any: Names = ()
    except_: Names = ()


SealedRowsWord = Annotated[tuple[SealedRows, ...], BeforeValidator(as_values), Or(one=True)]


class Sealed(Words):
    """What tells the arm, and is dropped at the source's door in a blind project. Names may hold ``*``."""

    tables: Names = ()
    open: Names = Field(default=(), description="the tables that come in; where given, every other table is sealed")
    columns: dict[str, Names] = Field(default_factory=dict, description="table → columns")
    rows: dict[str, SealedRowsWord] = Field(default_factory=dict, description="table → rows, by one column or several")
    unnumbered: Names = Field(default=(), description="tables whose row order may tell the arm")
    planned: dict[str, Names] = Field(
        default_factory=dict,
        description="tables of the protocol, and their columns that are open whatever else seals them: the planned "
        "arms, which tell nobody's; such a table is refused where a column names participants",
    )
    participants: Names = Field(default=(), description="columns that name participants, for `planned`")


class StudyWords(Words):
    """Where ``init`` finds the study's identifier and its sites."""

    identifier: str | None = Field(default=None, description="TABLE.COLUMN that holds the study's identifier")
    sites: str | None = Field(default=None, description="TABLE.COLUMN that names the sites")


class RelationWords(Words):
    """A table that joins rows of others (SDTM RELREC): results to the adverse events that they are about."""

    table: str
    relation: str = Field(description="the column that tells relations apart")
    participant: str
    domain: str = Field(description="the column that names the table that is joined")
    column: str = Field(description="the column that names the column that it is joined by")
    value: str = Field(description="the column with the value it holds; empty: the same in both tables")


SourceFormat = Annotated[
    str, WithJsonSchema({"anyOf": [{"enum": ["xpt", "dataset-json", "redcap", "csv", "odm"]}, {"type": "string"}]})
]
"""A format that is built in, or an integrator's own; ``read_pack`` refuses one that nobody reads."""


class TotalWords(Words):
    """A total of an instrument and its items, by the codes that the pack gives them (``system|code``)."""

    total: str
    items: Names


class PackWords(Words):
    """``pack.yaml``: what holds for the whole pack."""

    pack: str
    title: str
    version: str
    source: Annotated[tuple[SourceFormat, ...], BeforeValidator(as_list), Or(one=True)] = Field(
        description="the formats that it is for, the one that is preferred first"
    )
    order: Names = Field((), description="tables in the order they are mapped; others follow by name")
    sealed: Sealed = Field(default_factory=Sealed)
    missing: dict[str, str] = Field(default_factory=dict, description="missing-data code → R4 data-absent-reason code")
    arms_are_treatments: bool = Field(False, description="REDCap's arms tell the treatment")
    identifying: dict[str, str] = Field(
        default_factory=dict, description="TABLE.COLUMN flagged as identifying → why taken"
    )
    persons: dict[str, Names] = Field(
        default_factory=dict,
        description="table → columns with names or record numbers of people: never taken; no code of the product may "
        "hold what they hold",
    )
    relations: RelationWords | None = None
    not_mapped: dict[str, str] = Field(default_factory=dict, description="table → why nothing is made of it")
    totals: Annotated[tuple[TotalWords, ...], BeforeValidator(as_values), Or(one=True)] = Field(
        (), description="totals of instruments and the items that add up to them: `validate` holds one to the other"
    )
    study: StudyWords = Field(default_factory=StudyWords)


Value.model_rebuild()
AdverseEventBlock.model_rebuild()
