"""REDCap exports: real projects, and small ones that show one thing each."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from fhir_msc.errors import SourceError
from fhir_msc.sources import NO_NUMBER, OpenSource, RowSeal, SealedSource, Seals, SourceOptions, Table, open_source

PROJECTS = Path(__file__).parents[4] / "shared/data/redcap/REDCapR-projects"
NAMES = (
    *("arm-single-longitudinal", "checkboxes-1", "clinical-trial-1", "dag", "longitudinal", "nonnumeric-record-id"),
    *("repeating-instruments", "repeating-instruments-sparse", "simple", "survey", "validation-types-1"),
    "vignette-repeating",
)
HEADER = (
    '"Variable / Field Name","Form Name","Field Type","Field Label","Choices, Calculations, OR Slider Labels",'
    '"Text Validation Type OR Show Slider Number",Identifier?'
)
API_HEADER = (
    "field_name,form_name,field_type,field_label,select_choices_or_calculations,"
    "text_validation_type_or_show_slider_number,identifier"
)
FIELDS = """
record_id,start,text,Record,,,
name,start,text,Full name,,,y
sex,start,radio,Sex at birth,"1, Female | 2, Male, at birth",,
race,start,checkbox,Race,"1, Asian|A-b, Black or African|-9, Unknown",,
smokes,start,yesno,Smokes,,,
crp,lab,text,CRP,,number_1dp_comma_decimal,
note,lab,notes,,,,
pain,diary,slider,Pain,none | some | worst,,
""".strip()


def project(folder: Path, records: str, fields: str = FIELDS, header: str = HEADER, **options: bool) -> OpenSource:
    (folder / "fields.csv").write_text(f"{header}\n{fields}\n")
    (folder / "records.csv").write_text(records)
    return open_source(folder, SourceOptions(**options))


def names(source: OpenSource) -> list[str]:
    return [table.name for table in source.tables()]


def table(source: OpenSource, name: str) -> Table:
    return next(table for table in source.tables() if table.name == name)


def rows(source: OpenSource, form: str, *columns: str) -> list[tuple[int, tuple[str, ...]]]:
    return list(source.rows(form, columns))


@pytest.mark.shared
@pytest.mark.parametrize("name", NAMES)
def test_every_filled_cell_stands_in_one_table(name: str) -> None:
    source = open_source(PROJECTS / name, SourceOptions(records="data.csv", dictionary="dictionary.csv"))
    with (PROJECTS / name / "data.csv").open(newline="", encoding="utf-8") as file:
        records = list(csv.DictReader(file))
    record_id = next(iter(records[0]))
    shared = {record_id, *(column for column in records[0] if column.startswith("redcap_") and "survey" not in column)}
    seen: dict[tuple[int, str], str] = {}
    for each in source.tables():
        for number, values in source.rows(each.name, each.columns):
            for column, value in zip(each.columns, values, strict=True):
                if column == "redcap_arm":
                    continue
                assert value == records[number - 1][column].strip()
                if column not in shared and value:
                    assert (number, column) not in seen
                    seen[number, column] = value
    filled = {
        (number, column): value.strip()
        for number, record in enumerate(records, start=1)
        for column, value in record.items()
        if value.strip() and column not in shared
    }
    assert seen.items() <= filled.items()
    # Of a form that nobody touched: its status, and its boxes.
    left = {(column, value) for (number, column), value in filled.items() if (number, column) not in seen}
    assert all(value == "0" and (column.endswith("_complete") or "___" in column) for column, value in left)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "tables", "counts"),
    [
        ("simple", ["demographics", "health", "race_and_ethnicity"], [5, 5, 5]),
        ("repeating-instruments-sparse", ["bp", "demographics"], [4, 5]),
        ("vignette-repeating", ["blood_pressure", "image", "intake", "laboratory"], [9, 5, 3, 6]),
        ("survey", ["completion_data", "other", "participant_info_survey"], None),
    ],
)
def test_the_tables_of_real_projects(name: str, tables: Sequence[str], counts: Sequence[int] | None) -> None:
    source = open_source(PROJECTS / name, SourceOptions(records="data.csv", dictionary="dictionary.csv"))
    found = names(source)
    if counts is None:
        assert set(tables) - {"other"} <= set(found)
    else:
        assert found == tables
        with (PROJECTS / name / "data.csv").open(newline="", encoding="utf-8") as file:
            records = list(csv.DictReader(file))
        instruments = [record.get("redcap_repeat_instrument", "") for record in records]
        for table_name in tables:
            own = table(source, table_name)
            assert len(rows(source, table_name, own.columns[0])) == (
                instruments.count(table_name) or instruments.count("")
            )


@pytest.mark.parametrize("header", [HEADER, API_HEADER])
def test_a_classic_project(tmp_path: Path, header: str) -> None:
    source = project(
        tmp_path,
        "record_id,name,sex,race___1,race___a_b,race____9,race___nask,smokes,start_complete,crp,note,lab_complete\n"
        '1,Ada,2,1,0,1,0,1,2,"1,50","two\nlines, here",0\n'
        "2,Bo,-99,0,0,0,1,,0,NASK,,\n"
        "3,,,,,,,,,,,\n",
        header=header,
    )
    assert names(source) == ["lab", "start"]
    start = table(source, "start")
    assert start.columns == (
        "record_id",
        "name",
        "sex",
        "race___1",
        "race___a_b",
        "race____9",
        "race___nask",
        "smokes",
        "start_complete",
    )
    assert start.labels[:4] == ("Record", "Full name", "Sex at birth", "Race")
    assert start.identifiers == {"name"}
    assert rows(source, "start", "sex:label", "sex", "smokes:label", "start_complete:label", "crp", "name:label") == [
        (1, ("Male, at birth", "2", "Yes", "Complete", "", "Ada")),
        (2, ("-99", "-99", "", "Incomplete", "", "Bo")),
    ]
    boxes = ["race___1:label", "race___a_b:label", "race____9:label", "race___nask:label"]
    assert rows(source, "start", *boxes) == [(1, ("Asian", "", "Unknown", "")), (2, ("", "", "", "1"))]
    assert rows(source, "lab", "record_id", "crp", "note") == [
        (1, ("1", "1.50", "two\nlines, here")),
        (2, ("2", "NASK", "")),
    ]


@pytest.mark.parametrize(
    ("cells", "is_row"),
    [
        (",,,,0", False),
        (",0,0,,0", False),
        (",,,,2", True),
        (",,,,1", True),
        (",1,0,,0", True),
        ("0,0,0,,0", True),
        # Of a form that nobody saved a project's XML has the boxes alone.
        (",0,0,,", False),
    ],
)
def test_an_untouched_form_has_no_row(tmp_path: Path, cells: str, is_row: bool) -> None:
    fields = (
        FIELDS + '\npain_now,diary,text,Pain,,,\nwhere,diary,checkbox,Where,"1, Head | 2, Back",,\nmore,diary,notes,,,,'
    )
    header = "record_id,start_complete,pain_now,where___1,where___2,more,diary_complete"
    source = project(tmp_path, f"{header}\n1,0,{cells}\n", fields)
    assert [number for number, _ in source.rows("diary", ["pain_now"])] == ([1] if is_row else [])
    # The record's own form: that there is a record was entered.
    assert [number for number, _ in source.rows("start", ["record_id"])] == [1]


LONGITUDINAL = (
    "record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,"
    "sex,start_complete,crp,lab_complete,pain,diary_complete"
    """
1,base_arm_1,,,1,2,3,2,,
1,base_arm_1,diary,1,,,,,5,2
1,base_arm_1,diary,2,,,,,,0
1,visit_arm_1,,1,,,4,2,,
1,visit_arm_1,,2,,,5,2,6,0
2,base_arm_2,,,2,2,,,,
"""
)


def test_events_and_repetitions(tmp_path: Path) -> None:
    source = project(tmp_path, LONGITUDINAL)
    where = ("redcap_event_name", "redcap_arm", "redcap_repeat_instrument", "redcap_repeat_instance")
    assert table(source, "lab").columns == ("record_id", *where, "crp", "lab_complete")
    assert rows(source, "lab", *where, "crp") == [
        (1, ("base_arm_1", "1", "", "", "3")),
        (4, ("visit_arm_1", "1", "", "1", "4")),
        (5, ("visit_arm_1", "1", "", "2", "5")),
    ]
    assert rows(source, "diary", "redcap_repeat_instance", "pain") == [
        (2, ("1", "5")),
        (5, ("2", "6")),
    ]
    assert rows(source, "start", "record_id", "redcap_arm", "sex:label") == [
        (1, ("1", "1", "Female")),
        (6, ("2", "2", "Male, at birth")),
    ]


def test_arms_that_are_treatments_stand_in_their_own_column(tmp_path: Path) -> None:
    source = project(tmp_path, LONGITUDINAL, arms_are_treatments=True)
    asked = ("redcap_event_name", "redcap_event_name:label", "redcap_arm")
    assert rows(source, "start", *asked) == [(1, ("base", "base", "1")), (6, ("base", "base", "2"))]


def test_event_labels_could_tell_the_arm(tmp_path: Path) -> None:
    records = "record_id,redcap_event_name,sex\n1,base_arm_1,1\n2,Baseline (Arm 2: Drug B),1\n"
    assert rows(project(tmp_path, records), "start", "redcap_arm") == [(1, ("1",)), (2, ("",))]
    with pytest.raises(SourceError, match="row 2, column redcap_event_name") as caught:
        rows(project(tmp_path, records, arms_are_treatments=True), "start", "sex")
    assert "Drug B" not in str(caught.value)


def test_a_repeating_instrument_by_its_label_is_an_error(tmp_path: Path) -> None:
    records = "record_id,redcap_repeat_instrument,redcap_repeat_instance,pain\n1,The diary,1,5\n"
    with pytest.raises(SourceError, match=r"row 1, column redcap_repeat_instrument: .*\n.*raw"):
        rows(project(tmp_path, records), "diary", "pain")


def test_what_the_dictionary_does_not_know_is_kept(tmp_path: Path) -> None:
    source = project(
        tmp_path,
        "record_id,redcap_survey_identifier,start_timestamp,sex,old_field\n1,a@b.example,2024-01-01,1,\n2,,,1,x\n3,,,1,\n",
    )
    assert names(source) == ["other", "start"]
    assert table(source, "start").columns == ("record_id", "start_timestamp", "sex")
    other = table(source, "other")
    assert other.columns == ("record_id", "redcap_survey_identifier", "old_field")
    assert other.identifiers == {"redcap_survey_identifier"}
    assert rows(source, "other", "record_id", "old_field") == [(1, ("1", "")), (2, ("2", "x"))]


def test_a_form_may_be_called_other(tmp_path: Path) -> None:
    source = project(tmp_path, "record_id,a,b\n1,2,3\n", fields="record_id,other,text,,,,\na,other,text,,,,")
    assert names(source) == ["other", "other_"]


@pytest.mark.parametrize(
    ("records", "fields", "message"),
    [
        ("Record ID,Sex\n1,1\n", FIELDS, "no records file"),
        ("", FIELDS, "no records file"),
        ("record_id,sex\n1,1\n", "record_id,,text,,,,", "row 1, column Variable / Field Name: a field without a form"),
        ("record_id,sex\n1,1\n", FIELDS + "\nsex,lab,text,,,,", "row 9, column Variable / Field Name: .* twice"),
        ("record_id,sex\n1,1\n", "", "names no field"),
    ],
)
def test_what_is_no_redcap_export(tmp_path: Path, records: str, fields: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        project(tmp_path, records, fields=fields)


def test_a_named_records_file_without_the_record_id(tmp_path: Path) -> None:
    (tmp_path / "fields.csv").write_text(f"{HEADER}\n{FIELDS}\n")
    (tmp_path / "labels.csv").write_text("Record,Sex\n1,1\n")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(SourceError, match="column record_id: the records lack"):
        open_source(tmp_path, SourceOptions(records="labels*"))
    with pytest.raises(SourceError, match="empty file"):
        open_source(tmp_path, SourceOptions(records="empty.csv"))
    with pytest.raises(SourceError, match="is not a REDCap data dictionary"):
        open_source(tmp_path, SourceOptions(format="redcap", dictionary="labels.csv"))


def test_windows_1252_labels_and_values(tmp_path: Path) -> None:
    fields = FIELDS.replace("Female", "Weiblich, ♀").encode() + b"\n"
    (tmp_path / "fields.csv").write_bytes(HEADER.encode() + b"\n" + fields)
    (tmp_path / "records.csv").write_bytes("record_id,sex,note\n1,1,Sjögren\n".encode("cp1252"))
    source = open_source(tmp_path)
    assert rows(source, "lab", "note") == [(1, ("Sjögren",))]
    assert rows(source, "start", "sex:label") == [(1, ("Weiblich, ♀",))]
    assert table(source, "lab").encoding == "windows-1252"


SEALING = (
    Seals(tables=frozenset({"lab"})),
    Seals(columns={"lab": ("crp",)}),
    Seals(rows={"lab": (RowSeal("crp", ("1*",)),)}),
    Seals(columns={"lab": ("crp", "not_in_this_export")}),
)


@pytest.mark.parametrize("seals", SEALING, ids=["table", "column", "row", "columns"])
def test_what_is_sealed_makes_no_row_and_shows_in_no_number(tmp_path: Path, seals: Seals) -> None:
    project(tmp_path, 'record_id,sex,crp,note\n1,,"1,5",\n2,1,,\n3,,,x\n')
    source = SealedSource(open_source(tmp_path, SourceOptions(seals=seals)), seals)
    assert not any(table.numbered for table in source.tables())
    assert list(source.rows("start", ["record_id"])) == [(NO_NUMBER, ("2",))]
    if not seals.tables:
        assert list(source.rows("lab", ["record_id"])) == [(NO_NUMBER, ("3",))]


@pytest.mark.parametrize(
    ("column", "seals"),
    [
        ("crp", Seals(columns={"lab": ("crp",)})),
        ("crp___1", Seals(columns={"lab": ("crp",)})),
        ("note___1", Seals(tables=frozenset({"lab"}))),
        ("note___1", Seals(open=frozenset({"start", "diary", "other"}))),
    ],
)
def test_a_sealed_column_that_the_dictionary_puts_on_no_form_is_sealed(
    tmp_path: Path, column: str, seals: Seals
) -> None:
    fields = "\n".join(line for line in FIELDS.split("\n") if not line.startswith("crp,"))
    project(tmp_path, f"record_id,sex,{column},new\n1,1,TELLS,\n2,1,,kept\n", fields)
    source = SealedSource(open_source(tmp_path, SourceOptions(seals=seals)), seals)
    assert table(source, "other").columns == ("record_id", "new")
    assert list(source.rows("other", ["new"])) == [(NO_NUMBER, ("kept",))]


def test_a_number_does_not_tell_whether_a_sealed_column_is_in_the_export(tmp_path: Path) -> None:
    seals = Seals(columns={"lab": ("crp",)})
    project(tmp_path, "record_id,sex\n1,1\n")
    assert not any(table.numbered for table in open_source(tmp_path, SourceOptions(seals=seals)).tables())


def test_what_is_sealed_elsewhere_hides_no_number(tmp_path: Path) -> None:
    seals = Seals(tables=frozenset({"pharmacy"}), columns={"*": ("redcap_arm",)})
    project(tmp_path, "record_id,redcap_event_name,sex\n1,a_arm_1,\n2,a_arm_1,1\n")
    source = SealedSource(open_source(tmp_path, SourceOptions(seals=seals)), seals)
    assert list(source.rows("start", ["record_id"])) == [(2, ("2",))]


def test_files_that_are_named_after_a_sealed_table_are_not_looked_at(tmp_path: Path) -> None:
    project(tmp_path, "record_id,sex\n1,2\n")
    for name in ("records.csv", "fields.csv"):
        (tmp_path / name.replace(".", "_pharmacy.")).write_bytes((tmp_path / name).read_bytes())
    with pytest.raises(SourceError, match="several could be"):
        open_source(tmp_path)
    for patterns in ({"*_pharmacy"}, {"*_PHARMACY", "lab"}):
        sealed = Seals(tables=frozenset(patterns), open=frozenset({"start"}))
        source = open_source(tmp_path, SourceOptions("redcap", seals=sealed))
        assert list(source.rows("start", ["sex"])) == [(1, ("2",))]
    asked = SourceOptions("redcap", seals=sealed, records="records_pharmacy.csv")
    assert table(open_source(tmp_path, asked), "start").file == "records_pharmacy.csv"
