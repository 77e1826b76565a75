"""Ledgers and clocks for tests of the sync."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from fhir_msc.sync import storage
from fhir_msc.sync.ledger import Identity, Ledger

IDENTITY = Identity(secret="f1", domain="amber", blind=True, engine="0.1.0")


class FakeTime:
    """A clock that only waiting moves. It is the stop event as well: set by ``stop()``, or after so many waits."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.waits: list[float] = []
        self._stopped = False
        self._stop_after = stop_after

    def __call__(self) -> datetime:
        return self.now

    def stop(self) -> None:
        self._stopped = True

    def is_set(self) -> bool:
        return self._stopped

    def wait(self, timeout: float) -> bool:
        self.waits.append(timeout)
        self.now += timedelta(seconds=timeout)
        if self._stop_after is not None and len(self.waits) >= self._stop_after:
            self._stopped = True
        return self._stopped


@contextmanager
def statements_compiled_once() -> Iterator[None]:
    """Ledgers of many tests share their compiled statements, which take longer than most tests do."""
    cache: dict[object, object] = {}
    original = storage.open_engine

    def open_engine(path: Path, *, read_only: bool = False) -> Engine:
        engine = original(path, read_only=read_only)
        engine.update_execution_options(compiled_cache=cache)
        return engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "open_engine", open_engine)
        yield


def blank_ledger(folder: Path) -> Path:
    """A ledger file as it is after its first opening."""
    path = folder / "blank.db"
    Ledger.open(path, IDENTITY, "store").close()
    return path


def copy_of(blank: Path, folder: Path) -> Path:
    """A copy to work on."""
    return Path(shutil.copy(blank, folder / "ledger.db"))


class Killed(BaseException):
    """The process dies here."""


class MortalLedger(Ledger):
    """A ledger whose process dies at its n-th commit, just before it or just after."""

    _left = 0
    _committed = False

    def dies_at(self, commit: int, *, committed: bool) -> None:
        self._left = commit
        self._committed = committed

    @property
    def commits(self) -> int:
        """The commits of a ledger that was not to die."""
        return -self._left

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        self._left -= 1
        if self._left == 0 and not self._committed:
            with super().begin() as connection:
                yield connection
                raise Killed
        with super().begin() as connection:
            yield connection
        if self._left == 0:
            raise Killed


def let_senders_finish() -> None:
    """Waits for what was on its way when the process died."""
    for thread in threading.enumerate():
        if thread.name.startswith("sender"):
            thread.join()
