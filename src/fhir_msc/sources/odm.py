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
from dataclasses import dataclass, replace

from fhir_msc.errors import SourceError
from fhir_msc.sources.odm_definitions import Definitions, Version, columns_of
from fhir_msc.sources.odm_document import Outline, stream
from fhir_msc.sources.odm_walk import (
    CONTEXT,
    EVENT_CONTEXT,
    EVENTS,
    SUBJECT_CONTEXT,
    SUBJECTS,
    UNIT_OID,
    Cells,
    column_of,
)
from fhir_msc.sources.seals import Seals
from fhir_msc.sources.table import LABEL, UNIT, Row, Table, trimmed


@dataclass(frozen=True, slots=True)
class OdmTable:
    """One table of an ODM document: a group of items, the participants or their events."""

    table: Table
    outlined: Outline
    definitions: Mapping[Version, Definitions]
    seals: Seals
    """Where they may seal an item, a row that holds nothing else is none."""

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Streams the rows, of each the values of ``columns``. Raises SourceError with the row."""
        context = {name: i for i, name in enumerate(CONTEXT)}
        sealing = not self.table.numbered
        listed = set(self.table.columns)
        labels = _Labels(self.definitions)
        asked: list[tuple[str, int | None, bool]] = []
        for column in columns:
            name = column.removesuffix(LABEL)
            asked.append((name if name in listed else "", context.get(name), column != name))
        group = self.table.name
        for number, (place, cells) in enumerate(stream(self.outlined, group, group), start=1):
            if sealing and not self._is_open(cells):
                continue
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
            yield number, trimmed(values)

    def _is_open(self, cells: Cells) -> bool:
        name = self.table.name
        return any(
            value and not self.seals.seals_column(name, column.removesuffix(UNIT_OID))
            for column, value in cells.items()
        )


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
        written = cells.get(f"{item}{UNIT_OID}")
        if written:
            return definitions.units.get(written) or written
        described = definitions.groups.get(group)
        unit_item = described.unit_items.get(item, "") if described else ""
        return cells.get(unit_item) or definitions.unit(item)


def tables_of(outlined: Outline, definitions: Mapping[Version, Definitions], seals: Seals) -> list[OdmTable]:
    """The tables of a document with clinical data; ``definitions`` are those of the versions it refers to. Where items
    of a group are sealed, a row may be there for them alone, and no number of the group's rows may be shown."""
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
        _table(outlined, definitions, seals, SUBJECTS, SUBJECT_CONTEXT, (), {}),
        _table(outlined, definitions, seals, EVENTS, EVENT_CONTEXT, (), {}),
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
            column = column_of(item)
            columns += [column, f"{column}{UNIT}"] if item in units else [column]
        labels = {column_of(item): described[item].label for item in groups.get(name, ()) if item in described}
        made_of = {
            (f"{column_of(item)}{UNIT}", column_of(unit))
            for version in definitions.values()
            if name in version.groups
            for item, unit in version.groups[name].unit_items.items()
            if unit
        }
        one = _table(outlined, definitions, seals, name, CONTEXT, columns, labels)
        numbered = not seals.column_patterns(name)
        tables.append(replace(one, table=replace(one.table, made_of=tuple(sorted(made_of)), numbered=numbered)))
    return tables


def _table(
    outlined: Outline,
    definitions: Mapping[Version, Definitions],
    seals: Seals,
    name: str,
    context: Sequence[str],
    columns: Sequence[str],
    labels: Mapping[str, str],
) -> OdmTable:
    found = [
        f"{one.removesuffix(UNIT_OID)}{UNIT}" if one.endswith(UNIT_OID) else one for one in outlined.found.get(name, ())
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
    return OdmTable(table, outlined, definitions, seals)
