"""The events of an ODM document in a blind project: those that hold something open.

An event may be there for a form that tells the arm. So one of which everything is sealed is no row, as one that holds
nothing is none: nobody who is blind may tell them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fhir_msc.errors import SourceError
from fhir_msc.sources.odm_document import stream
from fhir_msc.sources.odm_table import OdmTable
from fhir_msc.sources.odm_walk import EVENTS, Cells, Place
from fhir_msc.sources.seals import drops
from fhir_msc.sources.table import Row, Table

_IsOpen = Callable[[Place, Cells], bool]


@dataclass(frozen=True, slots=True)
class OpenEvents:
    """The events that hold a row of an open group. Their numbers are those of these alone."""

    table: Table
    events: OdmTable
    groups: Mapping[str, OdmTable]
    """The groups that are not sealed, by OID."""

    @classmethod
    def of(cls, events: OdmTable, groups: Sequence[OdmTable]) -> OpenEvents:
        """``events`` as they may be shown where ``groups`` lie in them. What a vendor adds to a sealed event is no
        column."""
        seals = events.seals
        opened = {one.table.name: one for one in groups if not seals.seals_table(one.table.name)}
        table = events.table
        if not table.undescribed:
            return cls(table, events, opened)
        added: set[str] = set()
        try:
            for _, cells in cls(table, events, opened)._open():
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
        return cls(shown, replace(events, table=shown), opened)

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Streams the rows, of each the values of ``columns``. Raises SourceError with the row."""
        read = self.events.reading(columns)
        number = 0
        try:
            for number, (place, cells) in enumerate(self._open(), start=1):
                yield number, read(place, cells)
        except SourceError as error:
            # In whichever item it is: that may be sealed.
            raise SourceError(
                error.what, file=error.file, table=self.table.name, row=number + 1, hint=error.hint
            ) from None

    def _open(self) -> Iterator[tuple[Place, Cells]]:
        is_row = {name: _row_of(group) for name, group in self.groups.items()}
        is_open = False

        def is_read(name: str) -> bool:
            return name == EVENTS or name in is_row

        for place, cells in stream(self.events.outlined, EVENTS, is_read):
            if place.groups:
                is_open = is_open or is_row[place.groups[-1].get("ItemGroupOID", "")](place, cells)
            else:
                if is_open:
                    yield place, cells
                is_open = False


def _row_of(group: OdmTable) -> _IsOpen:
    """Whether cells of the group are a row that is not sealed."""
    seals = group.seals.row_seals_on(group.table)
    told = group.reading([seal.column for seal in seals])
    return lambda place, cells: group.is_row(cells) and not drops(seals, told(place, cells))
