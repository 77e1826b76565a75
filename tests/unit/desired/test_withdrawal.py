"""What goes on when the consent is withdrawn leaves as it stood then: what came later is nowhere in what leaves."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.desired.trial_source import Rows, consent, dm, lb, outcome, step

GIVEN, LATER = "2020-01-10", "2020-09-17"
ONE: dict[str, Rows] = {"DM": dm("S"), "DS": consent("S", day=GIVEN)}
WITHDRAWN: dict[str, Rows] = {**ONE, "DS": [*ONE["DS"], step("S", "WITHDRAWAL OF CONSENT", "2020-06-01")]}
AGAIN: dict[str, Rows] = {**ONE, "DS": [*WITHDRAWN["DS"], *consent("S", day="2020-08-01")]}


def ae(end: str, **more: str) -> Rows:
    return [{"USUBJID": "S", "AETERM": "FEVER", "AESTDTC": "2020-05-01", "AEENDTC": end, **more}]


def cm(end: str, **more: str) -> Rows:
    return [{"USUBJID": "S", "CMTRT": "ASPIRIN", "CMSTDTC": "2020-05-01", "CMENDTC": end, **more}]


def mh(end: str, **more: str) -> Rows:
    return [{"USUBJID": "S", "MHTERM": "GOUT", "MHSTDTC": "2020-05-01", "MHENDTC": end, **more}]


def sv(end: str, **more: str) -> Rows:
    return [{"USUBJID": "S", "VISITNUM": "3", "SVSTDTC": "2020-05-01", "SVENDTC": end, **more}]


ROWS = {"AE": ae, "CM": cm, "MH": mh, "SV": sv}
TYPES = {"AE": "AdverseEvent", "CM": "MedicationStatement", "MH": "Condition", "SV": "Encounter"}


def told(study: dict[str, Rows], table: str, rows: Rows) -> tuple[dict[str, Any], list[str]]:
    found = outcome({**study, table: rows})
    assert found.outcomes(table) == {"delivered": 1}
    [body] = found.of_type(TYPES[table])
    return body, found.rules()


@pytest.mark.parametrize("table", ROWS)
@pytest.mark.parametrize(
    ("study", "end", "is_left_out"),
    [
        (ONE, LATER, False),
        (WITHDRAWN, LATER, True),
        (WITHDRAWN, "2020-05-20", False),
        # The same day passes; a month or a year that may be later does not.
        (WITHDRAWN, "2020-06-01", False),
        (WITHDRAWN, "2020-06", True),
        (AGAIN, LATER, False),
    ],
)
def test_an_end_after_the_withdrawal_is_left_out_and_told(
    table: str, study: dict[str, Rows], end: str, is_left_out: bool
) -> None:
    body, rules = told(study, table, ROWS[table](end))
    assert (end in str(body)) is not is_left_out
    assert "2020-05-01" in str(body)
    assert rules == (["MSC-CONSENT-007"] if is_left_out else [])
    if is_left_out:
        kept, rules = told(study, table, ROWS[table](LATER))
        assert kept == body, "not even that there is another end"


def test_an_end_between_two_consents_is_left_out() -> None:
    body, rules = told(AGAIN, "AE", ae("2020-07-01", AEOUT="RECOVERED/RESOLVED"))
    assert "outcome" not in body
    assert "2020-07-01" not in str(body)
    assert rules == ["MSC-CONSENT-007"]


@pytest.mark.parametrize(
    ("table", "more", "words"),
    [
        ("AE", {"AEOUT": "RECOVERED/RESOLVED"}, ["resolved"]),
        ("AE", {"AEOUT": "Fatal", "AESER": "Y", "AESDTH": "Y", "AETOXGR": "5"}, ["fatal", "Serious", "Death"]),
        ("CM", {"CMREASND": "NO LONGER NEEDED"}, ["completed", "NO LONGER"]),
        ("MH", {"MHENRTPT": "BEFORE"}, ["resolved"]),
        ("SV", {}, ["finished"]),
    ],
)
def test_what_only_the_end_tells_is_left_out_with_it(table: str, more: dict[str, str], words: list[str]) -> None:
    covered, _ = told(ONE, table, ROWS[table](LATER, **more))
    assert all(word in str(covered) for word in words)
    body, _ = told(WITHDRAWN, table, ROWS[table](LATER, **more))
    assert not [word for word in words if word in str(body)]


@pytest.mark.parametrize(
    ("table", "more", "word"),
    [
        ("AE", {"AEOUT": "RECOVERED/RESOLVED"}, "resolved"),
        ("CM", {"CMENRTPT": "BEFORE"}, "completed"),
        ("MH", {"MHENRTPT": "BEFORE"}, "resolved"),
    ],
)
def test_an_end_that_nobody_dated_may_be_later(table: str, more: dict[str, str], word: str) -> None:
    body, rules = told(WITHDRAWN, table, ROWS[table]("", **more))
    assert word not in str(body)
    assert rules == ["MSC-CONSENT-007"]
    # Written down while the consent held.
    if table != "AE":
        body, rules = told(WITHDRAWN, table, ROWS[table]("", **more, **{f"{table}DTC": "2020-05-02"}))
        assert word in str(body)
        assert rules == []


def test_what_goes_on_and_what_was_so_before_stays() -> None:
    body, rules = told(WITHDRAWN, "AE", ae("", AEOUT="NOT RECOVERED/NOT RESOLVED"))
    assert "ongoing" in str(body)
    assert rules == []
    body, _ = told(WITHDRAWN, "AE", ae(LATER, AESEV="MODERATE", AESER="Y", AESHOSP="Y", AESDTH="Y", AEOUT="FATAL"))
    assert "moderate" in str(body)
    assert "Hospitalization" in str(body)
    assert "Death" not in str(body)


@pytest.mark.parametrize(
    ("participant", "steps"),
    [
        ({"DTHFL": "Y", "DTHDTC": LATER}, []),
        ({"DTHFL": "Y"}, []),
        ({}, [step("S", "DEATH", LATER)]),
        ({"DTHFL": "Y", "DTHDTC": LATER}, [step("S", "DEATH", LATER)]),
    ],
)
def test_a_death_after_the_withdrawal_is_not_told(participant: dict[str, str], steps: Rows) -> None:
    tables = {"DM": dm("S", **participant), "DS": [*WITHDRAWN["DS"], *steps]}
    found = outcome(tables)
    assert not [name for [patient] in [found.of_type("Patient")] for name in patient if name.startswith("deceased")]
    assert found.rules() == ["MSC-CONSENT-007"]
    assert [one["status"] for one in found.of_type("ResearchSubject")] == ["withdrawn"]


def test_a_death_before_the_withdrawal_was_recorded_is_told() -> None:
    found = outcome({**WITHDRAWN, "DM": dm("S", DTHDTC="2020-05-30")})
    [patient] = found.of_type("Patient")
    assert patient["deceasedDateTime"] == "2020-05-30"
    assert found.rules() == []


@pytest.mark.parametrize("day", ["UNKNOWN", "2020-13-01", "2020-06-01/2020-06-30"])
def test_a_withdrawal_on_a_day_that_cannot_be_read_is_one(day: str) -> None:
    found = outcome({**ONE, "DS": [*ONE["DS"], step("S", "WITHDRAWAL OF CONSENT", day)], "LB": [lb()]})
    assert found.outcomes("LB") == {"withheld": 1}
    assert [one["status"] for one in found.of_type("ResearchSubject")] == ["withdrawn"]
    [problem] = [one for one in found.findings if one.rule == "MSC-MAP-001"]
    assert [(origin.table, origin.row) for origin in problem.origins] == [("DS", 2)]
    # Of another step nothing is known without its day.
    other = outcome({**ONE, "DS": [*ONE["DS"], step("S", "COMPLETED", day)], "LB": [lb()]})
    assert other.outcomes("DS") == {"delivered": 1, "rejected": 1}
    assert other.outcomes("LB") == {"delivered": 1}


def test_a_withdrawal_that_is_not_coded_yet_is_one() -> None:
    told = {**step("S", "", "2020-06-01"), "DSTERM": "WITHDREW CONSENT"}
    found = outcome({**ONE, "DS": [*ONE["DS"], told], "LB": [lb(day="2020-07-01")]})
    assert found.outcomes("LB") == {"withheld": 1}


def test_a_withdrawal_of_which_the_year_alone_is_known_is_said_of_the_subject() -> None:
    found = outcome({**ONE, "DS": [*ONE["DS"], step("S", "WITHDRAWAL OF CONSENT", "2020")]})
    [subject] = found.of_type("ResearchSubject")
    assert (subject["status"], subject["period"]) == ("withdrawn", {"start": GIVEN})
    assert found.rules() == ["MSC-TIME-002"]


@pytest.mark.parametrize(
    ("end", "became"),
    [("2020-05-30", "delivered"), ("2020-06-01", "delivered"), ("2020-06-02", "held"), ("2020", "held")],
)
def test_a_result_without_a_date_of_a_visit_that_went_on_is_held(end: str, became: str) -> None:
    visit = {"USUBJID": "S", "VISITNUM": "3", "SVSTDTC": "2020-05-20", "SVENDTC": end}
    found = outcome({**WITHDRAWN, "SV": [visit], "LB": [lb(day="", VISITNUM="3")]})
    assert found.outcomes("LB") == {became: 1}
    assert found.outcomes("SV") == {"delivered": 1}
    assert outcome({**ONE, "SV": [visit], "LB": [lb(day="", VISITNUM="3")]}).outcomes("LB") == {"delivered": 1}


@pytest.mark.parametrize(("study", "became"), [(ONE, "delivered"), (WITHDRAWN, "held"), (AGAIN, "delivered")])
def test_a_missed_visit_that_nobody_dated_may_be_later(study: dict[str, Rows], became: str) -> None:
    missed = {"USUBJID": "S", "VISITNUM": "3", "SVSTDTC": "", "SVOCCUR": "N"}
    assert outcome({**study, "SV": [missed]}).outcomes("SV") == {became: 1}
