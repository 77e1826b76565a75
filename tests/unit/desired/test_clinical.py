"""Medication, medical history and deaths of a small SDTM study: what leaves, when, and what a blind project drops."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_msc.release.consent import AFTER_WITHDRAWAL, BEFORE_CONSENT, DATE_UNKNOWN, WITHOUT_CONSENT
from tests.unit.desired.trial_source import Rows, consent, dm, outcome, step

ONE: dict[str, Rows] = {"DM": dm("S"), "DS": consent("S", day="2020-01-10")}
WITHDRAWN: dict[str, Rows] = {**ONE, "DS": [*ONE["DS"], step("S", "WITHDRAWAL OF CONSENT", "2020-06-01")]}


def cm(drug: str = "ASPIRIN", start: str = "", **more: str) -> dict[str, str]:
    return {"USUBJID": "S", "CMTRT": drug, "CMSTDTC": start, "CMENDTC": "", "CMDTC": "", **more}


def mh(term: str = "GOUT", start: str = "", **more: str) -> dict[str, str]:
    return {"USUBJID": "S", "MHTERM": term, "MHSTDTC": start, "MHENDTC": "", "MHDTC": "", **more}


@pytest.mark.parametrize(
    ("study", "start", "recorded", "reason"),
    [
        (ONE, "1999", "", None),
        (ONE, "", "", None),
        (ONE, "1999", "2020-01-10", None),
        (ONE, "1999", "2020-01-09", BEFORE_CONSENT),
        (WITHDRAWN, "1999", "", None),
        (WITHDRAWN, "2020-06-02", "", AFTER_WITHDRAWAL),
        (WITHDRAWN, "1999", "2020-06-02", AFTER_WITHDRAWAL),
        (WITHDRAWN, "", "", DATE_UNKNOWN),
        ({**ONE, "DS": [step("S", "RANDOMIZED", "2020-01-10")]}, "1999", "", WITHOUT_CONSENT),
    ],
)
def test_a_history_goes_whenever_it_began(
    study: dict[str, Rows], start: str, recorded: str, reason: str | None
) -> None:
    found = outcome({**study, "CM": [cm(start=start, CMDTC=recorded)], "MH": [mh(start=start, MHDTC=recorded)]})
    for table in ("CM", "MH"):
        [(became, why)] = found.accounts[table].outcomes
        assert why == (reason or "")
        assert became == ("delivered" if reason is None else "withheld" if reason == AFTER_WITHDRAWAL else "held")


def test_equal_rows_are_one_and_a_corrected_date_is_told() -> None:
    one = outcome({**ONE, "CM": [cm(start="2019"), cm(start="2019"), cm(start="2018")]})
    assert one.outcomes("CM") == {"delivered": 2, "merged": 1}
    loose = {body.loose for body in one.bodies.values() if body.type == "MedicationStatement"}
    assert len(loose) == 1
    assert None not in loose
    named = outcome({**ONE, "CM": [cm(start="2019", CMSPID="7")]})
    later = outcome({**ONE, "CM": [cm("ASPIRIN 100", start="2018", CMSPID="7")]})
    ids = [[body.rid for body in found.bodies.values() if body.table == "CM"] for found in (named, later)]
    assert ids[0] == ids[1], "the sponsor's own identifier outlives a corrected term"


def test_an_end_that_is_less_precise_than_its_start_is_left_out_and_told() -> None:
    found = outcome({**ONE, "CM": [cm(start="2019-03-05", CMENDTC="2019-03")]})
    [taken] = found.of_type("MedicationStatement")
    assert taken["effectivePeriod"] == {"start": "2019-03-05"}
    assert "MSC-TIME-002" in found.rules()
    wrong = outcome({**ONE, "CM": [cm(start="2019-03-05", CMENDTC="2018-01-01")]})
    assert wrong.outcomes("CM") == {"rejected": 1}


@pytest.mark.parametrize(
    ("answer", "code"), [("Y", "Serious"), ("N", "Non-serious"), ("U", None), ("NA", None), ("na", None), ("", None)]
)
def test_an_event_may_say_nothing_of_seriousness(answer: str, code: str | None) -> None:
    event = {"USUBJID": "S", "AETERM": "FEVER", "AESTDTC": "2020-02-01", "AESER": answer, "AEOUT": "Fatal"}
    found = outcome({**ONE, "AE": [event]})
    assert found.outcomes("AE") == {"delivered": 1}
    [told] = found.of_type("AdverseEvent")
    seriousness: Any = told.get("seriousness")
    assert (seriousness and seriousness["coding"][0]["code"]) == code
    ended: Any = told["outcome"]
    assert ended["coding"][0]["code"] == "fatal"


def test_a_condition_that_ended_does_not_go_on() -> None:
    """R4's con-4: what has an end is resolved, whatever else the row says."""
    found = outcome({**ONE, "MH": [mh(start="1999", MHENDTC="2001", MHENRTPT="ONGOING")]})
    [told] = found.of_type("Condition")
    statuses: Any = told["clinicalStatus"]
    assert statuses["coding"][0]["code"] == "resolved"


@pytest.mark.parametrize(
    ("participant", "steps", "details", "deceased"),
    [
        ({}, [], [], {}),
        ({"DTHFL": "Y", "DTHDTC": "2020-03"}, [], [], {"deceasedDateTime": "2020-03"}),
        ({"DTHFL": "Y"}, [], [], {"deceasedBoolean": True}),
        ({}, [step("S", "DEATH", "2020-03-04")], [], {"deceasedDateTime": "2020-03-04"}),
        ({"DTHFL": "Y"}, [step("S", "DEATH", "2020-03-04")], [], {"deceasedDateTime": "2020-03-04"}),
        # The end of the treatment by death need not be the day of the death.
        ({}, [step("S", "DEATH", "2020-03-04", DSSCAT="STUDY TREATMENT")], [], {"deceasedBoolean": True}),
        # The date of death details is that of their collection.
        ({}, [], ["2020-03-09"], {"deceasedBoolean": True}),
        (
            {"DTHDTC": "2020-03"},
            [step("S", "DEATH", "2020-03-04")],
            ["2020-03-09"],
            {"deceasedDateTime": "2020-03"},
        ),
    ],
)
def test_any_table_may_say_that_a_participant_died(
    participant: dict[str, str], steps: Rows, details: list[str], deceased: dict[str, object]
) -> None:
    rows: Rows = [{"USUBJID": "S", "DDTESTCD": "PRCDTH", "DDORRES": "SEPSIS", "DDDTC": day} for day in details]
    tables = {"DM": dm("S", **participant), "DS": [*ONE["DS"], *steps], **({"DD": rows} if rows else {})}
    found = outcome(tables)
    [patient] = found.of_type("Patient")
    assert {name: value for name, value in patient.items() if name.startswith("deceased")} == deceased
    sources = {one.table for body in found.bodies.values() if body.type == "Patient" for one in body.origins}
    told_by_dm = "DTHDTC" in participant
    assert sources == {
        "DM",
        *(["DS"] if steps and not told_by_dm else []),
        *(["DD"] if rows and not told_by_dm else []),
    }


@pytest.mark.parametrize(
    "told",
    [
        {"CMTRT": "Placebo"},
        {"CMTRT": "UC-MSC 5 million/kg"},
        {"CMTRT": "umbilical stromal cells"},
        {"CMCAT": "STUDY TREATMENT"},
        {"CMSCAT": "Investigational product"},
        {"CMDECOD": "STUDY DRUG"},
    ],
)
def test_the_study_product_among_the_medication_is_not_there_in_a_blind_project(told: dict[str, str]) -> None:
    rows = [{"CMCAT": "", "CMSCAT": "", "CMDECOD": "", **row} for row in (cm(start="2019"), {**cm(), **told})]
    blind, unblinded = outcome({**ONE, "CM": rows}), outcome({**ONE, "CM": rows}, blind=False)
    alone = outcome({**ONE, "CM": rows[:1]})
    assert unblinded.accounts["CM"].rows == 2
    assert blind.accounts["CM"].rows == 1
    assert {one.rid: one.body for one in blind.bodies.values()} == {one.rid: one.body for one in alone.bodies.values()}
    assert all(origin.row is None for one in blind.bodies.values() if one.table == "CM" for origin in one.origins)


@pytest.mark.parametrize("table", ["PC", "PP", "IS", "GF", "CP", "MI", "BS", "ZZ", "QSXXX", "FAEX", "LBCH"])
def test_findings_that_may_tell_the_arm_come_in_where_nobody_is_blind(table: str) -> None:
    prefix = table[:2]
    rows: Rows = [{"USUBJID": "S", f"{prefix}TESTCD": "A", f"{prefix}ORRES": "1.50", f"{prefix}DTC": "2020-02-01"}]
    unblinded = outcome({**ONE, table: rows}, blind=False)
    assert unblinded.outcomes(table) == {"delivered": 1}
    blind = outcome({**ONE, table: rows})
    assert table not in blind.accounts
    assert blind.findings == outcome(ONE).findings
    assert blind.order == outcome(ONE).order
