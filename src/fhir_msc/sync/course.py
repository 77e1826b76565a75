"""The course of one delivery run: its options, what it has learnt of the server, how it ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from sqlalchemy import Connection

from fhir_msc.errors import TargetError, TargetUnreachable
from fhir_msc.sync import audit, outbox
from fhir_msc.sync.addresses import Addressing
from fhir_msc.sync.planning import Limits
from fhir_msc.sync.standing import Standing, postponed, refused
from fhir_msc.sync.tables import instant
from fhir_msc.target.bundle import BundleKind
from fhir_msc.target.retry import Action, Asked, backoff, classify
from fhir_msc.target.routes import Route, RouteKind

Clock = Callable[[], datetime]
"""Gives the aware instant that it is."""

Random = Callable[[], float]
"""Gives numbers in [0, 1)."""


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """How a target is delivered to.

    ``system`` is the URI of our sync identifiers. ``undeliverable`` gives the types that the target does not take, each
    with the reason; ``unread`` the source tables that could not be staged, of which nothing is sent, for nobody knows
    what of them may leave today; ``routes`` how each type is written, and found again (a type without one: under client
    ids); ``bundle`` what takes several at once, ``None`` for one by one.

    ``busy_tries`` is how often in a row a target that is too busy is asked before the run ends,
    ``longest_wait`` how many seconds a run waits for it at once, ``attempts`` how often a resource that is refused
    alone for a passing cause is tried before it is dead, ``grace`` how many seconds a stopped run waits for answers.
    ``plan`` says what may be sent at all, by rid: the body that was planned, over the version that was planned.
    ``page`` is how many resources of a lane are planned at once. ``actor`` is on whose word it is done, for the audit.
    """

    system: str
    limits: Limits = field(default_factory=Limits)
    connections: int = 2
    undeliverable: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    unread: frozenset[str] = frozenset()
    routes: Mapping[str, Route] = field(default_factory=lambda: MappingProxyType({}))
    bundle: BundleKind | None = "transaction"
    busy_tries: int = 6
    longest_wait: float = 120.0
    attempts: int = 5
    grace: float = 25.0
    plan: Mapping[str, Planned] | None = None
    page: int = 1000
    actor: str = audit.ACTOR

    def can_count(self, type: str) -> bool:
        """Whether a count of zero for the whole type is believed before resources of it are written.

        The server must be able to say how many have an identifier of ours; and where it does not look itself before it
        creates one, each is looked for by name.
        """
        route = self.routes.get(type)
        if route is not None and route.kind is RouteKind.SEARCH_THEN_CREATE:
            return False
        return type not in _NO_IDENTIFIER_SEARCH if route is None else route.by == "identifier"

    @property
    def addressing(self) -> Addressing:
        """Under which ids the target holds what is ours."""
        return Addressing(self.system, self.routes)

    @property
    def unchangeable(self) -> frozenset[str]:
        """The types that the target takes when they are new, and never changed."""
        return frozenset(type for type, route in self.routes.items() if route.deliverable and not route.updates)


_NO_IDENTIFIER_SEARCH = frozenset({"AdverseEvent", "BiologicallyDerivedProduct", "Provenance"})


@dataclass(frozen=True, slots=True)
class Planned:
    """What a run under a plan keeps to, of one resource: the digest of its body, the version it may replace."""

    digest: bytes
    version: str | None


class Ended(StrEnum):
    """Why a delivery run ended."""

    DONE = "done"
    STOPPED = "stopped"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    BUSY = "busy"


FAILURES_IN_A_ROW = 20
"""So many plain 5xx without a success between them are the server's fault, not a resource's."""


class Course:
    """What a run knows and counts. Belongs to the thread that owns the ledger."""

    def __init__(self, target_id: int, target: str, options: DeliveryOptions, clock: Clock, random: Random) -> None:
        self.target_id = target_id
        self.options = options
        self.addressing = options.addressing
        self.clock = clock
        self.random = random
        self.limits = options.limits
        self.width = options.connections
        self.read: set[str] = set()
        """The types of which all that the ledger does not know was read in this run."""
        self.counts: Counter[str] = Counter()
        self.moved: dict[str, str] = {}
        """What of a plan was not sent, by rid, and why."""
        self.ended: Ended | None = None
        self.message: str | None = None
        self.resume_at: datetime | None = None
        self._target = target
        self._busy = 0
        self._busy_now = 0
        self._failures = 0

    def take_up(self, connection: Connection) -> None:
        """Continues with the patience that an earlier run left."""
        self._busy, due_at = outbox.patience(connection, self.target_id)
        if due_at is not None and due_at > outbox.latest(self.clock()):
            due_at = None
        self.resume_at = datetime.fromisoformat(due_at) if due_at else None
        if self.resume_at is not None and (self.resume_at - self.clock()).total_seconds() > self.options.longest_wait:
            self.end(Ended.BUSY, f"the server asked not to be asked before {due_at}")

    def end(self, how: Ended, message: str | None = None) -> None:
        """Ends the run: nothing more is sent; what is in flight is heard out. The first reason stands."""
        if self.ended is None:
            self.ended, self.message = how, message

    def succeeded(self, connection: Connection) -> None:
        """The server did what it was asked."""
        self._failures = 0
        self.width = min(self.width + 1, self.options.connections)
        if self._busy:
            self._busy, self._busy_now, self.resume_at = 0, 0, None
            outbox.set_patience(connection, self.target_id, 0, None)

    def failed(self) -> None:
        """The server failed on a request, which may be the request's fault."""
        self._failures += 1
        if self._failures > FAILURES_IN_A_ROW:
            self.end(Ended.BUSY, f"the server failed {self._failures} times in a row")

    def back_off(self, connection: Connection, after: float | None, why: str) -> None:
        """The server is too busy: nothing is asked of it for a while. ``after`` is what it asked for, in seconds."""
        now = self.clock()
        if self.resume_at is not None and now < self.resume_at:
            return  # an answer of the same burst
        self._busy += 1
        self._busy_now += 1
        wait = backoff(self._busy, after, self.random)
        self.resume_at = now + timedelta(seconds=wait)
        self.width = max(1, self.width // 2)
        outbox.set_patience(connection, self.target_id, self._busy, instant(self.resume_at))
        if self._busy_now >= self.options.busy_tries or wait > self.options.longest_wait:
            self.end(Ended.BUSY, why)

    def unread(self, connection: Connection, error: TargetError) -> None:
        """A request that reads was not answered, or answered with a no."""
        decision = classify(error, Asked("GET"))
        if isinstance(error, TargetUnreachable):
            self.end(Ended.UNREACHABLE, str(error))
        elif decision.action is Action.RETRY:
            self.back_off(connection, decision.after, str(error))
        else:
            self.end(Ended.REFUSED, str(error))

    def shrink(self, entries: int, size: int) -> None:
        """A request of this many entries and bytes was too much: none of that size is sent in this run."""
        self.limits = replace(
            self.limits,
            entries=max(1, min(self.limits.entries, entries // 2)),
            bytes=max(1, min(self.limits.bytes, size // 2)),
        )

    def record(self, connection: Connection, events: list[audit.Event]) -> None:
        """Counts events and adds them to the audit."""
        self.counts.update(event.event for event in events)
        audit.append(connection, self._target, self.options.actor, events, self.clock())

    def why_not_planned(self, row: Standing) -> str | None:
        """Why it is not what the plan says, if there is one."""
        plan = self.options.plan
        if plan is None:
            return None
        planned = plan[row.rid]
        if row.desired.digest != planned.digest:
            return "the source, the pack or the config changed since the plan was made"
        return None if row.version == planned.version else "the server changed since the plan was made"

    def refused_alone(self, row: Standing, reason: str, passing: bool) -> Standing:
        """What becomes of a resource that was refused alone; ``passing``: for a cause that may pass."""
        if not passing or row.attempts + 1 >= self.options.attempts:
            return refused(row, reason)
        wait = backoff(row.attempts + 1, None, self.random)
        return postponed(row, reason, instant(self.clock() + timedelta(seconds=wait)))
