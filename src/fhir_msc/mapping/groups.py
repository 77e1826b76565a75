"""Rows that are one thing together: both readings of a blood pressure become one panel."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import NamedTuple

import orjson

from fhir_msc.findings import Origin, Severity
from fhir_msc.mapping.joins import Share
from fhir_msc.mapping.notes import Notes, Topic
from fhir_msc.mapping.observations import ComponentMaker, together
from fhir_msc.mapping.presets import vital_sign
from fhir_msc.mapping.scope import Cells
from fhir_msc.scratch import scratch_database
from fhir_msc.trial import Component, Observation, Record

_BATCH = 500


class GroupedRow(NamedTuple):
    """A row of a group: its number, its place among the rows that came, and its cells."""

    row: int
    place: int
    cells: Cells


class Grouping:
    """Rows on their way to their group, in a temporary SQLite file; given back group by group."""

    def __init__(self) -> None:
        self._database = scratch_database()
        self._database.execute("CREATE TABLE member (key, cells, row, place)")
        self._batch: list[tuple[str, str, int, int]] = []

    def add(self, key: Sequence[str], cells: Sequence[str], row: int, place: int) -> None:
        """Puts a row, by its number and its place among the rows that came, into its group."""
        self._batch.append((_text(key), _text(cells), row, place))
        if len(self._batch) >= _BATCH:
            self._flush()

    def groups(self) -> Iterator[list[GroupedRow]]:
        """The rows of each group, groups in the order of their keys, rows in the order of their cells."""
        self._flush()
        found = self._database.execute("SELECT key, cells, row, place FROM member ORDER BY key, cells, row")
        for _, group in groupby(found, key=itemgetter(0)):
            yield [GroupedRow(row, place, tuple(orjson.loads(cells))) for _, cells, row, place in group]

    def _flush(self) -> None:
        if self._batch:
            self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO member VALUES (?, ?, ?, ?)", self._batch)
            self._database.execute("COMMIT")
            self._batch.clear()


def _text(cells: Sequence[str]) -> str:
    """The cells as JSON of ASCII, by which they are sorted."""
    text = orjson.dumps(cells)
    # orjson writes what is not ASCII, and DEL, as it is.
    if text.isascii() and b"\x7f" not in text:
        return text.decode()
    return json.dumps(cells, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Member:
    """A row of a group: its place among the rows that came, its cells, the observation that it would be without parts,
    and the parts it gives."""

    place: int
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
    places: tuple[int, ...]
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
    places = tuple(member.place for member in members)
    first = members[0]
    record = first.record
    if not isinstance(record, Observation):
        return Panel(None, places, first.tie, shares)
    said = [next((member.said[i] for member in members if member.said[i]), None) for i in range(len(parts))]
    components = together(parts, said, first.cells, zone)
    reasons = [member.record.absent for member in members if isinstance(member.record, Observation)]
    reason = next((one for one in reasons if one is not None), None)
    if not components and reason is None:
        return Panel(None, places, first.tie, shares)
    if any(not _is_same_but_read(member.record, record) for member in members[1:]):
        message = "rows of one panel differ in more than their readings: what the first says is taken"
        notes.say(notes.open(Topic("MSC-MAP-006", Severity.WARNING, message, ())))
    origins = tuple(origin for member in members for origin in member.origins)
    vital = vital_sign("vital-signs", record.description.code)
    made = replace(
        record,
        components=components,
        absent=None if components else reason,
        profiles=vital.claims(record.effective, None, components) if vital else (),
        origins=origins,
    )
    return Panel(made, places, first.tie, shares)


_FRAME = attrgetter(*[one.name for one in fields(Observation) if one.name not in ("origins", "absent")])


def _is_same_but_read(record: Record | None, first: Observation) -> bool:
    """Whether two rows of a panel differ in nothing but their readings."""
    return isinstance(record, Observation) and bool(_FRAME(record) == _FRAME(first))
