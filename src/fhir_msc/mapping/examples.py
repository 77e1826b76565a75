"""A pack's own examples: rows, and what they must give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fhir_msc.errors import PackError
from fhir_msc.findings import Finding, Origin, Severity
from fhir_msc.mapping.classes import is_class, written_out
from fhir_msc.mapping.compiler import compile_table
from fhir_msc.mapping.description import described
from fhir_msc.mapping.design_table import compile_design
from fhir_msc.mapping.format import Example
from fhir_msc.mapping.pack import Pack, PackTable
from fhir_msc.sources.seals import Seals
from fhir_msc.sources.table import Row, Table, trimmed

_NOTHING = "nothing"
_ZONE = "Etc/UTC"
"""Where the example's rows are from."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """A source of one table that holds an example's rows."""

    table: Table
    cells: Sequence[Mapping[str, str]]

    def tables(self) -> Sequence[Table]:
        return (self.table,)

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        for number, row in enumerate(self.cells, 1):
            yield number, trimmed(row.get(column, "") for column in columns)


def run_examples(pack: Pack) -> list[Finding]:
    """One finding for every example that does not give what it says. Raises PackError for words that cannot hold."""
    findings = []
    for pack_table in pack.tables.values():
        for number, example in enumerate(pack_table.words.examples):
            reason = _failure(pack, pack_table, example)
            if reason is not None:
                place = pack_table.document.place(("examples", number))
                findings.append(
                    Finding(
                        "MSC-PACK-001",
                        Severity.ERROR,
                        f"{place}: an example does not give what it says: {reason}",
                        (Origin(pack_table.document.file, pack_table.words.table, number + 1),),
                        hint="correct the words, or the example",
                    )
                )
    return findings


def _failure(pack: Pack, pack_table: PackTable, example: Example) -> str | None:
    if is_class(pack_table):
        if example.table is None:
            place = pack_table.document.place(("examples",))
            raise PackError(f"{place}: an example of a class of tables needs the word 'table'")
        pack_table = written_out(pack_table, example.table)
    name = pack_table.words.table
    columns = dict.fromkeys([*pack_table.words.required, *(column for row in example.row for column in row)])
    source = _Rows(Table(name, pack_table.document.file, tuple(columns)), example.row)
    wanted = list(example.gives)
    for one in _given(pack, pack_table, source):
        match = next((want for want in wanted if _fits(want, one)), None)
        if match is None:
            return _difference(one, wanted)
        wanted.remove(match)
    wanted = [want for want in wanted if want != _NOTHING]
    return f"there is no {_text(wanted[0])}" if wanted else None


def _given(pack: Pack, pack_table: PackTable, source: _Rows) -> Iterator[dict[str, tuple[str, ...]] | str]:
    if pack_table.words.study is not None:
        for told in compile_design(pack, pack_table, source.table, source, Seals()).map():
            yield from (problem.rule for problem in told.problems)
            yield from (described(part) for part, _ in told.parts)
        return
    mapper = compile_table(pack, pack_table, source.table, source, Seals())
    for row in mapper.map(mapper.rows(), lambda _participant: _ZONE):
        yield from (problem.rule for problem in row.problems)
        yield from map(described, row.records)


def _fits(wanted: Mapping[str, str] | str, given: Mapping[str, tuple[str, ...]] | str) -> bool:
    if isinstance(wanted, str) or isinstance(given, str):
        return wanted == given
    return all(text in given.get(word, ()) for word, text in wanted.items())


def _difference(given: Mapping[str, tuple[str, ...]] | str, wanted: Sequence[Mapping[str, str] | str]) -> str:
    if len(wanted) == 1 and isinstance(wanted[0], Mapping) and isinstance(given, Mapping):
        for word, text in wanted[0].items():
            if text not in given.get(word, ()):
                return f"{word} is {_text(given.get(word, ()))}, not {text!r}"
    return f"{_text(given)} comes out unasked"


def _text(what: Mapping[str, object] | Sequence[str]) -> str:
    if isinstance(what, Mapping):
        return ", ".join(f"{word}: {text if isinstance(text, str) else _text(text)}" for word, text in what.items())  # type: ignore[arg-type]
    return what if isinstance(what, str) else " or ".join(map(repr, what)) or "empty"
