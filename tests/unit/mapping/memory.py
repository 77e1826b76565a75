"""Tables in memory as a source, and packs written as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fhir_msc.errors import SourceError
from fhir_msc.mapping.compiler import compile_table
from fhir_msc.mapping.pack import Pack, read_pack
from fhir_msc.mapping.table import MappedRow
from fhir_msc.sources.sealed_source import SealedSource
from fhir_msc.sources.seals import Seals
from fhir_msc.sources.table import Row, Source, Table

Rows = Sequence[Mapping[str, str]]

HEAD = "pack: p\ntitle: P\nversion: '1'\nsource: csv\n"


@dataclass
class Memory:
    """A source over rows in memory, trimmed as every source's. A table's columns are those of all its rows, or those of
    ``columns``."""

    given: Mapping[str, Rows]
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    identifiers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    damage: Mapping[str, str] = field(default_factory=dict)

    def tables(self) -> Sequence[Table]:
        return [self._table(name) for name in sorted({*self.given, *self.damage})]

    def _table(self, name: str) -> Table:
        if name in self.damage:
            return Table(name, f"{name}.csv", (), damage=self.damage[name])
        names = self.columns.get(name) or list(dict.fromkeys(column for row in self.given[name] for column in row))
        return Table(name, f"{name}.csv", tuple(names), identifiers=self.identifiers.get(name, frozenset()))

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        if table in self.damage:
            raise SourceError(self.damage[table], file=f"{table}.csv", table=table)
        for number, row in enumerate(self.given[table], 1):
            yield number, tuple(row.get(column, "").strip() for column in columns)


def pack_of(folder: Path, tables: Mapping[str, str], head: str = "", **code_tables: str) -> Pack:
    """A pack of these YAML texts (by file stem) and code tables, in ``folder``."""
    (folder / "pack.yaml").write_text(HEAD + head, "utf-8")
    for stem, text in tables.items():
        (folder / f"{stem}.yaml").write_text(text, "utf-8")
    for stem, text in code_tables.items():
        (folder / f"{stem}.csv").write_text(text, "utf-8")
    return read_pack(folder)


def mapped(
    pack: Pack, source: Source, table: str, *, blind: bool = False, zone: str | None = "America/New_York"
) -> list[MappedRow]:
    """What becomes of the rows of a table."""
    seals = pack.seals if blind else Seals()
    opened = SealedSource(source, seals) if seals else source
    described = next(one for one in opened.tables() if one.name == table)
    mapper = compile_table(pack, pack.tables[table], described, opened, seals)
    return list(mapper.map(mapper.rows(), lambda _participant: zone))
