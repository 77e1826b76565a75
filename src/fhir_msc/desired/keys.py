"""Which ids a table has given so far: two rows with one key are found however far apart they stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fhir_msc.mapping.joins import scratch_database

_CHUNK = 500


class KeyRegister:
    """The ids of one table, in a temporary SQLite file: a million rows take no more memory than a thousand."""

    def __init__(self) -> None:
        self._database = scratch_database()
        self._database.execute("CREATE TABLE seen (rid PRIMARY KEY, batch) WITHOUT ROWID")
        self._batch = 0

    def add(self, rids: Sequence[str]) -> set[str]:
        """Registers a batch of ids; gives those that were there before, or stand in it twice."""
        self._batch += 1
        before = self._database.total_changes
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", [(rid, self._batch) for rid in rids])
        self._database.execute("COMMIT")
        if self._database.total_changes - before == len(rids):
            return set()
        repeated = {rid for rid, count in Counter(rids).items() if count > 1}
        for start in range(0, len(rids), _CHUNK):
            chunk = rids[start : start + _CHUNK]
            marks = ",".join("?" * len(chunk))
            repeated |= {
                rid
                for (rid,) in self._database.execute(
                    f"SELECT rid FROM seen WHERE rid IN ({marks}) AND batch <> ?",  # noqa: S608 - marks are ?
                    (*chunk, self._batch),
                )
            }
        return repeated
