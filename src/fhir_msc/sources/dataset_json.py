"""CDISC Dataset-JSON 1.1, as JSON and as NDJSON: a streaming reader.

Source: CDISC, "Dataset-JSON Specification v1.1" (2024). A file holds one table: its attributes (name, label, columns)
and its rows, each an array in the order of the columns. In NDJSON the attributes are the first line and each row is
one of the others.

Numbers are text from the start: a JSON parser that makes floats of them would lose what was written. One of the binary
types (float, double) that needs more than 15 significant digits is spelled with 15, as those of a SAS transport file
are, so that the two agree.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import BinaryIO, NoReturn

from fhir_msc.errors import SourceError
from fhir_msc.sources.columns import picker
from fhir_msc.sources.encoding import UTF_8
from fhir_msc.sources.files import InputFile
from fhir_msc.sources.ibm import spelled
from fhir_msc.sources.table import Row, Table

_CHUNK = 1 << 16
_LONGEST = 1 << 26
"""Bytes that one attribute or one row may take before the file is taken for something else."""

_BINARY = frozenset({"float", "double"})
_SPACE = " \t\r\n"
_DIGITS = 15
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
        """Streams the rows. Raises SourceError for one that is damaged, and where there are fewer than the file says.

        ``null`` is the empty string.
        """
        names = self.table.columns
        place = {name: number + 1 for number, name in enumerate(names)}
        pick = picker([place.get(column, 0) for column in columns])
        asked = set(columns)
        typed = zip(names, self.types, strict=True)
        binary = [place[name] for name, type in typed if type in _BINARY and name in asked]
        row = 0
        with self.file.open() as stream:
            source = _lines(stream) if self.by_line else _rows_of(_Text(stream), self.file.name, self.table.name)
            try:
                for row, values in enumerate(source, 1):
                    if not isinstance(values, list) or len(values) != len(names):
                        raise self._damaged(row, "does not have a value for each column")
                    cells = ["", *["" if value is None else value for value in values]]
                    for at in binary:
                        cells[at] = _number(cells[at])
                    if not all(cell.__class__ is str for cell in cells):
                        cells = [self._text(cell, row) for cell in cells]
                    yield row, pick(cells)
            except ValueError as error:
                raise self._damaged(row + 1, "is damaged, or the file ends inside it") from error
        if self.records is not None and row < self.records:
            raise self._damaged(row + 1, f"is not there, though the file says that it has {self.records} rows")

    def _text(self, value: object, row: int) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, str):
            raise self._damaged(row, "has a value that is an array or an object")
        return value

    def _damaged(self, row: int, what: str) -> SourceError:
        return SourceError(f"the row {what}", file=self.file.name, table=self.table.name, row=row, hint=_AGAIN)


def dataset_json(file: InputFile) -> DatasetJson:
    """Reads a file's attributes. Raises SourceError for a file that is no Dataset-JSON 1.1."""
    by_line = file.path.suffix.lower() == ".ndjson"
    with file.open() as stream:
        try:
            head = _first_line(stream, file) if by_line else _attributes(_Text(stream))
        except UnicodeDecodeError as error:
            raise _bad(file, "is not UTF-8, as Dataset-JSON must be") from error
        except ValueError as error:
            raise _bad(file, "is empty" if file.size == 0 else "is no JSON, or is cut short before its rows") from error
    version = head.get("datasetJSONVersion")
    if not (isinstance(version, str) and version.startswith("1.1")):
        raise _bad(file, "is no Dataset-JSON of version 1.1", "Export it as Dataset-JSON 1.1, or as XPT.")
    name, columns = head.get("name"), head.get("columns")
    if not isinstance(name, str) or not name or not isinstance(columns, list) or not columns:
        raise _bad(file, "does not name its table and its columns")
    if not all(isinstance(one, dict) and isinstance(one.get("name"), str) and one["name"] for one in columns):
        raise _bad(file, "has a column without a name")
    names = tuple(str(one["name"]).upper() for one in columns)
    if len(set(names)) < len(names):
        raise _bad(file, "has two columns of one name")
    if not by_line and not head["rows"]:
        raise _bad(file, "has no rows attribute", "It is cut short, or holds attributes alone: export it again.")
    records = head.get("records")
    return DatasetJson(
        Table(
            name=name.upper(),
            file=file.name,
            columns=names,
            labels=tuple(str(one.get("label") or "") for one in columns),
            encoding=UTF_8,
        ),
        file,
        tuple(str(one.get("dataType") or "") for one in columns),
        int(records) if isinstance(records, str) and records.isdecimal() else None,
        by_line,
    )


class _Text:
    """A stream as text of which what was read is forgotten, so that memory stays flat."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._ended = False

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
        return True


def _attributes(text: _Text) -> dict[str, object]:
    """The attributes of a JSON file; ``rows`` says whether there are any. Reads past the rows only where something
    that is needed stands behind them."""
    head: dict[str, object] = {"rows": False}
    for name in _members(text):
        if name == "rows":
            head["rows"] = True
            if {"name", "columns", "datasetJSONVersion"} <= head.keys():
                return head
            for _ in _elements(text):
                pass
        else:
            head[name] = text.value()
    return head


def _rows_of(text: _Text, file: str, table: str) -> Iterator[object]:
    """The rows of a JSON file. Raises ValueError."""
    for name in _members(text):
        if name != "rows":
            text.value()
            continue
        yield from _elements(text)
        return
    raise SourceError("has no rows attribute", file=file, table=table, hint=_AGAIN)


def _members(text: _Text) -> Iterator[str]:
    """The names of an object's members; the value of each must be taken before the next."""
    text.take("{")
    if text.next() == "}":
        return
    while True:
        name = text.value()
        if not isinstance(name, str):
            raise ValueError("a name is expected")
        text.take(":")
        yield name
        if text.take(",", "}") == "}":
            return


def _elements(text: _Text) -> Iterator[object]:
    text.take("[")
    if text.next() == "]":
        text.take("]")
        return
    while True:
        yield text.value()
        if text.take(",", "]") == "]":
            return


def _first_line(stream: BinaryIO, file: InputFile) -> Mapping[str, object]:
    found = _DECODER.decode(stream.readline(_LONGEST).decode("utf-8-sig"))
    if not isinstance(found, dict):
        raise _bad(file, "does not begin with its attributes")
    return found


def _lines(stream: BinaryIO) -> Iterator[object]:
    """The rows of an NDJSON file. Raises ValueError."""
    stream.readline()
    for line in stream:
        if line.strip():
            yield _DECODER.decode(line.decode("utf-8"))


def _number(text: str) -> str:
    """A binary number as written, or with 15 significant digits where it has more."""
    if len(text) <= _DIGITS and "e" not in text and "E" not in text:
        return text
    digits = text.lower().partition("e")[0].lstrip("-").replace(".", "").lstrip("0")
    if len(digits) <= _DIGITS and "e" not in text.lower():
        return text
    try:
        return spelled(float(Decimal(text)))
    except ArithmeticError:
        return text


def _bad(file: InputFile, what: str, hint: str = _AGAIN) -> SourceError:
    return SourceError(what, file=file.name, hint=hint)
