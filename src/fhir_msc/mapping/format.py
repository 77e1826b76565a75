"""The pack format: what an integrator may write, as pydantic models. The JSON Schema is made from them.

A pack is a folder: ``pack.yaml``, one YAML file per source table or form, code tables as CSV. ``docs/mapping-packs.md``
teaches it by example; here stands what each word means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

# Any stands here only where pydantic hands over what a user wrote, before it is checked.


@dataclass(frozen=True)
class _Or:
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


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=_dashed, populate_by_name=False)


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_list), _Or(one=True)]
"""One name, or a list of names."""

Condition = dict[str, Names]
"""Columns and the values they must have, all of them: ``{LBSTAT: NOT DONE}``, ``{VSTESTCD: [SYSBP, DIABP]}``.
``""`` is an empty cell, ``*`` any filled one; ``!X`` is anything but X."""


def _as_value(value: Any) -> Any:
    return {"from": value} if isinstance(value, str) else value


class Value(_Words):
    """Where a value comes from and how it is read. A column's name alone is ``{from: NAME}``."""

    from_: Names = Field((), description="the column, or the first filled one of several columns")
    all: Names = Field((), description="instead of `from`: the words of all these columns, between commas")
    pieces: Names = Field((), description="instead of `from`: one long text that stands in pieces in these columns")
    constant: str | None = Field(None, description="a fixed value, read by `as` like a cell")
    as_: str = Field("text", description="the transform that reads the cell")
    map: dict[str, str] | None = Field(None, description="cell → value; other cells follow `unknown`")
    unknown: Literal["keep", "reject", "drop"] = Field(
        "reject", description="a cell that `map` or `table` lacks: kept as it is, an error of the row, or no value"
    )
    if_: Condition | None = Field(None, description="yields only where this holds")
    unit: UnitWord | None = Field(None, description="a number's unit: a UCUM code, or where its text comes from")


def _as_unit(value: Any) -> Any:
    return {"ucum": value} if isinstance(value, str) else value


class UnitOf(_Words):
    """A number's unit: fixed (``ucum``), or a column's text turned into UCUM by a code table (``text``, ``ucum``)."""

    ucum: str | None = None
    text: str | None = Field(None, description="how a fixed unit is printed, where it differs from UCUM")
    from_: str | None = None
    table: str | None = None


UnitWord = Annotated[UnitOf, BeforeValidator(_as_unit), _Or(word=True)]


def _as_values(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


ValueWord = Annotated[Value, BeforeValidator(_as_value), _Or(word=True)]
Values = Annotated[tuple[ValueWord, ...], BeforeValidator(_as_values), _Or(one=True)]
"""One value, or several of which the first that yields counts."""


def _as_concept(value: Any) -> Any:
    return {"constant": value} if isinstance(value, str) else value


class ConceptOf(_Words):
    """A concept: fixed (``loinc|1751-7|Albumin``), or cells looked up in a code table.

    The code table is a CSV file whose first columns are named as in ``from`` and whose others are ``system``,
    ``code``, ``display`` (and ``confidence``, ``source`` for readers). A cell of it may be empty (anything goes), ``-``
    (must be empty), or several values between bars. The most specific line counts.
    """

    constant: str | None = None
    from_: Names = ()
    table: str | None = None
    map: dict[str, str] | None = Field(None, description="cell → concept as system|code|display")
    text: Names = Field((), description="the column with the words, or several, between commas; default: the cell")
    sponsor: str | None = Field(None, description="the code system of the sponsor's own code, added as last coding")
    unknown: Literal["keep", "reject", "drop"] = Field("keep", description="no line fits: text only, error, nothing")
    if_: Condition | None = None


ConceptWord = Annotated[ConceptOf, BeforeValidator(_as_concept), _Or(word=True)]


Concepts = Annotated[tuple[ConceptWord, ...], BeforeValidator(_as_values), _Or(one=True)]
"""One concept, or several of which the first that yields counts."""


class NotDone(_Words):
    """When nothing was found, and why."""

    if_: Condition
    reason: ConceptWord | None = Field(None, description="default: data-absent-reason not-performed")


class Range(_Words):
    """The laboratory's limits."""

    low: str | None = None
    high: str | None = None
    text: str | None = None


class _Block(_Words):
    if_: Condition | None = Field(None, description="only rows of which this holds")
    name: str | None = Field(None, description="part of the key where a row gives several records of a kind")
    participant: str | None = Field(None, description="the participant's column, if another than the table's")


class ParticipantBlock(_Block):
    """A row is a participant."""

    label: Values | None = None
    site: Values | None = None
    sex: Values | None = None
    birth_date: Values | None = None
    death_date: Values | None = None
    died: Values | None = None
    country: Values | None = None
    arm: Values | None = None
    actual_arm: Values | None = None


class ConsentBlock(_Block):
    """A row is a consent, or its withdrawal."""

    date: Values
    decision: Literal["given", "withdrawn"] = "given"


class DispositionBlock(_Block):
    """A row is a step through the trial."""

    kind: Values
    date: Values | None = None
    scope: Values | None = None
    term: Values | None = None


class VisitBlock(_Block):
    """A row is a visit."""

    number: Values
    name_: Values | None = Field(None, alias="title")
    start: Values | None = None
    end: Values | None = None
    status: Values | None = None
    reason: Values | None = None


class InfusionBlock(_Block):
    """A row is an administration of the study product."""

    start: Values
    end: Values | None = None
    status: Values | None = None
    reason: ConceptWord | None = None
    route: ConceptWord | None = None
    form: ConceptWord | None = None
    visit: Values | None = None
    product: ConceptWord | None = None
    dose: Values | None = None
    volume: Values | None = None
    lot: Values | None = None
    kit: Values | None = Field(None, description="the unit that was given; without it the lot finds the cell product")
    device: Values | None = Field(None, description="what it was given with, by the sponsor's identifier")


class CellProductBlock(_Block):
    """A row is a unit of the cell product. Seal its table or its columns: that it is there tells the arm."""

    lot: Values | None = None
    kit: Values | None = None
    donor: Values | None = None
    product: ConceptWord | None = None
    cells: Values | None = None
    viability: Values | None = None
    collected: Values | None = Field(None, description="when the starting material was taken from the donor")
    processing: Annotated[tuple[ValueWord, ...], BeforeValidator(_as_values), _Or(one=True)] = Field(
        (), description="the steps of the manufacture, each a value of its own, in their order"
    )
    processed: Values | None = Field(None, description="when the manufacture ended")
    passage: Values | None = Field(None, description="how often the cells were passaged: read it `as: integer`")
    expiry: Values | None = None
    thawed: Values | None = None
    storage_temperature: Values | None = Field(None, description="in Cel, [degF] or K")
    available: Values | None = Field(None, description="true or false; nothing where it is not known")


class ComponentWord(_Words):
    """One part of a panel."""

    code: ConceptWord
    coded: ConceptWord | None = Field(None, description="a value that is a code; tried before `value`")
    value: Values = ()
    if_: Condition | None = Field(None, description="the rows of which the part is made; a group needs it")


class ObservationBlock(_Block):
    """A row (or a group of rows, or each of several columns) is an observation."""

    preset: Literal["laboratory", "vital-signs", "blood-pressure", "survey", "exam", "finding"]
    code: ConceptWord | None = None
    category: Values | None = Field(None, description="R4 observation-category code, where it is not the preset's")
    source_category: ConceptWord | None = Field(None, description="the source's own category, as a second one")
    when: Values | None = None
    visit: Values | None = None
    value: Values | None = None
    coded: ConceptWord | None = Field(None, description="a value that is a code; tried before `value`")
    score: Values | None = Field(None, description="the number that an answer in words counts for, beside the words")
    components: tuple[ComponentWord, ...] = ()
    group: tuple[str, ...] = Field((), description="rows that agree in these columns are one observation")
    columns: str | None = Field(
        None, description="a code table with a line per column (column, system, code, display, unit, as): each is one"
    )
    not_done: NotDone | None = None
    range: Range | None = None
    interpretation: ConceptWord | None = None
    status: Values | None = None
    method: ConceptWord | None = None
    position: ConceptWord | None = None
    body_site: ConceptWord | None = None
    specimen: Values | None = Field(None, description="the kind of specimen, in words")
    sample: Values | None = Field(None, description="the identifier of the very sample; with `specimen` a Specimen")
    report: Values | None = Field(
        None, description="the name of a report: results of one participant, time and visit with one name are one"
    )
    device: Values | None = Field(None, description="what it was measured with, by the sponsor's identifier")
    performer: Names = Field((), description="columns that say who judged, in words; each filled one is a performer")
    note: Values | None = None


class AdverseEventBlock(_Block):
    """A row is an adverse event."""

    term: Values
    start: Values | None = None
    end: Values | None = None
    severity: Values | None = None
    grade: ConceptWord | None = None
    serious: Values | None = None
    criteria: tuple[CriterionWord, ...] = ()
    outcome: Values | None = None
    relatedness: Values | None = None
    action: Values | None = None


class ConditionBlock(_Block):
    """A row is a disease or another condition of the participant: medical history and its like."""

    term: Values
    code: Concepts = ()
    onset: Values | None = None
    abatement: Values | None = None
    asserted: Values | None = Field(None, description="when it was diagnosed")
    recorded: Values | None = Field(None, description="when it was written down; where filled, consent is held to it")
    status: Values | None = Field(None, description="R4 condition-clinical; default: resolved where it has an end")
    verification: Values | None = Field(None, description="R4 condition-ver-status")
    category: ConceptWord | None = None
    severity: ConceptWord | None = None
    body_site: ConceptWord | None = None
    note: Values | None = None


class MedicationBlock(_Block):
    """A row is a medication that the participant took, or was asked about: concomitant and earlier ones."""

    term: Values
    code: Concepts = ()
    form: ConceptWord | None = None
    category: ConceptWord | None = None
    start: Values | None = None
    end: Values | None = None
    recorded: Values | None = Field(None, description="when it was written down; where filled, consent is held to it")
    status: Values | None = Field(
        None, description="R4 medication-statement-status; default: completed with an end, else unknown"
    )
    status_reason: ConceptWord | None = Field(None, description="why it was stopped, or not taken")
    reason: Values | None = Field(None, description="what it was taken for")
    dose: Values | None = None
    dose_text: Values | None = None
    frequency: ConceptWord | None = None
    as_needed: Values | None = None
    route: ConceptWord | None = None
    body_site: ConceptWord | None = None
    note: Values | None = None


class _Part(_Words):
    if_: Condition | None = Field(None, description="only rows of which this holds")


class ArmPart(_Part):
    """A row names an arm of the protocol."""

    code: Values
    title: Values
    description: Values | None = None
    kind: Values | None = None


class ArmStepPart(_Part):
    """A row is a step of an arm through the protocol."""

    arm: Values
    arm_title: Values | None = None
    order: Values
    element: Values
    title: Values | None = None
    epoch: Values | None = None
    branch: Values | None = Field(None, description="who goes on from here into which arm")
    transition: Values | None = Field(None, description="whether an element is passed over")


class ElementPart(_Part):
    """A row is a building block of the protocol."""

    code: Values
    title: Values | None = None
    start: Values | None = Field(None, description="the rule by which it starts, in words")
    end: Values | None = Field(None, description="the rule by which it ends, in words")
    duration: Values | None = None


class PlannedVisitPart(_Part):
    """A row is a visit of the schedule."""

    number: Values
    title: Values | None = None
    day: Values | None = Field(None, description="days from the first infusion, which is day 0")
    window_before: Values | None = Field(None, description="days")
    window_after: Values | None = Field(None, description="days")
    start: Values | None = Field(None, description="the rule by which it starts, in words")
    end: Values | None = Field(None, description="the rule by which it ends, in words")
    arm: Values | None = Field(None, description="the only arm that has the visit")


class EligibilityPart(_Part):
    """A row is an eligibility criterion."""

    text: Values
    kind: Values = Field(description="inclusion or exclusion")
    identifier: Values | None = None
    version: Values | None = Field(None, description="the version of the protocol")


class FactPart(_Part):
    """A row says one thing of the study."""

    about: Literal[
        "title",
        "official-title",
        "acronym",
        "description",
        "phase",
        "masking",
        "purpose",
        "registry",
        "sponsor",
        "start",
        "end",
        "sex",
        "planned-enrolment",
        "actual-enrolment",
        "minimum-age",
        "maximum-age",
        "healthy-volunteers",
        "condition",
        "keyword",
        "intervention",
        "country",
        "collaborator",
        "objective-primary",
        "objective-secondary",
        "objective-exploratory",
        "outcome-primary",
        "outcome-secondary",
        "outcome-exploratory",
        "feature",
    ]
    value: Values
    code: ConceptWord | None = Field(None, description="the standard code of a feature")
    text: Values | None = Field(None, description="what a feature is about, in words")


class DevicePart(_Part):
    """A row says one thing of a device. Seal its table: which devices there are may tell the arm."""

    device: Values = Field(description="the sponsor's identifier")
    about: Values = Field(description="kind, name, manufacturer, model, serial or lot")
    value: Values


class StudyTable(_Words):
    """The rows of a table tell of the study, and of no participant."""

    arm: Annotated[tuple[ArmPart, ...], BeforeValidator(_as_values), _Or(one=True)] = ()
    arm_step: Annotated[tuple[ArmStepPart, ...], BeforeValidator(_as_values), _Or(one=True)] = ()
    element: Annotated[tuple[ElementPart, ...], BeforeValidator(_as_values), _Or(one=True)] = ()
    planned_visit: Annotated[tuple[PlannedVisitPart, ...], BeforeValidator(_as_values), _Or(one=True)] = ()
    eligibility: Annotated[tuple[EligibilityPart, ...], BeforeValidator(_as_values), _Or(one=True)] = ()
    fact: Annotated[tuple[FactPart, ...], BeforeValidator(_as_values), _Or(one=True)] = ()
    device: Annotated[tuple[DevicePart, ...], BeforeValidator(_as_values), _Or(one=True)] = ()
    left: Values | None = Field(None, description="why nothing is made of the other rows")


class CriterionWord(_Words):
    """A seriousness criterion, and when it is ticked."""

    code: ConceptWord
    if_: Condition


class Join(_Words):
    """Another table whose rows belong to rows of this one. ``JOIN: NAME`` alone joins SDTM supplemental qualifiers."""

    table: str
    on: dict[str, str] = Field(default_factory=dict, description="this table's column → the other's")
    kind: Literal["qualifiers", "same", "look-up"] = Field(
        "same",
        description="`same`: the other row says more of the same thing, and is merged; `look-up`: the other row is a "
        "thing of its own, and lends its cells; `qualifiers`: SUPP--, each QNAM a column",
    )
    columns: Names = Field((), description="the other table's columns that are wanted")


def _as_join(value: Any) -> Any:
    return {"table": value, "kind": "qualifiers"} if isinstance(value, str) else value


JoinWord = Annotated[Join, BeforeValidator(_as_join), _Or(word=True)]
Joins = Annotated[tuple[JoinWord, ...], BeforeValidator(_as_values), _Or(one=True)]


class Example(_Words):
    """A row, or the rows of one group, and what they must give; ``mapping check`` runs it.

    ``gives`` is one record, several, the rule of the finding that rejects the row, or ``nothing``. Of a record only the
    words that are named are compared: concepts as ``loinc|1751-7`` or their words, quantities as ``<3.42 mg/dL``, a
    part of a panel by its code.
    """

    table: str | None = Field(None, description="the table of the row, where the words serve all tables of a class")
    row: Annotated[tuple[dict[str, str], ...], BeforeValidator(_as_values), _Or(one=True)]
    gives: Annotated[tuple[dict[str, str] | str, ...], BeforeValidator(_as_values), _Or(one=True)]


class TableWords(_Words):
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
    participants: Annotated[tuple[ParticipantBlock, ...], BeforeValidator(_as_values), _Or(one=True)] = Field(
        (), alias="participant-record"
    )
    consents: Annotated[tuple[ConsentBlock, ...], BeforeValidator(_as_values), _Or(one=True)] = Field(
        (), alias="consent"
    )
    dispositions: Annotated[tuple[DispositionBlock, ...], BeforeValidator(_as_values), _Or(one=True)] = Field(
        (), alias="disposition"
    )
    visits: Annotated[tuple[VisitBlock, ...], BeforeValidator(_as_values), _Or(one=True)] = Field((), alias="visit")
    infusions: Annotated[tuple[InfusionBlock, ...], BeforeValidator(_as_values), _Or(one=True)] = Field(
        (), alias="infusion"
    )
    cell_products: Annotated[tuple[CellProductBlock, ...], BeforeValidator(_as_values), _Or(one=True)] = Field(
        (), alias="cell-product"
    )
    observations: Annotated[tuple[ObservationBlock, ...], BeforeValidator(_as_values), _Or(one=True)] = Field(
        (), alias="observation"
    )
    adverse_events: Annotated[tuple[AdverseEventBlock, ...], BeforeValidator(_as_values), _Or(one=True)] = Field(
        (), alias="adverse-event"
    )
    conditions: Annotated[tuple[ConditionBlock, ...], BeforeValidator(_as_values), _Or(one=True)] = Field(
        (), alias="condition"
    )
    medications: Annotated[tuple[MedicationBlock, ...], BeforeValidator(_as_values), _Or(one=True)] = Field(
        (), alias="medication"
    )
    study: StudyTable | None = Field(None, description="instead of all these: the rows tell of the study itself")
    ignore: Names = Field(
        (),
        description="columns that are left on purpose, names may hold `*`; others that nothing reads are reported",
    )
    examples: tuple[Example, ...] = ()


class SealedRows(_Words):
    """Rows to seal by a column's value: ``any`` of these, or all ``except`` these."""

    column: str
    any: Names = ()
    except_: Names = ()


SealedRowsWord = Annotated[tuple[SealedRows, ...], BeforeValidator(_as_values), _Or(one=True)]


class Sealed(_Words):
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


class StudyWords(_Words):
    """Where ``init`` finds the study's identifier and its sites."""

    identifier: str | None = Field(default=None, description="TABLE.COLUMN that holds the study's identifier")
    sites: str | None = Field(default=None, description="TABLE.COLUMN that names the sites")


class RelationWords(_Words):
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


class TotalWords(_Words):
    """A total of an instrument and its items, by the codes that the pack gives them (``system|code``)."""

    total: str
    items: Names


class PackWords(_Words):
    """``pack.yaml``: what holds for the whole pack."""

    pack: str
    title: str
    version: str
    source: Annotated[tuple[SourceFormat, ...], BeforeValidator(_as_list), _Or(one=True)] = Field(
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
    totals: Annotated[tuple[TotalWords, ...], BeforeValidator(_as_values), _Or(one=True)] = Field(
        (), description="totals of instruments and the items that add up to them: `validate` holds one to the other"
    )
    study: StudyWords = Field(default_factory=StudyWords)


Value.model_rebuild()
AdverseEventBlock.model_rebuild()
