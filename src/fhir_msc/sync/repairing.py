"""What a server has lost is marked as not delivered, on a person's word: the next delivery reads and sends it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from fhir_msc.sync import audit, standings, whereabouts
from fhir_msc.sync.addresses import Addressing
from fhir_msc.sync.course import Clock
from fhir_msc.sync.exchange import LOOKED_UP
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.standing import Standing, forgotten
from fhir_msc.sync.tables import resource
from fhir_msc.sync.verification import Verified, verify
from fhir_msc.target.client import FhirClient

_ANOTHER = "another server"


def repair(ledger: Ledger, client: FhirClient, addressing: Addressing, url: str, clock: Clock) -> None:
    """Reads back all that was delivered, and marks what is not there.

    Where the server at the url is not the one that was delivered to, nor a copy of it, the ids that the other gave name
    nothing of ours there, and are not asked for. Raises TargetError.
    """
    if not whereabouts.is_known(ledger, url) and not whereabouts.is_acquainted(ledger, client, addressing):
        _forget_given(ledger, clock)
    for drifted in verify(ledger, client, addressing, Verified(), lambda *_: None, to_repair=True):
        if drifted.repairable:
            with ledger.begin() as connection:
                row = standings.standings(connection, [drifted.id])[drifted.id]
            _forget(ledger, [(row, drifted.version)], drifted.drift.value, clock)


def _forget_given(ledger: Ledger, clock: Clock) -> None:
    given = (resource.c.target_id == ledger.target_id, resource.c.server_id.is_not(None))
    while True:
        with ledger.begin() as connection:
            ids = list(connection.execute(select(resource.c.id).where(*given).limit(LOOKED_UP)).scalars())
            rows = standings.standings(connection, ids)
        if not rows:
            return
        _forget(ledger, [(row, None) for row in rows.values()], _ANOTHER, clock)


def _forget(ledger: Ledger, lost: Iterable[tuple[Standing, str | None]], reason: str, clock: Clock) -> None:
    """Marks these as not delivered, each with the earlier version that the server still holds."""
    with ledger.begin() as connection:
        steps = [(row, version, forgotten(row, version)) for row, version in lost]
        standings.settle(connection, [(row, after) for row, _, after in steps], clock())
        events = [
            audit.Event(
                "forgotten",
                row.type,
                row.rid,
                before=row.delivered.digest.hex() if row.delivered else "",
                version=version or "",
                reason=reason,
            )
            for row, version, _ in steps
        ]
        audit.append(connection, ledger.target, audit.ACTOR, events, clock())
