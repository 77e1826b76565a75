"""Words of a pack as functions of a row's cells.

Everything here runs once per table, when a pack is compiled; what it returns runs once per row. A getter takes the
row's cells and the zone of its site and returns a value, or ``None`` where the cell is empty. A cell that cannot be
read raises ``CellProblem``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar, cast

from fhir_msc.errors import PackError
from fhir_msc.findings import Severity
from fhir_msc.mapping.code_tables import CodeTable
from fhir_msc.mapping.format import ConceptOf, Condition, UnitOf, Value
from fhir_msc.mapping.notes import Notes
from fhir_msc.mapping.systems import coding
from fhir_msc.mapping.transforms import NAMES, NUMBERS, WORDS, Unreadable, iso_date_time
from fhir_msc.mapping.units import is_ucum
from fhir_msc.trial import Coding, Concept, Quantity, Unit

T = TypeVar("T")
Cells = tuple[str, ...]
Test = Callable[[Cells], bool]
Getter = Callable[[Cells, str | None], T | None]

_MEMORY = 20_000
"""How many distinct cells a getter remembers before it starts anew: flat memory, and codes repeat."""


_NOT_UCUM = "a unit that is not UCUM: sent as text, without a code"


class CellProblem(Exception):
    """A cell cannot be read: the columns, the rule, what is expected, and the cell itself."""

    def __init__(self, rule: str, columns: tuple[str, ...], message: str, value: str, hint: str | None = None) -> None:
        super().__init__(rule)
        self.rule, self.columns, self.message, self.value, self.hint = rule, columns, message, value, hint


@dataclass(slots=True)
class Scope:
    """What compiling a table's words needs: its columns so far, the pack's tables, where notes go.

    ``sealed`` says whether a column of this table may not be asked for; whatever needs such a column yields nothing.
    """

    columns: dict[str, int]
    sealed: Callable[[str], bool]
    code_tables: dict[str, CodeTable]
    missing: dict[str, str]
    notes: Notes
    place: str
    _read: list[str] = field(default_factory=list)

    def index(self, column: str) -> int:
        """The place of the column's cell in a row."""
        if column not in self._read:
            self._read.append(column)
        return self.columns.setdefault(column, len(self.columns))

    @contextmanager
    def reading(self) -> Iterator[list[str]]:
        """Gives a list that holds, in the end, the columns which were asked for in between."""
        self._read = []
        yield self._read

    def open(self, columns: Sequence[str]) -> list[str]:
        """Those of the columns that are not sealed."""
        return [column for column in columns if not self.sealed(column)]

    def table(self, name: str) -> CodeTable:
        """A code table of the pack. Raises PackError."""
        if name not in self.code_tables:
            raise PackError(f"{self.place}: there is no code table {name} in the pack")
        return self.code_tables[name]


def nothing(_cells: Cells, _zone: str | None) -> None:
    """The getter of what is not there."""


def condition(words: Condition | None, scope: Scope) -> Test | None:
    """A condition as a test of a row; ``None`` where it always holds.

    A condition on a sealed column never holds: what hangs on the arm is not made in a blind project.
    """
    if not words:
        return None
    if len(scope.open(list(words))) < len(words):
        return lambda _cells: False
    tests = [_cell_test(scope.index(column), wanted) for column, wanted in words.items()]
    if len(tests) == 1:
        return tests[0]
    return lambda cells: all(test(cells) for test in tests)


def _cell_test(index: int, wanted: tuple[str, ...]) -> Test:
    if wanted == ("*",):
        return lambda cells: bool(cells[index].strip())
    if all(word.startswith("!") for word in wanted) and wanted:
        others = frozenset(word[1:] for word in wanted)
        return lambda cells: cells[index].strip() not in others
    values = frozenset(wanted)
    return lambda cells: cells[index].strip() in values


def words_of(values: Sequence[Value] | None, scope: Scope) -> Getter[str]:
    """A value that is words, a code, a date or a date and time: the first alternative that yields."""
    return _first([(value.from_, _word(value, scope)) for value in values or ()])


def quantity_or_words(values: Sequence[Value], scope: Scope) -> Getter[Quantity | str]:
    """An observation's value: a quantity where the transform reads numbers, else words."""
    return _first(
        [(value.from_, _quantity(value, scope) if value.as_ in NUMBERS else _word(value, scope)) for value in values]
    )


def quantity(values: Sequence[Value] | None, scope: Scope) -> Getter[Quantity]:
    """A value that must be a number."""
    for value in values or ():
        if value.as_ not in NUMBERS:
            raise PackError(f"{scope.place}: a number is needed here; read it as one of {', '.join(NUMBERS)}")
    return _first([(value.from_, _quantity(value, scope)) for value in values or ()])


def _first(alternatives: Sequence[tuple[tuple[str, ...], Getter[T]]]) -> Getter[T]:
    """The first alternative that yields. A cell that one cannot read may be read by a later one of the same columns
    (a number, else words); what is unreadable in another column is no reason to pass it over."""
    present = [(columns, getter) for columns, getter in alternatives if getter is not nothing]
    if not present:
        return nothing
    if len(present) == 1:
        return present[0][1]

    def first(cells: Cells, zone: str | None) -> T | None:
        problem: CellProblem | None = None
        unread: tuple[str, ...] = ()
        for columns, getter in present:
            if problem is not None and columns != unread:
                raise problem
            try:
                found = getter(cells, zone)
            except CellProblem as raised:
                problem, unread = raised, columns
                continue
            if found is not None:
                return found
            problem = None
        if problem is not None:
            raise problem
        return None

    return first


def _word(value: Value, scope: Scope) -> Getter[str]:
    if value.as_ not in NAMES:
        raise PackError(f"{scope.place}: there is no transform {value.as_!r}", hint=f"one of: {', '.join(NAMES)}")
    if value.as_ == "date-time":
        return _with_condition(_date_time(value, scope), value, scope)
    if value.as_ in NUMBERS:
        number = NUMBERS[value.as_]
        return _with_condition(_remembered(value, scope, lambda cell: number(cell).value), value, scope)
    return _with_condition(_remembered(value, scope, WORDS[value.as_], WORDS[value.as_]), value, scope)


def _with_condition(getter: Getter[T], value: Value | ConceptOf, scope: Scope) -> Getter[T]:
    test = condition(value.if_, scope)
    if test is None or getter is nothing:
        return getter
    return lambda cells, zone: getter(cells, zone) if test(cells) else None


def _same(cell: str) -> str:
    return cell


def _remembered(
    value: Value, scope: Scope, read: Callable[[str], T], look_up_by: Callable[[str], str] = _same
) -> Getter[T]:
    """Reads a cell, remembering what it gave. With a ``map`` the cell is looked up there, by what ``look_up_by`` makes
    of it, and what stands there is the value."""
    if value.constant is not None:
        fixed = read(value.constant)
        return lambda _cells, _zone: fixed
    columns = scope.open(value.from_)
    if not columns:
        return nothing
    known = value.map
    # What a map gives is in its final form; only a number's text must still be read.
    mapped = {
        cell: cast("T", given) if look_up_by is not _same else read(given) for cell, given in (known or {}).items()
    }
    memory: dict[str, T | None] = {}
    missing = scope.missing

    def of_cell(cell: str) -> T | None:
        trimmed = cell.strip()
        if not trimmed or trimmed in missing:
            return None
        if known is not None:
            asked = look_up_by(trimmed)
            if asked in known:
                return mapped[asked]
            if value.unknown == "drop":
                return None
            if value.unknown == "reject":
                raise CellProblem(
                    "MSC-MAP-002",
                    tuple(columns),
                    "unknown code",
                    cell,
                    "add it to the pack's map, or correct it in the source",
                )
        try:
            return read(trimmed) if trimmed else None
        except Unreadable as reason:
            raise CellProblem("MSC-MAP-001", tuple(columns), str(reason), cell, "correct the cell") from None

    def recall(cell: str) -> T | None:
        try:
            return memory[cell]
        except KeyError:
            if len(memory) >= _MEMORY:
                memory.clear()
            found = memory[cell] = of_cell(cell)
            return found

    places = [scope.index(column) for column in columns]
    if len(places) == 1:
        place = places[0]
        return lambda cells, _zone: recall(cells[place])
    return lambda cells, _zone: next((found for i in places if (found := recall(cells[i])) is not None), None)


def _date_time(value: Value, scope: Scope) -> Getter[str]:
    columns = scope.open(value.from_)
    if not columns:
        return nothing
    places = [scope.index(column) for column in columns]
    missing, notes = scope.missing, scope.notes

    def read(cells: Cells, zone: str | None) -> str | None:
        for place in places:
            cell = cells[place]
            if not cell or cell in missing or not cell.strip():
                continue
            try:
                moment, time_lost = iso_date_time(cell, zone)
            except Unreadable as reason:
                raise CellProblem("MSC-MAP-001", tuple(columns), str(reason), cell, "correct the cell") from None
            if time_lost:
                notes.add(
                    "MSC-TIME-001",
                    Severity.WARNING,
                    "times without a zone: the date alone is sent",
                    *columns,
                    hint='declare the zone of the site in fhir-msc.toml: [sites.ID] zone = "Area/City"',
                )
            return moment
        return None

    return read


def _quantity(value: Value, scope: Scope) -> Getter[Quantity]:
    number = _with_condition(_remembered(value, scope, NUMBERS[value.as_]), value, scope)
    if number is nothing:
        return nothing
    unit = _unit(value.unit, scope)

    def read(cells: Cells, zone: str | None) -> Quantity | None:
        found = number(cells, zone)
        return None if found is None else Quantity(found.value, unit(cells, zone), found.comparator)

    return read


def _unit(words: UnitOf | None, scope: Scope) -> Getter[Unit]:
    if words is None:
        return nothing
    if words.ucum is not None:
        if not is_ucum(words.ucum):
            raise PackError(f"{scope.place}: {words.ucum!r} is not a UCUM unit")
        fixed = Unit(words.text or words.ucum, words.ucum)
        return lambda _cells, _zone: fixed
    if words.from_ is None:
        raise PackError(f"{scope.place}: a unit is a UCUM code, or comes `from` a column")
    if scope.sealed(words.from_):
        return nothing
    column, place = words.from_, scope.index(words.from_)
    table = scope.table(words.table) if words.table else None
    memory: dict[str, Unit | None] = {}

    def of_cell(cell: str) -> Unit | None:
        if not cell:
            return None
        line = table.find({table.columns[0]: cell}) if table else None
        code = line["ucum"] if line else cell if is_ucum(cell) else ""
        return Unit(cell, code or None)

    hint = f"add a line to {words.table}" if words.table else "name a code table for units in the pack"

    def read(cells: Cells, _zone: str | None) -> Unit | None:
        cell = cells[place].strip()
        try:
            found = memory[cell]
        except KeyError:
            if len(memory) >= _MEMORY:
                memory.clear()
            found = memory[cell] = of_cell(cell)
        if found is not None and found.ucum is None:
            scope.notes.add("MSC-UNIT-001", Severity.WARNING, _NOT_UCUM, column, hint=hint, value=cell)
        return found

    return read


def concept(words: ConceptOf | None, scope: Scope) -> Getter[Concept]:
    """A concept: fixed, by an inline map, or by a code table; always with the words of the source."""
    if words is None:
        return nothing
    if words.constant is not None:
        fixed = _fixed(words.constant, scope)
        return _with_condition(lambda _cells, _zone: fixed, words, scope)
    columns = scope.open(words.from_)
    if not columns:
        return nothing
    table = scope.table(words.table) if words.table else None
    # A table for one kind of cell (routes, units) serves columns of any name.
    names = columns if table is None or columns[0] in table.columns else list(table.columns[: len(columns)])
    wanted = [*columns, *([words.text] if words.text and not scope.sealed(words.text) else [])]
    places = [scope.index(column) for column in wanted]
    count = len(columns)
    inline = {cell: _fixed(text, scope) for cell, text in (words.map or {}).items()}
    memory: dict[Cells, Concept | None] = {}

    def of_cells(cells: Cells) -> Concept | None:
        first = cells[0]
        if not first or first in scope.missing:
            return None
        text = (cells[count] if len(cells) > count else "") or first
        sponsor = (Coding(words.sponsor, first, text if text != first else None),) if words.sponsor else ()
        if first in inline:
            known = inline[first]
            return Concept((*known.codings, *sponsor), known.text or text)
        line = table.find(dict(zip(names, cells[:count], strict=True))) if table else None
        if line is not None and line.get("code"):
            found = coding(f"{line['system']}|{line['code']}|{line.get('display', '')}")
            return Concept((found, *sponsor), text)
        if words.unknown == "drop":
            return None
        if words.unknown == "reject":
            raise CellProblem(
                "MSC-MAP-002", tuple(columns), "unknown code", first, "add it to the pack's code table, or correct it"
            )
        return Concept(sponsor, text)

    sponsors = 1 if words.sponsor else 0
    has_codes = table is not None or bool(inline)

    def read(cells: Cells, _zone: str | None) -> Concept | None:
        asked = tuple([cells[place].strip() for place in places])
        try:
            found = memory[asked]
        except KeyError:
            if len(memory) >= _MEMORY:
                memory.clear()
            found = memory[asked] = of_cells(asked)
        if has_codes and found is not None and len(found.codings) <= sponsors:
            scope.notes.add(
                "MSC-MAP-003",
                Severity.INFORMATION,
                "no standard code is known: the sponsor's code and words are sent",
                columns[0],
                value=asked[0],
                hint=f"add a line to {words.table}" if words.table else None,
            )
        return found

    return _with_condition(read, words, scope)


def _fixed(text: str, scope: Scope) -> Concept:
    try:
        found = coding(text)
    except ValueError as error:
        raise PackError(f"{scope.place}: {error}") from None
    return Concept((found,), found.display)
