"""The samples of one table: many results are of one, and it is sent once.

A sample is one where the source gives its identifier and its kind. What its results say of it is gathered in a
temporary SQLite file while the table streams.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from hashlib import sha256

from fhir_msc.desired.frame import Frame
from fhir_msc.desired.model import Desired
from fhir_msc.findings import Finding, Origin
from fhir_msc.resources.context import Links
from fhir_msc.resources.specimen import Sample
from fhir_msc.scratch import scratch_database
from fhir_msc.trial import Observation

_SPECIMEN = "Specimen"
_BATCH = 500

_Told = tuple[str, str, str, str, str | None, str | None, int | None, str | None, str]


class Samples:
    """Gathers the samples of one table, then gives their bodies."""

    def __init__(self, frame: Frame, table: str) -> None:
        self._frame = frame
        self._table = table
        self._waiting: list[_Told] = []

    @cached_property
    def _database(self) -> sqlite3.Connection:
        """Made when it is first needed: most tables have no samples."""
        database = scratch_database()
        database.execute(
            "CREATE TABLE sample (rid PRIMARY KEY, lane, identifier, kind, first, last, row, key, file) WITHOUT ROWID"
        )
        return database

    def rid(self, record: Observation) -> str | None:
        """The id of the sample that a result is of; ``None`` where the source names none."""
        if not record.sample or not record.description.specimen:
            return None
        return self._frame.identity.rid(
            _SPECIMEN, (record.participant, self._table, record.description.specimen, record.sample)
        )

    def add(self, rid: str, lane: str, record: Observation) -> None:
        """Takes a result that leaves, with the id of its sample."""
        at = record.effective
        place = record.origins[0] if record.origins else Origin("", self._table)
        said = (
            rid,
            lane,
            record.sample or "",
            record.description.specimen or "",
            at,
            at,
            place.row,
            place.key,
            place.file,
        )
        self._waiting.append(said)
        if len(self._waiting) >= _BATCH:
            self._write()

    def bodies(self, findings: list[Finding]) -> Iterator[list[Desired]]:
        """The Specimens in batches; adds what is wrong with them."""
        if self._waiting:
            self._write()
        if "_database" not in self.__dict__:
            return
        batch: list[Desired] = []
        rows = self._database.execute(
            "SELECT rid, lane, identifier, kind, first, last, row, key, file FROM sample ORDER BY rid"
        )
        for rid, lane, identifier, kind, first, last, row, key, file in rows:
            origins = (Origin(file, self._table, row, (), key),)
            sample = Sample(identifier, kind, first if first == last else None)
            body = self._frame.maker.make(sample, Links(rid, lane))
            findings += [replace(one, origins=origins) for one in body.findings]
            if any(one.is_error for one in body.findings):
                continue
            digest = sha256(body.content).digest()
            batch.append(
                Desired(rid, _SPECIMEN, lane, body.rank, body.content, digest, self._table, origins, body.refs)
            )
            if len(batch) >= _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _write(self) -> None:
        # Of all results the first row, and whether they agree on the time: whatever the order of rows.
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (rid) DO UPDATE SET"
            " first = nullif(min(coalesce(first, ''), coalesce(excluded.first, '')), ''),"
            " last = nullif(max(coalesce(last, ''), coalesce(excluded.last, '')), ''),"
            " row = min(row, excluded.row), key = min(key, excluded.key)",
            self._waiting,
        )
        self._database.execute("COMMIT")
        self._waiting = []
