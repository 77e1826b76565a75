"""The source tables that the ledger has resources of, and what is told of one that is missing or empty: it is left as
it is, for a table that gives nothing never counts as vanished rows."""

from __future__ import annotations

from sqlalchemy import Connection, func, select, update

from fhir_msc.findings import Finding, Origin, Severity
from fhir_msc.sync.tables import resource, staged

TABLE_LEFT = "MSC-SYNC-002"


def sources(connection: Connection, target_id: int) -> list[str]:
    """The source tables that the ledger has resources of, by name."""
    found = select(resource.c.source).where(resource.c.target_id == target_id).distinct().order_by(resource.c.source)
    return list(connection.execute(found).scalars())


def count(connection: Connection, target_id: int, source: str) -> int:
    """How many resources the ledger has of a source table."""
    return connection.execute(
        select(func.count()).select_from(resource).where(resource.c.target_id == target_id, resource.c.source == source)
    ).scalar_one()


def left_as_it_is(connection: Connection, target_id: int, source: str, file: str, how: str) -> Finding:
    """The finding for a table that is missing or empty though the ledger has resources of it."""
    resources = count(connection, target_id, source)
    return Finding(
        TABLE_LEFT,
        Severity.WARNING,
        f"table {source} {how}, though {resources} resources came from it: they are left as they are",
        origins=(Origin(file, source),),
        hint="give the table again, or take it out of the mapping",
        count=resources,
    )


def file_of(connection: Connection, target_id: int, source: str) -> str:
    """The file that a table was last staged from."""
    found: str | None = connection.execute(
        select(staged.c.file).where(staged.c.target_id == target_id, staged.c.source == source)
    ).scalar()
    return found or source


def forget_fingerprint(connection: Connection, target_id: int, source: str) -> None:
    """Makes a table be staged again when it comes back, for its findings have changed meanwhile."""
    connection.execute(
        update(staged).where(staged.c.target_id == target_id, staged.c.source == source).values(fingerprint=None)
    )
