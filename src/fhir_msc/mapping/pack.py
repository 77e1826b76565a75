"""A mapping pack: read from its folder, checked against the format, every mistake with file, line and column."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from fhir_msc.errors import PackError
from fhir_msc.mapping.code_tables import CodeTable, read_code_table
from fhir_msc.mapping.format import PackWords, TableWords
from fhir_msc.mapping.yaml_text import Document, read_documents
from fhir_msc.sources.seals import RowSeal, Seals

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class PackTable:
    """One table of a pack: its words, and the document they stand in."""

    words: TableWords
    document: Document


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack as read. ``text`` is all of it, for fingerprints."""

    words: PackWords
    tables: dict[str, PackTable]
    code_tables: dict[str, CodeTable]
    text: bytes = field(repr=False)

    @property
    def seals(self) -> Seals:
        """What the pack seals, as the sources take it."""
        sealed = self.words.sealed
        return Seals(
            tables=frozenset(sealed.tables),
            columns=dict(sealed.columns),
            rows={
                table: (RowSeal(rows.column, rows.any or rows.except_, inverse=bool(rows.except_)),)
                for table, rows in sealed.rows.items()
            },
            unnumbered=frozenset(sealed.unnumbered),
        )


def packs_folder() -> Path:
    """The folder of the packs that come with fhir_msc."""
    shipped = Path(__file__).parents[1] / "_shipped" / "mappings"
    return shipped if shipped.is_dir() else Path(__file__).parents[3] / "mappings"


def find_pack(name: str, relative_to: Path | None = None) -> Path:
    """The folder of a pack, by path or by the name of one that comes with fhir_msc. Raises PackError."""
    for folder in ((relative_to or Path()) / name, packs_folder() / name):
        if (folder / "pack.yaml").is_file():
            return folder
    known = sorted(path.parent.name for path in packs_folder().glob("*/pack.yaml"))
    raise PackError(
        f"{name}: there is no such mapping pack",
        hint=f"name a folder with a pack.yaml, or one of: {', '.join(known)}{_nearest(name, known)}",
    )


def read_pack(folder: Path) -> Pack:
    """Reads and checks a pack. Raises PackError for the first mistake."""
    head = folder / "pack.yaml"
    documents = read_documents(head, head.name)
    if len(documents) != 1:
        raise PackError("pack.yaml: must hold one document")
    words = _checked(PackWords, documents[0])
    code_tables = {path.name: read_code_table(path, path.name) for path in sorted(folder.glob("*.csv"))}
    tables: dict[str, PackTable] = {}
    for path in sorted(folder.glob("*.yaml")):
        if path == head:
            continue
        for document in read_documents(path, path.name):
            table = _checked(TableWords, document)
            if table.table in tables:
                raise PackError(f"{document.place(('table',))}: table {table.table} stands twice in the pack")
            tables[table.table] = PackTable(table, document)
    text = b"".join(
        path.name.encode() + b"\0" + path.read_bytes() + b"\0"
        for path in sorted(folder.iterdir())
        if path.suffix in (".yaml", ".csv")
    )
    return Pack(words, tables, code_tables, text)


def _checked(model: type[Model], document: Document) -> Model:
    try:
        return model.model_validate(document.tree)
    except ValidationError as error:
        raise _pack_error(model, document, error) from None


def _pack_error(model: type[BaseModel], document: Document, error: ValidationError) -> PackError:
    first = error.errors(include_url=False, include_input=False)[0]
    # pydantic's location holds names of union members and list places of shorthands that the text does not have.
    path = tuple(part for part in first["loc"])
    place = document.place(_in_text(path, document))
    if first["type"] == "extra_forbidden":
        word = str(path[-1])
        known = sorted(set(re.findall(r'"([a-z][a-z-]*)": \{', str(model.model_json_schema()).replace("'", '"'))))
        return PackError(f"{place}: unknown word {word!r}{_nearest(word, known)}")
    if first["type"] == "missing":
        return PackError(f"{place}: the word {path[-1]!r} is missing")
    return PackError(f"{place}: {' '.join(str(part) for part in path)}: {first['msg']}")


def _in_text(path: Sequence[str | int], document: Document) -> tuple[str | int, ...]:
    found: tuple[str | int, ...] = ()
    for part in path:
        if (*found, part) in document.places:
            found = (*found, part)
    return found


def _nearest(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, 1, 0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""
