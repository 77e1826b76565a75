"""Do the numbers agree? The rows of each table and what became of them; the resources here and on the server."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, select

from fhir_msc.desired import Account
from fhir_msc.sync.accounts import accounts
from fhir_msc.sync.exchange import LOOKED_UP
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.standing import GONE_DIGEST
from fhir_msc.sync.tables import resource
from fhir_msc.target.client import FhirClient


@dataclass(frozen=True, slots=True)
class TypeCount:
    """The resources of one type that the ledger has as delivered, and those on the server under their identifiers;
    ``None`` where the server cannot be asked for them."""

    type: str
    here: int
    there: int | None

    @property
    def agrees(self) -> bool:
        """Whether the two are the same, as far as the server tells."""
        return self.there is None or self.here == self.there


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The accounts of the tables, and the counts by type."""

    target: str
    accounts: tuple[Account, ...]
    types: tuple[TypeCount, ...]

    @property
    def agrees(self) -> bool:
        """Whether every row is accounted for, and both sides have as many of each type."""
        rows = all(sum(one.outcomes.values()) == one.rows for one in self.accounts)
        return rows and all(one.agrees for one in self.types)


def reconcile(ledger: Ledger, client: FhirClient, system: str, countable: Collection[str]) -> Reconciled:
    """Counts both sides. ``system`` is that of our sync identifiers, ``countable`` the types that the server searches
    by identifier. Raises TargetError.

    The server is asked for the identifiers that the ledger has, sent or not, retired or not: other projects may share
    the namespace, and what is theirs is not told.
    """
    with ledger.begin() as connection:
        types = connection.execute(
            select(resource.c.type)
            .where(resource.c.target_id == ledger.target_id, resource.c.delivered_digest.is_not(None))
            .distinct()
            .order_by(resource.c.type)
        ).scalars()
        here = {type: _here(connection, ledger.target_id, type) for type in types}
        told = accounts(connection, ledger.target_id)
    counts = [
        TypeCount(type, count, _there(ledger, client, system, type) if type in countable else None)
        for type, count in here.items()
    ]
    return Reconciled(ledger.target, told, tuple(counts))


def _here(connection: Connection, target_id: int, type: str) -> int:
    is_delivered = and_(resource.c.target_id == target_id, resource.c.delivered_digest != GONE_DIGEST)
    return connection.execute(select(func.count()).where(is_delivered, resource.c.type == type)).scalar_one()


def _there(ledger: Ledger, client: FhirClient, system: str, type: str) -> int:
    count = last = 0
    while True:
        with ledger.begin() as connection:
            page = connection.execute(
                select(resource.c.id, resource.c.rid)
                .where(resource.c.target_id == ledger.target_id, resource.c.type == type, resource.c.id > last)
                .order_by(resource.c.id)
                .limit(LOOKED_UP)
            ).all()
        if not page:
            return count
        last = page[-1].id
        count += client.count(type, {"identifier": ",".join(f"{system}|{row.rid}" for row in page)})
