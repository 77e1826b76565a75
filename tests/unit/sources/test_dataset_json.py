"""Dataset-JSON as JSON and NDJSON: numbers as written, flat memory, damage named; the json library is the oracle."""

from __future__ import annotations

import json
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_msc.errors import SourceError
from fhir_msc.sources import dataset_json as reader
from fhir_msc.sources.dataset_json import DatasetJson, dataset_json
from fhir_msc.sources.files import InputFile
from fhir_msc.sources.opening import SourceOptions, open_source

COLUMNS = [("USUBJID", "string"), ("LBSEQ", "integer"), ("LBORRES", "string"), ("VISITNUM", "float")]
HEAD: dict[str, Any] = {
    "datasetJSONCreationDateTime": "2026-01-01T00:00:00",
    "datasetJSONVersion": "1.1.0",
    "itemGroupOID": "IG.LB",
    "records": 2,
    "name": "LB",
    "label": "Laboratory",
    "columns": [
        {"itemOID": f"IT.{name}", "name": name, "label": name.title(), "dataType": type} for name, type in COLUMNS
    ],
}
ROWS = '[["S1",1,"1.50",9.299999999999999],["S2",null,"<3",1.0]]'


def text_of(head: dict[str, Any], rows: str = ROWS) -> str:
    return json.dumps(head)[:-1] + f',"rows":{rows}}}'


def lines_of(head: dict[str, Any], rows: list[Any]) -> str:
    return "\n".join(json.dumps(one, ensure_ascii=False) for one in (head, *rows)) + "\n"


def opened(folder: Path, text: str | bytes, name: str = "lb.json") -> DatasetJson:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return dataset_json(InputFile.at(path, name))


def test_what_the_file_says_of_itself(tmp_path: Path) -> None:
    table = opened(tmp_path, text_of(HEAD)).table
    assert (table.name, table.file, table.encoding) == ("LB", "lb.json", "utf-8")
    assert table.columns == tuple(name for name, _ in COLUMNS)
    assert table.labels[0] == "Usubjid"


@pytest.mark.parametrize("name", ["lb.json", "lb.ndjson"])
def test_numbers_stay_as_written_and_binary_ones_agree_with_transport_files(tmp_path: Path, name: str) -> None:
    rows = [["S1", 1, "1.50", 9.299999999999999], ["S2", None, "<3", 1.0]]
    text = text_of(HEAD) if name == "lb.json" else lines_of(HEAD, rows)
    found = opened(tmp_path, text, name)
    assert list(found.rows(["USUBJID", "LBSEQ", "LBORRES", "VISITNUM", "GONE"])) == [
        (1, ("S1", "1", "1.50", "9.3", "")),
        (2, ("S2", "", "<3", "1.0", "")),
    ]
    assert list(found.rows(["LBORRES"])) == [(1, ("1.50",)), (2, ("<3",))]
    assert [row for row, _ in found.rows([])] == [1, 2]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("8.01", "8.01"),
        ("1.50", "1.50"),
        ("0.1", "0.1"),
        ("-0.30000000000000004", "-0.3"),
        ("123456789012345", "123456789012345"),
        ("1e-3", "0.001"),
        ("1E+30", "1e+30"),
    ],
)
def test_how_a_binary_number_is_spelled(tmp_path: Path, written: str, read: str) -> None:
    found = opened(tmp_path, text_of({**HEAD, "records": 1}, f'[["S1",1,"",{written}]]'))
    assert list(found.rows(["VISITNUM"])) == [(1, (read,))]


def test_attributes_may_stand_behind_the_rows(tmp_path: Path) -> None:
    head = json.dumps(HEAD)
    text = '{"rows":' + ROWS + "," + head[1:]
    assert [row for row, _ in opened(tmp_path, text).rows(["USUBJID"])] == [1, 2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("<html>", "is no JSON"),
        ("[]", "is no JSON"),
        (text_of(HEAD)[:200], "is no JSON, or is cut short before its rows"),
        (json.dumps(HEAD), "has no rows attribute"),
        (text_of({**HEAD, "datasetJSONVersion": "1.0.0"}), "of version 1.1"),
        (text_of({name: value for name, value in HEAD.items() if name != "datasetJSONVersion"}), "of version 1.1"),
        (text_of({**HEAD, "columns": []}), "does not name its table and its columns"),
        (text_of({**HEAD, "columns": HEAD["columns"][:1] * 2}), "two columns of one name"),
        (text_of({**HEAD, "columns": [{"label": "x"}]}), "a column without a name"),
        (b"\xff" + text_of(HEAD).encode(), "is not UTF-8"),
    ],
)
def test_what_is_no_table(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        opened(tmp_path, text)
    assert str(caught.value).startswith("lb.json")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("rows", "row", "said"),
    [
        ('[["S1",1,"1",1],["S2",2', 2, "is damaged, or the file ends inside it"),
        ('[["S1",1,"1",1],', 2, "is damaged"),
        ('[["S1",1,"1"],["S2",2,"2",2]]', 1, "does not have a value for each column"),
        ('[["S1",1,"1",1],{"a":1}]', 2, "does not have a value for each column"),
        ('[["S1",1,"1",[1]],["S2",2,"2",2]]', 1, "an array or an object"),
        ('[["S1",1,"1",NaN],["S2",2,"2",2]]', 1, "is damaged"),
        ('[["S1",1,"1",1]]', 2, "is not there, though the file says that it has 2 rows"),
        ("[]", 1, "is not there"),
    ],
)
def test_a_damaged_row_is_named(tmp_path: Path, rows: str, row: int, said: str) -> None:
    text = text_of(HEAD, rows)
    if rows[-1] not in "]}":
        text = text[:-1]
    found = opened(tmp_path, text)
    with pytest.raises(SourceError, match=said) as caught:
        list(found.rows(["USUBJID", "VISITNUM"]))
    assert (caught.value.table, caught.value.row) == ("LB", row)


def test_ndjson_cut_at_a_line_s_end_is_noticed(tmp_path: Path) -> None:
    text = lines_of(HEAD, [["S1", 1, "1", 1]])
    with pytest.raises(SourceError, match=r"row 2.*is not there") as caught:
        list(opened(tmp_path, text, "lb.ndjson").rows(["USUBJID"]))
    assert caught.value.row == 2
    with pytest.raises(SourceError, match="row 1: the row is damaged"):
        list(opened(tmp_path, lines_of(HEAD, [])[:-1] + '\n["S1",', "lb.ndjson").rows(["USUBJID"]))


_CELLS = st.one_of(
    st.none(), st.text(max_size=20), st.integers(), st.decimals(allow_nan=False, allow_infinity=False), st.booleans()
)


class _AsWritten(float):
    """A number that json writes with these digits."""

    def __init__(self, text: Decimal) -> None:
        self._text = format(text, "f")

    def __new__(cls, text: Decimal) -> _AsWritten:
        return super().__new__(cls, float(text))

    def __repr__(self) -> str:
        return self._text


def expected(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return repr(cell) if isinstance(cell, _AsWritten) else str(cell)


@given(
    rows=st.lists(st.lists(_CELLS, min_size=3, max_size=3), max_size=8),
    chunk=st.integers(1, 60),
    indent=st.sampled_from([None, 2]),
    by_line=st.booleans(),
)
def test_any_rows_in_chunks_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[Any]], chunk: int, indent: int | None, by_line: bool
) -> None:
    head = {**HEAD, "records": len(rows), "columns": [{"name": name, "dataType": "decimal"} for name in "ABC"]}
    cells = [[_AsWritten(cell) if isinstance(cell, Decimal) else cell for cell in row] for row in rows]
    folder = tmp_path_factory.getbasetemp()
    # json writes a float subclass by float.__repr__: the digits are put in afterwards.
    marks: dict[str, str] = {}

    def marked(cell: Any) -> Any:
        if isinstance(cell, _AsWritten):
            marks[f'"#{len(marks)}#"'] = repr(cell)
            return f"#{len(marks) - 1}#"
        return cell

    plain = [[marked(cell) for cell in row] for row in cells]
    text = lines_of(head, plain) if by_line else json.dumps({**head, "rows": plain}, indent=indent, ensure_ascii=False)
    for mark, digits in marks.items():
        text = text.replace(mark, digits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "_CHUNK", chunk)
        found = opened(folder, text.encode(), "any.ndjson" if by_line else "any.json")
        read = [values for _, values in found.rows(["C", "A", "B"])]
    assert read == [(expected(c), expected(a), expected(b)) for a, b, c in cells]


def test_memory_stays_flat() -> None:
    rows = 200_000
    text = reader._Text(BytesIO(b"[" + b'["x",1],' * (rows - 1) + b'["x",1]]'))
    held = [len(text._text) for number, _ in enumerate(reader._elements(text)) if number % 1000 == 0]
    assert len(held) == rows // 1000
    assert max(held) <= 2 * reader._CHUNK


def test_a_pack_for_both_reads_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "lb.json").write_text(text_of(HEAD))
    both = SourceOptions(kinds=("xpt", "dataset-json"))
    assert [table.name for table in open_source(tmp_path, both).tables()] == ["LB"]
    assert [table.name for table in open_source(tmp_path).tables()] == ["LB"]
    with pytest.raises(SourceError, match="holds no xpt file"):
        open_source(tmp_path, SourceOptions(kinds=("xpt",)))
