"""Where the cells of delimited text stand in their file: line and column, for who shows findings at the place.

Read only for what is shown: the rows are read again up to the last one asked for.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fhir_msc.errors import SourceError
from fhir_msc.findings import Finding, Origin, Place
from fhir_msc.sources.delimited import DelimitedTable, delimited
from fhir_msc.sources.encoding import codec
from fhir_msc.sources.files import InputFile
from fhir_msc.sources.seals import Seals
from fhir_msc.sources.table import LABEL, UNIT, Table

_SUFFIXES = (".csv", ".tsv")


def placed_in_cells(
    findings: Sequence[Finding], folder: Path, tables: Iterable[Table], seals: Seals, delimiter: str | None = None
) -> list[Finding]:
    """The findings, those about a cell of delimited text with its place: that of the first column that the file has.

    ``tables`` are those of the source before sealing, ``delimiter`` is declared or found out. A file of which anything
    is sealed gives no places: how far a cell stands to the right tells how long the sealed one before it is.
    """
    wanted: dict[str, dict[int, set[str]]] = {}
    for one in findings:
        cell = _cell(one)
        if cell is not None:
            wanted.setdefault(cell.file, {}).setdefault(cell.row or 0, set()).update(map(_column, cell.fields))
    encodings = _open_files(tables, seals)
    known: dict[tuple[str, int, str], Place] = {}
    for file in wanted.keys() & encodings.keys():
        try:
            table = delimited(InputFile.at(folder / file, file), encodings[file], delimiter)
            known |= {(file, row, column): place for row, column, place in _places(table, wanted[file])}
        except (SourceError, csv.Error, UnicodeError):
            continue  # whoever read the rows has told it
    return [_placed(one, known) for one in findings]


def _cell(finding: Finding) -> Origin | None:
    origin = finding.origins[0] if finding.origins else None
    return origin if origin is not None and origin.row and origin.fields else None


def _column(field: str) -> str:
    """The column of the file behind one that a source makes of it (``sex:label``)."""
    return field.removesuffix(LABEL).removesuffix(UNIT)


def _open_files(tables: Iterable[Table], seals: Seals) -> dict[str, str]:
    """The encodings of the delimited files of which nothing is sealed, by name."""
    files: dict[str, str] = {}
    closed: set[str] = set()
    for table in tables:
        files[table.file] = table.encoding
        if (
            not table.file.lower().endswith(_SUFFIXES)
            or seals.seals_table(table.name)
            or not (table.numbered and seals.numbers_rows(table.name))
            or seals.column_patterns(table.name)
        ):
            closed.add(table.file)
    return {file: encoding for file, encoding in files.items() if file not in closed}


def _places(table: DelimitedTable, wanted: Mapping[int, Collection[str]]) -> Iterator[tuple[int, str, Place]]:
    """Row, column and place of the cells that are asked for by row and column."""
    numbers = {column: number for number, column in enumerate(table.table.columns)}
    last = max(wanted)
    for row, (line, record) in enumerate(_records(table)):
        if row in wanted and row:  # row 0 is the header
            spans = list(_spans(record, table.delimiter))
            for column in wanted[row]:
                if column in numbers and numbers[column] < len(spans):
                    start, end = spans[numbers[column]]
                    yield row, column, replace(_place(line, record, start), until=_place(line, record, end))
        if row >= last:
            return


def _records(table: DelimitedTable) -> Iterator[tuple[int, str]]:
    """The line and the text of every record that is not empty, the header first."""
    read: list[str] = []

    def lines(text: Iterable[str]) -> Iterator[str]:
        for one in text:
            read.append(one)
            yield one

    with table.file.open() as stream:
        text = io.TextIOWrapper(stream, encoding=codec(table.table.encoding), newline="")
        line = 1
        try:
            for fields in csv.reader(lines(text), delimiter=table.delimiter, strict=True):
                record = "".join(read)
                read.clear()
                if fields:
                    yield line, record
                line += record.count("\n")
        finally:
            text.detach()


def _spans(record: str, delimiter: str) -> Iterator[tuple[int, int]]:
    """Where each field of a record begins and ends, quotes included. The record is one that csv has taken."""
    whole = len(record.rstrip("\r\n"))
    start = 0
    while True:
        behind = start
        if record.startswith('"', start):
            behind = record.index('"', start + 1) + 1
            while record.startswith('"', behind):  # a doubled quote, not the closing one
                behind = record.index('"', behind + 1) + 1
        end = record.find(delimiter, behind)
        if end < 0:
            yield start, max(whole, behind)
            return
        yield start, end
        start = end + len(delimiter)


def _place(line: int, record: str, at: int) -> Place:
    return Place(line + record.count("\n", 0, at), at - record.rfind("\n", 0, at))


def _placed(finding: Finding, known: Mapping[tuple[str, int, str], Place]) -> Finding:
    cell = _cell(finding)
    if cell is None:
        return finding
    places = (known.get((cell.file, cell.row or 0, _column(column))) for column in cell.fields)
    place = next((one for one in places if one is not None), None)
    return finding if place is None else replace(finding, place=place)
