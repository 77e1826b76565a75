"""What has vanished from the source and still stands on the server, and its retirement on a person's word.

A row that is gone may have been taken back by the site, or lost with half an export: only a person knows. Asked for,
the resource is desired from then on as it was last sent, with the status that says that it no longer counts; the next
sync sends that like any other change. A type that R4 gives no such status is deleted, where the config allows it. If
its row comes back, the source's word counts again. What somebody changed on the server meanwhile stays a conflict until
that is taken back; what somebody deleted there is over with the person's word.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, func, insert, select, true, update

from fhir_msc.errors import UsageError
from fhir_msc.findings import Origin
from fhir_msc.resources.body import parsed, serialise
from fhir_msc.resources.retirement import can_retire, retired
from fhir_msc.sync import audit, standings
from fhir_msc.sync.accounts import origins
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.presence import MAY_BE_THERE
from fhir_msc.sync.standing import DELETED, GONE, Kept, deleted
from fhir_msc.sync.states import IN_FLIGHT, State, after_staging
from fhir_msc.sync.tables import body, instant, resource

CAUSE = "retired"
"""Why a retired resource is desired as it is."""


@dataclass(frozen=True, slots=True)
class Retirable:
    """A resource that the server has and the source does not give any more; ``obstacle`` says why it stays as it is."""

    type: str
    rid: str
    obstacle: str | None
    origins: tuple[Origin, ...]


def vanished(ledger: Ledger, deletable: Collection[str] = ()) -> list[Retirable]:
    """What has vanished and may be on the server, in the order of types and rids. ``deletable`` are the types that the
    config allows to be deleted, where R4 has no status that says so."""
    with ledger.begin() as connection:
        found = (
            select(resource.c.id, resource.c.type, resource.c.rid, resource.c.state, resource.c.reason)
            .where(resource.c.target_id == ledger.target_id, resource.c.vanished == true(), MAY_BE_THERE)
            .order_by(resource.c.type, resource.c.rid)
        )
        return [
            Retirable(
                row.type,
                row.rid,
                _obstacle(row.type, State(row.state), row.reason, deletable),
                origins(connection, row.id),
            )
            for row in connection.execute(found).all()
        ]


def retire(
    ledger: Ledger, rids: Collection[str], reason: str, actor: str, now: datetime, deletable: Collection[str] = ()
) -> int:
    """Retires these, with the reason in the audit; gives how many. Raises UsageError and changes nothing where one of
    them has not vanished, or cannot be retired."""
    known = {one.rid: one for one in vanished(ledger, deletable)}
    for rid in sorted(rids):
        if rid not in known:
            raise UsageError(
                "no resource of this key has vanished from the source", hint="list what has: fhir-msc retire"
            )
        if (obstacle := known[rid].obstacle) is not None:
            raise UsageError(f"{known[rid].type}/{rid} cannot be retired: {obstacle}")
    with ledger.begin() as connection:
        for rid in sorted(rids):
            _retire(connection, ledger.target_id, rid, now)
        events = [audit.Event("retired", known[rid].type, rid, reason=reason) for rid in sorted(rids)]
        audit.append(connection, ledger.target, actor, events, now)
    return len(rids)


def _retire(connection: Connection, target_id: int, rid: str, now: datetime) -> None:
    mine = (resource.c.target_id == target_id, resource.c.rid == rid)
    number = connection.execute(select(resource.c.id).where(*mine)).scalar_one()
    row = standings.standings(connection, [number])[number]
    assert row.delivered is not None  # or it would be in flight, which is an obstacle
    is_agreed = _is_deleted(row.state, row.reason)
    changed = None if is_agreed else retired(parsed(standings.contents(connection, row.bodies)[row.delivered.body_id]))
    content = GONE if changed is None else serialise(changed)
    number = connection.execute(select(func.coalesce(func.max(body.c.id), 0) + 1)).scalar_one()
    connection.execute(insert(body).values(id=number, content=content))
    desired = Kept(sha256(content).digest(), number)
    if is_agreed:
        after = deleted(replace(row, desired=desired))
    else:
        state = after_staging(row.state, changed=True, delivered=desired.digest == row.delivered.digest)
        reason = row.reason if state is State.CONFLICT else None
        after = replace(row, desired=desired, state=state, reason=reason, attempts=0, due_at=None)
    connection.execute(
        update(resource)
        .where(*mine)
        .values(
            desired_digest=desired.digest,
            desired_body=desired.body_id,
            cause=CAUSE,
            vanished=False,
            retired_at=instant(now),
        )
    )
    standings.settle(connection, [(row, after)], now)
    if row.desired.body_id not in after.bodies:
        connection.execute(body.delete().where(body.c.id == row.desired.body_id))


def _is_deleted(state: State, reason: str | None) -> bool:
    """Whether the server has it no more, nor the source: there is nothing to send, and a person may say so."""
    return state is State.CONFLICT and reason == DELETED


def _obstacle(type: str, state: State, reason: str | None, deletable: Collection[str]) -> str | None:
    if _is_deleted(state, reason):
        return None
    if not can_retire(type) and type not in deletable:
        return "R4 has no status of this type that says so, and the config does not let it be deleted"
    if state in IN_FLIGHT:
        return "how it stands on the server is not settled: sync first"
    return None
