"""Which results are about which adverse event: the links that a table draws between the rows of others (SDTM RELREC).

R4: ``Observation.focus``, what an observation is about where that is not its subject
(http://hl7.org/fhir/R4/observation-definitions.html#Observation.focus). SDTMIG 8.2 and 8.3: a relation joins rows whose
columns hold a value that it names, or, between whole tables, the same value of one participant.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import cached_property

from fhir_msc.desired.frame import Frame
from fhir_msc.desired.making import Maker
from fhir_msc.desired.model import Account, Desired, not_mapped
from fhir_msc.desired.samples import Samples
from fhir_msc.findings import Finding, Origin
from fhir_msc.mapping.format import RelationWords
from fhir_msc.mapping.pack import PackTable
from fhir_msc.scratch import scratch_database
from fhir_msc.sources.naming import as_named
from fhir_msc.sources.table import Table

_EVENT = "AdverseEvent"
_MERGED = "what results are about"

_FOUND = """
INSERT INTO found
SELECT mine.place, mine.row, event.rid, near.relation, near.participant, near.domain, far.domain
FROM cell AS mine
JOIN link AS near ON near.domain = mine.domain AND near.variable = mine.variable
    AND near.participant IN ('', mine.participant) AND near.value IN ('', mine.value)
JOIN link AS far ON far.relation = near.relation AND far.participant = near.participant
JOIN cell AS other ON other.domain = far.domain AND other.variable = far.variable
    AND other.participant = mine.participant AND other.value = CASE far.value WHEN '' THEN mine.value ELSE far.value END
JOIN event ON event.place = other.place AND event.row = other.row
WHERE NOT EXISTS (SELECT 1 FROM event AS own WHERE own.place = mine.place)
"""

_USED = """
SELECT count(*) FROM link WHERE EXISTS (
    SELECT 1 FROM found WHERE found.relation = link.relation AND found.participant = link.participant
    AND link.domain IN (found.near, found.far))
"""


class Relations:
    """The relations of one run, in a temporary SQLite file. What they join is looked up when it is first asked for."""

    def __init__(self, frame: Frame, words: RelationWords, table: Table) -> None:
        self.table = table
        self._frame = frame
        self._columns = (words.relation, words.participant, words.domain, words.column, words.value)

    def concerns(self, table: str) -> bool:
        """Whether results of a table may be about an event."""
        return table in self._results

    def focus(self, table: str, origins: Sequence[Origin]) -> tuple[str, ...]:
        """The ids of the AdverseEvents that a result is about, of those that leave."""
        rids = {
            rid
            for origin in origins
            if origin.table == table
            for (rid,) in self._joined.execute("SELECT rid FROM found WHERE place = ? AND row = ?", (table, origin.row))
        }
        return tuple(sorted(rids))

    def digest(self, table: str) -> bytes:
        """What the bodies of a table depend on besides its own rows and its pack: relations, events, and the cells
        that they are joined by."""
        frame = self._frame
        parts = [frame.digest_rows(self.table, self._columns)]
        for pack_table, event in self._events:
            parts += [frame.rows_digest(pack_table, event), frame.digest_rows(event, self._variables(event))]
        if table in self._results:
            result = self._results[table]
            parts.append(frame.digest_rows(result, self._variables(result)))
        return b"".join(parts)

    def used(self) -> int:
        """How many rows of the table joined a result and an event that leaves."""
        return int(self._joined.execute(_USED).fetchone()[0])

    @cached_property
    def _links(self) -> sqlite3.Connection:
        database = scratch_database()
        database.execute("CREATE TABLE link (relation, participant, domain, variable, value)")
        database.execute("BEGIN")
        database.executemany(
            "INSERT INTO link VALUES (?, ?, ?, ?, ?)",
            (
                (*cells[:-1], as_named(cells[-2], cells[-1]))
                for _, cells in self._frame.source.rows(self.table.name, self._columns)
            ),
        )
        database.execute("COMMIT")
        return database

    @cached_property
    def _named(self) -> Sequence[tuple[str, str]]:
        """The domains and columns that relations name."""
        return self._links.execute("SELECT DISTINCT domain, variable FROM link ORDER BY 1, 2").fetchall()

    def _variables(self, table: Table) -> Sequence[str]:
        return [name for domain, name in self._named if _is_of(table, domain) and name in table.columns]

    @cached_property
    def _events(self) -> Sequence[tuple[PackTable, Table]]:
        return [one for one in self._frame.mapped if one[0].words.adverse_events and self._variables(one[1])]

    @cached_property
    def _results(self) -> dict[str, Table]:
        """The tables of results that are in a relation with one of events."""
        related = self._links.execute(
            "SELECT DISTINCT mine.domain, other.domain FROM link AS mine"
            " JOIN link AS other USING (relation, participant)"
        ).fetchall()
        return {
            table.name: table
            for pack_table, table in self._frame.mapped
            if pack_table.words.observations and not pack_table.words.adverse_events
            for mine, other in related
            if _is_of(table, mine) and any(_is_of(event, other) for _, event in self._events)
        }

    @cached_property
    def _joined(self) -> sqlite3.Connection:
        database = scratch_database()  # of its own: where a table cannot be read nothing of it is left
        database.execute("BEGIN")
        database.execute("CREATE TABLE link (relation, participant, domain, variable, value)")
        database.executemany("INSERT INTO link VALUES (?, ?, ?, ?, ?)", self._links.execute("SELECT * FROM link"))
        database.execute("CREATE TABLE cell (place, row, participant, domain, variable, value)")
        database.execute("CREATE TABLE event (place, row, rid)")
        database.execute("CREATE TABLE found (place, row, rid, relation, participant, near, far)")
        for pack_table, table in self._events:
            self._read_cells(database, pack_table, table)
            database.executemany("INSERT INTO event VALUES (?, ?, ?)", self._made(pack_table, table))
        # Events that share a key are told apart by their content: which of them is meant, nobody can say.
        database.execute("DELETE FROM event WHERE rid IN (SELECT rid FROM event GROUP BY rid HAVING count(*) > 1)")
        by_name = {table.name: pack_table for pack_table, table in self._frame.mapped}
        for table in self._results.values():
            self._read_cells(database, by_name[table.name], table)
        database.execute("CREATE INDEX cell_by_value ON cell (domain, variable, participant, value)")
        database.execute("CREATE INDEX event_by_row ON event (place, row)")
        database.execute(_FOUND)
        database.execute("CREATE INDEX found_by_row ON found (place, row)")
        database.execute("COMMIT")
        return database

    def _read_cells(self, database: sqlite3.Connection, pack_table: PackTable, table: Table) -> None:
        named = [(domain, name) for domain, name in self._named if _is_of(table, domain) and name in table.columns]
        rows = self._frame.source.rows(table.name, [pack_table.words.participant or "", *[name for _, name in named]])
        database.executemany(
            "INSERT INTO cell VALUES (?, ?, ?, ?, ?, ?)",
            (
                (table.name, row, cells[0], domain, name, as_named(name, cell))
                for row, cells in rows
                for (domain, name), cell in zip(named, cells[1:], strict=True)
                if cell
            ),
        )

    def _made(self, pack_table: PackTable, table: Table) -> Iterator[tuple[str, int | None, str]]:
        """The events that leave: table, row, id."""
        frame = self._frame
        maker = Maker(frame, table.name, Samples(frame, table.name), None)
        mapper = frame.mapper(pack_table, table)
        for row in mapper.map(mapper.rows(), frame.zone):
            for one in maker.make_rows([row])[0]:
                if one.desired is not None and one.desired.type == _EVENT:
                    yield table.name, one.desired.origins[0].row, one.desired.rid


def _is_of(table: Table, domain: str) -> bool:
    """Whether a table is of a domain: it has its name, or begins with it, as the parts of a domain that is split do."""
    return table.name.startswith(domain)


class RelationTable:
    """A DesiredTable of relations: its rows go into the results that are about an event."""

    def __init__(self, frame: Frame, relations: Relations) -> None:
        self.name = relations.table.name
        self.account = Account(self.name, relations.table.file)
        self.findings: list[Finding] = []
        self._frame = frame
        self._relations = relations

    def fingerprint(self) -> bytes:
        """What its account depends on."""
        return self._frame.fingerprint(self.name, self._relations.digest(self.name))

    def stream(self) -> Iterator[list[Desired]]:
        """No bodies of its own; accounts for the rows."""
        rows = sum(1 for _ in self._frame.source.rows(self.name, ()))
        used = self._relations.used()
        reason = self._frame.pack.words.not_mapped.get(self.name, "it joins nothing that leaves")
        self.account = Account(self.name, self.account.file, rows)
        self.findings = []
        if used:
            self.account.outcomes["merged", _MERGED] += used
        if rows > used:
            self.account.outcomes["not-mapped", reason] += rows - used
            self.findings.append(not_mapped(self.account, reason, rows - used))
        yield []
