"""The reports of one table: results of one panel and time are one, which names them all.

What belongs to which report is gathered in a temporary SQLite file while the table streams.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from itertools import chain, groupby, islice
from operator import itemgetter

import orjson

from fhir_msc.desired.frame import Frame
from fhir_msc.desired.model import Desired
from fhir_msc.findings import Finding, Origin
from fhir_msc.resources.context import Links
from fhir_msc.resources.diagnostic_report import Report
from fhir_msc.resources.registry import builder_for
from fhir_msc.scratch import scratch_database
from fhir_msc.trial import Observation

_REPORT = "DiagnosticReport"
_RANK = builder_for(Report).rank
_BATCH = 100
_MOST_WAITING = 8192
"""Results that are held in memory: many enough that those of a participant whose rows stand together are written at
once."""

_NOWHERE = Origin("", "")

_Key = tuple[str, str, str | None, str | None]
_Head = tuple[str, str, str | None, str | None, str, str | None, str | None, str]
_Place = tuple[int, str]
"""The row of a cell, or its key where rows have no numbers (then the row is 0)."""


@dataclass(slots=True)
class _Part:
    """What is known of one report so far: its first result's place, the ids and the statuses of its results."""

    head: _Head
    first: _Place
    results: list[str] = field(default_factory=list)
    statuses: set[str] = field(default_factory=set)


def _told(part: _Part) -> bytes:
    """A part as it stands in the file."""
    return orjson.dumps((part.head, part.first, part.results, list(part.statuses)))


def _part(told: bytes) -> _Part:
    head, first, results, statuses = orjson.loads(told)
    return _Part(tuple(head), tuple(first), results, set(statuses))


class Reports:
    """Gathers the reports of one table, then gives their bodies."""

    def __init__(self, frame: Frame, table: str) -> None:
        self._frame = frame
        self._table = table
        self._open: dict[_Key, _Part] = {}
        self._waiting = 0
        self._is_apart = False

    @cached_property
    def _database(self) -> sqlite3.Connection:
        """Made when it is first needed: most tables have no reports."""
        database = scratch_database()
        database.execute("CREATE TABLE part (rid, told)")
        database.execute("CREATE TABLE apart (rid, other, PRIMARY KEY (rid, other)) WITHOUT ROWID")
        return database

    def add(self, links: Links, record: Observation) -> None:
        """Takes a result that leaves, with its ids. One without a time and without a visit is in no report."""
        description, effective, visit = record.description, record.effective, record.visit
        name = description.report
        if name is None or (effective is None and visit is None):
            return
        key = (record.participant, name, effective, visit)
        origin = record.origins[0] if record.origins else _NOWHERE
        place = (origin.row or 0, origin.key or "")
        part = self._open.get(key)
        if part is None:
            part = self._open[key] = _Part(self._head(key, links, record), place)
        elif place < part.first:
            part.first = place
        part.results.append(links.rid)
        part.statuses.add(description.status)
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
        rows = self._database.execute("SELECT rid, told FROM part ORDER BY rid")
        reports = ([_part(told) for _, told in parts] for _, parts in groupby(rows, key=itemgetter(0)))
        while some := list(islice(reports, _BATCH)):
            yield self._bodies(some, findings)

    def _with_apart(self, results: Iterable[str]) -> list[str]:
        """The ids, and those that shared one with them, in their order, each once."""
        found = set(results)
        if self._is_apart:
            for rid in tuple(found):
                found |= {other for (other,) in self._database.execute("SELECT other FROM apart WHERE rid = ?", (rid,))}
        return sorted(found)

    def _bodies(self, reports: Sequence[Sequence[_Part]], findings: list[Finding]) -> list[Desired]:
        """The bodies of reports, of each the parts that were written one after the other."""
        records: list[Report] = []
        links: list[Links] = []
        for parts in reports:
            rid, lane, study, encounter, name, category, effective, _ = parts[0].head
            results = self._with_apart(chain.from_iterable(part.results for part in parts))
            records.append(Report(name, category, effective, results, {one for part in parts for one in part.statuses}))
            links.append(Links(rid, lane, study, encounter))
        batch: list[Desired] = []
        contents = self._frame.maker.make_all(Report, records, links)
        for parts, (content, refs, found) in zip(reports, contents, strict=True):
            rid, lane, *_, file = parts[0].head
            row, key = min(part.first for part in parts)
            origins = (Origin(file, self._table, row or None, (), key or None),)
            findings += [replace(one, origins=origins) for one in found]
            if not any(one.is_error for one in found):
                digest = sha256(content).digest()
                batch.append(Desired(rid, _REPORT, lane, _RANK, content, digest, self._table, origins, refs))
        return batch

    def _head(self, key: _Key, links: Links, record: Observation) -> _Head:
        rid = self._frame.identity.rid(_REPORT, (self._table, *(part or "" for part in key)))
        file = record.origins[0].file if record.origins else ""
        return rid, links.subject or "", links.study, links.encounter, key[1], record.description.category, key[2], file

    def _write(self) -> None:
        database = self._database
        database.execute("BEGIN")
        told = ((part.head[0], _told(part)) for part in self._open.values())
        database.executemany("INSERT INTO part VALUES (?, ?)", told)
        database.execute("COMMIT")
        self._open.clear()
        self._waiting = 0
