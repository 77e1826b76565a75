from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from fhir_msc.errors import LedgerError
from fhir_msc.sync.audit import AuditVerdict, Event, append, verify_audit
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.tables import audit
from tests.support.ledgers import FakeTime

EVENTS = [Event("created", "Patient", f"p{n}", digest="aa", version="1") for n in range(5)]


@pytest.fixture(autouse=True)
def _five(ledger: Ledger, time: FakeTime) -> None:
    for part in (EVENTS[:2], [], EVENTS[2:]):
        with ledger.begin() as connection:
            append(connection, "store", "worker", part, time())


def test_it_holds(ledger: Ledger) -> None:
    assert verify_audit(ledger) == AuditVerdict(rows=5)


def test_it_cannot_be_changed_or_deleted(ledger: Ledger) -> None:
    for statement in (audit.update().values(rid="x"), audit.delete()):
        with pytest.raises(LedgerError, match="append-only"), ledger.begin() as connection:
            connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        ("UPDATE audit SET rid = 'q3' WHERE id = 4", 4),
        ("UPDATE audit SET at = replace(at, '2026', '2027') WHERE id = 2", 2),
        ("UPDATE audit SET hash = zeroblob(32) WHERE id = 5", 5),
        ("DELETE FROM audit WHERE id = 3", 3),
        ("DELETE FROM audit WHERE id = 1", 1),
        ("UPDATE audit SET id = id + 10 WHERE id = 5", 5),
    ],
)
def test_what_was_done_behind_its_back_is_found(path: Path, ledger: Ledger, statement: str, broken_at: int) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER audit_no_update")
        connection.execute("DROP TRIGGER audit_no_delete")
        connection.execute(statement)
    connection.close()
    assert verify_audit(ledger).broken_at == broken_at
