"""A table under another name. Its name stands in the key of each of its rows, so all of them get new ids.

What comes from a table that the ledger has never seen, while another one is missing, empty or damaged from which the
same participant has resources of the same type, may be those again. It is held like a possible correction, for sending
it would double them; so is what the new table gives later on, while the other is not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import Connection, Select, and_, bindparam, case, false, or_, select, update

from fhir_msc.sync.standing import GONE_DIGEST
from fhir_msc.sync.states import IN_FLIGHT, State
from fhir_msc.sync.tables import UNFINISHED, body, resource

_RID = re.compile(rb"\b[a-z][0-9a-f]{40}\b")

_twin = resource.alias("twin")
_held = resource.alias("held")
_HELD = and_(UNFINISHED, resource.c.state == State.HELD)
_UNASKED = (resource.c.state == State.PENDING, resource.c.twin_id.is_(None))

_HOLD = (
    update(resource)
    .where(resource.c.id == bindparam("b_id"))
    .values(state=State.HELD, reason=bindparam("b_reason"), changed_at=bindparam("b_at"), twin_id=bindparam("b_twin"))
)


class _Row(NamedTuple):
    """A resource of the new table or of an absent one; ``content`` is its body without ids."""

    id: int
    type: str
    is_new: bool
    content: bytes


def holding(connection: Connection, target_id: int) -> set[str]:
    """The tables of which something is held."""
    held = select(resource.c.source).where(_HELD, resource.c.target_id == target_id)
    return set(connection.execute(held.distinct()).scalars())


def is_answered(connection: Connection, target_id: int, source: str, absent: Sequence[str]) -> bool:
    """Whether a table holds something against what another one gives after all."""
    back = _against_others(target_id, source).where(
        _HELD, resource.c.vanished == false(), _twin.c.vanished == false(), _twin.c.source.not_in(absent)
    )
    return connection.execute(back.limit(1)).first() is not None


def is_asking(connection: Connection, target_id: int, source: str, absent: Sequence[str]) -> bool:
    """Whether anything of a table was ever held against what came from these."""
    asked = _against_others(target_id, source).where(_twin.c.source.in_(absent))
    return connection.execute(asked.limit(1)).first() is not None


def _against_others(target_id: int, source: str) -> Select[tuple[int]]:
    mine = (resource.c.target_id == target_id, resource.c.source == source, _twin.c.source != source)
    return select(resource.c.id).join(_twin, _twin.c.id == resource.c.twin_id).where(*mine)


def hold(connection: Connection, target_id: int, source: str, absent: Sequence[str], reason: str, at: str) -> None:
    """Holds what a new table gives against what came from absent ones: against its like where there is one."""
    for lane in _lanes(connection, target_id, source, absent):
        if pairs := list(_pairs(lane)):
            connection.execute(
                _HOLD, [{"b_id": id, "b_twin": twin, "b_reason": reason, "b_at": at} for id, twin in pairs]
            )


def _lanes(connection: Connection, target_id: int, source: str, absent: Sequence[str]) -> Iterator[list[_Row]]:
    """What came from these tables, lane by lane: the bodies of one participant are in memory at once."""
    is_new = resource.c.source == source
    may_be_there = or_(resource.c.delivered_digest != GONE_DIGEST, resource.c.state.in_(IN_FLIGHT))
    is_left = resource.c.id.not_in(
        select(_held.c.twin_id).where(_held.c.source == source, _held.c.twin_id.is_not(None))
    )
    rows = connection.execute(
        select(resource.c.id, resource.c.type, resource.c.lane_id, case((is_new, 1), else_=0), body.c.content)
        .join(body, body.c.id == resource.c.desired_body)
        .where(
            resource.c.target_id == target_id,
            or_(
                and_(is_new, resource.c.delivered_digest.is_(None), *_UNASKED),
                and_(
                    resource.c.source.in_(absent),
                    resource.c.retired_at.is_(None),
                    may_be_there,
                    is_left,
                ),
            ),
            resource.c.vanished == false(),
        )
        .order_by(resource.c.lane_id, resource.c.type, resource.c.rid)
    )
    for _, lane in groupby(rows, key=lambda row: row.lane_id):
        yield [_Row(id, type, bool(new), _RID.sub(b"", content)) for id, type, _, new, content in lane]


def _pairs(lane: Sequence[_Row]) -> Iterator[tuple[int, int]]:
    """Each new resource with one of its type of an absent table: the same but for the ids, else one that is left."""
    for _, of_type in groupby(lane, key=lambda row: row.type):
        rows = list(of_type)
        left = {row.id: row for row in rows if not row.is_new}
        last = max(left, default=None)
        if last is None:
            continue
        unpaired: list[_Row] = []
        by_content: dict[bytes, list[int]] = {}
        for row in left.values():
            by_content.setdefault(row.content, []).append(row.id)
        for row in (row for row in rows if row.is_new):
            if like := by_content.get(row.content):
                twin = like.pop(0)
                del left[twin]
                yield row.id, twin
            else:
                unpaired.append(row)
        others = iter(left)
        for row in unpaired:
            yield row.id, next(others, last)
