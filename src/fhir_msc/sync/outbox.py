"""The ledger as delivery sees it: what is to be sent, now or later, what is to be looked at, what is left."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from sys import intern

from sqlalchemy import Connection, and_, bindparam, false, func, or_, select, update
from sqlalchemy.sql.elements import BindParameter, ColumnElement

from fhir_msc.sync.planning import Pending, Place
from fhir_msc.sync.standing import GONE_DIGEST, Standing
from fhir_msc.sync.states import IN_FLIGHT, State
from fhir_msc.sync.tables import UNFINISHED, body, instant, lane, reference, resource, target
from fhir_msc.target.retry import CAP_SECONDS

_CHUNK = 500

NO_UPDATES = "the server takes no updates of this type"
"""Why what changed after it was sent is skipped."""

UNREAD = "its table is missing, has no rows or cannot be read: whether it may still leave is not known"
"""Why what is left of a table that could not be staged is skipped."""

BEGINNING: Place = (-1, "")
"""Before all of a lane."""

# What delivery may send: pending, and still in the source.
_SENDABLE = (UNFINISHED, resource.c.state == State.PENDING, resource.c.vanished == false())

# What delivery may send, now or when it is due, and must read first.
_NEW = (
    UNFINISHED,
    resource.c.state.in_([State.PENDING, State.RETRY]),
    resource.c.vanished == false(),
    resource.c.server_version.is_(None),
)

_IDS: BindParameter[list[int]] = bindparam("ids", expanding=True)
_referred = resource.alias("referred")
_UNMET = (
    select(reference.c.resource_id, reference.c.rid, _referred.c.type)
    .outerjoin(_referred, (_referred.c.rid == reference.c.rid) & (_referred.c.target_id == bindparam("target")))
    .where(
        reference.c.resource_id.in_(_IDS),
        or_(_referred.c.delivered_digest.is_(None), _referred.c.delivered_digest == GONE_DIGEST),
    )
    .order_by(reference.c.id)
)


def take_over(connection: Connection, target_id: int) -> int:
    """What is found leased was sent by a run that did not live to hear the answer: its outcome is unknown."""
    left = (UNFINISHED, resource.c.target_id == target_id, resource.c.state == State.LEASED)
    connection.execute(
        update(lane).where(lane.c.id.in_(select(resource.c.lane_id).where(*left))).values(epoch=lane.c.epoch + 1)
    )
    return connection.execute(update(resource).where(*left).values(state=State.UNKNOWN)).rowcount


def revive(connection: Connection, target_id: int) -> None:
    """Makes dead letters pending, on a person's word: the server may take them by now."""
    connection.execute(
        update(resource)
        .where(UNFINISHED, resource.c.target_id == target_id, resource.c.state == State.DEAD)
        .values(state=State.PENDING, attempts=0, reason=None)
    )


def take_up(
    connection: Connection,
    target_id: int,
    now: datetime,
    undeliverable: Mapping[str, str],
    unchangeable: Collection[str] = (),
    unread: Collection[str] = (),
) -> None:
    """Makes pending what waited, what is due, and what could not be sent for its type; skips what cannot be now.

    ``undeliverable`` gives the types that the target does not take, each with the reason; of those in ``unchangeable``
    it takes what is new, and no update. ``unread`` are the source tables that could not be staged: a consent or a site
    may have gone since their rows were judged. What a person retired of them goes all the same.
    """
    mine = (UNFINISHED, resource.c.target_id == target_id)
    back = {"state": State.PENDING, "waiting_on": None, "reason": None, "due_at": None}
    connection.execute(update(resource).where(*mine, resource.c.state == State.WAITING).values(back))
    connection.execute(
        update(resource)
        .where(*mine, resource.c.state == State.RETRY, _is_due(now))
        .values(state=State.PENDING, due_at=None)
    )
    connection.execute(
        update(resource)
        .where(*mine, resource.c.state == State.SKIPPED, resource.c.type.not_in(undeliverable))
        .values(back)
    )
    pending = (*mine, resource.c.state == State.PENDING)
    for type, reason in sorted(undeliverable.items()):
        _skip(connection, now, reason, *pending, resource.c.type == type)
    was_sent = resource.c.delivered_digest.is_not(None)
    _skip(connection, now, NO_UPDATES, *pending, resource.c.type.in_(unchangeable), was_sent)
    _skip(connection, now, UNREAD, *pending, resource.c.source.in_(unread), resource.c.retired_at.is_(None))


def _skip(connection: Connection, now: datetime, reason: str, *which: ColumnElement[bool]) -> None:
    values = {"state": State.SKIPPED, "reason": reason, "changed_at": instant(now)}
    connection.execute(update(resource).where(*which).values(values))


def latest(now: datetime) -> str:
    """The latest instant to which anything is put off. One that is later was written by a clock that was ahead."""
    return instant(now + timedelta(seconds=CAP_SECONDS))


def _is_due(now: datetime) -> ColumnElement[bool]:
    return or_(resource.c.due_at <= instant(now), resource.c.due_at > latest(now))


def doubtful(connection: Connection, target_id: int) -> list[int]:
    """The resources of which only the server can tell how they stand, in order: unknown outcomes and conflicts, and
    what was retired and is still to be told of, unless the server has it no more."""
    is_retired = and_(
        resource.c.retired_at.is_not(None), resource.c.state.in_([State.PENDING, State.RETRY, State.WAITING])
    )
    found = (
        select(resource.c.id)
        .join(lane, lane.c.id == resource.c.lane_id)
        .where(
            UNFINISHED,
            resource.c.target_id == target_id,
            or_(resource.c.state.in_([State.UNKNOWN, State.CONFLICT]), is_retired),
        )
        .order_by(lane.c.key, resource.c.rank, resource.c.rid)
    )
    return list(connection.execute(found).scalars())


def new_by_type(connection: Connection, target_id: int) -> dict[str, int]:
    """How many resources may be sent of which no version is known, by type; what is referred to comes first."""
    found = (
        select(resource.c.type, func.count())
        .where(*_NEW, resource.c.target_id == target_id)
        .group_by(resource.c.type)
        .order_by(func.min(resource.c.rank), resource.c.type)
    )
    return dict(connection.execute(found).all())


def new_ids(connection: Connection, target_id: int, type: str, page: int) -> Iterator[list[int]]:
    """The resources of a type of which no version is known, in pages; may be read on in later transactions."""
    last = 0
    while ids := list(
        connection.execute(
            select(resource.c.id)
            .where(*_NEW, resource.c.target_id == target_id, resource.c.type == type, resource.c.id > last)
            .order_by(resource.c.id)
            .limit(page)
        ).scalars()
    ):
        yield ids
        last = ids[-1]


def open_lanes(connection: Connection, target_id: int) -> list[tuple[int, str]]:
    """The lanes with something to send, the largest first, then by key: a large one that began last would go on alone
    when all others are done, for a lane is never in two requests at once."""
    found = (
        select(lane.c.id, lane.c.key)
        .join(resource, resource.c.lane_id == lane.c.id)
        .where(*_SENDABLE, resource.c.target_id == target_id)
        .group_by(lane.c.id, lane.c.key)
        .order_by(func.count().desc(), lane.c.key)
    )
    return [(id, key) for id, key in connection.execute(found)]


def pending_of(
    connection: Connection,
    target_id: int,
    lane_id: int,
    after: Place = BEGINNING,
    most: int | None = None,
    lacking: Container[str] = frozenset(),
) -> list[Pending]:
    """What is to be sent of a lane, in order, each with the rids that it refers to and that are not on the server.

    ``after`` and ``most`` ask for a part: what comes after that place, so many at most. ``lacking`` are types that the
    target cannot have and that nothing waits for.
    """
    rank, rid = after
    rows = connection.execute(
        select(
            resource.c.id,
            resource.c.type,
            resource.c.rid,
            resource.c.rank,
            func.length(body.c.content),
        )
        .join(body, body.c.id == resource.c.desired_body)
        .where(
            *_SENDABLE,
            resource.c.lane_id == lane_id,
            or_(resource.c.rank > rank, and_(resource.c.rank == rank, resource.c.rid > rid)),
        )
        .order_by(resource.c.rank, resource.c.rid)
        .limit(most)
    ).all()
    needs = _needs(connection, target_id, [row.id for row in rows], lacking)
    # Interned: thousands of a lane have the same types and needs, and the database gives each its own copy.
    return [
        Pending(id, lane_id, intern(type), intern(rid), rank, size, tuple(needs.get(id, ())))
        for id, type, rid, rank, size in rows
    ]


def _needs(connection: Connection, target_id: int, ids: Sequence[int], lacking: Container[str]) -> dict[int, list[str]]:
    """The rids that these refer to and that are not on the server."""
    needs: dict[int, list[str]] = {}
    for start in range(0, len(ids), _CHUNK):
        unmet = connection.execute(_UNMET, {"ids": ids[start : start + _CHUNK], "target": target_id})
        for id, rid, type in unmet:
            if type not in lacking:
                needs.setdefault(id, []).append(intern(rid))
    return needs


def needs_of(
    connection: Connection, target_id: int, rows: Iterable[Standing], lacking: Container[str]
) -> dict[str, list[str]]:
    """The rids that these refer to and that are not on the server, by rid."""
    rids = {row.id: row.rid for row in rows}
    return {rids[id]: found for id, found in _needs(connection, target_id, sorted(rids), lacking).items()}


def places(connection: Connection, target_id: int, lane_id: int, rids: Sequence[str]) -> dict[str, Place]:
    """Where those of the rids stand that are to be sent in this lane."""
    found: dict[str, Place] = {}
    for start in range(0, len(rids), _CHUNK):
        rows = connection.execute(
            select(resource.c.rid, resource.c.rank).where(
                *_SENDABLE,
                resource.c.target_id == target_id,
                resource.c.lane_id == lane_id,
                resource.c.rid.in_(rids[start : start + _CHUNK]),
            )
        )
        found.update((rid, (rank, rid)) for rid, rank in rows)
    return found


def patience(connection: Connection, target_id: int) -> tuple[int, str | None]:
    """How often in a row the target was too busy, and when it may be asked again."""
    row = connection.execute(select(target.c.attempts, target.c.due_at).where(target.c.id == target_id)).one()
    return row.attempts, row.due_at


def set_patience(connection: Connection, target_id: int, attempts: int, due_at: str | None) -> None:
    """Keeps how often in a row the target was too busy, and when it may be asked again."""
    connection.execute(update(target).where(target.c.id == target_id).values(attempts=attempts, due_at=due_at))


def left(connection: Connection, target_id: int) -> dict[State, int]:
    """How many resources are not as desired, by state."""
    found = (
        select(resource.c.state, func.count())
        .where(UNFINISHED, resource.c.target_id == target_id)
        .group_by(resource.c.state)
        .order_by(resource.c.state)
    )
    return {State(state): count for state, count in connection.execute(found)}


def is_due(connection: Connection, target_id: int, now: datetime, *, skipped: bool = False) -> bool:
    """Whether a run would find something to ask the server.

    ``skipped`` counts what the target could not take, too: whether it can by now is known only once it is probed.
    """
    may_go = and_(resource.c.vanished == false(), or_(resource.c.due_at.is_(None), _is_due(now)))
    always = [*IN_FLIGHT, State.CONFLICT, *([State.SKIPPED] if skipped else [])]
    found = select(resource.c.id).where(
        UNFINISHED,
        resource.c.target_id == target_id,
        or_(resource.c.state.in_(always), and_(resource.c.state.in_([State.PENDING, State.RETRY]), may_go)),
    )
    return connection.execute(found.limit(1)).first() is not None
