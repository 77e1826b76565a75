"""Every row of a real SDTM study, and what became of it: the domains that one rule serves, medication, history, deaths.

The expected figures come from ``tests/support/expected_sdtm.py``, which knows nothing of fhir_msc.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from fhir_msc.findings import Severity
from fhir_msc.sources.opening import SourceOptions, open_source
from fhir_msc.sources.table import Row, Source, Table
from tests.support import expected_sdtm
from tests.unit.desired.trial_source import Outcome, outcome

pytestmark = [pytest.mark.shared, pytest.mark.together]

SEALED = {"DI", "EX", "RELREC", "SE"}
PREFIXES = {"DD": "DD", "FA": "FA", "FT": "FT", "IE": "IE", "OE": "OE", "QSPH": "QS", "QSSL": "QS", "RS": "RS"}


@dataclass(frozen=True)
class Beside:
    """A source with the tables of two."""

    first: Source
    second: Source

    def tables(self) -> Sequence[Table]:
        return [*self.first.tables(), *self.second.tables()]

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        is_second = any(one.name == table for one in self.second.tables())
        return (self.second if is_second else self.first).rows(table, columns)


@dataclass
class Study:
    """The study, mapped blind and not."""

    folder: Path

    @cached_property
    def source(self) -> Source:
        return Beside(open_source(self.folder, SourceOptions(format="xpt")), open_source(self.folder / "ft.json"))

    @cached_property
    def as_json(self) -> Source:
        return open_source(self.folder, SourceOptions(format="dataset-json"))

    @cached_property
    def unblinded(self) -> Outcome:
        return outcome(self.source, blind=False, zone="America/New_York")

    @cached_property
    def blind(self) -> Outcome:
        return outcome(self.source, zone="America/New_York")

    def expected(self, domain: str) -> list[dict[str, Any]]:
        if domain == "FT":
            return [dict(row) for row in expected_sdtm.rows_of_functional_tests(self.folder)]
        return expected_sdtm.rows(self.folder, domain)


@pytest.fixture(scope="module")
def study(shared: Path) -> Study:
    return Study(shared / "data/sdtm-msg-18subjects")


def of_table(found: Outcome, table: str) -> list[dict[str, Any]]:
    """The observations that a table became."""
    ids = {one.rid for one in found.bodies.values() if one.table == table}
    return [body for body in found.of_type("Observation") if body["id"] in ids]


def value_of(body: dict[str, Any]) -> str:
    quantity = body.get("valueQuantity")
    return str(quantity["value"]) if quantity else str(body["valueString"])


def test_no_row_is_without_an_account(study: Study) -> None:
    accounts = study.unblinded.accounts
    counts = {**expected_sdtm.row_counts(study.folder), "FT": len(expected_sdtm.rows_of_functional_tests(study.folder))}
    assert {name: account.rows for name, account in accounts.items() if name != "study"} == counts
    assert sum(counts.values()) == expected_sdtm.ALL_ROWS
    joins = expected_sdtm.joins(study.folder)
    relations = accounts["RELREC"]
    assert (relations.count("merged"), relations.count("not-mapped")) == (joins["results"], joins["other"]) == (4, 2)
    partly = {"TS", "RELREC"}
    left = {name for name, account in accounts.items() if account.count("not-mapped") and name not in partly}
    assert left == set(expected_sdtm.NOTHING_IS_MADE_OF)
    for name in left:
        [(became, reason)] = accounts[name].outcomes
        assert became == "not-mapped", name
        assert reason != "the pack has no words for it", name
    reasons = {reason for became, reason in accounts["TS"].outcomes if became == "not-mapped"}
    assert not any("does not know" in reason or "that the pack maps" in reason for reason in reasons)
    # The title is another in the config, which counts.
    assert accounts["TS"].count("not-mapped") == expected_sdtm.left_of_summary(study.folder) + 1
    for name in expected_sdtm.STUDY_DESIGN:
        assert accounts[name].count("merged") + accounts[name].count("not-mapped") == accounts[name].rows
    assert not any(account.count("rejected") for account in accounts.values())
    assert not [one for one in study.unblinded.findings if one.severity is Severity.ERROR]


def test_a_blind_project_carries_the_same(study: Study) -> None:
    blind, unblinded = study.blind.accounts, study.unblinded.accounts
    assert set(unblinded) - set(blind) == SEALED
    assert {name: blind[name].outcomes for name in blind} == {name: unblinded[name].outcomes for name in blind}


@pytest.mark.parametrize("blind", [True, False])
def test_transport_files_and_dataset_json_give_the_same_bytes(study: Study, blind: bool) -> None:
    from_xpt = study.blind if blind else study.unblinded
    from_json = outcome(study.as_json, blind=blind, zone="America/New_York")
    assert len(from_xpt.bodies) > 10_000
    assert {rid: one.body for rid, one in from_json.bodies.items()} == {
        rid: one.body for rid, one in from_xpt.bodies.items()
    }
    assert {name: account.outcomes for name, account in from_json.accounts.items()} == {
        name: account.outcomes for name, account in from_xpt.accounts.items()
    }


@pytest.mark.parametrize("domain", sorted(PREFIXES))
def test_a_result_is_as_it_was_reported(study: Study, domain: str) -> None:
    expected, prefix = study.expected(domain), PREFIXES[domain]
    found = of_table(study.unblinded, domain)
    assert Counter(map(value_of, found)) == expected_sdtm.reported(expected, prefix)
    assert sum("component" in one for one in found) == expected_sdtm.scored(expected, prefix)
    codes = Counter(str(row[f"{prefix}TESTCD"]) for row in expected)
    systems = [one["code"]["coding"][-1] for one in found]
    assert Counter(one["code"] for one in systems) == codes
    assert {one["system"].rpartition("/")[2] for one in systems} == {f"sdtm-{prefix.lower()}testcd"}


def test_an_item_of_a_questionnaire_says_what_it_is(study: Study) -> None:
    items = of_table(study.unblinded, "QSPH")
    assert {one["category"][0]["coding"][0]["code"] for one in items} == {"survey"}
    assert {one["category"][1]["coding"][0]["code"] for one in items} == {"C103526"}
    totals = [one for one in items if one["code"]["coding"][0]["code"] == "44261-6"]
    assert len(totals) == 30
    assert all("valueQuantity" in one for one in totals)
    eyes = of_table(study.unblinded, "OE")
    assert {one["bodySite"]["text"] for one in eyes} >= {"EYE, LEFT", "EYE, RIGHT", "CORNEA, LEFT"}
    assert {one["note"][0]["text"] for one in eyes} == {"OS", "OD"}
    assert {one["method"]["text"] for one in eyes} == {"SLIT LAMP"}
    assert "Occurrence Indicator, PAIN" in {one["code"]["text"] for one in of_table(study.unblinded, "FA")}


@pytest.mark.parametrize("kind", ["blind", "unblinded"])
def test_a_report_names_the_results_of_one_time(study: Study, kind: str) -> None:
    found: Outcome = getattr(study, kind)
    reports = [as_body(one) for one in found.of_type("DiagnosticReport")]
    assert len(reports) == expected_sdtm.reports(study.folder)
    named = Counter(result["reference"].removeprefix("Observation/") for one in reports for result in one["result"])
    assert named == Counter(str(one["id"]) for one in of_table(found, "LB"))


@pytest.mark.parametrize("kind", ["blind", "unblinded"])
def test_medication_history_and_deaths(study: Study, kind: str) -> None:
    found: Outcome = getattr(study, kind)
    taken = found.of_type("MedicationStatement")
    assert Counter(one["status"] for one in taken) == expected_sdtm.medication_states(study.folder)
    # Some began in an unknown year, or long before the consent: a history is not gated by its beginning.
    assert found.outcomes("CM") == {"delivered": len(expected_sdtm.rows(study.folder, "CM"))}
    [history] = {one["code"]["text"] for one in found.of_type("Condition")}  # type: ignore[index]
    assert history == "ALZHEIMER'S DISEASE"
    assert len(found.of_type("Condition")) == len(expected_sdtm.rows(study.folder, "MH"))
    dead = [one["deceasedDateTime"] for one in found.of_type("Patient") if "deceasedDateTime" in one]
    assert sorted(map(str, dead)) == expected_sdtm.deaths(study.folder)
    assert len(of_table(found, "DD")) == len(dead) == 3


def test_an_infusion_names_its_device(study: Study) -> None:
    described = expected_sdtm.devices(study.folder)
    devices = {str(one["id"]): as_body(one) for one in study.unblinded.of_type("Device")}
    assert {
        one["identifier"][1]["value"]: {"DEVTYPE": one["type"]["text"], "SERIAL": one["serialNumber"]}
        for one in devices.values()
    } == described
    given = map(as_body, study.unblinded.of_type("MedicationAdministration"))
    used = Counter(
        devices[named["reference"].removeprefix("Device/")]["identifier"][1]["value"]
        for one in given
        for named in one.get("device", ())
    )
    assert used == Counter(row["SPDEVID"] for row in expected_sdtm.rows(study.folder, "EC") if row["SPDEVID"])
    assert not study.blind.of_type("Device")
    assert not [one for one in study.blind.of_type("MedicationAdministration") if "device" in one]


def test_a_result_names_the_event_that_it_is_about(study: Study) -> None:
    found = study.unblinded
    events = {f"AdverseEvent/{one['id']}": as_body(one)["event"]["text"] for one in found.of_type("AdverseEvent")}
    for table, expected in expected_sdtm.results_about_events(study.folder).items():
        told = Counter(
            tuple(sorted(events[focus["reference"]] for focus in one.get("focus", ())))
            for one in of_table(found, table)
        )
        assert told == expected, table
    assert not [one for one in study.blind.of_type("Observation") if "focus" in one]


@pytest.mark.parametrize("kind", ["blind", "unblinded"])
def test_the_study_is_what_its_tables_say(study: Study, kind: str) -> None:
    found: Outcome = getattr(study, kind)
    folder = study.folder
    [whole] = [one for one in map(as_body, found.of_type("ResearchStudy")) if "partOf" not in one]
    assert [one["text"] for one in whole["condition"]] == expected_sdtm.summary(folder, "INDIC")
    assert [one["text"] for one in whole["focus"]] == expected_sdtm.summary(folder, "TRT")
    assert whole["phase"]["coding"][0]["code"] == "phase-2"
    assert whole["primaryPurposeType"]["coding"][0]["code"] == "treatment"
    assert [whole["period"]["start"]] == expected_sdtm.summary(folder, "SSTDTC")
    assert [one["value"] for one in whole["identifier"]][2:] == expected_sdtm.summary(folder, "REGID")
    assert [one["name"] for one in whole["objective"]] == [
        *expected_sdtm.summary(folder, "OBJPRIM"),
        *expected_sdtm.summary(folder, "OUTMSPRI"),
    ]
    numbers = {one["url"].rpartition("/")[2]: str(one["valueUnsignedInt"]) for one in whole["extension"]}
    assert [numbers["planned-enrolment"], numbers["actual-enrolment"]] == [
        *expected_sdtm.summary(folder, "PLANSUB"),
        *expected_sdtm.summary(folder, "ACTSUB"),
    ]
    assert [one["name"] for one in whole["arm"]] == list(expected_sdtm.planned_arms(folder))
    sponsors = [one["name"] for one in map(as_body, found.of_type("Organization")) if "Site" not in str(one["name"])]
    assert sponsors == expected_sdtm.summary(folder, "SPONSOR")


def as_body(body: dict[str, object]) -> dict[str, Any]:
    return body


def test_each_version_of_the_protocol_has_its_criteria(study: Study) -> None:
    expected = expected_sdtm.criteria(study.folder)
    groups = [as_body(one) for one in study.blind.of_type("Group")]
    assert {str(one["name"]).partition(", ")[2] for one in groups} == set(expected) == {"ORIGINAL", "AMENDMENT 1"}
    for one in groups:
        criteria = [each for each in one["characteristic"] if "criterion" in each["code"]["text"]]
        said = Counter(
            (each["code"]["coding"][0]["code"], each["valueCodeableConcept"]["text"], each["exclude"])
            for each in criteria
        )
        assert said == expected[str(one["name"]).partition(", ")[2]]
        [age] = [each["valueRange"] for each in one["characteristic"] if each["code"]["text"] == "Age"]
        assert (age["low"]["value"], "high" in age) == (50, False)
    origins = [desired.origins for desired in study.blind.bodies.values() if desired.type == "Group"]
    # The config, each criterion, the lowest age, no healthy volunteers.
    assert [Counter(one.table for one in many) for many in origins] == [{"study": 1, "TI": 31, "TS": 2}] * 2


def test_the_schedule_and_the_way_of_each_arm(study: Study) -> None:
    plans = {one["name"]: as_body(one) for one in study.blind.of_type("PlanDefinition")}
    visits = plans["ScheduleOfVisits"]["action"]
    said = [(one["title"], one["description"].removeprefix("Starts: ").partition("; ")[0]) for one in visits]
    assert said == expected_sdtm.planned_visits(study.folder)
    arms = plans["TrialArms"]["action"]
    assert {one["title"]: [step["title"] for step in one["action"]] for one in arms} == expected_sdtm.planned_arms(
        study.folder
    )
    assert arms[0]["action"][0]["code"] == [{"text": "SCREENING"}]
    assert "Starts: Date of informed consent" in arms[0]["action"][0]["description"]
