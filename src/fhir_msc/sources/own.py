"""An integrator's own source by entry point: a function that opens an export of a format of its own.

``open(path, options) -> Source``: what it gives is ``sources.table.Source``, tables that are listed and rows that are
streamed as text. It stands behind the same door as any other source: a blind project seals its tables, columns and rows
by their names before anything reads them. Whatever it does wrong is told by its entry point, never by a cell.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from fhir_msc.errors import ConfigError, FhirMscError, SourceError
from fhir_msc.extensions import Extension, extensions
from fhir_msc.sources.table import Row, Source, Table, trimmed

GROUP = "fhir_msc.sources"

T = TypeVar("T")

_SIGNATURE = "write it as `def name(path: Path, options: SourceOptions) -> Source`"


def own_sources(built_in: Collection[str]) -> Mapping[str, Extension]:
    """The integrator's formats by name, not yet loaded. Raises ConfigError for a name that is taken."""
    return extensions(GROUP, built_in, ConfigError)


@dataclass(frozen=True, slots=True)
class OwnReader:
    """One table of an own source."""

    table: Table
    source: Source
    extension: Extension

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """The rows, each looked at for being what a row is, and trimmed. Raises SourceError."""
        own, name, asked = self.extension, self.table.name, len(columns)
        rows = iter(_guarded(own, lambda: self.source.rows(name, columns), self.table.file, name))
        while (row := _guarded(own, lambda: next(rows, None), self.table.file, name)) is not None:
            if not _is_row(row, asked):
                raise _failed(own, "gave a row that is not its number and the text of each column", self.table)
            number, cells = row
            yield number, trimmed(cells)


def _is_row(row: object, columns: int) -> bool:
    if not isinstance(row, tuple) or len(row) != 2:
        return False
    number, cells = row
    fits = type(number) is int and isinstance(cells, tuple) and len(cells) == columns
    return fits and all(type(cell) is str for cell in cells)


def own_readers(extension: Extension, opened: Callable[[], object], name: str) -> list[OwnReader]:
    """The tables of the source that ``opened`` opens. Raises SourceError, ConfigError for what gives no source."""
    source = _guarded(extension, opened, name, None)
    if not callable(getattr(source, "tables", None)) or not callable(getattr(source, "rows", None)):
        raise extension.refused("gives no source", hint=_SIGNATURE)
    given = cast("Source", source)
    tables = _guarded(extension, lambda: list(given.tables()), name, None)
    if not all(isinstance(table, Table) for table in tables):
        raise extension.refused("lists what is no table", hint="tables() gives fhir_msc.Table objects")
    return [OwnReader(table, given, extension) for table in tables]


def opener_of(extension: Extension) -> Callable[..., object]:
    """The function that opens the source. Raises ConfigError."""
    opener = extension.load()
    if not callable(opener):
        raise extension.refused("cannot be called", hint=_SIGNATURE)
    return opener


def _guarded(own: Extension, do: Callable[[], T], file: str, table: str | None) -> T:
    try:
        return do()
    except FhirMscError:
        raise
    except Exception as error:  # noqa: BLE001 - somebody else's code; its message may hold a cell
        raise SourceError(
            f"cannot be read: {own.refused(f'failed with {type(error).__name__}').message}", file=file, table=table
        ) from None


def _failed(own: Extension, why: str, table: Table) -> SourceError:
    return SourceError(own.refused(why).message, file=table.file, table=table.name)
