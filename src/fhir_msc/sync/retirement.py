"""What has vanished from the source and still stands on the server, and its retirement on a person's word.

A row that is gone may have been taken back by the site, or lost with half an export: only a person knows. Asked for,
the resource is desired from then on as it was last sent, with the status that says that it no longer counts; the next
sync sends that like any other change. A type that R4 gives no such status is deleted, where the config allows it. If
its row comes back, the source's word counts again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, func, insert, select, true, update

from fhir_msc.errors import UsageError
from fhir_msc.findings import Origin
from fhir_msc.resources.body import parsed, serialise
from fhir_msc.resources.retirement import can_retire, retired
from fhir_msc.sync import audit, outbox
from fhir_msc.sync.accounts import origins
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.presence import MAY_BE_THERE
from fhir_msc.sync.standing import GONE
from fhir_msc.sync.states import UNSETTLED, State, after_staging
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
            select(resource.c.id, resource.c.type, resource.c.rid, resource.c.state)
            .where(resource.c.target_id == ledger.target_id, resource.c.vanished == true(), MAY_BE_THERE)
            .order_by(resource.c.type, resource.c.rid)
        )
        return [
            Retirable(row.type, row.rid, _obstacle(row.type, State(row.state), deletable), origins(connection, row.id))
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
    row = outbox.standings(connection, [number])[number]
    assert row.delivered is not None  # or it would be in flight, which is an obstacle
    contents = outbox.contents(connection, row.bodies)
    changed = retired(parsed(contents[row.delivered.body_id]))
    content = GONE if changed is None else serialise(changed)
    digest = sha256(content).digest()
    body_id: int = connection.execute(select(func.coalesce(func.max(body.c.id), 0) + 1)).scalar_one()
    connection.execute(insert(body).values(id=body_id, content=content))
    state = after_staging(row.state, changed=True, delivered=digest == row.delivered.digest)
    connection.execute(
        update(resource)
        .where(*mine)
        .values(
            desired_digest=digest,
            desired_body=body_id,
            state=state,
            changed_at=instant(now),
            cause=CAUSE,
            vanished=False,
            retired_at=instant(now),
            attempts=0,
            due_at=None,
            reason=None,
        )
    )
    if row.desired.body_id not in {kept.body_id for kept in (row.sent, row.delivered) if kept is not None}:
        connection.execute(body.delete().where(body.c.id == row.desired.body_id))


def _obstacle(type: str, state: State, deletable: Collection[str]) -> str | None:
    if not can_retire(type) and type not in deletable:
        return "R4 has no status of this type that says so, and the config does not let it be deleted"
    if state in UNSETTLED:
        return "how it stands on the server is not settled: sync first"
    return None
