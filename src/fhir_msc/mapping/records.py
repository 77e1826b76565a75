"""Blocks of a pack as makers of trial records. Compiled once per table; a maker runs once per row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fhir_msc.errors import PackError
from fhir_msc.findings import Origin
from fhir_msc.mapping.expressions import (
    CellProblem,
    Cells,
    Getter,
    Scope,
    Test,
    concept,
    condition,
    nothing,
    quantity,
    quantity_or_words,
    words_of,
)
from fhir_msc.mapping.format import (
    AdverseEventBlock,
    CellProductBlock,
    ConceptOf,
    ConsentBlock,
    DispositionBlock,
    InfusionBlock,
    ObservationBlock,
    ParticipantBlock,
    UnitOf,
    Value,
    VisitBlock,
)
from fhir_msc.mapping.presets import BLOOD_PRESSURE, CATEGORY, profiles
from fhir_msc.mapping.systems import SYSTEMS, coding
from fhir_msc.trial import (
    AdverseEvent,
    CellProduct,
    Coding,
    Component,
    Concept,
    Consent,
    Disposition,
    Infusion,
    Key,
    Observation,
    Participant,
    Quantity,
    Record,
    ReferenceRange,
    Visit,
)

Maker = Callable[[Cells, str | None, Key, str, tuple[Origin, ...]], Record | None]
"""Cells, zone of the site, key, participant and origins in; the record out, ``None`` where the row has none."""

DISPOSITIONS = frozenset(
    [
        "enrolled",
        "randomised",
        "completed",
        "discontinued",
        "died",
        "screen-failure",
        "lost-to-follow-up",
        "consent-withdrawn",
        "unclear-withdrawal",
        "other",
    ]
)
GENDERS = frozenset(["male", "female", "other", "unknown"])
VISIT_STATES = frozenset(["finished", "in-progress", "cancelled", "planned"])
INFUSION_STATES = frozenset(["completed", "not-done", "stopped", "in-progress", "unknown"])
SEVERITIES = frozenset(["mild", "moderate", "severe"])
OUTCOMES = frozenset(["resolved", "recovering", "ongoing", "resolvedWithSequelae", "fatal", "unknown"])
STATES = frozenset(
    ["registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"]
)


@dataclass(frozen=True, slots=True)
class Block:
    """A compiled block: the kind of record, when it holds, how it is made, which columns it reads, its part of the
    key, and the columns by which rows are grouped."""

    kind: str
    test: Test | None
    make: Maker
    columns: Sequence[str]
    name: str = ""
    group: tuple[int, ...] = ()
    components: tuple[ComponentMaker, ...] = ()


@dataclass(frozen=True, slots=True)
class ComponentMaker:
    """One part of a panel: the row it is made of, its code, its value."""

    test: Test | None
    code: Getter[Concept]
    value: Getter[object]


def _one_of(getter: Getter[str], allowed: frozenset[str], columns: Sequence[Value] | None) -> Getter[str]:
    if getter is nothing:
        return getter
    names = tuple(name for value in columns or () for name in value.from_)

    def read(cells: Cells, zone: str | None) -> str | None:
        found = getter(cells, zone)
        if found is not None and found not in allowed:
            raise CellProblem(
                "MSC-MAP-002",
                names,
                f"must become one of {', '.join(sorted(allowed))}",
                found,
                "map it in the pack, or correct it in the source",
            )
        return found

    return read


def participant(words: ParticipantBlock, scope: Scope) -> Maker:
    """DM and its like."""
    label, site = words_of(words.label, scope), words_of(words.site, scope)
    sex = _one_of(words_of(words.sex, scope), GENDERS, words.sex)
    birth, death = words_of(words.birth_date, scope), words_of(words.death_date, scope)
    died, country = words_of(words.died, scope), words_of(words.country, scope)
    arm, actual = words_of(words.arm, scope), words_of(words.actual_arm, scope)

    def make(cells: Cells, zone: str | None, key: Key, subject: str, origins: tuple[Origin, ...]) -> Record:
        return Participant(
            key=key,
            participant=subject,
            origins=origins,
            label=label(cells, zone),
            site=site(cells, zone),
            sex=sex(cells, zone),
            birth_date=birth(cells, zone),
            death_date=death(cells, zone),
            died=died(cells, zone) == "true",
            country=country(cells, zone),
            arm=arm(cells, zone),
            actual_arm=actual(cells, zone),
        )

    return make


def consent(words: ConsentBlock, scope: Scope) -> Maker:
    """A consent given or withdrawn; a row without a date is none."""
    date = words_of(words.date, scope)

    def make(cells: Cells, zone: str | None, key: Key, subject: str, origins: tuple[Origin, ...]) -> Record | None:
        day = date(cells, zone)
        return None if day is None else Consent(key, subject, origins, day, words.decision)

    return make


def disposition(words: DispositionBlock, scope: Scope) -> Maker:
    """A step through the trial."""
    kind = _one_of(words_of(words.kind, scope), DISPOSITIONS, words.kind)
    date, term = words_of(words.date, scope), words_of(words.term, scope)
    scope_of = _one_of(words_of(words.scope, scope), frozenset(("study", "treatment")), words.scope)

    def make(cells: Cells, zone: str | None, key: Key, subject: str, origins: tuple[Origin, ...]) -> Record | None:
        found = kind(cells, zone)
        if found is None:
            return None
        treatment = scope_of(cells, zone) == "treatment"
        return Disposition(
            key, subject, origins, found, date(cells, zone), "treatment" if treatment else "study", term(cells, zone)
        )

    return make


def visit(words: VisitBlock, scope: Scope) -> Maker:
    """A visit."""
    number, name = words_of(words.number, scope), words_of(words.name_, scope)
    start, end = words_of(words.start, scope), words_of(words.end, scope)
    status, reason = _one_of(words_of(words.status, scope), VISIT_STATES, words.status), words_of(words.reason, scope)

    def make(cells: Cells, zone: str | None, key: Key, subject: str, origins: tuple[Origin, ...]) -> Record:
        return Visit(
            key=key,
            participant=subject,
            origins=origins,
            number=number(cells, zone),
            name=name(cells, zone),
            start=start(cells, zone),
            end=end(cells, zone),
            status=status(cells, zone) or "finished",
            reason=reason(cells, zone),
        )

    return make


def infusion(words: InfusionBlock, scope: Scope) -> Maker:
    """An administration of the study product."""
    start, end = words_of(words.start, scope), words_of(words.end, scope)
    status = _one_of(words_of(words.status, scope), INFUSION_STATES, words.status)
    reason, route, form = concept(words.reason, scope), concept(words.route, scope), concept(words.form, scope)
    product = concept(words.product, scope)
    visit_number, lot = words_of(words.visit, scope), words_of(words.lot, scope)
    dose, volume = quantity(words.dose, scope), quantity(words.volume, scope)

    def make(cells: Cells, zone: str | None, key: Key, subject: str, origins: tuple[Origin, ...]) -> Record | None:
        state = status(cells, zone)
        begun = start(cells, zone)
        if begun is None and state is None:
            return None
        return Infusion(
            key=key,
            participant=subject,
            origins=origins,
            start=begun,
            status=state or "completed",
            reason=reason(cells, zone),
            route=route(cells, zone),
            form=form(cells, zone),
            visit=visit_number(cells, zone),
            end=end(cells, zone),
            product=product(cells, zone),
            dose=dose(cells, zone),
            volume=volume(cells, zone),
            lot=lot(cells, zone),
        )

    return make


def cell_product(words: CellProductBlock, scope: Scope) -> Maker:
    """A unit of the cell product."""
    lot, kit, donor = (words_of(value, scope) for value in (words.lot, words.kit, words.donor))
    product = concept(words.product, scope)
    cells_of, viability = quantity(words.cells, scope), quantity(words.viability, scope)

    def make(cells: Cells, zone: str | None, key: Key, subject: str, origins: tuple[Origin, ...]) -> Record:
        return CellProduct(
            key=key,
            participant=subject,
            origins=origins,
            lot=lot(cells, zone),
            kit=kit(cells, zone),
            donor=donor(cells, zone),
            product=product(cells, zone),
            cells=cells_of(cells, zone),
            viability=viability(cells, zone),
        )

    return make


def adverse_event(words: AdverseEventBlock, scope: Scope) -> Maker:
    """An adverse event; a row without a term is none."""
    term, start, end = (words_of(value, scope) for value in (words.term, words.start, words.end))
    severity = _one_of(words_of(words.severity, scope), SEVERITIES, words.severity)
    outcome = _one_of(words_of(words.outcome, scope), OUTCOMES, words.outcome)
    serious = words_of(words.serious, scope)
    relatedness, action = words_of(words.relatedness, scope), words_of(words.action, scope)
    grade = concept(words.grade, scope)
    criteria = [(condition(one.if_, scope), concept(one.code, scope)) for one in words.criteria]

    def make(cells: Cells, zone: str | None, key: Key, subject: str, origins: tuple[Origin, ...]) -> Record | None:
        found = term(cells, zone)
        if found is None:
            return None
        is_serious = serious(cells, zone)
        ticked = [code(cells, zone) for test, code in criteria if test is not None and test(cells)]
        return AdverseEvent(
            key=key,
            participant=subject,
            origins=origins,
            term=found,
            start=start(cells, zone),
            end=end(cells, zone),
            severity=severity(cells, zone),
            grade=grade(cells, zone),
            serious=None if is_serious is None else is_serious == "true",
            criteria=tuple(one for one in ticked if one is not None),
            outcome=outcome(cells, zone),
            relatedness=relatedness(cells, zone),
            action=action(cells, zone),
        )

    return make


def component_makers(words: ObservationBlock, scope: Scope) -> tuple[ComponentMaker, ...]:
    """The parts of a panel."""
    return tuple(
        ComponentMaker(condition(one.if_, scope), concept(one.code, scope), quantity_or_words(one.value, scope))
        for one in words.components
    )


def absent(code: str, text: str | None = None) -> Concept:
    """Why there is no value: an R4 data-absent-reason."""
    return Concept((Coding(SYSTEMS["data-absent-reason"], code),), text)


_NOT_PERFORMED = absent("not-performed")
_UNKNOWN = absent("unknown")


def observation(
    words: ObservationBlock, scope: Scope, parts: tuple[ComponentMaker, ...], *, grouped: bool = False
) -> Maker:
    """An observation. Without a value it is one only where the pack says when it was not done, or a missing-data code
    says why. Of a group it is made without its components, which need all of the group's rows."""
    if words.code is None and words.preset != "blood-pressure":
        raise PackError(f"{scope.place}: an observation needs a code")
    code = concept(words.code, scope) if words.code else (lambda _cells, _zone: BLOOD_PRESSURE)
    when, visit_number = words_of(words.when, scope), words_of(words.visit, scope)
    value = quantity_or_words(words.value or (), scope)
    coded = concept(words.coded, scope)
    missing_at = [scope.index(name) for one in words.value or () for name in scope.open(one.from_)]
    not_done = condition(words.not_done.if_, scope) if words.not_done else None
    reason = concept(words.not_done.reason, scope) if words.not_done else nothing
    low, high, range_text = _range(words, scope)
    interpretation, method = concept(words.interpretation, scope), concept(words.method, scope)
    position, body_site = concept(words.position, scope), concept(words.body_site, scope)
    status = _one_of(words_of(words.status, scope), STATES, words.status)
    specimen, note = words_of(words.specimen, scope), words_of(words.note, scope)
    has_range = words.range is not None
    category = CATEGORY[words.preset]
    missing = scope.missing
    claims: dict[Concept, tuple[str, ...]] = {}

    def make(cells: Cells, zone: str | None, key: Key, subject: str, origins: tuple[Origin, ...]) -> Record | None:
        why: Concept | None = None
        found: Quantity | Concept | str | None = None
        components: tuple[Component, ...] = ()
        if not_done is not None and not_done(cells):
            given = reason(cells, zone)
            why = Concept((*_NOT_PERFORMED.codings, *given.codings), given.text) if given else _NOT_PERFORMED
        elif grouped:
            pass
        elif parts:
            components = _components(parts, [cells], zone)
            found = value(cells, zone)
            if not components and found is None:
                return None
        else:
            found = coded(cells, zone) or value(cells, zone)
            if found is None:
                told = next((missing[cell] for i in missing_at if (cell := cells[i].strip()) in missing), None)
                if told is None and not_done is None:
                    return None
                why = absent(told) if told else _UNKNOWN
        what = code(cells, zone)
        if what is None:
            return None
        lower, upper, limits = low(cells, zone), high(cells, zone), range_text(cells, zone)
        return Observation(
            key=key,
            participant=subject,
            origins=origins,
            category=category,
            code=what,
            effective=when(cells, zone),
            value=found,
            components=components,
            absent=why,
            reference_range=ReferenceRange(lower, upper, limits)
            if has_range and (lower is not None or upper is not None or limits is not None)
            else None,
            interpretation=interpretation(cells, zone),
            visit=visit_number(cells, zone),
            status=status(cells, zone) or "final",
            method=method(cells, zone),
            position=position(cells, zone),
            body_site=body_site(cells, zone),
            specimen=specimen(cells, zone),
            profiles=_claims(claims, words.preset, what),
            note=note(cells, zone),
        )

    return make


def _claims(known: dict[Concept, tuple[str, ...]], preset: str, code: Concept) -> tuple[str, ...]:
    if CATEGORY[preset] != "vital-signs":
        return ()
    if code not in known:
        known[code] = profiles(preset, code)
    return known[code]


def _components(parts: Sequence[ComponentMaker], rows: Sequence[Cells], zone: str | None) -> tuple[Component, ...]:
    made = []
    filled = False
    for part in parts:
        row = next((cells for cells in rows if part.test is None or part.test(cells)), None)
        found = part.value(row, zone) if row is not None else None
        what = part.code(row if row is not None else rows[0], zone)
        if what is None:
            continue
        filled = filled or found is not None
        made.append(Component(what, found, None if found is not None else _UNKNOWN))  # type: ignore[arg-type]
    return tuple(made) if filled else ()


def panel(parts: Sequence[ComponentMaker], rows: Sequence[Cells], zone: str | None) -> tuple[Component, ...]:
    """The components of one panel from the rows of its group."""
    return _components(parts, rows, zone)


def _range(words: ObservationBlock, scope: Scope) -> tuple[Getter[str], Getter[str], Getter[str]]:
    limits = words.range
    if limits is None:
        return nothing, nothing, nothing

    def number(column: str | None) -> Getter[str]:
        if column is None:
            return nothing
        value = Value.model_validate({"from": column, "as": "decimal"})
        return words_of((value,), scope)

    text = words_of((Value.model_validate({"from": limits.text}),), scope) if limits.text else nothing
    return number(limits.low), number(limits.high), text


def wide(words: ObservationBlock, scope: Scope) -> list[tuple[str, ObservationBlock]]:
    """A block over several columns as one block per line of its code table: (column, block)."""
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
            (line["column"], words.model_copy(update={"columns": None, "code": constant, "value": tuple(values)}))
        )
    return blocks
