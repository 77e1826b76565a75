"""Where cells stand: the text at the place is the cell, by the reader of the standard library."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_msc.findings import Finding, Origin, Place, Severity
from fhir_msc.sources.cells import placed_in_cells
from fhir_msc.sources.seals import RowSeal, Seals
from fhir_msc.sources.table import Table

cells = st.text(st.sampled_from('ab",;\n é😀'), max_size=5)
COLUMNS = ("ID", "A", "B")


def finding(row: int | None, *columns: str, file: str = "t.csv") -> Finding:
    return Finding("MSC-MAP-001", Severity.ERROR, "m", (Origin(file, "t", row, columns),))


def place_of(folder: Path, one: Finding, seals: Seals | None = None, table: Table | None = None) -> Place | None:
    described = table or Table("t", "t.csv", COLUMNS)
    [placed] = placed_in_cells([one], folder, [described], Seals() if seals is None else seals)
    assert placed == one
    return placed.place


def between(text: str, place: Place) -> str:
    """The text from the place to its end."""
    lines = text.split("\n")
    assert place.until is not None
    start, end = (sum(len(line) + 1 for line in lines[: at.line - 1]) + at.column - 1 for at in (place, place.until))
    return text[start:end]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=4),
    delimiter=st.sampled_from(",;"),
    end=st.sampled_from(["\n", "\r\n"]),
    data=st.data(),
)
def test_the_text_at_the_place_is_the_cell(
    rows: list[tuple[str, str, str]], delimiter: str, end: str, data: st.DataObject, tmp_path: Path
) -> None:
    rows = [("x" + row[0], *row[1:]) for row in rows]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows([COLUMNS, *rows])
    text = out.getvalue()
    (tmp_path / "t.csv").write_text(text, "utf-8", newline="")
    row = data.draw(st.integers(1, len(rows)))
    number = data.draw(st.integers(0, 2))
    one = finding(row, COLUMNS[number])
    [placed] = placed_in_cells([one], tmp_path, [Table("t", "t.csv", COLUMNS)], Seals(), delimiter)
    assert placed.place is not None
    read = csv.reader(io.StringIO(between(text, placed.place), newline=""), delimiter=delimiter)
    assert next(read, [""]) == [rows[row - 1][number]]


def test_empty_lines_are_no_rows_and_a_mark_of_the_encoding_is_no_character(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("\ufeffID,A,B\n\n\nä,ö,\n".encode())
    place = place_of(tmp_path, finding(1, "B"))
    assert place == Place(4, 5)


@pytest.mark.parametrize("columns", [("A:label", "B"), ("redcap_arm", "A")])
def test_the_first_column_that_the_file_has(columns: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("ID,A,B\n1,2,3\n")
    assert place_of(tmp_path, finding(1, *columns)) == Place(2, 3)


@pytest.mark.parametrize(
    "one",
    [finding(None, "A"), finding(1), finding(1, "NONE"), finding(7, "A"), finding(1, "A", file="other.csv")],
)
def test_what_is_about_no_cell_has_no_place(one: Finding, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("ID,A,B\n1,2,3\n")
    assert place_of(tmp_path, one) is None


@pytest.mark.parametrize("content", [None, b"", b'ID,A,B\n1,"2,3\n', b"ID,A,B\n1,\xff,3\n"])
def test_a_file_that_cannot_be_read_gives_no_place(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "t.csv").write_bytes(content)
    assert place_of(tmp_path, finding(2, "A")) is None


@pytest.mark.parametrize(
    "seals",
    [
        Seals(columns={"t": ("A",)}),
        Seals(columns={"t": ("NOT_IN_THIS_EXPORT",)}),
        Seals(tables=frozenset({"t"})),
        Seals(rows={"t": (RowSeal("A", ("x",)),)}),
        Seals(unnumbered=frozenset({"t"})),
        Seals(open=frozenset({"other"})),
    ],
    ids=str,
)
def test_a_file_of_which_anything_is_sealed_tells_no_place(seals: Seals, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("ID,A,B\n1,2,3\n")
    assert place_of(tmp_path, finding(1, "B"), seals) is None
    assert place_of(tmp_path, finding(1, "B"), Seals(columns={"u": ("A",)})) == Place(2, 5)


def test_a_table_beside_a_sealed_one_in_the_same_file_tells_no_place(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("ID,A,B\n1,2,3\n")
    tables = [Table("t", "t.csv", COLUMNS), Table("arm", "t.csv", COLUMNS)]
    [placed] = placed_in_cells([finding(1, "B")], tmp_path, tables, Seals(tables=frozenset({"arm"})))
    assert placed.place is None


def test_a_file_that_is_no_delimited_text(tmp_path: Path) -> None:
    (tmp_path / "t.xpt").write_bytes(b"ID,A,B\n1,2,3\n")
    assert place_of(tmp_path, finding(1, "B", file="t.xpt"), table=Table("t", "t.xpt", COLUMNS)) is None
