"""Folders and files become sources."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fhir_msc.errors import SourceError
from fhir_msc.sources import Seals, SourceOptions, open_source
from tests.unit.sources.xpt_writer import Column, xpt

STUDY = Path(__file__).parents[4] / "shared/data/sdtm-msg-18subjects"
TEXT = Column("TEXT", 8)


def make(folder: Path, **files: str | bytes) -> Path:
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def member(name: str, value: bytes = b"a") -> bytes:
    return xpt((name, [TEXT], [(value,)]))


@pytest.mark.shared
def test_a_real_study() -> None:
    source = open_source(STUDY, SourceOptions(format="xpt"))
    tables = {table.name: table for table in source.tables()}
    assert len(tables) == 27
    assert tables["LB"].file == "lb.xpt"
    assert list(tables) == sorted(tables)
    assert {"LICENSE", "define.xml", "lb.json"} <= set(source.ignored())
    assert sum(1 for _ in source.rows("LB", ["USUBJID"])) == 3488


@pytest.mark.shared
def test_one_file_of_a_study() -> None:
    [table] = open_source(STUDY / "dm.xpt").tables()
    assert (table.name, table.file) == ("DM", "dm.xpt")


def test_a_folder_of_csv_and_tsv(tmp_path: Path) -> None:
    source = open_source(make(tmp_path, dm__csv="a,b\n1,2\n", lb__TSV="a\tb\n3\t4\n", notes__txt="x"))
    assert [table.name for table in source.tables()] == ["dm", "lb"]
    assert list(source.rows("lb", ["b"])) == [(1, ("4",))]
    assert source.ignored() == ("notes.txt",)


def test_the_format_decides_between_xpt_and_csv(tmp_path: Path) -> None:
    make(tmp_path, LB__XPT=member("LB"), lb__csv="TEXT\nb\n")
    with pytest.raises(SourceError, match="several formats: csv, xpt"):
        open_source(tmp_path)
    assert list(open_source(tmp_path, SourceOptions(format="xpt")).rows("LB", ["TEXT"])) == [(1, ("a",))]
    assert list(open_source(tmp_path, SourceOptions(format="csv")).rows("lb", ["TEXT"])) == [(1, ("b",))]


def test_a_table_that_stands_twice_must_be_named(tmp_path: Path) -> None:
    make(tmp_path, lb__xpt=member("LB"), lb_old__xpt=member("LB", b"old"))
    make(tmp_path, dm__xpt=member("DM"))
    assert [(table.name, table.damage is None) for table in open_source(tmp_path).tables()] == [
        ("DM", True),
        ("LB", False),
    ]
    with pytest.raises(SourceError, match=r'table LB: stands in lb.xpt and in lb_old.xpt\n.*LB = "lb.xpt"'):
        open_source(tmp_path).rows("LB", ["TEXT"])
    source = open_source(tmp_path, SourceOptions(tables={"LB": "lb_old.xpt"}))
    assert [table.file for table in source.tables()] == ["dm.xpt", "lb_old.xpt"]
    assert list(source.rows("LB", ["TEXT"])) == [(1, ("old",))]


def test_a_table_beside_a_redcap_export(tmp_path: Path) -> None:
    (tmp_path / "edc").mkdir()
    (tmp_path / "pharmacy").mkdir()
    make(tmp_path / "edc", d__csv="field_name,form_name,field_type\nid,f,text\nx,f,text\n", r__csv="id,x\n1,2\n")
    make(tmp_path / "pharmacy", kits__csv="id,kit\n1,K1\n")
    source = open_source(tmp_path / "edc", SourceOptions(tables={"pharmacy": "../pharmacy/kits.csv"}))
    assert [(table.name, table.file) for table in source.tables()] == [
        ("f", "r.csv"),
        ("pharmacy", "../pharmacy/kits.csv"),
    ]
    assert list(source.rows("pharmacy", ["kit"])) == [(1, ("K1",))]


def test_one_of_several_members(tmp_path: Path) -> None:
    make(tmp_path, all__xpt=xpt(("DM", [TEXT], [(b"d",)]), ("LB", [TEXT], [(b"l",)])), lb__xpt=member("LB"))
    source = open_source(tmp_path, SourceOptions(tables={"LB": "lb.xpt"}))
    assert [(table.name, table.file) for table in source.tables()] == [("DM", "all.xpt"), ("LB", "lb.xpt")]
    with pytest.raises(SourceError, match=r"none of this name\n.*DM, LB"):
        open_source(tmp_path, SourceOptions(tables={"VS": "all.xpt"}))


@pytest.mark.parametrize(("name", "content"), [("lb.csv", ""), ("lb.xpt", ""), ("lb.xpt", member("LB")[:700])])
def test_a_damaged_table_is_listed_and_costs_no_other(tmp_path: Path, name: str, content: str | bytes) -> None:
    suffix = name[-3:]
    make(tmp_path, **{name: content, f"dm.{suffix}": "TEXT\na\n" if suffix == "csv" else member("dm")})
    source = open_source(tmp_path)
    good, bad = source.tables()
    assert good.damage is None
    assert bad.name.upper() == "LB"
    assert bad.columns == ()
    assert bad.damage is not None
    assert name in bad.damage
    assert list(source.rows(good.name, ["TEXT"])) == [(1, ("a",))]
    with pytest.raises(SourceError, match=name):
        list(source.rows(bad.name, []))


def test_several_redcap_files_must_be_named(tmp_path: Path) -> None:
    dictionary = "field_name,form_name,field_type\nid,f,text\nx,f,text\n"
    make(tmp_path, d1__csv=dictionary, d2__csv=dictionary, t_1__csv="id,x\n1,2\n", t_2__csv="id,x\n3,4\n")
    with pytest.raises(SourceError, match=r"data dictionary: d1.csv, d2.csv\n.*dictionary ="):
        open_source(tmp_path)
    with pytest.raises(SourceError, match=r"records file: t_1.csv, t_2.csv\n.*records ="):
        open_source(tmp_path, SourceOptions(dictionary="d1.csv"))
    source = open_source(tmp_path, SourceOptions(dictionary="d1.csv", records="*_2.csv"))
    assert list(source.rows("f", ["x"])) == [(1, ("4",))]
    by_file = open_source(tmp_path / "t_1.csv", SourceOptions(format="redcap", dictionary="d2.csv"))
    assert list(by_file.rows("f", ["x"])) == [(1, ("2",))]


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is not there"):
        open_source(tmp_path / "none")
    with pytest.raises(SourceError, match="nothing that can be read"):
        open_source(tmp_path)
    make(tmp_path, dm__csv="a\n1\n")
    with pytest.raises(SourceError, match="holds no xpt file"):
        open_source(tmp_path, SourceOptions(format="xpt"))
    with pytest.raises(SourceError, match=r"gone\.csv: cannot be read"):
        open_source(tmp_path, SourceOptions(tables={"x": "gone.csv"})).rows("x", [])
    with pytest.raises(SourceError, match=r"table dn: there is no such table\n.*There are: dm"):
        open_source(tmp_path).rows("dn", [])


def test_each_table_tells_of_its_file(tmp_path: Path) -> None:
    labs = "site,name\n1,caf\xe9\n".encode("latin-1")
    dictionary = "field_name,form_name,field_type\nrecord_id,base,text\nage,base,text\n"
    for folder, files, encodings in (
        ("csv", {"labs.csv": labs}, {"labs.csv": "windows-1252"}),
        ("xpt", {"lb.xpt": member("LB"), "ex.xpt": b""}, {"lb.xpt": "utf-8", "ex.xpt": "utf-8"}),
        (
            "redcap",
            {"meta.csv": dictionary.encode(), "records.csv": b"record_id,age\n1,50\n"},
            {"records.csv": "utf-8"},
        ),
    ):
        (tmp_path / folder).mkdir()
        for name, content in files.items():
            (tmp_path / folder / name).write_bytes(content)
            os.utime(tmp_path / folder / name, (1_700_000_000, 1_700_000_000))
        source = open_source(tmp_path / folder)
        facts = [source.facts(table.name) for table in source.tables()]
        assert {one.file: one.encoding for one in facts} == encodings
        for one in facts:
            assert one.sha256 == hashlib.sha256(files[one.file]).hexdigest()
            assert one.modified == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    with pytest.raises(SourceError, match="no such table"):
        source.facts("gone")


def test_facts_of_a_table_in_a_folder_below_and_of_a_file_alone(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below/lb.xpt").write_bytes(member("LB"))
    below = open_source(tmp_path, SourceOptions(format="xpt", tables={"LABS": "below/lb.xpt"})).facts("LABS")
    alone = open_source(tmp_path / "below/lb.xpt").facts("LB")
    assert (below.file, alone.file) == ("below/lb.xpt", "lb.xpt")
    assert below.sha256 == alone.sha256


def test_a_file_named_after_a_sealed_table_shows_in_no_error(tmp_path: Path) -> None:
    sealed = SourceOptions(seals=Seals(tables=frozenset({"pharmacy"})))
    make(tmp_path, lb__xpt=member("LB"), pharmacy__csv="a,b\n1,2\n")
    assert [table.name for table in open_source(tmp_path, sealed).tables()] == ["LB"]
    (tmp_path / "two.xpt").write_bytes(xpt(("A", [TEXT], [(b"a",)]), ("B", [TEXT], [(b"b",)])))
    named = SourceOptions(seals=sealed.seals, tables={"pharmacy": "two.xpt"})
    assert [table.name for table in open_source(tmp_path, named).tables()] == ["LB"]


def test_a_folder_whose_files_cannot_be_looked_at_names_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, pharmacy__csv="a,b\n1,2\n")

    def refused(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", refused)
    with pytest.raises(SourceError, match=f"^{tmp_path.name}: cannot be read: Permission denied"):
        open_source(tmp_path)
