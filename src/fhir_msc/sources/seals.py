"""The door at which a blind project drops what tells the arm.

``SealedSource`` stands between a source and everything else. What it seals cannot be asked for: a sealed table is not
listed, a sealed column is not in a table's columns and is refused by name, a sealed row is skipped, and row numbers of
a table with sealed rows are not given out, nor those of a table that is named ``unnumbered``. A qualifier of a
sealed row is skipped with it, and so is one of no row at all, for nobody who is blind may tell them apart. A table of
which no row is left is as one that is not there, for whether it is there may tell the arm.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from fhir_msc.errors import BlindError, SourceError
from fhir_msc.quick import picker
from fhir_msc.scratch import scratch_database
from fhir_msc.sources.qualified import QUALIFIED_BY, OpenParents
from fhir_msc.sources.table import LABEL, UNIT, FileFacts, Row, Source, Table, field_of

_REMEMBERED = 4096
"""How many distinct cells are remembered as sealed or not: few tell, in many rows."""

_ABSENT = "\0"
"""Asked for, it is a column that no table has."""

NO_NUMBER = 0
"""The row number of every row in a table whose row numbers are not given out."""


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

    def qualified(self, table: str) -> str | None:
        """The table with sealed rows that this one qualifies, if it does."""
        parent = next((one for name, one in self.qualifiers.items() if name.upper() == table.upper()), None)
        return parent if parent is not None and self.row_seals(parent) else None

    def numbers_rows(self, table: str) -> bool:
        """Whether row numbers of that table may be given out, as far as its own rows are sealed."""
        return not (self.row_seals(table) or self.qualified(table) is not None or self.hides_order(table))

    def hides_order(self, table: str) -> bool:
        """Whether the order of that table's rows may not be told."""
        return any(_fits(table, pattern) for pattern in self.unnumbered)


class SealedSource:
    """A source without what is sealed."""

    def __init__(self, source: Source, seals: Seals) -> None:
        self._source = source
        self._seals = seals
        self._open: list[Table] | None = None
        self._parents: dict[str, OpenParents] = {}

    def tables(self) -> Sequence[Table]:
        """The tables that are not sealed, without their sealed columns; looked for once."""
        if self._open is None:
            self._open = [
                self._without_sealed(table)
                for table in self._source.tables()
                if not self._seals.seals_table(table.name) and self._has_open_rows(table)
            ]
        return self._open

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        """The rows that are not sealed; a column that is read from a sealed one is as one that the table lacks. Raises
        BlindError for a sealed table or column."""
        if self._seals.seals_table(table):
            raise BlindError(f"table {table} is sealed in a blind project")
        for column in columns:
            if self._seals.seals_column(table, column):
                raise BlindError(f"column {column} of {table} is sealed in a blind project")
        described = self._described(table)
        refused = self._seals.why_refused(described) if described is not None else None
        if refused is not None:
            raise refused
        made_of_sealed = self._made_of_sealed(table)
        if made_of_sealed:
            columns = [_ABSENT if column.removesuffix(LABEL) in made_of_sealed else column for column in columns]
        try:
            if self._numbers_rows(table):
                yield from self._source.rows(table, columns)
            elif self._seals.hides_order(table):
                yield from in_order(self._unnumbered(table, columns))
            else:
                yield from self._unnumbered(table, columns)
        except SourceError as error:
            raise self._told(error, table) from None

    def parents(self, table: str) -> OpenParents | None:
        """The rows that are named in a table of their qualifiers, where some of them are sealed."""
        parent = self._seals.qualified(table)
        if parent is None:
            return None
        if table not in self._parents:
            self._parents[table] = self._named(table, parent)
        return self._parents[table]

    def facts(self, table: str) -> FileFacts:
        """Refused, whatever the table: a whole file holds what is sealed of it, and may be due to it."""
        raise BlindError(f"what is true of whole files, as that of {table}, is not told in a blind project")

    def _described(self, table: str) -> Table | None:
        return next((one for one in self._source.tables() if one.name == table), None)

    def _numbers_rows(self, table: str) -> bool:
        described = self._described(table)
        return (described is None or described.numbered) and self._seals.numbers_rows(table)

    def _made_of_sealed(self, table: str) -> set[str]:
        """The columns of that table that are read from a sealed one."""
        described = self._described(table)
        made_of = described.made_of if described is not None else ()
        return {column for column, of in made_of if self._seals.seals_column(table, of)}

    def _row_seals(self, table: str) -> list[RowSeal]:
        """The row seals of that table, on each column that bears the seal's name in whatever case."""
        columns = [column for one in self._source.tables() if one.name == table for column in one.columns]
        found: list[RowSeal] = []
        for seal in self._seals.row_seals(table):
            name = seal.column.removesuffix(LABEL)
            named = [one for one in columns if one.upper() == name.upper()] or [name]
            found += [replace(seal, column=one + seal.column[len(name) :]) for one in named]
        return found

    def _has_open_rows(self, table: Table) -> bool:
        seals = self._row_seals(table.name)
        if table.damage is not None:
            return True
        if self._seals.qualified(table.name) is not None:
            try:
                return next(self._unnumbered(table.name, ()), None) is not None
            except SourceError:
                return True  # whoever reads the rows is told
        if not seals:
            return True
        rows = self._source.rows(table.name, [seal.column for seal in seals])
        try:
            return any(not _is_dropped(seals, values) for _, values in rows)
        except SourceError:
            return True  # whoever reads the rows is told

    def _unnumbered(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        seals = self._row_seals(table)
        asked = len(columns)
        read = [*columns, *(seal.column for seal in seals if seal.column not in columns)]
        told_by = picker([read.index(seal.column) for seal in seals])
        known: dict[tuple[str, ...], bool] = {}
        parents = self.parents(table)
        at = len(read)
        if parents is not None:
            read += QUALIFIED_BY
        for _, values in self._source.rows(table, read):
            if parents is not None and not parents.has(values[at:]):
                continue
            told = told_by(values)
            dropped = known.get(told)
            if dropped is None:
                if len(known) >= _REMEMBERED:
                    known.clear()
                dropped = known[told] = _is_dropped(seals, told)
            if not dropped:
                yield NO_NUMBER, values[:asked]

    def _named(self, table: str, parent: str) -> OpenParents:
        described = next((one for one in self._source.tables() if one.name.upper() == parent.upper()), None)
        if described is None or self._seals.seals_table(parent):
            return OpenParents((), ())
        qualifiers = (cells for _, cells in self._source.rows(table, QUALIFIED_BY))
        parents = OpenParents(qualifiers, self._without_sealed(described).columns)
        rows = self.rows(described.name, [QUALIFIED_BY[0], *parents.variables])
        parents.open(cells for _, cells in rows)
        return parents

    def _told(self, error: SourceError, table: str) -> SourceError:
        """The error as it may be told: of damage that may lie in a sealed cell, in which row it is must not be."""
        if error.row is None:
            return error
        described = self._described(table)
        columns = described.columns if described is not None else ()
        opened = error.column in columns and not self._seals.seals_column(table, error.column or "")
        if self._numbers_rows(table) and (opened or not self._seals.column_patterns(table)):
            return error
        return SourceError(
            "a row cannot be read: it is damaged, or the file ends inside it",
            file=error.file,
            table=error.table,
            column=error.column if opened and not self._seals.row_seals(table) else None,
            hint="Export the table again. A blind project does not show the row, for the damage may be sealed.",
        )

    def _without_sealed(self, table: Table) -> Table:
        refused = self._seals.why_refused(table)
        if refused is not None:
            return Table(table.name, table.file, (), damage=refused.message)
        # Whether a column that only rows name is there may be due to a sealed row.
        seals = self._seals
        hidden = table.undescribed if seals.row_seals(table.name) or seals.qualified(table.name) else frozenset()
        hidden |= self._made_of_sealed(table.name)
        kept = [
            i
            for i, column in enumerate(table.columns)
            if column not in hidden and not self._seals.seals_column(table.name, column)
        ]
        return replace(
            table,
            columns=tuple(table.columns[i] for i in kept),
            labels=tuple(table.labels[i] for i in kept) if table.labels else (),
            undescribed=table.undescribed - hidden,
            numbered=table.numbered and seals.numbers_rows(table.name),
            made_of=(),
            identifiers=frozenset(
                column for column in table.identifiers if not self._seals.seals_column(table.name, column)
            ),
        )


def in_order(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows in the order of their content, so that nothing can depend on the one that they came in."""
    database = scratch_database()
    database.execute("CREATE TABLE kept (number, cells)")
    database.execute("BEGIN")
    database.executemany("INSERT INTO kept VALUES (?, ?)", ((number, json.dumps(cells)) for number, cells in rows))
    database.execute("COMMIT")
    for number, cells in database.execute("SELECT number, cells FROM kept ORDER BY cells"):
        yield number, tuple(json.loads(cells))


def _is_dropped(seals: Sequence[RowSeal], values: Sequence[str]) -> bool:
    return any(seal.drops(value) for seal, value in zip(seals, values, strict=True))


def _fits(name: str, pattern: str) -> bool:
    return fnmatchcase(name.upper(), pattern.upper())
