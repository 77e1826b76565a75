"""A project whose commands are interrupted, and what the server and the ledger say of it afterwards."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

from fhir_msc.sync.audit import verify_audit
from fhir_msc.sync.ledger import Ledger
from tests.support.faultproxy import Fault, FaultProxy, Moment
from tests.support.processes import Ended, Forked, Spawned
from tests.support.projects import configure, new_project
from tests.support.revisions import Export
from tests.support.serverview import ServerView, plain, resent, states

Process = Forked | Spawned


class Way(StrEnum):
    """How a command is interrupted."""

    BEFORE_ARRIVAL = "SIGKILL before the server has the request"
    AFTER_COMMIT = "SIGKILL after the server has committed, before its answer"
    AFTER_ANSWER = "SIGKILL right after the answer"
    CUT = "connection cut after the server has committed, then SIGTERM"
    INTERRUPT = "SIGINT (Ctrl-C) during a request"
    TERMINATE = "SIGTERM during a request"
    ANY_KILL = "SIGKILL at a random moment"
    ANY_INTERRUPT = "SIGINT (Ctrl-C) at a random moment"
    ANY_TERMINATE = "SIGTERM at a random moment"
    STAGING_KILL = "SIGKILL after a few commits of staging"
    STAGING_INTERRUPT = "SIGINT (Ctrl-C) after a few commits of staging"
    STAGING_TERMINATE = "SIGTERM after a few commits of staging"


_AT_A_WRITE = {
    Way.BEFORE_ARRIVAL: (Moment.BEFORE_ARRIVAL, signal.SIGKILL),
    Way.AFTER_COMMIT: (Moment.AFTER_COMMIT, signal.SIGKILL),
    Way.AFTER_ANSWER: (Moment.AFTER_ANSWER, signal.SIGKILL),
    Way.INTERRUPT: (Moment.UNHURT, signal.SIGINT),
    Way.TERMINATE: (Moment.UNHURT, signal.SIGTERM),
}
_AT_ANY_TIME = {
    Way.ANY_KILL: signal.SIGKILL,
    Way.ANY_INTERRUPT: signal.SIGINT,
    Way.ANY_TERMINATE: signal.SIGTERM,
}
_WHILE_STAGING = {
    Way.STAGING_KILL: signal.SIGKILL,
    Way.STAGING_INTERRUPT: signal.SIGINT,
    Way.STAGING_TERMINATE: signal.SIGTERM,
}
LATEST = 3
"""A sync is interrupted at its first, second or third write, if nothing else is said."""

GRACEFUL = (Way.INTERRUPT, Way.TERMINATE)
"""Ways after which the ledger knows all that the server did."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What an interrupted command left.

    ``committed`` counts the requests that the server had done and of which the ledger still says that they are under
    way (between send and commit); ``lost`` those under way that the server never had. ``replaced`` counts the resources
    of the former that were updates. ``requests`` is all that was asked; ``staged`` how many resources came to the
    ledger, ``unstaged`` how many are desired that did not.
    """

    ended: Ended
    committed: int
    replaced: int
    lost: int
    requests: int
    staged: int
    unstaged: int


class Interruptions:
    """One project of the example trial, before it a proxy that does harm, behind that a server."""

    def __init__(self, folder: Path, server: str, *, participants: int = 2, entries: int = 5) -> None:
        self._folder = folder
        self._proxy = FaultProxy(server)
        self._participants = participants
        self._entries = entries
        self._desired: list[dict[str, str]] = []

    def __enter__(self) -> Self:
        self.export = Export(self._folder / "export", self._participants)
        self.proxy = self._proxy.__enter__()
        self.project = new_project(
            self._folder / "project", "misle-redcap", self.export.folder, self.proxy.base_url, "--zone", "UTC"
        )
        configure(self.project, r"^connections = 2$", f"connections = 2\nentries = {self._entries}")
        configure(self.project, r"^interval = 60$", "interval = 0.2")
        self.lay(0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._proxy.__exit__(kind, error, trace)

    def lay(self, revision: int) -> None:
        """Puts a revision of the export in place; what it makes desirable is what ``map`` says."""
        self.export.lay(revision)
        bodies = self._folder / "desired.ndjson"
        ended = Forked(self._folder, "map", "--project", self.project, "--output", bodies).wait()
        assert ended.code == 0, ended.err
        desired = [plain(line) for line in bodies.read_text("utf-8").splitlines()]
        self._desired.append({_place(body): body for body in desired})
        assert len(self._desired[-1]) == len(desired)

    @property
    def desired(self) -> dict[str, str]:
        """What the server should hold now, by ``Type/id``."""
        return self._desired[-1]

    @property
    def writes_left(self) -> int:
        """How many writes at least are needed until the server holds what is desired."""
        done = {one.place: resent(one.body) for write in self.proxy.writes if write.done for one in write.sent}
        return sum(done.get(place) != body for place, body in self.desired.items()) // self._entries

    def revisions_of(self, place: str) -> int:
        """How many different bodies were desired of a resource."""
        return len({revision[place] for revision in self._desired if place in revision})

    def start(self, command: str, *, spawned: bool = False) -> Process:
        """Starts ``sync`` or ``worker`` on the project."""
        return (Spawned if spawned else Forked)(self._folder, command, "--project", self.project)

    def arm(self, way: Way, at: int, process: Process) -> None:
        """Has the process interrupted at its ``at``-th write from now."""
        if way is Way.CUT:
            stop = Fault(Moment.UNHURT, at + 2, lambda: process.signal(signal.SIGTERM))
            self.proxy.arm(Fault(Moment.CUT, at), stop)
        else:
            moment, number = _AT_A_WRITE[way]
            self.proxy.arm(Fault(moment, at, lambda: process.signal(number)))

    def interrupt_sync(self, way: Way, dice: Random, *, spawned: bool = False, latest: int = LATEST) -> Trace:
        """Starts a sync and interrupts it: at a write up to the ``latest``, or at a random moment."""
        before, writes, requests = self.states(), len(self.proxy.writes), self.proxy.requests
        process = self.start("sync", spawned=spawned)
        if way in _AT_ANY_TIME:
            self.proxy.arm()
            process.wait_for(dice.uniform(0.2, 2.2) if spawned else dice.uniform(0.0, 0.5))
            process.signal(_AT_ANY_TIME[way])
        elif way in _WHILE_STAGING:
            self.proxy.arm()
            self._wait_for_commits(dice.randint(2, 16), process)
            process.signal(_WHILE_STAGING[way])
        else:
            self.arm(way, dice.randint(1, latest), process)
        return self.trace(process.wait(), before, writes, requests)

    def _wait_for_commits(self, number: int, process: Process) -> None:
        """Waits until the ledger's log was seen to change so many times, or nothing more can change it."""
        log = self.project / "state" / "ledger.db-wal"
        before, changes = _stamp(log), 0
        while changes < number and process.is_alive():
            time.sleep(0.002)
            now = _stamp(log)
            changes += now != before
            before = now

    def trace(self, ended: Ended, before: dict[str, str], writes: int, requests: int) -> Trace:
        """What a command left that has ended; ``before``, ``writes`` and ``requests`` are from before its start."""
        self.proxy.arm()
        self.proxy.wait_until_quiet()
        now = self.states()
        under_way = [
            write
            for write in self.proxy.writes[writes:]
            if write.sent and all(now.get(one.place) == "leased" for one in write.sent)
        ]
        return Trace(
            ended,
            committed=sum(write.done for write in under_way),
            replaced=sum(one.replaces for write in under_way if write.done for one in write.sent),
            lost=sum(not write.done for write in under_way),
            requests=self.proxy.requests - requests,
            staged=len(now.keys() - before.keys()),
            unstaged=len(self.desired.keys() - now.keys()),
        )

    def states(self) -> dict[str, str]:
        """What the ledger says of every resource."""
        return states(self.project / "state" / "ledger.db", self._folder)

    def assert_done_once(self) -> None:
        """No body was done twice, the ledger has nothing left, and its audit is whole."""
        done = Counter((one.place, resent(one.body)) for write in self.proxy.writes if write.done for one in write.sent)
        assert [key for key, times in done.items() if times > 1] == []
        assert set(self.states().values()) == {"sent"}
        ledger = Ledger.look(self.project / "state" / "ledger.db", "main", "")
        assert ledger is not None
        with ledger:
            assert verify_audit(ledger).broken_at is None

    def assert_server_holds_what_is_desired(self, view: ServerView) -> None:
        """Each resource once, as it is desired; and no version that was not desired, in the order of the revisions."""
        assert view.everything() == self.desired
        for place, versions in view.versions().items():
            wanted = list(dict.fromkeys(revision[place] for revision in self._desired if place in revision))
            found = [wanted.index(version) for version in versions]
            assert found == sorted(set(found)), f"{place} has versions {found} of {len(wanted)}"


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns


def _place(body: str) -> str:
    resource = json.loads(body)
    return f"{resource['resourceType']}/{resource['id']}"
