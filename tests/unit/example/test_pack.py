"""The example trial's pack: it reads every form, knows every code, and makes what a second count expects."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import pytest

from fhir_msc.example.instruments import SLEDAI
from fhir_msc.example.misle import DICTIONARY, PHARMACY, RECORDS
from fhir_msc.mapping.compiler import compile_table, reads
from fhir_msc.mapping.pack import Pack, read_pack
from fhir_msc.mapping.values import Value
from fhir_msc.resources.code_system import concepts
from fhir_msc.sources.opening import SourceOptions, open_source
from fhir_msc.sources.sealed_source import SealedSource
from fhir_msc.sources.seals import Seals
from fhir_msc.sources.table import LABEL, Source, Table, field_of
from fhir_msc.trial import Coding, Consent, Disposition, Infusion, Observation, Participant, Quantity, Record, Visit

ROOT = Path(__file__).parents[3]
EXPORT = ROOT / "examples" / "misle-phase2" / "data"
DATA = EXPORT / "edc"
MISSING = {"-99": "not-performed", "NASK": "not-asked", "UNK": "unknown"}
NEW_YORK = "America/New_York"

Rows = list[dict[str, str]]


@cache
def pack() -> Pack:
    return read_pack(ROOT / "mappings" / "misle-redcap")


@cache
def rows(name: str) -> Rows:
    return list(csv.DictReader(io.StringIO((EXPORT / name).read_bytes().decode())))


def filled(column: str) -> Rows:
    return [row for row in rows(RECORDS) if row[column]]


def blind() -> Source:
    return SealedSource(open_source(DATA), pack().seals)


def unblinded() -> Source:
    pharmacy = {"pharmacy": "../pharmacy/misle_pharmacy_synthetic.csv"}
    return open_source(DATA, SourceOptions(format="redcap", tables=pharmacy))


def table(source: Source, name: str) -> Table:
    return next(each for each in source.tables() if each.name == name)


@cache
def mapped(name: str) -> list[Record]:
    return records_of(name, blind(), pack().seals)


def records_of(name: str, source: Source, seals: Seals) -> list[Record]:
    mapper = compile_table(pack(), pack().tables[name], table(source, name), source, seals)
    found = list(mapper.map(mapper.rows(), lambda _participant: NEW_YORK))
    assert not [problem for row in found for problem in row.problems]
    return [record for row in found for record in row.records]


def place(record: Record) -> tuple[str, ...]:
    """Participant, event, instance and part of a record's key."""
    return record.key[2:]


def place_of(row: dict[str, str], part: str = "") -> tuple[str, ...]:
    return (row["record_id"], row["redcap_event_name"], row["redcap_repeat_instance"], part)


def test_every_form_has_its_words() -> None:
    assert {each.name for each in unblinded().tables()} == set(pack().tables)
    assert set(pack().words.order) == set(pack().tables) - {"pharmacy"}


def test_every_column_is_read_or_left_on_purpose() -> None:
    source = unblinded()
    for each in source.tables():
        words = pack().tables[each.name].words
        used = {field_of(column) for column in reads(words, pack(), Seals())}
        joined = {column for join in words.join for column in join.columns}
        columns = {field_of(column) for column in each.columns}
        assert columns <= used | joined | set(words.ignore), each.name
        assert used - joined <= columns, each.name
        assert set(words.ignore) <= columns, each.name


def test_every_choice_of_the_dictionary_is_in_the_maps_that_read_it() -> None:
    choices = {
        row["Variable / Field Name"]: {
            choice.split(",")[0].strip() for choice in row["Choices, Calculations, OR Slider Labels"].split("|")
        }
        for row in rows(DICTIONARY)
        if row["Field Type"] in ("radio", "dropdown")
    } | {row["Variable / Field Name"]: {"0", "1"} for row in rows(DICTIONARY) if row["Field Type"] == "yesno"}
    seen = set()

    def look(words: object) -> None:
        if isinstance(words, Value) and words.map is not None and words.from_[0] in choices:
            assert set(words.map) == choices[words.from_[0]], words.from_
            seen.add(words.from_[0])
        for part in words if isinstance(words, tuple) else vars(words).values() if hasattr(words, "__dict__") else ():
            look(part)

    for each in pack().tables.values():
        look(each.words)
    assert len(seen) > 30


def test_events_have_titles() -> None:
    title = pack().tables["visit"].words.visits[0].name_
    assert title is not None
    assert set(title[0].map or {}) == {row["redcap_event_name"] for row in filled("visit_status")}


def test_own_codes_stand_in_the_shipped_code_systems() -> None:
    own: set[tuple[str, str]] = set()
    for name in ("sledai", "bilag", "pga", "flare", "fatigue", "quality_of_life"):
        for record in mapped(name):
            assert isinstance(record, Observation)
            codings = [*record.description.code.codings, *(c for part in record.components for c in part.code.codings)]
            own |= {(coding.system, coding.code) for coding in codings if "://" not in coding.system}
    assert len(own) == 1 + 24 + 1 + 9 + 1 + 1 + 1 + 1
    assert not [(system, code) for system, code in own if code not in concepts(system)]


def test_units_are_those_of_the_dictionary() -> None:
    notes = {row["Variable / Field Name"]: row["Field Note"] for row in rows(DICTIONARY)}
    for name in ("laboratory.csv", "vital-signs.csv"):
        for line in pack().code_tables[name].lines:
            if line["unit"]:
                assert notes[line["column"]] == f"Unit: {line['unit']}"


@pytest.mark.shared
def test_codes_are_those_of_the_reference() -> None:
    reference = ROOT / ".." / "shared" / "reference" / "terminology" / "codes.csv"
    with reference.open(newline="") as file:
        known = {(line["code"], line["display"]): line["confidence"] for line in csv.DictReader(file)}
    for name in ("laboratory.csv", "vital-signs.csv"):
        for line in pack().code_tables[name].lines:
            assert known[line["code"], line["display"]] == line["confidence"]


def test_participants() -> None:
    found = {record.participant: record for record in mapped("demographics") if isinstance(record, Participant)}
    expected = filled("site")
    assert len(found) == len(expected) == 90
    for row in expected:
        record = found[row["record_id"]]
        assert (record.site, record.birth_date, record.arm) == (row["site"], row["birth_year_month"], None)
        assert record.sex == {"1": "female", "2": "male"}[row["sex"]]


def test_consents() -> None:
    found = Counter(
        (record.participant, record.date, record.decision)
        for record in mapped("consent")
        if isinstance(record, Consent)
    )
    given = [(row["record_id"], row["consent_date"], "given") for row in filled("consent_date")]
    withdrawn = [
        (row["record_id"], row["consent_withdrawn_date"], "withdrawn") for row in filled("consent_withdrawn_date")
    ]
    assert found == Counter(given + withdrawn)
    assert (len(given), len(withdrawn)) == (89, 3)


def test_steps_through_the_trial() -> None:
    steps = [record for name in ("eligibility", "randomisation", "disposition") for record in mapped(name)]
    assert Counter(step.kind for step in steps if isinstance(step, Disposition)) == {
        "enrolled": 81,
        "randomised": 81,
        "screen-failure": 18,
        "completed": 68,
        "consent-withdrawn": 3,
        "unclear-withdrawal": 3,
        "lost-to-follow-up": 4,
        "discontinued": 3,
    }


def test_visits() -> None:
    found = {place(record): record for record in mapped("visit") if isinstance(record, Visit)}
    assert found.keys() == {place_of(row) for row in filled("visit_status")}
    for row in filled("visit_status"):
        record = found[place_of(row)]
        assert record.start == (row["visit_date"] or None)
        assert record.status == ("cancelled" if row["visit_status"] == "2" else "finished")
        assert (record.reason is None) == (not row["visit_reason_missed"] and not row["visit_reason_unscheduled"])
    numbers = Counter((record.participant, record.number) for record in found.values())
    assert set(numbers.values()) == {1}


def test_infusions_of_a_blind_project() -> None:
    found = [record for record in mapped("infusion") if isinstance(record, Infusion)]
    assert Counter(record.status for record in found) == {"completed": 80, "not-done": 1}
    sealed = {(record.product, record.dose, record.volume, record.lot, record.end) for record in found}
    assert sealed == {(None, None, None, None, None)}
    for record, row in zip(found, filled("inf_done"), strict=True):
        started = row["inf_datetime"]
        assert (record.start or "")[:10] == row["inf_date"]
        assert not started or re.fullmatch(rf"{started.replace(' ', 'T')}:00-0[45]:00", record.start or "")
        assert (record.reason is None) == (row["inf_done"] == "1")


def test_infusions_of_an_unblinded_project() -> None:
    found = [record for record in records_of("infusion", unblinded(), Seals()) if isinstance(record, Infusion)]
    listed = {row["record_id"]: row for row in rows(PHARMACY)}
    assert len(found) == len(listed)
    for record in found:
        row = listed[record.participant]
        assert record.lot == row["lot"]
        assert record.dose is not None
        assert record.dose.value == row["cells_e6_per_kg"]
        assert record.product is not None
        assert bool(record.product.codings) == (row["arm"] != "placebo")
        assert len(record.origins) == 2


def check(record: Observation, text: str, unit: str | None) -> None:
    """An observation says what the cell says."""
    if text in MISSING:
        assert record.value is None
        assert record.absent is not None
        assert record.absent.codings[0].code == MISSING[text]
    elif unit is None:
        assert record.value == text
    else:
        assert isinstance(record.value, Quantity)
        assert record.value.unit is not None
        assert (record.value.comparator or "") + record.value.value == text
        assert record.value.unit.ucum == unit


@pytest.mark.parametrize(("form", "file"), [("vitals", "vital-signs.csv"), ("laboratory", "laboratory.csv")])
def test_measurements_are_the_cells(form: str, file: str) -> None:
    found = {place(record): record for record in mapped(form) if isinstance(record, Observation)}
    lines = {line["column"]: line for line in pack().code_tables[file].lines}
    expected = {place_of(row, column): (row, column) for column in lines for row in filled(column)}
    assert len(expected) > 3000
    assert {key for key in found if key[-1] in lines} == expected.keys()
    for key, (row, column) in expected.items():
        record = found[key]
        what = record.description
        assert what.code.codings[0] == Coding("http://loinc.org", lines[column]["code"], lines[column]["display"])
        assert record.effective is not None
        assert record.visit == (row["redcap_repeat_instance"] or row["redcap_event_name"])
        assert what.status == ("final" if row[f"{form}_complete"] == "2" else "preliminary")
        check(record, row[column], lines[column]["unit"] or None)
    others = Counter(key[-1] for key in found if key[-1] not in lines)
    if form == "laboratory":
        assert others == {
            "lab_pregnancy": len([row for row in filled("lab_pregnancy") if row["lab_pregnancy"] in "01"])
        }
    else:
        measured = [row for row in filled("vs_systolic") if {row["vs_systolic"], row["vs_diastolic"]} - MISSING.keys()]
        assert others == {"blood-pressure": len(measured)}


def test_the_sledai_is_its_total_with_its_items() -> None:
    found = {place(record): record for record in mapped("sledai") if isinstance(record, Observation)}
    assert found.keys() == {place_of(row) for row in filled("sledai_date")}
    for row in filled("sledai_date"):
        record = found[place_of(row)]
        assert [part.value.value if isinstance(part.value, Quantity) else "NASK" for part in record.components] == [
            {"1": str(item.weight), "0": "0"}.get(row[item.field], "NASK") for item in SLEDAI
        ]
        if row["sledai_total"]:
            check(record, row["sledai_total"], "{score}")
        else:
            assert record.value is None


@pytest.mark.parametrize(
    ("form", "column", "unit"),
    [
        ("pga", "pga_score", "{score}"),
        ("fatigue", "fatigue_total", "{score}"),
        ("pain", "pain_nrs", "{score}"),
        ("depression", "depression_total", "{score}"),
        ("quality_of_life", "qol_pcs", "{T-score}"),
    ],
)
def test_scores_are_the_cells(form: str, column: str, unit: str) -> None:
    found = {place(record): record for record in mapped(form) if isinstance(record, Observation)}
    assert found.keys() == {place_of(row) for row in filled(column)}
    for row in filled(column):
        check(found[place_of(row)], row[column], unit)


def test_adverse_events() -> None:
    found = Counter(type(record).__name__ for record in mapped("adverse_events"))
    assert found == {"AdverseEvent": len(filled("ae_term"))}


def test_nothing_of_the_initials_is_asked_for() -> None:
    asked: dict[str, set[str]] = defaultdict(set)
    for each in blind().tables():
        asked[each.name] = {
            column.removesuffix(LABEL) for column in reads(pack().tables[each.name].words, pack(), pack().seals)
        }
        assert not asked[each.name] & each.identifiers
    assert any(each.identifiers for each in blind().tables())
