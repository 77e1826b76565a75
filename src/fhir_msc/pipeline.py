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
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import structlog

from fhir_msc.config import Project
from fhir_msc.desired.assembly import DesiredTables, assemble
from fhir_msc.desired.model import Account, Desired
from fhir_msc.desired.trial_rules import TrialJudge
from fhir_msc.errors import FhirMscError, RewriteError, SourceError
from fhir_msc.findings import Finding
from fhir_msc.resources.identity import Identity
from fhir_msc.resources.registry import RANKS
from fhir_msc.sync import ledger as ledgers
from fhir_msc.sync import whereabouts
from fhir_msc.sync.course import DeliveryOptions, Ended, Planned
from fhir_msc.sync.delivery import DeliveryReport, deliver, not_begun
from fhir_msc.sync.dispatch import Stop
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.lock import project_lock
from fhir_msc.sync.outbox import is_due, revive
from fhir_msc.sync.plan import Rewrite
from fhir_msc.sync.plan import rewrite as rewritten
from fhir_msc.sync.planning import Limits
from fhir_msc.sync.repairing import repair as mark_lost
from fhir_msc.sync.staging import StagingReport, stage
from fhir_msc.sync.status import Status, status
from fhir_msc.sync.worker import work as work_rounds
from fhir_msc.target.bundle import BundleKind
from fhir_msc.target.capabilities import Capabilities, require_r4
from fhir_msc.target.client import FhirClient
from fhir_msc.target.families import Family, detect_family, limits
from fhir_msc.target.routes import Route, route_plan
from fhir_msc.version import __version__

Progress = Callable[[str, int], None]
"""Told what is being done, and how many are done."""


def silent(_what: str, _done: int) -> None:
    """Tells nobody."""


def utc_now() -> datetime:
    """The instant that it is."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a run takes from outside: time, chance, the network, and the wish to stop."""

    clock: Callable[[], datetime] = utc_now
    random: Callable[[], float] = random.random
    transport: httpx.BaseTransport | None = None
    stop: Stop = field(default_factory=threading.Event)

    def rest(self, seconds: float) -> None:
        """Waits so many seconds, or less if it is stopped meanwhile."""
        self.stop.wait(seconds)


@dataclass(slots=True)
class Checked:
    """What mapping and checking gave: accounts per table, findings, resources by type, tables that cannot be read."""

    accounts: list[Account] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    resources: Counter[str] = field(default_factory=Counter)
    unreadable: list[SourceError] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Probed:
    """What a target is, and the route of each resource type."""

    capabilities: Capabilities
    family: Family
    routes: tuple[Route, ...]
    limits: Limits
    bundle: BundleKind | None


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


def client_of(project: Project, around: Surroundings) -> FhirClient:
    """A client of the project's target. A stop ends its waits, too."""
    _, target = project.target
    return FhirClient(
        target.url,
        auth=project.auth,
        folder=project.folder,
        timeout=target.timeout,
        ca_bundle=project.ca_bundle,
        proxy=target.proxy,
        connections=target.connections,
        transport=around.transport,
        sleep=around.rest,
        random=around.random,
    )


def probed(project: Project, surroundings: Surroundings | None = None) -> Probed:
    """Asks the target what it is; plans the routes. Raises TargetError, also where it is no FHIR R4 server."""
    _, target = project.target
    with client_of(project, surroundings or Surroundings()) as client:
        capabilities = client.capabilities()
    require_r4(capabilities)
    family = target.family or detect_family(capabilities)
    types = [*RANKS, *(one.type for one in project.builders)]
    routes = route_plan(
        capabilities,
        types,
        family,
        target.role,
        client_ids=target.client_ids,
        writable=target.writable,
        chosen=target.routes,
    )
    known = limits(capabilities, family, is_conditional=any(route.is_conditional for route in routes))
    bundle = known.bundle
    taken = Limits(
        (target.entries or known.entries) if bundle else 1,
        target.bytes or known.bytes,
        apart=bundle != "transaction" or not all(route.keeps_our_ids for route in routes),
    )
    return Probed(capabilities, family, routes, taken, bundle)


@contextmanager
def opened_ledger(project: Project) -> Iterator[Ledger]:
    """The project's ledger, under the project's lock. Raises LedgerError, SecretError."""
    with _locked(project), _ledger(project) as ledger:
        yield ledger


@contextmanager
def _locked(project: Project) -> Iterator[None]:
    with project_lock(project.state / "lock"):
        yield


@contextmanager
def ledger_to_rehearse(project: Project) -> Iterator[Ledger]:
    """The project's ledger, under its lock; before the first sync one that is thrown away. Raises as opened_ledger."""
    if (project.state / "ledger.db").exists():
        with opened_ledger(project) as ledger:
            yield ledger
        return
    with TemporaryDirectory(prefix="fhir-msc-") as folder, _ledger(project, Path(folder)) as ledger:
        yield ledger


def _ledger(project: Project, folder: Path | None = None) -> Ledger:
    name, target = project.target
    belongs = ledgers.Identity(
        # Of the secret alone: another identity domain is another mistake, and told as such.
        secret=Identity(project.secret(), "").digest("secret", ()).hex(),
        domain=target.identity,
        blind=project.words.project.blind,
        engine=__version__,
    )
    return Ledger.open((folder or project.state) / "ledger.db", belongs, name)


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


def confirm_server(project: Project, ledger: Ledger, around: Surroundings) -> None:
    """Makes sure that the server is the one that was delivered to, wherever it stands now.

    Raises LedgerError where it is not, or an earlier target was delivered to it, and TargetError.
    """
    name, section = project.target
    if not whereabouts.is_known(ledger, section.url):
        addressing = delivery_options(project, probed(project, around)).addressing
        with client_of(project, around) as client:
            if not whereabouts.recognise(ledger, client, addressing):
                raise whereabouts.elsewhere(name)
    whereabouts.settle_in(ledger, section.url, project.words.targets, around.clock)


def delivery_options(project: Project, target: Probed) -> DeliveryOptions:
    """How the target is delivered to."""
    _, section = project.target
    return DeliveryOptions(
        system=f"{project.words.project.namespace}/id/sync",
        limits=target.limits,
        connections=section.connections,
        undeliverable={route.type: route.reason for route in target.routes if not route.deliverable},
        routes={route.type: route for route in target.routes},
        bundle=target.bundle,
    )


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
        opened.enter_context(_locked(project))
        targets = [(one, opened.enter_context(_ledger(one))) for one in project.each_target()]

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


@contextmanager
def looked_at(project: Project) -> Iterator[Ledger | None]:
    """The ledger for reading, beside a running worker too."""
    name, target = project.target
    ledger = Ledger.look(project.state / "ledger.db", name, target.identity)
    if ledger is None:
        yield None
        return
    with ledger:
        yield ledger
