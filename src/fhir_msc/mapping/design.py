"""Blocks that make parts of the study: arms, elements, planned visits, criteria, facts. Compiled once per table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from fhir_msc.mapping.concepts import concept
from fhir_msc.mapping.conditions import condition
from fhir_msc.mapping.expressions import words_of
from fhir_msc.mapping.records import one_of
from fhir_msc.mapping.scope import CellProblem, Cells, Getter, Scope, Test
from fhir_msc.mapping.study_parts import (
    ArmPart,
    ArmStepPart,
    DevicePart,
    ElementPart,
    EligibilityPart,
    FactPart,
    PlannedVisitPart,
    StudyTable,
)
from fhir_msc.mapping.transforms import Unreadable, integer
from fhir_msc.mapping.values import Condition, Value
from fhir_msc.trial import (
    DEVICE_FACTS,
    MASKINGS,
    PHASES,
    PURPOSES,
    Arm,
    ArmStep,
    Criterion,
    DeviceFact,
    Element,
    PlannedVisit,
    StudyFact,
    StudyPart,
    age_limit,
)

PartMaker = Callable[[Cells], StudyPart | None]
"""A row's cells in; what they say of the study out, ``None`` where they say nothing."""

_ALLOWED = {
    "phase": PHASES,
    "masking": MASKINGS,
    "purpose": PURPOSES,
    "sex": frozenset(("male", "female")),
    "healthy-volunteers": frozenset(("true", "false")),
}


class PartBlock(NamedTuple):
    """A compiled block: when it holds, how the part is made, and the columns it reads."""

    test: Test | None
    make: PartMaker
    columns: tuple[str, ...]


def part_blocks(words: StudyTable, scope: Scope) -> Iterator[PartBlock]:
    """The blocks of a table of study design."""
    jobs: list[tuple[Condition | None, Callable[[], PartMaker]]] = [
        *((one.if_, partial(_arm, one, scope)) for one in words.arm),
        *((one.if_, partial(_arm_step, one, scope)) for one in words.arm_step),
        *((one.if_, partial(_element, one, scope)) for one in words.element),
        *((one.if_, partial(_planned_visit, one, scope)) for one in words.planned_visit),
        *((one.if_, partial(_criterion, one, scope)) for one in words.eligibility),
        *((one.if_, partial(_fact, one, scope)) for one in words.fact),
        *((one.if_, partial(_device, one, scope)) for one in words.device),
    ]
    for test, compiled in jobs:
        with scope.reading() as reading:
            holds, maker = condition(test, scope), compiled()
        yield PartBlock(holds, maker, tuple(reading.columns))


def _reader(values: Sequence[Value] | None, scope: Scope) -> Callable[[Cells], str | None]:
    getter = words_of(values, scope)
    return lambda cells: getter(cells, None)


def _arm(words: ArmPart, scope: Scope) -> PartMaker:
    code, title, description, kind = (
        _reader(value, scope) for value in (words.code, words.title, words.description, words.kind)
    )

    def make(cells: Cells) -> StudyPart | None:
        found = code(cells)
        return None if found is None else Arm(found, title(cells) or found, description(cells), kind(cells))

    return make


def _arm_step(words: ArmStepPart, scope: Scope) -> PartMaker:
    arm, order, element = (_reader(value, scope) for value in (words.arm, words.order, words.element))
    rest = [
        _reader(value, scope) for value in (words.arm_title, words.title, words.epoch, words.branch, words.transition)
    ]

    def make(cells: Cells) -> StudyPart | None:
        of, place, what = arm(cells), order(cells), element(cells)
        if of is None or place is None or what is None:
            return None
        arm_name, name, epoch, branch, transition = (read(cells) for read in rest)
        return ArmStep(of, arm_name, place, what, name, epoch, branch, transition)

    return make


def _element(words: ElementPart, scope: Scope) -> PartMaker:
    code = _reader(words.code, scope)
    rest = [_reader(value, scope) for value in (words.title, words.start, words.end, words.duration)]

    def make(cells: Cells) -> StudyPart | None:
        found = code(cells)
        return None if found is None else Element(found, *(read(cells) for read in rest))

    return make


def _planned_visit(words: PlannedVisitPart, scope: Scope) -> PartMaker:
    number, title, start, end, arm = (
        _reader(value, scope) for value in (words.number, words.title, words.start, words.end, words.arm)
    )
    day, before, after = (_days(value, scope) for value in (words.day, words.window_before, words.window_after))

    def make(cells: Cells) -> StudyPart | None:
        found = number(cells)
        if found is None:
            return None
        return PlannedVisit(
            found, title(cells), day(cells), before(cells), after(cells), start(cells), end(cells), arm(cells)
        )

    return make


def _days(values: Sequence[Value] | None, scope: Scope) -> Callable[[Cells], int | None]:
    getter = _read_as(_whole, values, scope)

    def read(cells: Cells) -> int | None:
        found = getter(cells, None)
        return None if found is None else int(found)

    return read


def _criterion(words: EligibilityPart, scope: Scope) -> PartMaker:
    text, identifier, version = (_reader(value, scope) for value in (words.text, words.identifier, words.version))
    kind = one_of(words_of(words.kind, scope), frozenset(("inclusion", "exclusion")), words.kind)

    def make(cells: Cells) -> StudyPart | None:
        said, of = text(cells), kind(cells, None)
        if said is None or of is None:
            return None
        return Criterion(said, of == "inclusion", identifier(cells), version(cells))

    return make


def _fact(words: FactPart, scope: Scope) -> PartMaker:
    about = words.about
    if about in _ALLOWED:
        value = one_of(words_of(words.value, scope), _ALLOWED[about], words.value)
    elif about.endswith("-enrolment"):
        value = _read_as(_count, words.value, scope)
    elif about.endswith("-age"):
        value = _read_as(_age, words.value, scope)
    else:
        value = words_of(words.value, scope)
    code, text = concept(words.code, scope), _reader(words.text, scope)

    def make(cells: Cells) -> StudyPart | None:
        found = value(cells, None)
        if found is None:
            return None
        known = code(cells, None)
        return StudyFact(
            about.replace("-", "_") if not about.startswith(("objective-", "outcome-")) else about,
            found,
            known.codings[0] if known is not None and known.codings else None,
            text(cells),
        )

    return make


def _device(words: DevicePart, scope: Scope) -> PartMaker:
    device, value = (_reader(value, scope) for value in (words.device, words.value))
    about = one_of(words_of(words.about, scope), DEVICE_FACTS, words.about)

    def make(cells: Cells) -> StudyPart | None:
        of, name, said = device(cells), about(cells, None), value(cells)
        return None if of is None or name is None or said is None else DeviceFact(of, name, said)

    return make


def _whole(text: str) -> str:
    return integer(text).value.partition(".")[0]


def _count(text: str) -> str:
    if (number := _whole(text)).startswith("-"):
        raise Unreadable("a number of participants is expected")
    return number


def _age(text: str) -> str:
    age_limit(text)
    return text


def _read_as(read: Callable[[str], str], values: Sequence[Value] | None, scope: Scope) -> Getter[str]:
    """What ``read`` makes of the words; those that it cannot read are a problem of the row."""
    getter = words_of(values, scope)
    names = tuple(name for value in values or () for name in value.from_)

    def reader(cells: Cells, zone: str | None) -> str | None:
        found = getter(cells, zone)
        if found is None:
            return None
        try:
            return read(found)
        except ValueError as error:
            hint = "correct it in the source, or say in the pack how it is read"
            raise CellProblem("MSC-MAP-001", names, str(error), found, hint) from None

    return reader
