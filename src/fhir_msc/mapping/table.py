"""One table of a pack, compiled: rows in, trial records out, each with its key and its cells."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from fhir_msc.findings import Finding, Origin, Severity
from fhir_msc.mapping.groups import GroupedRow, Grouping, Member, panels
from fhir_msc.mapping.joins import Joins, Share
from fhir_msc.mapping.notes import Notes
from fhir_msc.mapping.observations import ComponentMaker
from fhir_msc.mapping.pack import PackTable
from fhir_msc.mapping.records import Maker
from fhir_msc.mapping.scope import CellProblem, Cells, Test
from fhir_msc.quick import filled, picker
from fhir_msc.sources.sealed_source import NO_NUMBER
from fhir_msc.sources.table import Row, Source, Table
from fhir_msc.trial import Key, Record

_AT_ONCE = 50
"""Rows that are read before they are mapped: stage by stage the processor's caches keep each stage's code and data."""

Zone = Callable[[str], str | None]
"""The IANA zone of a participant's site."""


@dataclass(frozen=True, slots=True)
class Block:
    """A compiled block: the kind of record, when it holds, how it is made, which of the table's columns it reads, its
    part of the key, and the columns by which rows are grouped into panels."""

    kind: str
    test: Test | None
    make: Maker
    columns: tuple[str, ...]
    name: str = ""
    group: tuple[str, ...] = ()
    parts: tuple[ComponentMaker, ...] = ()


class MappedRow(NamedTuple):
    """What became of one row, or of the rows of one panel: records, problems, or neither.

    ``outcome`` is ``mapped`` (records or problems follow) or ``empty`` (nothing in it that the pack maps).
    ``correctable`` is, per record, the key without what a site may correct; ``None`` where nothing of the key may be
    corrected. ``places`` are the places of the rows among those that were given, from 0; ``tie`` holds the cells that
    tell rows of one key apart, ``shares`` are the rows of other tables that went into these.
    """

    participant: str
    outcome: str = "mapped"
    records: tuple[Record, ...] = ()
    problems: tuple[Finding, ...] = ()
    correctable: tuple[Key | None, ...] = ()
    places: tuple[int, ...] = (0,)
    tie: Cells = ()
    shares: tuple[Share, ...] = ()

    @property
    def members(self) -> int:
        """How many rows it is."""
        return len(self.places)


_mapped_row = filled(MappedRow)


def _filled(places: Sequence[int], missing: Collection[str]) -> Callable[[Cells], Cells]:
    """Picks the cells at these places; a missing-data code is no more than an empty cell."""
    pick: Callable[[Cells], Cells] = picker(places)
    if not missing:
        return pick
    return lambda cells: tuple(["" if cell in missing else cell for cell in pick(cells)])


class TableMapper:
    """Maps the rows of one table. Made by ``compiler.compile_table``."""

    def __init__(
        self,
        *,
        pack_table: PackTable,
        table: Table,
        source: Source,
        blocks: Sequence[Block],
        columns: Mapping[str, int],
        own: Sequence[str],
        notes: Notes,
        numbered: bool,
        joins: Joins,
        missing: Collection[str],
    ) -> None:
        words = pack_table.words
        self.words = words
        self.table = table
        self.notes = notes
        self.joins = joins
        self.columns = columns
        self.asked = tuple(own)
        self._source = source
        self._blocks = tuple(enumerate(blocks))
        self._is_joined = bool(joins)
        self._numbered = numbered
        self.participant = columns[words.participant] if words.participant else -1
        key = [name for name in words.key if name != words.participant]
        lasting = [name for name in key if name not in words.correctable]
        self._key = picker([columns[name] for name in key])
        self._lasting = picker([columns[name] for name in lasting])
        self._has_correctable = len(lasting) < len(key)
        self._sponsor = tuple((name, columns[name]) for name in words.sponsor_id)
        self._skip = (
            _filled([columns[name] for name in words.skip_unless_any], missing) if words.skip_unless_any else None
        )
        self._required = _filled([columns[name] for name in words.required], missing)
        self._one_of_each = words.one_of_each
        self._ties = picker([columns[name] for name in words.tie_breakers]) if words.tie_breakers else None

    def rows(self) -> Iterator[Row]:
        """The rows of the table, the columns that are read."""
        return self._source.rows(self.table.name, self.asked)

    def map(self, rows: Iterator[Row], zone: Zone) -> Iterator[MappedRow]:
        """Maps rows; panels come last, in the order of their keys."""
        groupings: dict[int, Grouping] = {}
        place = 0
        while some := list(islice(rows, _AT_ONCE)):
            for row, own in some:
                mapped = self._map_row((place,), row, own, zone, groupings)
                place += 1
                if mapped is not None:
                    yield mapped
        for number, block in self._blocks:
            for members in groupings[number].groups() if number in groupings else ():
                yield from self._map_group(block, members, zone)

    def _map_row(
        self, places: tuple[int], row: int, own: Cells, zone: Zone, groupings: dict[int, Grouping]
    ) -> MappedRow | None:
        """What becomes of a row; ``None`` for one that will come with its group."""
        participant = own[self.participant]
        if "" in self._required(own):
            return MappedRow(participant, problems=(self._incomplete(row, own),), places=places)
        if self._skip is not None and not any(self._skip(own)):
            return MappedRow(participant, "empty", places=places)
        cells, joined, shares = self.joins.extended(own) if self._is_joined else (own, (), ())
        site_zone = zone(participant)
        records: tuple[Record, ...] = ()
        problems: tuple[Finding, ...] = ()
        correctable: tuple[Key | None, ...] = ()
        for number, block in self._blocks:
            if block.test is not None and not block.test(cells):
                continue
            if block.group:
                group = [participant, *[cells[self.columns[name]] for name in block.group]]
                grouping = groupings.get(number)
                if grouping is None:
                    grouping = groupings[number] = Grouping()
                grouping.add(group, own, row, places[0])
                return None
            key, lasting = self._keys(block, participant, cells)
            try:
                record = block.make(
                    cells, site_zone, key, participant, (self._origin(row, block.columns, key), *joined)
                )
            except CellProblem as problem:
                problems += (self._finding(problem, row, cells),)
                record = problem.instead
            if record is not None:
                records += (record,)
                correctable += (lasting,)
            if self._one_of_each:
                break
        tie = self._ties(cells) if self._ties is not None else ()
        outcome = "mapped" if records or problems else "empty"
        return _mapped_row((participant, outcome, records, problems, correctable, places, tie, shares))

    def _incomplete(self, row: int, own: Cells) -> Finding:
        """That a required cell of a row is empty: the first."""
        name = next(name for name, cell in zip(self.words.required, self._required(own), strict=True) if not cell)
        problem = CellProblem("MSC-MAP-005", (name,), "must be filled", "", "fill the cell in the source")
        return self._finding(problem, row, own + ("",) * (len(self.columns) - len(own)))

    def _keys(self, block: Block, participant: str, cells: Cells) -> tuple[Key, Key | None]:
        """The key, and the key without what a site may correct."""
        head = (block.kind, self.table.name, participant)
        for name, place in self._sponsor:
            if cells[place]:
                return (*head, f"{name}={cells[place]}", *self._lasting(cells), block.name), None
        key = (*head, *self._key(cells), block.name)
        return key, (*head, *self._lasting(cells), block.name) if self._has_correctable else None

    def _map_group(self, block: Block, rows: Sequence[GroupedRow], zone: Zone) -> Iterator[MappedRow]:
        members: list[Member] = []
        participant = rows[0].cells[self.participant]
        site_zone = zone(participant)
        extended = [self.joins.extended(one.cells) if self._is_joined else (one.cells, (), ()) for one in rows]
        key, lasting = self._group_keys(block, participant, extended[0][0])
        for (row, place, _), (cells, joined, shares) in zip(rows, extended, strict=True):
            origins = (self._origin(row, block.columns, key), *joined)
            try:
                record = block.make(cells, site_zone, key, participant, origins)
                said = tuple(part.make(cells, site_zone) if part.holds(cells) else None for part in block.parts)
            except CellProblem as problem:
                found = self._finding(problem, row, cells)
                yield MappedRow(participant, problems=(found,), places=(place,), shares=shares)
                continue
            tie = self._ties(cells) if self._ties is not None else ()
            members.append(Member(place, cells, record, said, origins, tie, shares))
        for panel in panels(members, block.parts, site_zone, self.notes):
            yield MappedRow(
                participant,
                "mapped" if panel.record is not None else "empty",
                records=(panel.record,) if panel.record is not None else (),
                correctable=(lasting,) if panel.record is not None else (),
                places=panel.places,
                tie=panel.tie,
                shares=panel.shares,
            )

    def _group_keys(self, block: Block, participant: str, cells: Cells) -> tuple[Key, Key | None]:
        """The keys of a panel, by the columns of its group alone: an identifier of the sponsor's is a row's, and its
        panel must stay the same when a further row of it arrives."""
        head = (block.kind, self.table.name, participant)
        columns, words = self.columns, self.words
        named = [name for name in block.group if name != words.participant]
        key = (*head, *[cells[columns[name]] for name in named], block.name)
        lasting = [cells[columns[name]] for name in named if name not in words.correctable]
        return key, (*head, *lasting, block.name) if len(lasting) < len(named) else None

    def _origin(self, row: int, columns: tuple[str, ...], key: Key) -> Origin:
        if self._numbered and row != NO_NUMBER:
            return Origin(self.table.file, self.table.name, row, columns)
        return Origin(self.table.file, self.table.name, None, columns, "/".join(filter(None, key[2:])))

    def _finding(self, problem: CellProblem, row: int, cells: Cells) -> Finding:
        key = ("", self.table.name, cells[self.participant], *self._key(cells))
        return Finding(
            rule=problem.rule,
            severity=Severity.ERROR,
            message=problem.message,
            origins=(self._origin(row, problem.columns, key),),
            hint=problem.hint,
            value=problem.value,
        )
