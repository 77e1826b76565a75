"""Delimited text and its encodings."""

from __future__ import annotations

import csv
import io
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_msc.errors import SourceError, UsageError
from fhir_msc.sources.delimited import DelimitedTable, delimited
from fhir_msc.sources.encoding import codec, detect
from fhir_msc.sources.files import InputFile


def table(
    folder: Path, content: bytes | str, encoding: str | None = None, delimiter: str | None = None
) -> DelimitedTable:
    path = folder / "lab.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return delimited(InputFile.at(path, path.name), encoding, delimiter)


def test_values_are_as_written_without_blanks_around_them(tmp_path: Path) -> None:
    lab = table(tmp_path, 'id,value,note\r\n1, 1.50 ,"two\r\nlines, ""quoted"""\r\n\r\n2,,\r\n')
    assert (lab.table.name, lab.table.file, lab.table.columns) == ("lab", "lab.csv", ("id", "value", "note"))
    assert list(lab.rows(["note", "id", "none", "value"])) == [
        (1, ('two\r\nlines, "quoted"', "1", "", "1.50")),
        (2, ("", "2", "", "")),
    ]
    assert list(lab.rows(["id"])) == [(1, ("1",)), (2, ("2",))]


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)


@given(st.lists(st.tuples(CELL, CELL, CELL), max_size=8), st.sampled_from(",;\t|"))
@settings(max_examples=80)
def test_what_the_csv_module_writes_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], delimiter: str
) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("a", "b", "c"), *rows])
    lab = table(tmp_path_factory.mktemp("x"), text.getvalue())
    assert lab.delimiter == delimiter
    assert list(lab.rows(["a", "b", "c"])) == [
        (number, tuple(cell.strip() for cell in row)) for number, row in enumerate(rows, start=1)
    ]


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b;c\n1,5;2,5;3\n", ";"),
        ("a\tb\n1,2\t3\n", "\t"),
        ("a|b\n", "|"),
        ("a\n1\n2\n", ","),
        ("weight, kg;height, cm;age\n1;2;3\n", ";"),
        ("a,b,c\n1,2\n", ","),
    ],
)
def test_the_delimiter_is_found(tmp_path: Path, content: str, delimiter: str) -> None:
    assert table(tmp_path, content).delimiter == delimiter


def test_a_declared_delimiter_is_taken(tmp_path: Path) -> None:
    assert list(table(tmp_path, "a;b,c\n1;2,3\n", delimiter=";").rows(["b,c"])) == [(1, ("2,3",))]


@pytest.mark.parametrize(
    ("content", "row", "message"),
    [
        ("a,b\n1,2\n3\n", 2, "1 fields where the header names 2"),
        ("a,b\n1,2\n3,4,5\n", 2, "3 fields where the header names 2"),
        ('a,b\n1,2\n3,"4\n5,6\n', 2, "double quote"),
        ('a,b\n1,"2"x\n', 1, "double quote"),
        (f"a,b\n1,2\n3,{'x' * 131_073}\n", 2, "a cell is longer than 131,072 characters"),
    ],
    ids=["short", "long", "open", "inside", "huge"],
)
def test_a_damaged_row_is_named(tmp_path: Path, content: str, row: int, message: str) -> None:
    with pytest.raises(SourceError, match=rf"lab\.csv, table lab, row {row}: .*{message}"):
        list(table(tmp_path, content).rows(["a"]))


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\n"])
def test_an_empty_file_is_no_table_without_rows(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SourceError, match="empty file"):
        table(tmp_path, content)


def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    assert list(table(tmp_path, "a,b\n").rows(["a"])) == []


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="column b: two columns have this name"):
        table(tmp_path, "a,b, b\n1,2,3\n")


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (b"a,b\n1,2\n", "utf-8"),
        ("\ufeffa,b\n1,Sjögren\n".encode(), "utf-8"),
        ("a,b\n1,Sjögren – 5 µm\n".encode("cp1252"), "windows-1252"),
        ("a,b\n1,Sjögren\n".encode("utf-16"), "utf-16"),
        ("a,b\n1,Sjögren\n".encode() + b"2,\xff\n", "utf-8"),
        (b"a,b\n1,\xff\x81\n", "utf-8"),
        ("a,b\n1,µ".encode()[:-1], "windows-1252"),
    ],
)
def test_the_encoding_is_found(raw: bytes, encoding: str) -> None:
    assert detect(io.BytesIO(raw)) == encoding


@given(st.text(), st.sampled_from(["utf-8", "utf-8-sig"]))
def test_utf_8_is_always_found(text: str, encoding: str) -> None:
    assert detect(io.BytesIO(text.encode(encoding, "ignore"))) == "utf-8"


def test_a_character_across_two_chunks_is_no_damage() -> None:
    assert detect(io.BytesIO(b"x" * ((1 << 16) - 1) + "é".encode())) == "utf-8"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252"])
def test_every_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    lab = table(tmp_path, "ä,b\n1,Sjögren\n".encode(encoding))
    assert lab.table.columns == ("ä", "b")
    assert list(lab.rows(["b"])) == [(1, ("Sjögren",))]


def test_text_in_another_encoding_than_declared_names_its_cell(tmp_path: Path) -> None:
    content = b"a,b\n" + b"1,2\n" * 3000 + "3,Sjögren\n".encode("cp1252")
    lab = table(tmp_path, content, encoding="utf-8")
    with pytest.raises(SourceError, match=r"row 3001, column b: .*not utf-8") as caught:
        list(lab.rows(["a", "b"]))
    assert "Sj" not in str(caught.value)
    assert table(tmp_path, content).table.encoding == "windows-1252"


def test_a_cell_that_nobody_reads_costs_nothing(tmp_path: Path) -> None:
    content = b"a,b\n1,\xff\n" + b"1,2\n" * 3000 + b"3,\xfe\n"
    lab = table(tmp_path, content, encoding="utf-8")
    assert [number for number, _ in lab.rows(["a"])] == list(range(1, 3003))
    assert list(lab.rows(["a"]))[-1] == (3002, ("3",))
    damaged = table(tmp_path, b"a,b\n1,\xff\n1,2,3\n", encoding="utf-8")
    with pytest.raises(SourceError, match="row 2: has 3 fields where the header names 2"):
        list(damaged.rows(["a"]))
    unclosed = table(tmp_path, b'a,b\n1,\xff\n1,"2\n', encoding="utf-8")
    with pytest.raises(SourceError, match="row 2: a double quote does not close"):
        list(unclosed.rows(["a"]))


def test_a_header_in_another_encoding_than_declared(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="header holds bytes that are not utf-8"):
        table(tmp_path, "größe,b\n1,2\n".encode("cp1252"), encoding="utf-8")


def test_an_encoding_that_is_none() -> None:
    with pytest.raises(UsageError, match="utf-99"):
        codec("utf-99")


@pytest.mark.usefixtures("hosts_collector")
def test_memory_is_flat(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        content = "a,b\n" + "".join(f'{i},"some text, and {i}"\n' for i in range(count))
        (tmp_path / "lab.csv").write_text(content)
        del content
        tracemalloc.start()
        for _ in delimited(InputFile.at(tmp_path / "lab.csv", "lab.csv")).rows(["b"]):
            pass
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    # The interpreter's own free lists take up to some 200 kB; 40,000 rows kept would take megabytes.
    assert peak(40_000) <= peak(4_000) + 300_000
