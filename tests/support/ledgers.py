"""Ledgers and clocks for tests of the sync."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Connection, Dialect, Engine, func, select

from fhir_msc.sync import storage
from fhir_msc.sync.ledger import Identity, Ledger
from fhir_msc.sync.states import State
from fhir_msc.sync.tables import resource

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
def ledgers_prepared_once() -> Iterator[None]:
    """Ledgers of many tests share their compiled statements and their migrations, which take longer than most tests do.

    The first new ledger of a process is migrated; later ones become what it then was, statement by statement.
    """
    cache: dict[object, object] = {}
    opened, migrated = storage.open_engine, storage.migrate
    dialects: list[Dialect] = []
    first: list[str] = []

    def open_engine(path: Path, *, read_only: bool = False) -> Engine:
        engine = opened(path, read_only=read_only)
        engine.update_execution_options(compiled_cache=cache)
        dialects.append(engine.dialect)
        engine.dialect = dialects[0]  # a part of the key of what is compiled
        return engine

    def migrate(connection: Connection) -> None:
        is_new = connection.exec_driver_sql("SELECT 1 FROM sqlite_master LIMIT 1").first() is None
        for statement in first if is_new else ():
            connection.exec_driver_sql(statement)
        if is_new and first:
            return
        migrated(connection)
        if is_new and storage.schema_of(connection) == storage.SCHEMA:
            first[:] = _dump(connection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "open_engine", open_engine)
        patch.setattr(storage, "migrate", migrate)
        yield


def _dump(connection: Connection) -> list[str]:
    """The statements that make a database what this one is."""
    database = connection.connection.driver_connection
    assert isinstance(database, sqlite3.Connection)
    return [one for one in database.iterdump() if one not in ("BEGIN TRANSACTION;", "COMMIT;")]


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
    """A ledger whose process dies at its n-th commit, just before it or just after.

    Commits are counted that write, or those alone that take the answers of a server: what dies just before such a
    one has sent, and does not know it.
    """

    _left = 0
    _committed = False
    _answers = False

    def dies_at(self, commit: int, *, committed: bool, answers: bool = False) -> None:
        self._left = commit
        self._committed = committed
        self._answers = answers

    @property
    def commits(self) -> int:
        """The commits of a ledger that was not to die."""
        return -self._left

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        with super().begin() as connection:
            before = self._written(connection)
            yield connection
            self._left -= self._written(connection) > before
            dies = self._left == 0 and self._written(connection) > before
            if dies and not self._committed:
                raise Killed
        if dies:
            raise Killed

    def _written(self, connection: Connection) -> int:
        if self._answers:
            return connection.scalar(select(func.count()).where(resource.c.state == State.SENT)) or 0
        return cast(sqlite3.Connection, connection.connection.dbapi_connection).total_changes


def let_senders_finish() -> None:
    """Waits for what was on its way when the process died."""
    for thread in threading.enumerate():
        if thread.name.startswith("sender"):
            thread.join()
