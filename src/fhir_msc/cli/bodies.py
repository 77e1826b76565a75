"""The bodies of ``map --output``: NDJSON in the order of keys, whatever the order of the rows."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Self

from fhir_msc.desired.model import Desired


class BodyFile:
    """Collects bodies in a temporary SQLite file and writes them sorted. Without a path it does nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("CREATE TABLE body (rank, lane, rid PRIMARY KEY, content) WITHOUT ROWID")

    def __enter__(self) -> Self:
        return self

    def keep(self, batch: list[Desired]) -> None:
        """Takes a batch; a body that comes again replaces the earlier one."""
        if self._path is None:
            return
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT OR REPLACE INTO body VALUES (?, ?, ?, ?)",
            [(one.rank, one.lane, one.rid, one.body) for one in batch],
        )
        self._database.execute("COMMIT")

    def write(self) -> None:
        """Writes the file: the study first, then lane by lane."""
        if self._path is None:
            return
        with self._path.open("wb") as stream:
            for (content,) in self._database.execute("SELECT content FROM body ORDER BY lane <> '', lane, rank, rid"):
                stream.write(content + b"\n")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()
