"""Threads that ask the server, one per connection.

They are daemons, unlike those of ``concurrent.futures``, which the interpreter joins at its end: a server that hangs
would hold a stopped process long after its grace.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

_T = TypeVar("_T")


class Senders:
    """So many threads, started with the first job."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads: list[Thread] = []

    def submit(self, ask: Callable[[], _T]) -> Future[_T]:
        """Has ``ask`` called by the next thread that is free. Whatever it raises, the future raises."""
        while len(self._threads) < self._number:
            thread = Thread(target=self._work, name=f"sender {len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        future: Future[_T] = Future()
        self._jobs.put(lambda: _run(future, ask))
        return future

    def close(self, *, wait: bool) -> None:
        """Ends the threads, each after what it is asking now; ``wait`` until they have ended."""
        for _ in self._threads:
            self._jobs.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _run(future: Future[_T], ask: Callable[[], _T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        answer = ask()
    except BaseException as error:  # noqa: BLE001 - raised where the answer is taken, in the thread with the ledger
        future.set_exception(error)
    else:
        future.set_result(answer)
