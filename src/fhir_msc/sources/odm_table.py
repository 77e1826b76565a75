"""One table of an ODM document: the cells of its rows, and what the metadata say of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fhir_msc.errors import SourceError
from fhir_msc.sources.odm_definitions import Definitions, Version
from fhir_msc.sources.odm_document import Outline, stream
from fhir_msc.sources.odm_walk import CONTEXT, UNIT_OID, Cells, Place
from fhir_msc.sources.seals import Seals
from fhir_msc.sources.table import LABEL, UNIT, Row, Table, trimmed


@dataclass(frozen=True, slots=True)
class OdmTable:
    """One table of an ODM document: a group of items, the participants or their events."""

    table: Table
    outlined: Outline
    definitions: Mapping[Version, Definitions]
    seals: Seals
    is_filled: bool = False
    """Whether a group that holds nothing open is no row: it may be there for what is sealed in it."""

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Streams the rows, of each the values of ``columns``. Raises SourceError with the row."""
        read = self.reading(columns)
        number, name = 0, self.table.name
        try:
            for place, cells in stream(self.outlined, name, name.__eq__):
                if self.is_row(cells):
                    number += 1
                    yield number, read(place, cells)
        except SourceError as error:
            raise error.at_row(number + 1) from None

    def has_rows(self) -> bool:
        """Whether it has a row, or damage that hides it: whoever reads the rows is told."""
        try:
            return next(self.rows(()), None) is not None
        except SourceError:
            return True

    def reading(self, columns: Sequence[str]) -> Callable[[Place, Cells], tuple[str, ...]]:
        """What gives the values of ``columns`` of a group's cells at their place."""
        context = {name: i for i, name in enumerate(CONTEXT)}
        listed = set(self.table.columns)
        labels = _Labels(self.definitions)
        asked: list[tuple[str, int | None, bool]] = []
        for column in columns:
            name = column.removesuffix(LABEL)
            asked.append((name if name in listed else "", context.get(name), column != name))
        group = self.table.name

        def read(place: Place, cells: Cells) -> tuple[str, ...]:
            around = place.around()
            values = []
            for name, at, labelled in asked:
                if not name:
                    value = ""
                elif at is not None:
                    value = around[at]
                elif name.endswith(UNIT):
                    value = cells.get(name) or labels.unit(place.version, group, name.removesuffix(UNIT), cells)
                else:
                    value = cells.get(name, "")
                if labelled and value:
                    value = labels.label(place.version, name, value, context=at is not None)
                values.append(value)
            return trimmed(values)

        return read

    def is_row(self, cells: Cells) -> bool:
        """Whether a group with these cells is a row."""
        if not self.is_filled:
            return True
        name = self.table.name
        return any(
            value and not self.seals.seals_column(name, column.removesuffix(UNIT_OID))
            for column, value in cells.items()
        )


class _Labels:
    """What the metadata say of values, by the version that the data refer to."""

    def __init__(self, definitions: Mapping[Version, Definitions]) -> None:
        self._definitions = definitions

    def _of(self, version: Version) -> Definitions:
        return self._definitions.get(version) or Definitions()

    def label(self, version: Version, column: str, value: str, *, context: bool) -> str:
        definitions = self._of(version)
        if context:
            return definitions.names.get(value) or value
        known = definitions.labels(column)
        return "|".join(known.get(code) or code for code in value.split("|")) if known else value

    def unit(self, version: Version, group: str, item: str, cells: Cells) -> str:
        if item not in cells:
            return ""
        definitions = self._of(version)
        written = cells.get(f"{item}{UNIT_OID}")
        if written:
            return definitions.units.get(written) or written
        described = definitions.groups.get(group)
        unit_item = described.unit_items.get(item, "") if described else ""
        return cells.get(unit_item) or definitions.unit(item)
