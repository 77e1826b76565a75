"""How resources stand, read from the ledger row by row and written back step by step; their bodies, their leases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.sql.elements import BindParameter

from fhir_msc.sync.standing import Kept, Standing, unneeded
from fhir_msc.sync.states import State
from fhir_msc.sync.storage import row_writer
from fhir_msc.sync.tables import body, instant, lane, resource

_CHUNK = 500

_STATES = {state.value: state for state in State}

# Everything that a step of delivery may change in a row.
_STEP = (
    "state", "changed_at", "sent_digest", "sent_body", "delivered_digest", "delivered_body",
    "server_version", "attempts", "due_at", "reason", "waiting_on", "server_id",
)  # fmt: skip
_SETTLE = update(resource).where(resource.c.id == bindparam("b_id")).values({name: bindparam(name) for name in _STEP})
_DROP_BODY = delete(body).where(body.c.id == bindparam("b_id"))

_IDS: BindParameter[list[int]] = bindparam("ids", expanding=True)
_STANDING = select(
    resource.c.id, resource.c.rid, resource.c.type, resource.c.lane_id, resource.c.state,
    resource.c.desired_digest, resource.c.desired_body, resource.c.sent_digest, resource.c.sent_body,
    resource.c.delivered_digest, resource.c.delivered_body, resource.c.server_version, resource.c.attempts,
    resource.c.due_at, resource.c.reason, resource.c.waiting_on, resource.c.server_id, resource.c.retired_at,
).where(resource.c.id.in_(_IDS))  # fmt: skip
_DESIRED = select(resource.c.id, resource.c.state, resource.c.desired_digest, resource.c.desired_body).where(
    resource.c.id.in_(_IDS)
)
_CONTENT = select(body.c.id, body.c.content).where(body.c.id.in_(_IDS))
_EPOCHS = select(lane.c.id, lane.c.epoch).where(lane.c.id.in_(_IDS))
_LEASE = update(lane).where(lane.c.id.in_(_IDS)).values(epoch=lane.c.epoch + 1)


def standings(connection: Connection, ids: Sequence[int]) -> dict[int, Standing]:
    """How these resources stand, by id."""
    found: dict[int, Standing] = {}
    for start in range(0, len(ids), _CHUNK):
        for (
            id, rid, type, lane_id, state, desired, desired_body, sent, sent_body, delivered, delivered_body,
            version, attempts, due_at, reason, waiting_on, server_id, retired_at,
        ) in connection.execute(_STANDING, {"ids": ids[start : start + _CHUNK]}):  # fmt: skip
            found[id] = Standing(
                id,
                rid,
                type,
                lane_id,
                _STATES[state],
                Kept(desired, desired_body),
                None if sent_body is None else Kept(sent, sent_body),
                None if delivered_body is None else Kept(delivered, delivered_body),
                version,
                attempts,
                due_at,
                reason,
                waiting_on,
                server_id,
                retired_at is not None,
            )
    return found


def still_leased(connection: Connection, leases: Sequence[Standing], epochs: Mapping[int, int]) -> dict[int, Standing]:
    """Those of the leased rows whose lanes still have these epochs, by id, each with what is desired by now."""
    now = _epochs(connection, epochs)
    ids = [one.id for one in leases]
    found: dict[int, tuple[str, bytes, int]] = {}
    for start in range(0, len(ids), _CHUNK):
        rows = connection.execute(_DESIRED, {"ids": ids[start : start + _CHUNK]})
        found.update((id, (state, digest, number)) for id, state, digest, number in rows)
    held: dict[int, Standing] = {}
    for one in leases:
        state, digest, number = found[one.id]
        if state != State.LEASED or now[one.lane_id] != epochs[one.lane_id]:
            continue
        changed = one.desired.body_id != number or one.desired.digest != digest
        held[one.id] = replace(one, desired=Kept(digest, number)) if changed else one
    return held


def contents(connection: Connection, body_ids: Iterable[int]) -> dict[int, bytes]:
    """The bodies of these numbers."""
    ids = sorted(body_ids)
    found: dict[int, bytes] = {}
    for start in range(0, len(ids), _CHUNK):
        found.update(connection.execute(_CONTENT, {"ids": ids[start : start + _CHUNK]}).all())
    return found


def settle(connection: Connection, steps: Iterable[tuple[Standing, Standing]], now: datetime) -> None:
    """Writes what became of resources (before, after), and drops the bodies that nothing needs any more."""
    changed = [(before, after) for before, after in steps if before != after]
    if not changed:
        return
    at = instant(now)
    row_writer(connection, _SETTLE, (*_STEP, "b_id"))(
        [
            (
                after.state.value,
                at,
                after.sent and after.sent.digest,
                after.sent and after.sent.body_id,
                after.delivered and after.delivered.digest,
                after.delivered and after.delivered.body_id,
                after.version,
                after.attempts,
                after.due_at,
                after.reason,
                after.waiting_on,
                after.server_id,
                after.id,
            )
            for _, after in changed
        ]
    )
    unused = [id for before, after in changed for id in unneeded(before, after)]
    if unused:
        connection.execute(_DROP_BODY, [{"b_id": id} for id in unused])


def lease_lanes(connection: Connection, lane_ids: Iterable[int]) -> dict[int, int]:
    """Counts a lease of each of these lanes and gives their epochs."""
    ids = sorted(set(lane_ids))
    connection.execute(_LEASE, {"ids": ids})
    return _epochs(connection, ids)


def _epochs(connection: Connection, lane_ids: Iterable[int]) -> dict[int, int]:
    return dict(connection.execute(_EPOCHS, {"ids": sorted(lane_ids)}).all())
