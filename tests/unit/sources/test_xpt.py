"""SAS transport files: against pyreadstat on a real study, and against files written by the layout."""

from __future__ import annotations

import math
import tracemalloc
from pathlib import Path

import pyreadstat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_msc.errors import SourceError
from fhir_msc.sources.files import InputFile
from fhir_msc.sources.xpt import XptTable, members
from tests.unit.sources.xpt_writer import Column, ibm, xpt

STUDY = Path(__file__).parents[4] / "shared/data/sdtm-msg-18subjects"
DOMAINS = (
    *("ae", "cm", "dd", "di", "dm", "ds", "ec", "ex", "fa", "ie", "lb", "mh", "oe", "qsph", "qssl"),
    *("relrec", "rs", "se", "suppdm", "suppec", "sv", "ta", "te", "ti", "ts", "tv", "vs"),
)
OBSERVATIONS = b"HEADER RECORD*******OBS     HEADER RECORD!!!!!!!"


def tables(path: Path, encoding: str | None = None) -> list[XptTable]:
    return members(InputFile.at(path, path.name), encoding)


def written(folder: Path, content: bytes) -> Path:
    path = folder / "x.xpt"
    path.write_bytes(content)
    return path


@pytest.mark.shared
@pytest.mark.parametrize("domain", DOMAINS)
def test_every_value_agrees_with_pyreadstat(domain: str) -> None:
    path = STUDY / f"{domain}.xpt"
    data, meta = pyreadstat.read_xport(
        str(path), output_format="dict", disable_datetime_conversion=True, encoding="WINDOWS-1252"
    )
    [table] = tables(path)
    assert table.table.name == domain.upper()
    assert set(table.table.columns) == set(data)
    assert dict(zip(table.table.columns, table.table.labels, strict=True)) == {
        name: label or "" for name, label in meta.column_names_to_labels.items()
    }
    names = list(data)
    rows = list(table.rows(names))
    assert [number for number, _ in rows] == list(range(1, meta.number_rows + 1))
    for position, name in enumerate(names):
        ours = [values[position] for _, values in rows]
        assert ours == [_spelled(value) for value in data[name]], name


def _spelled(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value)


@pytest.mark.shared
def test_a_file_cut_anywhere_is_an_error_or_ends_at_a_record(tmp_path: Path) -> None:
    content = (STUDY / "dm.xpt").read_bytes()
    _, meta = pyreadstat.read_xport(str(STUDY / "dm.xpt"), metadataonly=True, output_format="dict")
    length = sum(meta.variable_storage_width.values())
    start = content.index(OBSERVATIONS) + 80
    cuts = {*range(0, len(content), 41), *range(start, len(content), length), *range(start - 3, start + 3)}
    for cut in sorted(cuts):
        path = written(tmp_path, content[:cut])
        if cut >= start and (cut - start) % length == 0:
            assert len(list(tables(path)[0].rows(["USUBJID"]))) == (cut - start) // length
        else:
            with pytest.raises(SourceError) as caught:
                list(tables(path)[0].rows(["USUBJID"]))
            if cut > start:
                assert caught.value.row == min((cut - start) // length, 18) + 1, cut


TEXT = Column("TEXT", 11, label="A text")
NUMBER = Column("NUMBER", 8, numeric=True)
SHORT = Column("SHORT", 3, numeric=True)


@pytest.mark.parametrize("descriptor", [140, 136])
def test_columns_in_any_order_repeated_and_absent(tmp_path: Path, descriptor: int) -> None:
    rows = [(b"one", ibm(1.5), ibm(7)), (b"  two", b"." + bytes(7), b".\0\0")]
    [table] = tables(written(tmp_path, xpt(("lb", [TEXT, NUMBER, SHORT], rows), descriptor=descriptor)))
    assert (table.table.name, table.table.columns, table.table.labels) == (
        "LB",
        ("TEXT", "NUMBER", "SHORT"),
        ("A text", "", ""),
    )
    assert list(table.rows(["SHORT", "NONE", "TEXT", "NUMBER", "TEXT"])) == [
        (1, ("7", "", "one", "1.5", "one")),
        (2, ("", "", "two", "", "two")),
    ]
    assert list(table.rows(["TEXT"])) == [(1, ("one",)), (2, ("two",))]
    assert list(table.rows([])) == [(1, ()), (2, ())]


def test_several_members_are_several_tables(tmp_path: Path) -> None:
    first = ("DM", [TEXT], [(b"%d" % i,) for i in range(20)])
    second = ("AE", [TEXT, NUMBER], [(b"x", ibm(3))])
    third = ("EMPTY", [NUMBER], [])
    dm, ae, empty = tables(written(tmp_path, xpt(first, second, third)))
    assert [value for _, (value,) in dm.rows(["TEXT"])] == [str(i) for i in range(20)]
    assert list(ae.rows(["TEXT", "NUMBER"])) == [(1, ("x", "3"))]
    assert list(empty.rows(["NUMBER"])) == []


@given(st.integers(1, 200), st.integers(0, 30), st.integers(0, 12))
@settings(max_examples=60)
def test_blank_observations_at_the_end_count_unless_they_may_be_filling(
    tmp_path_factory: pytest.TempPathFactory, length: int, filled: int, blank: int
) -> None:
    column = Column("C", length)
    content = xpt(("T", [column], [(b"x",)] * filled + [(b"",)] * blank))
    [table] = tables(written(tmp_path_factory.mktemp("x"), content))
    read = len(list(table.rows(["C"])))
    total = -(-(filled + blank) * length // 80) * 80
    fewest = -(-max(total - 79, 0) // length)
    assert read == min(filled + blank, max(filled, fewest))


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="cp1252", exclude_categories=["Cc"]), max_size=11),
            st.decimals(-(10**9), 10**9, places=3).map(float),
        ),
        max_size=30,
    )
)
@settings(max_examples=50)
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, float]]) -> None:
    content = xpt(("T", [NUMBER, TEXT], [(ibm(number), text.encode("cp1252")) for text, number in rows]))
    [table] = tables(written(tmp_path_factory.mktemp("x"), content), "windows-1252")
    read = [(values[0], float(values[1])) for _, values in table.rows(["TEXT", "NUMBER"])]
    assert read == [(text.rstrip(" "), float(f"{number:.15g}")) for text, number in rows]


def test_text_is_utf_8_else_windows_1252_value_by_value(tmp_path: Path) -> None:
    rows = [("Sjögren".encode(),), ("5 µm".encode("cp1252"),), (b"plain",)]
    path = written(tmp_path, xpt(("T", [TEXT], rows)))
    assert [value for _, (value,) in tables(path)[0].rows(["TEXT"])] == ["Sjögren", "5 µm", "plain"]
    with pytest.raises(SourceError, match=r"x\.xpt, table T, row 2, column TEXT: .*utf-8") as caught:
        list(tables(path, "utf-8")[0].rows(["NUMBER", "TEXT"]))
    assert "5" not in caught.value.message.partition("row 2")[2]


def test_text_that_is_neither_is_an_error_with_its_cell(tmp_path: Path) -> None:
    path = written(tmp_path, xpt(("T", [NUMBER, TEXT], [(ibm(1), b"a"), (ibm(2), b"\x81\xff")])))
    [table] = tables(path)
    assert len(list(table.rows(["NUMBER"]))) == 2
    with pytest.raises(SourceError) as caught:
        list(table.rows(["TEXT", "NUMBER"]))
    assert (caught.value.row, caught.value.column) == (2, "TEXT")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"**COMPRESSED** **COMPRESSED**".ljust(400), "is not a SAS transport file"),
        (b"HEADER RECORD*******LIBV8   HEADER RECORD!!!!!!!".ljust(400), "version 8"),
        (xpt(), "no data set"),
        (xpt(("T", [TEXT, TEXT], [])), "descriptions of its variables are damaged"),
        (xpt(("T", [], [])), "descriptions of its variables are damaged"),
        (xpt(("T", [TEXT], []), descriptor=141), "descriptors of 141 bytes"),
    ],
)
def test_what_is_no_transport_file(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        tables(written(tmp_path, content))


def test_a_file_that_changes_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path, xpt(("T", [TEXT], [(b"a",)] * 9)))
    [table] = tables(path)
    written(tmp_path, xpt(("T", [TEXT], [(b"a",)] * 90)))
    with pytest.raises(SourceError, match="has changed"):
        list(table.rows(["TEXT"]))


@pytest.mark.parametrize("left", [0, 1000, 200_000, 200_007])
def test_a_file_that_shrinks_while_it_is_read_is_an_error(tmp_path: Path, left: int) -> None:
    path = written(tmp_path, xpt(("T", [Column("TEXT", 40)], [(b"a",)] * 10_000)))
    rows = tables(path)[0].rows(["TEXT"])
    next(rows)
    with path.open("r+b") as file:
        file.truncate(left)
    with pytest.raises(SourceError, match="has changed"):
        list(rows)


@pytest.mark.usefixtures("hosts_collector")
def test_memory_is_flat(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        rows = [(b"%d" % i,) for i in range(count)]
        [table] = tables(written(tmp_path, xpt(("T", [Column("TEXT", 40)], rows))))
        del rows
        tracemalloc.start()
        for _ in table.rows(["TEXT"]):
            pass
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    # The interpreter's own free lists take up to some 200 kB; 20,000 rows kept would take megabytes.
    assert peak(20_000) <= peak(5_000) + 300_000
