"""What a sync would do, asked of the server and written nowhere; and the plan that a sync then keeps to.

A plan is made in a ledger whose changes are taken back (``Ledger.rehearsed``): the source is staged, what is pending is
read on the server, and each resource is judged as a delivery would judge it. ``sync --plan`` stages anew and sends what
the plan names, where the body is still the one planned and the server still holds the version planned; what has moved
since is left and named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, and_, func, or_, select, true

from fhir_msc.findings import Origin
from fhir_msc.sync import outbox, renumbered, standings
from fhir_msc.sync.accounts import origins
from fhir_msc.sync.addresses import contents
from fhir_msc.sync.comparison import FieldDifference, differences
from fhir_msc.sync.course import DeliveryOptions
from fhir_msc.sync.exchange import LOOKED_UP, Found, is_empty, look, server_ids
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.presence import MAY_BE_THERE
from fhir_msc.sync.standing import Standing, judge
from fhir_msc.sync.states import State
from fhir_msc.sync.tables import UNFINISHED, resource
from fhir_msc.target.client import FhirClient
from fhir_msc.target.fhirjson import parse


class Action(StrEnum):
    """What a sync would do with a resource."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    NOTHING = "no-op"
    """The server holds what is desired already, though the ledger does not know it."""
    CONFLICT = "conflict"
    SKIP = "skip"
    WAIT = "wait"


SENDS = (Action.CREATE, Action.UPDATE, Action.DELETE)


@dataclass(frozen=True, slots=True)
class Step:
    """One resource of a plan.

    ``digest`` is the SHA-256 of the desired body in hex, ``version`` the version that the server must still hold
    (``None`` for what must not be there yet), ``cause`` what made it desired so: source, pack, config, engine.
    ``fields`` are the elements that would change.
    """

    type: str
    rid: str
    action: Action
    digest: str
    version: str | None = None
    cause: str = ""
    reason: str = ""
    fields: tuple[FieldDifference, ...] = ()
    origins: tuple[Origin, ...] = ()


@dataclass(frozen=True, slots=True)
class Vanished:
    """A resource that the server has and the source does not give any more."""

    type: str
    rid: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sync would do. ``unchanged`` counts what the ledger has as delivered and desired; it is not asked for."""

    target: str
    steps: tuple[Step, ...]
    vanished: tuple[Vanished, ...]
    unchanged: int

    def count(self, action: Action) -> int:
        """The steps of one action."""
        return sum(one.action is action for one in self.steps)


def make_plan(ledger: Ledger, client: FhirClient, options: DeliveryOptions, now: datetime) -> Plan:
    """The plan for what is staged, as a delivery would find it at ``now``. Reads the server and writes nothing to it.

    Raises TargetError.
    """
    target_id, addressing = ledger.target_id, options.addressing
    with ledger.begin() as connection:
        outbox.take_over(connection, target_id)
        renumbered.send_again(connection, target_id, addressing, now)
        outbox.take_up(connection, target_id, now, options.undeliverable, options.unchangeable, options.unread)
        new = outbox.new_by_type(connection, target_id)
        left = _unfinished(connection, target_id)
        vanished = _vanished(connection, target_id)
        unchanged = _unchanged(connection, target_id)
    empty = {type for type in new if options.can_count(type) and is_empty(client, type, options.system)}
    steps: list[Step] = []
    known: dict[str, str] = {}
    needs: dict[str, Sequence[str]] = {}
    for start in range(0, len(left), LOOKED_UP):
        with ledger.begin() as connection:
            page = left[start : start + LOOKED_UP]
            rows = standings.standings(connection, page)
            causes = _causes(connection, page)
            needs.update(outbox.needs_of(connection, target_id, rows.values(), addressing.lacking))
        asked = [row for row in rows.values() if _is_asked(row, empty)]
        found = look(client, [addressing.wanted(row) for row in asked])
        with ledger.begin() as connection:
            ids = server_ids(found)
            bodies = contents(connection, target_id, addressing, rows.values(), ids, known)
            known.update((row.rid, ids[row.id]) for row in rows.values() if ids.get(row.id, row.rid) != row.rid)
            for row in rows.values():
                places = origins(connection, row.id)
                steps.append(_step(row, found.get(row.id), bodies, causes[row.id], places))
    steps = list(_waiting(steps, needs))
    return Plan(ledger.target, tuple(sorted(steps, key=lambda one: (one.type, one.rid))), vanished, unchanged)


def _is_asked(row: Standing, empty: set[str]) -> bool:
    """Whether the server must be read for it."""
    if row.state not in _JUDGED:
        return False
    return row.delivered is not None or row.version is not None or row.sent is not None or row.type not in empty


_JUDGED = (State.PENDING, State.UNKNOWN, State.CONFLICT)


def _step(
    row: Standing,
    found: Found,
    bodies: Mapping[int, bytes],
    cause: str,
    places: tuple[Origin, ...],
) -> Step:
    digest = row.desired.digest.hex()
    if row.state not in _JUDGED:
        reason = row.reason or row.state.value
        return Step(row.type, row.rid, Action.SKIP, digest, row.version, cause, reason, (), places)
    after = judge(row, found, bodies)
    if after.state is State.CONFLICT:
        fields = _changes(bodies[row.desired.body_id], found)
        return Step(
            row.type, row.rid, Action.CONFLICT, digest, after.version, cause, after.reason or "", fields, places
        )
    if after.state is State.SENT:
        return Step(row.type, row.rid, Action.NOTHING, digest, after.version, cause, "", (), places)
    if not isinstance(found, dict):
        return Step(row.type, row.rid, Action.CREATE, digest, None, cause, "", (), places)
    if row.desired.is_gone:
        return Step(row.type, row.rid, Action.DELETE, digest, after.version, cause, "", (), places)
    fields = _changes(bodies[row.desired.body_id], found)
    return Step(row.type, row.rid, Action.UPDATE, digest, after.version, cause, "", fields, places)


def _changes(desired: bytes, found: Found) -> tuple[FieldDifference, ...]:
    return () if not isinstance(found, dict) or not desired else tuple(differences(found, parse(desired)))


def _waiting(steps: Sequence[Step], needs: Mapping[str, Sequence[str]]) -> Iterator[Step]:
    """What refers to something that will not arrive waits for it, and so does what refers to that."""
    arrives = {one.rid for one in steps if one.action in (*SENDS, Action.NOTHING)}
    blocked: dict[str, str] = {}
    while True:
        more = {
            one.rid: missing
            for one in steps
            if one.action in SENDS and one.rid not in blocked
            for missing in [next((rid for rid in needs.get(one.rid, ()) if rid not in arrives), None)]
            if missing is not None
        }
        if not more:
            break
        blocked |= more
        arrives -= more.keys()
    for one in steps:
        if one.rid in blocked:
            reason = f"refers to {blocked[one.rid]}, which is not there"
            yield Step(one.type, one.rid, Action.WAIT, one.digest, one.version, one.cause, reason, (), one.origins)
        else:
            yield one


def _unfinished(connection: Connection, target_id: int) -> list[int]:
    found = (
        select(resource.c.id)
        .where(UNFINISHED, resource.c.target_id == target_id, resource.c.vanished != true())
        .order_by(resource.c.rank, resource.c.rid)
    )
    return list(connection.execute(found).scalars())


def _causes(connection: Connection, ids: Sequence[int]) -> dict[int, str]:
    rows = connection.execute(select(resource.c.id, resource.c.cause).where(resource.c.id.in_(ids)))
    return {id: cause or "" for id, cause in rows}


def _vanished(connection: Connection, target_id: int) -> tuple[Vanished, ...]:
    found = (
        select(resource.c.type, resource.c.rid)
        .where(resource.c.target_id == target_id, resource.c.vanished == true(), MAY_BE_THERE)
        .order_by(resource.c.type, resource.c.rid)
    )
    return tuple(Vanished(type, rid) for type, rid in connection.execute(found))


def _unchanged(connection: Connection, target_id: int) -> int:
    mine = and_(resource.c.target_id == target_id, resource.c.state == State.SENT, resource.c.vanished != true())
    return connection.execute(select(func.count()).where(mine)).scalar_one()


@dataclass(frozen=True, slots=True)
class Rewrite:
    """How much of what was delivered another pack or engine changes."""

    resources: int
    delivered: int
    causes: tuple[str, ...]

    @property
    def is_large(self) -> bool:
        """More than a tenth of the target."""
        return self.resources * 10 > self.delivered


def rewrite(connection: Connection, target_id: int) -> Rewrite:
    """What is delivered and would be sent anew because the pack or the engine changed."""
    mine = and_(resource.c.target_id == target_id, resource.c.delivered_digest.is_not(None))
    by_us = or_(*(resource.c.cause.contains(word) for word in ("pack", "engine")))
    pending = and_(mine, UNFINISHED, resource.c.state == State.PENDING, resource.c.vanished != true(), by_us)
    causes = connection.execute(
        select(resource.c.cause, func.count()).where(pending).group_by(resource.c.cause).order_by(resource.c.cause)
    ).all()
    delivered = connection.execute(select(func.count()).where(mine)).scalar_one()
    return Rewrite(sum(count for _, count in causes), delivered, tuple(cause for cause, _ in causes))
