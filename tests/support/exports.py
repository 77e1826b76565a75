"""SDTM exports in memory, for tests that change them: tables with their cells as stored, written as XPORT v5.

Numeric cells keep the bytes they have in the file, so that what a test does not change is the same to the byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fhir_msc.sources.encoding import decoder_of_values
from fhir_msc.sources.ibm import number_of
from tests.support.xpt_edit import RawXpt
from tests.unit.sources.xpt_writer import Column, xpt

Row = tuple[bytes, ...]


@dataclass(frozen=True)
class Domain:
    """One table. ``cells`` of character columns are without the blanks at their end."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def place(self, column: str) -> int:
        return self.names.index(column)

    def text(self, row: Row, column: str) -> str:
        return row[self.place(column)].decode("latin-1")

    def where(self, keep: Callable[[Row], bool]) -> Domain:
        return replace(self, rows=tuple(row for row in self.rows if keep(row)))

    def with_cell(self, row: Row, column: str, value: bytes) -> Row:
        place = self.place(column)
        return (*row[:place], value, *row[place + 1 :])

    def without(self, columns: Sequence[str]) -> Domain:
        kept = [i for i, name in enumerate(self.names) if name not in columns]
        return self._picked(kept)

    def reordered(self, columns: Sequence[str]) -> Domain:
        return self._picked([self.place(name) for name in columns])

    def with_column(self, column: Column, at: int, cells: Sequence[bytes]) -> Domain:
        rows = tuple((*row[:at], cell, *row[at:]) for row, cell in zip(self.rows, cells, strict=True))
        return replace(self, columns=(*self.columns[:at], column, *self.columns[at:]), rows=rows)

    def _picked(self, places: Sequence[int]) -> Domain:
        rows = tuple(tuple(row[i] for i in places) for row in self.rows)
        return replace(self, columns=tuple(self.columns[i] for i in places), rows=rows)


@dataclass(frozen=True)
class Torn:
    """A table's file of which only this share of the bytes is left, with others behind them."""

    domain: Domain
    share: float
    tail: bytes = b""

    def bytes(self, whole: bytes) -> bytes:
        return whole[: round(len(whole) * self.share)] + self.tail


Content = Domain | Torn | bytes
Export = Mapping[str, Content]
"""The files of an export by name, all with the suffix of transport files; bytes are a file that is no table."""


def read_domain(path: Path) -> Domain:
    """The one member of a transport file."""
    raw = RawXpt.read(path)
    columns = tuple(Column(name, length, numeric) for name, (_, length, numeric) in raw.variables.items())
    rows = tuple(
        tuple(
            cell if numeric else cell.rstrip(b" ")
            for start, length, numeric in raw.variables.values()
            for cell in (record[start : start + length],)
        )
        for record in raw.records
    )
    return Domain(path.stem.upper(), columns, rows)


def read_export(folder: Path) -> dict[str, Content]:
    """All transport files of a folder."""
    return {path.name: read_domain(path) for path in sorted(folder.glob("*.xpt"))}


def file_bytes(content: Content) -> bytes:
    """A table as a transport file; a column is made as wide as its longest cell needs."""
    if isinstance(content, bytes):
        return content
    if isinstance(content, Torn):
        return content.bytes(file_bytes(content.domain))
    columns = [
        column
        if column.numeric
        else replace(column, length=max([column.length, *(len(row[i]) for row in content.rows)]))
        for i, column in enumerate(content.columns)
    ]
    return xpt((content.name, columns, content.rows))


def new_domain(name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Domain:
    """A table of text columns."""
    cells = tuple(tuple(value.encode("latin-1") for value in row) for row in rows)
    widths = [max([1, *(len(row[i]) for row in cells)]) for i in range(len(columns))]
    described = tuple(Column(column, width) for column, width in zip(columns, widths, strict=True))
    return Domain(name, described, cells)


def dataset_json_files(export: Export, by_line: Collection[str] = ()) -> dict[str, bytes]:
    """The files of an export as Dataset-JSON, the tables of ``by_line`` as NDJSON."""
    files = {}
    for name, content in export.items():
        lines = not isinstance(content, bytes) and _domain(content).name in by_line
        files[name.removesuffix(".xpt") + (".ndjson" if lines else ".json")] = (
            content if isinstance(content, bytes) else _dataset_json(content, lines)
        )
    return files


def _domain(content: Domain | Torn) -> Domain:
    return content.domain if isinstance(content, Torn) else content


def _dataset_json(content: Domain | Torn, lines: bool) -> bytes:
    if isinstance(content, Torn):
        return content.bytes(_dataset_json(content.domain, lines))
    head = {
        "datasetJSONVersion": "1.1.0",
        "records": len(content.rows),
        "name": content.name,
        "columns": [
            {"name": column.name, "label": column.label, "dataType": "double" if column.numeric else "string"}
            for column in content.columns
        ],
    }
    rows = ["[" + ",".join(map(_json_cell, content.columns, row)) + "]" for row in content.rows]
    first = json.dumps(head)
    text = "\n".join([first, *rows, ""]) if lines else f'{first[:-1]},"rows":[{",".join(rows)}]}}'
    return text.encode()


def _json_cell(column: Column, cell: bytes) -> str:
    return (number_of(cell) or "null") if column.numeric else json.dumps(_TEXT(cell))


_TEXT = decoder_of_values(None)
