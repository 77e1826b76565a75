"""The reports of one table: results of one panel and time are one, which names them all.

What belongs to which report is gathered in a temporary SQLite file while the table streams.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from hashlib import sha256
from itertools import groupby
from operator import itemgetter

import orjson

from fhir_msc.desired.frame import Frame
from fhir_msc.desired.model import Desired
from fhir_msc.findings import Finding, Origin
from fhir_msc.resources.context import Links
from fhir_msc.resources.diagnostic_report import Report
from fhir_msc.scratch import scratch_database
from fhir_msc.trial import Observation

_REPORT = "DiagnosticReport"
_BATCH = 100
_MOST_WAITING = 8192
"""Results that are held in memory: many enough that those of a participant whose rows stand together are written at
once."""

_Key = tuple[str, str, str | None, str | None]
_Head = tuple[str, str, str | None, str | None, str, str | None, str | None, str]
_Member = tuple[str, str, int | None, str | None]
"""A result: its id, its status, and the row and the key of the cell that it comes from."""


class Reports:
    """Gathers the reports of one table, then gives their bodies."""

    def __init__(self, frame: Frame, table: str) -> None:
        self._frame = frame
        self._table = table
        self._open: dict[_Key, tuple[_Head, list[_Member]]] = {}
        self._waiting = 0
        self._is_apart = False

    @cached_property
    def _database(self) -> sqlite3.Connection:
        """Made when it is first needed: most tables have no reports."""
        database = scratch_database()
        database.execute("CREATE TABLE part (rid, lane, study, encounter, name, category, effective, file, members)")
        database.execute("CREATE TABLE apart (rid, other, PRIMARY KEY (rid, other)) WITHOUT ROWID")
        return database

    def add(self, rid: str, lane: str, links: Links, record: Observation) -> None:
        """Takes a result that leaves. One without a time and without a visit is in no report."""
        name, effective, visit = record.report, record.effective, record.visit
        if name is None or (effective is None and visit is None):
            return
        key = (record.participant, name, effective, visit)
        report = self._open.get(key)
        if report is None:
            report = self._open[key] = (self._head(key, lane, links, record), [])
        origins = record.origins
        report[1].append(
            (rid, record.status, origins[0].row, origins[0].key) if origins else (rid, record.status, None, None)
        )
        self._waiting += 1
        if self._waiting >= _MOST_WAITING:
            self._write()

    def also(self, rid: str, other: str) -> None:
        """A result under another id is of the same report: rows that share a key were told apart."""
        if self._open or "_database" in self.__dict__:
            self._is_apart = True
            self._database.execute("INSERT OR IGNORE INTO apart VALUES (?, ?)", (rid, other))

    def bodies(self, findings: list[Finding]) -> Iterator[list[Desired]]:
        """The DiagnosticReports in batches; adds what is wrong with them."""
        if not self._open and "_database" not in self.__dict__:
            return
        self._write()
        batch: list[Desired] = []
        rows = self._database.execute("SELECT * FROM part ORDER BY rid")
        for _, parts in groupby(rows, key=itemgetter(0)):
            some = list(parts)
            members = [member for part in some for member in orjson.loads(part[-1])]
            body = self._body(some[0][:-1], self._told_apart(members), findings)
            batch += [] if body is None else [body]
            if len(batch) >= _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _told_apart(self, members: list[_Member]) -> list[_Member]:
        """The members, and those that shared an id with them, in the order of their ids."""
        others = []
        for rid, *rest in members if self._is_apart else ():
            others += [
                (other, *rest) for (other,) in self._database.execute("SELECT other FROM apart WHERE rid = ?", (rid,))
            ]
        return sorted([*members, *others], key=itemgetter(0))

    def _body(self, report: _Head, members: Sequence[_Member], findings: list[Finding]) -> Desired | None:
        rid, lane, study, encounter, name, category, effective, file = report
        *_, row, key = min(members, key=lambda one: (one[2] or 0, one[3] or ""))
        origins = (Origin(file, self._table, row, (), key),)
        results = tuple(dict.fromkeys(one[0] for one in members))
        record = Report(name, category, effective, results, {one[1] for one in members})
        body = self._frame.maker.make(record, Links(rid, lane, study, encounter))
        findings += [replace(one, origins=origins) for one in body.findings]
        if any(one.is_error for one in body.findings):
            return None
        digest = sha256(body.content).digest()
        return Desired(rid, _REPORT, lane, body.rank, body.content, digest, self._table, origins, body.refs)

    def _head(self, key: _Key, lane: str, links: Links, record: Observation) -> _Head:
        rid = self._frame.identity.rid(_REPORT, (self._table, *(part or "" for part in key)))
        file = record.origins[0].file if record.origins else ""
        return rid, lane, links.study, links.encounter, key[1], record.category, key[2], file

    def _write(self) -> None:
        database = self._database
        database.execute("BEGIN")
        database.executemany(
            "INSERT INTO part VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ((*head, orjson.dumps(members)) for head, members in self._open.values()),
        )
        database.execute("COMMIT")
        self._open.clear()
        self._waiting = 0
