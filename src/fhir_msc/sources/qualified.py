"""Qualifiers of rows that are sealed: they tell the arm as these do.

A qualifier names its row by participant, variable and value (SDTMIG 8.4: USUBJID, IDVAR, IDVARVAL). Which rows are
named, and which of these are not sealed, is kept in a temporary file: there are as many as there are qualifiers.

Where it names it by its sequence number (--SEQ), that one counts the sealed rows too. So the rows that are named and
open are numbered anew, in both tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fhir_msc.scratch import scratch_database
from fhir_msc.sources.naming import as_named

QUALIFIED_BY = ("USUBJID", "IDVAR", "IDVARVAL")
"""The columns by which a qualifier names its row."""


def is_sequence(variable: str) -> bool:
    """Whether it numbers the rows of a participant."""
    return variable.endswith("SEQ")


_Parent = tuple[str, str, str]


class OpenParents:
    """The rows that a table of qualifiers names, and which of them are open.

    ``qualifiers`` are the cells of ``QUALIFIED_BY``; ``variables`` those of the named rows' table that may be shown.
    """

    def __init__(self, qualifiers: Iterable[Sequence[str]], variables: Iterable[str]) -> None:
        self._database = scratch_database()
        self._database.execute(
            "CREATE TABLE parent (subject, variable, value, open, PRIMARY KEY (subject, variable, value)) WITHOUT ROWID"
        )
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR IGNORE INTO parent VALUES (?, ?, ?, 0)", map(_parent, qualifiers))
        self._database.execute("COMMIT")
        named = {name for (name,) in self._database.execute("SELECT DISTINCT variable FROM parent")}
        self.variables = sorted(named.intersection(variables))
        """Those by which rows are named."""

    def open(self, rows: Iterable[Sequence[str]]) -> None:
        """Opens these rows, of each the participant and the values of ``variables``."""
        self._database.execute("BEGIN")
        self._database.executemany(
            "UPDATE parent SET open = 1 WHERE subject = ? AND variable = ? AND value = ?", self._named_by(rows)
        )
        self._database.execute(
            "CREATE TABLE sequence (subject, variable, value, number, PRIMARY KEY (subject, variable, value))"
        )
        self._database.execute(
            "INSERT INTO sequence SELECT subject, variable, value, row_number() OVER"
            " (PARTITION BY subject, variable ORDER BY CAST(value AS REAL), value) FROM parent"
            " WHERE open = 1 AND variable LIKE '%SEQ'"
        )
        self._database.execute("COMMIT")

    def number(self, subject: str, variable: str, value: str) -> str:
        """The number of an open row among those of its participant that are named by this variable; empty of others."""
        found = self._database.execute(
            "SELECT number FROM sequence WHERE subject = ? AND variable = ? AND value = ?",
            _parent((subject, variable, value)),
        ).fetchone()
        return str(found[0]) if found is not None else ""

    def has(self, qualifier: Sequence[str]) -> bool:
        """Whether the row that a qualifier names is open."""
        found = self._database.execute(
            "SELECT open FROM parent WHERE subject = ? AND variable = ? AND value = ?", _parent(qualifier)
        ).fetchone()
        return found is not None and bool(found[0])

    def _named_by(self, rows: Iterable[Sequence[str]]) -> Iterator[_Parent]:
        last = None
        for subject, *cells in rows:
            if subject != last:
                last = subject
                yield subject, "", ""
            for variable, value in zip(self.variables, cells, strict=True):
                yield _parent((subject, variable, value))


def _parent(cells: Sequence[str]) -> _Parent:
    """The row that a qualifier names; a number is one however it is spelled."""
    subject, variable, value = cells
    return subject, variable, as_named(variable, value) if variable else ""
