"""What the ledger keeps of a source table beside its resources: fingerprint, account of its rows, findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

import orjson
from sqlalchemy import Connection, delete, insert, select

from fhir_msc.desired import Account
from fhir_msc.findings import Finding, Origin, Severity
from fhir_msc.sync import tables
from fhir_msc.sync.storage import insert_or_update
from fhir_msc.sync.tables import account, finding, instant, staged


def fingerprint_of(connection: Connection, target_id: int, source: str) -> bytes | None:
    """The fingerprint at which the table was last staged; ``None`` when it must be staged."""
    found: bytes | None = connection.execute(
        select(staged.c.fingerprint).where(staged.c.target_id == target_id, staged.c.source == source)
    ).scalar()
    return found


def record_staged(
    connection: Connection, target_id: int, of: Account, fingerprint: bytes | None, now: datetime
) -> None:
    """Keeps the table's fingerprint and account in place of the earlier ones."""
    values = {"fingerprint": fingerprint, "file": of.file, "rows": of.rows, "staged_at": instant(now)}
    connection.execute(
        insert_or_update(connection, staged, ("target_id", "source"), tuple(values)),
        {"target_id": target_id, "source": of.table, **values},
    )
    connection.execute(delete(account).where(account.c.target_id == target_id, account.c.source == of.table))
    if of.outcomes:
        connection.execute(
            insert(account),
            [
                {"target_id": target_id, "source": of.table, "outcome": outcome, "reason": reason, "rows": rows}
                for (outcome, reason), rows in sorted(of.outcomes.items())
            ],
        )


def record_findings(connection: Connection, target_id: int, source: str, found: Iterable[Finding]) -> None:
    """Keeps the table's findings in place of the earlier ones."""
    connection.execute(delete(finding).where(finding.c.target_id == target_id, finding.c.source == source))
    rows = [{"target_id": target_id, "source": source, "document": _document(one)} for one in found]
    if rows:
        connection.execute(insert(finding), rows)


def accounts(connection: Connection, target_id: int) -> tuple[Account, ...]:
    """The accounts of all tables, by name, each as of the commit that staged it."""
    outcomes: dict[str, Counter[tuple[str, str]]] = {}
    for row in connection.execute(select(account).where(account.c.target_id == target_id)):
        outcomes.setdefault(row.source, Counter())[row.outcome, row.reason] = row.rows
    known = connection.execute(
        select(staged.c.source, staged.c.file, staged.c.rows)
        .where(staged.c.target_id == target_id)
        .order_by(staged.c.source)
    )
    return tuple(Account(source, file, rows, outcomes.get(source, Counter())) for source, file, rows in known)


def findings(connection: Connection, target_id: int) -> Iterator[Finding]:
    """The findings of all tables, in the order in which they were found."""
    documents = connection.execute(
        select(finding.c.document).where(finding.c.target_id == target_id).order_by(finding.c.source, finding.c.id)
    )
    for document in documents.scalars():
        yield _finding(document)


def origins(connection: Connection, resource_id: int) -> tuple[Origin, ...]:
    """The cells a resource comes from."""
    rows = connection.execute(
        select(tables.origin).where(tables.origin.c.resource_id == resource_id).order_by(tables.origin.c.id)
    )
    return tuple(Origin(row.file, row.source, row.row, tuple(orjson.loads(row.fields)), row.key) for row in rows)


def _document(one: Finding) -> str:
    return orjson.dumps(one).decode()


def _finding(document: str) -> Finding:
    values = orjson.loads(document)
    values["severity"] = Severity(values["severity"])
    values["origins"] = tuple(Origin(**{**place, "fields": tuple(place["fields"])}) for place in values["origins"])
    return Finding(**values)
