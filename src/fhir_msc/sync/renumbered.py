"""What refers to something that is new on the server, though it was there before, is sent again with the new id.

A server that gives ids gives another one to what it had lost, or deleted on a person's word. What referred to it still
says the old id, and nothing in what is desired of it has changed. So before a run sends, it looks for what was
delivered and refers to what is not: in order, nothing is ever delivered before what it refers to.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, false, or_, select

from fhir_msc.sync import standings
from fhir_msc.sync.addresses import Addressing, gave_ids
from fhir_msc.sync.standing import GONE_DIGEST, forgotten
from fhir_msc.sync.states import State
from fhir_msc.sync.tables import UNFINISHED, reference, resource

_referred = resource.alias("referred")


def send_again(connection: Connection, target_id: int, addressing: Addressing, now: datetime) -> None:
    """Makes pending what refers to something that is about to be sent as new. The version last seen stays, so that
    nobody else's change is overwritten."""
    if addressing.is_plain and not gave_ids(connection, target_id):
        return
    unarrived = select(resource.c.rid).where(
        UNFINISHED,
        resource.c.target_id == target_id,
        resource.c.state.in_([State.PENDING, State.RETRY, State.WAITING]),
        resource.c.vanished == false(),
        or_(resource.c.delivered_digest.is_(None), resource.c.delivered_digest == GONE_DIGEST),
    )
    referring = (
        select(resource.c.id)
        .where(
            resource.c.id.in_(select(reference.c.resource_id).where(reference.c.rid.in_(unarrived))),
            resource.c.target_id == target_id,
            resource.c.delivered_digest != GONE_DIGEST,
            resource.c.state.in_([State.SENT, State.PENDING]),
            resource.c.vanished == false(),
        )
        .order_by(resource.c.id)
    )
    rows = standings.standings(connection, list(connection.execute(referring).scalars()))
    standings.settle(connection, [(row, forgotten(row, row.version)) for row in rows.values()], now)
