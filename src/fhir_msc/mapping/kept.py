"""Rows of a joined table, kept in a temporary SQLite file so that memory stays flat, each with its *fate*: what
becomes of a joined row is what becomes of the row it went into, and is told once that is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fhir_msc.findings import Origin
from fhir_msc.scratch import scratch_database
from fhir_msc.sources.sealed_source import NO_NUMBER
from fhir_msc.sources.table import Table

_FATE = "rank INTEGER DEFAULT 99, outcome, reason"


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a row; of several rows that it went into, the one of the lowest rank tells."""

    rank: int
    outcome: str
    reason: str


class Kept:
    """Rows of a joined table with their fates."""

    def __init__(self, table: Table, columns: str) -> None:
        self.table = table
        self._database = scratch_database()
        self._database.execute(f"CREATE TABLE kept (id INTEGER PRIMARY KEY, {columns}, row, {_FATE})")

    @property
    def rows(self) -> int:
        """How many rows the table has."""
        count: int = self._database.execute("SELECT count(*) FROM kept").fetchone()[0]
        return count

    def tell(self, rows: Iterable[int], fate: Fate) -> None:
        """Notes what became of the row that these went into."""
        self._database.executemany(
            "UPDATE kept SET rank = ?, outcome = ?, reason = ? WHERE id = ? AND rank > ?",
            [(fate.rank, fate.outcome, fate.reason, row, fate.rank) for row in rows],
        )

    def fates(self) -> list[tuple[str, str, int]]:
        """(outcome, reason, rows) of the rows that went into another's."""
        return self._database.execute(
            "SELECT outcome, reason, count(*) FROM kept WHERE rank < 99 GROUP BY outcome, reason ORDER BY 1, 2"
        ).fetchall()

    def _origin(self, row: int, columns: Sequence[str], key: str) -> Origin:
        if row == NO_NUMBER:
            return Origin(self.table.file, self.table.name, None, tuple(columns), key)
        return Origin(self.table.file, self.table.name, row, tuple(columns))
