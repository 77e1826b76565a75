"""Rows of another table that belong to rows of this one, kept in a temporary SQLite file so that memory stays flat."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from fhir_msc.mapping.format import Join
from fhir_msc.sources.table import Source, Table

_QUALIFIER_COLUMNS = ("USUBJID", "IDVAR", "IDVARVAL", "QNAM", "QVAL")
_BATCH = 2000


def scratch_database() -> sqlite3.Connection:
    """A database of its own on disk that vanishes when it is closed; its cache is 4 MB."""
    connection = sqlite3.connect("", isolation_level=None)
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -4000")
    connection.execute("PRAGMA temp_store = FILE")
    return connection


class Qualifiers:
    """SDTM supplemental qualifiers (SDTMIG 8.4): QNAM and QVAL of a parent row, found by IDVAR and its value.

    ``used`` rows went into a parent; the others have no parent in the study.
    """

    def __init__(self, source: Source, table: Table) -> None:
        self.table = table
        self._database = scratch_database()
        self._database.execute("CREATE TABLE qualifier (subject, variable, value, name, text, row, used DEFAULT 0)")
        with_numbers = (
            (subject, variable, value.strip().removesuffix(".0"), name, text, row)
            for row, (subject, variable, value, name, text) in source.rows(table.name, _QUALIFIER_COLUMNS)
        )
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT INTO qualifier (subject, variable, value, name, text, row) VALUES (?, ?, ?, ?, ?, ?)", with_numbers
        )
        self._database.execute("CREATE INDEX by_parent ON qualifier (subject, variable, value)")
        self._database.execute("COMMIT")
        self.rows: int = self._database.execute("SELECT count(*) FROM qualifier").fetchone()[0]
        self.variables: tuple[str, ...] = tuple(
            name for (name,) in self._database.execute("SELECT DISTINCT variable FROM qualifier ORDER BY variable")
        )
        self.names: tuple[str, ...] = tuple(
            name for (name,) in self._database.execute("SELECT DISTINCT name FROM qualifier ORDER BY name")
        )

    def of_parent(self, subject: str, identifying: Iterable[tuple[str, str]]) -> list[tuple[str, str, int]]:
        """(QNAM, QVAL, row) of the qualifiers of a parent row, given the values of its identifying variables."""
        found: list[tuple[str, str, int]] = []
        for variable, value in identifying:
            found += self._database.execute(
                "SELECT name, text, row FROM qualifier WHERE subject = ? AND variable = ? AND value = ?"
                " ORDER BY name, text",
                (subject, variable, "" if variable == "" else value.strip().removesuffix(".0")),
            ).fetchall()
        return found

    def mark_used(self, keys: Sequence[tuple[str, str, str]]) -> None:
        """Notes that the parent of these (subject, variable, value) is there."""
        self._database.executemany(
            "UPDATE qualifier SET used = 1 WHERE subject = ? AND variable = ? AND value = ?",
            [(subject, variable, value.strip().removesuffix(".0")) for subject, variable, value in keys],
        )

    def used(self) -> int:
        """How many rows have a parent."""
        count: int = self._database.execute("SELECT count(*) FROM qualifier WHERE used = 1").fetchone()[0]
        return count


class SameThing:
    """Rows of another table that say more of the same thing (SDTM EX beside EC), found by equal columns."""

    def __init__(self, source: Source, table: Table, join: Join, columns: Sequence[str]) -> None:
        self.table = table
        self.join = join
        self.columns = tuple(columns)
        self._keys = tuple(join.on.values())
        self._database = scratch_database()
        self._database.execute("CREATE TABLE other (key, cells, row, used DEFAULT 0)")
        self._database.execute("BEGIN")
        asked = [*self._keys, *self.columns]
        count = len(self._keys)
        self._database.executemany(
            "INSERT INTO other (key, cells, row) VALUES (?, ?, ?)",
            (
                (json.dumps(cells[:count]), json.dumps(cells[count:]), row)
                for row, cells in source.rows(table.name, asked)
            ),
        )
        self._database.execute("CREATE INDEX by_key ON other (key)")
        self._database.execute("COMMIT")
        self.rows: int = self._database.execute("SELECT count(*) FROM other").fetchone()[0]

    def of_row(self, key: Sequence[str]) -> list[tuple[tuple[str, ...], int]]:
        """The cells and row numbers of the rows with that key, in the order of their cells; marks them as used."""
        text = json.dumps(list(key))
        rows = self._database.execute(
            "SELECT cells, row FROM other WHERE key = ? ORDER BY cells, row", (text,)
        ).fetchall()
        if rows:
            self._database.execute("UPDATE other SET used = 1 WHERE key = ?", (text,))
        return [(tuple(json.loads(cells)), row) for cells, row in rows]

    def is_used(self, key: Sequence[str]) -> bool:
        """Whether rows with that key went into another table's row."""
        found = self._database.execute(
            "SELECT 1 FROM other WHERE key = ? AND used = 1 LIMIT 1", (json.dumps(list(key)),)
        ).fetchone()
        return found is not None


class Grouping:
    """Rows that are one thing together (both readings of a blood pressure), given back group by group."""

    def __init__(self) -> None:
        self._database = scratch_database()
        self._database.execute("CREATE TABLE member (key, cells, row)")
        self._batch: list[tuple[str, str, int]] = []

    def add(self, key: Sequence[str], cells: Sequence[str], row: int) -> None:
        """Puts a row into its group."""
        self._batch.append((json.dumps(list(key)), json.dumps(list(cells)), row))
        if len(self._batch) >= _BATCH:
            self._flush()

    def groups(self) -> Iterator[list[tuple[int, tuple[str, ...]]]]:
        """The rows of each group, groups in the order of their keys, rows in the order of their cells."""
        self._flush()
        last: str | None = None
        group: list[tuple[int, tuple[str, ...]]] = []
        for key, cells, row in self._database.execute("SELECT key, cells, row FROM member ORDER BY key, cells, row"):
            if key != last and group:
                yield group
                group = []
            last = key
            group.append((row, tuple(json.loads(cells))))
        if group:
            yield group

    def _flush(self) -> None:
        if self._batch:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO member VALUES (?, ?, ?)", self._batch)
            self._database.execute("COMMIT")
            self._batch.clear()
