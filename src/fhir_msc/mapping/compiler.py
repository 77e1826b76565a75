"""Compiles the words of one table against the columns that a source really has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from fhir_msc.errors import PackError, SourceError
from fhir_msc.findings import Severity
from fhir_msc.mapping import clinical, course, records
from fhir_msc.mapping.blocks import ObservationBlock
from fhir_msc.mapping.conditions import condition
from fhir_msc.mapping.design import part_blocks
from fhir_msc.mapping.expressions import words_of
from fhir_msc.mapping.format import TableWords
from fhir_msc.mapping.joining import joined_to, refuse_damaged, refuse_other_participants, withheld_columns
from fhir_msc.mapping.joins import Joins
from fhir_msc.mapping.notes import Notes, Topic
from fhir_msc.mapping.observations import component_makers, observation, wide
from fhir_msc.mapping.pack import Pack, PackTable
from fhir_msc.mapping.records import Maker
from fhir_msc.mapping.scope import Scope
from fhir_msc.mapping.table import Block, TableMapper
from fhir_msc.mapping.values import Condition
from fhir_msc.sources.seals import Seals
from fhir_msc.sources.table import LABEL, Source, Table, field_of


def compile_table(pack: Pack, pack_table: PackTable, table: Table, source: Source, seals: Seals) -> TableMapper:
    """Compiles one table's words against the columns that the source has.

    ``seals`` is what is sealed (empty in an unblinded project); the words that need a sealed column yield nothing.
    Raises PackError for a word that cannot hold, SourceError for a damaged table and for one that lacks a required
    column.
    """
    words = pack_table.words
    refuse_damaged(table, source)
    notes = Notes(table.file, table.name)
    withheld = withheld_columns(pack, table)
    named = words_scope(pack, pack_table, seals, notes, withheld)
    refuse_incomplete(words, table)
    if withheld:
        asked = {field_of(column) for column in reads(words, pack, seals)}
        for column in sorted(withheld):
            if field_of(column) in asked:
                _note_withheld(notes, column)
    joined, joined_columns = joined_to(pack, pack_table, named, source, table)
    own = [column for column in named.columns if column not in joined_columns]
    columns = {column: i for i, column in enumerate((*own, *sorted(joined_columns)))}
    # Compiled once more, now that every column has its place: the row's own cells first, joined ones behind them.
    scope = Scope(columns, named.closed, pack.code_tables, pack.words.missing, notes, named.place, pack.transforms)
    shown = set(table.columns)
    return TableMapper(
        pack_table=pack_table,
        table=table,
        source=source,
        blocks=list(_blocks(words, scope, lambda column: column in shown or column.removesuffix(LABEL) in shown)),
        columns=columns,
        own=own,
        notes=notes,
        numbered=table.numbered,
        joins=Joins(joined, columns, len(own), columns[words.participant or ""], notes),
        missing=frozenset(pack.words.missing),
    )


def words_scope(
    pack: Pack, pack_table: PackTable, seals: Seals, notes: Notes, withheld: frozenset[str] = frozenset()
) -> Scope:
    """A scope of which ``columns`` are those that a table's words name, whatever the source has. Raises PackError."""
    words = pack_table.words
    place = pack_table.document.place(())
    if words.study is not None:
        _refuse_other_words(words, pack_table)
    elif words.participant is None:
        raise PackError(f"{place}: the word 'participant' is missing: which column names the participant?")
    refuse_other_participants(pack, pack_table)
    joined = {name: join for join in words.join for name in join.columns}

    def closed(column: str) -> bool:
        join = joined.get(column)
        if join is not None:
            return seals.seals_table(join.table) or seals.seals_column(join.table, column)
        return field_of(column) in withheld or seals.seals_column(words.table, column)

    for join in words.join:
        if join.date is not None and (join.kind != "same" or join.date not in join.on):
            raise PackError(f"{place}: the date of a join is one of the columns under `on`, and its kind is `same`")
    scope = Scope({}, closed, pack.code_tables, pack.words.missing, notes, place, pack.transforms)
    group = [name for many in words.observations for name in many.group]
    on = [name for join in words.join for name in join.on]
    person = (words.participant,) if words.participant else ()
    fixed = (*person, *words.required, *words.key, *words.sponsor_id, *words.tie_breakers, *group, *on)
    for name in (*fixed, *words.skip_unless_any):
        if name in withheld:
            raise PackError(
                f"{place}: {name} is flagged as identifying in the source, and a row cannot be told without it",
                hint=f'say why it is taken, in pack.yaml: identifying: {{{words.table}.{name}: "..."}}',
            )
        scope.index(name)
    for _ in _blocks(words, scope, lambda _column: True):
        pass
    if words.study is not None:
        for _ in part_blocks(words.study, scope):
            pass
        words_of(words.study.left, scope)
    return scope


_OF_STUDY = frozenset(("table", "required", "key", "study", "ignore", "examples"))


def _refuse_other_words(words: TableWords, pack_table: PackTable) -> None:
    for name in words.model_fields_set - _OF_STUDY:
        word = TableWords.model_fields[name].alias or name
        place = pack_table.document.place((word,))
        raise PackError(f"{place}: a table of the study has no {word!r}: its rows belong to no participant")


def reads(words: TableWords, pack: Pack, seals: Seals) -> Sequence[str]:
    """The columns that a table's words name, whatever the source has."""
    return list(words_scope(pack, pack.tables[words.table], seals, Notes("", "")).columns)


def refuse_incomplete(words: TableWords, table: Table) -> None:
    """Raises SourceError for a table that lacks a required column."""
    for name in (*((words.participant or "",) if words.study is None else ()), *words.required):
        if name not in table.columns:
            raise SourceError(
                "the column is missing",
                file=table.file,
                table=table.name,
                column=name,
                hint="Export the table with it: without it no row can be mapped.",
            )


def refuse_second_participants(pack: Pack, tables: Sequence[Table]) -> None:
    """Raises PackError where two of a source's tables say who takes part: one's Patient would replace the other's."""
    telling = [
        pack.tables[table.name]
        for table in tables
        if table.name in pack.tables and pack.tables[table.name].words.participants
    ]
    if len(telling) < 2:
        return
    first, second, *_ = sorted(telling, key=lambda one: one.words.table)
    raise PackError(
        f"{second.document.place(('participant-record',))}: {first.words.table} and {second.words.table} both have a "
        "participant-record, and a participant has one",
        hint="keep one, and take the other table's cells by a join of `kind: look-up`",
    )


def _note_withheld(notes: Notes, column: str) -> None:
    topic = Topic(
        "MSC-PHI-001",
        Severity.WARNING,
        "flagged as identifying in the source: withheld",
        (column,),
        f'if it must be taken, say why in pack.yaml: identifying: {{{notes.table}.{column}: "..."}}',
    )
    notes.say(notes.open(topic))


def _blocks(words: TableWords, scope: Scope, is_shown: Callable[[str], bool]) -> Iterator[Block]:
    jobs: list[tuple[str, Condition | None, str, Callable[[], Maker]]] = []
    for participant in words.participants:
        jobs.append(
            ("Participant", participant.if_, participant.name or "", partial(records.participant, participant, scope))
        )
    for consent in words.consents:
        jobs.append(("Consent", consent.if_, consent.name or "", partial(course.consent, consent, scope)))
    for step in words.dispositions:
        jobs.append(("Disposition", step.if_, step.name or "", partial(course.disposition, step, scope)))
    for visit in words.visits:
        jobs.append(("Visit", visit.if_, visit.name or "", partial(records.visit, visit, scope)))
    for infusion in words.infusions:
        jobs.append(("Infusion", infusion.if_, infusion.name or "", partial(records.infusion, infusion, scope)))
    for product in words.cell_products:
        jobs.append(("CellProduct", product.if_, product.name or "", partial(records.cell_product, product, scope)))
    for event in words.adverse_events:
        jobs.append(("AdverseEvent", event.if_, event.name or "", partial(records.adverse_event, event, scope)))
    for illness in words.conditions:
        jobs.append(("Condition", illness.if_, illness.name or "", partial(clinical.condition_of, illness, scope)))
    for drug in words.medications:
        jobs.append(("Medication", drug.if_, drug.name or "", partial(clinical.medication, drug, scope)))
    for kind, test, name, compiled in jobs:
        with scope.reading() as reading:
            holds, maker = condition(test, scope), compiled()
        yield Block(kind, holds, maker, tuple(filter(is_shown, reading.columns)), name)
    for many in words.observations:
        if many.group and not words.one_of_each:
            raise PackError(f"{scope.place}: a table with a `group` needs `one-of-each: true`")
        for name, one in wide(many, scope):
            yield _observation(name, one, scope, is_shown)


def _observation(name: str, words: ObservationBlock, scope: Scope, is_shown: Callable[[str], bool]) -> Block:
    with scope.reading() as reading:
        holds, parts = condition(words.if_, scope), component_makers(words, scope)
        maker = observation(words, scope, parts)
    columns = tuple(filter(is_shown, reading.columns))
    return Block("Observation", holds, maker, columns, name, words.group, parts)
