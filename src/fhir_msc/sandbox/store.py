"""Every version of every resource, and the index, in one SQLite database, in memory or in a file.

A file survives kill -9. Bodies are stored as bytes. One transaction of the caller is one transaction of SQLite; the
caller runs one at a time.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from fhir_msc.sandbox.bodies import Reference
from fhir_msc.sandbox.search import Condition, Rows

Method = Literal["POST", "PUT", "DELETE"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS resource (
    rid INTEGER PRIMARY KEY, type TEXT NOT NULL, id TEXT NOT NULL,
    seq INTEGER NOT NULL,       -- its current version
    updated INTEGER NOT NULL,   -- milliseconds since 1970
    deleted INTEGER NOT NULL, digest BLOB, labels BLOB,
    UNIQUE (type, id)
);
CREATE TABLE IF NOT EXISTS version (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, rid INTEGER NOT NULL REFERENCES resource, number INTEGER NOT NULL,
    updated INTEGER NOT NULL, method TEXT NOT NULL, body BLOB,
    UNIQUE (rid, number)
);
CREATE TABLE IF NOT EXISTS token (
    name TEXT NOT NULL, code TEXT NOT NULL, system TEXT NOT NULL, rid INTEGER NOT NULL,
    PRIMARY KEY (name, code, system, rid)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS token_of ON token (rid);
CREATE TABLE IF NOT EXISTS date (
    name TEXT NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL, rid INTEGER NOT NULL,
    PRIMARY KEY (name, low, high, rid)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS date_of ON date (rid);
CREATE TABLE IF NOT EXISTS reference (
    target_id TEXT NOT NULL, target_type TEXT NOT NULL, path TEXT NOT NULL, rid INTEGER NOT NULL,
    PRIMARY KEY (target_id, target_type, path, rid)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS reference_of ON reference (rid);
"""


@dataclass(frozen=True, slots=True)
class Current:
    """A resource as it stands: its row, its version, and what the next update is compared with.

    ``digest`` is of the body without its version; ``labels`` are its tags and security labels as JSON.
    """

    rid: int
    number: int
    updated: int
    deleted: bool
    digest: bytes | None
    labels: bytes | None


@dataclass(frozen=True, slots=True)
class Version:
    """One version; a deletion has no body. ``updated`` is in milliseconds since 1970."""

    type: str
    id: str
    number: int
    updated: int
    method: Method
    body: bytes | None


class Store:
    """The database. ``clock`` gives milliseconds since 1970; two transactions never share one."""

    def __init__(self, database: Path | None, clock: Callable[[], int]) -> None:
        self._connection = sqlite3.connect(
            database or ":memory:", timeout=1, isolation_level=None, check_same_thread=False
        )
        self._clock = clock
        try:
            for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "cache_size=-65536"):
                self._connection.execute(f"PRAGMA {pragma}")
            self._connection.executescript(_SCHEMA)
            row = self._connection.execute("SELECT coalesce(max(updated), 0) FROM version").fetchone()
        except sqlite3.Error:
            self._connection.close()
            raise
        self.now: int = row[0]

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing. Everything written in it was last updated at ``now``."""
        self._connection.execute("BEGIN IMMEDIATE")
        self.now = max(self._clock(), self.now + 1)
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of a transaction that can fail alone."""
        self._connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK TO part")
            raise
        finally:
            self._connection.execute("RELEASE part")

    def current(self, type_name: str, identity: str) -> Current | None:
        """The resource as it stands, deleted or not; None if it never was."""
        row = self._connection.execute(
            "SELECT r.rid, v.number, r.updated, r.deleted, r.digest, r.labels"
            " FROM resource r JOIN version v ON v.seq = r.seq WHERE r.type = ? AND r.id = ?",
            (type_name, identity),
        ).fetchone()
        return Current(row[0], row[1], row[2], bool(row[3]), row[4], row[5]) if row else None

    def exists(self, type_name: str, identity: str) -> bool | None:
        """Whether the resource can be read; None if it never was."""
        row = self._connection.execute(
            "SELECT deleted FROM resource WHERE type = ? AND id = ?", (type_name, identity)
        ).fetchone()
        return None if row is None else not row[0]

    def write(self, version: Version, before: Current | None, digest: bytes | None, labels: bytes | None) -> int:
        """Add a version and make it the current one; the resource's row."""
        run = self._connection.execute
        if before is None:
            rid = run(
                "INSERT INTO resource (type, id, seq, updated, deleted) VALUES (?, ?, 0, 0, 0)",
                (version.type, version.id),
            ).lastrowid
        else:
            rid = before.rid
        seq = run(
            "INSERT INTO version (rid, number, updated, method, body) VALUES (?, ?, ?, ?, ?)",
            (rid, version.number, version.updated, version.method, version.body),
        ).lastrowid
        run(
            "UPDATE resource SET seq = ?, updated = ?, deleted = ?, digest = ?, labels = ? WHERE rid = ?",
            (seq, version.updated, version.body is None, digest, labels, rid),
        )
        if rid is None:
            raise RuntimeError("SQLite gave no row for an insert")
        return rid

    def index(self, rid: int, rows: Rows, references: Iterable[Reference], *, new: bool) -> None:
        """Put the resource's rows into the index in place of those it had."""
        many = self._connection.executemany
        if not new:
            for table in ("token", "date", "reference"):
                self._connection.execute(f"DELETE FROM {table} WHERE rid = ?", (rid,))  # noqa: S608
        many("INSERT INTO token VALUES (?, ?, ?, ?)", [(*row, rid) for row in rows.tokens])
        many("INSERT INTO date VALUES (?, ?, ?, ?)", [(*row, rid) for row in rows.dates])
        many(
            "INSERT OR IGNORE INTO reference VALUES (?, ?, ?, ?)",
            [(reference.id, reference.type, reference.path, rid) for reference in references],
        )

    def referrer(self, type_name: str, identity: str) -> tuple[str, str] | None:
        """Type and id of one resource that refers to it."""
        row: tuple[str, str] | None = self._connection.execute(
            "SELECT r.type, r.id FROM reference f JOIN resource r USING (rid)"
            " WHERE f.target_id = ? AND f.target_type = ? LIMIT 1",
            (identity, type_name),
        ).fetchone()
        return row

    def version(self, type_name: str, identity: str, number: int | None = None) -> Version | None:
        """A version of a resource, the current one if no number is given."""
        which = "v.seq = r.seq" if number is None else "v.number = ?"
        row = self._connection.execute(
            f"{_VERSION} AND r.type = ? AND r.id = ? AND {which}",
            (type_name, identity) if number is None else (type_name, identity, number),
        ).fetchone()
        return Version(*row) if row else None

    def search(self, type_name: str, conditions: Sequence[Condition], limit: int = -1) -> array[int]:
        """The current versions that fulfil the conditions, in the order in which they first came."""
        sql, arguments = _where(type_name, conditions)
        rows = self._connection.execute(f"SELECT r.seq {sql} ORDER BY r.rid LIMIT ?", (*arguments, limit))
        return array("q", (row[0] for row in rows))

    def count(self, type_name: str, conditions: Sequence[Condition]) -> int:
        """How many resources fulfil the conditions."""
        sql, arguments = _where(type_name, conditions)
        found: int = self._connection.execute(f"SELECT count(*) {sql}", arguments).fetchone()[0]
        return found

    def history(self, type_name: str, identity: str | None, since: int | None) -> array[int]:
        """The versions of a type or of one resource, the newest first."""
        sql, arguments = "SELECT v.seq FROM version v JOIN resource r USING (rid) WHERE r.type = ?", [type_name]
        rows = self._connection.execute(
            f"{sql} AND (? IS NULL OR r.id = ?) AND (? IS NULL OR v.updated >= ?) ORDER BY v.seq DESC",
            (*arguments, identity, identity, since, since),
        )
        return array("q", (row[0] for row in rows))

    def versions(self, seqs: Iterable[int]) -> list[Version]:
        """The versions that `search` and `history` found."""
        found = []
        for seq in seqs:
            row = self._connection.execute(f"{_VERSION} AND v.seq = ?", (seq,)).fetchone()
            found.append(Version(*row))
        return found


def instant(millis: int) -> str:
    """Milliseconds since 1970 as FHIR writes them."""
    return moment(millis).isoformat(timespec="milliseconds")


def moment(millis: int) -> datetime:
    """Milliseconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(millis // 1000, UTC).replace(microsecond=millis % 1000 * 1000)


_VERSION = (
    "SELECT r.type, r.id, v.number, v.updated, v.method, v.body FROM version v JOIN resource r USING (rid) WHERE 1"
)


def _where(type_name: str, conditions: Sequence[Condition]) -> tuple[str, tuple[str | int, ...]]:
    sql = "".join(f" AND {condition.sql}" for condition in conditions)
    arguments = tuple(argument for condition in conditions for argument in condition.arguments)
    return f"FROM resource r WHERE r.type = ? AND r.deleted = 0{sql}", (type_name, *arguments)
