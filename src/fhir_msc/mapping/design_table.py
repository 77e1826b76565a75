"""A table of study design, compiled: rows in, parts of the study out. Its rows belong to no participant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fhir_msc.findings import Finding, Origin, Severity
from fhir_msc.mapping.compiler import refuse_incomplete, words_scope
from fhir_msc.mapping.design import PartBlock, part_blocks
from fhir_msc.mapping.expressions import words_of
from fhir_msc.mapping.joining import refuse_damaged
from fhir_msc.mapping.notes import Notes
from fhir_msc.mapping.pack import Pack, PackTable
from fhir_msc.mapping.scope import CellProblem, Cells, Getter
from fhir_msc.sources.seals import Seals
from fhir_msc.sources.table import Row, Source, Table
from fhir_msc.trial import StudyPart, natural

NOTHING_IN_IT = "nothing in it that the pack maps"


@dataclass(frozen=True, slots=True)
class DesignRow:
    """What one row says of the study: parts, each with its cells; or problems; or neither, and why not.

    ``place`` orders the rows by their key, and rows of one key by what they say.
    """

    parts: tuple[tuple[StudyPart, Origin], ...]
    problems: tuple[Finding, ...]
    reason: str
    place: tuple[object, ...]


class DesignMapper:
    """Maps the rows of one table of study design. Made by ``compile_design``."""

    def __init__(
        self,
        table: Table,
        source: Source,
        blocks: Sequence[PartBlock],
        columns: Sequence[str],
        key: Sequence[str],
        left: Getter[str],
        notes: Notes,
    ) -> None:
        self.notes = notes
        self._table = table
        self._source = source
        self._blocks = blocks
        self._columns = tuple(columns)
        self._key = tuple(self._columns.index(name) for name in key)
        self._left = left

    def map(self) -> Iterator[DesignRow]:
        """Maps the rows. Raises SourceError."""
        return map(self._row, self._source.rows(self._table.name, self._columns))

    def _row(self, given: Row) -> DesignRow:
        number, cells = given
        parts: list[tuple[StudyPart, Origin]] = []
        problems: list[Finding] = []
        for block in self._blocks:
            if block.test is not None and not block.test(cells):
                continue
            try:
                part = block.make(cells)
            except CellProblem as problem:
                problems.append(self._finding(problem, number))
                continue
            if part is not None:
                shown = tuple(column for column in block.columns if column in self._table.columns)
                parts.append((part, Origin(self._table.file, self._table.name, number, shown)))
        reason = "" if parts or problems else self._left(cells, None) or NOTHING_IN_IT
        return DesignRow(tuple(parts), tuple(problems), reason, self._place(cells))

    def _place(self, cells: Cells) -> tuple[object, ...]:
        return (*(natural(cells[place]) for place in self._key), cells)

    def _finding(self, problem: CellProblem, number: int) -> Finding:
        return Finding(
            problem.rule,
            Severity.ERROR,
            problem.message,
            (Origin(self._table.file, self._table.name, number, problem.columns),),
            hint=problem.hint,
            value=problem.value,
        )


def compile_design(pack: Pack, pack_table: PackTable, table: Table, source: Source, seals: Seals) -> DesignMapper:
    """Compiles the words of a table of study design against the columns that the source has.

    Raises PackError for a word that cannot hold, SourceError for a damaged table, for one that lacks a required column,
    and, in an unblinded project too, for one of the protocol that names participants: it is another table.
    """
    words = pack_table.words
    refuse_damaged(table, source)
    refused = pack.seals.why_refused(table)
    if refused is not None:
        raise refused
    notes = Notes(table.file, table.name)
    scope = words_scope(pack, pack_table, seals, notes)
    refuse_incomplete(words, table)
    study = words.study
    blocks = list(part_blocks(study, scope)) if study is not None else []
    left = words_of(study.left if study is not None else None, scope)
    return DesignMapper(table, source, blocks, list(scope.columns), words.key, left, notes)
