"""Does the server still hold what was sent? Every delivered resource is read back and compared, three ways.

*Source* is what the source gives now, *sent* what the ledger knows the server took last, *server* what stands there. A
server may forget what it acknowledged (seen: a kill of HAPI with its database on file), and somebody may change or
delete what is ours. The first can be repaired: it is marked as not delivered, and the next delivery reads and sends it
like anything else. The others are for a person.

A lower version alone does not tell the two apart: a server may be set back to a backup and then be worked on. An
earlier version is repaired only where it is, to the byte, one that the audit says we sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import ColumnElement, Connection, and_, select, true

from fhir_msc.findings import Origin
from fhir_msc.resources.body import serialise
from fhir_msc.sync import standings
from fhir_msc.sync.accounts import origins
from fhir_msc.sync.addresses import Addressing, contents
from fhir_msc.sync.comparison import FieldDifference, as_sent, differences, holds, version_id
from fhir_msc.sync.exchange import LOOKED_UP, Several, inspect
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.standing import Standing
from fhir_msc.sync.states import IN_FLIGHT
from fhir_msc.sync.tables import audit as audit_rows
from fhir_msc.sync.tables import resource
from fhir_msc.target.client import FhirClient, Missing, Resource
from fhir_msc.target.fhirjson import JsonObject, parse


class Drift(StrEnum):
    """How the server differs from what was sent."""

    FORGOTTEN = "forgotten"
    """The server does not know it: what it acknowledged was lost."""
    OLDER = "older"
    """The server holds an earlier version of ours than the one it acknowledged."""
    DELETED = "deleted"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class FieldDrift:
    """One element that differs between source, sent and server; values as JSON text, ``None`` where it is absent."""

    path: str
    source: str | None
    sent: str | None
    server: str | None


@dataclass(frozen=True, slots=True)
class Drifted:
    """One resource that the server does not hold as it was sent.

    ``version`` is the one on the server, ``known`` the one the ledger has. ``repairable``: the server lost it by
    itself, and a repair would send it again, or mark it as lost where its row has vanished.
    """

    id: int
    type: str
    rid: str
    drift: Drift
    known: str | None
    version: str | None
    repairable: bool
    fields: tuple[FieldDrift, ...]
    origins: tuple[Origin, ...]


@dataclass(slots=True)
class Verified:
    """How many were read back, how many are as sent, and how many of those the source wants otherwise by now."""

    read: int = 0
    same: int = 0
    behind: int = 0
    in_flight: int = 0


Progress = Callable[[str, int], None]


def verify(
    ledger: Ledger,
    client: FhirClient,
    addressing: Addressing,
    counts: Verified,
    progress: Progress,
    *,
    to_repair: bool = False,
) -> Iterator[Drifted]:
    """Reads back all that was delivered, type by type; no transaction is open while it gives. Raises TargetError.

    ``to_repair``: also that of which a later version is in flight, for nobody else delivers, and what no longer counts.
    """
    with ledger.begin() as connection:
        types = _types(connection, ledger.target_id)
    for type in types:
        last = 0
        while True:
            with ledger.begin() as connection:
                ids = _page(connection, ledger.target_id, type, last)
                if not ids:
                    break
                rows = standings.standings(connection, ids)
                vanished = _flagged(connection, ids, resource.c.vanished == true())
                retired = _flagged(connection, ids, resource.c.retired_at.is_not(None))
            last = ids[-1]
            checked = [row for row in rows.values() if to_repair or row.state not in IN_FLIGHT]
            counts.in_flight += len(rows) - len(checked)
            found = inspect(client, [addressing.wanted(row) for row in checked])
            with ledger.begin() as connection:
                bodies = contents(connection, ledger.target_id, addressing, checked)
                compared = [
                    (
                        row,
                        # What no longer counts need not be there.
                        None
                        if row.id in retired and _is_unknown(found[row.id]) and not to_repair
                        else _compared(connection, row, found[row.id], bodies, row.id in vanished),
                    )
                    for row in checked
                ]
            for row, drifted in compared:
                counts.read += 1
                if drifted is not None:
                    yield drifted
                else:
                    counts.same += 1
                    counts.behind += row.delivered != row.desired and row.id not in vanished
            progress(f"verifying {type}", counts.read)


def _compared(
    connection: Connection,
    row: Standing,
    found: Resource | Missing | Several,
    bodies: dict[int, bytes],
    vanished: bool,
) -> Drifted | None:
    assert row.delivered is not None
    sent = bodies[row.delivered.body_id]
    server = found.content if isinstance(found, Resource) else None
    if row.delivered.is_gone and server is None:
        return None
    if server is not None and sent and holds(server, sent):
        return None
    version = version_id(server) if server is not None else None
    drift = _drift(connection, row, found, sent)
    # A conflict, too, for nobody else's change is there. What vanished is not sent, but it is not there either.
    repairable = drift is Drift.FORGOTTEN or (drift is Drift.OLDER and not vanished)
    fields: list[FieldDrift] = []
    if server is not None and sent and not row.desired.is_gone:
        source = parse(bodies[row.desired.body_id])
        theirs = {one.path: one for one in differences(server, parse(sent))}
        ours = {one.path: one for one in differences(source, parse(sent))}
        fields = [_field(path, theirs.get(path), ours.get(path)) for path in sorted({*theirs, *ours})]
    places = origins(connection, row.id)
    return Drifted(row.id, row.type, row.rid, drift, row.version, version, repairable, tuple(fields), places)


def _field(path: str, theirs: FieldDifference | None, ours: FieldDifference | None) -> FieldDrift:
    one = theirs or ours
    sent = one.mine if one else None
    return FieldDrift(path, ours.theirs if ours else sent, sent, theirs.theirs if theirs else sent)


def _drift(connection: Connection, row: Standing, found: Resource | Missing | Several, sent: bytes) -> Drift:
    if isinstance(found, Several) or not sent:
        return Drift.CHANGED
    if isinstance(found, Missing):
        return Drift.FORGOTTEN if _is_unknown(found) else Drift.DELETED
    is_lower = _is_lower(version_id(found.content), row.version)
    if is_lower and _was_sent(connection, row.rid, as_sent(found.content, parse(sent))):
        return Drift.OLDER
    return Drift.CHANGED


def _is_unknown(found: Resource | Missing | Several) -> bool:
    """Whether the server has, and had, no such resource."""
    return isinstance(found, Missing) and not found.gone


def _is_lower(version: str | None, known: str | None) -> bool:
    """Whether a version is from before the one that was acknowledged; only numbers tell."""
    numbers = version is not None and known is not None and version.isdecimal() and known.isdecimal()
    return numbers and int(version or 0) < int(known or 0)


def _was_sent(connection: Connection, rid: str, body: JsonObject) -> bool:
    """Whether it is, to the byte, something that the audit says we sent."""
    digest = sha256(serialise(body)).hexdigest()
    found = select(audit_rows.c.id).where(
        audit_rows.c.rid == rid,
        audit_rows.c.digest == digest,
        audit_rows.c.event.in_(("created", "updated")),
    )
    return connection.execute(found.limit(1)).first() is not None


def _types(connection: Connection, target_id: int) -> list[str]:
    mine = and_(resource.c.target_id == target_id, resource.c.delivered_body.is_not(None))
    return list(connection.execute(select(resource.c.type).where(mine).distinct().order_by(resource.c.type)).scalars())


def _page(connection: Connection, target_id: int, type: str, last: int) -> list[int]:
    found = (
        select(resource.c.id)
        .where(
            resource.c.target_id == target_id,
            resource.c.type == type,
            resource.c.delivered_body.is_not(None),
            resource.c.id > last,
        )
        .order_by(resource.c.id)
        .limit(LOOKED_UP)
    )
    return list(connection.execute(found).scalars())


def _flagged(connection: Connection, ids: Sequence[int], flag: ColumnElement[bool]) -> set[int]:
    return set(connection.execute(select(resource.c.id).where(resource.c.id.in_(ids), flag)).scalars())
