"""Do the numbers agree? The rows of each table and what became of them; the resources here and on the server."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import and_, func, select

from fhir_msc.desired import Account
from fhir_msc.sync.accounts import accounts
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.standing import GONE_DIGEST
from fhir_msc.sync.tables import resource
from fhir_msc.target.client import FhirClient


@dataclass(frozen=True, slots=True)
class TypeCount:
    """The resources of one type that the ledger has as delivered, and those on the server under our identifiers;
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
    by identifier. Raises TargetError."""
    with ledger.begin() as connection:
        found = connection.execute(
            select(resource.c.type, func.count())
            # What was never delivered has no digest, which is not unequal to one.
            .where(and_(resource.c.target_id == ledger.target_id, resource.c.delivered_digest != GONE_DIGEST))
            .group_by(resource.c.type)
            .order_by(resource.c.type)
        ).all()
        told = accounts(connection, ledger.target_id)
    counts = [
        TypeCount(type, here, client.count(type, {"identifier": f"{system}|"}) if type in countable else None)
        for type, here in found
    ]
    return Reconciled(ledger.target, told, tuple(counts))
