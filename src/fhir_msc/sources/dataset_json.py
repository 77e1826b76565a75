"""CDISC Dataset-JSON 1.1, as JSON and as NDJSON: a streaming reader.

Source: CDISC, "Dataset-JSON Specification v1.1" (2024). A file holds one table: its attributes (name, label, columns)
and its rows, each an array in the order of the columns. In NDJSON the attributes are the first line and each row is
one of the others.

Numbers are text from the start: a JSON parser that makes floats of them would lose what was written. Those of the
binary types (float, double) are spelled as those of a SAS transport file are, so that the two agree: with 15
significant digits, and 1.0 is 1, for a binary number has no zeros at its end. So is 1.0 of the type integer. The type
for exact numbers is decimal.

Only cells that are asked for are looked at: text that cannot be read in another column costs nothing.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO, NoReturn

from fhir_msc.errors import SourceError
from fhir_msc.quick import picker
from fhir_msc.sources.encoding import UTF_8
from fhir_msc.sources.files import InputFile
from fhir_msc.sources.ibm import spelled
from fhir_msc.sources.table import Row, Table, trimmed

_CHUNK = 1 << 16
_LONGEST = 1 << 24
"""Bytes that one attribute or one row may take before the file is taken for something else."""

_BINARY = frozenset({"float", "double"})
_INTEGER = "integer"
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"(-?[0-9]{1,18})(?:\.0+)?")
"""A whole number, as a writer too that knows floats alone writes it: 7.0."""
_REMEMBERED = 4096
_SPACE = " \t\r\n"
_HALF = re.compile("[\ud800-\udfff]")
"""What no text holds: a byte that is not UTF-8 (decoded with ``surrogateescape``), or half of an escaped pair."""
_BROKEN = (ValueError, RecursionError)
"""What the decoder raises where there is no JSON value, or one within a thousand others."""
_AGAIN = "Export or copy it again."


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse)
"""Numbers stay as written."""


@dataclass(frozen=True, slots=True)
class DatasetJson:
    """One Dataset-JSON file: its table, its columns' types, and how many rows it says it has."""

    table: Table
    file: InputFile
    types: tuple[str, ...]
    records: int | None
    by_line: bool

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Streams the rows. Raises SourceError for one that is damaged, and where there are fewer or more than the file
        says.

        ``null`` is the empty string.
        """
        names = self.table.columns
        width = len(names)
        place = {name: number for number, name in enumerate(names)}
        pick = picker([place.get(column, width) for column in columns])
        types = [self.types[place[column]] if column in place else "" for column in columns]
        binary = [i for i, type in enumerate(types) if type in _BINARY]
        whole = [i for i, type in enumerate(types) if type == _INTEGER]
        spell = lru_cache(_REMEMBERED)(_number)
        only_text = {str}
        row = 0
        with self.file.open() as stream:
            source = _Lines(stream) if self.by_line else _Text(stream)
            try:
                for row, values in enumerate(source.rows(), 1):
                    if not isinstance(values, list) or len(values) != width:
                        raise self._damaged(row, "does not have a value for each column")
                    if row - 1 == self.records:
                        raise self._damaged(row, f"is one more than the {self.records:,} that the file says it has")
                    values.append("")
                    cells = ["" if value is None else value for value in pick(values)]
                    if source.is_doubtful or {*map(type, cells)} != only_text:
                        cells = [self._text(cell, row, column) for cell, column in zip(cells, columns, strict=True)]
                    for at in binary:
                        cells[at] = spell(cells[at])
                    for at in whole:
                        if "." in cells[at]:
                            cells[at] = _integer(cells[at])
                    yield row, trimmed(cells)
            except _BROKEN as error:
                raise self._damaged(row + 1, "is damaged, or the file ends inside it") from error
        if self.records is not None and row < self.records:
            raise self._damaged(row + 1, f"is not there, though the file says that it has {self.records:,} rows")

    def _text(self, value: object, row: int, column: str) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, str):
            raise self._damaged(row, "has a value that is an array or an object", column)
        if _HALF.search(value):
            raise self._damaged(row, "has text that is not UTF-8, as Dataset-JSON must be", column)
        return value

    def _damaged(self, row: int, what: str, column: str | None = None) -> SourceError:
        return SourceError(
            f"the row {what}", file=self.file.name, table=self.table.name, row=row, column=column, hint=_AGAIN
        )


def dataset_json(file: InputFile) -> DatasetJson:
    """Reads a file's attributes. Raises SourceError for a file that is no Dataset-JSON 1.1."""
    by_line = file.path.suffix.lower() == ".ndjson"
    with file.open() as stream:
        source = _Lines(stream) if by_line else _Text(stream)
        try:
            head = source.attributes()
        except _BROKEN as error:
            if file.size and source.is_doubtful:
                raise _bad(file, "is not UTF-8, as Dataset-JSON must be") from error
            raise _bad(file, "is empty" if not file.size else "is no JSON, or is cut short before its rows") from error
    version = str(head.get("datasetJSONVersion"))
    if version != "1.1" and not version.startswith("1.1."):
        raise _bad(file, "is no Dataset-JSON of version 1.1", "Export it as Dataset-JSON 1.1, or as XPT.")
    name, columns = head.get("name"), head.get("columns")
    if not isinstance(name, str) or not name or not isinstance(columns, list) or not columns:
        raise _bad(file, "does not name its table and its columns")
    if not all(isinstance(one, dict) and isinstance(one.get("name"), str) and one["name"] for one in columns):
        raise _bad(file, "has a column without a name")
    names = tuple(str(one["name"]).upper() for one in columns)
    labels = tuple(str(one.get("label") or "") for one in columns)
    if any(map(_HALF.search, (name, *names, *labels))):
        raise _bad(file, "is not UTF-8, as Dataset-JSON must be")
    if len(set(names)) < len(names):
        raise _bad(file, "has two columns of one name")
    if not by_line and not head["rows"]:
        raise _bad(file, "has no rows attribute", "It is cut short, or holds attributes alone: export it again.")
    records = head.get("records")
    whole = None if str(records).startswith("-") else _WHOLE.fullmatch(str(records))
    if whole is None and (by_line or records is not None):
        # Without it, a file that is cut at a line's end is whole.
        raise _bad(file, "does not say how many rows it has", 'Dataset-JSON must: export it again, with "records".')
    counted = int(whole[1]) if whole else None
    return DatasetJson(
        Table(
            name=name.upper(),
            file=file.name,
            columns=names,
            labels=labels,
            encoding=UTF_8,
        ),
        file,
        tuple(str(one.get("dataType") or "") for one in columns),
        counted,
        by_line,
    )


class _Text:
    """A JSON file as text of which what was read is forgotten, so that memory stays flat."""

    def __init__(self, stream: BinaryIO) -> None:
        self.is_doubtful = False
        """Whether the value that was taken last may hold text that is none."""
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._text = ""
        self._at = 0
        self._ended = False

    def attributes(self) -> dict[str, object]:
        """The file's attributes; ``rows`` says whether there are any. Reads past the rows only where something that is
        needed stands behind them. Raises ValueError, RecursionError."""
        head: dict[str, object] = {"rows": False}
        for name in self._members():
            if name == "rows":
                head["rows"] = True
                if {"name", "columns", "datasetJSONVersion", "records"} <= head.keys():
                    return head
                for _ in self._elements():
                    pass
            else:
                head[name] = self.value()
        return head

    def rows(self) -> Iterator[object]:
        """The rows; the whole file is read. Raises ValueError, RecursionError."""
        found = False
        for name in self._members():
            if name != "rows":
                self.value()
            elif found:
                raise ValueError("rows twice")
            else:
                found = True
                yield from self._elements()
        if self.next():
            raise ValueError("more than one value")

    def next(self) -> str:
        """The next character that is no white space, which stays; "" at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def take(self, *expected: str) -> str:
        """Takes the next character, which must be one of these. Raises ValueError."""
        found = self.next()
        if found not in expected or not found:
            raise ValueError("something else is expected here")
        self._at += 1
        return found

    def value(self) -> object:
        """Takes the next JSON value. Raises ValueError where there is none, or the stream ends inside it."""
        self.next()
        while True:
            try:
                found, end = _DECODER.raw_decode(self._text, self._at)
            except ValueError:
                if len(self._text) - self._at > _LONGEST or not self._more():
                    raise
                continue
            # A number that touches the end of what was read may go on.
            if end < len(self._text) or not self._more():
                self._at = end
                return found

    def _more(self) -> bool:
        if self._ended:
            return False
        # More each time: a value longer than a chunk is tried a few times, not once a chunk.
        chunk = self._stream.read(max(_CHUNK, len(self._text) - self._at))
        self._ended = not chunk
        self._text = self._text[self._at :] + self._decode.decode(chunk, final=self._ended)
        self._at = 0
        self.is_doubtful = _is_doubtful(self._text)
        return True

    def _members(self) -> Iterator[str]:
        """The names of an object's members; the value of each must be taken before the next."""
        self.take("{")
        if self.next() == "}":
            return
        while True:
            name = self.value()
            if not isinstance(name, str):
                raise ValueError("a name is expected")
            self.take(":")
            yield name
            if self.take(",", "}") == "}":
                return

    def _elements(self) -> Iterator[object]:
        self.take("[")
        if self.next() == "]":
            self.take("]")
            return
        while True:
            yield self.value()
            if self.take(",", "]") == "]":
                return


class _Lines:
    """An NDJSON file, line by line."""

    def __init__(self, stream: BinaryIO) -> None:
        self.is_doubtful = False
        """Whether the line that was taken last may hold text that is none."""
        self._stream = stream

    def attributes(self) -> Mapping[str, object]:
        """The first line. Raises ValueError, RecursionError."""
        found = self._value(self._stream.readline(_LONGEST))
        if not isinstance(found, dict):
            raise ValueError("not the attributes")
        return found

    def rows(self) -> Iterator[object]:
        """The other lines. Raises ValueError, RecursionError."""
        self._stream.readline(_LONGEST)
        while line := self._stream.readline(_LONGEST):
            if not line.isspace():
                yield self._value(line)

    def _value(self, line: bytes) -> object:
        text = line.decode("utf-8-sig", "surrogateescape")
        self.is_doubtful = _is_doubtful(text)
        return _DECODER.decode(text)


def _is_doubtful(text: str) -> bool:
    """Whether JSON text may hold text that is none. Quick for most: it is asked for every piece of a file."""
    return "\\ud" in text or "\\uD" in text or (not text.isascii() and _HALF.search(text) is not None)


def _number(text: str) -> str:
    """A binary number as a transport file's is spelled; one beyond a double's range, or what is no number, as it is."""
    if not _NUMBER.fullmatch(text):
        return text
    value = float(text)
    if value == 0:
        return "0"
    return spelled(value) if math.isfinite(value) else text


def _integer(text: str) -> str:
    """A whole number without the zeros that a writer of floats gives it; anything else as it is."""
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def _bad(file: InputFile, what: str, hint: str = _AGAIN) -> SourceError:
    return SourceError(what, file=file.name, hint=hint)
