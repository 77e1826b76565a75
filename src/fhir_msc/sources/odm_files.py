"""Which files of a folder are ODM documents, and which one holds the metadata of which."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from fhir_msc.errors import SourceError
from fhir_msc.sources.dictionary import Field
from fhir_msc.sources.files import InputFile
from fhir_msc.sources.odm import tables_of
from fhir_msc.sources.odm_definitions import Definitions, Version
from fhir_msc.sources.odm_document import Outline, begins_of, outline
from fhir_msc.sources.odm_opened import Opened
from fhir_msc.sources.odm_table import OdmTable
from fhir_msc.sources.redcap_xml import XmlRecords, records_of
from fhir_msc.sources.seals import Seals


def is_xml(name: str) -> bool:
    """Whether a file is XML by its name."""
    return Path(name).suffix.lower() == ".xml"


def clinical_documents(folder: Path, names: Sequence[str], pattern: str | None) -> list[tuple[str, bool]]:
    """The ODM documents with clinical data among the files, each with whether it is REDCap's; with a ``pattern`` all
    XML files that fit it, whatever they hold, so that who reads them says what is wrong."""
    found = []
    for name in names:
        if is_xml(name) and (pattern is None or fnmatchcase(name, pattern)):
            begins = begins_of(InputFile.at(folder / name, name))
            if pattern is not None or begins.clinical:
                found.append((name, begins.redcap))
    return found


def odm_tables(
    folder: Path, records: str, names: Sequence[str], dictionary: str | None, encoding: str | None, seals: Seals
) -> tuple[Sequence[OdmTable | Opened], list[str]]:
    """The tables of the document ``records``, and the files that were read. Metadata that it lacks are taken from
    ``dictionary``, or from the one document of the folder that holds them.

    Raises SourceError for a document without clinical data, where several hold the metadata, and where ``dictionary``
    does not.
    """
    outlined = outline(InputFile.at(folder / records, records), encoding)
    if not outlined.data_versions:
        raise SourceError("holds no clinical data", file=records, hint="Export the data, not the metadata alone.")
    definitions = dict(outlined.versions)
    used = [records]
    lacking = [version for version in outlined.data_versions if version not in definitions]
    if dictionary is not None:
        definitions |= outline(InputFile.at(folder / dictionary, dictionary), encoding).versions
        used.append(dictionary)
        unknown = [version for version in lacking if version not in definitions]
        if unknown:
            raise SourceError(
                f"does not describe version {unknown[0][1]} of study {unknown[0][0]}, which the data in {records} name",
                file=dictionary,
                hint="Export the metadata of that version; without a dictionary, rows alone tell the columns.",
            )
    elif lacking:
        found = _with_metadata(folder, [name for name in names if name != records], lacking, encoding)
        if len(found) > 1:
            raise SourceError(
                f"several could be the metadata: {', '.join(sorted(found))}",
                file=records,
                hint='Name them: dictionary = "…" in [source].',
            )
        for name, described in found.items():
            definitions |= described
            used.append(name)
    return tables_of(outlined, definitions, seals), used


def _with_metadata(
    folder: Path, names: Sequence[str], versions: Sequence[Version], encoding: str | None
) -> dict[str, dict[Version, Definitions]]:
    found = {}
    for name in filter(is_xml, names):
        file = InputFile.at(folder / name, name)
        if begins_of(file).odm:
            described = _outline_or_none(file, encoding)
            if described is not None and not described.versions.keys().isdisjoint(versions):
                found[name] = dict(described.versions)
    return found


def _outline_or_none(file: InputFile, encoding: str | None) -> Outline | None:
    """A damaged file that nobody named is no part of the source."""
    try:
        return outline(file, encoding)
    except SourceError:
        return None


def xml_records(folder: Path, name: str, encoding: str | None) -> tuple[XmlRecords, tuple[Field, ...]]:
    """The records and the dictionary of a REDCap project's XML. Raises SourceError."""
    return records_of(outline(InputFile.at(folder / name, name), encoding))
