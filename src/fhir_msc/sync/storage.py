"""The seam to the database: the one place that knows SQLite.

WAL with ``synchronous=FULL``: what is committed survives a power cut. Transactions of a writer begin IMMEDIATE, so that
a reader is never turned into a writer half-way. Statements elsewhere run on PostgreSQL as they are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.schema import Table

from fhir_msc.errors import LedgerError

SCHEMA = "0001"
"""The newest migration."""

RowInsert: TypeAlias = Callable[[Sequence[tuple[object, ...]]], None]
"""Takes rows to insert."""

BUSY_SECONDS = 10


def open_engine(path: Path, *, read_only: bool = False) -> Engine:
    """An engine on the ledger file, which is made readable by its owner alone if it is new.

    The engine hides bound parameters in its errors: they are whole resources.
    """
    if not read_only and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, hide_parameters=True)

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


def insert_or_update(connection: Connection, table: Table, keys: tuple[str, ...], values: tuple[str, ...]) -> Insert:
    """``INSERT … ON CONFLICT (keys) DO UPDATE`` of ``values``; without values ``DO NOTHING``."""
    statement = (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(table)
    if not values:
        return statement.on_conflict_do_nothing(index_elements=list(keys))
    return statement.on_conflict_do_update(
        index_elements=list(keys), set_={name: statement.excluded[name] for name in values}
    )


def row_insert(connection: Connection, statement: Insert, columns: tuple[str, ...]) -> RowInsert:
    """What runs an INSERT of these columns for many rows, values in the columns' order, which is the table's.

    For the rows of staging: they go to the driver as they are, which spares SQLAlchemy's work for each value, half of
    the time. Values must be what the driver takes.
    """
    compiled = statement.compile(dialect=connection.dialect, column_keys=list(columns))
    sql, order = str(compiled), compiled.positiontup
    if order is not None and tuple(order) != columns:
        raise ValueError(f"the columns must come in the order of the table: {order}")

    def run(rows: Sequence[tuple[object, ...]]) -> None:
        if not rows:
            return
        if order is None:
            connection.exec_driver_sql(sql, [dict(zip(columns, row, strict=True)) for row in rows])
        else:
            connection.exec_driver_sql(sql, list(rows))

    return run


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
