"""How a target stands, as the ledger has it: for ``fhir-msc status`` and the pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, false, func, or_, select, true
from sqlalchemy.sql.elements import ColumnElement

from fhir_msc.desired import Account
from fhir_msc.findings import Finding, Origin
from fhir_msc.sync.accounts import accounts, findings, origins
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.presence import MAY_BE_THERE
from fhir_msc.sync.states import State
from fhir_msc.sync.tables import resource, run

LISTED = 100
"""How many of each kind are named; all are counted."""


@dataclass(frozen=True, slots=True)
class Item:
    """One resource that needs a person, with its cells; ``about`` is the vanished twin or what it waits for."""

    type: str
    rid: str
    state: State
    reason: str | None
    about: str | None
    since: str
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """The first of a kind, by key, and how many there are."""

    total: int
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class LastRun:
    """The last delivery run: when, and how it ended; ``ended`` is ``None`` for one that was cut off or still runs."""

    started_at: str
    ended_at: str | None
    ended: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """One target. Instants are UTC text.

    ``states`` counts resources by type and state, vanished ones included; ``tables`` by source table and state.
    ``is_elsewhere``: the config names another url than the one that was delivered to.
    """

    target: str
    states: Mapping[str, Mapping[State, int]]
    tables: Mapping[str, Mapping[State, int]]
    accounts: tuple[Account, ...]
    findings: tuple[Finding, ...]
    oldest_pending: str | None
    dead: Listing
    conflicts: Listing
    held: Listing
    waiting: Listing
    skipped: Listing
    vanished: Listing
    last_run: LastRun | None
    is_elsewhere: bool = False

    def count(self, state: State) -> int:
        """The resources in a state, of all types."""
        return sum(states.get(state, 0) for states in self.states.values())


def status(ledger: Ledger, *, listed: int = LISTED) -> Status:
    """How the ledger's target stands. Reads only; ``Ledger.look`` gives a ledger beside a running worker."""
    with ledger.begin() as connection:
        mine = resource.c.target_id == ledger.target_id

        def listing(*conditions: ColumnElement[bool]) -> Listing:
            return _listing(connection, (mine, *conditions), listed)

        def in_state(state: State) -> Listing:
            return listing(resource.c.state == state, resource.c.vanished == false())

        oldest = connection.execute(
            select(func.min(resource.c.changed_at)).where(
                mine,
                resource.c.vanished == false(),
                or_(resource.c.state == State.PENDING, resource.c.state == State.RETRY),
            )
        ).scalar()
        return Status(
            target=ledger.target,
            states=_counts(connection, ledger.target_id, resource.c.type),
            tables=_counts(connection, ledger.target_id, resource.c.source),
            accounts=accounts(connection, ledger.target_id),
            findings=tuple(findings(connection, ledger.target_id)),
            oldest_pending=oldest,
            dead=in_state(State.DEAD),
            conflicts=listing(resource.c.state == State.CONFLICT),  # it stays one when its row vanishes
            held=in_state(State.HELD),
            waiting=in_state(State.WAITING),
            skipped=in_state(State.SKIPPED),
            vanished=listing(resource.c.vanished == true(), MAY_BE_THERE),
            last_run=_last_run(connection, ledger.target_id),
        )


def _counts(connection: Connection, target_id: int, by: ColumnElement[str]) -> dict[str, dict[State, int]]:
    found: dict[str, dict[State, int]] = {}
    for name, state, count in connection.execute(
        select(by, resource.c.state, func.count())
        .where(resource.c.target_id == target_id)
        .group_by(by, resource.c.state)
        .order_by(by, resource.c.state)
    ):
        found.setdefault(name, {})[State(state)] = count
    return found


def _listing(connection: Connection, conditions: tuple[ColumnElement[bool], ...], listed: int) -> Listing:
    twin = resource.alias("twin")
    total = connection.execute(select(func.count()).select_from(resource).where(*conditions)).scalar_one()
    if not total:
        return Listing(0, ())
    rows = connection.execute(
        select(resource, twin.c.rid.label("twin_rid"))
        .outerjoin(twin, twin.c.id == resource.c.twin_id)
        .where(*conditions)
        .order_by(resource.c.type, resource.c.rid)
        .limit(listed)
    ).all()
    return Listing(
        total,
        tuple(
            Item(
                row.type,
                row.rid,
                State(row.state),
                row.reason,
                row.twin_rid or row.waiting_on,
                row.changed_at,
                origins(connection, row.id),
            )
            for row in rows
        ),
    )


def _last_run(connection: Connection, target_id: int) -> LastRun | None:
    row = connection.execute(
        select(run.c.started_at, run.c.ended_at, run.c.ended)
        .where(run.c.target_id == target_id)
        .order_by(run.c.id.desc())
        .limit(1)
    ).one_or_none()
    return LastRun(*row) if row else None
