"""An export in which all that tells the arm is otherwise: what a blind project may not notice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from fhir_msc.sources.qualified import QUALIFIED_BY
from fhir_msc.sources.sealed_source import SealedSource
from fhir_msc.sources.seals import Seals
from fhir_msc.sources.table import LABEL, Row, Source, Table


class Altered:
    """A source whose sealed cells hold other texts, and whose sealed rows stand twice; or, with ``without``, one that
    has neither sealed tables nor sealed columns nor sealed rows. What is read from a sealed column is sealed with it,
    and a qualifier with its row. Cells by which rows are sealed stay: they decide what is sealed."""

    def __init__(self, source: Source, seals: Seals, *, without: bool) -> None:
        self._source = source
        self._sealed = SealedSource(source, seals)
        self._seals = seals
        self._without = without

    def tables(self) -> Sequence[Table]:
        """The tables that are left."""
        return [
            self._left(table)
            for table in self._source.tables()
            if not (self._without and self._seals.seals_table(table.name))
        ]

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        """The rows, altered."""
        seals, asked = self._seals.row_seals(table), len(columns)
        deciding = [seal.column for seal in seals]
        told = [column not in deciding and self._is_told(table, column) for column in columns]
        parents = self._sealed.parents(table)
        naming = () if parents is None else QUALIFIED_BY
        of_row = [column not in (*deciding, *QUALIFIED_BY) for column in columns]
        for number, cells in self._source.rows(table, [*columns, *deciding, *naming]):
            by = cells[asked + len(deciding) :]
            follows = parents is not None and not parents.has(by)
            changed = of_row if follows else told
            row = [
                self._other(cell, number) if is_told else cell for cell, is_told in zip(cells, changed, strict=False)
            ]
            dropped = follows or any(seal.drops(cell) for seal, cell in zip(seals, cells[asked:], strict=False))
            for _ in range((0 if self._without else 2) if dropped else 1):
                yield number, tuple(row)

    def _left(self, table: Table) -> Table:
        if not self._without:
            return table
        deciding = {seal.column for seal in self._seals.row_seals(table.name)}
        kept = [i for i, one in enumerate(table.columns) if one in deciding or not self._is_told(table.name, one)]
        columns = tuple(table.columns[i] for i in kept)
        return replace(
            table,
            columns=columns,
            labels=tuple(table.labels[i] for i in kept) if table.labels else (),
            identifiers=table.identifiers.intersection(columns),
            undescribed=table.undescribed.intersection(columns),
        )

    def _is_told(self, table: str, column: str) -> bool:
        shown = column.removesuffix(LABEL)
        return (
            self._seals.seals_table(table)
            or self._seals.seals_column(table, column)
            or any(
                made == shown and self._seals.seals_column(table, of)
                for one in self._source.tables()
                if one.name == table
                for made, of in one.made_of
            )
        )

    def _other(self, cell: str, number: int) -> str:
        return "" if self._without else f"{cell} altered {number}".strip()
