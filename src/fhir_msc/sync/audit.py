"""The audit: what left, when, on whose word. Append-only and hash-chained (21 CFR 11.10(e)).

Each row carries SHA-256 over the hash of the row before it and its own content, so that a byte changed anywhere breaks
the chain from there on. The database refuses UPDATE and DELETE on the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import orjson
from sqlalchemy import Connection, insert, select

from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.storage import row_writer
from fhir_msc.sync.tables import audit, instant

ACTOR = "fhir-msc"
"""On whose word the program acts where nobody else is named."""

_START = bytes(32)
_CONTENT = ("at", "actor", "target", "event", "type", "rid", "digest", "before", "version", "reason")
_INSERT = insert(audit)
_LAST = select(audit.c.id, audit.c.hash).order_by(audit.c.id.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a resource on the server, or that we found there.

    ``event`` is created, updated, adopted, deleted, conflict, refused, forgotten (by the server: to be sent again),
    settled (a person's answer to a possible correction), retired (on a person's word) or moved (the target has another
    url). ``digest`` and ``before`` are
    the SHA-256, in hex, of the body that is there now and of the one before; empty where there is none.
    """

    event: str
    type: str
    rid: str
    digest: str = ""
    before: str = ""
    version: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """How many rows the audit has, and the first whose hash is not that of its content; ``None`` if all are right."""

    rows: int
    broken_at: int | None = None


def append(connection: Connection, target: str, actor: str, events: Sequence[Event], now: datetime) -> None:
    """Adds events in the caller's transaction."""
    if not events:
        return
    last = connection.execute(_LAST).one_or_none()
    number, previous = (0, _START) if last is None else (last.id, last.hash)
    at = instant(now)
    rows: list[tuple[object, ...]] = []
    for one in events:
        number += 1
        content = (
            at, actor, target, one.event, one.type, one.rid, one.digest, one.before, one.version, one.reason
        )  # fmt: skip
        previous = _hash(previous, number, content)
        rows.append((number, *content, previous))
    row_writer(connection, _INSERT, ("id", *_CONTENT, "hash"))(rows)


def verify_audit(ledger: Ledger) -> AuditVerdict:
    """Recomputes the chain. A changed, missing or inserted row shows as ``broken_at``."""
    with ledger.begin() as connection:
        previous, count = _START, 0
        for row in connection.execute(select(audit).order_by(audit.c.id)).mappings():
            count += 1
            previous = _hash(previous, count, tuple(row[name] for name in _CONTENT))
            if row["id"] != count or row["hash"] != previous:
                return AuditVerdict(count, broken_at=count)
    return AuditVerdict(count)


def _hash(previous: bytes, number: int, content: tuple[object, ...]) -> bytes:
    return sha256(previous + orjson.dumps((number, *content))).digest()
