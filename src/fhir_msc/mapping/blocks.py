"""Blocks of a pack: what a row may become, one class per kind of trial record."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from fhir_msc.mapping.values import (
    Concepts,
    ConceptWord,
    Condition,
    Names,
    NotDone,
    Or,
    Range,
    Values,
    ValueWord,
    Words,
    as_values,
)


class CriterionWord(Words):
    """A seriousness criterion, and when it is ticked."""

    code: ConceptWord
    if_: Condition


class _Block(Words):
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
    reason: Concepts = ()
    route: ConceptWord | None = None
    form: ConceptWord | None = None
    visit: Values | None = None
    product: Concepts = ()
    dose: Values | None = None
    volume: Values | None = None
    dose_text: Values | None = Field(None, description="what was given, in words: a dose that is no number")
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
    processing: Annotated[tuple[ValueWord, ...], BeforeValidator(as_values), Or(one=True)] = Field(
        (), description="the steps of the manufacture, each a value of its own, in their order"
    )
    processed: Values | None = Field(None, description="when the manufacture ended")
    passage: Values | None = Field(None, description="how often the cells were passaged: read it `as: integer`")
    expiry: Values | None = None
    thawed: Values | None = None
    storage_temperature: Values | None = Field(None, description="in Cel, [degF] or K")
    available: Values | None = Field(None, description="true or false; nothing where it is not known")


class ComponentWord(Words):
    """One part of a panel."""

    code: ConceptWord
    coded: ConceptWord | None = Field(None, description="a value that is a code; tried before `value`")
    value: Values = ()
    if_: Condition | None = Field(None, description="the rows of which the part is made; a group needs it")


class ObservationBlock(_Block):
    """A row (or a group of rows, or each of several columns) is an observation."""

    preset: Literal["laboratory", "vital-signs", "blood-pressure", "survey", "exam", "finding"]
    code: Concepts = ()
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
