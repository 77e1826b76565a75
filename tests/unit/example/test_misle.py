"""The example trial's export: reproducible, complete, consistent with its own dictionary and with itself."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_msc.errors import UsageError
from fhir_msc.example.__main__ import main
from fhir_msc.example.misle import DICTIONARY, EVENT_LIST, PHARMACY, RECORDS, generate

ROOT = Path(__file__).parents[3]
COMMITTED = ROOT / "examples" / "misle-phase2" / "data"
REFERENCE = ROOT / ".." / "shared" / "reference" / "trials"
MISSING = {"-99", "NASK", "UNK"}
SYSTEM = {
    "record_id",
    "redcap_event_name",
    "redcap_repeat_instrument",
    "redcap_repeat_instance",
    "redcap_data_access_group",
}

Rows = list[dict[str, str]]


def read(content: bytes) -> Rows:
    return list(csv.DictReader(io.StringIO(content.decode())))


@cache
def trial() -> dict[str, bytes]:
    return generate()


@cache
def records() -> Rows:
    return read(trial()[RECORDS])


@cache
def dictionary() -> dict[str, dict[str, str]]:
    return {row["Variable / Field Name"]: row for row in read(trial()[DICTIONARY])}


@cache
def pharmacy() -> Rows:
    return read(trial()[PHARMACY])


def event(name: str) -> Rows:
    return [row for row in records() if row["redcap_event_name"] == f"{name}_arm_1"]


def choices(field: dict[str, str]) -> set[str]:
    if field["Field Type"] == "yesno":
        return {"0", "1"}
    return {choice.split(",")[0].strip() for choice in field["Choices, Calculations, OR Slider Labels"].split("|")}


def by_record(rows: Rows) -> dict[str, Rows]:
    grouped: dict[str, Rows] = defaultdict(list)
    for row in rows:
        grouped[row["record_id"]].append(row)
    return grouped


# Reproducible


def test_the_committed_files_are_what_the_generator_writes() -> None:
    written = {path.relative_to(COMMITTED).as_posix(): path.read_bytes() for path in COMMITTED.rglob("*.csv")}
    assert written == trial()


def test_the_command_writes_the_same_files(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 0
    assert {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*.*")} == trial()


@pytest.mark.parametrize("arguments", [[], ["--help"], ["a", "b"]])
def test_the_command_without_a_folder_says_how_to_call_it(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert "usage: python -m fhir_msc.example DIR" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main([str(tmp_path / "file")]) == 3
    assert "file" in capsys.readouterr().err


def test_another_seed_gives_other_values() -> None:
    assert generate(seed=1)[RECORDS] != trial()[RECORDS]


@pytest.mark.parametrize("numbers", [(-1, 0), (0, -1)])
def test_negative_numbers_are_refused(numbers: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="cannot be negative"):
        generate(*numbers)


# Says that it is synthetic, and nothing of the arm


def test_every_row_says_that_it_is_synthetic() -> None:
    origins = [name for name in dictionary() if name.endswith("data_origin")]
    assert all("synthetic" in {row[name] for name in origins} for row in records())
    assert {row["data_origin"] for row in pharmacy()} == {"synthetic"}
    assert all("synthetic" in dictionary()[name]["Field Note"] for name in origins)
    assert {row["custom_event_label"] for row in read(trial()[EVENT_LIST])} == {"synthetic windows"}
    assert all("synthetic" in name for name in trial())


def test_other_arms_change_the_pharmacy_alone() -> None:
    other = generate(pharmacy_seed=7)
    assert {name for name in other if other[name] != trial()[name]} == {PHARMACY}
    assert [row["arm"] for row in read(other[PHARMACY])] != [row["arm"] for row in pharmacy()]


def test_nothing_of_the_arm_stands_in_the_export() -> None:
    secrets = {row[name] for row in pharmacy() for name in ("arm", "kit", "lot", "donor_code")} - {""}
    for name in (RECORDS, DICTIONARY, EVENT_LIST):
        text = trial()[name].decode()
        assert not [secret for secret in secrets if secret in text]
        assert not re.search(r"dose|placebo|volume|viab|duration|kit\b|\blot\b", text, re.IGNORECASE)
        assert set(re.findall(r"arm_\d+", text)) <= {"arm_1"}


# Counts


def test_counts() -> None:
    assert Counter(row["arm"] for row in pharmacy()) == {"low-dose": 27, "high-dose": 27, "placebo": 27}
    assert Counter(row["disp_status"] for row in event("ongoing") if row["disp_status"]) == {
        "1": 68, "2": 9, "3": 3, "4": 3, "5": 4, "6": 2, "7": 1,
    }  # fmt: skip
    assert len(event("screening")) == 90
    assert len([row for row in event("baseline") if row["rand_date"]]) == 81
    assert Counter(row["inf_done"] for row in event("baseline")) == {"1": 80, "0": 1}
    assert len({row["site"] for row in event("screening")}) == 9
    assert len([row for row in records() if row["visit_status"] == "2"]) > 10
    assert len([row for row in records() if row["redcap_repeat_instrument"]]) > 100
    assert Counter(value for row in records() for value in row.values() if value in MISSING).keys() == MISSING
    assert any(value[0] == sign for sign in "<>" for row in records() for value in row.values() if value)


def test_the_events_are_those_of_the_trial() -> None:
    listed = [row["unique_event_name"] for row in read(trial()[EVENT_LIST])]
    weeks = [f"week_{week}_arm_1" for week in (1, 2, 4, 8, 12, 16, 20, 24, 36, 52)]
    assert listed == ["screening_arm_1", "baseline_arm_1", *weeks, "unscheduled_arm_1", "ongoing_arm_1"]
    assert {row["redcap_event_name"] for row in records()} == set(listed)


def test_pharmacy_rows_belong_to_randomised_participants() -> None:
    started = {row["record_id"]: row["inf_datetime"] for row in event("baseline")}
    assert [row["record_id"] for row in pharmacy()] == sorted(started)
    for row in pharmacy():
        assert (row["status"] == "administered") == bool(started[row["record_id"]])
        assert (row["arm"] == "placebo") == (row["cells_e6"] == "0") == (row["donor_code"] == "")
        assert not row["thaw_time"] or row["thaw_time"] < started[row["record_id"]]
    assert len({row["kit"] for row in pharmacy()}) == 81


# The dictionary fits the records


def test_every_column_is_a_field_or_redcaps_own() -> None:
    expected = set(SYSTEM)
    for name, field in dictionary().items():
        codes = choices(field) if field["Field Type"] == "checkbox" else ()
        expected |= {f"{name}___{code}" for code in codes} or {name}
        expected.add(f"{field['Form Name']}_complete")
    assert set(records()[0]) == expected
    assert len(records()[0]) == len(trial()[RECORDS].decode().splitlines()[0].split(","))


def test_every_coded_value_is_a_choice() -> None:
    for name, field in dictionary().items():
        if field["Field Type"] in ("radio", "dropdown", "yesno"):
            assert {row[name] for row in records()} <= choices(field) | MISSING | {""}
        elif field["Field Type"] == "checkbox":
            assert {row[f"{name}___{code}"] for code in choices(field) for row in records()} <= {"0", "1", ""}
    for name in records()[0]:
        if name.endswith("_complete"):
            assert {row[name] for row in records()} <= {"0", "1", "2", ""}


PATTERNS = {
    "date_ymd": r"\d{4}-\d\d-\d\d",
    "datetime_ymd": r"\d{4}-\d\d-\d\d \d\d:\d\d",
    "integer": r"\d+",
    "number": r"\d+(\.\d+)?",
    "number_1dp": r"\d+\.\d",
}


def test_every_validated_value_is_valid() -> None:
    seen = set()
    for name, field in dictionary().items():
        kind = field["Text Validation Type OR Show Slider Number"]
        if not kind:
            continue
        seen.add(kind)
        low, high = field["Text Validation Min"], field["Text Validation Max"]
        for value in {row[name] for row in records()} - MISSING - {""}:
            assert re.fullmatch(PATTERNS[kind], value), name
            assert not low or float(low) <= float(value) <= float(high), name
    assert seen == set(PATTERNS)


def test_results_without_validation_are_numbers_with_a_comparator() -> None:
    for name, field in dictionary().items():
        if field["Field Note"].startswith("Unit:") and not field["Text Validation Type OR Show Slider Number"]:
            for value in {row[name] for row in records()} - MISSING - {""}:
                assert re.fullmatch(r"[<>]?\d+(\.\d+)?", value), name


def test_fields_are_filled_only_where_their_branching_logic_shows_them() -> None:
    for name, field in dictionary().items():
        logic = re.fullmatch(r"\[(\w+)\] = '(\w+)'", field["Branching Logic (Show field only if...)"])
        if logic and field["Field Type"] != "checkbox":
            asked, answer = logic.groups()
            assert all(row[asked] == answer for row in records() if row[name]), name


def test_what_identifies_is_flagged() -> None:
    assert [name for name, field in dictionary().items() if field["Identifier?"] == "y"] == ["initials"]


def test_rows_have_unique_keys() -> None:
    keys = Counter(
        (row["record_id"], row["redcap_event_name"], row["redcap_repeat_instrument"], row["redcap_repeat_instance"])
        for row in records()
    )
    assert max(keys.values()) == 1


# Consistent


def test_sledai_totals_are_the_formula_of_the_dictionary() -> None:
    formula = dictionary()["sledai_total"]["Choices, Calculations, OR Slider Labels"]
    terms = [(name, int(weight)) for name, weight in re.findall(r"\[(\w+)\] \* (\d)", formula)]
    assert len(terms) == 24
    assert sum(weight for _, weight in terms) == 105
    scored = [row for row in records() if row["sledai_date"]]
    assert len(scored) > 800
    for row in scored:
        ticks = [row[name] for name, _ in terms]
        whole = sum(weight for (_, weight), tick in zip(terms, ticks, strict=True) if tick == "1")
        assert row["sledai_total"] == ("" if MISSING & set(ticks) else str(whole))
    assert any(row["sledai_total"] == "" for row in scored)


@pytest.mark.shared
def test_sledai_items_and_weights_are_the_instruments() -> None:
    with (REFERENCE / "sledai2k_items.csv").open(newline="") as file:
        items = {row["local_fhir_code"].removeprefix("sledai-2k-"): int(row["weight"]) for row in csv.DictReader(file)}
    formula = dictionary()["sledai_total"]["Choices, Calculations, OR Slider Labels"]
    found = {name.replace("_", "-"): int(weight) for name, weight in re.findall(r"\[sledai_(\w+)\] \* (\d)", formula)}
    assert found == items


@pytest.mark.shared
def test_sites_are_the_cities_of_the_registry() -> None:
    with (REFERENCE / "phase2_sites.csv").open(newline="") as file:
        cities = [f"{row['city']}, {row['state']}" for row in csv.DictReader(file)]
    labels = dictionary()["site"]["Choices, Calculations, OR Slider Labels"].split(" | ")
    assert [label.split(", ", 1)[1] for label in labels] == cities


def test_items_defined_by_a_measurement_agree_with_it() -> None:
    limits = {
        "sledai_fever": ("vs_temperature", lambda value: value > 38),
        "sledai_proteinuria": ("lab_upcr", lambda value: value > 500),
        "sledai_increased_dna_binding": ("lab_dsdna", lambda value: value > 30),
        "sledai_leukopenia": ("lab_leukocytes", lambda value: value < 3),
        "sledai_thrombocytopenia": ("lab_platelets", lambda value: value < 100),
    }
    for item, (measure, present) in limits.items():
        for row in records():
            if row["sledai_date"]:
                text = row[measure]
                expected = "NASK" if text in MISSING else str(int(present(float(text.lstrip("<>")))))
                assert row[item] == expected, item


def test_parts_of_the_leukocytes_do_not_exceed_them() -> None:
    for row in records():
        values = [row[f"lab_{name}"] for name in ("neutrophils", "lymphocytes", "leukocytes")]
        if row["lab_datetime"] and not MISSING & set(values):
            assert float(values[0]) + float(values[1]) <= float(values[2]) + 0.06


def test_whoever_is_eligible_meets_the_criteria_in_the_data() -> None:
    for row in event("screening"):
        grades = {value for name, value in row.items() if name.startswith("bilag_") and len(value) == 1}
        meets = int(row["sledai_total"]) >= 6 and bool(grades & {"A", "B"})
        sound = float(row["lab_haemoglobin"]) >= 8 and float(row["lab_leukocytes"]) >= 2
        age = (date.fromisoformat(row["visit_date"]) - date(int(row["birth_year_month"][:4]), 7, 1)).days / 365.25
        assert 18 <= age <= 66
        assert meets == (row["elig_reason"] != "I4")
        assert sound == (row["elig_reason"] != "E3")
        assert (row["elig_result"] == "2") == bool(row["elig_reason"])


def dates_of(row: dict[str, str]) -> dict[str, date]:
    kinds = {"date_ymd", "datetime_ymd"}
    fields = (
        name for name, field in dictionary().items() if field["Text Validation Type OR Show Slider Number"] in kinds
    )
    return {name: date.fromisoformat(row[name][:10]) for name in fields if row[name] not in MISSING | {""}}


def test_dates_are_in_order() -> None:
    windows = {
        row["unique_event_name"]: (int(row["day_offset"]), int(row["offset_max"]))
        for row in read(trial()[EVENT_LIST])
        if row["unique_event_name"].startswith("week_")
    }
    early, late = [], []
    for rows in by_record(records()).values():
        seen = {row["redcap_event_name"]: dates_of(row) for row in rows if not row["redcap_repeat_instance"]}
        screening, ongoing = seen["screening_arm_1"], seen["ongoing_arm_1"]
        consent = screening.get("consent_date")
        end = ongoing["disp_date"]
        assert consent is None or consent <= screening["visit_date"] <= screening["elig_date"] <= end
        if "baseline_arm_1" in seen:
            first = seen["baseline_arm_1"]
            assert screening["visit_date"] < first["rand_date"] <= first["visit_date"]
            assert screening["elig_date"] <= first["rand_date"]
            for name, (day, window) in windows.items():
                if "visit_date" in seen.get(name, {}):
                    planned = first["visit_date"] + timedelta(days=day)
                    assert abs(seen[name]["visit_date"] - planned) <= timedelta(days=window)
            assert all(
                first["visit_date"] <= dates_of(row)["ae_start"] <= dates_of(row).get("ae_end", end) <= end
                for row in rows
                if row["ae_term"]
            )
        for row in rows:
            days = dates_of(row)
            of_visit = {name: day for name, day in days.items() if name.startswith(("vs_", "lab_", "sledai_", "pga_"))}
            early += [name for name, day in of_visit.items() if consent and day < consent]
            late += [row["redcap_event_name"] for day in of_visit.values() if day > end]
            if row["redcap_event_name"] != "screening_arm_1":
                assert set(of_visit.values()) <= {days.get("visit_date")}
            assert not [day for day in days.values() if day > date(2026, 3, 31)]
    assert early == ["lab_datetime"]
    assert len(set(late)) == 1


def test_what_is_irregular_on_purpose_is_there_once() -> None:
    assert len([row for row in event("screening") if not row["consent_date"]]) == 1
    assert [row["elig_reason"] for row in event("screening") if not row["consent_date"]] == ["I6"]
    withdrawn = {
        row["record_id"]: row["consent_withdrawn_date"] for row in event("screening") if row["consent_withdrawn"] == "1"
    }
    ended = {row["record_id"]: row["disp_date"] for row in event("ongoing") if row["disp_status"] == "3"}
    assert withdrawn == ended
    assert len(withdrawn) == 3


def test_seriousness_has_a_criterion() -> None:
    reported = [row for row in records() if row["ae_term"]]
    for row in reported:
        ticked = [code for code in "123456" if row[f"ae_criteria___{code}"] == "1"]
        assert (row["ae_serious"] == "1") == bool(ticked)
        assert (row["ae_end"] == "") == (row["ae_outcome"] in ("2", "3"))
    assert 5 < len([row for row in reported if row["ae_serious"] == "1"]) < 40


# Any number of participants


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 15), st.integers(0, 8), st.integers(0, 2**40))
def test_any_number_of_participants(participants: int, screen_failures: int, seed: int) -> None:
    files = generate(participants, screen_failures, seed=seed)
    rows = read(files[RECORDS])
    arms = Counter(row["arm"] for row in read(files[PHARMACY]))
    assert len([row for row in rows if row["rand_date"]]) == participants == arms.total()
    assert max(arms.values(), default=0) - min(arms[arm] for arm in ("low-dose", "high-dose", "placebo")) <= 1
    assert len([row for row in rows if row["elig_result"] == "2"]) == screen_failures
    assert all(date.fromisoformat(row["vs_date"]) for row in rows if row["vs_date"])
    assert files == generate(participants, screen_failures, seed=seed)
