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

from fhir_msc.desired.frame import Frame
from fhir_msc.desired.model import Desired
from fhir_msc.findings import Finding, Origin
from fhir_msc.mapping.scratch import scratch_database
from fhir_msc.resources.context import Links
from fhir_msc.resources.diagnostic_report import Report
from fhir_msc.trial import Observation

_REPORT = "DiagnosticReport"
_BATCH = 100
_WAITING = 1000
_MOST_REMEMBERED = 512

_Key = tuple[str, str, str | None, str | None]


class Reports:
    """Gathers the reports of one table, then gives their bodies."""

    def __init__(self, frame: Frame, table: str) -> None:
        self._frame = frame
        self._table = table
        self._waiting: list[tuple[int, str, str, int | None, str | None]] = []
        self._known: dict[_Key, int] = {}

    @cached_property
    def _database(self) -> sqlite3.Connection:
        """Made when it is first needed: most tables have no reports."""
        database = scratch_database()
        database.execute(
            "CREATE TABLE report"
            " (id INTEGER PRIMARY KEY, rid UNIQUE, lane, study, encounter, name, category, effective, file)"
        )
        database.execute("CREATE TABLE result (report, rid, status, row, key)")
        database.execute("CREATE TABLE apart (rid, other, PRIMARY KEY (rid, other)) WITHOUT ROWID")
        return database

    def add(self, rid: str, lane: str, links: Links, record: Observation) -> None:
        """Takes a result that leaves. One without a time and without a visit is in no report."""
        name, visit = record.report, record.visit
        if name is None or (record.effective is None and visit is None):
            return
        key = (record.participant, name, record.effective, visit)
        report = self._known.get(key)
        if report is None:
            report = self._entered(key, lane, links, record)
        place = record.origins[0] if record.origins else Origin("", self._table)
        self._waiting.append((report, rid, record.status, place.row, place.key))
        if len(self._waiting) >= _WAITING:
            self._write()

    def also(self, rid: str, other: str) -> None:
        """A result under another id is of the same report: rows that share a key were told apart."""
        if "_database" in self.__dict__:
            self._database.execute("INSERT OR IGNORE INTO apart VALUES (?, ?)", (rid, other))

    def bodies(self, findings: list[Finding]) -> Iterator[list[Desired]]:
        """The DiagnosticReports in batches; adds what is wrong with them."""
        if "_database" not in self.__dict__:
            return
        self._write()
        batch: list[Desired] = []
        rows = self._database.execute(
            "SELECT report.rid, lane, study, encounter, name, category, effective, file, member, status, row, key"
            " FROM report JOIN (SELECT report AS of, rid AS member, status, row, key FROM result UNION ALL"
            " SELECT report, other, status, row, key FROM result JOIN apart ON apart.rid = result.rid)"
            " ON of = report.id ORDER BY report.rid, member"
        )
        for report, members in groupby(rows, key=itemgetter(slice(8))):
            body = self._body(report, list(members), findings)
            batch += [] if body is None else [body]
            if len(batch) >= _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _body(
        self, report: tuple[str, ...], members: Sequence[tuple[object, ...]], findings: list[Finding]
    ) -> Desired | None:
        rid, lane, study, encounter, name, category, effective, file = report
        *_, row, key = min(members, key=lambda one: (one[10] or 0, one[11] or ""))
        origins = (Origin(file, self._table, row, (), key),)  # type: ignore[arg-type]
        results = tuple(dict.fromkeys(str(one[8]) for one in members))
        record = Report(name, category, effective, results, {str(one[9]) for one in members})
        body = self._frame.maker.make(record, Links(rid, lane, study, encounter))
        findings += [replace(one, origins=origins) for one in body.findings]
        if any(one.is_error for one in body.findings):
            return None
        digest = sha256(body.content).digest()
        return Desired(rid, _REPORT, lane, body.rank, body.content, digest, self._table, origins, body.refs)

    def _entered(self, key: _Key, lane: str, links: Links, record: Observation) -> int:
        rid = self._frame.identity.rid(_REPORT, (self._table, *(part or "" for part in key)))
        file = record.origins[0].file if record.origins else ""
        values = (rid, lane, links.study, links.encounter, key[1], record.category, key[2], file)
        self._database.execute(
            "INSERT INTO report (rid, lane, study, encounter, name, category, effective, file)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            values,
        )
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        (found,) = self._database.execute("SELECT id FROM report WHERE rid = ?", (rid,)).fetchone()
        self._known[key] = int(found)
        return int(found)

    def _write(self) -> None:
        if self._waiting:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO result VALUES (?, ?, ?, ?, ?)", self._waiting)
            self._database.execute("COMMIT")
            self._waiting = []
