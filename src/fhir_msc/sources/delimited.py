"""Delimited text (CSV, TSV): one file is one table, its first row names the columns.

Quoting is RFC 4180's: a value may stand in double quotes, and then hold delimiters, line ends and doubled quotes. Read
strictly: a row with another number of fields than the header, or a quote that does not close, is an error with its
row, for guessing which value belongs to which column would be worse. Empty lines are no rows.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePath
from typing import BinaryIO

from fhir_msc.errors import SourceError
from fhir_msc.quick import picker
from fhir_msc.sources.encoding import codec, detect, has_invalid
from fhir_msc.sources.files import InputFile
from fhir_msc.sources.table import Row, Table, trimmed

_DELIMITERS = (",", ";", "\t", "|")
_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class DelimitedTable:
    """A delimited file: its description, and how it is read."""

    table: Table
    file: InputFile
    delimiter: str

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Streams the rows, of each the values of ``columns``. Raises SourceError with the row."""
        place = {column: i for i, column in enumerate(self.table.columns)}
        absent = len(place)
        pick = picker([place.get(column, absent) for column in columns])
        for number, fields in self.records(columns):
            fields.append("")
            yield number, trimmed(pick(fields))

    def records(self, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
        """Streams the rows with all their values, of which those of ``columns`` are in the table's encoding: bytes of
        another in a cell that nobody reads, which may be sealed, cost nothing. Raises SourceError with the row."""
        width = len(self.table.columns)
        number = 0
        with self.file.open() as file:
            try:
                for number, fields in _numbered(file, self.table.encoding, self.delimiter):
                    if len(fields) != width:
                        raise self._of_other_width(number, fields)
                    yield number, fields
            except csv.Error as error:
                raise self._error(number + 1, *_unparsable(error)) from None
            except UnicodeError:
                file.seek(0)
            else:
                return
            yield from self._from_undecodable(file, number, columns)

    def _from_undecodable(self, file: BinaryIO, done: int, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
        """The rows after the first ``done``, as far as the cells of ``columns`` are in the table's encoding."""
        looked_at = [(i, column) for i, column in enumerate(self.table.columns) if column in columns]
        number = done
        message = f"holds bytes that are not {self.table.encoding}"
        hint = "Export it as UTF-8, or declare the encoding it is in."
        try:
            for number, fields in _numbered(file, self.table.encoding, self.delimiter, errors="surrogateescape"):
                if len(fields) != len(self.table.columns):
                    raise self._of_other_width(number, fields)
                for i, column in looked_at:
                    if has_invalid(fields[i]):
                        raise self._error(number, message, hint, column)
                if number > done:
                    yield number, fields
        except csv.Error as error:
            raise self._error(number + 1, *_unparsable(error)) from None
        except UnicodeError:
            raise self._error(None, message, hint) from None

    def _of_other_width(self, number: int, fields: Sequence[str]) -> SourceError:
        return self._error(
            number,
            f"has {len(fields)} fields where the header names {len(self.table.columns)}",
            "A value that holds the delimiter or a line end must stand in double quotes.",
        )

    def _error(self, row: int | None, message: str, hint: str, column: str | None = None) -> SourceError:
        return SourceError(message, file=self.file.name, table=self.table.name, row=row, column=column, hint=hint)


def _unparsable(error: csv.Error) -> tuple[str, str]:
    """What is wrong with a row that csv refuses, and what to do: it tells a long cell by its words alone."""
    if "field limit" in str(error):
        return (
            f"a cell is longer than {csv.field_size_limit():,} characters",
            "Look in that row for a double quote that does not close; if a value is that long, leave its column out.",
        )
    return (
        "a double quote does not close, or stands inside a value",
        "Export again with values in double quotes and the quotes inside them doubled.",
    )


def delimited(file: InputFile, encoding: str | None = None, delimiter: str | None = None) -> DelimitedTable:
    """Looks at a delimited file. The table's name is the file's, without its suffix.

    ``encoding`` is detected in one pass over the file, ``delimiter`` (one of comma, semicolon, tab, bar) by its first
    rows, where they are not declared. Raises SourceError for an empty file and for a header that cannot be used.
    """
    name = PurePath(file.name).stem
    with file.open() as stream:
        encoding = encoding or detect(stream)
        delimiter = delimiter or _delimiter(stream, encoding)
        header = next(iter(_sample(stream, encoding, delimiter, rows=1)), None)
    if header is None:
        raise SourceError(
            "empty file", file=file.name, table=name, hint="Not even a header stands in it: export again."
        )
    columns = tuple(column.strip() for column in header)
    twice = next((column for i, column in enumerate(columns) if column in columns[:i]), None)
    if twice is not None:
        raise SourceError(
            "two columns have this name", file=file.name, table=name, column=twice or '""', hint="Rename one."
        )
    if any(has_invalid(column) for column in columns):
        raise SourceError(
            f"the header holds bytes that are not {encoding}",
            file=file.name,
            table=name,
            hint="Export it as UTF-8, or declare the encoding it is in.",
        )
    return DelimitedTable(Table(name, file.name, columns, encoding=encoding), file, delimiter)


def header_of(file: InputFile) -> tuple[str, ...]:
    """The names in a file's first row, without a look at the rest: none for a file that is no delimited text."""
    with file.open() as stream:
        rows = _sample(stream, "utf-8", _delimiter(stream, "utf-8"), rows=1)
    return tuple(column.strip() for column in rows[0]) if rows else ()


def _delimiter(stream: BinaryIO, encoding: str) -> str:
    """The delimiter that splits the first rows into the same number of fields, the more the better."""

    def width(delimiter: str) -> tuple[int, int]:
        widths = [len(row) for row in _sample(stream, encoding, delimiter, rows=_LOOKED_AT)]
        same = widths[0] if len(set(widths)) == 1 else 0
        header = max(map(len, _sample(stream, encoding, delimiter, rows=1)), default=0)
        return (same if same > 1 else 0), header

    return max(_DELIMITERS, key=width)


def _sample(stream: BinaryIO, encoding: str, delimiter: str, *, rows: int) -> list[list[str]]:
    stream.seek(0)
    try:
        parsed = _parsed(stream, encoding, delimiter, errors="surrogateescape")
        return list(islice((fields for fields in parsed if fields), rows))
    except (csv.Error, UnicodeError):
        return []


def _numbered(
    stream: BinaryIO, encoding: str, delimiter: str, *, errors: str = "strict"
) -> Iterator[tuple[int, list[str]]]:
    rows = (fields for fields in _parsed(stream, encoding, delimiter, errors=errors) if fields)
    next(rows, None)
    return enumerate(rows, start=1)


def _parsed(stream: BinaryIO, encoding: str, delimiter: str, *, errors: str) -> Iterator[list[str]]:
    text = io.TextIOWrapper(stream, encoding=codec(encoding), errors=errors, newline="")
    try:
        yield from csv.reader(text, delimiter=delimiter, strict=True)
    finally:
        text.detach()
