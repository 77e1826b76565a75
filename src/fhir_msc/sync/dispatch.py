"""Jobs to the sender threads, answers back to the ledger.

One thread per connection and a client for each. One job more than there are connections is on its way, so that no
connection waits for a commit.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import Protocol, TypeAlias

from sqlalchemy import Connection

from fhir_msc.errors import TargetError, TargetRefused
from fhir_msc.sync import exchange
from fhir_msc.sync.chain import Chain
from fhir_msc.sync.course import Course
from fhir_msc.sync.jobs import Job, Look, Send
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.senders import Senders
from fhir_msc.target.bundle import EntryResponse
from fhir_msc.target.client import FhirClient
from fhir_msc.target.retry import Action, Asked, classify

_POLL_SECONDS = 0.5
"""How often a stop is looked for while requests are in flight."""

Answer: TypeAlias = "Sequence[EntryResponse] | Mapping[int, exchange.Found]"


class Stop(Protocol):
    """What ends a run before its time; ``threading.Event`` is one."""

    def is_set(self) -> bool:
        """Whether to stop."""
        ...

    def wait(self, timeout: float) -> bool:
        """Waits so many seconds, or less if it is set meanwhile; whether it is set."""
        ...


class Dispatch:
    """The senders of one run."""

    def __init__(self, ledger: Ledger, client_factory: Callable[[], FhirClient], course: Course, stop: Stop) -> None:
        self.counts: Counter[str] = Counter()
        self._ledger = ledger
        self._client_factory = client_factory
        self._course = course
        self._stop = stop
        self._clients: list[FhirClient] = []
        self._idle_clients: SimpleQueue[FhirClient] = SimpleQueue()
        self._senders = Senders(course.options.connections)
        self._in_flight: dict[Future[Answer], tuple[Chain, Job]] = {}
        self._give_up_at: float | None = None

    def __enter__(self) -> Dispatch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What is still in flight after the grace is left to its time-out; the ledger has it as leased.
        for future in self._in_flight:
            future.cancel()
        self._senders.close(wait=not self._in_flight)
        for client in self._clients:
            client.close()

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be sent in this run."""
        return self._course.ended is not None or self._stop.is_set()

    def run(self, source: Callable[[Connection], Iterator[Chain]]) -> None:
        """Takes chains to their ends, several at once. ``source`` gives them one by one, inside a transaction."""
        pending: Iterator[Chain] | None = None
        idle: list[Chain] = []
        while True:
            done = self._done()
            with self._ledger.begin() as connection:
                pending = pending or source(connection)
                for future in done:
                    chain, job = self._in_flight.pop(future)
                    self._take(connection, chain, job, future)
                    idle.append(chain)
                jobs = self._next_jobs(connection, idle, pending)
            for chain, job in jobs:
                self._submit(chain, job)
            if self._in_flight:
                if self._gave_up():
                    return
                continue
            if self.is_over or not (jobs or idle or self._backing_off()):
                return
            self._rest(idle)

    def find_empty(self, types: Sequence[str]) -> None:
        """Asks of each type whether the server has none of ours: then none of the type has to be read first."""
        if self.is_over or not types:
            return
        self._make_clients()
        system = self._course.options.system
        asked = {type: self._senders.submit(partial(self._count, type, system)) for type in types}
        for type, future in asked.items():
            self.counts["read"] += 1
            error = future.exception()
            if error is None:
                if future.result():
                    self._course.read.add(type)
            elif not isinstance(error, TargetError):
                raise error
            elif not (isinstance(error, TargetRefused) and classify(error, Asked("GET")).action is Action.DEAD):
                with self._ledger.begin() as connection:
                    self._course.unread(connection, error)

    def _done(self) -> list[Future[Answer]]:
        if not self._in_flight:
            return []
        if self._stop.is_set():
            for future in self._in_flight:
                future.cancel()
        finished, _ = wait(self._in_flight, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
        return [future for future in self._in_flight if future in finished]

    def _gave_up(self) -> bool:
        if not self._stop.is_set():
            return False
        if self._give_up_at is None:
            self._give_up_at = time.monotonic() + self._course.options.grace
        return time.monotonic() >= self._give_up_at

    def _take(self, connection: Connection, chain: Chain, job: Job, future: Future[Answer]) -> None:
        if future.cancelled():
            chain.abandoned(connection, job)
            return
        error = future.exception()
        if isinstance(error, TargetError):
            chain.failed(connection, job, error)
            return
        answer = future.result()
        if isinstance(answer, Mapping):
            chain.seen(connection, answer)
        elif isinstance(job, Send):
            chain.answered(connection, job, answer)

    def _next_jobs(self, connection: Connection, idle: list[Chain], source: Iterator[Chain]) -> list[tuple[Chain, Job]]:
        jobs: list[tuple[Chain, Job]] = []
        now = self._course.clock()
        if self.is_over or self._backing_off():
            return jobs
        ahead = 1 if self._course.width == self._course.options.connections else 0
        while len(self._in_flight) + len(jobs) < self._course.width + ahead:
            chain = next((one for one in idle if one.not_before <= now), None)
            if chain is not None:
                idle.remove(chain)
            else:
                chain = next(source, None)
            if chain is None:
                break
            job = chain.next_job(connection)
            if job is not None:
                jobs.append((chain, job))
        return jobs

    def _backing_off(self) -> bool:
        resume_at = self._course.resume_at
        return resume_at is not None and self._course.clock() < resume_at

    def _rest(self, idle: Sequence[Chain]) -> None:
        """Waits until the server may be asked again and a chain is ready."""
        until = [chain.not_before for chain in idle]
        at = min(until) if until else self._course.clock()
        if self._course.resume_at is not None:
            at = max(at, self._course.resume_at)
        seconds = (at - self._course.clock()).total_seconds()
        if seconds > 0:
            self._stop.wait(seconds)

    def _submit(self, chain: Chain, job: Job) -> None:
        self._make_clients()
        self.counts["sent" if isinstance(job, Send) else "read"] += 1
        self._in_flight[self._senders.submit(partial(self._ask, job))] = (chain, job)

    def _make_clients(self) -> None:
        while len(self._clients) < self._course.options.connections:
            client = self._client_factory()
            self._clients.append(client)
            self._idle_clients.put(client)

    def _ask(self, job: Job) -> Answer:
        client = self._idle_clients.get()
        try:
            if isinstance(job, Look):
                return exchange.look(client, job.wanted)
            return exchange.send(client, job.outgoing, self._course.options.bundle)
        finally:
            self._idle_clients.put(client)

    def _count(self, type: str, system: str) -> bool:
        client = self._idle_clients.get()
        try:
            return exchange.is_empty(client, type, system)
        finally:
            self._idle_clients.put(client)
