"""Tables of study design: what they add to the config's study, and what becomes of each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_msc.errors import PackError, SourceError
from fhir_msc.findings import Severity
from fhir_msc.mapping.checking import check_pack
from fhir_msc.sources.seals import Seals
from fhir_msc.trial import Arm, Criterion, OutcomeMeasure, PlannedVisit
from tests.unit.desired.trial_source import POLICY, Rows, consent, dm, fingerprints, lb, outcome, sdtm
from tests.unit.mapping.memory import Memory, pack_of

PEOPLE = {"DM": dm("S"), "DS": consent("S"), "LB": [lb()]}
TS = [
    {"TSPARMCD": "TPHASE", "TSSEQ": "1", "TSVAL": "PHASE II TRIAL"},
    {"TSPARMCD": "INDIC", "TSSEQ": "1", "TSVAL": "Lupus"},
    {"TSPARMCD": "OUTMSPRI", "TSSEQ": "10", "TSVAL": "Flares", "TSVAL1": "within a year"},
    {"TSPARMCD": "OUTMSPRI", "TSSEQ": "9", "TSVAL": "Steroids"},
    {"TSPARMCD": "SEXPOP", "TSSEQ": "1", "TSVAL": "F"},
]
TA = [
    {"ARMCD": arm, "ARM": name, "TAETORD": place, "ETCD": element, "ELEMENT": element.title(), "EPOCH": "TREATMENT"}
    for arm, name, steps in (("A", "Low", ("SCREEN", "LOW")), ("B", "Placebo", ("SCREEN", "NONE")))
    for place, element in enumerate(steps, 1)
    for place in [str(place)]
]
TE = [{"ETCD": code, "TESTRL": f"start of {code}", "TEENRL": ""} for code in ("SCREEN", "LOW", "NONE", "UNUSED")]
TV = [
    {"VISITNUM": "10", "VISIT": "WEEK 24", "VISITDY": "169"},
    {"VISITNUM": "2", "VISIT": "WEEK 2", "VISITDY": "15", "TVSTRL": "Two weeks on"},
]
TI = [
    {"IETESTCD": name, "IETEST": words, "IECAT": kind, "TIVERS": version}
    for version in ("1", "2")
    for name, words, kind in (
        ("EX10", "Pregnant", "EXCLUSION"),
        ("EX9", "Ill", "EXCLUSION"),
        ("IN1", "Adult", "INCLUSION"),
    )
]
DESIGN: dict[str, Rows] = {"TS": TS, "TA": TA, "TE": TE, "TV": TV, "TI": TI}


def of(tables: Mapping[str, Sequence[Mapping[str, str]]], **study: Any) -> Any:
    return outcome({**PEOPLE, **tables}, study=replace(POLICY.study, **study))


def whole(found: Any) -> dict[str, Any]:
    [body] = [one for one in found.of_type("ResearchStudy") if "partOf" not in one]
    result: dict[str, Any] = body
    return result


def rules(found: Any) -> list[tuple[str, Severity]]:
    return [(one.rule, one.severity) for one in found.findings if one.rule.startswith("MSC-STUDY")]


def test_the_tables_fill_what_the_config_leaves_open() -> None:
    found = of(DESIGN)
    body = whole(found)
    assert body["phase"]["coding"][0]["code"] == "phase-2"
    assert [one["text"] for one in body["condition"]] == ["Lupus"]
    assert [one["name"] for one in body["objective"]] == ["Steroids", "Flares within a year"]
    assert [one["name"] for one in body["arm"]] == ["Low", "Placebo"]
    assert len(body["enrollment"]) == len(body["protocol"]) == 2
    schedule, arms = sorted(found.of_type("PlanDefinition"), key=lambda one: str(one["name"]))
    assert [one.get("prefix") for one in schedule["action"]] == [None, "2", "10"]
    assert [one["relatedAction"][0]["offsetDuration"]["value"] for one in schedule["action"][1:]] == [14, 168]
    assert [step["title"] for arm in arms["action"] for step in arm["action"]] == ["Screen", "Low", "Screen", "None"]
    assert rules(found) == []
    assert [found.outcomes(name) for name in DESIGN] == [
        {"merged": 5},
        {"merged": 4},
        {"merged": 3, "not-mapped": 1},
        {"merged": 2},
        {"merged": 6},
    ]
    group = found.of_type("Group")[0]
    assert [one["valueCodeableConcept"].get("text") for one in group["characteristic"]] == [
        None,
        "Adult",
        "Ill",
        "Pregnant",
    ]


@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_means_nothing(random: Any) -> None:
    shuffled = {name: random.sample(rows, len(rows)) for name, rows in DESIGN.items()}
    assert {one.rid: one.body for one in of(shuffled).bodies.values()} == BODIES


BODIES = {one.rid: one.body for one in of(DESIGN).bodies.values()}


def test_where_both_speak_the_config_counts_and_it_is_told_once() -> None:
    found = of(
        DESIGN,
        phase="phase-1",
        conditions=("LUPUS",),
        planned_visits=(PlannedVisit("2", "Week  2", day=15, window_before=3), PlannedVisit("3", "Week 3")),
        eligibility=(Criterion("Adult, or nearly", True, "IN1", "1"),),
        outcome_measures=(OutcomeMeasure("steroids", "primary", "1 year"),),
        arms=(Arm("low", "Low dose"), Arm("P", "placebo")),
    )
    body = whole(found)
    assert body["phase"]["coding"][0]["code"] == "phase-1"
    assert [one["text"] for one in body["condition"]] == ["LUPUS"]
    assert [one["name"] for one in body["objective"]] == ["steroids", "Flares within a year"]
    assert [one["name"] for one in body["arm"]] == ["Low dose", "placebo"]
    schedule, arms = sorted(found.of_type("PlanDefinition"), key=lambda one: str(one["name"]))
    assert [one.get("title") for one in schedule["action"][1:]] == ["Week  2", "Week 3", "WEEK 24"]
    assert schedule["action"][1]["description"] == "Starts: Two weeks on"
    assert schedule["action"][1]["relatedAction"][0]["extension"][0]["valueRange"]["low"]["value"] == 12
    assert [one["title"] for one in arms["action"]] == ["Low", "Placebo"]
    told = {one.message.partition(":")[0]: one.count for one in found.findings if one.rule == "MSC-STUDY-001"}
    assert told == {"phase": 1, "day": 1, "eligibility": 1, "arms": 2}
    assert found.outcomes("TS") == {"merged": 4, "not-mapped": 1}
    # A step of an arm that the config does not have is a step all the same.
    assert found.outcomes("TA") == {"merged": 4}


def test_of_two_rows_that_differ_the_first_by_its_key_counts() -> None:
    rows = [
        {"TSPARMCD": "SPONSOR", "TSSEQ": "2", "TSVAL": "B"},
        {"TSPARMCD": "SPONSOR", "TSSEQ": "1", "TSVAL": "A"},
        {"TSPARMCD": "SPONSOR", "TSSEQ": "3", "TSVAL": "a"},
    ]
    found = of({"TS": rows, "TV": [{"VISITNUM": "1", "VISIT": "X"}, {"VISITNUM": "1.0", "VISIT": "Y"}]})
    assert [one["name"] for one in found.of_type("Organization") if one["name"] != "Site 1"] == ["A"]
    assert found.outcomes("TS") == {"merged": 2, "rejected": 1}
    assert found.outcomes("TV") == {"merged": 1, "rejected": 1}
    assert rules(found) == [("MSC-STUDY-002", Severity.ERROR)] * 2


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ({"TSPARMCD": "PLANSUB", "TSVAL": "-1"}, "MSC-MAP-001"),
        ({"TSPARMCD": "PLANSUB", "TSVAL": "2.5"}, "MSC-MAP-001"),
        ({"TSPARMCD": "AGEMIN", "TSVAL": "old"}, "MSC-MAP-001"),
        ({"TSPARMCD": "SSTDTC", "TSVAL": "2012-13"}, "MSC-MAP-001"),
        ({"TSPARMCD": "TPHASE", "TSVAL": "PHASE IX TRIAL"}, "MSC-MAP-002"),
    ],
)
def test_one_bad_row_costs_one_row(row: dict[str, str], rule: str) -> None:
    found = of({**DESIGN, "TS": [*(one for one in TS if one["TSPARMCD"] != "TPHASE"), row]})
    assert found.outcomes("TS") == {"merged": 4, "rejected": 1}
    assert found.rules() == [rule]
    assert [one.origins[0].row for one in found.findings if one.rule == rule] == [5]


def test_a_row_that_changes_stages_the_study_and_no_participant() -> None:
    before = fingerprints({**PEOPLE, **DESIGN})
    after = fingerprints({**PEOPLE, **DESIGN, "TS": [{**TS[0], "TSVAL": "PHASE III TRIAL"}, *TS[1:]]})
    assert {name for name in before if before[name] != after[name]} == {"study", *DESIGN}
    changed = of({**DESIGN, "TS": [{**TS[0], "TSVAL": "PHASE III TRIAL"}, *TS[1:]]}).bodies
    assert {one.table for one in changed.values() if BODIES.get(one.rid) != one.body} == {"study"}


def test_a_table_that_cannot_be_read_stops_the_study_and_nothing_else() -> None:
    source = Memory({**PEOPLE, "TS": TS}, damage={"TI": "cut off"})
    with pytest.raises(SourceError, match="cut off"):
        outcome(source)
    with pytest.raises(SourceError, match="cut off"):
        fingerprints(source)


@pytest.mark.parametrize("blind", [True, False])
@pytest.mark.parametrize("table", sorted(DESIGN))
@pytest.mark.parametrize("column", ["USUBJID", "SUBJID", "RSUBJID", "usubjid", "SPDEVID", "POOLID"])
def test_a_table_of_the_protocol_that_names_participants_is_refused(table: str, column: str, blind: bool) -> None:
    rows = [{**row, column: "S"} for row in DESIGN[table]]
    with pytest.raises(SourceError, match=f"table {table}.*names participants"):
        outcome({**PEOPLE, **DESIGN, table: rows}, blind=blind)


def test_without_such_tables_the_study_is_the_configs() -> None:
    found = outcome(PEOPLE)
    assert set(whole(found)) == {"resourceType", "id", "identifier", "title", "status", "category"}


def test_masking_is_the_configs_alone() -> None:
    found = of({"TS": [{"TSPARMCD": "TBLIND", "TSVAL": "OPEN LABEL"}]})
    assert whole(found)["category"][0]["text"] == "Masking: double"
    assert rules(found) == [("MSC-STUDY-001", Severity.WARNING)]


def test_a_pack_says_which_columns_name_participants(tmp_path: Any) -> None:
    with pytest.raises(PackError, match="which columns name participants"):
        pack_of(tmp_path, {}, "sealed: {planned: {TA: [ARM]}}\n")


@pytest.mark.parametrize("word", ["participant: ID", "tie-breakers: [A]", "visit: {number: A}", "join: SUPPTV"])
def test_a_table_of_the_study_has_no_words_of_participants(tmp_path: Any, word: str) -> None:
    pack = pack_of(tmp_path, {"tv": f"table: TV\n{word}\nstudy:\n  planned-visit: {{number: A}}\n"})
    with pytest.raises(PackError, match=f"tv.yaml:2:.*{word.partition(':')[0]}"):
        check_pack(pack, Memory({"TV": [{"A": "1"}]}), Seals())


def test_the_pack_fits() -> None:
    assert [
        one.message for one in check_pack(sdtm(), Memory(DESIGN), sdtm().seals) if one.severity is Severity.ERROR
    ] == []


DI = [
    {"SPDEVID": device, "DISEQ": number, "DIPARMCD": code, "DIVAL": value}
    for device, number, code, value in (
        ("D10", "1", "DEVTYPE", "Injector"),
        ("D10", "2", "SERIAL", "S-1"),
        ("D9", "1", "MANUF", "Example Devices"),
        ("D9", "2", "COLOUR", "grey"),
    )
]


def given(device: str, day: str) -> dict[str, str]:
    return {"USUBJID": "S", "ECSTDTC": day, "ECOCCUR": "Y", "ECTRT": "CELLS", "SPDEVID": device}


GIVEN = [given("D9", "2020-02-01"), given("D11", "2020-02-02"), given("", "2020-02-03")]


def test_an_infusion_names_its_device_where_nobody_is_blind() -> None:
    found = outcome({**PEOPLE, "DI": DI, "EC": GIVEN}, blind=False)
    devices = {one["identifier"][1]["value"]: one for one in found.of_type("Device")}
    assert {name: one.get("serialNumber") for name, one in devices.items()} == {"D9": None, "D10": "S-1"}
    assert found.outcomes("DI") == {"merged": 3, "not-mapped": 1}
    infusions = {one["effectiveDateTime"]: one.get("device") for one in found.of_type("MedicationAdministration")}
    other = {"system": "https://trial.example.org/id/device", "value": "D11"}
    assert infusions == {
        "2020-02-01": [{"reference": f"Device/{devices['D9']['id']}"}],
        "2020-02-02": [{"type": "Device", "identifier": other}],
        "2020-02-03": None,
    }


def measured(table: str, test: str, device: str) -> dict[str, str]:
    cells = {"TESTCD": test, "TEST": test, "ORRES": "5", "DTC": "2020-02-01"}
    return {"USUBJID": "S", "SPDEVID": device, **{f"{table}{name}": cell for name, cell in cells.items()}}


MEASURED = {
    "LB": [measured("LB", "ALB", "D9"), measured("LB", "GLUC", ""), measured("LB", "BILI", "D11")],
    "VS": [measured("VS", "TEMP", "D9"), measured("VS", "SYSBP", "D9")],
    "QS": [measured("QS", "Q1", "D9")],
}


def test_a_result_names_its_device_where_nobody_is_blind() -> None:
    found = outcome({**PEOPLE, "DI": DI, **MEASURED}, blind=False)
    [known] = [one["id"] for one in found.of_type("Device") if one["identifier"][1]["value"] == "D9"]
    named = {one["code"]["text"]: one.get("device") for one in found.of_type("Observation")}
    there = {"reference": f"Device/{known}"}
    other = {"type": "Device", "identifier": {"system": "https://trial.example.org/id/device", "value": "D11"}}
    pressure = named.pop("Blood pressure")
    assert (pressure, named) == (there, {"ALB": there, "GLUC": None, "BILI": other, "TEMP": there, "Q1": there})


def test_in_a_blind_project_there_are_no_devices() -> None:
    with_devices = outcome({**PEOPLE, "DI": DI, "EC": GIVEN, **MEASURED})
    bare = {name: [{**one, "SPDEVID": ""} for one in rows] for name, rows in {"EC": GIVEN, **MEASURED}.items()}
    without = outcome({**PEOPLE, **bare})
    assert with_devices.bodies == without.bodies
    assert set(with_devices.accounts) == set(without.accounts)


def test_a_device_that_is_described_anew_concerns_what_is_done_with_it() -> None:
    tables: dict[str, Rows] = {**PEOPLE, "DI": DI, "EC": GIVEN, "LB": MEASURED["LB"], "AE": []}
    before = fingerprints(tables, blind=False)
    after = fingerprints({**tables, "DI": [*DI, {**DI[0], "SPDEVID": "D11"}]}, blind=False)
    assert {name for name in before if before[name] != after[name]} == {"study", "DI", "EC", "LB"}
