"""What is wrong with a pack, or worth knowing of it, before anything is mapped: ``fhir-msc mapping check``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase

from fhir_msc.errors import SourceError
from fhir_msc.findings import Finding, Origin, Severity
from fhir_msc.mapping.classes import fitted
from fhir_msc.mapping.compiler import compile_table, reads, refuse_second_participants
from fhir_msc.mapping.design_table import DesignMapper, compile_design
from fhir_msc.mapping.examples import run_examples
from fhir_msc.mapping.pack import Pack, PackTable
from fhir_msc.mapping.table import TableMapper
from fhir_msc.sources.sealed_source import SealedSource
from fhir_msc.sources.seals import Seals
from fhir_msc.sources.table import Source, Table, field_of
from fhir_msc.ucum import is_unit

_TIME_ZONE = "MSC-TIME-001"


def check_pack(pack: Pack, source: Source | None, seals: Seals) -> list[Finding]:
    """The findings of a pack's words, code tables and examples, and of how it fits ``source``, if one is given.

    ``source`` is as it was opened; ``seals`` is what is sealed of it (none: it is looked at whole). Raises PackError
    for words that cannot hold.
    """
    findings = [*run_examples(pack), *_units(pack)]
    if source is None:
        return findings
    if not seals:
        findings += _idle_seals(pack, source)
    opened = SealedSource(source, seals) if seals else source
    pack = fitted(pack, opened.tables())
    refuse_second_participants(pack, opened.tables())
    for table in opened.tables():
        pack_table = pack.tables.get(table.name)
        if pack_table is not None:
            findings += _missing_columns(pack_table, table)
            findings += _unread_columns(pack, pack_table, table)
            findings += _cells(pack, pack_table, table, opened, seals)
    return findings


def _units(pack: Pack) -> Iterator[Finding]:
    for table in pack.code_tables.values():
        # A table of units gives `ucum`, one of columns gives `unit`; elsewhere a column of that name is a cell's.
        for column in ("ucum", *(["unit"] if "column" in table.columns else [])):
            if column not in table.columns:
                continue
            for number, line in enumerate(table.lines, 1):
                if line[column] and not is_unit(line[column]):
                    yield Finding(
                        "MSC-PACK-002",
                        Severity.ERROR,
                        f"{table.file}:{number + 1}: {line[column]!r} is not a UCUM unit",
                        (Origin(table.file, table.file, number, (column,)),),
                        hint="see https://ucum.org/ucum; case matters",
                    )


def _missing_columns(pack_table: PackTable, table: Table) -> Iterator[Finding]:
    if table.damage is not None:
        return
    words = pack_table.words
    missing = tuple(
        name
        for name in dict.fromkeys((*((words.participant or "",) if words.study is None else ()), *words.required))
        if name not in table.columns
    )
    if missing:
        yield Finding(
            "MSC-PACK-003",
            Severity.ERROR,
            "a required column is missing: no row of the table can be mapped",
            (Origin(table.file, table.name, fields=missing),),
            hint="export the table with it, or take another pack",
        )


def _unread_columns(pack: Pack, pack_table: PackTable, table: Table) -> Iterator[Finding]:
    words = pack_table.words
    known = {field_of(name) for name in reads(words, pack, Seals())}
    for other in pack.tables.values():
        for join in other.words.join:
            if join.table == table.name:
                known |= {*join.columns, *join.on.values()}
    unread = tuple(
        sorted(
            name
            for name in table.columns
            if known.isdisjoint((name, field_of(name)))
            and not any(fnmatchcase(one, pattern) for pattern in words.ignore for one in (name, field_of(name)))
        )
    )
    if unread:
        yield Finding(
            "MSC-PACK-004",
            Severity.WARNING,
            "columns that nothing reads and nobody ignores",
            (Origin(table.file, table.name, fields=unread),),
            hint=f"read them, or name them under `ignore` in {pack_table.document.file}",
            count=len(unread),
        )


def _idle_seals(pack: Pack, source: Source) -> Iterator[Finding]:
    """Sealed patterns that match nothing. In a blind project nobody looks: what is sealed, or lacks, may tell."""
    tables = source.tables()
    sealed = pack.words.sealed
    idle = [(f"table {name}") for name in sealed.tables if not any(fnmatchcase(one.name, name) for one in tables)]
    for name, columns in sealed.columns.items():
        of_table = [one for one in tables if fnmatchcase(one.name, name)]
        for pattern in columns:
            if of_table and not any(
                fnmatchcase(field_of(column), pattern) for one in of_table for column in one.columns
            ):
                idle.append(f"column {pattern} of {name}")
    if idle:
        yield Finding(
            "MSC-PACK-005",
            Severity.INFORMATION,
            f"sealed, and not in this source: {', '.join(idle)}",
            (Origin("pack.yaml", "sealed"),),
            count=len(idle),
        )


def _cells(pack: Pack, pack_table: PackTable, table: Table, source: Source, seals: Seals) -> Iterator[Finding]:
    """What the rows hold that the words cannot read or the code tables do not know, once per cell's text."""
    problems: Counter[Finding] = Counter()
    mapper: TableMapper | DesignMapper
    try:
        if pack_table.words.study is not None:
            mapper = compile_design(pack, pack_table, table, source, seals)
            for told in mapper.map():
                problems.update(_without_row(problem) for problem in told.problems)
        else:
            mapper = compile_table(pack, pack_table, table, source, seals)
            for row in mapper.map(mapper.rows(), lambda _participant: None):
                problems.update(_without_row(problem) for problem in row.problems)
    except SourceError as error:
        place = (Origin(table.file, table.name, error.row, (error.column,) if error.column else ()),)
        yield Finding("MSC-PACK-006", Severity.ERROR, error.message, place, hint=error.hint)
        return
    for problem, count in problems.items():
        yield _counted(problem, count)
    yield from (note for note in mapper.notes.findings() if note.rule != _TIME_ZONE)


def _without_row(problem: Finding) -> Finding:
    first = problem.origins[0]
    place = (Origin(first.file, first.table, fields=first.fields),)
    return Finding(problem.rule, problem.severity, problem.message, place, hint=problem.hint, value=problem.value)


def _counted(finding: Finding, count: int) -> Finding:
    return Finding(
        finding.rule,
        finding.severity,
        finding.message,
        finding.origins,
        hint=finding.hint,
        value=finding.value,
        count=count,
    )
