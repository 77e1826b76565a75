"""A server that lost what it took: what counts is sent again, what a person retired is over."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from sqlalchemy import select

from fhir_msc.desired import Desired
from fhir_msc.sync.audit import verify_audit
from fhir_msc.sync.course import DeliveryOptions
from fhir_msc.sync.delivery import DeliveryReport, deliver
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.plan import make_plan
from fhir_msc.sync.repairing import repair
from fhir_msc.sync.retirement import retire
from fhir_msc.sync.staging import stage
from fhir_msc.sync.states import State
from fhir_msc.sync.tables import resource
from tests.support.desiredset import SYSTEM, by_table
from tests.support.desiredset import resource as desired
from tests.support.fakeserver import BASE, FakeServer, outcome
from tests.support.ledgers import FakeTime

STUDY = desired("ResearchStudy", "s1", "", table="study")
PATIENT = desired("Patient", "p1", "p1", refs=[STUDY], table="DM")
KEPT, LATE = (desired("Observation", f"o{n}", "p1", refs=[PATIENT]) for n in (1, 2))
OPTIONS = DeliveryOptions(SYSTEM)

Send = Callable[..., DeliveryReport]


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def send(ledger: Ledger, server: FakeServer, time: FakeTime) -> Send:
    def send(*wanted: Desired) -> DeliveryReport:
        if wanted:
            stage(ledger, by_table(*wanted), time())
        return deliver(ledger, server.client, OPTIONS, clock=time, random=lambda: 0.5, stop=time)

    return send


def state_of(ledger: Ledger, rid: str) -> State:
    with ledger.begin() as connection:
        return State(connection.execute(select(resource.c.state).where(resource.c.rid == rid)).scalar_one())


def retired(ledger: Ledger, send: Send, time: FakeTime) -> None:
    """A result is delivered, vanishes, and is retired; the retirement is not sent yet."""
    send(STUDY, PATIENT, KEPT, LATE)
    send(STUDY, PATIENT, KEPT)
    retire(ledger, [LATE.rid], "withdrawn", "dm", time())


def all_but_late() -> list[str]:
    return ["Observation/o1", "Patient/p1", "ResearchStudy/s1"]


@pytest.mark.parametrize("repaired", [False, True], ids=["sync", "repair"])
@pytest.mark.parametrize("moved", [False, True], ids=["here", "moved"])
def test_a_retirement_that_was_not_sent_is_over_where_the_server_lost_all(
    ledger: Ledger, server: FakeServer, send: Send, time: FakeTime, repaired: bool, moved: bool
) -> None:
    retired(ledger, send, time)
    server.store.clear()
    server.checks_missing = False
    if repaired:
        repair(ledger, server.client(), OPTIONS.addressing, "http://elsewhere.test/r4" if moved else BASE, time)
    with ledger.rehearsed():
        plan = make_plan(ledger, server.client(), OPTIONS, time())
    assert "o2" not in [step.rid for step in plan.steps if step.action in ("create", "update", "conflict")]
    report = send()
    assert report.is_clean
    assert "Observation/o2" not in server.store
    assert sorted(server.bodies()) == (all_but_late() if repaired else [])
    assert state_of(ledger, "o2") is State.SENT
    assert send().sent == 0
    assert verify_audit(ledger).broken_at is None


def test_one_that_somebody_deleted_is_over_too(ledger: Ledger, server: FakeServer, send: Send, time: FakeTime) -> None:
    retired(ledger, send, time)
    server.delete("Observation/o2")
    assert send().is_clean
    assert server.current("Observation/o2") is None
    assert state_of(ledger, "o2") is State.SENT


def test_its_row_comes_back_and_it_is_new_there(ledger: Ledger, server: FakeServer, send: Send, time: FakeTime) -> None:
    retired(ledger, send, time)
    del server.store["Observation/o2"]
    send()
    report = send(STUDY, PATIENT, KEPT, LATE)
    assert (report.created, report.is_clean) == (1, True)
    assert server.current("Observation/o2") == LATE.body.decode()


def test_a_retirement_of_unknown_outcome_is_over_where_the_server_lost_all(
    ledger: Ledger, server: FakeServer, send: Send, time: FakeTime
) -> None:
    retired(ledger, send, time)
    server.fault = lambda _number, _bundle: httpx.ReadTimeout("cut")
    send()
    server.store.clear()
    server.fault = lambda _number, _bundle: None
    server.checks_missing = False
    assert send().is_clean
    assert server.bodies() == {}


@pytest.mark.parametrize("before", ["conflict", "dead", "retry"])
def test_a_repair_sends_again_what_was_changed_before_the_loss_was_noticed(
    ledger: Ledger, server: FakeServer, send: Send, time: FakeTime, before: str
) -> None:
    send(STUDY, PATIENT, KEPT, LATE)
    changed = desired("Observation", "o1", "p1", refs=[PATIENT], value="2.50")
    if before == "conflict":
        server.store.clear()
    status = {"dead": 422, "retry": 500}.get(before)
    server.fault = lambda _number, _bundle: outcome(status, "processing") if status else None
    send(STUDY, PATIENT, changed, LATE)
    assert state_of(ledger, "o1") == before
    server.fault = lambda _number, _bundle: None
    server.store.clear()
    repair(ledger, server.client(), OPTIONS.addressing, BASE, time)
    assert send().is_clean
    assert sorted(server.bodies()) == sorted([*all_but_late(), "Observation/o2"])
    assert server.current("Observation/o1") == changed.body.decode()


def test_a_repair_goes_on_from_a_backup_though_a_conflict_came_of_it(
    ledger: Ledger, server: FakeServer, send: Send, time: FakeTime
) -> None:
    values = [desired("Observation", "o1", "p1", value=value) for value in ("1.50", "2.50", "3.50")]
    send(STUDY, PATIENT, values[0])
    send(values[1])
    del server.store["Observation/o1"][1:]
    assert send(values[2]).left == {State.CONFLICT: 1}
    repair(ledger, server.client(), OPTIONS.addressing, BASE, time)
    assert send().is_clean
    assert server.current("Observation/o1") == values[2].body.decode()


def test_a_repair_leaves_what_somebody_changed_or_deleted(
    ledger: Ledger, server: FakeServer, send: Send, time: FakeTime
) -> None:
    send(STUDY, PATIENT, KEPT, LATE)
    server.put("Observation/o1", KEPT.body.decode().replace("1.50", "9.90"))
    server.delete("Observation/o2")
    changed = [desired("Observation", rid, "p1", refs=[PATIENT], value="2.50") for rid in ("o1", "o2")]
    assert send(*changed).left == {State.CONFLICT: 2}
    repair(ledger, server.client(), OPTIONS.addressing, BASE, time)
    assert send().left == {State.CONFLICT: 2}


def test_an_update_in_flight_when_the_server_was_lost_is_sent_by_the_repair(
    ledger: Ledger, server: FakeServer, send: Send, time: FakeTime
) -> None:
    send(STUDY, PATIENT, KEPT)
    changed = desired("Observation", "o1", "p1", refs=[PATIENT], value="2.50")
    server.fault = lambda _number, _bundle: httpx.ReadTimeout("cut")
    server.read_fault = lambda _url: httpx.ReadTimeout("cut")
    send(changed)
    assert state_of(ledger, "o1") is State.UNKNOWN
    server.fault, server.read_fault = lambda _number, _bundle: None, lambda _url: None
    server.store.clear()
    repair(ledger, server.client(), OPTIONS.addressing, BASE, time)
    assert send().is_clean
    assert sorted(server.bodies()) == all_but_late()
    assert server.current("Observation/o1") == changed.body.decode()


@pytest.mark.parametrize("is_retired", [False, True], ids=["vanished", "retired"])
def test_what_had_vanished_before_the_loss_is_new_when_its_row_comes_back(
    ledger: Ledger, server: FakeServer, send: Send, time: FakeTime, is_retired: bool
) -> None:
    send(STUDY, PATIENT, KEPT, LATE)
    send(STUDY, PATIENT, KEPT)
    if is_retired:
        retire(ledger, [LATE.rid], "withdrawn", "dm", time())
        assert send().updated == 1
    server.store.clear()
    repair(ledger, server.client(), OPTIONS.addressing, BASE, time)
    assert send().is_clean
    assert sorted(server.bodies()) == all_but_late()
    assert send(STUDY, PATIENT, KEPT, LATE).is_clean
    assert server.current("Observation/o2") == LATE.body.decode()
