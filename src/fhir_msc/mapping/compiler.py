"""Compiles the words of one table against the columns that a source really has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from fhir_msc.errors import PackError
from fhir_msc.mapping import records
from fhir_msc.mapping.expressions import Scope, condition
from fhir_msc.mapping.format import Condition, TableWords
from fhir_msc.mapping.joins import Qualifiers, SameThing
from fhir_msc.mapping.notes import Notes
from fhir_msc.mapping.pack import Pack, PackTable
from fhir_msc.mapping.records import Block
from fhir_msc.mapping.table import TableMapper
from fhir_msc.sources.seals import Seals
from fhir_msc.sources.table import Source, Table


def compile_table(
    pack: Pack,
    pack_table: PackTable,
    table: Table,
    source: Source,
    seals: Seals,
    same_things: Mapping[str, SameThing] | None = None,
) -> TableMapper:
    """Compiles one table's words against the columns that the source has.

    ``seals`` is what is sealed (empty in an unblinded project); the words that need a sealed column yield nothing.
    ``same_things`` are joins of other tables to this one that were made already: rows used there are merged.
    Raises PackError for a word that cannot hold.
    """
    words = pack_table.words
    place = pack_table.document.place(())
    notes = Notes(table.file, table.name)
    scope = Scope(
        columns={},
        sealed=lambda column: seals.seals_column(table.name, column),
        code_tables=pack.code_tables,
        missing=pack.words.missing,
        notes=notes,
        place=place,
    )
    if words.participant is None:
        raise PackError(f"{place}: the word 'participant' is missing: which column names the participant?")
    for name in (words.participant, *words.key, *words.sponsor_id, *words.skip_unless_any, *words.tie_breakers):
        if seals.seals_column(table.name, name):
            raise PackError(f"{place}: {name} is sealed and can be in no key")
        scope.index(name)
    for name in words.required:
        if name in table.columns:
            scope.index(name)
    blocks = _blocks(words, scope)
    available = {one.name: one for one in source.tables()}
    joins: list[Qualifiers | SameThing] = []
    joined_columns: set[str] = set()
    for join in words.join:
        other = available.get(join.table)
        if other is None:
            continue
        if join.kind == "qualifiers":
            qualifiers = Qualifiers(source, other)
            for name in qualifiers.variables:
                if name:
                    scope.index(name)
            joined_columns |= {name for name in scope.columns if name not in table.columns}
            joins.append(qualifiers)
        else:
            for name in join.on:
                scope.index(name)
            wanted = [name for name in join.columns if not seals.seals_column(join.table, name)]
            for name in wanted:
                scope.index(name)
            joined_columns |= set(wanted)
            joins.append(SameThing(source, other, join, wanted))
    already = (same_things or {}).get(table.name)
    if already is not None:
        for name in already.join.on.values():
            scope.index(name)
    own = [name for name in scope.columns if name not in joined_columns]
    joined = [name for name in scope.columns if name in joined_columns]
    order = {name: i for i, name in enumerate((*own, *joined))}
    # The places were given in the order of the words; the row's own cells must come first, joined ones behind them.
    if [*scope.columns] != [*order]:
        scope.columns.clear()
        scope.columns.update(order)
        blocks = _blocks(words, scope)
    return TableMapper(
        pack_table=pack_table,
        table=table,
        source=source,
        blocks=blocks,
        columns=order,
        own=own,
        notes=notes,
        numbered=not seals.row_seals(table.name) and table.name not in seals.unnumbered,
        joins=joins,
        already_used=already,
    )


def _blocks(words: TableWords, scope: Scope) -> list[Block]:
    jobs: list[tuple[str, Condition | None, str, Callable[[], records.Maker]]] = []
    for participant in words.participants:
        jobs.append(
            ("Participant", participant.if_, participant.name or "", partial(records.participant, participant, scope))
        )
    for consent in words.consents:
        jobs.append(("Consent", consent.if_, consent.name or "", partial(records.consent, consent, scope)))
    for step in words.dispositions:
        jobs.append(("Disposition", step.if_, step.name or "", partial(records.disposition, step, scope)))
    for visit in words.visits:
        jobs.append(("Visit", visit.if_, visit.name or "", partial(records.visit, visit, scope)))
    for infusion in words.infusions:
        jobs.append(("Infusion", infusion.if_, infusion.name or "", partial(records.infusion, infusion, scope)))
    for product in words.cell_products:
        jobs.append(("CellProduct", product.if_, product.name or "", partial(records.cell_product, product, scope)))
    for event in words.adverse_events:
        jobs.append(("AdverseEvent", event.if_, event.name or "", partial(records.adverse_event, event, scope)))
    blocks = []
    for kind, test, name, compile_maker in jobs:
        with scope.reading() as columns:
            blocks.append(Block(kind, condition(test, scope), compile_maker(), columns, name))
    for many in words.observations:
        for name, one in records.wide(many, scope):
            with scope.reading() as columns:
                parts = records.component_makers(one, scope)
                group = tuple(scope.index(column) for column in scope.open(one.group))
                make = records.observation(one, scope, parts, grouped=bool(group))
                blocks.append(Block("Observation", condition(one.if_, scope), make, columns, name, group, parts))
    return blocks


def reads(words: TableWords, pack: Pack, seals: Seals) -> Sequence[str]:
    """The columns that a table's words name, whatever the source has (for ``mapping check``)."""
    scope = Scope({}, lambda column: seals.seals_column(words.table, column), pack.code_tables, {}, Notes("", ""), "")
    for name in (words.participant or "", *words.key, *words.required, *words.sponsor_id, *words.skip_unless_any):
        scope.index(name)
    _blocks(words, scope)
    for join in words.join:
        for name in join.on:
            scope.index(name)
    return [name for name in scope.columns if name]
