"""What the metadata of an ODM document define: groups of items, items, code lists, units, events and forms.

Source: CDISC ODM 1.3.2, section 3.1.1 (Study), and ODM 2.0 (https://wiki.cdisc.org/display/ODM2). Where texts stand in
several languages, English or the one without a language counts, else the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

_LANGUAGE = "http://www.w3.org/XML/1998/namespace lang"
_TEXTS = frozenset({"Question", "Description", "Decode", "Symbol"})
_CODES = frozenset({"CodeListItem", "EnumeratedItem"})

Named = tuple[str, Mapping[str, str]]
"""An element's name (ODM's own without a namespace) and its attributes."""


@dataclass(slots=True)
class Item:
    """An ItemDef. ``attributes`` are all of its own, those of other namespaces as ``namespace name``."""

    oid: str
    attributes: Mapping[str, str]
    question: str = ""
    description: str = ""
    code_list: str = ""
    units: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        """What the item asks, in words."""
        return self.question or self.description or self.attributes.get("Name", "")


@dataclass(slots=True)
class Group:
    """An ItemGroupDef: its items in their order, and for those that have one the item that holds their unit (2.0)."""

    oid: str
    attributes: Mapping[str, str]
    items: list[str] = field(default_factory=list)
    unit_items: dict[str, str] = field(default_factory=dict)
    holds_groups: bool = False
    """Whether other groups may lie in it (2.0)."""


@dataclass(slots=True)
class CodeList:
    """A CodeList: the labels of its codes."""

    attributes: Mapping[str, str]
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Definitions:
    """A MetaDataVersion, with what it includes, and the measurement units of its study."""

    items: dict[str, Item] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    code_lists: dict[str, CodeList] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """Of events, forms and groups, by OID."""
    units: dict[str, str] = field(default_factory=dict)
    """The symbols of MeasurementUnits, by OID."""
    elements: list[Named] = field(default_factory=list)
    """Events, and the elements of other namespaces that stand in the study or in the version, in their order."""

    def labels(self, item: str) -> Mapping[str, str]:
        """The labels of an item's codes; none for an item without a code list."""
        known = self.items.get(item)
        code_list = self.code_lists.get(known.code_list) if known else None
        return code_list.labels if code_list else {}

    def unit(self, item: str) -> str:
        """The symbol of the one unit an item can have; none where it can have several, or none."""
        known = self.items.get(item)
        units = known.units if known else ()
        return self.units.get(units[0], units[0]) if len(units) == 1 else ""

    def and_those_of(self, other: Definitions) -> Definitions:
        """These, and those of another version where these have none (ODM's Include)."""
        return Definitions(
            {**other.items, **self.items},
            {**other.groups, **self.groups},
            {**other.code_lists, **self.code_lists},
            {**other.names, **self.names},
            {**other.units, **self.units},
            [*other.elements, *self.elements],
        )


Version = tuple[str, str]
"""StudyOID and MetaDataVersionOID."""


class DefinitionsReader:
    """Takes the elements of a Study, one after the other, and keeps what they define."""

    def __init__(self) -> None:
        self.versions: dict[Version, Definitions] = {}
        self._study = ""
        self._of_study = Definitions()
        self._into = self._of_study
        self._path: list[str] = []
        self._open: Item | Group | CodeList | None = None
        self._code = ""
        self._unit = ""
        self._language = ""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element starts."""
        self._path.append(name)
        oid = attributes.get("OID", "")
        if name == "Study":
            self._study, self._of_study = oid, Definitions()
            self._into = self._of_study
        elif name == "MetaDataVersion":
            study = self._of_study
            self._into = replace(Definitions(), units=study.units, elements=list(study.elements))
            self.versions[self._study, oid] = self._into
        elif name == "Include":
            included = attributes.get("StudyOID", ""), attributes.get("MetaDataVersionOID", "")
            key = next((key for key, known in self.versions.items() if known is self._into), None)
            if key is not None and included in self.versions:
                self._into = self.versions[key] = self._into.and_those_of(self.versions[included])
        elif name == "ItemDef":
            self._open = self._into.items[oid] = Item(oid, attributes)
        elif name == "ItemGroupDef":
            self._open = self._into.groups[oid] = Group(oid, attributes)
            self._into.names[oid] = attributes.get("Name", "")
        elif name == "CodeList":
            self._open = self._into.code_lists[oid] = CodeList(attributes)
        elif name in ("StudyEventDef", "FormDef"):
            self._into.names[oid] = attributes.get("Name", "")
            self._into.elements.append((name, attributes))
        elif name == "MeasurementUnit":
            self._unit = oid
            self._into.units[oid] = attributes.get("Name", "")
        elif name == "TranslatedText":
            self._language = attributes.get(_LANGUAGE, "")
        elif " " in name:
            self._into.elements.append((name, attributes))
        else:
            self._part(name, attributes)

    def _part(self, name: str, attributes: Mapping[str, str]) -> None:
        opened = self._open
        if isinstance(opened, Item):
            if name == "CodeListRef":
                opened.code_list = attributes.get("CodeListOID", "")
            elif name == "MeasurementUnitRef":
                opened.units.append(attributes.get("MeasurementUnitOID", ""))
        elif isinstance(opened, Group):
            if name == "ItemRef":
                item = attributes.get("ItemOID", "")
                opened.items.append(item)
                if attributes.get("UnitsItemOID"):
                    opened.unit_items[item] = attributes["UnitsItemOID"]
            elif name == "ItemGroupRef":
                opened.holds_groups = True
        elif isinstance(opened, CodeList) and name in _CODES:
            self._code = attributes.get("CodedValue", "")
            opened.labels.setdefault(self._code, "" if name == "CodeListItem" else self._code)

    def end(self, name: str, text: str) -> None:
        """An element ends; ``text`` is its text."""
        self._path.pop()
        if name == "TranslatedText":
            self._text(" ".join(text.split()))
        elif name in ("ItemDef", "ItemGroupDef", "CodeList"):
            self._open = None
        elif name == "MeasurementUnit":
            self._unit = ""

    def _text(self, text: str) -> None:
        around = next((name for name in reversed(self._path) if name in _TEXTS), "")
        opened = self._open
        first = not self._language or self._language.lower().startswith("en")
        if isinstance(opened, Item) and len(self._path) >= 2 and self._path[-2] == "ItemDef":
            if around == "Question" and (first or not opened.question):
                opened.question = text
            elif around == "Description" and (first or not opened.description):
                opened.description = text
        elif isinstance(opened, CodeList) and around == "Decode" and (first or not opened.labels.get(self._code)):
            opened.labels[self._code] = text
        elif self._unit and around == "Symbol" and (first or self._unit not in self._of_study.names):
            self._into.units[self._unit] = text
            self._of_study.names[self._unit] = text


def columns_of(versions: Sequence[Definitions]) -> dict[str, list[str]]:
    """The items of each group, over all versions, in their order."""
    columns: dict[str, list[str]] = {}
    for version in versions:
        for oid, group in version.groups.items():
            known = columns.setdefault(oid, [])
            known += [item for item in group.items if item not in known]
    return columns
