"""One table of a pack, compiled: rows in, trial records out, each with its key and its cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fhir_msc.findings import Finding, Origin, Severity
from fhir_msc.mapping import records
from fhir_msc.mapping.expressions import CellProblem, Cells
from fhir_msc.mapping.joins import Grouping, Qualifiers, SameThing
from fhir_msc.mapping.notes import Notes
from fhir_msc.mapping.pack import PackTable
from fhir_msc.mapping.records import Block
from fhir_msc.sources.seals import NO_NUMBER
from fhir_msc.sources.table import Row, Source, Table
from fhir_msc.trial import Key, Observation, Record

Zone = Callable[[str], str | None]
"""The IANA zone of a participant's site."""


@dataclass(slots=True)
class MappedRow:
    """What became of one row: its records, or why there are none.

    ``outcome`` is ``mapped`` (records or problems follow), ``grouped`` (it will come with its group), ``merged`` (it
    went into another table's row) or ``empty`` (nothing in it that the pack maps). ``correctable`` is, per record, the
    key without what a site may correct, ``None`` where nothing of the key may be corrected.
    """

    row: int
    outcome: str
    records: list[Record] = field(default_factory=list)
    problems: list[Finding] = field(default_factory=list)
    correctable: list[Key | None] = field(default_factory=list)
    members: int = 1
    tie: tuple[str, ...] = ()


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
        joins: Sequence[Qualifiers | SameThing],
        already_used: SameThing | None,
    ) -> None:
        words = pack_table.words
        self.words = words
        self.table = table
        self.notes = notes
        self.joins = joins
        self.asked = tuple(own)
        self._source = source
        self._blocks = blocks
        self._columns = columns
        self._numbered = numbered
        self._already_used = already_used
        self._participant = columns[words.participant] if words.participant else -1
        key = [name for name in words.key if name != words.participant]
        self._key = tuple(columns[name] for name in key)
        self._lasting = tuple(columns[name] for name in key if name not in words.correctable)
        self._has_correctable = len(self._lasting) < len(self._key)
        self._sponsor = tuple((name, columns[name]) for name in words.sponsor_id)
        self._skip = tuple(columns[name] for name in words.skip_unless_any)
        self._required = tuple((name, columns[name]) for name in words.required if name in columns)
        self._ties = tuple(columns[name] for name in words.tie_breakers)

    def rows(self) -> Iterator[Row]:
        """The rows of the table, the columns that are read."""
        return self._source.rows(self.table.name, self.asked)

    def map(self, rows: Iterator[Row], zone: Zone) -> Iterator[MappedRow]:
        """Maps rows; rows of groups come last, group by group, in the order of their keys."""
        groupings: dict[int, Grouping] = {}
        for row, own in rows:
            if self._is_part_of_another(own):
                yield MappedRow(row, "merged")
                continue
            try:
                cells, joined = self._with_joined(own)
            except CellProblem as problem:
                yield MappedRow(row, "mapped", problems=[self._finding(problem, row, own)])
                continue
            yield self._map_row(row, cells, joined, zone, groupings)
        for number in sorted(groupings):
            for members in groupings[number].groups():
                yield self._map_group(self._blocks[number], members, zone)

    def _map_row(
        self, row: int, cells: Cells, joined: tuple[Origin, ...], zone: Zone, groupings: dict[int, Grouping]
    ) -> MappedRow:
        mapped = MappedRow(row, "mapped", tie=tuple([cells[i].strip() for i in self._ties]) if self._ties else ())
        participant = cells[self._participant].strip()
        for name, place in self._required:
            if not cells[place].strip():
                problem = CellProblem("MSC-MAP-005", (name,), "must be filled", "", "fill the cell in the source")
                mapped.problems.append(self._finding(problem, row, cells))
                return mapped
        if self._skip and not any(cells[i].strip() for i in self._skip):
            mapped.outcome = "empty"
            return mapped
        site_zone = zone(participant)
        for number, block in enumerate(self._blocks):
            if block.test is not None and not block.test(cells):
                continue
            if block.group:
                groupings.setdefault(number, Grouping()).add([cells[i].strip() for i in block.group], cells, row)
                mapped.outcome = "grouped"
                continue
            key = self._key_of(block, participant, cells, self._key)
            origins = (self._origin(row, tuple(block.columns), key), *joined)
            try:
                record = block.make(cells, site_zone, key, participant, origins)
            except CellProblem as problem:
                mapped.problems.append(self._finding(problem, row, cells))
                continue
            if record is not None:
                mapped.records.append(record)
                mapped.correctable.append(
                    self._key_of(block, participant, cells, self._lasting) if self._has_correctable else None
                )
            if self.words.one_of_each:
                break
        if not mapped.records and not mapped.problems and mapped.outcome == "mapped":
            mapped.outcome = "empty"
        return mapped

    def _map_group(self, block: Block, members: list[tuple[int, Cells]], zone: Zone) -> MappedRow:
        row, first = members[0]
        mapped = MappedRow(row, "mapped", members=len(members))
        participant = first[self._participant].strip()
        key = self._key_of(block, participant, first, block.group)
        origins = tuple(self._origin(number, tuple(block.columns), key) for number, _ in members)
        site_zone = zone(participant)
        try:
            record = block.make(first, site_zone, key, participant, origins)
            components = records.panel(block.components, [cells for _, cells in members], site_zone)
        except CellProblem as problem:
            mapped.problems.append(replace(self._finding(problem, row, first), origins=origins))
            return mapped
        if isinstance(record, Observation):
            absent = None if components else record.absent or records.absent("unknown")
            mapped.records.append(replace(record, components=components, absent=absent))
            lasting = tuple(i for i in block.group if i in self._lasting or i not in self._key)
            mapped.correctable.append(
                self._key_of(block, participant, first, lasting) if len(lasting) < len(block.group) else None
            )
        else:
            mapped.outcome = "empty"
        return mapped

    def _is_part_of_another(self, own: Cells) -> bool:
        taken = self._already_used
        return taken is not None and taken.is_used([own[self._columns[name]] for name in taken.join.on.values()])

    def _key_of(self, block: Block, participant: str, cells: Cells, places: tuple[int, ...]) -> Key:
        for name, place in self._sponsor:
            sponsor = cells[place].strip()
            if sponsor:
                rest = [cells[i].strip() for i in places if i in self._lasting or i not in self._key]
                return (block.kind, self.table.name, participant, f"{name}={sponsor}", *rest, block.name)
        return (block.kind, self.table.name, participant, *[cells[i].strip() for i in places], block.name)

    def _origin(self, row: int, columns: tuple[str, ...], key: Key) -> Origin:
        if self._numbered and row != NO_NUMBER:
            return Origin(self.table.file, self.table.name, row, columns)
        return Origin(self.table.file, self.table.name, None, columns, "/".join(part for part in key[2:] if part))

    def _finding(self, problem: CellProblem, row: int, cells: Cells) -> Finding:
        participant = cells[self._participant].strip() if self._participant >= 0 else ""
        key = ("", self.table.name, participant, *[cells[i].strip() for i in self._key])
        origin = self._origin(row, problem.columns, key)
        return Finding(
            rule=problem.rule,
            severity=Severity.ERROR,
            message=problem.message,
            origins=(origin,),
            hint=problem.hint,
            value=problem.value,
        )

    def _with_joined(self, own: Cells) -> tuple[Cells, tuple[Origin, ...]]:
        if not self.joins:
            return own, ()
        extra = [""] * (len(self._columns) - len(own))
        origins: list[Origin] = []
        for join in self.joins:
            if isinstance(join, Qualifiers):
                self._add_qualifiers(join, own, extra, origins)
            else:
                self._add_same(join, own, extra, origins)
        return (*own, *extra), tuple(origins)

    def _add_qualifiers(self, join: Qualifiers, own: Cells, extra: list[str], origins: list[Origin]) -> None:
        subject = own[self._participant]
        identifying = [(name, own[self._columns[name]] if name else "") for name in join.variables]
        found = join.of_parent(subject, identifying)
        if found:
            join.mark_used([(subject, name, value) for name, value in identifying])
        for name, text, row in found:
            if name in self._columns:
                extra[self._columns[name] - len(own)] = text
                number = row if row != NO_NUMBER and self._numbered else None
                place = None if number is not None else f"{subject}/{name}"
                origins.append(Origin(join.table.file, join.table.name, number, ("QVAL",), place))

    def _add_same(self, join: SameThing, own: Cells, extra: list[str], origins: list[Origin]) -> None:
        found = join.of_row([own[self._columns[name]] for name in join.join.on])
        distinct = list(dict.fromkeys(cells for cells, _ in found))
        if len(distinct) > 1:
            self.notes.add(
                "MSC-MAP-006",
                Severity.WARNING,
                f"several rows of {join.table.name} that differ belong to one row: what they differ in is left out",
                *join.columns,
            )
        for i, name in enumerate(join.columns):
            values = {cells[i] for cells in distinct}
            if len(values) == 1:
                extra[self._columns[name] - len(own)] = values.pop()
        origins += [Origin(join.table.file, join.table.name, row or None, join.columns) for _, row in found]
