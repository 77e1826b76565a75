"""A REDCap project's XML: ODM 1.3.1 with REDCap's own attributes, as the records and the dictionary of a CSV export.

Source: REDCap's "Download metadata & data (XML)", namespace https://projectredcap.org. What a CSV export holds comes
out the same: a row per record and event, and one per instance of a repeating instrument or event; raw codes; a box per
column; of a file its name. Two things the XML does not have: line ends inside a value (XML makes blanks of them), and
codes of fields that were never saved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from fhir_msc.errors import SourceError
from fhir_msc.sources.dictionary import FIXED_CHOICES, Field, choices_of
from fhir_msc.sources.odm_definitions import Definitions, Item
from fhir_msc.sources.odm_document import Outline, stream
from fhir_msc.sources.odm_walk import EVENTS, SUBJECTS, Place
from fhir_msc.sources.redcap import EVENT, GROUP, INSTANCE, INSTRUMENT
from fhir_msc.sources.table import Table

_NAMESPACE = "https://projectredcap.org "
_FIELD_TYPES = {"select": "dropdown", "textarea": "notes"}
_COMPLETE = "_complete"

_Key = tuple[str, str, str]
"""Unique event name, repeating instrument, instance; each empty where there is none."""


def _definitions(outlined: Outline) -> Definitions | None:
    """The project's metadata: a REDCap document has one version, whose items name REDCap's variables."""
    definitions = outlined.versions.get(outlined.data_versions[0]) if outlined.data_versions else None
    if definitions and any(f"{_NAMESPACE}Variable" in item.attributes for item in definitions.items.values()):
        return definitions
    return None


@dataclass(frozen=True, slots=True)
class XmlRecords:
    """The records of a REDCap project's XML, in the rows and columns of its CSV export."""

    table: Table
    outlined: Outline
    record_id: str
    events: Mapping[str, str]
    """Unique event names by OID."""
    forms: Mapping[str, str]
    """Form names by OID."""
    repeating_events: frozenset[str]
    repeating_forms: frozenset[tuple[str, str]]
    """Unique event name (empty in a classic project) and form."""

    def records(self, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
        """Streams the rows with all their values. Raises SourceError with the row."""
        number = 0
        order = _order(self.events.values(), self.forms.values())
        try:
            for rows in self._by_participant():
                for key in sorted(rows, key=order):
                    number += 1
                    cells = rows[key]
                    yield number, [cells.get(column, "") for column in self.table.columns]
        except SourceError as error:
            raise error.at_row(number + 1) from None

    def _by_participant(self) -> Iterator[dict[_Key, dict[str, str]]]:
        """The rows of one record after the other: only one is held in memory."""
        rows: dict[_Key, dict[str, str]] = {}
        group = ""
        for place, cells in stream(self.outlined, self.table.name, None):
            if not place.groups:
                if not place.event and rows:
                    for one in rows.values():
                        one.setdefault(GROUP, group)
                    yield rows
                    rows, group = {}, ""
                continue
            key = self._key(place)
            row = rows.setdefault(key, self._start(place, key))
            group = cells.get(GROUP) or group
            row.update(cells)
            row[self.record_id] = place.subject.get("SubjectKey", "")

    def _key(self, place: Place) -> _Key:
        event = _of_redcap(place.event, "UniqueEventName") or self.events.get(place.event.get("StudyEventOID", ""), "")
        form = self.forms.get(place.form.get("FormOID", ""), "")
        if (event, form) in self.repeating_forms:
            return event, form, place.form.get("FormRepeatKey", "")
        return event, "", place.event.get("StudyEventRepeatKey", "") if event in self.repeating_events else ""

    def _start(self, place: Place, key: _Key) -> dict[str, str]:
        event, instrument, instance = key
        return {
            self.record_id: place.subject.get("SubjectKey", ""),
            EVENT: event,
            INSTRUMENT: instrument,
            INSTANCE: instance,
        }


def _order(events: Iterable[str], forms: Iterable[str]) -> Callable[[_Key], tuple[int, int, int]]:
    """A record's rows as REDCap writes them: by event as the project defines them, the repeating instruments last. What
    else a record holds does not move them: it may be sealed."""
    of_event = {event: i for i, event in enumerate(events)}
    of_form = {form: i for i, form in enumerate(forms, start=1)}
    return lambda key: (
        of_event.get(key[0], len(of_event)),
        of_form.get(key[1], 0),
        int(key[2]) if key[2].isdecimal() else 0,
    )


def records_of(outlined: Outline) -> tuple[XmlRecords, tuple[Field, ...]]:
    """The records of a REDCap project's XML, and its data dictionary. Raises SourceError for another document."""
    definitions = _definitions(outlined)
    fields = _fields(definitions) if definitions else {}
    if definitions is None or not fields:
        raise SourceError(
            "is not the XML of a REDCap project with its records",
            file=outlined.file.name,
            hint='Download it in REDCap under "Other Functionality": metadata & data (XML).',
        )
    record_id = next(iter(fields))
    events = _by_oid(definitions, "StudyEventDef", "UniqueEventName")
    forms = _by_oid(definitions, "FormDef", "FormName")
    repeating_events = _named(definitions, "RepeatingEvent", "UniqueEventName")
    repeating_forms = frozenset(
        (_of_redcap(attributes, "UniqueEventName") if events else "", _of_redcap(attributes, "RepeatInstrument"))
        for name, attributes in definitions.elements
        if name == f"{_NAMESPACE}RepeatingInstrument"
    )
    in_data = {
        column for name, columns in outlined.found.items() if name not in (SUBJECTS, EVENTS) for column in columns
    }
    own = [
        *([EVENT] if events else []),
        *([INSTRUMENT, INSTANCE] if repeating_events or repeating_forms else []),
        *([GROUP] if GROUP in in_data else []),
    ]
    described = [item for group in definitions.groups.values() for item in group.items]
    texts = {name for name, field in fields.items() if field.kind == "descriptive"}
    columns = [column for column in (record_id, *own, *described, *sorted(in_data)) if column not in texts]
    table = Table(
        PurePath(outlined.file.name).stem,
        outlined.file.name,
        tuple(dict.fromkeys(columns)),
        encoding=outlined.written_in,
    )
    records = XmlRecords(table, outlined, record_id, events, forms, repeating_events, repeating_forms)
    return records, tuple(fields.values())


def _fields(definitions: Definitions) -> dict[str, Field]:
    """The data dictionary, in the order of the forms. ``_complete`` is REDCap's own and no field of it."""
    fields: dict[str, Field] = {}
    for oid, group in definitions.groups.items():
        form = oid.partition(".")[0]
        for name in group.items:
            item = definitions.items.get(name)
            variable = _of_redcap(item.attributes, "Variable") if item else ""
            if item is None or not variable or variable in fields or variable == f"{form}{_COMPLETE}":
                continue
            fields[variable] = _field(variable, form, item, definitions)
    return fields


def _field(variable: str, form: str, item: Item, definitions: Definitions) -> Field:
    written = _of_redcap(item.attributes, "FieldType")
    kind = _FIELD_TYPES.get(written, written)
    codes = definitions.code_lists.get(item.code_list)
    boxes = _of_redcap(codes.attributes, "CheckboxChoices") if codes else ""
    if kind == "checkbox":
        choices = choices_of(boxes)
    else:
        choices = dict(FIXED_CHOICES.get(kind) or (codes.labels if codes else {}))
    return Field(
        name=variable,
        form=form,
        kind=kind,
        label=item.label,
        choices=choices,
        decimal_comma=_of_redcap(item.attributes, "TextValidationType").endswith("comma_decimal"),
        identifier=_of_redcap(item.attributes, "Identifier").lower() == "y",
    )


def _by_oid(definitions: Definitions, element: str, attribute: str) -> dict[str, str]:
    return {
        attributes.get("OID", ""): _of_redcap(attributes, attribute)
        for name, attributes in definitions.elements
        if name == element
    }


def _named(definitions: Definitions, element: str, attribute: str) -> frozenset[str]:
    return frozenset(
        _of_redcap(attributes, attribute)
        for name, attributes in definitions.elements
        if name == f"{_NAMESPACE}{element}"
    )


def _of_redcap(attributes: Mapping[str, str], name: str) -> str:
    return attributes.get(f"{_NAMESPACE}{name}", "")
