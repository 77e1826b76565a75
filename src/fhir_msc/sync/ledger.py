"""The ledger: what each target should have and is known to have, in one file per project.

A ``Ledger`` is open for one target and belongs to the thread that opened it. Whatever is written is written inside
``begin()``, which is one database transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from sqlalchemy import Connection, Engine, case, insert, or_, select, update
from sqlalchemy.exc import DBAPIError

from fhir_msc.errors import LedgerError, SecretError
from fhir_msc.sync import storage, tables


@dataclass(frozen=True, slots=True)
class Identity:
    """What a ledger belongs to.

    ``secret`` is the fingerprint of the project's secret (never the secret), ``domain`` the random word that sets the
    ids of this target apart from any other's, ``engine`` the version that writes.
    """

    secret: str
    domain: str
    blind: bool
    engine: str


class Ledger:
    """A project's ledger, open for one target."""

    def __init__(self, engine: Engine, connection: Connection, target: str, target_id: int) -> None:
        self._engine = engine
        self._connection = connection
        self.target = target
        self.target_id = target_id
        self._is_rehearsal = False

    @classmethod
    def open(cls, path: Path, identity: Identity, target: str) -> Ledger:
        """Opens or creates the ledger, migrates it, and checks that it belongs to this project.

        Raises SecretError for another secret than the ledger's, LedgerError for a blind project's ledger in an
        unblinded project (and the other way round), for another identity domain, and for a newer schema.
        """
        engine = storage.open_engine(path)
        with _clear_errors(path):
            connection = engine.connect()
        try:
            with _clear_errors(path), connection.begin():
                storage.migrate(connection)
                target_id = _belongs(connection, identity, target)
        except BaseException:
            connection.close()
            raise
        return cls(engine, connection, target, target_id)

    @classmethod
    def look(cls, path: Path, target: str, domain: str) -> Ledger | None:
        """The ledger for reading only, beside a running worker; ``None`` if there is none for this target yet. A target
        that was renamed since is known by its identity ``domain``. Raises LedgerError where it cannot be read."""
        if not _is_there(path):
            return None
        engine = storage.open_engine(path, read_only=True)
        with _clear_errors(path):
            connection = engine.connect()
        with _clear_errors(path), connection.begin():
            schema = storage.schema_of(connection)
            target_id = _found(connection, target, domain) if schema == storage.SCHEMA else None
        if target_id is None:
            connection.close()
            if schema not in (None, storage.SCHEMA):
                raise LedgerError(f"the ledger has schema {schema}, this engine reads {storage.SCHEMA}")
            return None
        return cls(engine, connection, target, target_id)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One database transaction: committed at the end, rolled back by an exception. The connection is always the
        same, so that what reads on and on may go on in the next transaction.

        Raises LedgerError where the database fails (a full disk, a lock that is not given up).
        """
        within = self._connection.begin_nested if self._is_rehearsal else self._connection.begin
        with _clear_errors(Path(self._engine.url.database or "")), within():
            yield self._connection

    @contextmanager
    def rehearsed(self) -> Iterator[None]:
        """What is written within this context is taken back at its end."""
        with _clear_errors(Path(self._engine.url.database or "")):
            whole = self._connection.begin()
            self._is_rehearsal = True
            try:
                yield
            finally:
                self._is_rehearsal = False
                whole.rollback()

    def close(self) -> None:
        """Gives the file back."""
        self._connection.close()
        self._engine.dispose()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _is_there(path: Path) -> bool:
    try:
        with path.open("rb"):
            return True
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise LedgerError(
            f"{path}: the ledger cannot be read: {error.strerror}",
            hint="run fhir-msc as the user whom the project's folder belongs to",
        ) from error


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        # Only the driver's own words: SQLAlchemy's carry the statement.
        cause = str(error.orig) if isinstance(error.orig, sqlite3.Error) else type(error.orig).__name__
        raise LedgerError(
            f"{path.name}: the ledger cannot be read or written: {cause}",
            hint="free the disk, close what holds the file, or run as its owner; nothing half-done was kept",
        ) from None


def _belongs(connection: Connection, identity: Identity, target: str) -> int:
    """The target's id in the ledger; a new ledger takes the identity, a known one must have it."""
    found = dict(connection.execute(select(tables.meta.c.name, tables.meta.c.value)).all())
    kind = "blind" if identity.blind else "unblinded"
    if not found:
        values = {"secret": identity.secret, "kind": kind, "engine": identity.engine}
        connection.execute(insert(tables.meta), [{"name": name, "value": value} for name, value in values.items()])
    else:
        if found["secret"] != identity.secret:
            raise SecretError(
                "another secret than the ledger's: every id would change, which would double every resource",
                hint="restore the secret that the ledger was made with",
            )
        if found["kind"] != kind:
            raise LedgerError(
                f"the ledger belongs to a project that is {found['kind']}, this one is {kind}",
                hint="a blind and an unblinded project are two folders, each with its own ledger and secret",
            )
        if found["engine"] != identity.engine:
            connection.execute(update(tables.meta).where(tables.meta.c.name == "engine").values(value=identity.engine))
    known = connection.execute(
        select(tables.target.c.id, tables.target.c.domain).where(tables.target.c.name == target)
    ).one_or_none()
    if known is None and _renamed(connection, identity.domain, target):
        return _belongs(connection, identity, target)
    if known is None:
        added: int = connection.execute(
            insert(tables.target).values(name=target, domain=identity.domain).returning(tables.target.c.id)
        ).scalar_one()
        return added
    if known.domain != identity.domain:
        raise LedgerError(
            f"target {target} has another identity domain than in the ledger: every id would change",
            hint="restore the domain in the config, or give the new server a target of its own",
        )
    return int(known.id)


def _found(connection: Connection, name: str, domain: str) -> int | None:
    """The target of this name, else the one of this identity domain: under which name the next sync goes on."""
    is_it = or_(tables.target.c.name == name, tables.target.c.domain == domain)
    by_name = case((tables.target.c.name == name, 0), else_=1)
    found: int | None = connection.execute(select(tables.target.c.id).where(is_it).order_by(by_name)).scalar()
    return found


def _renamed(connection: Connection, domain: str, name: str) -> bool:
    """Gives the target of this identity domain its new name, if there is one: what it was sent is still there."""
    earlier = tables.target.c.domain == domain
    return connection.execute(update(tables.target).where(earlier).values(name=name)).rowcount > 0
