"""What tables of study design say, added to what the project's config says of the study.

Where both speak, the config counts. Among the tables what comes first counts: give the parts in the order of their
keys, so that the order of rows means nothing. All of it is the protocol's; it is small, and held in memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from fhir_msc.findings import Origin
from fhir_msc.trial.study import (
    Arm,
    ArmStep,
    Criterion,
    Device,
    DeviceFact,
    Element,
    OutcomeMeasure,
    PlannedVisit,
    Study,
    StudyFact,
    StudyPart,
    age_limit,
)
from fhir_msc.trial.values import Concept, Quantity

T = TypeVar("T")

SINGLE: dict[str, Callable[[str], str | int | bool | Quantity]] = {
    **dict.fromkeys(
        (
            *("title", "official_title", "acronym", "description", "phase", "masking", "purpose", "registry"),
            *("sponsor", "start", "end", "sex"),
        ),
        str,
    ),
    "planned_enrolment": int,
    "actual_enrolment": int,
    "minimum_age": age_limit,
    "maximum_age": age_limit,
    "healthy_volunteers": lambda text: text == "true",
}
"""Attributes of Study that hold one value, and how they hold it."""

SEVERAL = {
    "condition": "conditions",
    "keyword": "keywords",
    "intervention": "interventions",
    "country": "countries",
    "collaborator": "collaborators",
}
"""Facts of which there may be several, and the attribute of Study that lists them."""

KINDS = ("primary", "secondary", "exploratory")
OUTCOMES = {f"{what}-{kind}": (what == "objective", kind) for what in ("objective", "outcome") for kind in KINDS}
"""Facts that are objectives or outcome measures: whether an objective, and of which kind."""


@dataclass(frozen=True, slots=True)
class Told:
    """A part, and the row that says it."""

    part: StudyPart
    origin: Origin


@dataclass(slots=True)
class Design:
    """The study with what the tables add. ``overruled`` are parts of which the config says something else, each with
    the words in which they differ; ``repeated`` those of which an earlier part says something else; ``idle`` those
    that belong to nothing."""

    study: Study
    taken: list[Told] = field(default_factory=list)
    overruled: list[tuple[Told, tuple[str, ...]]] = field(default_factory=list)
    repeated: list[Told] = field(default_factory=list)
    idle: list[Told] = field(default_factory=list)


def designed(config: Study, told: Iterable[Told]) -> Design:
    """The study of the config with what the tables add."""
    design = Design(config)
    parts = list(told)
    for one in parts:
        if isinstance(one.part, StudyFact):
            _fact(design, config, one, one.part)
    _arms(design, config, parts)
    steps = _distinct(design, parts, ArmStep, lambda step: (step.arm, step.order))
    elements = _distinct(design, parts, Element, lambda element: element.code)
    used = {step.element for step in steps}
    for one in [one for one in design.taken if isinstance(one.part, Element) and one.part.code not in used]:
        design.taken.remove(one)
        design.idle.append(one)
    design.study = replace(
        design.study,
        arm_steps=(*config.arm_steps, *steps),
        elements=(*config.elements, *(one for one in elements if one.code in used)),
        planned_visits=_visits(design, config, parts),
        eligibility=_criteria(design, config, parts),
        devices=_devices(design, parts),
    )
    return design


def natural(text: str) -> tuple[tuple[bool, int, str], ...]:
    """A key that orders texts as people do: ``9`` before ``10``, ``EXCL9`` before ``EXCL10``."""
    return tuple(
        (not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"([0-9]+)", text)
    )


def is_same(one: object, other: object) -> bool:
    """Whether two values say the same; case and blanks of words mean nothing."""
    if isinstance(one, str) and isinstance(other, str):
        return one.casefold().split() == other.casefold().split()
    return one == other


def _fact(design: Design, config: Study, told: Told, fact: StudyFact) -> None:
    study = design.study
    if fact.name in SINGLE:
        value, said, known = SINGLE[fact.name](fact.value), getattr(config, fact.name), getattr(study, fact.name)
        if said is not None and not is_same(said, value):
            design.overruled.append((told, (fact.name,)))
        elif known is not None and not is_same(known, value):
            design.repeated.append(told)
        else:
            design.taken.append(told)
            design.study = _with(study, fact.name, value) if known is None else study
        return
    design.taken.append(told)
    if fact.name in SEVERAL:
        name = SEVERAL[fact.name]
        listed: tuple[str, ...] = getattr(study, name)
        if not any(is_same(one, fact.value) for one in listed):
            design.study = _with(study, name, (*listed, fact.value))
    elif fact.name in OUTCOMES:
        is_objective, kind = OUTCOMES[fact.name]
        measure = OutcomeMeasure(fact.value, kind, is_objective=is_objective)
        if not any(
            (one.is_objective, one.kind) == (is_objective, kind) and is_same(one.title, measure.title)
            for one in study.outcome_measures
        ):
            design.study = replace(study, outcome_measures=(*study.outcome_measures, measure))
    else:
        text = f"{fact.text}: {fact.value}" if fact.text else fact.value
        if not any(is_same(one.text, text) for one in study.features):
            feature = Concept((fact.code,) if fact.code else (), text)
            design.study = replace(study, features=(*study.features, feature))


def _with(study: Study, name: str, value: object) -> Study:
    changed: dict[str, Any] = {name: value}
    return replace(study, **changed)


def _arms(design: Design, config: Study, parts: Sequence[Told]) -> None:
    """The arms of the config are all that there are; where it has none, those of the tables."""
    known: dict[str, Arm] = {}
    for one in parts:
        arm = one.part
        if not isinstance(arm, Arm):
            continue
        if config.arms:
            if any(is_same(other.code, arm.code) or is_same(other.name, arm.name) for other in config.arms):
                design.taken.append(one)
            else:
                design.overruled.append((one, ("arms",)))
        elif known.setdefault(arm.code, arm) == arm:
            design.taken.append(one)
        else:
            design.repeated.append(one)
    if not config.arms:
        design.study = replace(design.study, arms=tuple(known.values()))


def _distinct(design: Design, parts: Sequence[Told], kind: type[T], key: Callable[[T], object]) -> list[T]:
    """The parts of a kind by key; of two that differ the first counts."""
    known: dict[object, T] = {}
    for one in parts:
        if isinstance(one.part, kind):
            (design.taken if known.setdefault(key(one.part), one.part) == one.part else design.repeated).append(one)
    return list(known.values())


def _devices(design: Design, parts: Sequence[Told]) -> tuple[Device, ...]:
    """The devices by identifier; what is said of one first counts."""
    facts = _distinct(design, parts, DeviceFact, lambda fact: (fact.device, fact.name))
    said: dict[str, dict[str, str]] = {}
    for fact in facts:
        said.setdefault(fact.device, {})[fact.name] = fact.value
    return tuple(Device(name, **said[name]) for name in sorted(said, key=natural))


def _visits(design: Design, config: Study, parts: Sequence[Told]) -> tuple[PlannedVisit, ...]:
    """The config's visits with what it leaves open, and the others in their order."""
    visits = {(visit.number, visit.arm): visit for visit in config.planned_visits}
    first: dict[tuple[str, str | None], PlannedVisit] = {}
    for one in parts:
        visit = one.part
        if not isinstance(visit, PlannedVisit):
            continue
        key = (visit.number, visit.arm)
        if first.setdefault(key, visit) != visit:
            design.repeated.append(one)
            continue
        said = visits.setdefault(key, visit)
        names = [name for name in PlannedVisit.__slots__ if getattr(visit, name) is not None]
        differing = tuple(
            name for name in names if getattr(said, name) is not None and not is_same(*_both(said, visit, name))
        )
        gaps: dict[str, Any] = {name: getattr(visit, name) for name in names if getattr(said, name) is None}
        visits[key] = replace(said, **gaps)
        if differing:
            design.overruled.append((one, differing))
        else:
            design.taken.append(one)
    if not first:
        return config.planned_visits
    return tuple(sorted(visits.values(), key=lambda visit: (natural(visit.number), visit.arm or "")))


def _both(one: object, other: object, name: str) -> tuple[object, object]:
    return getattr(one, name), getattr(other, name)


def _criteria(design: Design, config: Study, parts: Sequence[Told]) -> tuple[Criterion, ...]:
    """The config's criteria, then those of the tables; what includes comes first."""

    def key(criterion: Criterion) -> tuple[str | None, str]:
        return criterion.version, criterion.identifier or criterion.text

    said = {key(one): one for one in config.eligibility}
    more: dict[tuple[str | None, str], Criterion] = {}
    for one in parts:
        criterion = one.part
        if not isinstance(criterion, Criterion):
            continue
        known = said.get(key(criterion))
        if known is not None:
            same = is_same(known.text, criterion.text) and known.inclusion == criterion.inclusion
            if same:
                design.taken.append(one)
            else:
                design.overruled.append((one, ("eligibility",)))
        elif more.setdefault(key(criterion), criterion) == criterion:
            design.taken.append(one)
        else:
            design.repeated.append(one)
    return (*config.eligibility, *sorted(more.values(), key=lambda one: not one.inclusion))
