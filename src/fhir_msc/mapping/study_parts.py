"""Parts of a pack that tell of the study itself: arms, planned visits, eligibility, devices, facts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from fhir_msc.mapping.values import ConceptWord, Condition, Or, Values, Words, as_values


class _Part(Words):
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


class StudyTable(Words):
    """The rows of a table tell of the study, and of no participant."""

    arm: Annotated[tuple[ArmPart, ...], BeforeValidator(as_values), Or(one=True)] = ()
    arm_step: Annotated[tuple[ArmStepPart, ...], BeforeValidator(as_values), Or(one=True)] = ()
    element: Annotated[tuple[ElementPart, ...], BeforeValidator(as_values), Or(one=True)] = ()
    planned_visit: Annotated[tuple[PlannedVisitPart, ...], BeforeValidator(as_values), Or(one=True)] = ()
    eligibility: Annotated[tuple[EligibilityPart, ...], BeforeValidator(as_values), Or(one=True)] = ()
    fact: Annotated[tuple[FactPart, ...], BeforeValidator(as_values), Or(one=True)] = ()
    device: Annotated[tuple[DevicePart, ...], BeforeValidator(as_values), Or(one=True)] = ()
    left: Values | None = Field(None, description="why nothing is made of the other rows")
