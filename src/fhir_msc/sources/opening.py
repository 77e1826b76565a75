"""Opens a folder of exports, or one file, as a source of tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from fhir_msc.errors import ConfigError, SourceError
from fhir_msc.paths import AnyPath
from fhir_msc.sources.dataset_json import dataset_json
from fhir_msc.sources.delimited import delimited, header_of
from fhir_msc.sources.dictionary import fields_of, is_dictionary
from fhir_msc.sources.files import InputFile
from fhir_msc.sources.odm_files import clinical_documents, is_xml, odm_tables, xml_records
from fhir_msc.sources.own import opener_of, own_readers, own_sources
from fhir_msc.sources.redcap import forms_of, holds_records
from fhir_msc.sources.seals import Seals
from fhir_msc.sources.table import FileFacts, Row, Table
from fhir_msc.sources.xpt import members

Format = str
"""A format's name: one of ``FORMATS``, or that of an integrator's own source (``sources.own``)."""

FORMATS: tuple[Format, ...] = ("csv", "odm", "redcap", "xpt", "dataset-json")
"""The formats that are built in."""

_SUFFIXES: Mapping[str, Format] = {
    ".xpt": "xpt",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "dataset-json",
    ".ndjson": "dataset-json",
}


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How a source is read. ``None`` is found out."""

    format: Format | None = None
    kinds: Sequence[Format] = ()
    """Formats that the pack is for, the one it prefers first: the first that the source has is read."""
    seals: Seals = field(default_factory=Seals)
    """What is sealed. A file named after a sealed table does not decide which format that is: it may tell the arm."""
    encoding: str | None = None
    """Of the tables; a REDCap data dictionary's is always found out."""
    delimiter: str | None = None
    """Of the tables; a REDCap data dictionary's is always found out."""
    records: str | None = None
    """REDCap, ODM: the name of the file with the records, or a pattern of it (``trial_DATA_*.csv``)."""
    dictionary: str | None = None
    """REDCap: the name of the data dictionary. ODM: of the file with the metadata, if not the records'."""
    arms_are_treatments: bool = False
    """REDCap: its arms are the trial's treatments (``redcap.forms_of``)."""
    tables: Mapping[str, str] = field(default_factory=dict)
    """Tables by name that are read from the file named here, relative to the folder, whatever else the folder holds:
    to choose where a table stands twice, or to add a table beside a REDCap export."""


class _Reader(Protocol):
    @property
    def table(self) -> Table: ...

    def rows(self, columns: Sequence[str]) -> Iterator[Row]: ...


@dataclass(frozen=True, slots=True)
class _Damaged:
    """A table whose file cannot be read at all. Another table's reader does not suffer from it."""

    table: Table
    error: SourceError

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        raise self.error


@dataclass(frozen=True, slots=True)
class _Named:
    """A table under another name than its file gives it."""

    table: Table
    reader: _Reader

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        return self.reader.rows(columns)


class OpenSource:
    """An opened source: the format it is read in, its tables by name, and the files of the folder that are no part of
    it."""

    def __init__(self, path: Path, form: Format, readers: Sequence[_Reader], ignored: Sequence[str]) -> None:
        self.form = form
        self._name = path.name
        self._folder = path if path.is_dir() else path.parent
        self._readers = {reader.table.name: reader for reader in readers}
        self._ignored = tuple(ignored)

    def tables(self) -> Sequence[Table]:
        """The tables, by name."""
        return [self._readers[name].table for name in sorted(self._readers)]

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        """Streams the rows of ``table`` (``Source.rows``). Raises SourceError for a table that is not there."""
        return self._reader(table).rows(columns)

    def facts(self, table: str) -> FileFacts | None:
        """What is true of the table's whole file (``ToldSource.facts``). Not for the eyes of a blind project."""
        described = self._reader(table).table
        if self.form not in FORMATS and not (self._folder / described.file).is_file():
            return None
        file = InputFile.at(self._folder / described.file, described.file)
        return FileFacts(file.name, described.encoding, file.sha256(), file.modified)

    def _reader(self, table: str) -> _Reader:
        reader = self._readers.get(table)
        if reader is None:
            raise SourceError(
                "there is no such table",
                file=self._name,
                table=table,
                hint=f"There are: {', '.join(sorted(self._readers))}.",
            )
        return reader

    def ignored(self) -> Sequence[str]:
        """The names of the folder's files that are not read. Not for the eyes of a blind project."""
        return self._ignored


def open_source(path: AnyPath, options: SourceOptions | None = None) -> OpenSource:
    """Opens the export at ``path``: a folder, or one file of it.

    A table whose file is damaged or lacks, and one that stands in two files, is listed as such
    (``Table.damage``), so that it costs no other table, and nothing at all where a blind project seals it.
    Raises SourceError where nothing is there, where it is not clear what to read (the hint names the option that says
    so), and where the data dictionary or the records of REDCap cannot be read; ConfigError for a format that nobody
    reads, and for an integrator's own source that does not load. An own source is opened where its format is asked for
    or is the first of the pack's; it is never found out.
    """
    path = Path(path)
    options = options or SourceOptions()
    own = own_sources(FORMATS)
    if not path.exists():
        raise SourceError("is not there", file=str(path), hint="Check the path of the source.")
    if path.is_dir():
        folder, names = path, _files(path)
    else:
        folder, names = path.parent, [path.name]
        expected = options.format or next(iter(options.kinds), None)
        if expected in ("redcap", "odm") or is_xml(path.name):
            options = replace(options, records=path.name)
            names = _files(folder)
    named = {
        name: _named(folder, name, file, options)
        for name, file in options.tables.items()
        if not options.seals.seals_table(name)
    }
    wanted = options.format or next(iter(options.kinds), None)
    if wanted is not None and wanted not in FORMATS:
        if wanted not in own:
            known = ", ".join((*FORMATS, *own))
            raise ConfigError(f"there is no source format {wanted!r}", hint=f"one of: {known}")
        opener = opener_of(own[wanted])
        of_own = own_readers(own[wanted], lambda: opener(path, options), path.name)
        others = [reader for reader in of_own if reader.table.name not in named]
        return OpenSource(path, wanted, [*others, *named.values()], ())
    names = [name for name in names if name not in options.tables.values()]
    looked_at = [path.name] if path.is_file() else _open(names, options.seals)
    form = (
        options.format
        or _preferred(folder, looked_at, options.kinds)
        or _detect(path, folder, looked_at, has_others=bool(options.tables))
    )
    readers: Sequence[_Reader]
    if form == "odm":
        documents = _of_many_tables(names, options)
        records_name = _records(clinical_documents(folder, documents, options.records), folder)
        readers, used = odm_tables(folder, records_name, documents, options.dictionary, options.encoding, options.seals)
    elif form == "redcap":
        readers, used = _redcap(folder, _of_many_tables(names, options), options)
    else:
        used = [name for name in names if _SUFFIXES.get(Path(name).suffix.lower()) == form]
        readers = [reader for name in used for reader in _readers(folder, name, options)]
    readers = _without_twins([reader for reader in readers if reader.table.name not in named])
    if not readers and not options.tables:
        raise SourceError(f"holds no {form} file", file=path.name, hint="Check the path and the format of the source.")
    return OpenSource(path, form, [*readers, *named.values()], [name for name in names if name not in used])


def _files(folder: Path) -> list[str]:
    """The names of a folder's files. Raises SourceError, which names the folder alone: a file may be sealed."""
    try:
        return sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    except OSError as error:
        raise SourceError(
            f"cannot be read: {error.strerror or type(error).__name__}",
            file=folder.name,
            hint="Check who may list the folder and look at its files.",
        ) from None


def _open(names: Sequence[str], seals: Seals) -> Sequence[str]:
    """The files that are not named after a sealed table; all of them where none is left."""
    return [name for name in names if not seals.seals_table(_table_of(name))] or names


def _of_many_tables(names: Sequence[str], options: SourceOptions) -> Sequence[str]:
    """The files among which the records and their description are looked for. They bear no table's name: that only some
    tables are open says nothing of them."""
    seals = replace(options.seals, open=frozenset())
    asked = (options.records, options.dictionary)
    return [name for name in names if name in asked or not seals.seals_table(_table_of(name))]


def _preferred(folder: Path, names: Sequence[str], kinds: Sequence[Format]) -> Format | None:
    """The first of the pack's formats that there is a file of; the first of all where there is none."""
    if len(kinds) < 2:
        return kinds[0] if kinds else None
    found: set[Format] = {_SUFFIXES[suffix] for name in names if (suffix := Path(name).suffix.lower()) in _SUFFIXES}
    if "csv" in found and _dictionaries(folder, names):
        found.add("redcap")
    found |= {"redcap" if of_redcap else "odm" for _, of_redcap in clinical_documents(folder, names, None)}
    return next((kind for kind in kinds if kind in found), kinds[0])


def _detect(path: Path, folder: Path, names: Sequence[str], *, has_others: bool) -> Format:
    found = {_SUFFIXES[suffix] for name in names if (suffix := Path(name).suffix.lower()) in _SUFFIXES}
    if len(found) > 1:
        raise SourceError(
            f"holds tables in several formats: {', '.join(sorted(found))}",
            file=path.name,
            hint=f'Say which is meant: format = "{sorted(found)[-1]}" in [source].',
        )
    if not found:
        documents = clinical_documents(folder, names, None)
        if documents:
            return "redcap" if any(of_redcap for _, of_redcap in documents) else "odm"
        if has_others:
            return "csv"
        raise SourceError(
            "holds nothing that can be read",
            file=path.name,
            hint="A source is a folder of .csv, .tsv, .xpt, .json or .ndjson files, a REDCap export with its data "
            "dictionary, or the XML of CDISC ODM or of a REDCap project.",
        )
    [form] = found
    return "redcap" if form == "csv" and path.is_dir() and _dictionaries(folder, names) else form


def _readers(folder: Path, name: str, options: SourceOptions) -> Sequence[_Reader]:
    """The tables of one file that is no REDCap export."""
    form = _SUFFIXES.get(Path(name).suffix.lower())
    try:
        file = InputFile.at(folder / name, name)
        if form == "xpt":
            return members(file, options.encoding)
        return [dataset_json(file) if form == "dataset-json" else delimited(file, options.encoding, options.delimiter)]
    except SourceError as error:
        return [_Damaged(Table(_table_of(name), name, (), damage=error.message), error)]


def _table_of(name: str) -> str:
    """The table that a file is named after."""
    stem = Path(name).stem
    return stem.upper() if _SUFFIXES.get(Path(name).suffix.lower()) in ("xpt", "dataset-json") else stem


def _named(folder: Path, table: str, file: str, options: SourceOptions) -> _Reader:
    readers = _readers(folder, file, options)
    fitting = [reader for reader in readers if reader.table.name == table] if len(readers) > 1 else readers
    if not fitting:
        raise SourceError(
            "holds several tables, and none of this name",
            file=file,
            table=table,
            hint=f"It holds {', '.join(reader.table.name for reader in readers)}.",
        )
    return _Named(replace(fitting[0].table, name=table), fitting[0])


def _without_twins(readers: Sequence[_Reader]) -> list[_Reader]:
    """The readers by table; a table that stands in two files is damaged."""
    first: dict[str, _Reader] = {}
    for reader in readers:
        name, file = reader.table.name, reader.table.file
        if name in first:
            known = first[name].table.file
            error = SourceError(
                f"stands in {known} and in {file}",
                file=file,
                table=name,
                hint=f'Name the one that is read: tables = {{ {name} = "{known}" }} in [source].',
            )
            first[name] = _Damaged(Table(name, known, (), damage=error.message), error)
        else:
            first[name] = reader
    return list(first.values())


def _dictionaries(folder: Path, names: Sequence[str]) -> list[str]:
    csvs = [name for name in names if _SUFFIXES.get(Path(name).suffix.lower()) == "csv"]
    return [name for name in csvs if is_dictionary(header_of(InputFile.at(folder / name, name)))]


def _redcap(folder: Path, names: Sequence[str], options: SourceOptions) -> tuple[Sequence[_Reader], list[str]]:
    if (options.records is not None and is_xml(options.records)) or not _dictionaries(folder, names):
        documents = clinical_documents(folder, names, options.records)
        if documents:
            records_name = _records(documents, folder)
            of_xml, described = xml_records(folder, records_name, options.encoding)
            return forms_of(of_xml, described, arms_are_treatments=options.arms_are_treatments, seals=options.seals), [
                records_name
            ]
    dictionary_name = options.dictionary or _only(
        _dictionaries(folder, names), folder, "data dictionary", 'dictionary = "…" in [source]'
    )
    dictionary = delimited(InputFile.at(folder / dictionary_name, dictionary_name))
    fields = fields_of(dictionary)
    csvs = [n for n in names if _SUFFIXES.get(Path(n).suffix.lower()) == "csv" and n != dictionary_name]
    if options.records is not None:
        candidates = [name for name in csvs if fnmatchcase(name, options.records)]
    else:
        candidates = [n for n in csvs if holds_records(header_of(InputFile.at(folder / n, n)), fields)]
    records_name = _only(candidates, folder, "records file", 'records = "…" in [source]')
    records = delimited(InputFile.at(folder / records_name, records_name), options.encoding, options.delimiter)
    forms = forms_of(records, fields, arms_are_treatments=options.arms_are_treatments, seals=options.seals)
    return forms, [dictionary_name, records_name]


def _records(documents: Sequence[tuple[str, bool]], folder: Path) -> str:
    option = 'records = "…" in [source], or take the file itself as the source'
    return _only([name for name, _ in documents], folder, "records file", option)


def _only(candidates: Sequence[str], folder: Path, what: str, option: str) -> str:
    if len(candidates) != 1:
        found = f"several could be the {what}: {', '.join(candidates)}" if candidates else f"no {what} is there"
        raise SourceError(found, file=folder.name, hint=f"Name it: {option}.")
    return candidates[0]
