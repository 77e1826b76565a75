"""Taking batches of desired resources into the ledger.

Per batch: one look at what is known, then one statement for each kind of row. Ids are given out here, not by the
database, so that rows that belong together go in without asking back; the transaction that does so is the only writer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, TypeAlias

import orjson
from sqlalchemy import Connection, Row, Table, bindparam, delete, func, insert, select, update

from fhir_msc.desired import Desired
from fhir_msc.sync.corrections import Returned, continued, continuing, given_elsewhere
from fhir_msc.sync.states import State, after_staging
from fhir_msc.sync.storage import row_writer
from fhir_msc.sync.tables import body, instant, lane, origin, reference, resource

LOOKED_UP = 500
"""Resources looked up by one statement."""

Known: TypeAlias = "Row[Any, *tuple[Any, ...]]"
Values: TypeAlias = "dict[str, object]"
Seen: TypeAlias = Callable[[Sequence[int]], None]
"""Takes the ids of resources that are desired."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Resources that are new, changed, the same; of the changed, those whose earlier version had not been sent."""

    new: int = 0
    changed: int = 0
    same: int = 0
    superseded: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.new + other.new,
            self.changed + other.changed,
            self.same + other.same,
            self.superseded + other.superseded,
        )

    @property
    def total(self) -> int:
        """All that came."""
        return self.new + self.changed + self.same


_BODY = ("id", "content")
_RESOURCE = (
    "id", "target_id", "lane_id", "rank", "type", "rid", "source", "loose", "places", "state", "changed_at",
    "desired_digest", "desired_body", "cause",
)  # fmt: skip
_ORIGIN = ("resource_id", "file", "source", "row", "fields", "key")
_REFERENCE = ("resource_id", "rid")

_INSERT_BODY, _INSERT_RESOURCE, _INSERT_ORIGIN, _INSERT_REFERENCE = map(insert, (body, resource, origin, reference))

# What the ledger knows of these resources.
_KNOWN = select(
    resource.c.id,
    resource.c.rid,
    resource.c.state,
    resource.c.places,
    resource.c.reason,
    resource.c.desired_digest,
    resource.c.desired_body,
    resource.c.sent_digest,
    resource.c.sent_body,
    resource.c.delivered_digest,
    resource.c.delivered_body,
).where(resource.c.target_id == bindparam("target"), resource.c.rid.in_(bindparam("rids", expanding=True)))

# A known resource is desired otherwise than before: a new try, without what was held against the earlier body.
_CHANGE = (
    update(resource)
    .where(resource.c.id == bindparam("b_id"))
    .values(
        {
            name: bindparam(name)
            for name in (
                "lane_id", "rank", "type", "source", "loose", "places", "state", "changed_at",
                "desired_digest", "desired_body", "attempts", "due_at", "reason", "cause", "retired_at",
            )
        }
    )
)  # fmt: skip

# The body is the same, but its cells stand elsewhere now.
_MOVE = (
    update(resource)
    .where(resource.c.id == bindparam("b_id"))
    .values(source=bindparam("source"), places=bindparam("places"))
)

_LANES = select(lane.c.key, lane.c.id).where(
    lane.c.target_id == bindparam("target"), lane.c.key.in_(bindparam("keys", expanding=True))
)

_FORGET_ORIGINS = delete(origin).where(origin.c.resource_id == bindparam("b_id"))
_FORGET_REFERENCES = delete(reference).where(reference.c.resource_id == bindparam("b_id"))
_FORGET_BODY = delete(body).where(body.c.id == bindparam("b_id"))


class Upsert:
    """Takes batches of one source table into the ledger, inside one transaction."""

    def __init__(
        self, connection: Connection, target_id: int, source: str, cause: str, now: datetime, absent: Collection[str]
    ) -> None:
        self._connection = connection
        self._target_id = target_id
        self._source = source
        self._cause = cause
        self._absent = absent
        self._now = instant(now)
        self._lanes: dict[str, int] = {}
        self._continuing = continuing(connection, target_id)
        self._earlier = frozenset(self._continuing.values())
        self._went_on: dict[str, str] = {}
        """The key that goes on, by the id that it goes on under."""
        self._stayed: set[str] = set()
        self._next_resource = _next_id(connection, resource)
        self._next_body = _next_id(connection, body)
        self._insert_bodies = row_writer(connection, _INSERT_BODY, _BODY)
        self._insert_resources = row_writer(connection, _INSERT_RESOURCE, _RESOURCE)
        self._insert_origins = row_writer(connection, _INSERT_ORIGIN, _ORIGIN)
        self._insert_references = row_writer(connection, _INSERT_REFERENCE, _REFERENCE)

    def __call__(self, batch: Sequence[Desired], seen: Seen) -> Counts:
        """Takes a batch in and tells ``seen`` the ids. Of two with one rid the later counts. Raises Returned."""
        counts = Counts()
        if self._continuing:
            batch = self._gone_on(batch)
        for start in range(0, len(batch), LOOKED_UP):
            latest = {one.rid: one for one in batch[start : start + LOOKED_UP]}
            counts += self._chunk(list(latest.values()), seen)
        return counts

    def _gone_on(self, batch: Sequence[Desired]) -> list[Desired]:
        """The batch under the ids that corrected keys go on under. Raises Returned."""
        both: set[str] = set()
        for one in batch:
            if one.rid in self._continuing:
                first = self._continuing[one.rid]
                if self._went_on.setdefault(first, one.rid) != one.rid:
                    both.add(first)
            elif one.rid in self._earlier:
                self._stayed.add(one.rid)
        both |= self._went_on.keys() & self._stayed
        given = {self._continuing.get(one.rid, one.rid) for one in batch} & self._earlier
        both |= given_elsewhere(self._connection, self._target_id, given, self._source, self._absent)
        if both:
            raise Returned(frozenset(both))
        return [continued(one, self._continuing) for one in batch]

    def _chunk(self, chunk: list[Desired], seen: Seen) -> Counts:
        found = {
            row.rid: row
            for row in self._connection.execute(_KNOWN, {"target": self._target_id, "rids": [one.rid for one in chunk]})
        }
        new: list[Desired] = []
        changed: list[tuple[Known, Desired]] = []
        moved: list[tuple[int, Desired]] = []
        for one in chunk:
            known = found.get(one.rid)
            if known is None:
                new.append(one)
            elif known.desired_digest != one.digest:
                changed.append((known, one))
            elif known.places != places_of(one):
                moved.append((known.id, one))
        self._enter_lanes({one.lane for one in chunk})
        inserted = self._insert(new)
        self._change(changed)
        self._move(moved)
        seen([*(row.id for row in found.values()), *inserted])
        superseded = sum(known.desired_digest != known.delivered_digest for known, _ in changed)
        return Counts(len(new), len(changed), len(found) - len(changed), superseded)

    def _insert(self, new: Sequence[Desired]) -> range:
        if not new:
            return range(0)
        ids = range(self._next_resource, self._next_resource + len(new))
        bodies = range(self._next_body, self._next_body + len(new))
        self._next_resource, self._next_body = ids.stop, bodies.stop
        pairs = list(zip(ids, new, strict=True))
        self._insert_bodies([(id, one.body) for id, one in zip(bodies, new, strict=True)])
        self._insert_resources(
            [
                (
                    id, self._target_id, self._lanes[one.lane], one.rank, one.type, one.rid, self._source, one.loose,
                    places_of(one), State.PENDING.value, self._now, one.digest, body_id, self._cause,
                )
                for (id, one), body_id in zip(pairs, bodies, strict=True)
            ]
        )  # fmt: skip
        self._add_origins(pairs)
        self._add_references(pairs)
        return ids

    def _change(self, changed: Sequence[tuple[Known, Desired]]) -> None:
        if not changed:
            return
        bodies: list[tuple[int, bytes]] = []
        updates: list[Values] = []
        unused: list[Values] = []
        for known, one in changed:
            # A body that is already kept, because it was delivered or is in flight, is not kept twice.
            if one.digest == known.delivered_digest:
                body_id = known.delivered_body
            elif one.digest == known.sent_digest:
                body_id = known.sent_body
            else:
                body_id, self._next_body = self._next_body, self._next_body + 1
                bodies.append((body_id, one.body))
            if known.desired_body not in (known.sent_body, known.delivered_body):
                unused.append({"b_id": known.desired_body})
            before = State(known.state)
            state = after_staging(before, changed=True, delivered=one.digest == known.delivered_digest)
            updates.append(
                {
                    "b_id": known.id,
                    "lane_id": self._lanes[one.lane],
                    "rank": one.rank,
                    "type": one.type,
                    "source": self._source,
                    "loose": one.loose,
                    "places": places_of(one),
                    "state": state.value,
                    "changed_at": self._now,
                    "desired_digest": one.digest,
                    "desired_body": body_id,
                    "attempts": 0,
                    "due_at": None,
                    "reason": known.reason if state is before else None,
                    "cause": self._cause,
                    "retired_at": None,
                }
            )
        self._insert_bodies(bodies)
        self._connection.execute(_CHANGE, updates)
        if unused:
            self._connection.execute(_FORGET_BODY, unused)
        pairs = [(known.id, one) for known, one in changed]
        self._replace_origins(pairs)
        self._connection.execute(_FORGET_REFERENCES, [{"b_id": id} for id, _ in pairs])
        self._add_references(pairs)

    def _move(self, moved: Sequence[tuple[int, Desired]]) -> None:
        if moved:
            self._connection.execute(
                _MOVE, [{"b_id": id, "source": self._source, "places": places_of(one)} for id, one in moved]
            )
            self._replace_origins(moved)

    def _replace_origins(self, pairs: Sequence[tuple[int, Desired]]) -> None:
        self._connection.execute(_FORGET_ORIGINS, [{"b_id": id} for id, _ in pairs])
        self._add_origins(pairs)

    def _add_origins(self, pairs: Sequence[tuple[int, Desired]]) -> None:
        rows = [
            (id, place.file, place.table, place.row, orjson.dumps(place.fields).decode(), place.key)
            for id, one in pairs
            for place in one.origins
        ]
        self._insert_origins(rows)

    def _add_references(self, pairs: Sequence[tuple[int, Desired]]) -> None:
        rows = [(id, rid) for id, one in pairs for rid in one.refs]
        self._insert_references(rows)

    def _enter_lanes(self, keys: set[str]) -> None:
        """Learns the ids of lanes, and enters those that are new."""
        unknown = sorted(keys - self._lanes.keys())
        if not unknown:
            return
        found = {"target": self._target_id, "keys": unknown}
        self._lanes.update(self._connection.execute(_LANES, found).all())
        new = [key for key in unknown if key not in self._lanes]
        if new:
            self._connection.execute(insert(lane), [{"target_id": self._target_id, "key": key} for key in new])
            self._lanes.update(self._connection.execute(_LANES, found).all())


def places_of(one: Desired) -> bytes:
    """A digest of where a resource comes from."""
    return blake2b(orjson.dumps((one.table, one.origins)), digest_size=12).digest()


def _next_id(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one()) + 1
