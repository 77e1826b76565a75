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

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fhir_msc.errors import SourceError
from fhir_msc.sources.odm_definitions import Definitions, Version, columns_of
from fhir_msc.sources.odm_document import Outline
from fhir_msc.sources.odm_opened import Opened
from fhir_msc.sources.odm_table import OdmTable
from fhir_msc.sources.odm_walk import CONTEXT, EVENT_CONTEXT, EVENTS, SUBJECT_CONTEXT, SUBJECTS, UNIT_OID, column_of
from fhir_msc.sources.seals import Seals
from fhir_msc.sources.table import UNIT, Table


def tables_of(outlined: Outline, definitions: Mapping[Version, Definitions], seals: Seals) -> list[OdmTable | Opened]:
    """The tables of a document with clinical data; ``definitions`` are those of the versions it refers to.

    Where items of a group are sealed, a row may be there for them alone, and no number of the group's rows may be
    shown. Where anything is sealed, a group of which no version defines items is a table only where it has a row.
    """
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
    subjects = _table(outlined, definitions, seals, SUBJECTS, SUBJECT_CONTEXT, (), {})
    events = _table(outlined, definitions, seals, EVENTS, EVENT_CONTEXT, (), {})
    tables = []
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
        around = not groups.get(name) or any(
            version.groups[name].holds_groups for version in versions if name in version.groups
        )
        described_so = replace(one.table, made_of=tuple(sorted(made_of)), numbered=numbered)
        tables.append(replace(one, table=described_so, is_filled=bool(seals) and (around or not numbered)))
    if not seals:
        return [subjects, events, *tables]
    tables = [one for one in tables if groups.get(one.table.name) or one.has_rows()]
    return [Opened.of(subjects, tables), Opened.of(events, tables), *tables]


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
