"""SAS transport files, version 5 (XPORT), which regulators take SDTM in: a streaming reader.

Source: SAS Technical Support TS-140, "The Record Layout of a Data Set in SAS Transport (XPORT) Format". A file is a
sequence of 80-byte cards: library header, then for each member its header, one descriptor (*namestr*, of 140 or, from
VAX/VMS, 136 bytes) per variable, and the observations, one after the other across cards, the last card filled up
with blanks.

Where an observation is shorter than a card, blank observations at the end cannot be told from that filling. As in SAS,
what can be filling is: a blank observation counts only if something follows it, or if it lies before the last card.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from operator import getitem
from typing import BinaryIO

from fhir_msc.errors import SourceError
from fhir_msc.quick import picker
from fhir_msc.sources.encoding import UTF_8, decoder_of_values
from fhir_msc.sources.files import InputFile
from fhir_msc.sources.ibm import number_of
from fhir_msc.sources.table import Row, Table

_CARD = 80
_LONGEST = 32767
_CHUNK = 1 << 16
_SCAN = _CARD << 12
_LIBRARY = b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!"
_LIBRARY_V8 = b"HEADER RECORD*******LIBV8   HEADER RECORD!!!!!!!"
_MEMBER = b"HEADER RECORD*******MEMBER  HEADER RECORD!!!!!!!"
_DESCRIPTOR = b"HEADER RECORD*******DSCRPTR HEADER RECORD!!!!!!!"
_NAMESTR = b"HEADER RECORD*******NAMESTR HEADER RECORD!!!!!!!"
_OBSERVATIONS = b"HEADER RECORD*******OBS     HEADER RECORD!!!!!!!"
_VARIABLE = struct.Struct(">hhhh8s40s8shhh2s8shhl")
_NUMERIC = 1
_CACHED_VALUES = 4096
_FILLING = b" \x00"


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a member: where its value lies in an observation (``start`` and ``length`` in bytes)."""

    name: str
    label: str
    numeric: bool
    start: int
    length: int


_ABSENT = Variable("", "", numeric=False, start=0, length=0)
"""Stands for a column that the member lacks: no bytes, so the empty string."""


@dataclass(frozen=True, slots=True)
class XptTable:
    """One member of a transport file: its description, and where its observations lie."""

    table: Table
    file: InputFile
    variables: tuple[Variable, ...]
    """In the order they are stored in."""
    start: int
    end: int
    declared: str | None

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Streams the observations, of each the values of ``columns``; nothing else is decoded.

        Numbers as ``ibm.number_of`` spells them; character values without blanks around them. Raises SourceError
        where the file ends inside an observation (before the first row), and for text that cannot be decoded.
        """
        length = max(variable.start + variable.length for variable in self.variables)
        decoded = [_ABSENT, *(variable for variable in self.variables if variable.name in set(columns))]
        layout, place = _layout(decoded, length)
        texts, numbers = _Cache(_text(decoder_of_values(self.declared))), _Cache(number_of)
        caches = [numbers if variable.numeric else texts for variable in decoded]
        pick = picker([place.get(column, 0) for column in columns])
        lookup: Callable[[_Cache, bytes], str] = getitem
        row = 0
        values: tuple[bytes, ...] = ()
        with self.file.open() as file:
            left = self._count(file, length) * length
            file.seek(self.start)
            most = max(1, _CHUNK // length) * length
            try:
                while left:
                    chunk = file.read(min(most, left))
                    if len(chunk) < min(most, left):
                        raise self.file.changed()
                    left -= len(chunk)
                    for values in layout.iter_unpack(chunk):
                        row += 1
                        yield row, pick(tuple(map(lookup, caches, values)))
            except UnicodeDecodeError as error:
                stripped = [raw.rstrip(_FILLING) for raw in values]
                raise SourceError(
                    f"the text is not {self.declared or 'UTF-8 or Windows-1252'}",
                    file=self.file.name,
                    table=self.table.name,
                    row=row,
                    column=decoded[stripped.index(error.object)].name,
                    hint="Declare the encoding the study was written in.",
                ) from None

    def _count(self, file: BinaryIO, length: int) -> int:
        """The number of observations. Raises SourceError for one that is cut short."""
        whole, leftover = divmod(self.end - self.start, length)
        least = max(0, -(-(self.end - self.start - _CARD + 1) // length))
        file.seek(self.start + min(least, whole) * length)
        tail = file.read(self.end - file.tell())
        filling = tail[len(tail) - leftover :]
        if filling.strip(b" ") or leftover >= _CARD or (leftover and self.end % _CARD):
            raise SourceError(
                "the file ends inside this row",
                file=self.file.name,
                table=self.table.name,
                row=whole + 1,
                hint="The file is cut short: export or copy it again.",
            )
        return min(least, whole) + -(-len(tail.rstrip(b" ")) // length)


def members(file: InputFile, encoding: str | None) -> list[XptTable]:
    """The members of a transport file, in its order; names of members and variables in capitals, as SAS takes them.

    ``encoding`` is what character values are written in; ``None`` lets each value tell. Raises SourceError for a file
    that is no version 5 transport file, or ends inside a header.
    """
    with file.open() as stream:
        first = stream.read(_CARD)
        if first.startswith(_LIBRARY_V8):
            raise _bad_file(file, "is a SAS transport file of version 8", "Export it as version 5, as SDTM asks.")
        if not first.startswith(_LIBRARY):
            raise _bad_file(file, "is empty" if not first else "is not a SAS transport file", "Export it again.")
        starts = _member_starts(stream)
        if not starts:
            raise _bad_file(file, "holds no data set", "It is cut short, or the export was empty: export it again.")
        ends = chain(starts[1:], [file.size])
        return [_member(file, stream, start, end, encoding) for start, end in zip(starts, ends, strict=True)]


def _member_starts(stream: BinaryIO) -> list[int]:
    starts = []
    base = 0
    stream.seek(0)
    while chunk := stream.read(_SCAN):
        at = chunk.find(_MEMBER)
        while at >= 0:
            if at % _CARD == 0:
                starts.append(base + at)
            at = chunk.find(_MEMBER, at + 1)
        base += len(chunk)
    return starts


def _member(file: InputFile, stream: BinaryIO, start: int, end: int, encoding: str | None) -> XptTable:
    stream.seek(start)
    size = _figure(file, _card(file, stream, _MEMBER), 74)
    if size not in (136, 140):
        raise _bad_file(file, f"has variable descriptors of {size} bytes", "TS-140 knows 140 and 136: export it again.")
    _card(file, stream, _DESCRIPTOR)
    name = _label(_card(file, stream)[8:16]).upper() or file.path.stem.upper()
    _card(file, stream)
    count = _figure(file, _card(file, stream, _NAMESTR), 54)
    described = -(-count * size // _CARD) * _CARD
    descriptors = stream.read(described)
    _card(file, stream, _OBSERVATIONS)
    variables = [_variable(descriptors, i * size) for i in range(count)]
    names = [variable.name for variable in variables]
    stored = sorted(variables, key=lambda variable: variable.start)
    if (
        not variables
        or len(set(names)) < count
        or any(not 1 <= variable.length <= (8 if variable.numeric else _LONGEST) for variable in variables)
        or any(after.start < before.start + before.length for before, after in pairwise([_ABSENT, *stored]))
    ):
        raise SourceError(
            "the descriptions of its variables are damaged", file=file.name, table=name, hint="Export it again."
        )
    table = Table(
        name=name,
        file=file.name,
        columns=tuple(names),
        labels=tuple(variable.label for variable in variables),
        encoding=encoding or UTF_8,
    )
    return XptTable(table, file, tuple(stored), stream.tell(), end, encoding)


def _variable(descriptors: bytes, at: int) -> Variable:
    kind, _, length, _, name, label, *_, start = _VARIABLE.unpack_from(descriptors, at)
    return Variable(_label(name).upper(), _label(label), kind == _NUMERIC, start, length)


def _card(file: InputFile, stream: BinaryIO, kind: bytes = b"") -> bytes:
    card = stream.read(_CARD)
    if len(card) < _CARD or not card.startswith(kind):
        raise _bad_file(file, "has a header that is cut short or damaged", "Export or copy it again.")
    return card


def _figure(file: InputFile, card: bytes, at: int) -> int:
    digits = card[at : at + 4]
    if not digits.isdigit():
        raise _bad_file(file, "has a header that is damaged", "Export or copy it again.")
    return int(digits)


def _label(raw: bytes) -> str:
    # A name or label is cut at its field's width, maybe inside a character: what does not decode is shown as such.
    return raw.rstrip(_FILLING).decode(UTF_8, "replace").strip()


def _bad_file(file: InputFile, what: str, hint: str) -> SourceError:
    return SourceError(what, file=file.name, hint=hint)


def _layout(decoded: Sequence[Variable], length: int) -> tuple[struct.Struct, dict[str, int]]:
    """What unpacks those variables from an observation, and the place of each in what comes out."""
    layout, end = ">", 0
    for variable in decoded:
        layout += f"{variable.start - end}x{variable.length}s"
        end = variable.start + variable.length
    return struct.Struct(f"{layout}{length - end}x"), {variable.name: i for i, variable in enumerate(decoded)}


class _Cache(dict[bytes, str]):
    """Values by their bytes, for most values of a study stand in many rows. Emptied when full, to stay small."""

    def __init__(self, decode: Callable[[bytes], str]) -> None:
        self._decode = decode

    def __missing__(self, raw: bytes) -> str:
        if len(self) >= _CACHED_VALUES:
            self.clear()
        text = self[raw] = self._decode(raw)
        return text


def _text(decode: Callable[[bytes], str]) -> Callable[[bytes], str]:
    return lambda raw: decode(raw.rstrip(_FILLING)).strip()
