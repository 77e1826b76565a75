"""Which ids a table has given so far: two rows with one key are found however far apart they stand."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_msc.scratch import scratch_database

_DIGITS = 15
"""Hex digits of an id that are compared: 60 bits. Two ids that agree in them are looked at again, not taken as one."""


class KeyRegister:
    """The ids of one table, in a temporary SQLite file: a million rows take no more memory than a thousand."""

    def __init__(self) -> None:
        self._database = scratch_database()
        self._database.execute("CREATE TABLE seen (id INTEGER)")

    def add(self, rids: Sequence[str]) -> None:
        """Registers a batch of ids."""
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO seen VALUES (?)", [(int(rid[1 : 1 + _DIGITS], 16),) for rid in rids])
        self._database.execute("COMMIT")

    def complete(self) -> bool:
        """Ends the registering; whether an id was registered twice."""
        # Sorting at the end costs half of looking for each as it comes.
        self._database.execute("CREATE TABLE again (id INTEGER PRIMARY KEY)")
        self._database.execute("INSERT INTO again SELECT id FROM seen GROUP BY id HAVING count(*) > 1")
        return self._database.execute("SELECT 1 FROM again LIMIT 1").fetchone() is not None

    def is_repeated(self, rid: str) -> bool:
        """Whether this id was registered twice; known once all are."""
        number = int(rid[1 : 1 + _DIGITS], 16)
        return self._database.execute("SELECT 1 FROM again WHERE id = ?", (number,)).fetchone() is not None
