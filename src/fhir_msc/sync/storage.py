"""The seam to the database: the one place that knows SQLite.

WAL with ``synchronous=FULL``: what is committed survives a power cut. Transactions of a writer begin IMMEDIATE, so that
a reader is never turned into a writer half-way. Statements elsewhere run on PostgreSQL as they are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event, inspect, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.dml import Insert, Update
from sqlalchemy.sql.schema import Table

from fhir_msc.errors import LedgerError

SCHEMA = "0004"
"""The newest migration."""

RowWriter: TypeAlias = Callable[[Sequence[tuple[object, ...]]], None]
"""Takes rows to write."""

BUSY_SECONDS = 10


def open_engine(path: Path, *, read_only: bool = False) -> Engine:
    """An engine on the ledger file, which is made readable by its owner alone if it is new. For reading only, it may
    lie where nothing can be written.

    The engine hides bound parameters in its errors: they are whole resources.
    """
    if not read_only and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    engine = create_engine(_address(path, read_only), poolclass=NullPool, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        # The driver's own transactions begin late and commit before DDL; ours begin and end where we say.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
        else:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def _address(path: Path, read_only: bool) -> URL:
    """Where the ledger lies. SQLite shares its index of the log by a file beside the ledger, for reading too; where it
    cannot make one and there is no log, nobody writes, and the file is read as it is."""
    is_still = read_only and not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()
    if not is_still:
        return URL.create("sqlite", database=str(path))
    as_it_is = {"mode": "ro", "immutable": "1", "uri": "true"}
    return URL.create("sqlite", database=f"file:{quote(str(path.absolute()))}", query=as_it_is)


def insert_or_update(connection: Connection, table: Table, keys: tuple[str, ...], values: tuple[str, ...]) -> Insert:
    """``INSERT … ON CONFLICT (keys) DO UPDATE`` of ``values``; without values ``DO NOTHING``."""
    statement = (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(table)
    if not values:
        return statement.on_conflict_do_nothing(index_elements=list(keys))
    return statement.on_conflict_do_update(
        index_elements=list(keys), set_={name: statement.excluded[name] for name in values}
    )


def row_writer(connection: Connection, statement: Insert | Update, names: tuple[str, ...]) -> RowWriter:
    """What runs an INSERT or UPDATE for many rows, each the values of these parameters in the statement's order.

    For what is written once per resource: the rows go to the driver as they are, which spares SQLAlchemy's work for
    each value, half of the time. Values must be what the driver takes. A statement that is made once is compiled once.
    """
    sql, is_positional = _compiled(statement, names, connection.dialect)

    def run(rows: Sequence[tuple[object, ...]]) -> None:
        if not rows:
            return
        if is_positional:
            connection.exec_driver_sql(sql, list(rows))
        else:
            connection.exec_driver_sql(sql, [dict(zip(names, row, strict=True)) for row in rows])

    return run


@lru_cache(maxsize=64)
def _compiled(statement: Insert | Update, names: tuple[str, ...], dialect: Dialect) -> tuple[str, bool]:
    columns = list(names) if isinstance(statement, Insert) else None
    compiled = statement.compile(dialect=dialect, column_keys=columns)
    order = compiled.positiontup
    if order is not None and tuple(order) != names:
        raise ValueError(f"the parameters must come in the order of the statement: {order}")
    return str(compiled), order is not None


def schema_of(connection: Connection) -> str | None:
    """The migration that the ledger stands at; ``None`` for a new file."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def migrate(connection: Connection) -> None:
    """Brings the schema up to date, inside the caller's transaction.

    Raises LedgerError if the ledger was written by a newer engine, whose schema this one does not know.
    """
    found = schema_of(connection)
    if found == SCHEMA:
        return
    if found is not None and found > SCHEMA:
        raise LedgerError(
            f"the ledger has schema {found}, this engine knows {SCHEMA} at most",
            hint="run the newer fhir-msc that wrote it; schemas only go forward",
        )
    # Alembic takes 0.2 s to import and is needed once in a ledger's life.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
