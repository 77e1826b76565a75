"""A mapping pack: read from its folder, checked against the format, every mistake with file, line and column."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from fhir_msc.errors import PackError
from fhir_msc.mapping.code_tables import CodeTable, read_code_table
from fhir_msc.mapping.format import PackWords, TableWords
from fhir_msc.mapping.own_transforms import Transforms, own_transforms
from fhir_msc.mapping.yaml_text import Document, read_documents
from fhir_msc.paths import AnyPath
from fhir_msc.sources.opening import FORMATS
from fhir_msc.sources.own import own_sources
from fhir_msc.sources.seals import RowSeal, Seals

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class PackTable:
    """One table of a pack: its words, and the document they stand in."""

    words: TableWords
    document: Document


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack as read. ``text`` is all of it, for fingerprints, with what own transforms it may name are."""

    words: PackWords
    tables: dict[str, PackTable]
    code_tables: dict[str, CodeTable]
    text: bytes = field(repr=False)
    transforms: Transforms = field(default_factory=Transforms, repr=False)

    @property
    def seals(self) -> Seals:
        """What the pack seals, as the sources take it."""
        return _seals(self.words, self.tables)


def _seals(words: PackWords, tables: Mapping[str, PackTable]) -> Seals:
    sealed = words.sealed
    return Seals(
        tables=frozenset(sealed.tables),
        open=frozenset(sealed.open),
        columns=dict(sealed.columns),
        rows={
            table: tuple(RowSeal(one.column, one.any or one.except_, inverse=bool(one.except_)) for one in rows)
            for table, rows in sealed.rows.items()
        },
        unnumbered=frozenset(sealed.unnumbered),
        planned=dict(sealed.planned),
        participants=sealed.participants,
        qualifiers={
            join.table: name for name, one in tables.items() for join in one.words.join if join.kind == "qualifiers"
        },
    )


def packs_folder() -> Path:
    """The folder of the packs that come with fhir_msc."""
    shipped = Path(__file__).parents[1] / "_shipped" / "mappings"
    return shipped if shipped.is_dir() else Path(__file__).parents[3] / "mappings"


def find_pack(name: AnyPath, relative_to: AnyPath | None = None) -> Path:
    """The folder of a pack, by path or by the name of one that comes with fhir_msc. Raises PackError."""
    for folder in (Path(relative_to or "") / name, packs_folder() / name):
        if (folder / "pack.yaml").is_file():
            return folder
    known = sorted(path.parent.name for path in packs_folder().glob("*/pack.yaml"))
    raise PackError(
        f"{name}: there is no such mapping pack",
        hint=f"name a folder with a pack.yaml, or one of: {', '.join(known)}{_nearest(os.fspath(name), known)}",
    )


def read_pack(folder: AnyPath) -> Pack:
    """Reads and checks a pack. Raises PackError for the first mistake."""
    folder = Path(folder)
    head = folder / "pack.yaml"
    documents = read_documents(head, head.name)
    if len(documents) != 1:
        raise PackError("pack.yaml: must hold one document")
    words = checked(PackWords, documents[0])
    _refuse_unknown_source(words, documents[0])
    code_tables = {path.name: read_code_table(path, path.name) for path in sorted(folder.glob("*.csv"))}
    tables: dict[str, PackTable] = {}
    for path in sorted(folder.glob("*.yaml")):
        if path == head:
            continue
        for document in read_documents(path, path.name):
            table = checked(TableWords, document)
            if table.table in tables:
                raise PackError(f"{document.place(('table',))}: table {table.table} stands twice in the pack")
            tables[table.table] = PackTable(table, document)
    _refuse_sealed_keys(words, documents[0], tables)
    text = b"".join(
        path.name.encode() + b"\0" + path.read_bytes() + b"\0"
        for path in sorted(folder.iterdir())
        if path.suffix in (".yaml", ".csv")
    )
    own = own_transforms()
    # Another version of a transform may give other bodies: it is part of the pack.
    text += b"".join(one.identity.encode() + b"\0" for name, one in own.items() if name.encode() in text)
    return Pack(words, tables, code_tables, text, Transforms(own))


def checked(model: type[Model], document: Document) -> Model:
    """A document as words. Raises PackError for the first mistake, with its place."""
    return cast("Model", _checked(model, document))


@lru_cache(128)  # a worker reads the same pack again and again
def _checked(model: type[BaseModel], document: Document) -> BaseModel:
    try:
        return model.model_validate(document.tree)
    except ValidationError as error:
        raise _pack_error(model, document, error) from None


def refuse_sealed_key(seals: Seals, table: PackTable) -> None:
    """Raises PackError for a table in whose key a sealed column stands; one that is sealed as a whole may have any."""
    written = table.words
    if seals.seals_table(written.table):
        return
    places = {
        "participant": (written.participant or "",),
        "required": written.required,
        "key": written.key,
        "sponsor-id": written.sponsor_id,
        "tie-breakers": written.tie_breakers,
        "skip-unless-any": written.skip_unless_any,
        "observation": tuple(column for block in written.observations for column in block.group),
    }
    for word, columns in places.items():
        sealed = next((column for column in columns if seals.seals_column(written.table, column)), None)
        if sealed is not None:
            raise PackError(f"{table.document.place((word,))}: {sealed} is sealed and can be in no key")


def _refuse_unknown_source(words: PackWords, head: Document) -> None:
    unknown = next((name for name in words.source if name not in FORMATS), None)
    if unknown is None:
        return
    known = [*FORMATS, *own_sources(FORMATS)]
    if unknown not in known:
        place = head.place(("source",))
        raise PackError(f"{place}: there is no source format {unknown!r}{_nearest(unknown, known)}")


def _refuse_sealed_keys(words: PackWords, head: Document, tables: Mapping[str, PackTable]) -> None:
    """A sealed column is in no key, in an unblinded project neither: both must give the same resources the same key."""
    seals = _seals(words, tables)
    if seals.planned and not seals.participants:
        raise PackError(
            f"{head.place(('sealed', 'planned'))}: which columns name participants is not said",
            hint="name them under `participants`: a table of the protocol that has one is refused",
        )
    for name, table in tables.items():
        refuse_sealed_key(seals, table)
        if words.arms_are_treatments and not seals.seals_table(name) and not seals.seals_column(name, "redcap_arm"):
            raise PackError(
                f"{head.place(('arms-are-treatments',))}: redcap_arm of {name} is not sealed",
                hint='arms that are treatments tell the arm: sealed: {columns: {"*": [redcap_arm]}}',
            )


def _pack_error(model: type[BaseModel], document: Document, error: ValidationError) -> PackError:
    found = error.errors(include_url=False, include_input=False)
    # A misspelt word is told before the one that is missing because of it.
    first = min(found, key=lambda one: one["type"] != "extra_forbidden")
    path = first["loc"]
    # pydantic counts places in lists that stand as one in the text.
    place = document.place(_in_text(path, document))
    if first["type"] == "extra_forbidden":
        return PackError(f"{place}: unknown word {str(path[-1])!r}{_nearest(str(path[-1]), _words_at(model, path))}")
    if first["type"] == "missing":
        return PackError(f"{place}: the word {path[-1]!r} is missing")
    return PackError(f"{place}: {' '.join(str(part) for part in path)}: {first['msg']}")


def _words_at(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """The words that may stand beside the last of ``path``, by the model's JSON Schema."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    forms = [schema]
    for part in path[:-1]:
        inner = [
            form["items"] if isinstance(part, int) else form.get("properties", {}).get(part, {})
            for form in forms
            if not isinstance(part, int) or "items" in form
        ]
        forms = [form for one in inner for form in _forms(one, definitions)]
    return sorted({word for form in forms for word in form.get("properties", {})})


def _forms(schema: dict[str, Any], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """A schema as its alternatives, references followed."""
    if "$ref" in schema:
        return _forms(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return [form for one in schema["anyOf"] for form in _forms(one, definitions)]
    return [schema]


def _in_text(path: Sequence[str | int], document: Document) -> tuple[str | int, ...]:
    found: tuple[str | int, ...] = ()
    for part in path:
        if (*found, part) in document.places:
            found = (*found, part)
    return found


def _nearest(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, 1, 0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""
