"""Which keys of a source table are still there: vanished, returned, and held as possible corrections.

A key that is gone from the source is flagged and reported, nothing more: what was delivered stays as it is, until a
person retires it. When a
corrected date or term changes the key of a row, the source shows a vanished key and a new one that differ in nothing
else; the new one is held, for sending it would double the row. A vanished key explains the new ones of one staging:
later ones are not held against it while those stand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    and_,
    bindparam,
    exists,
    false,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from fhir_msc.desired import Account
from fhir_msc.findings import Finding, Origin, Severity
from fhir_msc.sync import renaming
from fhir_msc.sync.accounts import origins
from fhir_msc.sync.standing import GONE_DIGEST
from fhir_msc.sync.states import IN_FLIGHT, State
from fhir_msc.sync.storage import insert_or_update, row_writer
from fhir_msc.sync.tables import UNFINISHED, instant, lane, resource
from fhir_msc.sync.upserts import Seen

POSSIBLE_CORRECTION = "MSC-SYNC-001"
VANISHED = "MSC-SYNC-003"

_seen = Table("seen", MetaData(), Column("resource_id", Integer, primary_key=True), prefixes=["TEMPORARY"])

_twin = resource.alias("twin")
_gone = resource.alias("gone")
_held = resource.alias("held")

_UNDELIVERED = and_(
    resource.c.delivered_digest.is_(None),
    resource.c.state.in_([State.PENDING, State.RETRY, State.WAITING, State.DEAD, State.SKIPPED]),
)


MAY_BE_THERE = or_(
    # Null, as of what was never delivered, is not unequal to anything.
    resource.c.delivered_digest != GONE_DIGEST,
    resource.c.state.in_(IN_FLIGHT),
)
"""What the server has, or may have. What never reached it, or was deleted there on a person's word, leaves nothing
behind when it vanishes."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Keys that vanished and returned with this staging, and keys that are held after it. Of the vanished ones those
    count that the server has, or may have."""

    vanished: int
    returned: int
    held: int


@contextmanager
def collected(connection: Connection) -> Iterator[Seen]:
    """A temporary table for the ids of what is desired, inside the caller's transaction."""
    _seen.create(connection)
    add = row_writer(connection, insert_or_update(connection, _seen, ("resource_id",), ()), ("resource_id",))

    def take(ids: Sequence[int]) -> None:
        add([(id,) for id in ids])

    yield take
    _seen.drop(connection)


def compare(
    connection: Connection,
    target_id: int,
    source: str,
    now: datetime,
    absent: Sequence[str] = (),
    *,
    is_new: bool = False,
) -> Moved:
    """Flags what vanished and what returned, holds and releases possible corrections.

    ``absent`` are the tables that the ledger has resources of and the source does not give, or gives without a row that
    can be read; ``is_new``: this one, it had none of.
    """
    of_table = and_(resource.c.target_id == target_id, resource.c.source == source)
    in_source = resource.c.id.in_(select(_seen.c.resource_id))
    at = instant(now)
    returned = connection.execute(
        update(resource).where(of_table, resource.c.vanished == true(), in_source).values(vanished=False)
    ).rowcount
    vanishing = and_(of_table, resource.c.vanished == false(), resource.c.retired_at.is_(None), ~in_source)
    vanished = connection.execute(select(func.count()).where(vanishing, MAY_BE_THERE)).scalar_one()
    connection.execute(update(resource).where(vanishing).values(vanished=True))
    # What the server holds in place of something that was never ours is nothing to us once its row is gone.
    foreign = (resource.c.state == State.CONFLICT, resource.c.delivered_digest.is_(None), resource.c.vanished == true())
    connection.execute(update(resource).where(of_table, UNFINISHED, *foreign).values(state=State.PENDING, reason=None))
    is_held = and_(of_table, UNFINISHED, resource.c.state == State.HELD)
    if _is_any(connection, is_held):
        _release(connection, target_id, source, absent, at)
    if _is_any(connection, and_(of_table, resource.c.vanished == true())):
        _hold(connection, target_id, source, at)
    if absent and (is_new or renaming.is_asking(connection, target_id, source, absent)):
        renaming.hold(connection, target_id, source, absent, POSSIBLE_CORRECTION, at)
    held = connection.execute(select(func.count()).where(is_held, resource.c.vanished == false())).scalar_one()
    return Moved(vanished, returned, held)


def _is_any(connection: Connection, condition: ColumnElement[bool]) -> bool:
    return connection.execute(select(resource.c.id).where(condition).limit(1)).first() is not None


def _release(connection: Connection, target_id: int, source: str, absent: Sequence[str], at: str) -> None:
    """What is held against a key that returned, or whose table did, is no correction of it."""
    connection.execute(
        update(resource)
        .where(
            resource.c.target_id == target_id,
            resource.c.source == source,
            resource.c.state == State.HELD,
            exists(
                select(1).where(
                    _twin.c.id == resource.c.twin_id, _twin.c.vanished == false(), _twin.c.source.not_in(absent)
                )
            ),
        )
        .values(state=State.PENDING, twin_id=None, reason=None, changed_at=at)
    )


def _hold(connection: Connection, target_id: int, source: str, at: str) -> None:
    """Holds undelivered keys that differ from a vanished, delivered one in nothing but what a site may correct."""
    alike = (
        select(resource.c.id, func.min(_gone.c.id).label("twin_id"))
        .join(_gone, and_(_gone.c.loose == resource.c.loose, _gone.c.lane_id == resource.c.lane_id))
        .where(
            resource.c.target_id == target_id,
            resource.c.source == source,
            resource.c.vanished == false(),
            resource.c.twin_id.is_(None),
            _UNDELIVERED,
            _gone.c.target_id == target_id,
            _gone.c.source == source,
            _gone.c.vanished == true(),
            _gone.c.retired_at.is_(None),
            or_(_gone.c.delivered_digest.is_not(None), _gone.c.state.in_(IN_FLIGHT)),
            ~exists(
                select(1).where(
                    _held.c.target_id == target_id,
                    _held.c.source == source,
                    _held.c.twin_id == _gone.c.id,
                    _held.c.state == State.HELD,
                    _held.c.vanished == false(),
                )
            ),
        )
        .group_by(resource.c.id)
    )
    pairs = [{"b_id": id, "b_twin": twin_id} for id, twin_id in connection.execute(alike)]
    if pairs:
        connection.execute(
            update(resource)
            .where(resource.c.id == bindparam("b_id"))
            .values(state=State.HELD, reason=POSSIBLE_CORRECTION, changed_at=at, twin_id=bindparam("b_twin")),
            pairs,
        )


def findings(connection: Connection, target_id: int, source: str, file: str) -> list[Finding]:
    """What is held as a possible correction, each with its cells and the key it may correct; how many vanished."""
    held = connection.execute(
        select(
            resource.c.id,
            resource.c.rid,
            _twin.c.rid.label("twin"),
            _twin.c.source.label("twin_source"),
            lane.c.key.label("lane"),
        )
        .join(_twin, _twin.c.id == resource.c.twin_id)
        .join(lane, lane.c.id == resource.c.lane_id)
        .where(
            resource.c.target_id == target_id,
            resource.c.source == source,
            resource.c.state == State.HELD,
            resource.c.vanished == false(),
        )
        .order_by(resource.c.rid)
    ).all()
    found = [
        Finding(
            POSSIBLE_CORRECTION,
            Severity.WARNING,
            "possible correction: "
            + (
                f"it differs from {row.twin}, which has vanished, in a date or term only"
                if row.twin_source == source
                else f"it may be {row.twin} of table {row.twin_source}, which is not given any more"
            ),
            origins=origins(connection, row.id),
            key=row.rid,
            hint="not sent, so that nothing is doubled; "
            + (
                "a person decides whether the earlier one is to be replaced"
                if row.twin_source == source
                else "give the table its earlier name, or settle each: fhir-msc corrections"
            ),
            patient=row.lane or None,
        )
        for row in held
    ]
    gone = connection.execute(
        select(func.count())
        .select_from(resource)
        .where(
            resource.c.target_id == target_id,
            resource.c.source == source,
            resource.c.vanished == true(),
            MAY_BE_THERE,
        )
    ).scalar_one()
    if gone:
        found.append(
            Finding(
                VANISHED,
                Severity.WARNING,
                f"resources of table {source} that the source does not give any more: nothing is retired or deleted",
                origins=(Origin(file, source),),
                hint="their rows are gone, rejected or held; if the export was cut short, give it whole again",
                count=gone,
            )
        )
    return found


def without_held(account: Account, held: int) -> Account:
    """The account with the rows of ``held`` resources counted as held, not as delivered."""
    outcomes = Counter(account.outcomes)
    left = held
    for outcome, reason in sorted(outcomes):
        if outcome == "delivered" and left:
            taken = min(left, outcomes[outcome, reason])
            outcomes[outcome, reason] -= taken
            outcomes["held", POSSIBLE_CORRECTION] += taken
            left -= taken
    return Account(account.table, account.file, account.rows, +outcomes)
