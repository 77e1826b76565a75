"""Whether the server at a target's url is the one that was delivered to.

The ledger believes the answers of one server. Asked of another, it would take as delivered what is not there, and write
over what stands there under the same number. So the url is kept; at another one the server must show what it was sent,
or nothing is written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, select, update

from fhir_msc.errors import LedgerError
from fhir_msc.sync import audit, standings
from fhir_msc.sync.addresses import Addressing, contents
from fhir_msc.sync.comparison import holds, version_id
from fhir_msc.sync.course import Clock
from fhir_msc.sync.exchange import Several, inspect, names
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.presence import MAY_BE_THERE
from fhir_msc.sync.standing import GONE_DIGEST, Standing
from fhir_msc.sync.states import UNSETTLED
from fhir_msc.sync.tables import resource, target
from fhir_msc.target.client import FhirClient, Missing, Resource
from fhir_msc.target.fhirjson import JsonObject
from fhir_msc.target.urls import canonical


def is_known(ledger: Ledger, url: str) -> bool:
    """Whether this url is the one that was delivered to, as far as the ledger knows, or nothing was delivered yet."""
    with ledger.begin() as connection:
        known = _known(connection, ledger.target_id)
        return known in (None, canonical(url)) or not _is_any(connection, ledger.target_id)


def settle_in(ledger: Ledger, url: str, named: Collection[str], clock: Clock) -> None:
    """Keeps the url, before anything is sent there; the audit tells of a change. ``named`` are the config's targets.

    Raises LedgerError where an earlier target, which the config names no more, was delivered to it: under another
    identity all of that would be there a second time.
    """
    with ledger.begin() as connection:
        known = _known(connection, ledger.target_id)
        if known == canonical(url):
            return
        if not _is_any(connection, ledger.target_id):
            _refuse_taken(connection, ledger, url, named)
        elif known is not None:
            audit.append(connection, ledger.target, audit.ACTOR, [audit.Event("moved", "", "")], clock())
        connection.execute(update(target).where(target.c.id == ledger.target_id).values(url=canonical(url)))


def recognise(ledger: Ledger, client: FhirClient, addressing: Addressing) -> bool:
    """Whether the server holds the first and the last of what was delivered: it is the same one. Raises TargetError."""
    rows, found = _looked_at(ledger, client, addressing)
    with ledger.begin() as connection:
        bodies = contents(connection, ledger.target_id, addressing, rows.values())
    return bool(rows) and all(
        isinstance(one, Resource) and _is_as_left(rows[id], one.content, bodies, addressing.system)
        for id, one in found.items()
    )


def is_acquainted(ledger: Ledger, client: FhirClient, addressing: Addressing) -> bool:
    """Whether the server holds the first or the last of what was delivered under its id, in whatever version: it is the
    same one, set back or worked on meanwhile. Raises TargetError."""
    rows, found = _looked_at(ledger, client, addressing)
    return any(
        isinstance(one, Resource) and _is_ours(rows[id], one.content, addressing.system) for id, one in found.items()
    )


def _looked_at(
    ledger: Ledger, client: FhirClient, addressing: Addressing
) -> tuple[Mapping[int, Standing], Mapping[int, Resource | Missing | Several]]:
    with ledger.begin() as connection:
        rows = standings.standings(connection, _witnesses(connection, ledger.target_id))
    return rows, inspect(client, [addressing.wanted(row) for row in rows.values()])


def elsewhere(name: str) -> LedgerError:
    """The refusal to write to a server that does not hold what was delivered."""
    return LedgerError(
        f"target {name}: its url is not the one that was delivered to, and the server there does not hold what was"
        " delivered last; nothing was sent",
        hint="if the server was replaced or set back: fhir-msc sync --repair sends again what is not there;"
        " if it is a further server: restore the url, and give the further one a target and identity of its own",
    )


def _known(connection: Connection, target_id: int) -> str | None:
    found: str | None = connection.execute(select(target.c.url).where(target.c.id == target_id)).scalar()
    return found and canonical(found)


def _is_any(connection: Connection, target_id: int) -> bool:
    found = select(resource.c.id).where(resource.c.target_id == target_id, MAY_BE_THERE)
    return connection.execute(found.limit(1)).first() is not None


def _witnesses(connection: Connection, target_id: int) -> list[int]:
    """The first resource that was delivered, which is the study where there is one, and the one that changed last."""
    delivered = select(resource.c.id).where(
        resource.c.target_id == target_id,
        resource.c.delivered_digest != GONE_DIGEST,
        resource.c.state.not_in(UNSETTLED),
    )
    orders = (
        (resource.c.rank, resource.c.rid),
        (resource.c.changed_at.desc(), resource.c.rank.desc(), resource.c.rid),
    )
    found = [connection.execute(delivered.order_by(*order).limit(1)).scalar() for order in orders]
    return sorted({id for id in found if id is not None})


def _is_ours(row: Standing, content: JsonObject, system: str) -> bool:
    """Whether it is what we call so: another server may have something else under a number."""
    return content.get("id") == row.rid or any(row.rid in names(content, by, system) for by in ("identifier", "_tag"))


def _is_as_left(row: Standing, content: JsonObject, bodies: dict[int, bytes], system: str) -> bool:
    """Whether it is ours, and as it was last sent."""
    if not _is_ours(row, content, system) or row.delivered is None:
        return False
    version = version_id(content)
    return (version is not None and version == row.version) or holds(content, bodies[row.delivered.body_id])


def _refuse_taken(connection: Connection, ledger: Ledger, url: str, named: Collection[str]) -> None:
    others = connection.execute(
        select(target).where(target.c.url.is_not(None), target.c.id != ledger.target_id, target.c.name.not_in(named))
    ).all()
    for other in others:
        if canonical(other.url) == canonical(url) and _is_any(connection, other.id):
            raise LedgerError(
                f"target {ledger.target}: what its url names was delivered to as target {other.name}: under another"
                " identity all of it would be there twice; nothing was sent",
                hint=f'give target {ledger.target} that identity, in fhir-msc.toml: identity = "{other.domain}"',
            )
