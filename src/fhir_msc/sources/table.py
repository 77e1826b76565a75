"""Tables of rows: what every source gives, whatever its format.

A source lists its tables and streams the rows of one, only the columns that were asked for, as text. Nothing typed
comes out of a source: a number is its digits, a missing value is the empty string, and blanks around a value, which
mean nothing, are gone. Rows are streamed; no source holds a table in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Table:
    """A table as the source describes it. ``file`` is the file's name relative to the source folder."""

    name: str
    file: str
    columns: tuple[str, ...]
    labels: tuple[str, ...] = ()
    """The columns' descriptions, in the order of ``columns``; empty where the source has none."""
    identifiers: frozenset[str] = frozenset()
    """Columns that the source flags as identifying a person."""
    encoding: str = "utf-8"
    """What the text is decoded as. Character values of an XPT that declares none are decoded one by one: UTF-8, else
    Windows-1252."""
    undescribed: frozenset[str] = frozenset()
    """Columns that are there because a row has them, not because the table is described so: they can tell of rows."""
    made_of: tuple[tuple[str, str], ...] = ()
    """Columns, and another that their values may be read from: sealed with that one, they are sealed too."""
    numbered: bool = True
    """Whether a row's number may be shown: not where rows that are sealed are counted with these."""
    damage: str | None = None
    """Why the table cannot be read at all (an empty file, a header cut short). Such a table has no columns, and
    ``rows`` raises the SourceError that says the same: it is not a table without rows."""


Row = tuple[int, tuple[str, ...]]
"""The row's number in its table, from 1, and its values in the order of the columns asked for, without blanks around
them."""


LABEL = ":label"
"""Asked for ``sex:label``, a source that knows the choices of ``sex`` gives the label of its code instead of the code.
Such columns are not listed in ``Table.columns``."""

UNIT = ":unit"
"""Behind a column: the column with the units of its numbers."""


def field_of(column: str) -> str:
    """The field that a column shows: ``race`` for ``race___1`` (one box of REDCap's checkboxes) and ``race:label``,
    ``crp`` for ``crp:unit``."""
    return column.removesuffix(LABEL).removesuffix(UNIT).partition("___")[0]


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What is true of a whole file, by which one export can be told from another. It may tell the arm, the encoding too
    where it is found out from cells, so a blind project is not told."""

    file: str
    encoding: str
    sha256: str
    """In hexadecimal digits."""
    modified: datetime
    """When it was last written, in UTC."""


class Source(Protocol):
    """Where rows come from."""

    def tables(self) -> Sequence[Table]:
        """The tables there are, by name, damaged ones included. Raises SourceError if the source cannot be read."""
        ...

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        """Streams the rows of ``table``, of each the values of ``columns``.

        A column that the table lacks gives empty strings. Raises SourceError, with the row, when the input is damaged;
        what was streamed before is then not to be used.
        """
        ...


class ToldSource(Source, Protocol):
    """A source of files, which tells what was read."""

    def facts(self, table: str) -> FileFacts | None:
        """Those of the file with the table's rows, which is read from its start to its end; as it is now, a damaged one
        too. ``None`` where an integrator's own source has no file for it. Raises SourceError if a file is gone,
        BlindError in a blind project."""
        ...


def trimmed(cells: Iterable[str]) -> tuple[str, ...]:
    """The values of a row without blanks around them."""
    return tuple([cell.strip() for cell in cells])
