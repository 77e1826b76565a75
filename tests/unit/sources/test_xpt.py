"""SAS transport files against files written by the layout. Real ones: ``tests/integration/test_pyreadstat.py``."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_msc.errors import SourceError
from fhir_msc.sources.files import InputFile
from fhir_msc.sources.xpt import XptTable, members
from tests.unit.sources.xpt_writer import Column, ibm, xpt


def tables(path: Path, encoding: str | None = None) -> list[XptTable]:
    return members(InputFile.at(path, path.name), encoding)


def written(folder: Path, content: bytes) -> Path:
    path = folder / "x.xpt"
    path.write_bytes(content)
    return path


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
