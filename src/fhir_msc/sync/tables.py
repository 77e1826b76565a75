"""The tables of the ledger. Integer keys, bodies in a table of their own, instants as UTC text that sorts.

The same tables serve SQLite and PostgreSQL. The migrations create them; ``tests/unit/sync`` compares the two.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    literal_column,
    true,
)
from sqlalchemy.sql.elements import ColumnElement

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("value", Text, nullable=False),
)
"""What the ledger belongs to: the secret's fingerprint, whether the project is blind, the engine that made it."""

target = Table(
    "target",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("domain", String, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", String),
    Column("url", String),
)
"""One FHIR server. ``domain`` is its identity domain; ``due_at`` is when it may be asked again after it was busy;
``url`` where it was delivered to."""

lane = Table(
    "lane",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("target_id", ForeignKey("target.id"), nullable=False),
    Column("key", String, nullable=False),
    Column("epoch", Integer, nullable=False, server_default="0"),
    UniqueConstraint("target_id", "key"),
)
"""Everything of one participant, or of the study (key ``""``). ``epoch`` counts its leases: an answer to an older
lease is not taken."""

body = Table(
    "body",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""FHIR JSON as it leaves."""

resource = Table(
    "resource",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("target_id", ForeignKey("target.id"), nullable=False),
    Column("lane_id", ForeignKey("lane.id"), nullable=False),
    Column("rank", Integer, nullable=False),
    Column("type", String, nullable=False),
    Column("rid", String, nullable=False),
    Column("source", String, nullable=False),
    Column("loose", LargeBinary),
    Column("places", LargeBinary, nullable=False),
    Column("state", String, nullable=False),
    Column("changed_at", String, nullable=False),
    Column("vanished", Boolean, nullable=False, server_default=false()),
    Column("desired_digest", LargeBinary, nullable=False),
    Column("desired_body", Integer, nullable=False),
    Column("sent_digest", LargeBinary),
    Column("sent_body", Integer),
    Column("delivered_digest", LargeBinary),
    Column("delivered_body", Integer),
    Column("server_version", String),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", String),
    Column("reason", Text),
    Column("cause", String),
    Column("twin_id", ForeignKey("resource.id")),
    Column("waiting_on", String),
    Column("server_id", String),
    Column("retired_at", String),
    UniqueConstraint("rid", "target_id"),
)
"""What a target should have and has. ``source`` is the source table, ``places`` a digest of the origins, ``twin_id``
the vanished resource that a held one may be the correction of, ``cause`` why it is desired as it is (source, pack,
config, engine), ``waiting_on`` the rid that is not on the server yet, ``server_id`` the id that the server gave it,
where it does not take ours, ``retired_at`` when a person said that what vanished no longer counts.

The three ``_body`` columns name rows of ``body`` without a foreign key, which would have every deleted body looked for
in three columns. No index begins with ``target_id``: few values make it a bad choice that SQLite would take.
"""

UNFINISHED: ColumnElement[bool] = resource.c.state != literal_column("'sent'")
"""Spelled out, not bound: the index of what is unfinished serves only a query that says so."""

unfinished = Index(
    "resource_unfinished",
    resource.c.state,
    resource.c.lane_id,
    sqlite_where=resource.c.state != "sent",
    postgresql_where=resource.c.state != "sent",
)
gone = Index(
    "resource_vanished",
    resource.c.lane_id,
    resource.c.loose,
    sqlite_where=resource.c.vanished == true(),
    postgresql_where=resource.c.vanished == true(),
)
given = Index(
    "resource_given",
    resource.c.target_id,
    sqlite_where=resource.c.server_id.is_not(None),
    postgresql_where=resource.c.server_id.is_not(None),
)
by_source = Index("resource_source", resource.c.source, resource.c.target_id)

origin = Table(
    "origin",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("resource_id", ForeignKey("resource.id"), nullable=False, index=True),
    Column("file", String, nullable=False),
    Column("source", String, nullable=False),
    Column("row", Integer),
    Column("fields", Text, nullable=False),
    Column("key", String),
)
"""The cells a resource comes from; ``fields`` is a JSON array of column names."""

reference = Table(
    "reference",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("resource_id", ForeignKey("resource.id"), nullable=False, index=True),
    Column("rid", String, nullable=False),
)
"""What the desired body of a resource refers to."""

correction = Table(
    "correction",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("target_id", ForeignKey("target.id"), nullable=False),
    Column("rid", String, nullable=False),
    Column("continues", String, nullable=False),
    UniqueConstraint("target_id", "rid"),
)
"""A key that corrects an earlier one, on a person's word: what has this rid goes on under the rid it ``continues``."""

staged = Table(
    "staged",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("target_id", ForeignKey("target.id"), nullable=False),
    Column("source", String, nullable=False),
    Column("fingerprint", LargeBinary),
    Column("file", String, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("staged_at", String, nullable=False),
    UniqueConstraint("target_id", "source"),
)
"""The source tables, each with the fingerprint it was last staged at; none when it must be staged again."""

account = Table(
    "account",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("target_id", ForeignKey("target.id"), nullable=False),
    Column("source", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("rows", Integer, nullable=False),
    UniqueConstraint("target_id", "source", "outcome", "reason"),
)
"""What became of the rows of a source table."""

finding = Table(
    "finding",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("target_id", ForeignKey("target.id"), nullable=False),
    Column("source", String, nullable=False),
    Column("document", Text, nullable=False),
    Index("finding_source", "target_id", "source"),
)
"""The findings of a source table, as JSON."""

run = Table(
    "run",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("target_id", ForeignKey("target.id"), nullable=False),
    Column("started_at", String, nullable=False),
    Column("ended_at", String),
    Column("ended", String),
    Column("counts", Text),
)
"""The deliveries: when each ran, how it ended, what it did (JSON)."""

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("target", String, nullable=False),
    Column("event", String, nullable=False),
    Column("type", String, nullable=False),
    Column("rid", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("before", String, nullable=False),
    Column("version", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
"""What left, when and on whose word; append-only. ``hash`` is SHA-256 over the previous row's hash and this row."""


def instant(at: datetime) -> str:
    """An aware instant as text in UTC, of one length, so that text order is time order."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
