"""Rows in, records out: keys, groups, joins, conditions, what is missing and what cannot be read."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_msc.errors import PackError, SourceError
from fhir_msc.findings import Severity
from fhir_msc.mapping.code_tables import read_code_table
from fhir_msc.mapping.compiler import compile_table
from fhir_msc.mapping.pack import Pack, packs_folder
from fhir_msc.mapping.table import MappedRow
from fhir_msc.sources.seals import Seals
from fhir_msc.trial import (
    AdverseEvent,
    Coding,
    Concept,
    Consent,
    Infusion,
    Observation,
    Participant,
    Quantity,
    Record,
    ReferenceRange,
    Unit,
)
from tests.unit.mapping.memory import Memory, mapped, pack_of

LAB = """
table: LB
participant: ID
required: [ID, TEST]
key: [ID, TEST, DAY, AT]
sponsor-id: SPID
correctable: DAY
tie-breakers: LAB
observation:
  preset: laboratory
  code: {from: [TEST, UNIT], table: tests.csv, text: NAME, sponsor: own}
  when: {from: DAY, as: date-time}
  not-done: {if: {STAT: NOT DONE}, reason: {from: WHY}}
  value:
    - {from: RES, as: decimal, unit: {from: UNIT, table: units.csv}}
    - {from: RES, as: comparator-decimal, unit: {from: UNIT, table: units.csv}}
    - RES
  range: {low: LOW, high: HIGH}
"""
TESTS = "TEST,UNIT,system,code,display\nALB,g/L|g/dL,loinc,1751-7,Albumin\n"
UNITS = "unit,ucum\ng/L,g/L\ng/dL,g/dL\nGIGA/L,10*9/L\n"
MISSING = 'missing: {"-99": not-performed, NASK: not-asked}\n'

VITALS = """
table: VS
participant: ID
required: [ID]
key: [ID, TEST, DAY]
sponsor-id: SPID
correctable: DAY
tie-breakers: REP
one-of-each: true
observation:
  - if: {TEST: [SYS, DIA]}
    preset: blood-pressure
    group: [DAY]
    components:
      - {if: {TEST: SYS}, code: loinc|8480-6, value: {from: RES, as: decimal, unit: "mm[Hg]"}}
      - {if: {TEST: DIA}, code: loinc|8462-4, value: {from: RES, as: decimal, unit: "mm[Hg]"}}
    when: {from: DAY, as: date}
    not-done: {if: {STAT: NOT DONE}, reason: {from: WHY}}
    position: {from: POS}
  - preset: vital-signs
    code: {from: TEST}
    when: {from: DAY, as: date}
    value: {from: RES, as: decimal}
"""


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    return pack_of(tmp_path, {"lb": LAB, "vs": VITALS}, MISSING, tests=TESTS, units=UNITS)


def rows(pack: Pack, table: str, *given: dict[str, str]) -> list[MappedRow]:
    columns = {
        "LB": ["ID", "TEST", "NAME", "RES", "UNIT", "DAY", "SPID", "STAT", "WHY", "LOW", "HIGH", "LAB"],
        "VS": ["ID", "TEST", "RES", "DAY", "SPID", "STAT", "WHY", "POS", "REP"],
    }
    return mapped(pack, Memory({table: given}, columns), table)


def only(found: list[MappedRow]) -> Observation:
    [row] = found
    assert row.problems == ()
    [record] = row.records
    assert isinstance(record, Observation)
    return record


def lab(pack: Pack, **cells: str) -> Observation:
    return only(rows(pack, "LB", {"ID": "S", "TEST": "ALB", **cells}))


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        ({"RES": "3.90", "UNIT": "g/dL"}, "3.90 g/dL"),
        ({"RES": "<3.42", "UNIT": "GIGA/L"}, "<3.42 10*9/L"),
        ({"RES": " .5 ", "UNIT": " g/L "}, "0.5 g/L"),
    ],
)
def test_values_are_as_written_in_their_unit(pack: Pack, cells: dict[str, str], value: str) -> None:
    found = lab(pack, **cells).value
    assert isinstance(found, Quantity)
    assert found.unit is not None
    assert f"{found.comparator or ''}{found.value} {found.unit.ucum}" == value


def test_what_is_no_number_is_words(pack: Pack) -> None:
    assert lab(pack, RES="NEGATIVE").value == "NEGATIVE"


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        ({"RES": "10-20", "UNIT": "mg/dL"}, "10-20 mg/dL"),
        ({"RES": "FEW", "UNIT": "/HPF"}, "FEW /HPF"),
        ({"RES": "10-20 mg/dL", "UNIT": "mg/dL"}, "10-20 mg/dL"),
        ({"RES": "1+", "UNIT": ""}, "1+"),
        ({"RES": "1-2 mg", "UNIT": "g"}, "1-2 mg g"),
    ],
)
def test_a_result_in_words_keeps_its_unit(tmp_path: Path, cells: dict[str, str], value: str) -> None:
    words = LAB.replace("    - RES\n", "    - {from: RES, unit: {from: UNIT, table: units.csv}}\n")
    pack = pack_of(tmp_path, {"lb": words}, tests=TESTS, units=UNITS)
    assert lab(pack, **cells).value == value


def test_a_unit_that_is_not_ucum_is_text_and_said_once(pack: Pack) -> None:
    source = Memory({"LB": [{"ID": "S", "TEST": f"T{n}", "RES": "1", "UNIT": "furlong/L"} for n in range(5)]})
    found = mapped(pack, source, "LB")
    units = {
        record.value.unit
        for row in found
        for record in row.records
        if isinstance(record, Observation) and isinstance(record.value, Quantity)
    }
    assert [(unit.text, unit.ucum) for unit in units if unit] == [("furlong/L", None)]


@pytest.mark.parametrize("unit", ["K/uL", "G/L", "T/L", "pH", "ft", "MG/L", "PG", "AU/mL", "Mg/L"])
def test_what_is_ucum_by_accident_is_text(pack: Pack, unit: str) -> None:
    """Kelvin, gauss, tesla, picohenry, femtotonne, megagauss, petagauss, astronomical unit, megagram."""
    found = lab(pack, RES="250", UNIT=unit).value
    assert isinstance(found, Quantity)
    assert found.unit == Unit(unit, None)


@pytest.mark.parametrize("unit", ["dL/g", "10*6/L", "{cells}/L", "g"])
def test_what_is_made_of_units_of_the_table_is_ucum(pack: Pack, unit: str) -> None:
    found = lab(pack, RES="250", UNIT=unit).value
    assert isinstance(found, Quantity)
    assert found.unit == Unit(unit, unit)


@pytest.mark.parametrize(
    ("printed", "ucum"),
    [
        ("K/uL", "10*3/uL"),
        ("M/uL", "10*6/uL"),
        ("G/L", "10*9/L"),
        ("T/L", "10*12/L"),
        ("pH", "[pH]"),
        ("MG/DL", "mg/dL"),
    ],
)
def test_the_sdtm_pack_knows_how_laboratories_spell(printed: str, ucum: str) -> None:
    lines = read_code_table(packs_folder() / "sdtm" / "units.csv", "units.csv").lines
    assert [line["ucum"] for line in lines if line["unit"] == printed] == [ucum]


def test_a_code_counts_with_its_unit_and_keeps_the_sponsors(pack: Pack) -> None:
    known = lab(pack, NAME="Albumin", RES="39", UNIT="g/L").description.code
    assert [(one.system, one.code) for one in known.codings] == [("http://loinc.org", "1751-7"), ("own", "ALB")]
    other = lab(pack, NAME="Albumin", RES="39", UNIT="umol/L").description.code
    assert [(one.system, one.code) for one in other.codings] == [("own", "ALB")]
    assert other.text == known.text == "Albumin"


def test_a_code_is_looked_up_by_the_column_that_holds_the_unit(tmp_path: Path) -> None:
    derived = "{if: {DERIVED: Y, UNIT: ''}, from: [TEST, STD], under: {STD: UNIT}, table: tests.csv}"
    words = LAB.replace("  code: {", f"  code:\n    - {derived}\n    - {{").replace(
        "    - RES\n", "    - RES\n    - {from: DONE, as: decimal, unit: {from: STD, table: units.csv}}\n"
    )
    pack = pack_of(tmp_path, {"lb": words}, tests=TESTS, units=UNITS)
    given = {"ID": "S", "TEST": "ALB"}

    def code(**cells: str) -> Concept:
        return only(mapped(pack, Memory({"LB": [{**given, **cells}]}), "LB")).description.code

    known = Coding("http://loinc.org", "1751-7", "Albumin")
    assert code(DERIVED="Y", DONE="39", STD="g/L").codings == (known,)
    assert code(DERIVED="Y", DONE="39", STD="mol/L").codings == ()
    # As reported, in no unit: that of another number is not its own.
    assert known not in code(RES="39", STD="g/L", DONE="3.9").codings


def test_results_share_what_describes_them(pack: Pack) -> None:
    given = [
        {"ID": who, "TEST": "ALB", "RES": value, "DAY": day}
        for who in "ST"
        for value, day in (("1", ""), ("2", "2020"))
    ]
    described = [
        row.records[0].description for row in rows(pack, "LB", *given) if isinstance(row.records[0], Observation)
    ]
    assert len(described) == 4
    assert all(one is described[0] for one in described)


def test_why_there_is_no_value(pack: Pack) -> None:
    done = lab(pack, STAT="NOT DONE", WHY="HAEMOLYSED").absent
    assert done == Concept(done.codings if done else (), "HAEMOLYSED")
    assert done is not None
    assert [one.code for one in done.codings] == ["not-performed"]
    for cell, code in {"-99": "not-performed", "NASK": "not-asked", "": "unknown"}.items():
        told = lab(pack, RES=cell).absent
        assert told is not None
        assert [one.code for one in told.codings] == [code]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        ("3.5", "5.0", ReferenceRange("3.5", "5.0")),
        ("", "5.0", ReferenceRange(None, "5.0")),
        ("", "<1.2", ReferenceRange(None, None, "<1.2")),
        ("NEGATIVE", "TRACE", ReferenceRange(None, None, "NEGATIVE - TRACE")),
        ("", "", None),
    ],
)
def test_limits_are_numbers_or_the_words_of_the_laboratory(
    pack: Pack, low: str, high: str, expected: ReferenceRange | None
) -> None:
    assert lab(pack, RES="4", LOW=low, HIGH=high).reference_range == expected


def test_the_key_is_of_columns_that_mean_something(pack: Pack) -> None:
    [row] = rows(pack, "LB", {"ID": "S", "TEST": "ALB", "DAY": "2020-01-01", "RES": "1"})
    assert row.records[0].key == ("Observation", "LB", "S", "ALB", "2020-01-01", "", "")
    assert row.correctable == (("Observation", "LB", "S", "ALB", "", ""),)
    assert row.tie == ("",)


def test_the_sponsors_own_identifier_stands_for_what_may_be_corrected(pack: Pack) -> None:
    found = [rows(pack, "LB", {"ID": "S", "TEST": "ALB", "DAY": day, "SPID": "7"})[0] for day in ("2020", "2021")]
    assert found[0].records[0].key == found[1].records[0].key
    assert found[0].correctable == (None,)


def test_rows_are_named_by_the_columns_that_the_table_has(pack: Pack) -> None:
    record = lab(pack, RES="4")
    [origin] = record.origins
    assert (origin.file, origin.table, origin.row) == ("LB.csv", "LB", 1)
    assert "RES" in origin.fields
    assert "AT" not in origin.fields


@pytest.mark.parametrize(
    ("cells", "rule", "columns"),
    [
        ({"TEST": ""}, "MSC-MAP-005", ("TEST",)),
        ({"DAY": "2021-13-45"}, "MSC-MAP-001", ("DAY",)),
    ],
)
def test_a_bad_cell_costs_its_row_and_is_named(
    pack: Pack, cells: dict[str, str], rule: str, columns: tuple[str, ...]
) -> None:
    good = {"ID": "S", "TEST": "ALB", "RES": "4", "DAY": "2021-01-02"}
    bad, other = rows(pack, "LB", {**good, **cells}, good)
    assert bad.records == ()
    [problem] = bad.problems
    assert (problem.rule, problem.origins[0].row, problem.origins[0].fields) == (rule, 1, columns)
    assert problem.hint
    for cell in cells.values():
        assert not cell or cell not in problem.message
    assert len(other.records) == 1


def test_a_missing_column_is_an_error_of_the_table(pack: Pack) -> None:
    with pytest.raises(SourceError, match=r"LB\.csv, table LB, column TEST: the column is missing") as missing:
        mapped(pack, Memory({"LB": [{"ID": "S", "RES": "4"}]}), "LB")
    assert missing.value.hint


def test_a_damaged_table_is_an_error_of_the_table(pack: Pack) -> None:
    with pytest.raises(SourceError, match="empty file"):
        mapped(pack, Memory({}, damage={"LB": "empty file"}), "LB")


# Groups


def readings(found: list[MappedRow]) -> list[tuple[int, tuple[str | None, ...], int]]:
    """(rows, values of the parts, origins) of each panel."""
    panels = []
    for row in found:
        for record in row.records:
            assert isinstance(record, Observation)
            values = tuple(part.value.value if isinstance(part.value, Quantity) else None for part in record.components)
            panels.append((row.members, values, len(record.origins)))
    return sorted(panels, key=str)


def vital(test: str, result: str, **cells: str) -> dict[str, str]:
    return {"ID": "S", "TEST": test, "RES": result, "DAY": "2020-01-01", **cells}


def test_systolic_and_diastolic_are_one_panel(pack: Pack) -> None:
    found = rows(pack, "VS", vital("DIA", "80"), vital("PULSE", "60"), vital("SYS", "120"))
    assert [len(row.records) for row in found] == [1, 1]
    panel = only(found[1:])
    assert readings(found[1:]) == [(2, ("120", "80"), 2)]
    assert panel.key == ("Observation", "VS", "S", "2020-01-01", "")
    assert sorted(origin.row or 0 for origin in panel.origins) == [1, 3]
    assert panel.absent is None


def test_participants_are_never_in_one_group(pack: Pack) -> None:
    found = rows(pack, "VS", vital("SYS", "120"), vital("DIA", "80", ID="T"))
    assert readings(found) == [(1, ("120", None), 1), (1, (None, "80"), 1)]


def test_equal_readings_are_merged_and_different_ones_are_all_kept(pack: Pack) -> None:
    equal = rows(pack, "VS", vital("SYS", "120"), vital("SYS", "120"), vital("DIA", "80"))
    assert readings(equal) == [(3, ("120", "80"), 3)]
    # Nobody knows which systolic belongs to the diastolic.
    different = rows(pack, "VS", vital("SYS", "120"), vital("SYS", "118"), vital("DIA", "80"))
    assert readings(different) == [(1, ("118", None), 1), (1, ("120", None), 1), (1, (None, "80"), 1)]


def test_tie_breakers_tell_which_readings_belong_together(pack: Pack) -> None:
    found = rows(
        pack,
        "VS",
        *(vital(test, result, REP=rep) for test, result, rep in [("SYS", "120", "1"), ("DIA", "80", "1")]),
        *(vital(test, result, REP=rep) for test, result, rep in [("SYS", "118", "2"), ("DIA", "79", "2")]),
    )
    assert readings(found) == [(2, ("118", "79"), 2), (2, ("120", "80"), 2)]
    assert [row.tie for row in found] == [("1",), ("2",)]


def test_a_bad_reading_costs_itself(pack: Pack) -> None:
    found = rows(pack, "VS", vital("SYS", "abc"), vital("DIA", "80"))
    assert readings(found) == [(1, (None, "80"), 1)]
    [problem] = [problem for row in found for problem in row.problems]
    assert problem.origins[0].row == 1
    assert sum(row.members for row in found) == 2


def test_parts_say_why_they_have_no_value(pack: Pack) -> None:
    found = rows(pack, "VS", vital("SYS", "", STAT="NOT DONE", WHY="CUFF"), vital("DIA", "80"))
    systolic, diastolic = only(found).components
    assert systolic.absent is not None
    assert (systolic.absent.text, [one.code for one in systolic.absent.codings]) == ("CUFF", ["not-performed"])
    assert diastolic.absent is None
    systolic, diastolic = only(rows(pack, "VS", vital("SYS", "NASK"))).components
    assert [part.absent.codings[0].code for part in (systolic, diastolic) if part.absent] == ["not-asked", "unknown"]


def test_a_panel_stays_the_same_when_its_second_reading_arrives(pack: Pack) -> None:
    """A sponsor's identifier is a row's, so that it says nothing of the panel."""
    first, second = vital("SYS", "120", SPID="7"), vital("DIA", "80", SPID="8")
    for cut in ([first], [first, second], [first, {**second, "SPID": "7"}], [vital("SYS", "120")]):
        [row] = rows(pack, "VS", *cut)
        assert row.records[0].key == ("Observation", "VS", "S", "2020-01-01", "")
        assert row.correctable == (("Observation", "VS", "S", ""),)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.builds(
            vital,
            st.sampled_from(["SYS", "DIA", "PULSE", "TEMP"]),
            st.sampled_from(["", "80", "120", "abc", "NASK"]),
            REP=st.sampled_from(["", "1"]),
            ID=st.sampled_from(["S", "T", ""]),
            STAT=st.sampled_from(["", "NOT DONE"]),
        ),
        max_size=9,
    ),
    st.randoms(use_true_random=False),
)
def test_every_row_is_accounted_for_in_any_order(pack: Pack, given: list[dict[str, str]], random: object) -> None:
    found = rows(pack, "VS", *given)
    assert sum(row.members for row in found) == len(given)
    shuffled = list(given)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    again = rows(pack, "VS", *shuffled)
    assert sorted(map(without_rows, found)) == sorted(map(without_rows, again))


def without_rows(row: MappedRow) -> str:
    said = [
        (record.key, record.description.code, record.value, record.components, record.absent)
        for record in row.records
        if isinstance(record, Observation)
    ]
    return repr((row.participant, row.outcome, row.members, row.tie, said, [one.rule for one in row.problems]))


def test_a_word_of_a_map_may_leave_letters_open(tmp_path: Path) -> None:
    """An equal word comes first, then what is written first; within a word `*` is a letter like others."""
    words = 'map: {"A*": begins, "*B*C*": holds, "*[D]": ends, "AB": equal, "1*2": written}, unknown: drop'
    text = f"table: AE\nparticipant: ID\nkey: [ID]\nadverse-event: {{term: TERM, action: {{from: TERM, {words}}}}}\n"
    cells = {"AB": "equal", "ABC": "begins", "xBxCx": "holds", "BC": "holds", "CB": None, "x[D]": "ends", "D": None}
    cells |= {"1*2": "written", "112": None}
    source = Memory({"AE": [{"ID": "S", "TERM": cell} for cell in cells]})
    records = [record for row in mapped(pack_of(tmp_path, {"ae": text}), source, "AE") for record in row.records]
    assert [record.action for record in records if isinstance(record, AdverseEvent)] == list(cells.values())


# Codes

EVENTS = """
table: AE
participant: ID
required: ID
key: [ID, TERM]
adverse-event:
  term: TERM
  outcome: {from: OUT, as: upper, map: {FATAL: fatal}, unknown: WHAT}
  grade: {from: GRADE, table: grades.csv, unknown: WHAT}
"""


@pytest.mark.parametrize(("unknown", "said"), [("report", {"OUT": 3, "GRADE": 1}), ("drop", {})])
def test_a_code_that_is_left_out_is_reported_once(tmp_path: Path, unknown: str, said: dict[str, int]) -> None:
    tables = {"ae": EVENTS.replace("WHAT", unknown)}
    pack = pack_of(tmp_path, tables, grades="GRADE,system,code,display\n5,ncit,C48275,Death\n")
    cells = [("gone", "5"), ("gone", "5"), ("gone", "9"), ("Fatal", ""), ("", "")]
    source = Memory({"AE": [{"ID": "S", "TERM": f"T{i}", "OUT": out, "GRADE": g} for i, (out, g) in enumerate(cells)]})
    mapper = compile_table(pack, pack.tables["AE"], source.tables()[0], source, Seals())
    rows = list(mapper.map(mapper.rows(), lambda _participant: None))
    assert [(len(row.records), row.problems) for row in rows] == [(1, ())] * 5
    found = mapper.notes.findings()
    assert {one.origins[0].fields[0]: one.count for one in found} == said
    assert {(one.rule, one.severity, one.value) for one in found} <= {
        ("MSC-MAP-011", Severity.WARNING, "gone"),
        ("MSC-MAP-011", Severity.WARNING, "9"),
    }


# Joins

EC = """
table: EC
participant: ID
required: ID
join:
  - SUPPEC
  - {table: EX, on: {ID: ID, DAY: XDAY}, columns: [XTRT, XDOSE]}
key: [ID, DAY]
infusion:
  start: {from: DAY, as: date}
  status: [{if: {OCCUR: N}, constant: not-done}, {constant: completed}]
  reason: {from: ECREASOC}
  product: {from: XTRT}
  dose: {from: XDOSE, as: decimal, unit: mg}
"""
EX = """
table: EX
participant: ID
required: ID
key: [ID, XDAY]
infusion: {start: {from: XDAY, as: date}, product: {from: XTRT}}
"""


def infusions(
    source: Memory, folder: Path, *, blind: bool = False, head: str = "", kind: str = "same"
) -> list[Infusion]:
    pack = pack_of(folder, {"ec": EC.replace("{table: EX,", f"{{table: EX, kind: {kind},"), "ex": EX}, head)
    records: list[Record] = [record for row in mapped(pack, source, "EC", blind=blind) for record in row.records]
    return [record for record in records if isinstance(record, Infusion)]


def study(**more: list[dict[str, str]]) -> Memory:
    doses = [
        {"ID": "S", "DAY": "2020-01-01", "OCCUR": "Y", "SEQ": "1"},
        {"ID": "S", "DAY": "", "OCCUR": "N", "SEQ": "2"},
    ]
    return Memory({"EC": doses, **more})


def test_rows_of_the_same_thing_are_joined(tmp_path: Path) -> None:
    same = [{"ID": "S", "XDAY": "2020-01-01", "XTRT": "cells", "XDOSE": "5"}, {"ID": "S", "XDAY": "", "XTRT": "other"}]
    first, second = infusions(study(EX=same), tmp_path)
    assert first.product == Concept((), "cells")
    assert [(origin.table, origin.row, origin.fields) for origin in first.origins] == [
        ("EC", 1, ("DAY", "OCCUR")),
        ("EX", 1, ("XTRT", "XDOSE")),
    ]
    # Two empty days are not the same day.
    assert second.product is None


@pytest.mark.parametrize("words", ["date: ID2, ", "date: XDAY, ", "date: DAY, kind: look-up, "])
def test_the_date_of_a_join_is_one_of_its_columns(tmp_path: Path, words: str) -> None:
    pack = pack_of(tmp_path, {"ec": EC.replace("{table: EX,", f"{{table: EX, {words}"), "ex": EX})
    with pytest.raises(PackError, match="the date of a join"):
        mapped(pack, study(), "EC")


def test_what_joined_rows_differ_in_is_left_out(tmp_path: Path) -> None:
    split = [{"ID": "S", "XDAY": "2020-01-01", "XTRT": "cells", "XDOSE": dose} for dose in ("5", "6")]
    first, _ = infusions(study(EX=split), tmp_path)
    assert (first.product, first.dose) == (Concept((), "cells"), None)


@pytest.mark.parametrize("kind", ["same", "look-up"])
def test_columns_of_a_sealed_table_give_nothing_and_are_not_named(tmp_path: Path, kind: str) -> None:
    same = [{"ID": "S", "XDAY": "2020-01-01", "XTRT": "cells", "XDOSE": "5"}]
    assert infusions(study(EX=same), tmp_path, kind=kind)[0].product == Concept((), "cells")
    for head in ("sealed: {tables: EX}\n", "sealed: {columns: {EX: [XTRT, XDOSE]}}\n"):
        first, _ = infusions(study(EX=same), tmp_path, blind=True, head=head, kind=kind)
        assert (first.product, first.dose) == (None, None)
        assert "XTRT" not in repr(first.origins)


LOOKING = """
table: AE
participant: ID
required: ID
join: {table: OTHER, kind: look-up, on: {SITE: PLACE}, columns: [NAME]}
key: [ID]
adverse-event: {term: TERM, action: NAME}
"""
LOOKED_UP = "table: OTHER\nparticipant: WHO\nkey: [WHO]\nadverse-event: {term: NAME}\n"


def looking(folder: Path, on: str, rows: list[dict[str, str]], **more: str) -> list[Record]:
    pack = pack_of(folder, {"ae": LOOKING.replace("SITE: PLACE", on), **more})
    source = Memory({"AE": [{"ID": "S", "SITE": "1", "TERM": "FEVER"}], "OTHER": rows})
    return [record for row in mapped(pack, source, "AE") for record in row.records]


def test_a_row_takes_no_cells_of_another_participant(tmp_path: Path) -> None:
    """Whether the pack describes the table or not, and before there is data."""
    others = [{"PLACE": "1", "WHO": "T", "NAME": "of another"}]
    with pytest.raises(PackError, match=r"ae.yaml:5:.*OTHER names participants in WHO") as described:
        looking(tmp_path, "SITE: PLACE", others, other=LOOKED_UP)
    assert described.value.hint == "add to its `on`: ID: WHO"
    assert looking(tmp_path, "SITE: PLACE, ID: WHO", [{**others[0], "WHO": "S"}], other=LOOKED_UP)
    (tmp_path / "other.yaml").unlink()
    named = [{"PLACE": "1", "ID": "T", "NAME": "of another"}]
    with pytest.raises(PackError, match="OTHER names participants in ID"):
        looking(tmp_path, "SITE: PLACE", named)
    # Matched with something else is not matched.
    with pytest.raises(PackError, match="OTHER names participants in ID"):
        looking(tmp_path, "ID: PLACE", named)
    [taken] = looking(tmp_path, "ID: ID", [{**named[0], "ID": "S"}, named[0]])
    assert isinstance(taken, AdverseEvent)
    assert taken.action == "of another"


def test_a_table_without_participants_is_joined_by_what_it_is(tmp_path: Path) -> None:
    [taken] = looking(tmp_path, "SITE: PLACE", [{"PLACE": "1", "NAME": "a site"}, {"PLACE": "2", "NAME": "another"}])
    assert isinstance(taken, AdverseEvent)
    assert taken.action == "a site"


def test_qualifiers_stand_as_columns_of_their_parent(tmp_path: Path) -> None:
    told = [
        {"USUBJID": "S", "IDVAR": "SEQ", "IDVARVAL": "2.0", "QNAM": "ECREASOC", "QVAL": "FEVER"},
        {"USUBJID": "T", "IDVAR": "SEQ", "IDVARVAL": "2", "QNAM": "ECREASOC", "QVAL": "COLD"},
    ]
    _, second = infusions(study(SUPPEC=told), tmp_path)
    assert (second.status, second.reason) == ("not-done", Concept((), "FEVER"))
    assert [(origin.table, origin.row) for origin in second.origins] == [("EC", 2), ("SUPPEC", 1)]


@pytest.mark.parametrize(
    ("variable", "cell", "named", "is_its"),
    [
        ("SEQ", "2", "2.00", True),
        ("SEQ", "2.000", "2.", True),
        ("VISITNUM", "4.1", "4.10", True),
        ("VISITNUM", "4.1", "4.01", False),
        ("VISITNUM", "UNS", "UNS", True),
        # A sponsor's identifier is a name.
        ("ECSPID", "1.1", "1.10", False),
        ("ECSPID", "01", "1", False),
    ],
)
def test_a_row_is_found_by_its_number_however_it_is_spelled(
    tmp_path: Path, variable: str, cell: str, named: str, is_its: bool
) -> None:
    told = [{"USUBJID": "S", "IDVAR": variable, "IDVARVAL": named, "QNAM": "ECREASOC", "QVAL": "FEVER"}]
    row = {"ID": "S", "DAY": "2020-01-02", "OCCUR": "N", variable: cell}
    [found] = infusions(study(EC=[row], SUPPEC=told), tmp_path)
    assert found.reason == (Concept((), "FEVER") if is_its else None)


# Identifiers

DM = """
table: DM
participant: ID
required: ID
key: [ID]
participant-record: {label: NAME, site: SITE}
"""


def test_what_identifies_a_person_is_withheld_unless_there_is_a_reason(tmp_path: Path) -> None:
    source = Memory({"DM": [{"ID": "S", "NAME": "Jane", "SITE": "1"}]}, identifiers={"DM": frozenset({"NAME"})})
    [row] = mapped(pack_of(tmp_path, {"dm": DM}), source, "DM")
    assert "Jane" not in repr(row)
    taken = pack_of(tmp_path, {"dm": DM}, "identifying: {DM.NAME: the site asks for it}\n")
    [row] = mapped(taken, source, "DM")
    assert isinstance(row.records[0], Participant)
    assert row.records[0].label == "Jane"


def test_a_key_is_not_made_of_what_identifies_a_person(tmp_path: Path) -> None:
    source = Memory({"DM": [{"ID": "S"}]}, identifiers={"DM": frozenset({"ID"})})
    with pytest.raises(PackError, match="ID is flagged as identifying"):
        mapped(pack_of(tmp_path, {"dm": DM}), source, "DM")


# Conditions


@pytest.mark.parametrize(
    ("condition", "cell", "holds"),
    [
        ("{A: x}", "x", True),
        ("{A: x}", "y", False),
        ("{A: [x, y]}", "y", True),
        ("{A: ''}", "", True),
        ("{A: ''}", "x", False),
        ("{A: '*'}", "x", True),
        ("{A: '*'}", "", False),
        ("{A: '!x'}", "y", True),
        ("{A: '!x'}", "x", False),
        ("{A: x, B: ''}", "x", True),
        ("{A: x, B: z}", "x", False),
    ],
)
def test_conditions(tmp_path: Path, condition: str, cell: str, holds: bool) -> None:
    pack = pack_of(tmp_path, {"t": DM.replace("{label", f"{{if: {condition}, label")})
    [row] = mapped(pack, Memory({"DM": [{"ID": "S", "A": cell}]}), "DM")
    assert bool(row.records) == holds


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("{A: '*'}", False),
        ("{A: ''}", True),
        ("{A: [x, '']}", True),
        ("{A: '!'}", False),
        ("{A: '!x'}", True),
        ("{A: NASK}", True),
        ("{A: [NASK, x]}", True),
        ("{A: '!NASK'}", False),
        ("{A: '-99'}", False),
    ],
)
def test_a_missing_data_code_counts_as_empty_unless_it_is_named(tmp_path: Path, condition: str, holds: bool) -> None:
    pack = pack_of(tmp_path, {"t": DM.replace("{label", f"{{if: {condition}, label")}, MISSING)
    [row] = mapped(pack, Memory({"DM": [{"ID": "S", "A": "NASK"}]}), "DM")
    assert bool(row.records) == holds


CONSENTS = """
table: DS
participant: ID
required: [ID, BY]
key: [ID]
skip-unless-any: [SIGNED, WITHDRAWN]
consent:
  - date: {from: SIGNED, as: date}
  - {if: {WITHDRAWN: "*"}, name: withdrawal, decision: withdrawn, date: {from: WITHDRAWN, as: date}}
"""


@pytest.mark.parametrize(
    ("cells", "decisions"),
    [
        ({"SIGNED": "2020-01-05", "WITHDRAWN": "NASK"}, ["given"]),
        ({"SIGNED": "2020-01-05", "WITHDRAWN": "2020-03"}, ["given", "withdrawn"]),
        ({"SIGNED": "NASK", "WITHDRAWN": "-99"}, "empty"),
        ({"SIGNED": "2020-01-05", "BY": "NASK"}, ["MSC-MAP-005"]),
    ],
)
def test_a_missing_data_code_withdraws_no_consent(
    tmp_path: Path, cells: dict[str, str], decisions: list[str] | str
) -> None:
    pack = pack_of(tmp_path, {"ds": CONSENTS}, MISSING)
    [row] = mapped(pack, Memory({"DS": [{"ID": "S", "BY": "x", "WITHDRAWN": "", **cells}]}), "DS")
    rules = [one.rule for one in row.problems]
    said = [one.decision for one in row.records if isinstance(one, Consent)]
    assert (row.outcome if not (rules or said) else [*rules, *said]) == decisions


def test_a_condition_on_what_is_sealed_never_holds(tmp_path: Path) -> None:
    pack = pack_of(tmp_path, {"t": DM.replace("{label", "{if: {ARM: '!x'}, label")}, "sealed: {columns: {DM: ARM}}\n")
    [row] = mapped(pack, Memory({"DM": [{"ID": "S", "ARM": "high"}]}), "DM", blind=True)
    assert row.records == ()


@pytest.mark.parametrize("cell", ["", "twice", "a few"], ids=["nothing", "text", "bad range"])
def test_no_row_leaves_a_circle_behind(pack: Pack, cell: str) -> None:
    """Whatever of it cannot be read: what would stay is all that the row is made of."""

    def circles(count: int) -> int:
        low = cell if cell == "a few" else "1"
        given = [
            {"ID": "S", "TEST": "ALB", "RES": cell or "4", "UNIT": "g/L", "DAY": f"2020-01-{day:02}", "LOW": low}
            for day in range(1, count + 1)
        ]
        gc.collect()
        rows(pack, "LB", *given)
        return gc.collect()

    gc.disable()
    gc.freeze()  # what other tests have left is not looked through each time
    try:
        few, many = circles(3), circles(28)
    finally:
        gc.unfreeze()
        gc.enable()
    assert many == few
