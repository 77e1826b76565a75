"""What a project reaches outside of itself: its server, its ledger, the time."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from fhir_msc.config import Project
from fhir_msc.resources.identity import Identity
from fhir_msc.resources.registry import RANKS
from fhir_msc.sync import ledger as ledgers
from fhir_msc.sync import whereabouts
from fhir_msc.sync.course import DeliveryOptions
from fhir_msc.sync.dispatch import Stop
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.lock import project_lock
from fhir_msc.sync.planning import Limits
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


@dataclass(frozen=True, slots=True)
class Probed:
    """What a target is, and the route of each resource type."""

    capabilities: Capabilities
    family: Family
    routes: tuple[Route, ...]
    limits: Limits
    bundle: BundleKind | None


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
    with locked(project), ledger_of(project) as ledger:
        yield ledger


@contextmanager
def locked(project: Project) -> Iterator[None]:
    """The project's lock. Raises LedgerError where another process has it."""
    with project_lock(project.state / "lock"):
        yield


@contextmanager
def ledger_to_rehearse(project: Project) -> Iterator[Ledger]:
    """The project's ledger, under its lock; before the first sync one that is thrown away. Raises as opened_ledger."""
    if (project.state / "ledger.db").exists():
        with opened_ledger(project) as ledger:
            yield ledger
        return
    with TemporaryDirectory(prefix="fhir-msc-") as folder, ledger_of(project, Path(folder)) as ledger:
        yield ledger


def ledger_of(project: Project, folder: Path | None = None) -> Ledger:
    """The ledger of the project's target, not locked; in ``folder``, or where the project keeps it."""
    name, target = project.target
    belongs = ledgers.Identity(
        # Of the secret alone: another identity domain is another mistake, and told as such.
        secret=Identity(project.secret(), "").digest("secret", ()).hex(),
        domain=target.identity,
        blind=project.words.project.blind,
        engine=__version__,
    )
    return Ledger.open((folder or project.state) / "ledger.db", belongs, name)


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
