"""Rows that are one thing together: both readings of a blood pressure become one panel."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from fhir_msc.findings import Origin, Severity
from fhir_msc.mapping.joins import Share
from fhir_msc.mapping.notes import Notes, Topic
from fhir_msc.mapping.observations import ComponentMaker, together
from fhir_msc.mapping.presets import vital_sign
from fhir_msc.mapping.scope import Cells
from fhir_msc.scratch import scratch_database
from fhir_msc.trial import Component, Observation, Record

_BATCH = 500


class Grouping:
    """Rows on their way to their group, in a temporary SQLite file; given back group by group."""

    def __init__(self) -> None:
        self._database = scratch_database()
        self._database.execute("CREATE TABLE member (key, cells, row)")
        self._batch: list[tuple[str, str, int]] = []

    def add(self, key: Sequence[str], cells: Sequence[str], row: int) -> None:
        """Puts a row into its group."""
        self._batch.append((json.dumps(key), json.dumps(cells), row))
        if len(self._batch) >= _BATCH:
            self._flush()

    def groups(self) -> Iterator[list[tuple[int, Cells]]]:
        """The rows of each group, groups in the order of their keys, rows in the order of their cells."""
        self._flush()
        last: str | None = None
        group: list[tuple[int, Cells]] = []
        for key, cells, row in self._database.execute("SELECT key, cells, row FROM member ORDER BY key, cells, row"):
            if key != last and group:
                yield group
                group = []
            last = key
            group.append((row, tuple(json.loads(cells))))
        if group:
            yield group

    def _flush(self) -> None:
        if self._batch:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO member VALUES (?, ?, ?)", self._batch)
            self._database.execute("COMMIT")
            self._batch.clear()


@dataclass(frozen=True, slots=True)
class Member:
    """A row of a group: its cells, the observation that it would be without parts, and the parts it gives."""

    cells: Cells
    record: Record | None
    said: tuple[Component | None, ...]
    origins: tuple[Origin, ...]
    tie: Cells
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel and the rows that made it; without a record where they say nothing that the pack maps."""

    record: Observation | None
    members: int
    tie: Cells
    shares: tuple[Share, ...]


def panels(
    members: Sequence[Member], parts: Sequence[ComponentMaker], zone: str | None, notes: Notes
) -> Iterator[Panel]:
    """The panels of a group. Rows that a tie-breaker tells apart are panels of their own.

    Where a part stands twice and differs (two systolic readings of one moment), nobody knows which belongs to which
    other part: each reading is then a panel of its own, and none is lost.
    """
    by_tie: dict[Cells, list[Member]] = {}
    for member in members:
        by_tie.setdefault(member.tie, []).append(member)
    for tie in sorted(by_tie):
        alike = by_tie[tie]
        readings = [{member.said[i] for member in alike if member.said[i] is not None} for i in range(len(parts))]
        if all(len(found) <= 1 for found in readings):
            yield _panel(alike, parts, zone, notes)
            continue
        same: dict[tuple[Component | None, ...], list[Member]] = {}
        for member in alike:
            same.setdefault(member.said, []).append(member)
        for reading in same.values():
            yield _panel(reading, parts, zone, notes)


def _panel(members: Sequence[Member], parts: Sequence[ComponentMaker], zone: str | None, notes: Notes) -> Panel:
    shares = tuple(share for member in members for share in member.shares)
    first = members[0]
    record = first.record
    if not isinstance(record, Observation):
        return Panel(None, len(members), first.tie, shares)
    said = [next((member.said[i] for member in members if member.said[i]), None) for i in range(len(parts))]
    components = together(parts, said, first.cells, zone)
    reasons = [member.record.absent for member in members if isinstance(member.record, Observation)]
    reason = next((one for one in reasons if one is not None), None)
    if not components and reason is None:
        return Panel(None, len(members), first.tie, shares)
    if any(_frame(member.record) != _frame(record) for member in members[1:]):
        message = "rows of one panel differ in more than their readings: what the first says is taken"
        notes.say(notes.open(Topic("MSC-MAP-006", Severity.WARNING, message, ())))
    origins = tuple(origin for member in members for origin in member.origins)
    vital = vital_sign("vital-signs", record.code)
    made = replace(
        record,
        components=components,
        absent=None if components else reason,
        profiles=vital.claims(record.effective, None, components) if vital else (),
        origins=origins,
    )
    return Panel(made, len(members), first.tie, shares)


def _frame(record: Record | None) -> Observation | None:
    return replace(record, origins=(), absent=None) if isinstance(record, Observation) else None
