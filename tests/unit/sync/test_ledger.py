from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select

from fhir_msc.errors import LedgerError, SecretError
from fhir_msc.sync import storage, tables
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.staging import stage
from tests.support.desiredset import by_table
from tests.support.desiredset import resource as desired
from tests.support.ledgers import IDENTITY, FakeTime


def test_the_migrations_make_the_tables(ledger: Ledger) -> None:
    with ledger.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


def test_a_new_ledger_is_readable_by_its_owner_alone_and_syncs_every_commit(tmp_path: Path) -> None:
    path = tmp_path / "state" / "ledger.db"
    with Ledger.open(path, IDENTITY, "store") as ledger, ledger.begin() as connection:
        for name in os.listdir(path.parent):
            assert stat.S_IMODE((path.parent / name).stat().st_mode) == 0o600
        pragmas = ("journal_mode", "synchronous", "foreign_keys")
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
        assert found == ["wal", 2, 1]


def test_another_secret_is_refused(path: Path) -> None:
    with pytest.raises(SecretError, match="would double every resource") as caught:
        Ledger.open(path, replace(IDENTITY, secret="f2"), "store")
    assert "restore the secret" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("change", "words"),
    [({"blind": False}, "belongs to a project that is blind"), ({"domain": "opal"}, "another identity domain")],
)
def test_a_ledger_of_another_kind_is_refused(path: Path, change: dict[str, object], words: str) -> None:
    with pytest.raises(LedgerError, match=words):
        Ledger.open(path, replace(IDENTITY, **change), "store")  # type: ignore[arg-type]


def test_a_newer_engine_is_taken_and_a_newer_schema_refused(path: Path) -> None:
    Ledger.open(path, replace(IDENTITY, engine="0.2.0"), "store").close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(LedgerError, match=f"schema 9999, this engine knows {storage.SCHEMA} at most"):
        Ledger.open(path, IDENTITY, "store")
    with pytest.raises(LedgerError, match="schema 9999"):
        Ledger.look(path, "store", IDENTITY.domain)


def test_two_targets_share_a_ledger(path: Path) -> None:
    with Ledger.open(path, replace(IDENTITY, domain="opal"), "ehr") as second:
        assert second.target_id == 2
    with Ledger.open(path, IDENTITY, "store") as first:
        assert first.target_id == 1


def test_what_fails_is_rolled_back_and_tells_no_values(ledger: Ledger) -> None:
    row = {"name": "x", "value": "Jane Roe"}
    with pytest.raises(LedgerError) as caught, ledger.begin() as connection:
        connection.execute(insert(tables.meta), [row, row])
    assert "UNIQUE constraint failed" in caught.value.message
    assert "Jane" not in f"{caught.value}{caught.value.__cause__}"
    with ledger.begin() as connection:
        assert connection.execute(select(tables.meta.c.id).where(tables.meta.c.name == "x")).first() is None


def test_a_file_that_is_no_ledger_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database at all, but long enough to be taken for one" * 20)
    with pytest.raises(LedgerError, match=r"ledger\.db: the ledger cannot be read or written: file is not a database"):
        Ledger.open(path, IDENTITY, "store")


def test_a_look_reads_beside_a_writer_and_writes_nothing(path: Path, ledger: Ledger, tmp_path: Path) -> None:
    with ledger.begin():
        look = Ledger.look(path, "store", IDENTITY.domain)
        assert look is not None
        with look, look.begin() as connection:
            assert connection.execute(select(tables.target.c.name)).scalar() == "store"
            with pytest.raises(Exception, match="readonly"):
                connection.execute(insert(tables.meta).values(name="x", value="y"))
    assert Ledger.look(path, "other", "another") is None
    assert Ledger.look(tmp_path / "none.db", "store", IDENTITY.domain) is None


def test_the_schema_is_the_newest_migration() -> None:
    versions = Path(storage.__file__).with_name("migrations") / "versions"
    assert max(file.name[:4] for file in versions.glob("[0-9]*.py")) == storage.SCHEMA


def test_a_rehearsal_leaves_no_trace(ledger: Ledger) -> None:
    def names() -> list[str]:
        with ledger.begin() as connection:
            return list(connection.execute(select(tables.meta.c.name).order_by(tables.meta.c.id)).scalars())

    def write(name: str, *, fails: bool = False) -> None:
        with ledger.begin() as connection:
            connection.execute(insert(tables.meta), [{"name": name, "value": "y"}])
            if fails:
                raise ZeroDivisionError

    def rehearse(*, fails: bool) -> None:
        with ledger.rehearsed():
            write("x")
            assert names() == [*before, "x"]
            with pytest.raises(ZeroDivisionError):
                write("z", fails=True)
            assert names() == [*before, "x"]
            if fails:
                raise ZeroDivisionError

    before = names()
    rehearse(fails=False)
    assert names() == before
    with pytest.raises(ZeroDivisionError):
        rehearse(fails=True)
    assert names() == before


def test_an_earlier_schema_is_migrated_whole_or_not_at_all(path: Path, ledger: Ledger, time: FakeTime) -> None:
    stage(ledger, by_table(*(desired("Observation", f"o{n}", "p1") for n in range(5))), time())
    ledger.close()
    kept = ("resource", "body", "origin", "meta")
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            "DROP INDEX resource_given; ALTER TABLE target DROP COLUMN url;"
            "UPDATE alembic_version SET version_num = '0003'"
        )
        before = [database.execute(f"SELECT * FROM {table}").fetchall() for table in kept]
    with pytest.raises(SecretError):
        Ledger.open(path, replace(IDENTITY, secret="another"), "store")
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchone() == ("0003",)
    Ledger.open(path, IDENTITY, "store").close()
    with closing(sqlite3.connect(path)) as database:
        assert [database.execute(f"SELECT * FROM {table}").fetchall() for table in kept] == before
        assert database.execute("SELECT version_num FROM alembic_version").fetchone() == (storage.SCHEMA,)
