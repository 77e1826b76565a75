"""The same against a real HAPI FHIR server: killed between send and commit, and each resource is there once."""

from __future__ import annotations

import signal
from pathlib import Path
from random import Random

import pytest

from tests.chaos.conftest import Tally
from tests.support.hapi import HapiServer
from tests.support.interruption import Interruptions, Trace, Way
from tests.support.projects import namespace_of
from tests.support.serverview import ServerView

pytestmark = [pytest.mark.chaos, pytest.mark.hapi]

_WAYS = (*(4 * [Way.AFTER_COMMIT]), Way.BEFORE_ARRIVAL, Way.AFTER_ANSWER)


def assert_hapi_holds_what_is_desired(scene: Interruptions, view: ServerView) -> None:
    """Each resource once, as it is desired. Other tests have resources of their own on this server."""
    there = view.these(scene.desired)
    assert {place: content for place, (_, content) in there.items()} == scene.desired
    for place, (version, _) in there.items():
        assert int(version) == scene.revisions_of(place), place
    system = f"{namespace_of(scene.project)}/id/sync|"
    for type in {place.partition("/")[0] for place in scene.desired} - {"AdverseEvent"}:
        assert view.count(type, identifier=system) == sum(place.startswith(f"{type}/") for place in scene.desired)


def test_killed_again_and_again(hapi: HapiServer, tmp_path: Path, tally: Tally) -> None:
    dice = Random(7)
    traces: list[Trace] = []
    with ServerView(hapi.base_url) as view, Interruptions(tmp_path, hapi.base_url, entries=20) as scene:
        for way in dice.sample(_WAYS, len(_WAYS)):
            traces.append(scene.interrupt_sync(way, dice, latest=2))
        assert scene.start("sync").wait().code == 0
        scene.lay(1)
        traces.append(scene.interrupt_sync(Way.AFTER_COMMIT, dice, latest=1))
        assert scene.start("sync").wait().code == 0
        assert_hapi_holds_what_is_desired(scene, view)
        scene.assert_done_once()
        requests = scene.proxy.requests
        assert scene.start("sync").wait().code == 0
        assert scene.proxy.requests == requests

    for trace in traces:
        tally["sync into HAPI: SIGKILL"] += 1
        tally["sync into HAPI: between send and commit: done by the server, leased in the ledger"] += (
            trace.committed > 0
        )
        tally["sync into HAPI: updates (If-Match) in that gap"] += trace.replaced
    assert [trace.ended.code for trace in traces] == [-signal.SIGKILL] * 7
    assert sum(trace.committed > 0 for trace in traces) >= 4
