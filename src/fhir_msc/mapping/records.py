"""Blocks of a pack as makers of trial records. Compiled once per table; a maker runs once per row.

Observations, which most rows are, have a module of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fhir_msc.errors import PackError
from fhir_msc.findings import Origin
from fhir_msc.mapping.blocks import (
    AdverseEventBlock,
    CellProductBlock,
    InfusionBlock,
    ParticipantBlock,
    VisitBlock,
)
from fhir_msc.mapping.concepts import concept, first_concept
from fhir_msc.mapping.conditions import condition
from fhir_msc.mapping.expressions import quantity, words_of
from fhir_msc.mapping.scope import CellProblem, Cells, Getter, Scope, nothing
from fhir_msc.mapping.values import Value
from fhir_msc.trial import (
    AdverseEvent,
    CellProduct,
    Infusion,
    Key,
    Participant,
    Record,
    Visit,
)

Maker = Callable[[Cells, str | None, Key, str, tuple[Origin, ...]], Record | None]
"""Cells, zone of the site, key, participant and origins in; the record out, ``None`` where the row has none."""

GENDERS = frozenset(["male", "female", "other", "unknown"])
VISIT_STATES = frozenset(["finished", "in-progress", "cancelled", "planned"])
INFUSION_STATES = frozenset(["completed", "not-done", "stopped", "in-progress", "unknown"])
SEVERITIES = frozenset(["mild", "moderate", "severe"])
TRUTHS = frozenset(["true", "false"])
OUTCOMES = frozenset(["resolved", "recovering", "ongoing", "resolvedWithSequelae", "fatal", "unknown"])


def one_of(getter: Getter[str], allowed: frozenset[str], columns: Sequence[Value] | None) -> Getter[str]:
    """The getter, which must yield one of the allowed words."""
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
    sex = one_of(words_of(words.sex, scope), GENDERS, words.sex)
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


def visit(words: VisitBlock, scope: Scope) -> Maker:
    """A visit."""
    number, name = words_of(words.number, scope), words_of(words.name_, scope)
    start, end = words_of(words.start, scope), words_of(words.end, scope)
    status, reason = one_of(words_of(words.status, scope), VISIT_STATES, words.status), words_of(words.reason, scope)

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
    status = one_of(words_of(words.status, scope), INFUSION_STATES, words.status)
    reason, product = first_concept(words.reason, scope), first_concept(words.product, scope)
    route, form = concept(words.route, scope), concept(words.form, scope)
    visit_number, lot = words_of(words.visit, scope), words_of(words.lot, scope)
    dose, volume = quantity(words.dose, scope), quantity(words.volume, scope)
    dose_text = words_of(words.dose_text, scope)
    kit, device = words_of(words.kit, scope), words_of(words.device, scope)

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
            dose_text=dose_text(cells, zone),
            lot=lot(cells, zone),
            kit=kit(cells, zone),
            device=device(cells, zone),
        )

    return make


def cell_product(words: CellProductBlock, scope: Scope) -> Maker:
    """A unit of the cell product."""
    if any(value.as_ != "integer" for value in words.passage or ()):
        raise PackError(f"{scope.place}: a passage is a whole number: read it `as: integer`")
    lot, kit, donor = (words_of(value, scope) for value in (words.lot, words.kit, words.donor))
    product = concept(words.product, scope)
    cells_of, viability = quantity(words.cells, scope), quantity(words.viability, scope)
    collected, processed = words_of(words.collected, scope), words_of(words.processed, scope)
    expiry, thawed = words_of(words.expiry, scope), words_of(words.thawed, scope)
    steps = [words_of((step,), scope) for step in words.processing]
    passage, temperature = words_of(words.passage, scope), quantity(words.storage_temperature, scope)
    available = one_of(words_of(words.available, scope), TRUTHS, words.available)

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
            collected=collected(cells, zone),
            processing=tuple(said for step in steps if (said := step(cells, zone)) is not None),
            processed=processed(cells, zone),
            passage=passage(cells, zone),
            expiry=expiry(cells, zone),
            thawed=thawed(cells, zone),
            storage_temperature=temperature(cells, zone),
            available=None if (ready := available(cells, zone)) is None else ready == "true",
        )

    return make


def adverse_event(words: AdverseEventBlock, scope: Scope) -> Maker:
    """An adverse event; a row without a term is none."""
    term, start, end = (words_of(value, scope) for value in (words.term, words.start, words.end))
    severity = one_of(words_of(words.severity, scope), SEVERITIES, words.severity)
    outcome = one_of(words_of(words.outcome, scope), OUTCOMES, words.outcome)
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
