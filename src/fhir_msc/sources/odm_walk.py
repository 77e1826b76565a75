"""The way through an ODM document's clinical data: what stands where, and what ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fhir_msc.sources.odm_definitions import Version

SUBJECTS = "SubjectData"
EVENTS = "StudyEventData"
SUBJECT_CONTEXT = ("StudyOID", "SubjectKey", "LocationOID")
EVENT_CONTEXT = (*SUBJECT_CONTEXT, "StudyEventOID", "StudyEventRepeatKey")
CONTEXT = (
    *EVENT_CONTEXT,
    *("FormOID", "FormRepeatKey", "ParentItemGroupOID", "ParentItemGroupRepeatKey", "ItemGroupRepeatKey"),
)
"""The columns that say where a row stands, beside its items."""

BINARY = ("ItemDataBase64Binary", "ItemDataHexBinary")
"""Items whose content is not kept."""
UNIT_OID = ":unit-oid"
"""Behind an item: the OID of the unit that its ItemData names."""
_STATES = frozenset({"", "Insert", "Context"})
_UNREAD = frozenset({"AuditRecord", "Signature", "Annotation", "Annotations", "Query", "AuditRecords", "Signatures"})


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

Wanted = Callable[[str], bool]
"""Whether what ends is given: asked with a group's OID, ``SubjectData`` or ``StudyEventData``."""


class NoState(Exception):
    """The document holds changes."""


@dataclass(slots=True)
class Twice(Exception):
    """An item stands twice in one group."""

    item: str


class Walk:
    """Takes the elements of a document and gives what ends: groups of items, participants, events.

    Without ``wanted`` all is given; cells of what is not are not kept. What is no state of the data, or is told
    twice, is an error where it ``refuses``; who only looks for columns does not.
    """

    def __init__(self, wanted: Wanted | None, *, refuses: bool = True) -> None:
        self.place = Place()
        self.inside = False
        """Whether the elements are those of clinical data."""
        self.has_begun = False
        self._wanted: Wanted = wanted or (lambda _: True)
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
            raise NoState
        self._start(name, attributes)
        return None

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        place = self.place
        if name.startswith("ItemData"):
            self._item = column_of(attributes.get("ItemOID", ""))
            self._null = attributes.get("IsNull") == "Yes"
            self._values = [attributes["Value"]] if "Value" in attributes else []
            if name in BINARY:
                self._values = [_of_vendor(attributes).get("DocName") or "[document]"]
            if name != "ItemData":
                self._keep_unit(attributes)
        elif name == "ItemGroupData":
            place.groups.append(attributes)
            oid = attributes.get("ItemGroupOID", "")
            self._cells.append({} if self._wanted(oid) else None)
        elif name == "FormData":
            place.form = attributes
        elif name == EVENTS:
            place.event = attributes
        elif name == SUBJECTS:
            place.subject, place.location = attributes, ""
        elif name == "SiteRef":
            place.location = attributes.get("LocationOID", "")
        elif name == "MeasurementUnitRef":
            self._keep_unit(attributes)

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
            ended = (EVENTS, _kept(place), _of_vendor(place.event)) if self._wanted(EVENTS) else None
            place.event = {}
            return ended
        elif name == SUBJECTS:
            ended = (SUBJECTS, _kept(place), _of_vendor(place.subject)) if self._wanted(SUBJECTS) else None
            place.subject, place.location = {}, ""
            return ended
        elif name == "ClinicalData":
            self.inside = False
        return None

    def _keep_unit(self, attributes: Mapping[str, str]) -> None:
        """The item's own unit: ``ItemData`` names it in a child, typed items (``ItemDataFloat``) in an attribute."""
        cells = self._cells[-1] if self._cells else None
        unit = attributes.get("MeasurementUnitOID")
        if cells is not None and self._item and unit:
            cells[f"{self._item}{UNIT_OID}"] = unit

    def _keep(self, name: str, text: str) -> None:
        item, values = self._item, self._values
        self._item, self._values = "", []
        cells = self._cells[-1] if self._cells else None
        if cells is None or not item:
            return
        if item in cells and self._refuses:
            raise Twice(item)
        if name not in ("ItemData", *BINARY):
            values = [text]
        cells[item] = "" if self._null else "|".join(values)


def _kept(place: Place) -> Place:
    """The place as it is now; what it is made of does not change."""
    return Place(place.version, place.subject, place.location, place.event, place.form, list(place.groups))


def _of_vendor(attributes: Mapping[str, str]) -> Cells:
    """The attributes of other namespaces, by their own names."""
    return {name.partition(" ")[2]: value for name, value in attributes.items() if " " in name}


def column_of(item: str) -> str:
    """The column of an item: its OID, with a line behind it where a column of the context has that name."""
    return f"{item}_" if item in CONTEXT else item
