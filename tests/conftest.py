"""What all tests share: the marks for what a machine may lack, and the servers of a test session.

A test marked ``hapi`` needs Java 17 and Maven, ``npm`` npm, ``shared`` the folder ``../shared``. Where one lacks,
the test is skipped with a line that says how to get it; with ``FHIR_MSC_REQUIRE_ALL=1`` it fails instead.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.distributions import Installer, look_once
from tests.support.engine import Hl7Engine
from tests.support.hapi import HapiServer, hapi_unavailable_reason
from tests.support.ledgers import ledgers_prepared_once
from tests.support.packages import npm_unavailable_reason

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what it puts in the background with Ctrl-C ignored, and the commands under test would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same cases on every machine, however slow it is; new ones, and more, with --hypothesis-profile=search.
_SLOW = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("repeatable", derandomize=True, **_SLOW)
settings.register_profile("search", max_examples=1000, print_blob=True, **_SLOW)
settings.load_profile("repeatable")

HOSTS_THRESHOLD = gc.get_threshold()
"""When Python's collector looks for circles, if nobody tells it otherwise."""

REQUIRE_ALL = os.environ.get("FHIR_MSC_REQUIRE_ALL") == "1"


def _lacking() -> dict[str, str]:
    lacking = {}
    reason = hapi_unavailable_reason()
    if reason:
        lacking["hapi"] = reason
    if (reason := npm_unavailable_reason()) is not None:
        lacking["npm"] = reason
    if not SHARED.is_dir():
        lacking["shared"] = "the real inputs are not here: put the folder `shared` beside the project's"
    return lacking


@pytest.hookimpl(tryfirst=True)  # before xdist, which reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    lacking = _lacking()
    for item in items:
        for mark, reason in lacking.items():
            if item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reason))
        if (group := _group(item)) is not None:
            item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Ungrouped, all would pass just as well, and take twice as long: each process would start every server."""
    if session.config.getoption("loadgroup", False):
        for item in session.items:
            if item.get_closest_marker("xdist_group") and "@" not in item.nodeid:
                raise pytest.UsageError("this pytest-xdist does not group tests with this pytest; see pyproject.toml")


def _group(item: pytest.Item) -> str | None:
    """What the test shares with others that is costly to make: the tests of a group run in one process."""
    fixtures = set(getattr(item, "fixturenames", ()))
    if (mark := item.get_closest_marker("hapi")) is not None:
        if mark.kwargs.get("own"):
            return None
        return "engine" if "hl7_engine" in fixtures and "hapi" not in fixtures else "hapi"
    return item.path.stem if item.get_closest_marker("together") else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if REQUIRE_ALL and report.skipped:  # type: ignore[attr-defined]
        report.outcome = "failed"  # type: ignore[attr-defined]
        report.longrepr = f"skipped, but FHIR_MSC_REQUIRE_ALL=1: {report.longrepr}"  # type: ignore[attr-defined]
    return report


@pytest.fixture(autouse=True, scope="session")
def _ledgers_prepared_once() -> Iterator[None]:
    with ledgers_prepared_once():
        yield


@pytest.fixture(autouse=True, scope="session")
def _installed_looked_for_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        look_once(patch)
        yield


@pytest.fixture(autouse=True, scope="session")
def _circles_looked_for_rarely() -> Iterator[None]:
    """A process of many tests holds millions of objects: to look through all of them took a fifth of its time."""
    # Not collect_rarely: its freeze hides from Hypothesis who refers to the random numbers that it manages.
    gc.set_threshold(20_000, 20, 20)
    yield
    gc.set_threshold(*HOSTS_THRESHOLD)


def pytest_sessionfinish() -> None:
    """pytest collects five times at the end, so that nothing dies unheard: here until nothing more dies, at most as
    often. What is then left is not looked through again."""
    for _ in range(5):
        if not gc.collect():
            break
    gc.freeze()


@pytest.fixture
def hosts_collector() -> Iterator[None]:
    """Python's collector as a host has it, for tests that measure memory."""
    before = gc.get_threshold()
    gc.set_threshold(*HOSTS_THRESHOLD)
    yield
    gc.set_threshold(*before)


@pytest.fixture
def installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    """Installs an integrator's distributions for one test."""
    return Installer(tmp_path / "site", monkeypatch)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of the real inputs and the reference."""
    return SHARED


@pytest.fixture(scope="session")
def hapi() -> Iterator[HapiServer]:
    """A real HAPI FHIR server for the session. Tests share it: each uses ids of its own.

    It lives for minutes, and is done sooner if Java's compiler takes all its steps.
    """
    with HapiServer(heap="2g", optimise=True) as server:
        yield server


@pytest.fixture(scope="session")
def validating_url(hapi: HapiServer) -> str:
    """Where the same server validates requests: what HL7's engine calls an error is refused."""
    return hapi.validating_url


@pytest.fixture(scope="session")
def hl7_engine() -> Iterator[Hl7Engine]:
    """HL7's Java engine for the session. Tests share it."""
    with Hl7Engine() as engine:
        yield engine
