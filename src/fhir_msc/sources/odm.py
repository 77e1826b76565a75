"""CDISC ODM-XML 1.3 and 2.0: clinical data as tables of rows, described by the metadata.

Sources: CDISC ODM 1.3.2, section 3.1.4 (ClinicalData); ODM 2.0 (https://wiki.cdisc.org/display/ODM2).

A table is a group of items (an ItemGroupDef), a row is one ItemGroupData. Its columns are the context (``CONTEXT``),
the group's items by their OIDs, and ``ITEM:unit`` for items that have a unit; ``ITEM:label`` gives the label of a code,
``StudyEventOID:label`` and ``FormOID:label`` the names of event and form. Two tables more: ``SubjectData``, a row per
participant, and ``StudyEventData``, a row per event of one, with the attributes that vendors add to these elements.

Where groups lie in groups (2.0), the outermost stands as the form, and those between as ``ParentItemGroupOID``, with
their repeat keys, outer ones first, joined by ``/``. Several values of one item (2.0) are joined by ``|``. A null item
is empty, and a binary one is the name of its document. Reference data, the audit trail, signatures and queries are not
read. A document of changes (Update, Remove) is refused: it says what happened, not what is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import BinaryIO

from fhir_msc.errors import SourceError
from fhir_msc.sources.files import InputFile
from fhir_msc.sources.odm_definitions import Definitions, DefinitionsReader, Version, columns_of
from fhir_msc.sources.table import LABEL, UNIT, Row, Table
from fhir_msc.sources.xml_stream import Event, Skip, XmlDamage, elements, encoding_of

SUBJECTS = "SubjectData"
EVENTS = "StudyEventData"
_SUBJECT_CONTEXT = ("StudyOID", "SubjectKey", "LocationOID")
_EVENT_CONTEXT = (*_SUBJECT_CONTEXT, "StudyEventOID", "StudyEventRepeatKey")
CONTEXT = (
    *_EVENT_CONTEXT,
    *("FormOID", "FormRepeatKey", "ParentItemGroupOID", "ParentItemGroupRepeatKey", "ItemGroupRepeatKey"),
)
"""The columns that say where a row stands, beside its items."""

_NAMESPACES = tuple(f"http://www.cdisc.org/ns/odm/v{version} " for version in ("1.3", "2.0", "1.2"))
_BINARY = ("ItemDataBase64Binary", "ItemDataHexBinary")
_BINARY_NAMES = frozenset(f"{namespace}{name}" for namespace in _NAMESPACES for name in _BINARY)
_FLAT_GROUPS = frozenset(f"{namespace}ItemGroupData" for namespace in _NAMESPACES if "/v2" not in namespace)
_STATES = frozenset({"", "Insert", "Context"})
_UNIT_OID = ":unit-oid"
"""Behind an item: the OID of the unit that its ItemData names."""
_NO_ODM = "is not CDISC ODM-XML 1.3 or 2.0"


@dataclass(slots=True)
class Place:
    """Where in the clinical data an element stands; empty where it stands in none of its kind."""

    version: Version = ("", "")
    subject: Mapping[str, str] = field(default_factory=dict)
    location: str = ""
    event: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    groups: list[Mapping[str, str]] = field(default_factory=list)

    def around(self) -> tuple[str, ...]:
        """The values of ``CONTEXT``."""
        outer = self.groups[:-1]
        form_oid, form_key = self.form.get("FormOID", ""), self.form.get("FormRepeatKey", "")
        if outer and not form_oid:
            form_oid, form_key = outer[0].get("ItemGroupOID", ""), outer[0].get("ItemGroupRepeatKey", "")
            outer = outer[1:]
        return (
            self.version[0],
            self.subject.get("SubjectKey", ""),
            self.location,
            self.event.get("StudyEventOID", ""),
            self.event.get("StudyEventRepeatKey", ""),
            form_oid,
            form_key,
            "/".join(group.get("ItemGroupOID", "") for group in outer),
            "/".join(group.get("ItemGroupRepeatKey", "") for group in outer) if outer else "",
            self.groups[-1].get("ItemGroupRepeatKey", "") if self.groups else "",
        )


Cells = dict[str, str]
Found = tuple[str, Place, Cells]
"""What ends: a group's OID, ``SubjectData`` or ``StudyEventData``; its place, to be read at once; its cells."""


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
    walk = _Walk(None, refuses=False)
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


def _others(wanted: str | None) -> Skip | None:
    """Passes over the groups that are not wanted. In ODM 2.0 a group may hold others, and none is passed over."""
    if wanted is None:
        return None
    return lambda name, attributes: name in _FLAT_GROUPS and attributes.get("ItemGroupOID") != wanted


def _elements_of(file: InputFile, stream: BinaryIO, encoding: str | None, skips: Skip | None = None) -> Iterator[Event]:
    """The elements of a document by their local names. Raises SourceError for one that is not ODM, XmlDamage."""
    found = elements(stream, encoding, _BINARY_NAMES, skips)
    for name, attributes, text in found:
        if _local(name) != "ODM":
            raise SourceError(_NO_ODM, file=file.name, hint="Its first element must be ODM, in CDISC's namespace.")
        yield "ODM", attributes, text
        break
    for name, attributes, text in found:
        yield _local(name), attributes, text


def stream(outlined: Outline, table: str, wanted: str | None) -> Iterator[tuple[Place, Cells]]:
    """Streams what a document holds of one group, of the participants or of their events; without ``wanted`` all of it.

    Raises SourceError, as of ``table``, with the row that cannot be read.
    """
    row = 0
    walk = _Walk(wanted)
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
    except _NoState:
        raise SourceError(
            "holds changes (TransactionType Update, Remove or Upsert), not what stands",
            file=outlined.file.name,
            table=table,
            row=row + 1,
            hint="Export a snapshot: FileType Snapshot, without the audit trail.",
        ) from None
    except _Twice as twice:
        raise SourceError(
            "an item stands twice in the row",
            file=outlined.file.name,
            table=table,
            row=row + 1,
            column=twice.item,
            hint="Export a snapshot, in which each item of a group has one value.",
        ) from None


@dataclass(frozen=True, slots=True)
class OdmTable:
    """One table of an ODM document: a group of items, the participants or their events."""

    table: Table
    outlined: Outline
    definitions: Mapping[Version, Definitions]

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Streams the rows, of each the values of ``columns``. Raises SourceError with the row."""
        context = {name: i for i, name in enumerate(CONTEXT)}
        listed = set(self.table.columns)
        labels = _Labels(self.definitions)
        asked: list[tuple[str, int | None, bool]] = []
        for column in columns:
            name = column.removesuffix(LABEL)
            asked.append((name if name in listed else "", context.get(name), column != name))
        group = self.table.name
        for number, (place, cells) in enumerate(stream(self.outlined, group, group), start=1):
            around = place.around()
            values = []
            for name, at, labelled in asked:
                if not name:
                    value = ""
                elif at is not None:
                    value = around[at]
                elif name.endswith(UNIT):
                    value = cells.get(name) or labels.unit(place.version, group, name.removesuffix(UNIT), cells)
                else:
                    value = cells.get(name, "")
                if labelled and value:
                    value = labels.label(place.version, name, value, context=at is not None)
                values.append(value)
            yield number, tuple(values)


class _Labels:
    """What the metadata say of values, by the version that the data refer to."""

    def __init__(self, definitions: Mapping[Version, Definitions]) -> None:
        self._definitions = definitions

    def _of(self, version: Version) -> Definitions:
        return self._definitions.get(version) or Definitions()

    def label(self, version: Version, column: str, value: str, *, context: bool) -> str:
        definitions = self._of(version)
        if context:
            return definitions.names.get(value) or value
        known = definitions.labels(column)
        return "|".join(known.get(code) or code for code in value.split("|")) if known else value

    def unit(self, version: Version, group: str, item: str, cells: Cells) -> str:
        if item not in cells:
            return ""
        definitions = self._of(version)
        written = cells.get(f"{item}{_UNIT_OID}")
        if written:
            return definitions.units.get(written) or written
        described = definitions.groups.get(group)
        unit_item = described.unit_items.get(item, "") if described else ""
        return cells.get(unit_item) or definitions.unit(item)


def tables_of(outlined: Outline, definitions: Mapping[Version, Definitions]) -> list[OdmTable]:
    """The tables of a document with clinical data; ``definitions`` are those of the versions it refers to."""
    versions = [definitions[version] for version in outlined.data_versions if version in definitions]
    groups = {oid: items for oid, items in columns_of(versions).items() if items or oid in outlined.found}
    described = {item.oid: item for version in versions for item in version.items.values()}
    names = [name for name in dict.fromkeys([*groups, *outlined.found]) if name not in (SUBJECTS, EVENTS)]
    if not groups.keys().isdisjoint((SUBJECTS, EVENTS)):
        raise SourceError(
            f"a group of items has the OID {SUBJECTS} or {EVENTS}, which are tables of their own",
            file=outlined.file.name,
            hint="Give the group another OID.",
        )
    tables = [
        _table(outlined, definitions, SUBJECTS, _SUBJECT_CONTEXT, (), {}),
        _table(outlined, definitions, EVENTS, _EVENT_CONTEXT, (), {}),
    ]
    for name in names:
        units = {
            item
            for version in versions
            for item in groups.get(name, ())
            if (name in version.groups and item in version.groups[name].unit_items)
            or (item in version.items and version.items[item].units)
        }
        columns: list[str] = []
        for item in groups.get(name, ()):
            column = _column(item)
            columns += [column, f"{column}{UNIT}"] if item in units else [column]
        labels = {_column(item): described[item].label for item in groups.get(name, ()) if item in described}
        tables.append(_table(outlined, definitions, name, CONTEXT, columns, labels))
    return tables


def _table(
    outlined: Outline,
    definitions: Mapping[Version, Definitions],
    name: str,
    context: Sequence[str],
    columns: Sequence[str],
    labels: Mapping[str, str],
) -> OdmTable:
    found = [
        f"{one.removesuffix(_UNIT_OID)}{UNIT}" if one.endswith(_UNIT_OID) else one
        for one in outlined.found.get(name, ())
    ]
    known = dict.fromkeys([*context, *columns])
    added = tuple(column for column in dict.fromkeys(found) if column not in known)
    listed = (*known, *added)
    table = Table(
        name=name,
        file=outlined.file.name,
        columns=listed,
        labels=tuple(labels.get(column, "") for column in listed),
        encoding=outlined.written_in,
        undescribed=frozenset(added),
    )
    return OdmTable(table, outlined, definitions)


class _NoState(Exception):
    """The document holds changes."""


@dataclass(slots=True)
class _Twice(Exception):
    """An item stands twice in one group."""

    item: str


class _Walk:
    """Takes the elements of a document and gives what ends: groups of items, participants, events.

    ``wanted`` is the one kind that is given; cells of others are not kept. What is no state of the data, or is told
    twice, is an error where it ``refuses``; who only looks for columns does not.
    """

    def __init__(self, wanted: str | None, *, refuses: bool = True) -> None:
        self.place = Place()
        self.inside = False
        """Whether the elements are those of clinical data."""
        self.has_begun = False
        self._wanted = wanted
        self._refuses = refuses
        self._cells: list[Cells | None] = []
        self._item = ""
        self._values: list[str] = []
        self._foreign = 0
        self._null = False

    def take(self, name: str, attributes: Mapping[str, str] | None, text: str) -> Found | None:
        """One element's start or end; what ended, if it is wanted."""
        if not self.inside:
            if name == "ClinicalData" and attributes is not None:
                self.inside = self.has_begun = True
                self.place.version = attributes.get("StudyOID", ""), attributes.get("MetaDataVersionOID", "")
            return None
        # Of other namespaces, and of the audit trail, nothing counts: they may hold elements of our names.
        if self._foreign or " " in name or name in _UNREAD:
            self._foreign += 1 if attributes is not None else -1
            return None
        if attributes is None:
            return self._end(name, text)
        if self._refuses and attributes.get("TransactionType", "") not in _STATES:
            raise _NoState
        self._start(name, attributes)
        return None

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        place = self.place
        if name.startswith("ItemData"):
            self._item = _column(attributes.get("ItemOID", ""))
            self._null = attributes.get("IsNull") == "Yes"
            self._values = [attributes["Value"]] if "Value" in attributes else []
            if name in _BINARY:
                self._values = [_of_vendor(attributes).get("DocName") or "[document]"]
        elif name == "ItemGroupData":
            place.groups.append(attributes)
            oid = attributes.get("ItemGroupOID", "")
            self._cells.append({} if self._wanted in (None, oid) else None)
        elif name == "FormData":
            place.form = attributes
        elif name == EVENTS:
            place.event = attributes
        elif name == SUBJECTS:
            place.subject, place.location = attributes, ""
        elif name == "SiteRef":
            place.location = attributes.get("LocationOID", "")
        elif name == "MeasurementUnitRef" and self._item:
            cells = self._cells[-1] if self._cells else None
            if cells is not None:
                cells[f"{self._item}{_UNIT_OID}"] = attributes.get("MeasurementUnitOID", "")

    def _end(self, name: str, text: str) -> Found | None:
        place = self.place
        if name.startswith("ItemData"):
            self._keep(name, text)
        elif name == "Value" and self._item:
            self._values.append(text)
        elif name == "ItemGroupData":
            cells = self._cells.pop()
            oid = place.groups[-1].get("ItemGroupOID", "")
            ended = None if cells is None else (oid, _kept(place), cells)
            place.groups.pop()
            return ended
        elif name == "FormData":
            place.form = {}
        elif name == EVENTS:
            ended = (EVENTS, _kept(place), _of_vendor(place.event)) if self._wanted in (None, EVENTS) else None
            place.event = {}
            return ended
        elif name == SUBJECTS:
            ended = (SUBJECTS, _kept(place), _of_vendor(place.subject)) if self._wanted in (None, SUBJECTS) else None
            place.subject, place.location = {}, ""
            return ended
        elif name == "ClinicalData":
            self.inside = False
        return None

    def _keep(self, name: str, text: str) -> None:
        item, values = self._item, self._values
        self._item, self._values = "", []
        cells = self._cells[-1] if self._cells else None
        if cells is None or not item:
            return
        if item in cells and self._refuses:
            raise _Twice(item)
        if name not in ("ItemData", *_BINARY):
            values = [text]
        cells[item] = "" if self._null else "|".join(values)


_UNREAD = frozenset({"AuditRecord", "Signature", "Annotation", "Annotations", "Query", "AuditRecords", "Signatures"})


def _kept(place: Place) -> Place:
    """The place as it is now; what it is made of does not change."""
    return Place(place.version, place.subject, place.location, place.event, place.form, list(place.groups))


def _of_vendor(attributes: Mapping[str, str]) -> Cells:
    """The attributes of other namespaces, by their own names."""
    return {name.partition(" ")[2]: value for name, value in attributes.items() if " " in name}


def _column(item: str) -> str:
    """The column of an item: its OID, with a line behind it where a column of the context has that name."""
    return f"{item}_" if item in CONTEXT else item


@lru_cache(maxsize=1024)
def _local(name: str) -> str:
    """ODM's own names without the namespace; others as they are."""
    for namespace in _NAMESPACES:
        if name.startswith(namespace):
            return name[len(namespace) :]
    return name if " " in name else f"- {name}"
