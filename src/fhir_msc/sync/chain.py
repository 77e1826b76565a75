"""One chain of parcels on its way: what is asked of the server next, and what an answer means for the ledger.

A chain belongs to the thread that owns the ledger. ``next_job`` works inside the caller's transaction and says what is
to be asked; once that is answered, ``answered``, ``seen`` or ``failed`` writes what became of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import islice

from sqlalchemy import Connection

from fhir_msc.errors import TargetError, TargetRefused, TargetUnreachable
from fhir_msc.sync import addresses, standings
from fhir_msc.sync.answers import BUSY, after_answer, decision_of, event_of, is_settled, reason_of, status_of
from fhir_msc.sync.course import Course, Ended
from fhir_msc.sync.exchange import Found, Outgoing, entry_of, server_ids
from fhir_msc.sync.jobs import Job, Look, Send, Try
from fhir_msc.sync.planning import Parcel, Pending, cut, halves, set_apart
from fhir_msc.sync.standing import (
    Standing,
    heard,
    leased,
    returned,
    unknown,
    waiting,
)
from fhir_msc.sync.states import State
from fhir_msc.target.bundle import EntryResponse
from fhir_msc.target.outcome import entry_index
from fhir_msc.target.retry import SERVER_ERRORS, Action, Decision, asked_of, backoff, classify


class Chain:
    """Parcels that go one after the other; ``looks`` are ids to be read first. See ``planning``."""

    def __init__(self, course: Course, parcels: Iterable[Parcel], looks: Iterable[int] = ()) -> None:
        self._course = course
        self._parcels = iter(parcels)
        self._tries: deque[Try] = deque()
        if to_look := set(looks):
            self._tries.append(Try((), to_look))
        self._lost: set[str] = set()
        self.not_before = course.clock()

    def next_job(self, connection: Connection) -> Job | None:
        """What is to be asked next; ``None`` when the chain is done. What is sent is leased by then."""
        while self._tries or self._read_on():
            job = self._look(connection) or self._send(connection)
            if job is not None:
                return job
            self._tries.popleft()
        return None

    def _read_on(self) -> bool:
        """Takes up the next parcel, if there is one."""
        self._tries.extend(Try(parcel) for parcel in islice(self._parcels, 1))
        return bool(self._tries)

    def answered(self, connection: Connection, job: Send, responses: Sequence[EntryResponse]) -> None:
        """The server did it all; or some of it, where it does not do all or nothing; or contradicts itself."""
        rows = self._in_flight(connection, job)
        heard = [
            (one, rows[one.id], response)
            for one, response in zip(job.outgoing, responses, strict=True)
            if one.id in rows
        ]
        is_whole = self._course.options.bundle == "transaction"
        if is_whole and not all(response.ok for response in responses):
            self._settle(connection, [(row, unknown(row)) for row in rows.values()])
            self._tries[0].to_look.update(rows)
            return
        self._settle(connection, [(row, after_answer(one, row, response)) for one, row, response in heard])
        if all(response.ok for response in responses):
            self._course.succeeded(connection)
        left = {one.id: (one, response) for one, _, response in heard if not is_settled(one, response)}
        self._go_on(connection, left)

    def _go_on(self, connection: Connection, left: Mapping[int, tuple[Outgoing, EntryResponse]]) -> None:
        """What of a parcel was not done goes on alone, unit by unit: what one is refused for stops no other."""
        whole = self._tries.popleft()
        tries = []
        for unit in whole.parcel:
            answers = [left[one.id] for one in unit if one.id in left]
            if not answers:
                continue
            attempt = Try((unit,), set(), set(whole.clear), whole.rereads, whole.failures)
            for one, response in answers:
                action = (
                    Action.VERIFY if response.ok else decision_of(one, response, attempt.tried(response.status)).action
                )
                if action in (Action.VERIFY, Action.REREAD):
                    attempt.to_look.add(one.id)
                    attempt.rereads += action is Action.REREAD
                elif response.status in BUSY:
                    self._course.back_off(connection, None, f"the server answered {response.status}")
                elif response.status >= 500:
                    attempt.failures += 1
            tries.append(attempt)
        self._tries.extendleft(reversed(tries))

    def seen(self, connection: Connection, found: Mapping[int, Found]) -> None:
        """Resources were read: each is settled, or may be sent with the version that was found."""
        rows = standings.standings(connection, list(found))
        course, ids = self._course, server_ids(found)
        bodies = addresses.contents(connection, course.target_id, course.addressing, rows.values(), ids)
        given = {id: one for id, one in ids.items() if id in rows and course.addressing.is_given(rows[id], one)}
        steps = [(row, heard(row, found[id], bodies, given.get(id))) for id, row in rows.items()]
        self._settle(connection, steps, "read on the server")
        attempt = self._tries[0]
        attempt.to_look.difference_update(found)
        attempt.clear.update(after.id for _, after in steps if after.state is State.PENDING)

    def abandoned(self, connection: Connection, job: Job) -> None:
        """The job was never begun."""
        if isinstance(job, Send):
            rows = self._in_flight(connection, job)
            self._settle(connection, [(row, returned(row, row.version)) for row in rows.values()])

    def failed(self, connection: Connection, job: Job, error: TargetError) -> None:
        """There was no answer, or a no."""
        if isinstance(job, Look):
            self._course.unread(connection, error)
            return
        attempt = self._tries[0]
        rows = self._in_flight(connection, job)
        status = status_of(error)
        decision = classify(error, asked_of([entry_of(one) for one in job.outgoing], 1 + attempt.tried(status)))
        if decision.action is Action.VERIFY or (decision.action is Action.FATAL and not status):
            # Also an answer that is not FHIR, as of a proxy: what stood behind it may have done what it was asked.
            self._settle(connection, [(row, unknown(row)) for row in rows.values()])
            attempt.to_look.update(rows)
            if status >= 500 and status not in BUSY:
                attempt.failures += 1
                attempt.failed_on = error
                self._course.failed()
            else:
                self._unanswered(connection, job, decision, error)
            return
        self._settle(connection, [(row, returned(row, row.version)) for row in rows.values()])
        self._refused(connection, job, decision, error)

    def _look(self, connection: Connection) -> Look | None:
        attempt = self._tries[0]
        rows = standings.standings(connection, sorted(attempt.to_look))
        return Look(tuple(map(self._course.addressing.wanted, rows.values()))) if rows else None

    def _send(self, connection: Connection) -> Job | None:
        attempt = self._tries[0]
        rows = standings.standings(connection, [one.id for unit in attempt.parcel for one in unit])
        attempt.parcel = self._sendable(connection, attempt.parcel, rows)
        if attempt.parcel and attempt.failed_on is not None and attempt.failures > SERVER_ERRORS:
            return self._set_aside(connection, attempt.failed_on)
        parts = list(cut(attempt.parcel, self._course.limits))
        if len(parts) > 1:
            self._replace(parts)
            attempt, attempt_rows = self._tries[0], {one.id for unit in parts[0] for one in unit}
            rows = {id: row for id, row in rows.items() if id in attempt_rows}
        ready = [rows[one.id] for unit in attempt.parcel for one in unit]
        unseen = [row for row in ready if self._is_unseen(row, attempt)]
        if unseen:
            return Look(tuple(map(self._course.addressing.wanted, unseen)))
        moved = {row.rid: why for row in ready if (why := self._course.why_not_planned(row)) is not None}
        if moved:
            self._course.moved |= moved
            self._lost |= moved.keys()
            return self._send(connection)
        if not ready:
            return None
        course = self._course
        bodies = addresses.contents(connection, course.target_id, course.addressing, ready)
        if unmet := addresses.first_unmet(connection, course.target_id, course.addressing, _told(ready, bodies)):
            self._settle(connection, [(rows[id], waiting(rows[id], rid)) for id, rid in unmet.items()])
            return self._send(connection)
        leases = tuple([leased(row) for row in ready])
        standings.settle(connection, zip(ready, leases, strict=True), self._course.clock())
        return Send(
            tuple([course.addressing.outgoing(row, _desired(row, bodies)) for row in ready]),
            leases,
            standings.lease_lanes(connection, (row.lane_id for row in ready)),
        )

    def _sendable(self, connection: Connection, parcel: Parcel, rows: Mapping[int, Standing]) -> Parcel:
        """What of the parcel is still to be sent; what refers to something that did not arrive waits for it."""
        kept: list[tuple[Pending, ...]] = []
        for unit in parcel:
            members = tuple(
                one for one in unit if rows[one.id].state is State.PENDING and one.rid not in self._course.moved
            )
            missing = next((rid for one in members for rid in one.needs if rid in self._lost), None)
            if missing is not None:
                self._settle(connection, [(rows[one.id], waiting(rows[one.id], missing)) for one in members])
            elif members:
                kept.append(members)
        return tuple(kept)

    def _is_unseen(self, row: Standing, attempt: Try) -> bool:
        """Whether the row must be read before it is written: no version is known, nor was its type read."""
        if row.id in attempt.clear:
            return False
        if row.desired.is_gone:
            return True  # not every server takes If-Match with a DELETE
        if row.version is not None:
            return self._course.options.plan is not None  # whether it is the version that was planned
        return row.delivered is not None or row.type not in self._course.read

    def _in_flight(self, connection: Connection, job: Send) -> dict[int, Standing]:
        """The rows of the job that are still this lease's."""
        return standings.still_leased(connection, job.leases, job.epochs)

    def _unanswered(self, connection: Connection, job: Send, decision: Decision, error: TargetError) -> None:
        if decision.action is Action.FATAL:
            self._course.end(Ended.REFUSED, str(error))
            return
        self._course.shrink(len(job.outgoing), job.size)
        self._course.back_off(connection, decision.after, error.message)

    def _refused(self, connection: Connection, job: Send, decision: Decision, error: TargetError) -> None:
        """Nothing of the transaction was applied."""
        attempt, course = self._tries[0], self._course
        if isinstance(error, TargetUnreachable):
            course.end(Ended.UNREACHABLE, error.message)
        elif decision.action in (Action.FATAL, Action.FORBIDDEN, Action.REAUTH):
            course.end(Ended.REFUSED, str(error))
        elif decision.action is Action.RETRY:
            if status_of(error) not in BUSY:
                attempt.failures += 1
            course.back_off(connection, decision.after, error.message)
        elif decision.action is Action.REREAD:
            attempt.rereads += 1
            attempt.to_look.update(one.id for one in job.outgoing)
            self.not_before = course.clock() + timedelta(seconds=backoff(attempt.rereads, None, course.random))
        elif decision.action is Action.HALVE and len(attempt.parcel) > 1:
            course.shrink(len(job.outgoing), job.size)
            self._replace(halves(attempt.parcel))
        else:
            self._isolate(connection, job, decision, error)

    def _isolate(self, connection: Connection, job: Send, decision: Decision, error: TargetError) -> None:
        """Something in the transaction is refused for what it is: sent in smaller parts until it stands alone."""
        attempt = self._tries[0]
        status, reasons = status_of(error), error.reasons if isinstance(error, TargetRefused) else ()
        if status >= 500:
            self._course.failed()
        if len(attempt.parcel) > 1:
            index = entry_index(reasons)
            if index is not None and index < len(job.outgoing):
                self._replace(part for part in set_apart(attempt.parcel, job.outgoing[index].rid) if part)
            else:
                self._replace(halves(attempt.parcel))
            return
        reason = reason_of(error)
        passing = status >= 500 or decision.action is Action.CONFLICT
        rows = standings.standings(connection, [one.id for one in job.outgoing])
        self._settle(connection, [(row, self._course.refused_alone(row, reason, passing)) for row in rows.values()])
        self._tries.popleft()

    def _set_aside(self, connection: Connection, error: TargetError) -> Job | None:
        """The server fails on the parcel again and again, and has not done it, as was just read: smaller parts get a
        try each, until it stands alone."""
        attempt = self._tries[0]
        if len(attempt.parcel) > 1:
            self._replace(halves(attempt.parcel))
            return self._send(connection)
        rows = standings.standings(connection, [one.id for one in attempt.parcel[0]])
        reason = reason_of(error)
        self._settle(
            connection, [(row, self._course.refused_alone(row, reason, passing=True)) for row in rows.values()]
        )
        return None

    def _replace(self, parts: Iterable[Parcel]) -> None:
        """Puts parts of the parcel in its place; what was learnt of it holds for them."""
        whole = self._tries.popleft()
        tries = [Try(part, set(), set(whole.clear), whole.rereads, whole.failures) for part in parts]
        self._tries.extendleft(reversed(tries))

    def _settle(self, connection: Connection, steps: Sequence[tuple[Standing, Standing]], reason: str = "") -> None:
        standings.settle(connection, steps, self._course.clock())
        self._lost.update(
            after.rid
            for _, after in steps
            if (after.delivered is None or after.delivered.is_gone) and after.state in _NOT_ARRIVED
        )
        events = [event for before, after in steps if (event := event_of(before, after, reason)) is not None]
        self._course.record(connection, events)


_NOT_ARRIVED = (State.CONFLICT, State.DEAD, State.RETRY, State.WAITING)


def _told(ready: Sequence[Standing], bodies: Mapping[int, bytes]) -> dict[int, bytes]:
    return {row.id: _desired(row, bodies) for row in ready}


def _desired(row: Standing, bodies: Mapping[int, bytes]) -> bytes:
    return bodies[row.desired.body_id]
