"""The door at which a blind project drops what tells the arm.

``SealedSource`` stands between a source and everything else. What it seals cannot be asked for: a sealed table is not
listed, a sealed column is not in a table's columns and is refused by name, a sealed row is skipped, and row numbers of
a table with sealed rows are not given out, nor those of a table that is named ``unnumbered``. A qualifier of a
sealed row is skipped with it, and so is one of no row at all, for nobody who is blind may tell them apart. A table of
which no row is left is as one that is not there, for whether it is there may tell the arm.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from fhir_msc.errors import BlindError, SourceError
from fhir_msc.quick import picker
from fhir_msc.scratch import scratch_database
from fhir_msc.sources.qualified import QUALIFIED_BY, OpenParents, is_sequence
from fhir_msc.sources.seals import Seals, drops
from fhir_msc.sources.table import LABEL, FileFacts, Row, Source, Table

_REMEMBERED = 4096
"""How many distinct cells are remembered as sealed or not: few tell, in many rows."""

_ABSENT = "\0"
"""Asked for, it is a column that no table has."""

NO_NUMBER = 0
"""The row number of every row in a table whose row numbers are not given out."""


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
                yield from in_order(self._renumbered(table, columns))
            else:
                yield from self._renumbered(table, columns)
        except SourceError as error:
            raise self._told(error, table) from None

    def parents(self, table: str) -> OpenParents | None:
        """The rows that are named in a table of their qualifiers, where some of them are sealed."""
        parent = self._seals.qualified(table)
        if parent is None:
            return None
        return self._parents_of(parent)

    def _parents_of(self, table: str) -> OpenParents:
        name = table.upper()
        if name not in self._parents:
            self._parents[name] = self._named(table)
        return self._parents[name]

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

    def _has_open_rows(self, table: Table) -> bool:
        seals = self._seals.row_seals_on(table)
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
            return any(not drops(seals, values) for _, values in rows)
        except SourceError:
            return True  # whoever reads the rows is told

    def _unnumbered(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        """The rows that are not sealed, nor qualify one that is."""
        parents = self.parents(table)
        if parents is None:
            yield from self._unsealed(table, columns)
            return
        asked = len(columns)
        for number, cells in self._unsealed(table, [*columns, *QUALIFIED_BY]):
            if parents.has(cells[asked:]):
                yield number, cells[:asked]

    def _unsealed(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        described = self._described(table)
        seals = self._seals.row_seals_on(described) if described is not None else self._seals.row_seals(table)
        asked = len(columns)
        read = [*columns, *(seal.column for seal in seals if seal.column not in columns)]
        told_by = picker([read.index(seal.column) for seal in seals])
        known: dict[tuple[str, ...], bool] = {}
        for _, values in self._source.rows(table, read):
            told = told_by(values)
            dropped = known.get(told)
            if dropped is None:
                if len(known) >= _REMEMBERED:
                    known.clear()
                dropped = known[told] = drops(seals, told)
            if not dropped:
                yield NO_NUMBER, values[:asked]

    def _renumbered(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        """The open rows, with sequence numbers that count no sealed ones, where qualifiers name rows by them."""
        subject, named_by, value = QUALIFIED_BY
        qualified = self._seals.qualified(table)
        if qualified is None:
            places = [i for i, column in enumerate(columns) if is_sequence(column) and self._qualifying(table)]
        else:
            places = [i for i, column in enumerate(columns) if column == value]
        if not places:
            yield from self._unnumbered(table, columns)
            return
        parents = self._parents_of(qualified or table)
        asked = len(columns)
        for number, cells in self._unnumbered(table, [*columns, subject, named_by]):
            values = list(cells[:asked])
            for i in places:
                variable = columns[i] if qualified is None else cells[-1]
                if variable in parents.variables and is_sequence(variable):
                    values[i] = parents.number(cells[-2], variable, values[i])
            yield number, tuple(values)

    def _qualifying(self, parent: str) -> list[str]:
        """The tables of the source that qualify the rows of this one, of which some are sealed."""
        names = (one.name for one in self._source.tables())
        return [name for name in names if (self._seals.qualified(name) or "").upper() == parent.upper()]

    def _named(self, parent: str) -> OpenParents:
        described = next((one for one in self._source.tables() if one.name.upper() == parent.upper()), None)
        if described is None or self._seals.seals_table(parent):
            return OpenParents((), ())
        tables = self._qualifying(parent)
        qualifiers = (cells for table in tables for _, cells in self._unsealed(table, QUALIFIED_BY))
        parents = OpenParents(qualifiers, self._without_sealed(described).columns)
        rows = self._unnumbered(described.name, [QUALIFIED_BY[0], *parents.variables])
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
