"""The threads that ask the server: answers and errors come back, and a hanging one does not hold the process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError

import pytest

from fhir_msc.errors import OutcomeUnknown
from fhir_msc.sync.senders import Senders


@pytest.fixture
def senders() -> Iterator[Senders]:
    one = Senders(1)
    yield one
    one.close(wait=True)


def test_answers_and_errors_come_back(senders: Senders) -> None:
    def fail() -> int:
        raise OutcomeUnknown("sent and not answered")

    assert senders.submit(lambda: 7).result(10) == 7
    assert isinstance(senders.submit(fail).exception(10), OutcomeUnknown)
    assert senders.submit(lambda: 8).result(10) == 8


def test_what_is_cancelled_before_its_turn_is_never_asked(senders: Senders) -> None:
    asked: list[str] = []
    go_on = threading.Event()
    first = senders.submit(lambda: go_on.wait(10))
    second = senders.submit(lambda: asked.append("second"))
    assert second.cancel()
    go_on.set()
    assert first.result(10)
    assert senders.submit(lambda: 1).result(10) == 1
    assert asked == []
    with pytest.raises(CancelledError):
        second.result(10)


def test_no_more_threads_than_connections_and_none_that_outlives_the_process() -> None:
    senders = Senders(2)
    go_on = threading.Event()
    before = set(threading.enumerate())
    futures = [senders.submit(lambda: go_on.wait(10)) for _ in range(5)]
    threads = set(threading.enumerate()) - before
    assert len(threads) == 2
    assert all(thread.daemon for thread in threads)
    go_on.set()
    assert all(future.result(10) for future in futures)
    senders.close(wait=True)
    assert not any(thread.is_alive() for thread in threads)
