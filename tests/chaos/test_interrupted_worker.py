"""``fhir-msc worker`` is killed and stopped while the export changes under it; nothing is lost, nothing is doubled."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.chaos.conftest import Tally
from tests.support.interruption import GRACEFUL, Interruptions, Trace, Way
from tests.support.processes import Forked, sandbox
from tests.support.serverview import ServerView

pytestmark = pytest.mark.chaos

_WAYS = (
    *(4 * [Way.AFTER_COMMIT]),
    *(2 * [Way.BEFORE_ARRIVAL]),
    *(2 * [Way.AFTER_ANSWER]),
    Way.INTERRUPT,
    Way.TERMINATE,
)


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Looks ten times a second, for a minute."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.1)


def is_in_step(scene: Interruptions) -> bool:
    """Whether the ledger has all that is desired as sent."""
    states = scene.states()
    return states.keys() == scene.desired.keys() and set(states.values()) == {"sent"}


def interrupt_worker(scene: Interruptions, way: Way, at: int) -> Trace:
    """Starts a worker and interrupts it at one of its writes."""
    before, writes, requests = scene.states(), len(scene.proxy.writes), scene.proxy.requests
    worker = scene.start("worker")
    scene.arm(way, at, worker)
    return scene.trace(worker.wait(), before, writes, requests)


def test_a_worker_that_is_killed_goes_on_where_it_was(tmp_path: Path, tally: Tally) -> None:
    dice = Random(1)
    traces: list[tuple[Way, Trace]] = []
    with sandbox(tmp_path / "server.db") as url, ServerView(url) as view, Interruptions(tmp_path, url) as scene:
        for way in dice.sample(_WAYS, len(_WAYS)):
            trace = interrupt_worker(scene, way, dice.randint(1, 4))
            traces.append((way, trace))
            if way in GRACEFUL:
                assert (trace.ended.code, trace.committed, trace.lost) == (0, 0, 0)
            else:
                assert trace.ended.code == -signal.SIGKILL

        worker = scene.start("worker")
        wait_until(lambda: is_in_step(scene), "the first revision")
        scene.assert_server_holds_what_is_desired(view)

        # The file changes under the worker, which is killed while it sends what has changed.
        before, writes, requests = scene.states(), len(scene.proxy.writes), scene.proxy.requests
        scene.arm(Way.AFTER_COMMIT, 2, worker)
        scene.lay(1)
        trace = scene.trace(worker.wait(), before, writes, requests)
        traces.append((Way.AFTER_COMMIT, trace))
        assert trace.ended.code == -signal.SIGKILL
        assert trace.committed

        # It changes again under the next one, which lives.
        worker = scene.start("worker")
        wait_until(lambda: is_in_step(scene), "the second revision")
        scene.lay(2)
        wait_until(lambda: is_in_step(scene), "the third revision")
        worker.signal(signal.SIGTERM)
        assert worker.wait().code == 0
        scene.assert_server_holds_what_is_desired(view)
        scene.assert_done_once()

    for way, _ in traces:
        tally[f"worker: {way}"] += 1
    for _, trace in traces:
        tally["worker: all interruptions"] += 1
        tally["worker: between send and commit: done by the server, leased in the ledger"] += trace.committed > 0
        tally["worker: updates (If-Match) in that gap"] += trace.replaced
    assert sum(trace.committed > 0 for _, trace in traces) >= 4


def test_a_second_one_is_refused_until_the_first_has_gone(tmp_path: Path) -> None:
    with sandbox(tmp_path / "server.db") as url, Interruptions(tmp_path, url, entries=100) as scene:
        worker = scene.start("worker")
        wait_until(lambda: is_in_step(scene), "the worker")
        beside = tmp_path / "beside"
        beside.mkdir()
        for command in ("worker", "sync"):
            ended = Forked(beside, command, "--project", scene.project).wait()
            assert ended.code == 2
            assert f"pid {worker.pid}" in ended.err
        assert Forked(beside, "status", "--project", scene.project).wait().code == 0
        worker.signal(signal.SIGKILL)
        assert worker.wait().code == -signal.SIGKILL
        assert scene.start("sync").wait().code == 0


def test_a_worker_told_to_stop_while_it_waits_stops_at_once(tmp_path: Path) -> None:
    with sandbox(tmp_path / "server.db") as url, Interruptions(tmp_path, url, entries=100) as scene:
        for number in (signal.SIGTERM, signal.SIGINT):
            worker = scene.start("worker", spawned=True)
            wait_until(lambda: is_in_step(scene) and "worker started" in (tmp_path / "err").read_text(), "the worker")
            worker.signal(number)
            ended = worker.wait()
            assert ended.code == 0
            assert '"worker stopped"' in ended.err
