"""The joins of a table, against the tables that a source has: which columns they give, and that of another participant
none is taken.

What a row of another table lends leaves with the row it is joined to, under that row's participant and consent. So a
join to a table that names participants matches them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from fhir_msc.errors import PackError
from fhir_msc.mapping.conditions import condition
from fhir_msc.mapping.format import Join, TableWords
from fhir_msc.mapping.pack import Pack, PackTable
from fhir_msc.mapping.qualifiers import Qualifiers
from fhir_msc.mapping.same_thing import SameThing
from fhir_msc.mapping.scope import Scope
from fhir_msc.sources.table import LABEL, Source, Table, field_of


def refuse_damaged(table: Table, source: Source) -> None:
    """Raises the SourceError of a table that cannot be read."""
    if table.damage is not None:
        next(source.rows(table.name, ()), None)  # raises what was found, with the next thing to do


def withheld_columns(pack: Pack, table: Table) -> frozenset[str]:
    """The columns that the source flags as identifying and the pack gives no reason to take."""
    taken = {name.partition(".")[2] for name in pack.words.identifying if name.partition(".")[0] == table.name}
    return frozenset(column for column in table.identifiers if field_of(column) not in taken and column not in taken)


def refuse_other_participants(pack: Pack, pack_table: PackTable) -> None:
    """Raises PackError for a join to a table of participants, as the pack describes it, that does not match them."""
    for join in pack_table.words.join:
        other = pack.tables.get(join.table)
        if join.kind != "qualifiers" and other is not None and other.words.participant:
            _refuse_unmatched(pack, pack_table, join, (other.words.participant,))


def _refuse_unmatched(pack: Pack, pack_table: PackTable, join: Join, columns: Collection[str]) -> None:
    """Raises PackError where a column names the participants of the joined table, and the join does not match it."""
    other, own = pack.tables.get(join.table), pack_table.words.participant
    # A table that the pack does not describe names participants by the column that others do.
    known = {other.words.participant} if other else {one.words.participant for one in pack.tables.values()}
    naming = sorted(name for name in known if name and name in columns)
    if own is None or not naming or join.on.get(own) in naming:
        return
    raise PackError(
        f"{pack_table.document.place(('join',))}: {join.table} names participants in {naming[0]}, and the join does "
        "not match them: a row would take the cells of another participant",
        hint=f"add to its `on`: {own}: {naming[0]}",
    )


def joined_to(
    pack: Pack, pack_table: PackTable, scope: Scope, source: Source, table: Table
) -> tuple[list[Qualifiers | SameThing], set[str]]:
    """The joins of which the source has the table, and the columns they give.

    Raises PackError for one that would take another participant's cells, SourceError for a damaged table.
    """
    words = pack_table.words
    available = {one.name: one for one in source.tables()}
    joined: list[Qualifiers | SameThing] = []
    columns: set[str] = set()
    for join in words.join:
        other = available.get(join.table)
        if other is None:
            continue
        refuse_damaged(other, source)
        if join.kind != "qualifiers":
            _refuse_unmatched(pack, pack_table, join, other.columns)
            wanted = _wanted(join, other, withheld_columns(pack, other), table, scope)
            columns |= set(wanted)
            joined.append(SameThing(source, other, join, wanted, _own_rows(words, join, scope, source, table)))
    listed = set(table.columns)
    for join in words.join:
        other = available.get(join.table)
        if other is not None and join.kind == "qualifiers":
            qualifiers = Qualifiers(source, other, table.columns, scope.closed)
            columns |= {name for name in scope.columns if name not in listed and name.removesuffix(LABEL) not in listed}
            for name in qualifiers.variables:
                if name:
                    scope.index(name)
            joined.append(qualifiers)
    return joined, columns


def _own_rows(
    words: TableWords, join: Join, scope: Scope, source: Source, table: Table
) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """The keys by which a join finds rows by their date, and the cells that are read: of this table's rows that become
    something."""
    if join.date is None:
        return
    read = [name for name in scope.columns if name in table.columns]
    mine = Scope({}, scope.closed, scope.code_tables, scope.missing, scope.notes, scope.place, scope.transforms)
    tests = [condition(one, mine) for one in words.when]
    # What a condition on a joined column gives is not known yet: any row may become something.
    is_known = set(mine.columns).issubset(table.columns)
    count = len(join.on)
    for _, cells in source.rows(table.name, [*join.on, *read, *mine.columns]):
        if not is_known or any(test is None or test(cells[count + len(read) :]) for test in tests):
            yield cells[:count], cells[count : count + len(read)]


def _wanted(join: Join, other: Table, withheld: frozenset[str], table: Table, scope: Scope) -> list[str]:
    wanted = [name for name in scope.open(join.columns) if name in other.columns and name not in withheld]
    twice = next((name for name in wanted if name in table.columns), None)
    if twice is not None:
        raise PackError(f"{scope.place}: {twice} stands in {table.name} and in {other.name}, which is joined to it")
    for name in wanted:
        scope.index(name)
    return wanted
