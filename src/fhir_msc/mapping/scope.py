"""What compiling a table's words needs to know, and the memory that makes compiled words fast."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Generic, TypeVar

from fhir_msc.errors import PackError
from fhir_msc.mapping.code_tables import CodeTable
from fhir_msc.mapping.notes import Notes
from fhir_msc.mapping.own_transforms import Transforms
from fhir_msc.trial import Record

T = TypeVar("T")
Cells = tuple[str, ...]
Test = Callable[[Cells], bool]
Getter = Callable[[Cells, str | None], T | None]
"""A row's cells, without blanks around them, and the zone of its site in; a value out, ``None`` where there is none."""

_MEMORY = 20_000
"""How many distinct cells a getter remembers before it starts anew: flat memory, and codes repeat."""

_MOMENTS = 2048
"""How many it remembers that depend on the zone: times repeat within a participant's rows, not over a whole trial."""


class CellProblem(Exception):
    """A cell cannot be read: the columns, the rule, what is expected, and the cell itself.

    ``instead`` is what the row says all the same, where nothing would be the worse: a withdrawal on an unknown day.
    """

    def __init__(
        self,
        rule: str,
        columns: tuple[str, ...],
        message: str,
        value: str,
        hint: str | None = None,
        instead: Record | None = None,
    ) -> None:
        super().__init__(rule)
        self.rule, self.columns, self.message, self.value, self.hint = rule, columns, message, value, hint
        self.instead = instead

    def but(self, instead: Record) -> CellProblem:
        """The same problem of a row that says something all the same."""
        return CellProblem(self.rule, self.columns, self.message, self.value, self.hint, instead)


@dataclass(slots=True)
class Reading:
    """Which columns were asked for while something was compiled, and whether it depends on the site's zone."""

    columns: list[str] = field(default_factory=list)
    zoned: bool = False


@dataclass(slots=True)
class Scope:
    """The columns of a table so far, the pack's code tables, missing-data codes and transforms, where notes go.

    ``closed`` says whether a column may not be asked for; whatever needs such a column yields nothing.
    """

    columns: dict[str, int]
    closed: Callable[[str], bool]
    code_tables: Mapping[str, CodeTable]
    missing: Mapping[str, str]
    notes: Notes
    place: str
    transforms: Transforms
    _readings: list[Reading] = field(default_factory=list)

    def index(self, column: str) -> int:
        """The place of the column's cell in a row."""
        for reading in self._readings:
            if column not in reading.columns:
                reading.columns.append(column)
        return self.columns.setdefault(column, len(self.columns))

    def uses_zone(self) -> None:
        """Notes that what is being compiled depends on the site's zone."""
        for reading in self._readings:
            reading.zoned = True

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Gives what holds, in the end, what was asked for in between."""
        reading = Reading()
        self._readings.append(reading)
        try:
            yield reading
        finally:
            self._readings.pop()

    def open(self, columns: Sequence[str]) -> list[str]:
        """Those of the columns that are not closed."""
        return [column for column in columns if not self.closed(column)]

    def table(self, name: str) -> CodeTable:
        """A code table of the pack. Raises PackError."""
        if name not in self.code_tables:
            raise PackError(f"{self.place}: there is no code table {name} in the pack")
        return self.code_tables[name]


class Shared(Generic[T]):
    """Equal values as one object, so that to compare them is to look at whether they are the same."""

    def __init__(self) -> None:
        self._known: dict[T, T] = {}

    def one(self, value: T) -> T:
        """The value that was given first of those equal to this."""
        if len(self._known) >= _MEMORY:
            self._known.clear()
        return self._known.setdefault(value, value)


def nothing(_cells: Cells, _zone: str | None) -> None:
    """The getter of what is not there."""


def remembering(scope: Scope, compiled: Callable[[], Getter[T]]) -> Getter[T]:
    """The getter that ``compiled`` gives, remembering what each combination of its cells gave and noted.

    A cell that cannot be read is read anew each time. What depends on the zone is remembered with it.
    """
    with scope.reading() as reading:
        getter = compiled()
    if getter is nothing or not reading.columns:
        return getter
    notes, is_zoned = scope.notes, reading.zoned
    most = _MOMENTS if is_zoned else _MEMORY
    pick = itemgetter(*[scope.columns[column] for column in reading.columns])
    memory: dict[object, tuple[T | None, tuple[int, ...]]] = {}

    def read(cells: Cells, zone: str | None) -> T | None:
        asked = (zone, pick(cells)) if is_zoned else pick(cells)
        known = memory.get(asked)
        if known is not None:
            value, said = known
            if said:
                notes.repeat(said)
            return value
        with notes.listening() as heard:
            value = getter(cells, zone)
        if len(memory) >= most:
            memory.clear()
        memory[asked] = (value, tuple(heard))
        return value

    return read
