"""Dataset-JSON as JSON and NDJSON: numbers as written, flat memory, damage named; the json library is the oracle."""

from __future__ import annotations

import contextlib
import hashlib
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
from fhir_msc.sources.opening import Format, SourceOptions, open_source
from fhir_msc.sources.seals import Seals
from tests.unit.sources.xpt_writer import Column, xpt

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
        (2, ("S2", "", "<3", "1", "")),
    ]
    assert list(found.rows(["LBORRES"])) == [(1, ("1.50",)), (2, ("<3",))]
    assert [row for row, _ in found.rows([])] == [1, 2]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("8.01", "8.01"),
        ("1.50", "1.5"),
        ("1.0", "1"),
        ("-0.0", "0"),
        ("0.1", "0.1"),
        ("-0.30000000000000004", "-0.3"),
        ("123456789012345", "123456789012345"),
        ("1e-3", "0.001"),
        ("1E+30", "1e+30"),
        ("1e999", "1e999"),
        ('"N/A"', "N/A"),
        ('"Infinity"', "Infinity"),
        ("true", "true"),
        ("null", ""),
    ],
)
def test_how_a_binary_number_is_spelled(tmp_path: Path, written: str, read: str) -> None:
    found = opened(tmp_path, text_of({**HEAD, "records": 1}, f'[["S1",1,"",{written}]]'))
    assert list(found.rows(["VISITNUM"])) == [(1, (read,))]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("7", "7"),
        ("7.0", "7"),
        ("-12.00", "-12"),
        ("7.5", "7.5"),
        ("12345678901234567", "12345678901234567"),
        ('"7.0 mg"', "7.0 mg"),
        ("null", ""),
    ],
)
def test_an_integer_is_whole_whoever_wrote_it(tmp_path: Path, written: str, read: str) -> None:
    """A column with nulls is one of floats for many a writer, whatever type the attributes give it."""
    found = opened(tmp_path, text_of({**HEAD, "records": 1}, f'[["S1",{written},"7.0",1]]'))
    assert list(found.rows(["LBSEQ", "LBORRES"])) == [(1, (read, "7.0"))]


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
        (text_of({**HEAD, "datasetJSONVersion": "1.10"}), "of version 1.1"),
        (text_of({**HEAD, "columns": 5}), "does not name its table"),
        (text_of({**HEAD, "name": ""}), "does not name its table"),
        (text_of({**HEAD, "columns": []}), "does not name its table and its columns"),
        (text_of({**HEAD, "columns": HEAD["columns"][:1] * 2}), "two columns of one name"),
        (text_of({**HEAD, "columns": [{"label": "x"}]}), "a column without a name"),
        (b"\xff" + text_of(HEAD).encode(), "is not UTF-8"),
        (text_of(HEAD).encode("utf-16"), "is not UTF-8"),
        (text_of(HEAD).replace("Usubjid", "Usubj\xefd").encode("latin-1"), "is not UTF-8"),
        (text_of({**HEAD, "extra": 1}).replace('"extra": 1', '"extra": ' + "[" * 100_000), "is no JSON"),
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
        ('[["S1",1,"1",1],["S2",2,"2",2],["S3",3,"3",3]]', 3, "is one more than the 2 that the file says it has"),
        ('[["S1",1,"1",1],["S2",2,"2",' + "[" * 100_000, 2, "is damaged"),
        ('[["S1",1,"1",1],["S2",2,"2",2]],"more":', 3, "the file ends inside it"),
        ('[["S1",1,"1",1],["S2",2,"2",2]],"rows":[]', 3, "is damaged"),
        ('[["S1",1,"1",1],["S2",2,"2",2]]}{', 3, "is damaged"),
    ],
)
def test_a_damaged_row_is_named(tmp_path: Path, rows: str, row: int, said: str) -> None:
    text = text_of(HEAD, rows)
    if rows[-1] not in "]}{":
        text = text[:-1]
    found = opened(tmp_path, text)
    with pytest.raises(SourceError, match=said) as caught:
        list(found.rows(["USUBJID", "VISITNUM"]))
    assert (caught.value.table, caught.value.row) == ("LB", row)


@pytest.mark.parametrize("name", ["lb.json", "lb.ndjson"])
@pytest.mark.parametrize("cell", [b"caf\xe9", b"\\ud83d", b"\\uDC00x"])
@pytest.mark.parametrize("chunk", [7, 1 << 16])
def test_text_that_is_none_is_named_where_somebody_asks_for_it(
    tmp_path: Path, name: str, cell: bytes, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_CHUNK", chunk)
    rows = [["S1", 1, "\N{GRINNING FACE}", 1], ["S2", 2, "CELL", 2]]
    text = text_of(HEAD, json.dumps(rows)) if name == "lb.json" else lines_of(HEAD, rows)
    found = opened(tmp_path, text.encode().replace(b"CELL", cell), name)
    assert list(found.rows(["USUBJID"])) == [(1, ("S1",)), (2, ("S2",))]
    with pytest.raises(SourceError, match="not UTF-8") as caught:
        list(found.rows(["USUBJID", "LBORRES"]))
    assert (caught.value.row, caught.value.column) == (2, "LBORRES")


def test_an_escaped_pair_is_a_character(tmp_path: Path) -> None:
    rows = '[["S1",1,"\\ud83d\\ude00",1],["\\uD83D\\uDE00",1,"",1]]'
    found = opened(tmp_path, text_of(HEAD, rows))
    assert list(found.rows(["USUBJID", "LBORRES"])) == [
        (1, ("S1", "\N{GRINNING FACE}")),
        (2, ("\N{GRINNING FACE}", "")),
    ]


def test_ndjson_must_say_how_many_rows_it_has(tmp_path: Path) -> None:
    head = {name: value for name, value in HEAD.items() if name != "records"}
    with pytest.raises(SourceError, match="does not say how many rows"):
        opened(tmp_path, lines_of(head, []), "lb.ndjson")
    assert len(list(opened(tmp_path, text_of(head)).rows([]))) == 2, "JSON has an end of its own"


@pytest.mark.parametrize("name", ["lb.json", "lb.ndjson"])
def test_how_many_rows_there_are_is_a_whole_number(tmp_path: Path, name: str) -> None:
    rows: list[Any] = [["S1", 1, "1", 1], ["S2", 2, "2", 2]]

    def saying(records: str) -> DatasetJson:
        text = text_of(HEAD, json.dumps(rows)) if name == "lb.json" else lines_of(HEAD, rows)
        return opened(tmp_path, text.replace('"records": 2', f'"records": {records}'), name)

    assert len(list(saying("2.0").rows([]))) == 2
    with pytest.raises(SourceError, match="is one more than the 1 that"):
        list(saying("1.0").rows([]))
    for records in ("9" * 6000, "-1", "2.5", "true", '"two"', "[2]"):
        with pytest.raises(SourceError, match="does not say how many rows"):
            saying(records)


@pytest.mark.parametrize("name", ["lb.json", "lb.ndjson"])
def test_a_file_cut_anywhere_is_an_error_or_whole(tmp_path: Path, name: str) -> None:
    rows: list[Any] = [["S1", 1, 'a ],[ "b', 1], ["S\N{LATIN SMALL LETTER E WITH ACUTE}", None, "2", 9.5]]
    content = (text_of(HEAD, json.dumps(rows)) if name == "lb.json" else lines_of(HEAD, rows)).encode()
    read = list(opened(tmp_path, content, name).rows(["USUBJID", "LBORRES"]))
    for cut in range(len(content)):
        try:
            found = list(opened(tmp_path, content[:cut], name).rows(["USUBJID", "LBORRES"]))
        except SourceError:
            continue
        assert found == read
        assert content[cut:].isspace(), cut


@given(data=st.data(), name=st.sampled_from(["any.json", "any.ndjson"]))
def test_a_file_changed_anywhere_is_read_or_a_source_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, name: str
) -> None:
    rows: list[Any] = [["S1", 1, "1", 1], ["S2", None, "2", 9.5]]
    content = bytearray((text_of(HEAD, json.dumps(rows)) if name == "any.json" else lines_of(HEAD, rows)).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content) - 1))
        end = start + data.draw(st.integers(0, 3))
        content[start:end] = data.draw(st.sampled_from(b'{}[]",:\\0e-. \n\xff\x00nN').map(lambda one: bytes([one])))
    with contextlib.suppress(SourceError):
        found = opened(tmp_path_factory.getbasetemp(), bytes(content), name)
        assert all(len(values) == 2 for _, values in found.rows(["USUBJID", "VISITNUM"]))


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
    assert read == [(expected(c).strip(), expected(a).strip(), expected(b).strip()) for a, b, c in cells]


def test_memory_stays_flat() -> None:
    rows = 200_000
    text = reader._Text(BytesIO(b"[" + b'["x",1],' * (rows - 1) + b'["x",1]]'))
    held = [len(text._text) for number, _ in enumerate(text._elements()) if number % 1000 == 0]
    assert len(held) == rows // 1000
    assert max(held) <= 2 * reader._CHUNK


STUDY = "data/sdtm-msg-18subjects"


def _as_text(cell: object) -> str:
    return "" if cell is None else str(cell)


@pytest.mark.shared
def test_every_cell_of_a_real_study_as_the_json_library_reads_it(shared: Path) -> None:
    source = open_source(shared / STUDY, SourceOptions(format="dataset-json"))
    rows = 0
    for table in source.tables():
        document = json.loads((shared / STUDY / table.file).read_bytes(), parse_float=str, parse_int=str)
        assert list(table.columns) == [column["name"] for column in document["columns"]]
        assert list(table.labels) == [column["label"] for column in document["columns"]]
        read = [list(values) for _, values in source.rows(table.name, table.columns)]
        assert read == [[_as_text(cell) for cell in row] for row in document["rows"]]
        rows += len(read)
    assert rows == 14_397


@pytest.mark.shared
def test_transport_files_and_dataset_json_of_a_real_study_agree_in_every_cell(shared: Path) -> None:
    """Whichever of the two is read: the columns, their labels and every cell, numbers by their spelling."""
    of_xpt, of_json = (open_source(shared / STUDY, SourceOptions(format=form)) for form in ("xpt", "dataset-json"))
    assert [table.name for table in of_xpt.tables()] == [one.name for one in of_json.tables() if one.name != "FT"]
    fractions = 0
    for table in of_xpt.tables():
        (other,) = [one for one in of_json.tables() if one.name == table.name]
        assert (table.columns, table.labels) == (other.columns, other.labels)
        one = list(of_xpt.rows(table.name, table.columns))
        assert one == list(of_json.rows(table.name, table.columns)), table.name
        fractions += sum("." in visit for _, (visit,) in of_xpt.rows(table.name, ["VISITNUM"]))
    assert fractions > 50, "visits like 9.3, whose binary number has more digits"


def test_a_pack_for_both_reads_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "lb.json").write_text(text_of(HEAD))
    both = SourceOptions(kinds=("xpt", "dataset-json"))
    assert [table.name for table in open_source(tmp_path, both).tables()] == ["LB"]
    assert [table.name for table in open_source(tmp_path).tables()] == ["LB"]
    with pytest.raises(SourceError, match="holds no xpt file"):
        open_source(tmp_path, SourceOptions(kinds=("xpt",)))


def test_a_folder_with_both_is_read_in_the_one_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "lb.json").write_text(text_of(HEAD))
    (tmp_path / "lb.xpt").write_bytes(xpt(("LB", [Column("USUBJID", 2)], [(b"S1",)])))
    both: tuple[Format, ...] = ("xpt", "dataset-json")
    assert open_source(tmp_path, SourceOptions(kinds=both)).form == "xpt", "the pack's first"
    for form, file in zip(both, ("lb.xpt", "lb.json"), strict=True):
        source = open_source(tmp_path, SourceOptions(format=form, kinds=both))
        assert [table.file for table in source.tables()] == [file]
    with pytest.raises(SourceError, match=r"several formats: dataset-json, xpt\n.*format = "):
        open_source(tmp_path)


def test_a_sealed_table_does_not_decide_on_the_format(tmp_path: Path) -> None:
    (tmp_path / "lb.json").write_text(text_of(HEAD))
    (tmp_path / "ex.xpt").write_bytes(xpt(("EX", [Column("USUBJID", 2)], [(b"S1",)])))
    both: tuple[Format, ...] = ("xpt", "dataset-json")
    assert open_source(tmp_path, SourceOptions(kinds=both)).form == "xpt"
    for seals in (Seals(tables=frozenset({"E*"})), Seals(open=frozenset({"LB"}))):
        assert open_source(tmp_path, SourceOptions(kinds=both, seals=seals)).form == "dataset-json"
    nothing_left = Seals(tables=frozenset({"*"}))
    assert open_source(tmp_path, SourceOptions(kinds=both, seals=nothing_left)).form == "xpt"


def test_a_table_that_stands_as_json_and_as_ndjson_must_be_named(tmp_path: Path) -> None:
    (tmp_path / "lb.json").write_text(text_of(HEAD))
    (tmp_path / "lb.ndjson").write_text(lines_of(HEAD, []))
    [table] = open_source(tmp_path).tables()
    assert table.damage is not None
    assert table.damage.endswith("stands in lb.json and in lb.ndjson")
    [table] = open_source(tmp_path, SourceOptions(tables={"LB": "lb.json"})).tables()
    assert (table.file, table.damage) == ("lb.json", None)


@pytest.mark.shared
def test_a_domain_that_stands_as_json_alone_beside_transport_files(shared: Path) -> None:
    source = open_source(shared / STUDY, SourceOptions(format="xpt", tables={"FT": "ft.json"}))
    files = {table.name: table.file for table in source.tables()}
    assert (len(files), files["FT"], files["LB"]) == (28, "ft.json", "lb.xpt")
    assert sum(1 for _ in source.rows("FT", ["USUBJID"])) == 4488
    assert source.facts("FT").sha256 == hashlib.sha256((shared / STUDY / "ft.json").read_bytes()).hexdigest()


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    found = opened(tmp_path, text_of(HEAD))
    (tmp_path / "lb.json").write_text(text_of(HEAD) + " ")
    with pytest.raises(SourceError, match="has changed"):
        list(found.rows(["USUBJID"]))
