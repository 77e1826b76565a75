"""A table under another name. Its name stands in the key of each of its rows, so all of them get new ids.

What comes from a table that the ledger has never seen, while another one is missing from which the same participant has
resources of the same type, may be those again. It is held like a possible correction, for sending it would double them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import Connection, and_, bindparam, case, false, or_, select, update

from fhir_msc.sync.standing import GONE_DIGEST
from fhir_msc.sync.states import IN_FLIGHT, State
from fhir_msc.sync.tables import body, resource

_RID = re.compile(rb"\b[a-z][0-9a-f]{40}\b")

_HOLD = (
    update(resource)
    .where(resource.c.id == bindparam("b_id"))
    .values(state=State.HELD, reason=bindparam("b_reason"), changed_at=bindparam("b_at"), twin_id=bindparam("b_twin"))
)


class _Row(NamedTuple):
    """A resource of the new table or of a missing one; ``content`` is its body without ids."""

    id: int
    type: str
    is_new: bool
    content: bytes


def hold(connection: Connection, target_id: int, source: str, missing: Sequence[str], reason: str, at: str) -> None:
    """Holds what a new table gives against what came from missing ones: against its like where there is one."""
    for lane in _lanes(connection, target_id, source, missing):
        if pairs := list(_pairs(lane)):
            connection.execute(
                _HOLD, [{"b_id": id, "b_twin": twin, "b_reason": reason, "b_at": at} for id, twin in pairs]
            )


def _lanes(connection: Connection, target_id: int, source: str, missing: Sequence[str]) -> Iterator[list[_Row]]:
    """What came from these tables, lane by lane: the bodies of one participant are in memory at once."""
    is_new = resource.c.source == source
    may_be_there = or_(resource.c.delivered_digest != GONE_DIGEST, resource.c.state.in_(IN_FLIGHT))
    rows = connection.execute(
        select(resource.c.id, resource.c.type, resource.c.lane_id, case((is_new, 1), else_=0), body.c.content)
        .join(body, body.c.id == resource.c.desired_body)
        .where(
            resource.c.target_id == target_id,
            or_(
                and_(is_new, resource.c.delivered_digest.is_(None), resource.c.state == State.PENDING),
                and_(resource.c.source.in_(missing), resource.c.retired_at.is_(None), may_be_there),
            ),
            resource.c.vanished == false(),
        )
        .order_by(resource.c.lane_id, resource.c.type, resource.c.rid)
    )
    for _, lane in groupby(rows, key=lambda row: row.lane_id):
        yield [_Row(id, type, bool(new), _RID.sub(b"", content)) for id, type, _, new, content in lane]


def _pairs(lane: Sequence[_Row]) -> Iterator[tuple[int, int]]:
    """Each new resource with one of its type of a missing table: the same but for the ids, else one that is left."""
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
