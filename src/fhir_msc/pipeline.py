"""The whole way on one page: rows → trial records → what may leave → FHIR JSON → findings → ledger → server.

    rows ──map──▶ trial records ──release──▶ what may leave ──build──▶ FHIR JSON ──check──▶ findings      desired/
                                                                           │
                                                                         stage
                                                                           ▼
                                      ledger: desired ≠ delivered ──deliver──▶ FHIR server                sync/

``checked`` goes as far as the findings (``fhir-msc validate`` and ``map``); ``sync`` goes all the way, once; ``work``
goes it again whenever the source has changed or something is due.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import structlog

from fhir_msc.access import (
    Probed,
    Progress,
    Surroundings,
    client_of,
    confirm_server,
    delivery_options,
    ledger_of,
    locked,
    opened_ledger,
    probed,
    silent,
)
from fhir_msc.config import Project
from fhir_msc.desired.assembly import DesiredTables, assemble
from fhir_msc.desired.model import Account, Desired
from fhir_msc.desired.trial_rules import TrialJudge
from fhir_msc.errors import FhirMscError, RewriteError, SourceError
from fhir_msc.findings import Finding
from fhir_msc.sync import whereabouts
from fhir_msc.sync.course import Ended, Planned
from fhir_msc.sync.delivery import DeliveryReport, deliver, not_begun
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.outbox import is_due, revive
from fhir_msc.sync.plan import Rewrite
from fhir_msc.sync.plan import rewrite as rewritten
from fhir_msc.sync.repairing import repair as mark_lost
from fhir_msc.sync.staging import StagingReport, stage
from fhir_msc.sync.status import Status, status
from fhir_msc.sync.worker import work as work_rounds


@dataclass(slots=True)
class Checked:
    """What mapping and checking gave: accounts per table, findings, resources by type, tables that cannot be read."""

    accounts: list[Account] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    resources: Counter[str] = field(default_factory=Counter)
    unreadable: list[SourceError] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Synced:
    """What one sync did. ``delivery`` is ``None`` where nothing had to be asked of the server, ``probed`` also where it
    was stopped before that."""

    staging: StagingReport
    probed: Probed | None
    delivery: DeliveryReport | None
    status: Status


def desired_tables(project: Project) -> DesiredTables:
    """What the project's target should have, table by table; nothing is read yet but the source's headers."""
    return assemble(project.open_source(), project.pack, project.policy, project.secret(), project.builders)


def checked(
    project: Project, progress: Progress = silent, keep: Callable[[list[Desired]], None] | None = None
) -> Checked:
    """Maps, releases, builds and checks all of the export, by the trial rules, too. ``keep`` is given the bodies, batch
    by batch.

    A table that cannot be read is told in ``unreadable``; the others go on. Raises PackError, ConfigError, SecretError,
    BlindError, UsageError for a masked study whose pack seals nothing, and SourceError for the source as a whole.
    """
    _ = project.ca_bundle  # what `sync` would refuse is refused before the rows are read
    result = Checked()
    desired = desired_tables(project)
    judge = TrialJudge(desired.frame)
    for table in desired.tables():
        try:
            for batch in table.stream():
                judge.take(batch)
                if keep is not None:
                    keep(batch)
                result.resources.update(one.type for one in batch)
                progress(f"mapping {table.name}", table.account.rows)
        except SourceError as error:
            judge.of_table()  # of half a table nothing is told
            result.unreadable.append(error)
            continue
        result.accounts.append(table.account)
        result.findings += (*table.findings, *judge.of_table())
    result.findings += judge.of_all()
    return result


def sync(
    project: Project,
    surroundings: Surroundings | None = None,
    *,
    retry_dead: bool = False,
    repair: bool = False,
    rewrite: bool = False,
    plan: Mapping[str, Planned] | None = None,
    show_routes: Callable[[Probed], None] = lambda _: None,
) -> Synced:
    """Stages what has changed and sends what is missing, once. ``show_routes`` is called before anything is sent.

    ``retry_dead`` sends dead letters once more: what they were refused for may have been mended on the server.
    ``repair`` reads back all that was delivered first, and sends again what the server has forgotten. ``rewrite``
    confirms that another pack or engine may rewrite more than a tenth of the target. Under a ``plan`` nothing is sent
    but what it names, as it names it.

    Raises ConfigError, PackError, SourceError (the source as a whole), SecretError, LedgerError, RewriteError, and
    TargetError where the target cannot be probed.
    """
    around = surroundings or Surroundings()
    with opened_ledger(project) as ledger:
        if retry_dead:
            with ledger.begin() as connection:
                revive(connection, ledger.target_id)
        if repair:
            addressing = delivery_options(project, probed(project, around)).addressing
            with client_of(project, around) as client:
                mark_lost(ledger, client, addressing, project.target[1].url, around.clock)
            whereabouts.settle_in(ledger, project.target[1].url, project.words.targets, around.clock)
        return _round(project, ledger, around, show_routes, rewrite=rewrite, plan=plan)


def _round(
    project: Project,
    ledger: Ledger,
    around: Surroundings,
    show_routes: Callable[[Probed], None],
    *,
    rewrite: bool = False,
    plan: Mapping[str, Planned] | None = None,
) -> Synced:
    confirm_server(project, ledger, around)
    staged = stage(ledger, desired_tables(project), around.clock())
    with ledger.begin() as connection:
        if not rewrite and plan is None:
            _confirm(rewritten(connection, ledger.target_id), ledger.target)
        # What was skipped is asked for again: the target, or the config, may take it by now.
        due = is_due(connection, ledger.target_id, around.clock(), skipped=True)
    if not due:
        return Synced(staged, None, None, status(ledger))
    if around.stop.is_set():
        return Synced(staged, None, not_begun(ledger), status(ledger))
    target = probed(project, around)
    show_routes(target)
    delivered = deliver(
        ledger,
        lambda: client_of(project, around),
        replace(delivery_options(project, target), plan=plan, unread=staged.unread),
        clock=around.clock,
        random=around.random,
        stop=around.stop,
    )
    return Synced(staged, target, delivered, status(ledger))


def _confirm(change: Rewrite, target: str) -> None:
    """Raises RewriteError where nobody has said yet that so much may be rewritten."""
    if change.resources and change.is_large:
        raise RewriteError(
            f"{change.resources:,} of {change.delivered:,} resources on target {target} would be rewritten,"
            f" because of: {', '.join(change.causes)}",
            hint="look with `fhir-msc plan`, then confirm with `fhir-msc sync --rewrite`; nothing was sent",
        )


def work(project: Project, surroundings: Surroundings | None = None, *, beat: Callable[[], None] = lambda: None) -> int:
    """Runs rounds until ``stop`` is set: whenever the source has changed or something is due. Gives their number.

    A round goes to every target of the project; what fails at one does not keep the others from theirs. Raises
    LedgerError and SecretError before the first round.
    """
    around = surroundings or Surroundings()
    seen: list[object] = [None]

    def changed() -> bool:
        now = _look(project.source_path)
        before, seen[0] = seen[0], now
        return now != before

    with ExitStack() as opened:
        opened.enter_context(locked(project))
        targets = [(one, opened.enter_context(ledger_of(one))) for one in project.each_target()]

        def due() -> bool:
            for _, ledger in targets:
                with ledger.begin() as connection:
                    if is_due(connection, ledger.target_id, around.clock()):
                        return True
            return False

        def one_round() -> DeliveryReport | None:
            return _worst(
                {ledger.target: partial(_round, one, ledger, around, lambda _: None) for one, ledger in targets}
            )

        return work_rounds(
            one_round,
            changed=changed,
            due=due,
            beat=beat,
            interval=project.words.worker.interval,
            random=around.random,
            stop=around.stop,
        )


def _worst(rounds: Mapping[str, Callable[[], Synced]]) -> DeliveryReport | None:
    """Runs the rounds of all targets and gives the report of the one that ended worst; raises the first error, with
    each of them in the log."""
    logger = structlog.get_logger()
    reports: list[DeliveryReport] = []
    errors: list[FhirMscError] = []
    for name, run in rounds.items():
        try:
            synced = run()
        except FhirMscError as error:
            logger.warning("target failed", target=name, error=type(error).__name__)
            errors.append(error)
            continue
        if synced.delivery is not None:
            reports.append(synced.delivery)
        for table in synced.staging.tables:
            if table.error is not None:
                # It may be read the next time, though nothing tells that it changed.
                logger.warning("table unreadable", target=name, table=table.table, error=type(table.error).__name__)
                errors.append(table.error)
    if errors:
        raise errors[0]
    fine = (Ended.DONE, Ended.STOPPED)
    return next((one for one in reports if one.ended not in fine), reports[-1] if reports else None)


def _look(path: Path) -> object:
    """How the source lies on disk now, to see whether it has changed; never stored or shown."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [(str(file), info.st_mtime_ns, info.st_size) for file in files if (info := _stat(file))]


def _stat(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError:
        return None
