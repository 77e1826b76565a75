"""Lineage, both ways: from a resource to its cells and its history, from a row or a participant to the resources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select
from sqlalchemy.sql.elements import ColumnElement

from fhir_msc.findings import Finding, Origin
from fhir_msc.sync.accounts import findings, origins
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.states import State
from fhir_msc.sync.tables import audit, lane, origin, reference, resource, staged


@dataclass(frozen=True, slots=True)
class Link:
    """A resource that another refers to, or that refers to it."""

    type: str
    rid: str


@dataclass(frozen=True, slots=True)
class Happened:
    """A row of the audit: when, what, on whose word, the version on the server, and why."""

    at: str
    event: str
    actor: str
    version: str
    reason: str


@dataclass(frozen=True, slots=True)
class Traced:
    """One resource: how it stands, the cells it comes from, what it refers to, what refers to it (the first hundred),
    and what happened to it on the server."""

    type: str
    rid: str
    state: State
    vanished: bool
    version: str | None
    cause: str | None
    reason: str | None
    origins: tuple[Origin, ...]
    refers_to: tuple[Link, ...]
    referred_by: tuple[Link, ...]
    referred_by_count: int
    history: tuple[Happened, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """The resources of one participant that one source table gave: their type, their state, their number."""

    table: str
    type: str
    state: State
    count: int


_LISTED = 100


def of_key(ledger: Ledger, rid: str) -> Traced | None:
    """A resource by its key; ``None`` where the ledger has none of it."""
    with ledger.begin() as connection:
        row = connection.execute(
            select(resource).where(resource.c.target_id == ledger.target_id, resource.c.rid == rid)
        ).one_or_none()
        if row is None:
            return None
        refers = select(reference.c.rid).where(reference.c.resource_id == row.id)
        by = select(reference.c.resource_id).where(reference.c.rid == rid)
        mine = resource.c.target_id == ledger.target_id
        return Traced(
            row.type,
            row.rid,
            State(row.state),
            row.vanished,
            row.server_version,
            row.cause,
            row.reason,
            origins(connection, row.id),
            _links(connection, mine, resource.c.rid.in_(refers)),
            _links(connection, mine, resource.c.id.in_(by)),
            connection.execute(select(func.count(resource.c.id)).where(mine, resource.c.id.in_(by))).scalar_one(),
            _history(connection, rid),
        )


def of_row(ledger: Ledger, table: str, place: str) -> tuple[list[Link], list[Finding]]:
    """The resources that a row went into, and what was found in it. ``place`` is the row's number, or its key where
    numbers are not given out."""
    number = int(place) if place.isdecimal() else None
    with ledger.begin() as connection:
        at = origin.c.row == number if number is not None else origin.c.key == place
        ids = select(origin.c.resource_id).where(origin.c.source == table, at)
        found = _links(connection, resource.c.target_id == ledger.target_id, resource.c.id.in_(ids))
        said = [
            one
            for one in findings(connection, ledger.target_id)
            if any(
                where.table == table and (where.row == number if number is not None else where.key == place)
                for where in one.origins
            )
        ]
    return list(found), said


def of_lane(ledger: Ledger, key: str) -> list[Line]:
    """What the ledger has of one participant (the key of the lane is that of the Patient), by table and type."""
    with ledger.begin() as connection:
        rows = connection.execute(
            select(resource.c.source, resource.c.type, resource.c.state, func.count())
            .join(lane, lane.c.id == resource.c.lane_id)
            .where(resource.c.target_id == ledger.target_id, lane.c.key == key)
            .group_by(resource.c.source, resource.c.type, resource.c.state)
            .order_by(resource.c.source, resource.c.type, resource.c.state)
        )
        return [Line(source, type, State(state), count) for source, type, state, count in rows]


def tables(ledger: Ledger) -> Sequence[str]:
    """The source tables that were staged: those too whose rows all went into resources of other tables."""
    with ledger.begin() as connection:
        found = select(staged.c.source).where(staged.c.target_id == ledger.target_id)
        return sorted(connection.execute(found).scalars())


def _links(connection: Connection, *conditions: ColumnElement[bool]) -> tuple[Link, ...]:
    found = (
        select(resource.c.type, resource.c.rid)
        .where(*conditions)
        .order_by(resource.c.type, resource.c.rid)
        .limit(_LISTED)
    )
    return tuple(Link(type, rid) for type, rid in connection.execute(found))


def _history(connection: Connection, rid: str) -> tuple[Happened, ...]:
    rows = connection.execute(
        select(audit.c.at, audit.c.event, audit.c.actor, audit.c.version, audit.c.reason)
        .where(audit.c.rid == rid)  # which tells the target too, whatever it was called
        .order_by(audit.c.id)
    )
    return tuple(Happened(*row) for row in rows)
