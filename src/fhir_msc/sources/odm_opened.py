"""The events and participants of an ODM document in a blind project: as those that hold something open show them.

An event, or a further SubjectData of a participant, may be there for a form that tells the arm. So one of which all is
sealed is no row, as one that holds nothing is none: nobody who is blind may tell them apart. But a participant is in
the trial whatever is sealed of them: who has nothing open is one row, behind the others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fhir_msc.errors import SourceError
from fhir_msc.scratch import scratch_database
from fhir_msc.sources.odm_document import stream
from fhir_msc.sources.odm_table import OdmTable
from fhir_msc.sources.odm_walk import SUBJECTS, Cells, Place
from fhir_msc.sources.seals import drops
from fhir_msc.sources.table import Row, Table

_IsOpen = Callable[[Place, Cells], bool]
_Held = Iterator[tuple[Place, Cells]]


@dataclass(frozen=True, slots=True)
class Opened:
    """``whole``, the events or the participants, as far as they hold a row of an open group. Row numbers are of these
    alone."""

    table: Table
    whole: OdmTable
    groups: Mapping[str, OdmTable]
    """The groups that are not sealed, by OID."""

    @classmethod
    def of(cls, whole: OdmTable, groups: Sequence[OdmTable]) -> Opened:
        """``whole`` as it may be shown where ``groups`` lie in it. What a vendor adds to what is sealed alone is no
        column."""
        seals = whole.seals
        opened = {one.table.name: one for one in groups if not seals.seals_table(one.table.name)}
        table = whole.table
        if not table.undescribed:
            return cls(table, whole, opened)
        added: set[str] = set()
        try:
            for _, cells in cls(table, whole, opened)._open():
                added.update(cells)
        except SourceError:
            pass  # whoever reads the rows is told
        kept = [i for i, name in enumerate(table.columns) if name in added or name not in table.undescribed]
        shown = replace(
            table,
            columns=tuple(table.columns[i] for i in kept),
            labels=tuple(table.labels[i] for i in kept),
            undescribed=table.undescribed & added,
        )
        return cls(shown, replace(whole, table=shown), opened)

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Streams the rows, of each the values of ``columns``. Raises SourceError with the row."""
        read = self.whole.reading(columns)
        number = 0
        try:
            for number, (place, cells) in enumerate(self._open(), start=1):
                yield number, read(place, cells)
        except SourceError as error:
            # In whichever item it is: that may be sealed.
            raise SourceError(
                error.what, file=error.file, table=self.table.name, row=number + 1, hint=error.hint
            ) from None

    def _open(self) -> _Held:
        if self.table.name == SUBJECTS:
            yield from _each_once(self._held())
        else:
            yield from ((place, cells) for place, cells, is_open in self._held() if is_open)

    def _held(self) -> Iterator[tuple[Place, Cells, bool]]:
        """All of them, and whether they hold anything open."""
        name = self.table.name
        is_row = {oid: _row_of(group) for oid, group in self.groups.items()}
        is_open = False
        for place, cells in stream(self.whole.outlined, name, lambda wanted: wanted == name or wanted in is_row):
            if place.groups:
                is_open = is_open or is_row[place.groups[-1].get("ItemGroupOID", "")](place, cells)
            else:
                yield place, cells, is_open
                is_open = False


def _each_once(held: Iterator[tuple[Place, Cells, bool]]) -> _Held:
    """Those that hold anything open, then one of every other participant, by their keys."""
    database = scratch_database()
    database.execute("CREATE TABLE subject (key PRIMARY KEY, place, open) WITHOUT ROWID")
    database.execute("BEGIN")
    for place, cells, is_open in held:
        key = json.dumps([place.version[0], place.subject.get("SubjectKey", "")])
        told = None if is_open else json.dumps([place.version, dict(place.subject), place.location, cells])
        database.execute(
            "INSERT INTO subject VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET open = max(open, excluded.open)",
            (key, told, is_open),
        )
        if is_open:
            yield place, cells
    for (told,) in database.execute("SELECT place FROM subject WHERE open = 0 ORDER BY key"):
        version, subject, location, cells = json.loads(told)
        yield Place((version[0], version[1]), subject, location), cells


def _row_of(group: OdmTable) -> _IsOpen:
    """Whether cells of the group are a row that is not sealed."""
    seals = group.seals.row_seals_on(group.table)
    told = group.reading([seal.column for seal in seals])
    return lambda place, cells: group.is_row(cells) and not drops(seals, told(place, cells))
