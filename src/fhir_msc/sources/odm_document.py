"""An ODM document: what it defines and holds, looked through once; and its clinical data as a stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO

from fhir_msc.errors import SourceError
from fhir_msc.sources.files import InputFile
from fhir_msc.sources.odm_definitions import Definitions, DefinitionsReader, Version
from fhir_msc.sources.odm_walk import BINARY, Cells, NoState, Place, Twice, Walk, Wanted
from fhir_msc.sources.xml_stream import Event, Skip, XmlDamage, elements, encoding_of

_NAMESPACES = tuple(f"http://www.cdisc.org/ns/odm/v{version} " for version in ("1.3", "2.0", "1.2"))
_BINARY_NAMES = frozenset(f"{namespace}{name}" for namespace in _NAMESPACES for name in BINARY)
_FLAT_GROUPS = frozenset(f"{namespace}ItemGroupData" for namespace in _NAMESPACES if "/v2" not in namespace)


@dataclass(frozen=True, slots=True)
class Outline:
    """What a look through a document found."""

    file: InputFile
    encoding: str | None
    """What it was declared to be written in, whatever it says itself."""
    written_in: str
    versions: Mapping[Version, Definitions]
    data_versions: tuple[Version, ...]
    """The metadata that its clinical data refer to; none for a document without clinical data."""
    found: Mapping[str, Sequence[str]]
    """The columns that stand in the data, by table."""


@dataclass(frozen=True, slots=True)
class Begins:
    """What the beginning of a file tells: whether it is ODM, REDCap's, and has clinical data."""

    odm: bool = False
    redcap: bool = False
    clinical: bool = False


def begins_of(file: InputFile) -> Begins:
    """Reads a file until its clinical data begin. Damage before them makes it none; who reads it says where it is."""
    odm = redcap = False
    with file.open() as stream:
        try:
            for name, attributes, _ in elements(stream, textless=_BINARY_NAMES):
                if not odm:
                    if _local(name) != "ODM" or attributes is None:
                        return Begins()
                    odm, redcap = True, attributes.get("SourceSystem") == "REDCap"
                elif _local(name) == "ClinicalData":
                    return Begins(odm, redcap, clinical=True)
        except XmlDamage:
            return Begins()
    return Begins(odm, redcap)


def outline(file: InputFile, encoding: str | None = None) -> Outline:
    """Looks through a document once. Damage inside the clinical data is left to who reads them, which every table must:
    where it is could tell what a blind project must not know.

    Raises SourceError for a file that is not ODM, and for damage before the clinical data, with the line.
    """
    reader = DefinitionsReader()
    walk = Walk(None, refuses=False)
    found: dict[str, dict[str, None]] = {}
    versions: dict[Version, None] = {}
    in_study = False
    with file.open() as stream:
        written_in = encoding or encoding_of(stream)
        stream.seek(0)
        try:
            for name, attributes, text in _elements_of(file, stream, encoding):
                if name == "Study" and not walk.inside:
                    in_study = attributes is not None
                    if attributes is None:
                        reader.end(name, text)
                    else:
                        reader.start(name, attributes)
                elif in_study:
                    if attributes is None:
                        reader.end(name, text)
                    else:
                        reader.start(name, attributes)
                else:
                    ended = walk.take(name, attributes, text)
                    if ended is not None:
                        found.setdefault(ended[0], {}).update(dict.fromkeys(ended[2]))
                    elif walk.inside:
                        versions[walk.place.version] = None
        except XmlDamage as damage:
            if not walk.has_begun:
                raise SourceError(f"line {damage.line}: {damage.what}", file=file.name, hint=damage.hint) from None
    return Outline(
        file,
        encoding,
        written_in,
        reader.versions,
        tuple(versions),
        {name: tuple(columns) for name, columns in found.items()},
    )


def _others(wanted: Wanted | None) -> Skip | None:
    """Passes over the groups that are not wanted. In ODM 2.0 a group may hold others, and none is passed over."""
    if wanted is None:
        return None
    return lambda name, attributes: name in _FLAT_GROUPS and not wanted(attributes.get("ItemGroupOID", ""))


def _elements_of(file: InputFile, stream: BinaryIO, encoding: str | None, skips: Skip | None = None) -> Iterator[Event]:
    """The elements of a document by their local names. Raises SourceError for one that is not ODM, XmlDamage."""
    found = elements(stream, encoding, _BINARY_NAMES, skips)
    for name, attributes, text in found:
        if _local(name) != "ODM":
            raise SourceError(
                "is not CDISC ODM-XML 1.3 or 2.0",
                file=file.name,
                hint="Its first element must be ODM, in CDISC's namespace.",
            )
        yield "ODM", attributes, text
        break
    for name, attributes, text in found:
        yield _local(name), attributes, text


def stream(outlined: Outline, table: str, wanted: Wanted | None) -> Iterator[tuple[Place, Cells]]:
    """Streams what a document holds of the groups, participants and events that are ``wanted``; without, all of it.

    Raises SourceError, as of ``table``, with the row that cannot be read.
    """
    row = 0
    walk = Walk(wanted)
    try:
        with outlined.file.open() as file:
            for name, attributes, text in _elements_of(outlined.file, file, outlined.encoding, _others(wanted)):
                ended = walk.take(name, attributes, text)
                if ended is not None:
                    row += 1
                    yield ended[1], ended[2]
    except XmlDamage as damage:
        raise SourceError(
            f"from this row on the file cannot be read: {damage.what}",
            file=outlined.file.name,
            table=table,
            row=row + 1,
            hint=f"{damage.hint} `xmllint --noout FILE` shows the place.",
        ) from None
    except NoState:
        raise SourceError(
            "holds changes (TransactionType Update, Remove or Upsert), not what stands",
            file=outlined.file.name,
            table=table,
            row=row + 1,
            hint="Export a snapshot: FileType Snapshot, without the audit trail.",
        ) from None
    except Twice as twice:
        raise SourceError(
            "an item stands twice in the row",
            file=outlined.file.name,
            table=table,
            row=row + 1,
            column=twice.item,
            hint="Export a snapshot, in which each item of a group has one value.",
        ) from None


@lru_cache(maxsize=1024)
def _local(name: str) -> str:
    """ODM's own names without the namespace; others as they are."""
    for namespace in _NAMESPACES:
        if name.startswith(namespace):
            return name[len(namespace) :]
    return name if " " in name else f"- {name}"
