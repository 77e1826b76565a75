"""Temporary SQLite files: what must be kept as a set while rows stream stays out of memory."""

from __future__ import annotations

import sqlite3


def scratch_database() -> sqlite3.Connection:
    """A database of its own on disk that vanishes when it is closed; its cache is a quarter of a megabyte."""
    connection = sqlite3.connect("", isolation_level=None)
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -256")
    connection.execute("PRAGMA temp_store = FILE")
    return connection
