"""Observation blocks of a pack as makers of records. Compiled once per table; a maker runs once per row.

What an observation is (code, category, profiles, method, ...) follows from a few cells that repeat, so it is looked up
as a whole; per row there remain the value, the time and the visit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fhir_msc.errors import PackError
from fhir_msc.findings import Origin
from fhir_msc.mapping.blocks import ComponentWord, ObservationBlock
from fhir_msc.mapping.concepts import concept, first_concept
from fhir_msc.mapping.conditions import condition
from fhir_msc.mapping.expressions import limits, quantity, quantity_or_words, words_of
from fhir_msc.mapping.presets import BLOOD_PRESSURE, CATEGORIES, CATEGORY, SCORE, VitalSign, vital_sign
from fhir_msc.mapping.records import Maker, one_of
from fhir_msc.mapping.scope import Cells, Getter, Scope, Shared, Test, nothing, remembering
from fhir_msc.mapping.systems import SYSTEMS, coding
from fhir_msc.mapping.values import ConceptOf, ConceptWord, NotDone, UnitOf, Value
from fhir_msc.trial import (
    Coding,
    Component,
    Concept,
    Key,
    Observation,
    ObservationDescription,
    Quantity,
    Record,
    ReferenceRange,
)

STATES = frozenset(
    ["registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"]
)
"""R4 observation-status."""


def absent(code: str, text: str | None = None) -> Concept:
    """Why there is no value: an R4 data-absent-reason."""
    return Concept((Coding(SYSTEMS["data-absent-reason"], code),), text)


NOT_PERFORMED = absent("not-performed")
UNKNOWN = absent("unknown")


@dataclass(frozen=True, slots=True)
class ComponentMaker:
    """One part of a panel: the rows it is made of, its code, its value, and why there is none."""

    test: Test | None
    code: Getter[Concept]
    value: Getter[Quantity | Concept | str]
    absent: Getter[Concept]

    def holds(self, cells: Cells) -> bool:
        """Whether the part is made of this row."""
        return self.test is None or self.test(cells)

    def make(self, cells: Cells, zone: str | None) -> Component | None:
        """The part, if the row says anything of it."""
        what = self.code(cells, zone)
        if what is None:
            return None
        found = self.value(cells, zone)
        why = self.absent(cells, zone) if found is None else None
        return None if found is None and why is None else Component(what, found, why)

    def unknown(self, cells: Cells, zone: str | None) -> Component | None:
        """The part of a panel of which nothing is said."""
        what = self.code(cells, zone)
        return None if what is None else Component(what, None, UNKNOWN)


def component_makers(words: ObservationBlock, scope: Scope) -> tuple[ComponentMaker, ...]:
    """The parts of a panel. Raises PackError."""
    if words.group and any(not one.if_ for one in words.components):
        raise PackError(f"{scope.place}: each part of a group needs an `if` that names its rows")
    return tuple(
        ComponentMaker(
            condition(one.if_, scope),
            concept(one.code, scope),
            _value(one.coded, one.value, scope),
            _absent(words.not_done, (one,), scope),
        )
        for one in words.components
    )


def _value(coded: ConceptWord | None, values: Sequence[Value], scope: Scope) -> Getter[Quantity | Concept | str]:
    code, plain = concept(coded, scope), quantity_or_words(values, scope)
    if code is nothing:
        return plain

    def read(cells: Cells, zone: str | None) -> Quantity | Concept | str | None:
        found = code(cells, zone)
        return plain(cells, zone) if found is None else found

    return read


def _absent(words: NotDone | None, valued: Sequence[ComponentWord | ObservationBlock], scope: Scope) -> Getter[Concept]:
    """Why there is no value: it was not done, or a missing-data code says why."""
    columns = [name for one in valued for value in one.value or () for name in value.from_]
    columns += [name for one in valued if one.coded for name in one.coded.from_]

    def compiled() -> Getter[Concept]:
        not_done = condition(words.if_, scope) if words else None
        reason = concept(words.reason, scope) if words else nothing
        places = [scope.index(column) for column in scope.open(columns)]
        missing = {code: absent(told) for code, told in scope.missing.items()}

        def read(cells: Cells, zone: str | None) -> Concept | None:
            if not_done is not None and not_done(cells):
                given = reason(cells, zone)
                return Concept((*NOT_PERFORMED.codings, *given.codings), given.text) if given else NOT_PERFORMED
            return next((missing[cell] for place in places if (cell := cells[place]) in missing), None)

        return read if not_done is not None or (missing and places) else nothing

    return remembering(scope, compiled)


class _What(NamedTuple):
    """What an observation is, whatever was found, the profile that it may claim, and the limits it is held against."""

    description: ObservationDescription
    vital_sign: VitalSign | None
    bounds: ReferenceRange | None


def _what(words: ObservationBlock, scope: Scope) -> Getter[_What]:
    if not words.code and words.preset != "blood-pressure":
        raise PackError(f"{scope.place}: an observation needs a code")
    preset = words.preset

    def compiled() -> Getter[_What]:
        code = first_concept(words.code, scope)
        interpretation, method = concept(words.interpretation, scope), concept(words.method, scope)
        position, body_site = concept(words.position, scope), concept(words.body_site, scope)
        status = one_of(words_of(words.status, scope), STATES, words.status)
        specimen, report = words_of(words.specimen, scope), words_of(words.report, scope)
        category = one_of(words_of(words.category, scope), CATEGORIES, words.category)
        source_category = concept(words.source_category, scope)
        judges = [scope.index(column) for column in scope.open(words.performer)]
        bounds = limits(words.range, scope)
        missing = scope.missing
        shared = Shared[ObservationDescription]()

        def read(cells: Cells, zone: str | None) -> _What | None:
            what = code(cells, zone) if words.code else BLOOD_PRESSURE
            if what is None:
                return None
            description = ObservationDescription(
                category(cells, zone) or CATEGORY[preset],
                what,
                interpretation(cells, zone),
                status(cells, zone) or "final",
                method(cells, zone),
                position(cells, zone),
                body_site(cells, zone),
                specimen(cells, zone),
                source_category(cells, zone),
                tuple([cell for place in judges if (cell := cells[place]) and cell not in missing]),
                report(cells, zone),
            )
            return _What(shared.one(description), vital_sign(preset, what), bounds(cells, zone))

        return read

    return remembering(scope, compiled)


_Occasion = tuple[str | None, str | None, str | None]


def _occasion(words: ObservationBlock, scope: Scope) -> Getter[_Occasion]:
    """When, at which visit, and what is noted (the time point): what all results of one occasion share."""

    def compiled() -> Getter[_Occasion]:
        when, visit, note = (words_of(value, scope) for value in (words.when, words.visit, words.note))
        return lambda cells, zone: (when(cells, zone), visit(cells, zone), note(cells, zone))

    return remembering(scope, compiled)


def observation(words: ObservationBlock, scope: Scope, parts: tuple[ComponentMaker, ...]) -> Maker:
    """An observation. Without a value it is one only where the pack says when it was not done, or a missing-data code
    says why. Of a group each row gives one without components, which need all of the group's rows."""
    what = _what(words, scope)
    occasion = _occasion(words, scope)
    value, why = _value(words.coded, words.value or (), scope), _absent(words.not_done, (words,), scope)
    sample = words_of(words.sample, scope)
    has_sample = sample is not nothing
    device = words_of(words.device, scope)
    has_device = device is not nothing
    score = quantity(words.score, scope) if words.score else None
    is_expected, is_grouped = words.not_done is not None, bool(words.group)
    not_done = condition(words.not_done.if_, scope) if words.not_done else None

    def make(cells: Cells, zone: str | None, key: Key, subject: str, origins: tuple[Origin, ...]) -> Record | None:
        found: Quantity | Concept | str | None = None
        reason: Concept | None = None
        components: tuple[Component, ...] = ()
        if not_done is not None and not_done(cells):
            reason = why(cells, zone)
        elif not is_grouped:
            found = value(cells, zone)
            if parts:
                components = panel(parts, cells, zone)
            elif score is not None and found.__class__ is str:
                counted = score(cells, zone)
                components = (Component(SCORE, counted),) if counted is not None else ()
            if found is None:
                reason = why(cells, zone)
                if reason is None and not components:
                    if parts or not is_expected:
                        return None
                    reason = UNKNOWN
        known = what(cells, zone)
        if known is None:
            return None
        description, vital, bounds = known
        effective, visit_number, note = occasion(cells, zone) or (None, None, None)
        return Observation(
            key,
            subject,
            origins,
            description,
            effective,
            found,
            components,
            reason,
            bounds,
            visit_number,
            vital.claims(effective, found, components) if vital is not None else (),
            note,
            sample(cells, zone) if has_sample else None,
            device(cells, zone) if has_device else None,
        )

    return make


def panel(parts: Sequence[ComponentMaker], cells: Cells, zone: str | None) -> tuple[Component, ...]:
    """The components that one row gives; none where it says nothing of any."""
    said = [part.make(cells, zone) if part.holds(cells) else None for part in parts]
    return together(parts, said, cells, zone)


def together(
    parts: Sequence[ComponentMaker], said: Sequence[Component | None], cells: Cells, zone: str | None
) -> tuple[Component, ...]:
    """The components of a panel, those of which nothing is said as unknown; none where nothing is said of any."""
    if not any(said):
        return ()
    filled = [one or part.unknown(cells, zone) for part, one in zip(parts, said, strict=True)]
    return tuple(one for one in filled if one is not None)


def wide(words: ObservationBlock, scope: Scope) -> list[tuple[str, ObservationBlock]]:
    """A block over several columns as one block per line of its code table: (column, block). Raises PackError."""
    if words.columns is None:
        return [(words.name or "", words)]
    table = scope.table(words.columns)
    if "column" not in table.columns or "code" not in table.columns:
        raise PackError(f"{table.file}:1: a table of columns needs at least the columns column, system, code")
    blocks = []
    for number, line in enumerate(table.lines, 2):
        readers = [name for name in line.get("as", "").split("|") if name] or ["decimal", "comparator-decimal", "text"]
        unit = (
            UnitOf.model_validate({"ucum": line["unit"], "text": line.get("unit-text") or None})
            if line.get("unit")
            else None
        )
        try:
            what = coding(f"{line['system']}|{line['code']}|{line.get('display', '')}")
        except ValueError as error:
            raise PackError(f"{table.file}:{number}: {error}") from None
        values = [
            Value.model_validate({"from": line["column"], "as": reader}).model_copy(update={"unit": unit})
            for reader in readers
        ]
        constant = ConceptOf.model_validate({"constant": f"{what.system}|{what.code}|{what.display or what.code}"})
        blocks.append(
            (line["column"], words.model_copy(update={"columns": None, "code": (constant,), "value": tuple(values)}))
        )
    return blocks
