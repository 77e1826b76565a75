"""Delivery: what a target should have and does not have is sent to it.

The calling thread owns the ledger; a thread per connection asks the server. Before a request leaves, its rows are
committed as leased, in the commit that takes in the answers that have come meanwhile. So whatever happens, the ledger
knows what may have reached the server, and the next run reads it there before it sends it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import orjson
from sqlalchemy import Connection, insert, update

from fhir_msc.sync import outbox, renumbered, standings
from fhir_msc.sync.chain import Chain
from fhir_msc.sync.course import Clock, Course, DeliveryOptions, Ended, Random
from fhir_msc.sync.dispatch import Dispatch, Stop
from fhir_msc.sync.exchange import LOOKED_UP
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.planning import Unit, chains, plan_lane
from fhir_msc.sync.standing import waiting
from fhir_msc.sync.states import State
from fhir_msc.sync.tables import instant, run
from fhir_msc.target.client import FhirClient

STUDY = ""
"""The key of the study's own lane."""


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a run did (resources created, updated, adopted as found, deleted), how it ended, and what is left by state.

    ``sent`` counts the transactions, ``read`` the other requests. ``message`` says why it ended, unless it is done.
    ``moved`` names, by rid, what a plan has and was not sent, and why.
    """

    ended: Ended
    message: str | None
    created: int
    updated: int
    adopted: int
    sent: int
    read: int
    left: Mapping[State, int]
    moved: Mapping[str, str] = field(default_factory=dict)
    deleted: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether the run came to its end without a dead letter or a conflict."""
        return self.ended is Ended.DONE and not (self.left.get(State.DEAD) or self.left.get(State.CONFLICT))


def deliver(
    ledger: Ledger,
    client_factory: Callable[[], FhirClient],
    options: DeliveryOptions,
    *,
    clock: Clock,
    random: Random,
    stop: Stop,
) -> DeliveryReport:
    """Sends what is to be sent, until nothing is left that can be, the server is gone or too busy, or ``stop`` is set.

    Errors of the server do not raise: they end the run and stand in the report. A client is made per connection, when
    the first request is due. Raises SecretError when the credentials cannot be read, LedgerError when the ledger fails.
    """
    course = Course(ledger.target_id, ledger.target, options, clock, random)
    with ledger.begin() as connection:
        started = {"target_id": ledger.target_id, "started_at": instant(clock())}
        run_id: int = connection.execute(insert(run).values(started).returning(run.c.id)).scalar_one()
        outbox.take_over(connection, ledger.target_id)
        renumbered.send_again(connection, ledger.target_id, course.addressing, clock())
        course.take_up(connection)
        doubtful = outbox.doubtful(connection, ledger.target_id)
        pages = [doubtful[start : start + LOOKED_UP] for start in range(0, len(doubtful), LOOKED_UP)]
    with Dispatch(ledger, client_factory, course, stop) as dispatch:
        dispatch.run(lambda _: _looks(course, pages))
        _send_all(ledger, course, dispatch)
        counted = dispatch.counts
    with ledger.begin() as connection:
        report = DeliveryReport(
            ended=course.ended or (Ended.STOPPED if stop.is_set() else Ended.DONE),
            message=course.message,
            created=course.counts["created"],
            updated=course.counts["updated"],
            adopted=course.counts["adopted"],
            sent=counted["sent"],
            read=counted["read"],
            left=outbox.left(connection, ledger.target_id),
            moved=course.moved,
            deleted=course.counts["deleted"],
        )
        counts = {name: getattr(report, name) for name in ("created", "updated", "adopted", "deleted", "sent", "read")}
        connection.execute(
            update(run)
            .where(run.c.id == run_id)
            .values(ended_at=instant(clock()), ended=report.ended, counts=orjson.dumps(counts).decode())
        )
    return report


def not_begun(ledger: Ledger) -> DeliveryReport:
    """What a run reports that was stopped before it asked anything of the server."""
    with ledger.begin() as connection:
        return DeliveryReport(Ended.STOPPED, None, 0, 0, 0, 0, 0, outbox.left(connection, ledger.target_id))


def _looks(course: Course, pages: Iterable[Sequence[int]]) -> Iterator[Chain]:
    for ids in pages:
        yield Chain(course, (), ids)


def _send_all(ledger: Ledger, course: Course, dispatch: Dispatch) -> None:
    """The study's lane, then all others; again while that has let something through that waited."""
    arrived = -1
    while not dispatch.is_over and arrived != (arrived := _arrived(course)):
        with ledger.begin() as connection:
            options = course.options
            outbox.take_up(
                connection,
                ledger.target_id,
                course.clock(),
                options.undeliverable,
                options.unchangeable,
                options.unread,
            )
            new = outbox.new_by_type(connection, ledger.target_id)
        _first_contact(course, dispatch, {type: count for type, count in new.items() if type not in course.read})
        dispatch.run(lambda connection: _chains(connection, course, study=True))
        dispatch.run(lambda connection: _chains(connection, course, study=False))


def _first_contact(course: Course, dispatch: Dispatch, new: Mapping[str, int]) -> None:
    """Reads what the ledger does not know before it is written: a count of zero for a whole type, else each."""
    dispatch.find_empty([type for type, count in new.items() if count > 1 and course.options.can_count(type)])
    # What refers to others under an id that the server gave is known again only once they are.
    for type in [type for type in new if type not in course.read]:
        if dispatch.is_over:
            return
        dispatch.run(partial(_new, course, type))
        if not dispatch.is_over:
            course.read.add(type)


def _new(course: Course, type: str, connection: Connection) -> Iterator[Chain]:
    return _looks(course, outbox.new_ids(connection, course.target_id, type, LOOKED_UP))


def _arrived(course: Course) -> int:
    return sum(course.counts[event] for event in ("created", "updated", "adopted"))


def _chains(connection: Connection, course: Course, *, study: bool) -> Iterator[Chain]:
    lanes = [id for id, key in outbox.open_lanes(connection, course.target_id) if (key == STUDY) is study]
    for parcels in chains((_units(connection, course, id) for id in lanes), course.options.limits):
        yield Chain(course, parcels)


def _units(connection: Connection, course: Course, lane_id: int) -> Iterator[Unit]:
    """The units of a lane in their order, read page by page: a lane may hold more than memory should."""
    target_id, after = course.target_id, outbox.BEGINNING
    lacking = course.addressing.lacking
    while page := outbox.pending_of(connection, target_id, lane_id, after, course.options.page, lacking):
        needed = {rid for one in page for rid in one.needs}.difference(one.rid for one in page)
        places = outbox.places(connection, target_id, lane_id, sorted(needed))
        if any(place > page[-1].place for place in places.values()):
            # Something refers to what stands further on: the rest cannot be parted.
            page = outbox.pending_of(connection, target_id, lane_id, after, None, lacking)
        last, planned = page[-1].place, course.options.plan
        before = {rid for rid, place in places.items() if place <= after}
        if planned is not None:
            # What is not planned stays as it is; what refers to it waits.
            page, before = [one for one in page if one.rid in planned], before & planned.keys()
        plan = plan_lane(page, before)
        after = last
        if plan.blocked:
            rows = standings.standings(connection, [one.id for one in plan.blocked])
            standings.settle(
                connection,
                [(rows[one.id], waiting(rows[one.id], one.waiting_on)) for one in plan.blocked],
                course.clock(),
            )
        yield from plan.units
