"""A table comes under another name: what it gives is held against what came from the earlier one."""

from __future__ import annotations

import pytest

from fhir_msc.desired import Desired
from fhir_msc.sync.corrections import held, settle
from fhir_msc.sync.course import DeliveryOptions
from fhir_msc.sync.delivery import DeliveryReport, deliver
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.staging import stage
from tests.support.desiredset import SYSTEM, SetOf, TableOf
from tests.support.desiredset import resource as desired
from tests.support.fakeserver import FakeServer
from tests.support.ledgers import FakeTime

STUDY = desired("ResearchStudy", "s1", "", table="study")
PATIENT = desired("Patient", "p1", "p1", refs=[STUDY], table="DM")
ROWS = [desired("Observation", f"o{n}", "p1", refs=[PATIENT], table="LB", value=f"{n}.5") for n in (1, 2)]
AGAIN = [desired("Observation", f"x{n}", "p1", refs=[PATIENT], table="LAB", value=f"{n}.5") for n in (1, 2)]
OWN = [TableOf("study", [STUDY]), TableOf("DM", [PATIENT])]


class Trial:
    """Stages tables and delivers."""

    def __init__(self, ledger: Ledger, time: FakeTime) -> None:
        self.ledger, self.time = ledger, time
        self.server = FakeServer()

    def sync(self, **tables: list[Desired]) -> DeliveryReport:
        given = SetOf(*OWN, *(TableOf(name, rows) for name, rows in tables.items()))
        stage(self.ledger, given, self.time())
        options = DeliveryOptions(SYSTEM)
        return deliver(self.ledger, self.server.client, options, clock=self.time, random=lambda: 0.5, stop=self.time)

    @property
    def results(self) -> list[str]:
        return sorted(key for key in self.server.bodies() if key.startswith("Observation"))


@pytest.fixture
def trial(ledger: Ledger, time: FakeTime) -> Trial:
    trial = Trial(ledger, time)
    trial.sync(LB=ROWS)
    return trial


FIRST = ["Observation/o1", "Observation/o2"]
BOTH = [*FIRST, "Observation/x1", "Observation/x2"]


@pytest.mark.parametrize("order", [("LB", "LAB"), ("LAB", "LB")])
def test_the_earlier_table_is_still_there_and_has_no_rows(trial: Trial, order: tuple[str, str]) -> None:
    tables = {"LB": [], "LAB": AGAIN}
    for _ in range(3):
        trial.sync(**{name: tables[name] for name in order})
        assert trial.results == FIRST
        assert [(one.rid, one.twin) for one in held(trial.ledger)] == [("x1", "o1"), ("x2", "o2")]


@pytest.mark.parametrize("order", [("LB", "LAB"), ("LAB", "LB")])
@pytest.mark.parametrize("gone", ["missing", "empty"])
def test_the_earlier_table_comes_back_beside_the_new_one(trial: Trial, order: tuple[str, str], gone: str) -> None:
    trial.sync(LAB=AGAIN) if gone == "missing" else trial.sync(LAB=AGAIN, LB=[])
    tables = {"LB": ROWS, "LAB": AGAIN}
    trial.sync(**{name: tables[name] for name in order})
    assert held(trial.ledger) == []
    assert trial.results == BOTH


def test_it_is_the_same_and_then_its_earlier_name_returns(trial: Trial, ledger: Ledger) -> None:
    trial.sync(LAB=AGAIN)
    for one in held(ledger):
        settle(ledger, one.rid, "same", "renamed", "dm", trial.time())
    trial.sync(LAB=AGAIN)
    assert (held(ledger), trial.results) == ([], FIRST)
    assert trial.sync(LB=ROWS).is_clean
    assert (held(ledger), trial.results) == ([], FIRST)
    assert trial.sync(LAB=AGAIN).is_clean
    assert (held(ledger), trial.results) == ([], FIRST)
    # Both at once: they are two after all.
    trial.sync(LAB=AGAIN, LB=ROWS)
    assert trial.results == BOTH


def test_it_is_new_and_is_not_asked_again(trial: Trial, ledger: Ledger) -> None:
    trial.sync(LAB=AGAIN)
    for one in held(ledger):
        settle(ledger, one.rid, "new", "another laboratory", "dm", trial.time())
    trial.sync(LAB=AGAIN)
    assert (held(ledger), trial.results) == ([], BOTH)
    trial.sync(LB=ROWS)
    trial.sync(LAB=AGAIN)
    assert (held(ledger), trial.results) == ([], BOTH)


def test_more_rows_under_the_new_name_are_held_too(trial: Trial, ledger: Ledger) -> None:
    """What the new table gives for the first time in a later export, while the other one is still not there."""
    trial.sync(LAB=AGAIN[:1])
    trial.sync(LAB=AGAIN)
    assert trial.results == FIRST
    assert [(one.rid, one.twin) for one in held(ledger)] == [("x1", "o1"), ("x2", "o2")]


def test_a_table_that_is_new_goes_where_nothing_is_missing(trial: Trial, ledger: Ledger) -> None:
    trial.sync(LB=ROWS, LAB=AGAIN)
    assert (held(ledger), trial.results) == ([], BOTH)
