"""Words of a pack as functions of a row's cells: values in words, quantities, limits.

Everything here runs once per table, when a pack is compiled; what it returns runs once per row. A getter takes the
row's cells and the zone of its site and returns a value, or ``None`` where the cell is empty. A cell that cannot be
read raises ``CellProblem``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import TypeVar

from fhir_msc.errors import PackError
from fhir_msc.findings import Severity
from fhir_msc.mapping.conditions import condition, conditional
from fhir_msc.mapping.notes import Topic, left_out
from fhir_msc.mapping.scope import CellProblem, Cells, Getter, Scope, nothing, remembering
from fhir_msc.mapping.transforms import Number, TimeLost, Unreadable, decimal, iso_date_time
from fhir_msc.mapping.units import unit_of
from fhir_msc.mapping.values import Range, Value
from fhir_msc.trial import Quantity, ReferenceRange, Unit

T = TypeVar("T")

_NO_ZONE = "times without a zone: the date alone is sent"
_NO_MINUTES = "times whose minutes are not known, or intervals: R4 has none such; what is known of the date is sent"
_MINUTES_HINT = "nothing, if the time is not known; else complete it in the source, as hh:mm"
_ZONE_HINT = 'declare the zone of the site in fhir-msc.toml: [sites.ID] zone = "Area/City"'


def words_of(values: Sequence[Value] | None, scope: Scope) -> Getter[str]:
    """A value that is words, a code, a date or a date and time: the first alternative that yields."""
    return _alternatives(values or (), scope, _word)


def quantity_or_words(values: Sequence[Value], scope: Scope) -> Getter[Quantity | str]:
    """An observation's value: a quantity where the transform reads numbers, else words."""

    def compiled(value: Value, scope: Scope) -> Getter[Quantity | str]:
        return _quantity(value, scope) if scope.transforms.is_number(value.as_) else _word(value, scope)

    return _alternatives(values, scope, compiled)


def quantity(values: Sequence[Value] | None, scope: Scope) -> Getter[Quantity]:
    """A value that must be a number."""
    for value in values or ():
        if not scope.transforms.is_number(value.as_):
            numbers = ", ".join(scope.transforms.numbers)
            raise PackError(f"{scope.place}: a number is needed here; read it as one of {numbers}")
    return _alternatives(values or (), scope, _quantity)


def _alternatives(values: Sequence[Value], scope: Scope, compiled: Callable[[Value, Scope], Getter[T]]) -> Getter[T]:
    return remembering(scope, lambda: _first([(value.from_, compiled(value, scope)) for value in values]))


def _first(alternatives: Sequence[tuple[tuple[str, ...], Getter[T]]]) -> Getter[T]:
    """The first alternative that yields. A cell that one cannot read may be read by a later one of the same columns
    (a number, else words); what is unreadable in another column is no reason to pass it over."""
    present = [(columns, getter) for columns, getter in alternatives if getter is not nothing]
    if not present:
        return nothing
    if len(present) == 1:
        return present[0][1]

    def first(cells: Cells, zone: str | None) -> T | None:
        # A traceback holds this frame: a problem that is kept here may hold none, or the row would stay until Python
        # looks for circles.
        problem: CellProblem | None = None
        unread: tuple[str, ...] = ()
        for columns, getter in present:
            if problem is not None and columns != unread:
                break
            try:
                found = getter(cells, zone)
            except CellProblem as raised:
                problem, unread = raised.with_traceback(None), columns
                problem.__context__ = None
                continue
            if found is not None:
                return found
        if problem is None:
            return None
        try:
            raise problem
        finally:
            del problem

    return first


def _word(value: Value, scope: Scope) -> Getter[str]:
    transforms = scope.transforms
    if value.as_ not in transforms.names:
        names = ", ".join(transforms.names)
        raise PackError(f"{scope.place}: there is no transform {value.as_!r}", hint=f"one of: {names}")
    unit = unit_of(value.unit, scope)
    if unit is not nothing:
        return _in_its_unit(_word(value.model_copy(update={"unit": None}), scope), unit)
    if value.all:
        return _with_condition(_together(value.all, scope), value, scope)
    if value.pieces:
        return _with_condition(words_between_commas(value.pieces, scope, " "), value, scope)
    if value.as_ == "date-time":
        return _with_condition(_date_time(value, scope), value, scope)
    if transforms.is_number(value.as_):
        number = transforms.numbers[value.as_]
        return _with_condition(_cell(value, scope, lambda cell: number(cell).value), value, scope)
    read = transforms.words[value.as_]
    # What a map gives is in its final form; it is asked for by what the transform makes of the cell.
    return _with_condition(_cell(value, scope, read, read, dict(value.map or {})), value, scope)


def _in_its_unit(words: Getter[str], unit: Getter[Unit]) -> Getter[str]:
    """Words with their unit behind them (``10-20 mg/dL``), unless it stands there already: R4's valueString has no
    other place for it."""
    if words is nothing:
        return nothing

    def read(cells: Cells, zone: str | None) -> str | None:
        found = words(cells, zone)
        printed = None if found is None else unit(cells, zone)
        if found is None or printed is None:
            return found
        before = found.removesuffix(printed.text)
        is_there = before != found and not before[-1:].isalpha()
        return found if is_there else f"{found} {printed.text}"

    return read


def words_between_commas(columns: Sequence[str], scope: Scope, between: str = ", ") -> Getter[str]:
    """The words of all these columns, as far as they are filled; ``between`` stands for the comma."""
    places = [scope.index(column) for column in scope.open(columns)]
    if not places:
        return nothing
    missing = scope.missing
    return lambda cells, _zone: (
        between.join([cell for place in places if (cell := cells[place]) and cell not in missing]) or None
    )


def _together(values: Sequence[Value], scope: Scope) -> Getter[str]:
    """The words of all these values, as far as they yield, between commas."""
    getters = [getter for one in values if (getter := _word(one, scope)) is not nothing]
    if not getters:
        return nothing
    return lambda cells, zone: ", ".join([found for get in getters if (found := get(cells, zone))]) or None


def _with_condition(getter: Getter[T], value: Value, scope: Scope) -> Getter[T]:
    return getter if getter is nothing else conditional(getter, condition(value.if_, scope))


def _same(cell: str) -> str:
    return cell


def _cell(
    value: Value,
    scope: Scope,
    read: Callable[[str], T],
    asked_by: Callable[[str], str] = _same,
    given: Mapping[str, T] | None = None,
) -> Getter[T]:
    """Reads a cell. With a ``map`` the cell is looked up there, by what ``asked_by`` makes of it; ``given`` are the
    values that stand there, where they are not read like a cell."""
    if value.constant is not None:
        fixed = read(value.constant)
        return lambda _cells, _zone: fixed
    columns = scope.open(value.from_)
    if not columns:
        return nothing
    known = value.map
    mapped = given if given is not None else {cell: read(text) for cell, text in (known or {}).items()}
    missing, names, notes = scope.missing, tuple(columns), scope.notes
    patterns = [(_pattern(word), mapped[word]) for word in known or () if word.startswith("*") or word.endswith("*")]

    def of_cell(cell: str) -> T | None:
        if not cell or cell in missing:
            return None
        try:
            if known is not None:
                asked = asked_by(cell)
                if asked in known:
                    return mapped[asked]
                for fits, found in patterns:
                    if fits(asked):
                        return found
                hint = "add it to the pack's map, or correct it in the source"
                if value.unknown == "report":
                    notes.say(notes.open(left_out(names, cell, hint)))
                if value.unknown in ("drop", "report"):
                    return None
                if value.unknown == "reject":
                    raise CellProblem("MSC-MAP-002", names, "unknown code", cell, hint)
            return read(cell)
        except Unreadable as reason:
            raise CellProblem("MSC-MAP-001", names, str(reason), cell, "correct the cell") from None

    places = [scope.index(column) for column in columns]
    if len(places) == 1:
        place = places[0]
        return lambda cells, _zone: of_cell(cells[place])
    return lambda cells, _zone: next((found for i in places if (found := of_cell(cells[i])) is not None), None)


def _pattern(word: str) -> Callable[[str], object]:
    """A test of cells by a word of a map in which ``*`` stands for any letters."""
    return re.compile(".*".join(map(re.escape, word.split("*"))), re.DOTALL).fullmatch


def _date_time(value: Value, scope: Scope) -> Getter[str]:
    columns = tuple(scope.open(value.from_))
    if not columns:
        return nothing
    scope.uses_zone()
    places = [scope.index(column) for column in columns]
    missing, notes = scope.missing, scope.notes
    lost: dict[TimeLost, int] = {
        "zone": notes.open(Topic("MSC-TIME-001", Severity.WARNING, _NO_ZONE, columns, _ZONE_HINT)),
        "minutes": notes.open(Topic("MSC-TIME-005", Severity.WARNING, _NO_MINUTES, columns, _MINUTES_HINT)),
    }

    def read(cells: Cells, zone: str | None) -> str | None:
        for place in places:
            cell = cells[place]
            if not cell or cell in missing:
                continue
            try:
                moment, time_lost = iso_date_time(cell, zone)
            except Unreadable as reason:
                raise CellProblem("MSC-MAP-001", columns, str(reason), cell, "correct the cell") from None
            if time_lost is not None:
                notes.say(lost[time_lost])
            return moment
        return None

    return read


def _quantity(value: Value, scope: Scope) -> Getter[Quantity]:
    number: Getter[Number] = _with_condition(_cell(value, scope, scope.transforms.numbers[value.as_]), value, scope)
    if number is nothing:
        return nothing
    unit = unit_of(value.unit, scope)

    def read(cells: Cells, zone: str | None) -> Quantity | None:
        found = number(cells, zone)
        return None if found is None else Quantity(found.value, unit(cells, zone), found.comparator)

    return read


def limits(words: Range | None, scope: Scope) -> Getter[ReferenceRange]:
    """The laboratory's limits. Where one is no number (``<5``, ``NEGATIVE``) both stand as text, as written."""
    if words is None:
        return nothing

    def compiled() -> Getter[ReferenceRange]:
        named = [column for column in (words.low, words.high, words.text) if column is not None]
        if not scope.open(named):
            return nothing
        cell = [
            itemgetter(scope.index(column)) if column is not None and not scope.closed(column) else _empty
            for column in (words.low, words.high, words.text)
        ]
        missing = scope.missing

        def read(cells: Cells, _zone: str | None) -> ReferenceRange | None:
            low, high, text = ("" if (given := get(cells)) in missing else given for get in cell)
            try:
                lower, upper = (decimal(limit).value if limit else None for limit in (low, high))
            except Unreadable:
                lower = upper = None
                text = " ".join(part for part in (" - ".join(limit for limit in (low, high) if limit), text) if part)
            if lower is None and upper is None and not text:
                return None
            return ReferenceRange(lower, upper, text or None)

        return read

    return remembering(scope, compiled)


def _empty(_cells: Cells) -> str:
    return ""
