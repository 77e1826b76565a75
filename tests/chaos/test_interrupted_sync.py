"""``fhir-msc sync`` is interrupted again and again; the next one ends with what is desired, each resource once.

Real processes and real signals. A proxy before the server chooses the moment and remembers what the server did; the
ledger, copied aside after each interruption, says what the process knew.
"""

from __future__ import annotations

import signal
from pathlib import Path
from random import Random

import pytest

from fhir_msc.cli import INTERRUPTED, main
from tests.chaos.conftest import Tally
from tests.support.interruption import GRACEFUL, LATEST, Interruptions, Trace, Way
from tests.support.processes import sandbox
from tests.support.serverview import ServerView

pytestmark = pytest.mark.chaos

_AT_RANDOM = (Way.ANY_KILL, Way.ANY_KILL, Way.ANY_INTERRUPT, Way.ANY_TERMINATE)
_WHILE_STAGING = (Way.STAGING_KILL, Way.STAGING_KILL, Way.STAGING_INTERRUPT, Way.STAGING_TERMINATE)
_AT_A_WRITE = (*(3 * [Way.AFTER_COMMIT]), Way.BEFORE_ARRIVAL, Way.AFTER_ANSWER, Way.CUT)
_PARTS = 3


def schedule(dice: Random) -> list[Way]:
    """The interruptions of one part: at a random moment, while it is being staged, while it is being sent."""
    sending = [*_AT_A_WRITE, dice.choice(GRACEFUL)]
    dice.shuffle(sending)
    return [dice.choice(_AT_RANDOM), dice.choice(_WHILE_STAGING), *sending]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_interrupts_it_each_resource_arrives_once(seed: int, tmp_path: Path, tally: Tally) -> None:
    dice = Random(seed)
    traces: list[tuple[Way, Trace]] = []
    with sandbox(tmp_path / "server.db") as url, ServerView(url) as view, Interruptions(tmp_path, url) as scene:
        laid = 0
        for part in range(_PARTS):
            for number, way in enumerate(schedule(dice)):
                # What went before may have left too little to be interrupted in, as on a quick machine.
                if (part and not number) or scene.writes_left < LATEST:
                    laid += 1
                    scene.lay(laid)
                trace = scene.interrupt_sync(way, dice, spawned=number == 0)
                traces.append((way, trace))
                if trace.ended.code != -signal.SIGINT:  # which ends a Python that has not come to our code yet
                    assert "Traceback" not in trace.ended.err
                if way in (Way.STAGING_INTERRUPT, Way.STAGING_TERMINATE) and not trace.requests:
                    assert trace.ended.code == INTERRUPTED
                    assert "Nothing to send" not in trace.ended.out
                if way in GRACEFUL:
                    assert (trace.ended.code, trace.committed, trace.lost) == (INTERRUPTED, 0, 0)
                    assert "run the same command again" in trace.ended.out

        last = scene.start("sync").wait()
        assert last.code == 0, last.err
        scene.assert_server_holds_what_is_desired(view)
        scene.assert_done_once()
        requests = scene.proxy.requests
        assert scene.start("sync").wait().code == 0
        assert scene.proxy.requests == requests

    for way, _ in traces:
        tally[f"sync: {way}"] += 1
    for _, trace in traces:
        tally["sync: all interruptions"] += 1
        tally["sync: between send and commit: done by the server, leased in the ledger"] += trace.committed > 0
        tally["sync: updates (If-Match) in that gap"] += trace.replaced
        tally["sync: leased in the ledger, never seen by the server"] += trace.lost > 0
        tally["sync: before the first request"] += trace.requests == 0
        tally["sync: with part of the export staged"] += trace.staged > 0 and trace.unstaged > 0
    assert len(traces) == 27
    assert sum(trace.committed > 0 for _, trace in traces) >= 6
    assert sum(trace.lost > 0 for _, trace in traces) >= 2
    assert sum(trace.ended.code == -signal.SIGKILL for _, trace in traces) >= 12


def test_ctrl_c_while_modules_are_loaded_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("fhir_msc.cli.app.run", interrupted)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == INTERRUPTED
