"""Staging: what is desired goes into the ledger, one database transaction per source table.

Only what changed is written. A table whose fingerprint is the recorded one is not read. A table that cannot be read is
rolled back whole, one that is missing or empty is reported: in neither case does anything count as vanished.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from fhir_msc.desired import Desired, DesiredSet, DesiredTable
from fhir_msc.desired.fingerprint import causes
from fhir_msc.errors import SourceError
from fhir_msc.sync import absence, presence, renaming, upserts
from fhir_msc.sync.accounts import fingerprint_of, record_findings, record_staged
from fhir_msc.sync.audit import ACTOR
from fhir_msc.sync.corrections import Returned, take_back
from fhir_msc.sync.ledger import Ledger

_AT_ONCE = 250
"""Resources that are taken in together: a few hundred kilobytes."""


class Staged(StrEnum):
    """What became of one source table."""

    STAGED = "staged"
    UNCHANGED = "unchanged"
    EMPTY = "empty"
    MISSING = "missing"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TableReport:
    """One source table: resources that are new, changed, the same; keys vanished, returned, and held in all.

    ``superseded`` counts the changed ones whose earlier version had not been sent. ``error`` says why a table failed.
    """

    table: str
    outcome: Staged
    new: int = 0
    changed: int = 0
    same: int = 0
    superseded: int = 0
    vanished: int = 0
    returned: int = 0
    held: int = 0
    error: SourceError | None = None


@dataclass(frozen=True, slots=True)
class StagingReport:
    """The source tables in the order in which they were staged."""

    tables: tuple[TableReport, ...]

    @property
    def errors(self) -> tuple[SourceError, ...]:
        """Why tables could not be read."""
        return tuple(table.error for table in self.tables if table.error is not None)

    @property
    def unread(self) -> frozenset[str]:
        """The tables of which nothing could be staged, and that stay as they were."""
        return frozenset(
            one.table for one in self.tables if one.outcome in (Staged.EMPTY, Staged.MISSING, Staged.FAILED)
        )

    @property
    def changed(self) -> bool:
        """Whether anything is desired now that was not before."""
        return any(table.new or table.changed or table.returned for table in self.tables)


def stage(ledger: Ledger, desired: DesiredSet, now: datetime) -> StagingReport:
    """Takes what is desired into the ledger. ``now`` is an aware instant."""
    given = desired.tables()
    known = _known(ledger)
    missing = [name for name in known if name not in {table.name for table in given}]
    lost = _lost(ledger, desired.lacking())
    if lost is not None:
        reports = [TableReport(table.name, Staged.FAILED, error=lost) for table in given]
    else:
        reports = _stage_all(ledger, given, known, missing, now)
    reports += _report_missing(ledger, missing)
    return StagingReport(tuple(reports))


def _stage_all(
    ledger: Ledger, given: Sequence[DesiredTable], known: Sequence[str], missing: Sequence[str], now: datetime
) -> list[TableReport]:
    """Last comes what may be another table under a new name: by then it is known which of the others have no rows."""
    with ledger.begin() as connection:
        holding = renaming.holding(connection, ledger.target_id)
    asking = {table.name for table in given if table.name in holding or table.name not in known}
    while True:
        try:
            return _stage_each(ledger, given, asking, missing, now)
        except Returned as returned:
            # Nothing goes on under another key any more that did so wrongly; each time one answer less is left.
            take_back(ledger, returned.rids, ACTOR, now)


def _stage_each(
    ledger: Ledger, given: Sequence[DesiredTable], asking: Collection[str], missing: Sequence[str], now: datetime
) -> list[TableReport]:
    absent = list(missing)
    reports: dict[str, TableReport] = {}
    for table in sorted(given, key=lambda one: one.name in asking):
        if table.name in asking:
            _ask_again(ledger, table.name, absent)
        report = reports[table.name] = _stage_table(ledger, table, absent, now)
        if report.outcome in (Staged.EMPTY, Staged.FAILED):
            absent.append(table.name)
    return [reports[table.name] for table in given]


def _ask_again(ledger: Ledger, source: str, absent: Sequence[str]) -> None:
    """Lets a table be staged, though it is unchanged, where what it is held against is given again."""
    with ledger.begin() as connection:
        if renaming.is_answered(connection, ledger.target_id, source, absent):
            absence.forget_fingerprint(connection, ledger.target_id, source)


def _lost(ledger: Ledger, lacking: Iterable[str]) -> SourceError | None:
    """That a table by which all others are judged is gone, though the ledger has resources of it. Judged without it,
    every row would count as vanished, or lose its visit."""
    with ledger.begin() as connection:
        for name in lacking:
            resources = absence.count(connection, ledger.target_id, name)
            if resources:
                return SourceError(
                    f"is not in the source or has no rows, though {resources} resources came from it",
                    file=absence.file_of(connection, ledger.target_id, name),
                    table=name,
                    hint="Give it whole: it tells of all other tables what may leave, and at which visit it was.",
                )
    return None


def _stage_table(ledger: Ledger, table: DesiredTable, absent: Sequence[str], now: datetime) -> TableReport:
    try:
        fingerprint = table.fingerprint()
        with ledger.begin() as connection:
            before = fingerprint_of(connection, ledger.target_id, table.name)
            if before == fingerprint:
                return TableReport(table.name, Staged.UNCHANGED)
            cause = ", ".join(causes(before, fingerprint))
            return _take_in(connection, ledger.target_id, table, absent, fingerprint, cause, now)
    except SourceError as error:
        return TableReport(table.name, Staged.FAILED, error=error)


def _take_in(
    connection: Connection,
    target_id: int,
    table: DesiredTable,
    absent: Sequence[str],
    fingerprint: bytes,
    cause: str,
    now: datetime,
) -> TableReport:
    counts = upserts.Counts()
    upsert = upserts.Upsert(connection, target_id, table.name, cause, now, absent)
    before = absence.count(connection, target_id, table.name)
    with presence.collected(connection) as seen:
        for batch in _gathered(table.stream()):
            counts += upsert(batch, seen)
        account, findings = table.account, list(table.findings)
        if account.rows == 0 and not counts.total and before:
            record_staged(connection, target_id, account, None, now)
            empty = absence.left_as_it_is(connection, target_id, table.name, account.file, "has no rows")
            record_findings(connection, target_id, table.name, [*findings, empty])
            return TableReport(table.name, Staged.EMPTY)
        moved = presence.Moved(0, 0, 0)
        if before or absent or counts.new < counts.total:
            moved = presence.compare(connection, target_id, table.name, now, absent, is_new=not before)
            findings += presence.findings(connection, target_id, table.name, account.file)
    record_staged(connection, target_id, presence.without_held(account, moved.held), fingerprint, now)
    record_findings(connection, target_id, table.name, findings)
    return TableReport(
        table.name,
        Staged.STAGED,
        new=counts.new,
        changed=counts.changed,
        same=counts.same,
        superseded=counts.superseded,
        vanished=moved.vanished,
        returned=moved.returned,
        held=moved.held,
    )


def _gathered(batches: Iterable[Sequence[Desired]]) -> Iterator[list[Desired]]:
    """The batches, several together: each costs some statements, whatever stands in it."""
    gathered: list[Desired] = []
    for batch in batches:
        gathered += batch
        if len(gathered) >= _AT_ONCE:
            yield gathered
            gathered = []
    if gathered:
        yield gathered


def _known(ledger: Ledger) -> list[str]:
    """The tables that the ledger has resources of."""
    with ledger.begin() as connection:
        return absence.sources(connection, ledger.target_id)


def _report_missing(ledger: Ledger, missing: Sequence[str]) -> Sequence[TableReport]:
    with ledger.begin() as connection:
        for name in missing:
            absence.forget_fingerprint(connection, ledger.target_id, name)
            file = absence.file_of(connection, ledger.target_id, name)
            left = absence.left_as_it_is(connection, ledger.target_id, name, file, "is not in the source any more")
            record_findings(connection, ledger.target_id, name, [left])
    return [TableReport(name, Staged.MISSING) for name in missing]
