"""What a pack seals: tables, columns and rows that tell the arm. ``sealed_source`` drops them at the door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from fhir_msc.errors import SourceError
from fhir_msc.sources.table import LABEL, UNIT, Table, field_of


@dataclass(frozen=True, slots=True)
class RowSeal:
    """Rows to drop: those whose ``column`` matches one of ``patterns`` (or, with ``inverse``, none of them)."""

    column: str
    patterns: tuple[str, ...]
    inverse: bool = False

    def drops(self, value: str) -> bool:
        """Whether a row with this value is dropped. Blanks around it mean nothing, as in a mapping; nor does the case
        of what is to be dropped, for somebody typed it (``Placebo``)."""
        value = value.strip()
        if self.inverse:
            return not any(fnmatchcase(value, pattern) for pattern in self.patterns)
        return any(fnmatchcase(value.upper(), pattern.upper()) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class Seals:
    """What a pack seals: whole tables, columns and rows per table. Names may hold ``*`` (``ARM*``),
    and their case means nothing: who exports a table as ``Pharmacy`` does not open it.

    A seal on a field seals what else shows it: ``arm`` seals ``arm:label`` and the box ``arm___1``.
    """

    tables: frozenset[str] = frozenset()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rows: Mapping[str, tuple[RowSeal, ...]] = field(default_factory=dict)
    unnumbered: frozenset[str] = frozenset()
    """Tables whose row numbers are not given out though none of their rows is sealed: an export sorted by arm."""
    planned: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Tables of the protocol, and their columns that are open whatever else seals them: the arms as they are planned
    are public, and tell nobody's. Such a table is refused where it names participants."""
    participants: tuple[str, ...] = ()
    """Columns that name participants."""
    open: frozenset[str] = frozenset()
    """The tables that come in, where only these may: of any other nobody knows whether it tells the arm."""
    qualifiers: Mapping[str, str] = field(default_factory=dict)
    """Tables of qualifiers, and the table whose rows they qualify."""
    _answers: dict[tuple[str, str], bool] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What was answered of a table's column: it is asked for every rule that reads it."""

    def __bool__(self) -> bool:
        """Whether anything is sealed; ``unnumbered`` alone seals nothing."""
        return bool(self.tables or self.open or any(self.columns.values()) or any(self.rows.values()))

    def seals_table(self, name: str) -> bool:
        """Whether the table is sealed as a whole."""
        if self.open and not any(_fits(name, pattern) for pattern in self.open):
            return True
        return any(_fits(name, pattern) for pattern in self.tables)

    def seals_column(self, table: str, column: str) -> bool:
        """Whether the column of that table is sealed."""
        answer = self._answers.get((table, column))
        if answer is None:
            answer = self._answers[table, column] = self._seals_column(table, column)
        return answer

    def _seals_column(self, table: str, column: str) -> bool:
        planned = self._planned(table) or ()
        if any(column.upper() == name.upper() for name in planned):
            return False
        shown = {column, column.removesuffix(LABEL), column.removesuffix(UNIT), field_of(column)}
        return any(_fits(name, pattern) for pattern in self.column_patterns(table) for name in shown)

    def column_patterns(self, table: str) -> tuple[str, ...]:
        """What the sealed columns of that table fit. What is shown elsewhere may depend on these alone, and not on
        which of such columns an export has."""
        return tuple(pattern for name, patterns in self.columns.items() if _fits(table, name) for pattern in patterns)

    def _planned(self, table: str) -> tuple[str, ...] | None:
        return next((columns for name, columns in self.planned.items() if name.upper() == table.upper()), None)

    def is_planned(self, table: str) -> bool:
        """Whether it is a table of the protocol."""
        return self._planned(table) is not None

    def why_refused(self, table: Table) -> SourceError | None:
        """Why a table of the protocol may not be read: it names participants, and so it may tell their arm."""
        if not self.is_planned(table.name):
            return None
        for column in table.columns:
            if any(_fits(column, pattern) for pattern in self.participants):
                return SourceError(
                    "names participants, and is a table of the protocol: beside the planned arms it may tell theirs",
                    file=table.file,
                    table=table.name,
                    column=column,
                    hint="Export the table as the protocol has it, without that column.",
                )
        return None

    def row_seals(self, table: str) -> tuple[RowSeal, ...]:
        """The row seals of that table."""
        return tuple(seal for name, seals in self.rows.items() if _fits(table, name) for seal in seals)

    def row_seals_on(self, table: Table) -> list[RowSeal]:
        """The row seals of that table, on each column that bears the seal's name in whatever case."""
        found: list[RowSeal] = []
        for seal in self.row_seals(table.name):
            name = seal.column.removesuffix(LABEL)
            named = [one for one in table.columns if one.upper() == name.upper()] or [name]
            found += [replace(seal, column=one + seal.column[len(name) :]) for one in named]
        return found

    def qualified(self, table: str) -> str | None:
        """The table that this one qualifies, if rows of that are sealed or all of it is."""
        parent = next((one for name, one in self.qualifiers.items() if name.upper() == table.upper()), None)
        return parent if parent is not None and (self.row_seals(parent) or self.seals_table(parent)) else None

    def numbers_rows(self, table: str) -> bool:
        """Whether row numbers of that table may be given out, as far as its own rows are sealed."""
        return not (self.row_seals(table) or self.qualified(table) is not None or self.hides_order(table))

    def hides_order(self, table: str) -> bool:
        """Whether the order of that table's rows may not be told."""
        return any(_fits(table, pattern) for pattern in self.unnumbered)


def drops(seals: Sequence[RowSeal], values: Sequence[str]) -> bool:
    """Whether a row is dropped that has these values in the columns of these seals."""
    return any(seal.drops(value) for seal, value in zip(seals, values, strict=True))


def _fits(name: str, pattern: str) -> bool:
    return fnmatchcase(name.upper(), pattern.upper())
