from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from hashlib import sha1
from types import MappingProxyType

import httpx
import pytest
from sqlalchemy import Connection, select, update

from fhir_msc.desired import Desired
from fhir_msc.sync import outbox
from fhir_msc.sync.audit import verify_audit
from fhir_msc.sync.chain import Chain
from fhir_msc.sync.corrections import held
from fhir_msc.sync.course import Course, DeliveryOptions, Ended
from fhir_msc.sync.delivery import DeliveryReport, deliver
from fhir_msc.sync.jobs import Look, Send
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.planning import Limits, cut, plan_lane
from fhir_msc.sync.retirement import retire, vanished
from fhir_msc.sync.staging import stage
from fhir_msc.sync.states import State
from fhir_msc.sync.status import status
from fhir_msc.sync.tables import audit, resource
from fhir_msc.target.bundle import EntryResponse
from tests.support.desiredset import SYSTEM, by_table
from tests.support.desiredset import resource as desired
from tests.support.fakeserver import Bundle, FakeServer, Lost, outcome
from tests.support.ledgers import FakeTime

Run = Callable[..., DeliveryReport]

STUDY = desired("ResearchStudy", "s1", "", table="study")


def person(n: int, observations: int, value: str = "1.50") -> list[Desired]:
    patient = desired("Patient", f"p{n}", f"p{n}", refs=[STUDY], table="DM")
    return [patient, *(obs(f"o{n}-{m:03}", patient, value) for m in range(observations))]


def obs(rid: str, patient: Desired, value: str = "1.50") -> Desired:
    return desired("Observation", rid, patient.lane, refs=[patient, STUDY], value=value)


def event(patient: Desired, rid: str = "a1") -> Desired:
    return desired("AdverseEvent", rid, patient.lane, refs=[patient], table="AE")


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def run(ledger: Ledger, server: FakeServer, time: FakeTime) -> Run:
    """Stages what is given and delivers, five entries a transaction."""

    def run(
        *wanted: Desired,
        connections: int = 2,
        undeliverable: Mapping[str, str] = MappingProxyType({}),
        entries: int = 5,
        bytes: int = 10**6,
        page: int = 1000,
        unread: frozenset[str] = frozenset(),
    ) -> DeliveryReport:
        if wanted:
            stage(ledger, by_table(*wanted), time())
        options = DeliveryOptions(
            SYSTEM,
            Limits(entries, bytes),
            connections=connections,
            undeliverable=undeliverable,
            unread=unread,
            grace=0.01,
            page=page,
        )
        return deliver(ledger, server.client, options, clock=time, random=lambda: 0.5, stop=time)

    return run


def states(ledger: Ledger) -> dict[str, str]:
    with ledger.begin() as connection:
        found = connection.execute(select(resource.c.rid, resource.c.state).order_by(resource.c.rid))
        return {row.rid: row.state for row in found}


def sizes(server: FakeServer) -> list[int]:
    return [len(bundle.entries) for bundle in server.bundles]


def once(
    answer: httpx.Response | Exception, number: int = 1
) -> Callable[[int, Bundle], httpx.Response | Exception | None]:
    return lambda at, _bundle: answer if at == number else None


def test_the_study_first_and_alone_then_lanes_each_in_order(run: Run, server: FakeServer) -> None:
    report = run(STUDY, *person(1, 12), *person(2, 1), *person(3, 2))
    assert (report.ended, report.created, report.left) == (Ended.DONE, 19, {})
    assert server.bundles[0].keys == ["ResearchStudy/s1"]
    of_first = [bundle.keys for bundle in server.bundles if "/p1" in str(bundle.keys) or "o1-" in str(bundle.keys)]
    assert [key for keys in of_first for key in keys] == ["Patient/p1", *(f"Observation/o1-{n:03}" for n in range(12))]
    # The largest lane first, so that none goes on alone at the end.
    assert ["Patient/p3", "Observation/o3-000", "Observation/o3-001", "Patient/p2", "Observation/o2-000"] in [
        bundle.keys for bundle in server.bundles
    ]


def test_answers_in_another_order_are_not_believed(
    server: FakeServer, run: Run, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which answer is whose is read on the server."""
    run(STUDY, *person(1, 3))
    patient = person(1, 0)[0]
    run(STUDY, patient, obs("o1-000", patient, "2.50"), obs("o1-001", patient), obs("o1-002", patient))
    apply = server._apply

    def reversed_answers(bundle: Bundle) -> httpx.Response:
        document = json.loads(apply(bundle).content)
        for key, entry in zip(bundle.keys, document["entry"], strict=True):
            entry["response"]["location"] = f"{key}/_history/{len(server.store[key])}"
        return httpx.Response(200, json=document | {"entry": document["entry"][::-1]})

    monkeypatch.setattr(server, "_apply", reversed_answers)
    report = run(STUDY, *person(1, 3, "3.50"))
    assert (report.ended, report.updated, report.left) == (Ended.DONE, 3, {})
    with ledger.begin() as connection:
        known = dict(connection.execute(select(resource.c.rid, resource.c.server_version)).all())
    assert known == {key.split("/")[1]: str(len(versions)) for key, versions in server.store.items()}


def test_boundaries_do_not_depend_on_the_connections(server: FakeServer, run: Run, ledger: Ledger) -> None:
    run(STUDY, *person(1, 12), *person(2, 1), *person(3, 7), connections=1)
    alone = sorted(str(bundle.keys) for bundle in server.bundles)
    server.store.clear()
    server.bundles.clear()
    with ledger.begin() as connection:
        connection.execute(
            update(resource).values(
                state=State.PENDING, delivered_digest=None, delivered_body=None, server_version=None
            )
        )
    run(connections=4)
    assert sorted(str(bundle.keys) for bundle in server.bundles) == alone


@pytest.mark.parametrize("page", [1, 2, 3, 7])
def test_boundaries_do_not_depend_on_how_a_lane_is_read(page: int, server: FakeServer, run: Run) -> None:
    run(STUDY, *person(1, 17), *person(2, 1), page=page)
    patients, rest = ["Patient/p1"], [f"Observation/o1-{n:03}" for n in range(17)]
    keys = [*patients, *rest]
    assert [bundle.keys for bundle in server.bundles if "1-" in str(bundle.keys)] == [
        keys[at : at + 5] for at in range(0, len(keys), 5)
    ]


@pytest.mark.parametrize("page", [1, 2, 3, 1000])
def test_what_is_referred_to_goes_first_though_it_is_read_later(page: int, server: FakeServer, run: Run) -> None:
    patient = desired("Patient", "p1", "p1", refs=[STUDY], table="DM")
    last = desired("Observation", "z", "p1", refs=[patient])
    members = desired("Observation", "a", "p1", refs=[last])
    run(STUDY, patient, members, obs("b", patient), last, page=page, entries=1)
    sent = [key for bundle in server.bundles for key in bundle.keys]
    assert sorted(sent) == sorted(set(sent))
    assert sent.index("Observation/z") < sent.index("Observation/a")


@pytest.mark.parametrize("page", [1, 2, 1000])
def test_what_refers_to_a_refused_one_of_an_earlier_page_waits(
    page: int, server: FakeServer, run: Run, ledger: Ledger
) -> None:
    server.refuse = lambda key, _body: key == "Patient/p1"
    report = run(STUDY, *person(1, 5), page=page, entries=2)
    assert report.left == {State.DEAD: 1, State.WAITING: 5}
    assert states(ledger) == {"s1": "sent", "p1": "dead", **{f"o1-{n:03}": "waiting" for n in range(5)}}


def test_bodies_leave_to_the_byte_and_new_ones_without_if_match(run: Run, server: FakeServer) -> None:
    wanted = [STUDY, *person(1, 2)]
    run(*wanted)
    assert server.bodies() == {f"{one.type}/{one.rid}": one.body.decode() for one in wanted}
    assert {if_match for bundle in server.bundles for _, _, if_match in bundle.entries} == {None}


def test_nothing_changed_nothing_asked(run: Run, server: FakeServer) -> None:
    run(STUDY, *person(1, 3))
    before = len(server.requests)
    report = run(STUDY, *person(1, 3))
    assert (report.sent, report.read, len(server.requests) - before) == (0, 0, 0)


def test_one_changed_row_is_one_update_with_if_match(run: Run, server: FakeServer) -> None:
    patient, *observations = person(1, 3)
    run(STUDY, patient, *observations)
    before = len(server.requests)
    report = run(STUDY, patient, obs("o1-000", patient, "2.75"), *observations[1:])
    assert (report.updated, report.created, len(server.requests) - before) == (1, 0, 1)
    ((key, _, if_match),) = server.bundles[-1].entries
    assert (key, if_match) == ("Observation/o1-000", 'W/"1"')
    assert len(server.store["Observation/o1-000"]) == 2


class TestFirstContact:
    def test_a_count_of_zero_is_enough_for_a_type_and_adverse_events_are_read_by_id(
        self, run: Run, server: FakeServer
    ) -> None:
        patient, *observations = person(1, 6)
        events = [desired("AdverseEvent", f"a{n}", "p1", refs=[patient], table="AE") for n in range(3)]
        run(STUDY, patient, *observations, *events)
        reads = [request for request in server.requests if request != "POST "]
        assert sorted(reads) == sorted(
            f"POST {type}/_search" for type in ("AdverseEvent", "Observation", "Patient", "ResearchStudy")
        )

    def test_what_is_there_as_desired_is_adopted_and_what_differs_is_a_conflict(
        self, run: Run, server: FakeServer, ledger: Ledger
    ) -> None:
        patient, *observations = person(1, 4)
        server.put("Observation/o1-001", observations[1].body.decode())
        server.put("Observation/o1-002", observations[2].body.decode().replace("1.50", "1.5"))
        report = run(STUDY, patient, *observations)
        assert (report.adopted, report.created) == (1, 4)
        assert states(ledger)["o1-002"] == "conflict"
        assert len(server.store["Observation/o1-001"]) == len(server.store["Observation/o1-002"]) == 1
        (item,) = status(ledger).conflicts.items
        assert item.reason == "the server holds something else under this id"

    def test_a_ledger_that_was_lost_finds_everything_again(self, run: Run, server: FakeServer, ledger: Ledger) -> None:
        wanted = [STUDY, *person(1, 7)]
        for one in wanted:
            server.put(f"{one.type}/{one.rid}", one.body.decode())
        report = run(*wanted)
        assert (report.adopted, report.sent) == (9, 0)

    def test_a_foreign_patient_keeps_what_refers_to_it_waiting(
        self, run: Run, server: FakeServer, ledger: Ledger
    ) -> None:
        theirs = {
            "resourceType": "Patient",
            "id": "p1",
            "identifier": [{"system": SYSTEM, "value": "p1"}],
            "active": True,
        }
        server.put("Patient/p1", json.dumps(theirs, separators=(",", ":")))
        run(STUDY, *person(1, 2), *person(2, 1))
        assert states(ledger) == {
            "s1": "sent",
            "p1": "conflict",
            "o1-000": "waiting",
            "o1-001": "waiting",
            "p2": "sent",
            "o2-000": "sent",
        }


class TestConflict:
    def test_the_hospitals_change_is_shown_and_not_overwritten_and_the_rest_goes_on(
        self, run: Run, server: FakeServer, ledger: Ledger
    ) -> None:
        run(STUDY, *person(1, 3))
        theirs = server.bodies()["Observation/o1-001"].replace("1.50", "7.00")
        server.put("Observation/o1-001", theirs)
        report = run(STUDY, *person(1, 3, "2.00"))
        assert (report.updated, report.left) == (2, {State.CONFLICT: 1})
        assert server.current("Observation/o1-001") == theirs
        # it stays, and every run looks, until the server holds again what was last sent
        assert run().left == {State.CONFLICT: 1}
        server.put("Observation/o1-001", theirs.replace("7.00", "1.50"))
        report = run()
        assert (report.updated, report.left) == (1, {})
        assert len(server.store["Observation/o1-001"]) == 4

    def test_a_raised_version_with_our_content_is_no_conflict(self, run: Run, server: FakeServer) -> None:
        run(STUDY, *person(1, 3))
        key = "Observation/o1-001"
        server.put(key, server.bodies()[key].replace('"tag":[', '"tag":[{"system":"urn:h","code":"seen"},'))
        report = run(STUDY, *person(1, 3, "2.00"))
        assert (report.updated, report.left) == (3, {})
        assert server.bundles[-1].entries[1][2] == 'W/"2"'

    def test_a_search_that_lags_behind_is_not_taken_for_a_deletion(self, run: Run, server: FakeServer) -> None:
        run(STUDY, *person(1, 2))
        key = "Observation/o1-001"
        server.put(key, server.bodies()[key].replace('"tag":[', '"tag":[{"system":"urn:h","code":"seen"},'))
        server.hidden.add(key)
        report = run(STUDY, *person(1, 2, "2.00"))
        assert (report.updated, report.left) == (2, {})

    def test_what_was_deleted_on_the_server_is_not_made_again(
        self, run: Run, server: FakeServer, ledger: Ledger
    ) -> None:
        run(STUDY, *person(1, 2))
        server.delete("Observation/o1-001")
        report = run(STUDY, *person(1, 2, "2.00"))
        assert report.left == {State.CONFLICT: 1}
        assert status(ledger).conflicts.items[0].reason == "deleted on the server"
        assert server.current("Observation/o1-001") is None

    @pytest.mark.parametrize("mismatch", [409, 412])
    def test_contention_alone_is_tried_three_times_then_set_apart_and_postponed(
        self, run: Run, server: FakeServer, ledger: Ledger, time: FakeTime, mismatch: int
    ) -> None:
        server.fault = lambda _n, bundle: outcome(mismatch, "conflict") if "o1-001" in str(bundle.keys) else None
        report = run(STUDY, *person(1, 3))
        assert report.left == {State.RETRY: 1}
        assert states(ledger)["o1-001"] == "retry"
        server.fault = lambda _n, _bundle: None
        before = len(server.bundles)
        assert run().left == {State.RETRY: 1}  # not due yet
        assert len(server.bundles) == before
        time.wait(400)
        assert run().left == {}


class TestUnknown:
    @pytest.mark.parametrize("done", [True, False])
    def test_no_answer_is_verified_before_anything_is_sent_again(
        self, run: Run, server: FakeServer, done: bool
    ) -> None:
        run(STUDY)
        error = httpx.ReadTimeout("no answer")
        server.fault = once(Lost(error) if done else error, 2)
        before = len(server.requests)
        report = run(STUDY, *person(1, 2))
        asked = [request for request in server.requests[before:] if request != "POST Patient/_search"]
        writes = [request for request in asked if request == "POST "]
        assert asked.index("POST Observation/_search", asked.index("POST ")) > asked.index("POST ")
        assert len(writes) == (1 if done else len(writes))
        assert (report.created, report.left) == (3, {})
        assert all(len(versions) == 1 for versions in server.store.values())

    def test_a_row_found_leased_is_verified(self, run: Run, server: FakeServer, ledger: Ledger) -> None:
        run(STUDY, *person(1, 3))
        with ledger.begin() as connection:  # as a process leaves it that dies between send and commit
            connection.execute(
                update(resource)
                .where(resource.c.rid == "o1-001")
                .values(
                    state=State.LEASED,
                    sent_digest=resource.c.desired_digest,
                    sent_body=resource.c.desired_body,
                    delivered_digest=None,
                    delivered_body=None,
                    server_version=None,
                )
            )
        report = run()
        assert (report.sent, report.created, report.left) == (0, 1, {})

    def test_a_server_that_never_answers_ends_the_run_and_is_verified_by_the_next(
        self, run: Run, server: FakeServer, ledger: Ledger
    ) -> None:
        run(STUDY)
        server.fault = lambda _n, _b: httpx.ReadTimeout("no answer")
        report = run(STUDY, *person(1, 2))
        assert report.ended is Ended.BUSY
        assert "unknown" in states(ledger).values()
        server.fault = lambda _n, _b: None
        assert run().left == {}

    def test_an_answer_that_is_not_fhir_ends_the_run(self, run: Run, server: FakeServer, ledger: Ledger) -> None:
        html = httpx.Response(200, text="<html>login</html>", headers={"Content-Type": "text/html"})
        server.fault = once(html)
        report = run(STUDY)
        assert report.ended is Ended.REFUSED
        assert "does not look like a FHIR server" in (report.message or "")
        assert states(ledger) == {"s1": "unknown"}
        assert run().created == 1


class TestOneChain:
    """What the scheduler never lets happen by itself."""

    def chain(self, ledger: Ledger, connection: Connection) -> Chain:
        course = Course(ledger.target_id, ledger.target, DeliveryOptions(SYSTEM), FakeTime(), lambda: 0.5)
        ((lane_id, _),) = outbox.open_lanes(connection, ledger.target_id)
        units = plan_lane(outbox.pending_of(connection, ledger.target_id, lane_id)).units
        return Chain(course, cut(units, Limits()))

    def test_what_was_never_read_is_read_before_it_is_written(self, ledger: Ledger, time: FakeTime) -> None:
        stage(ledger, by_table(STUDY), time())
        with ledger.begin() as connection:
            chain = self.chain(ledger, connection)
            look = chain.next_job(connection)
            assert isinstance(look, Look)
            chain.seen(connection, {look.wanted[0].id: None})
            assert isinstance(chain.next_job(connection), Send)

    def test_an_answer_to_an_older_lease_is_not_taken(self, ledger: Ledger, time: FakeTime) -> None:
        """Another worker took the lane over while the answer was under way, and has leased it by now."""
        stage(ledger, by_table(STUDY), time())
        jobs = []
        with ledger.begin() as connection:
            for _ in range(2):
                chain = self.chain(ledger, connection)
                look = chain.next_job(connection)
                assert isinstance(look, Look)
                chain.seen(connection, {look.wanted[0].id: None})
                jobs.append((chain, chain.next_job(connection)))
                if len(jobs) == 1:
                    assert outbox.take_over(connection, ledger.target_id) == 1
                    chain.seen(connection, {look.wanted[0].id: None})
        late, send = jobs[0]
        assert isinstance(send, Send)
        with ledger.begin() as connection:
            late.answered(connection, send, [EntryResponse(201, "1")])
        assert states(ledger) == {"s1": "leased"}

    def test_the_answers_of_one_burst_are_one_failure(self, ledger: Ledger) -> None:
        course = Course(ledger.target_id, ledger.target, DeliveryOptions(SYSTEM), FakeTime(), lambda: 0.5)
        with ledger.begin() as connection:
            for _ in range(20):
                course.back_off(connection, 5.0, "busy")
        assert course.ended is None
        assert course.resume_at == FakeTime()() + timedelta(seconds=5.5)


class TestRefused:
    def test_a_bad_one_is_found_in_few_requests_and_the_rest_commits(
        self, run: Run, server: FakeServer, ledger: Ledger
    ) -> None:
        run(STUDY, *person(1, 0))
        before = len(server.bundles)
        server.refuse = lambda key, _body: key == "Observation/o1-037"
        report = run(STUDY, *person(1, 99), entries=100)
        assert (report.created, report.left) == (98, {State.DEAD: 1})
        assert len(server.bundles) - before <= 2 * 7 + 1  # two for each halving of 99
        (item,) = status(ledger).dead.items
        assert (item.rid, item.reason, item.origins[0].table) == ("o1-037", "422; processing", "LB")

    def test_the_servers_own_pointer_is_followed(self, run: Run, server: FakeServer) -> None:
        run(STUDY, *person(1, 0))
        before = len(server.bundles)
        server.refuse, server.name_entry = (lambda key, _body: key == "Observation/o1-037"), True
        report = run(STUDY, *person(1, 99), entries=100)
        assert (report.created, report.left) == (98, {State.DEAD: 1})
        assert len(server.bundles) - before == 3

    def test_what_refers_to_a_dead_one_waits_and_says_why(self, run: Run, server: FakeServer, ledger: Ledger) -> None:
        server.refuse = lambda key, _body: key == "Patient/p1"
        report = run(STUDY, *person(1, 11), *person(2, 2))
        assert (report.created, report.left) == (4, {State.DEAD: 1, State.WAITING: 11})
        assert {item.about for item in status(ledger).waiting.items} == {"p1"}
        sent = [key for bundle in server.bundles for key in bundle.keys if len(bundle.entries) == 1]
        assert not any(key.startswith("Observation/o1") for key in sent)
        # a person corrects it: it and what waited go through
        server.refuse = lambda _key, _body: False
        corrected = desired("Patient", "p1", "p1", refs=[STUDY], table="DM", value="9")
        _, *observations = person(1, 11)
        assert run(STUDY, corrected, *observations, *person(2, 2)).left == {}

    def test_a_dead_one_is_not_tried_again_as_it_is(self, run: Run, server: FakeServer) -> None:
        server.refuse = lambda key, _body: key == "Observation/o1-000"
        run(STUDY, *person(1, 1))
        before = len(server.requests)
        assert run(STUDY, *person(1, 1)).left == {State.DEAD: 1}
        assert len(server.requests) == before

    def test_a_missing_reference_is_waited_for_not_sent(self, run: Run, server: FakeServer, ledger: Ledger) -> None:
        patient = desired("Patient", "p1", "p1", table="DM")
        report = run(obs("o1", patient))
        assert (report.sent, states(ledger)) == (0, {"o1": "waiting"})
        assert {item.about for item in status(ledger).waiting.items} == {"p1"}

    def test_a_reference_across_lanes_is_sent_in_a_second_pass(self, run: Run, server: FakeServer) -> None:
        patient = desired("Patient", "p9", "p9", table="DM")
        report = run(obs("o1", patient), STUDY, patient)
        assert (report.created, report.left) == (3, {})

    def test_too_large_is_halved_and_remembered(self, run: Run, server: FakeServer) -> None:
        server.fault = lambda _n, bundle: httpx.Response(413) if len(bundle.entries) > 3 else None
        report = run(STUDY, *person(1, 19), *person(2, 9), entries=10, connections=1)
        assert (report.ended, report.left) == (Ended.DONE, {})
        assert sum(size > 3 for size in sizes(server)) <= 4  # two were on their way, and one half of each

    @pytest.mark.parametrize(("code", "ended"), [(401, Ended.REFUSED), (403, Ended.REFUSED)])
    def test_credentials_refused_end_the_run_and_nothing_is_dead(
        self, run: Run, server: FakeServer, ledger: Ledger, code: int, ended: Ended
    ) -> None:
        server.fault = lambda _n, _b: outcome(code, "forbidden")
        report = run(STUDY)
        assert (report.ended, states(ledger)) == (ended, {"s1": "pending"})
        assert report.message

    def test_a_circle_goes_as_one(self, run: Run, server: FakeServer) -> None:
        first = desired("Observation", "c1", "p1", table="LB")
        second = desired("Observation", "c2", "p1", refs=[first], table="LB")
        first = desired("Observation", "c1", "p1", refs=[second], table="LB")
        assert run(first, second, entries=1).created == 2
        assert server.bundles[-1].keys == ["Observation/c1", "Observation/c2"]


class TestBusy:
    def test_retry_after_is_honoured_and_the_run_goes_on(self, run: Run, server: FakeServer, time: FakeTime) -> None:
        server.fault = once(outcome(503, "transient", headers={"Retry-After": "7"}))
        assert run(STUDY).created == 1
        assert time.waits == [pytest.approx(7.5)]

    def test_a_server_that_stays_busy_ends_the_run_and_keeps_its_patience_in_the_ledger(
        self, run: Run, server: FakeServer, time: FakeTime, ledger: Ledger
    ) -> None:
        server.fault = lambda _n, _b: outcome(429, "throttled", headers={"Retry-After": "60"})
        report = run(STUDY)
        assert (report.ended, len(server.bundles)) == (Ended.BUSY, 6)
        assert states(ledger) == {"s1": "pending"}
        server.fault = lambda _n, _b: None
        waits = len(time.waits)
        assert run().created == 1
        assert time.waits[waits:] == [pytest.approx(60.5)]

    def test_a_wait_that_is_too_long_ends_the_run_at_once(self, run: Run, server: FakeServer, time: FakeTime) -> None:
        server.fault = lambda _n, _b: outcome(503, "transient", headers={"Retry-After": "290"})
        assert run(STUDY).ended is Ended.BUSY
        before = len(server.requests)
        assert run().ended is Ended.BUSY
        assert (len(server.requests), time.waits) == (before, [])

    def test_refused_connection_stops_cleanly(self, run: Run, server: FakeServer, ledger: Ledger) -> None:
        server.fault = lambda _n, _b: httpx.ConnectError("refused")
        report = run(STUDY, *person(1, 2))
        assert (report.ended, report.left) == (Ended.UNREACHABLE, {State.PENDING: 4})
        assert len(server.bundles) == 1

    def test_one_that_breaks_the_server_is_postponed_then_dead_and_the_rest_goes_on(
        self, run: Run, server: FakeServer, ledger: Ledger, time: FakeTime
    ) -> None:
        server.fault = lambda _n, bundle: outcome(500, "exception") if "Observation/o1-002" in bundle.keys else None
        report = run(STUDY, *person(1, 4))
        assert (report.ended, report.created, report.left) == (Ended.DONE, 5, {State.RETRY: 1})
        for _ in range(4):
            time.wait(400)
            report = run()
        assert report.left == {State.DEAD: 1}

    def test_a_server_that_fails_on_everything_kills_nothing(
        self, run: Run, server: FakeServer, ledger: Ledger
    ) -> None:
        server.fault = lambda _n, _b: outcome(500, "exception")
        for _ in range(2):
            report = run(STUDY, *person(1, 30))
        assert State.DEAD not in report.left

    def test_the_read_that_is_refused_ends_the_run(self, run: Run, server: FakeServer) -> None:
        server.read_fault = lambda _url: httpx.ConnectError("refused")
        assert run(STUDY, *person(1, 3)).ended is Ended.UNREACHABLE
        server.read_fault = lambda _url: outcome(401, "login")
        assert run().ended is Ended.REFUSED
        assert server.bundles == []


def test_stop_sends_no_more_and_the_next_run_finishes(
    run: Run, server: FakeServer, time: FakeTime, ledger: Ledger
) -> None:
    def stop_at_third(number: int, _bundle: Bundle) -> None:
        if number == 3:
            time.stop()

    server.fault = stop_at_third
    report = run(STUDY, *person(1, 40), connections=1)
    assert report.ended is Ended.STOPPED
    assert len(server.bundles) <= 4
    assert set(report.left) == {State.PENDING}
    time._stopped = False
    assert run().left == {}
    assert all(len(versions) == 1 for versions in server.store.values())


def test_a_type_that_the_target_does_not_take_is_skipped_until_it_does(
    run: Run, server: FakeServer, ledger: Ledger
) -> None:
    report = run(STUDY, *person(1, 2), undeliverable={"Observation": "read-only"})
    assert (report.left, report.is_clean) == ({State.SKIPPED: 2}, True)
    assert {item.reason for item in status(ledger).skipped.items} == {"read-only"}
    assert run().left == {}


def test_what_vanished_is_not_sent(run: Run, server: FakeServer, ledger: Ledger, time: FakeTime) -> None:
    patient, first, second = person(1, 2)
    stage(ledger, by_table(STUDY, patient, first, second), time())
    run(STUDY, patient, first)
    assert "Observation/o1-001" not in server.store
    run(STUDY, patient, first, second)
    assert "Observation/o1-001" in server.store


class TestTableThatCouldNotBeStaged:
    """A consent or a site may have gone since its rows were judged, and nobody can judge them now."""

    def test_nothing_of_it_is_sent_until_it_is_staged_again(self, run: Run, server: FakeServer, ledger: Ledger) -> None:
        patient, first, second = person(1, 2)
        run(STUDY, patient, first)
        stage(ledger, by_table(STUDY, patient, first, second), FakeTime()())
        report = run(unread=frozenset({"LB"}))
        assert (report.left, report.is_clean) == ({State.SKIPPED: 1}, True)
        assert "Observation/o1-001" not in server.store
        assert {item.reason for item in status(ledger).skipped.items} == {outbox.UNREAD}
        run()
        assert "Observation/o1-001" in server.store

    def test_what_a_person_retired_of_it_goes(
        self, run: Run, server: FakeServer, ledger: Ledger, time: FakeTime
    ) -> None:
        patient, first, second = person(1, 2)
        run(STUDY, patient, first, second)
        run(STUDY, patient, second)
        retire(ledger, [first.rid], "taken back", "dm", time())
        assert run(unread=frozenset({"LB"})).updated == 1


class TestClock:
    """What was put off by a clock that was ahead is not put off as long as it was ahead."""

    def test_a_resource_that_is_to_be_tried_again(self, run: Run, server: FakeServer, time: FakeTime) -> None:
        right, (patient, result) = time.now, person(1, 1)
        time.now = right + timedelta(days=365)
        server.fault = lambda _number, bundle: outcome(500, "exception") if result.rid in str(bundle.keys) else None
        assert run(STUDY, patient, result).left == {State.RETRY: 1}
        time.now, server.fault = right, lambda *_: None
        assert run().left == {}
        assert f"Observation/{result.rid}" in server.store

    def test_a_server_that_was_too_busy(self, run: Run, server: FakeServer, time: FakeTime) -> None:
        right = time.now
        time.now = right + timedelta(days=365)
        server.fault = lambda *_: outcome(429, "throttled")
        assert run(STUDY).ended is Ended.BUSY
        time.now, server.fault = right, lambda *_: None
        assert run().ended is Ended.DONE
        assert "ResearchStudy/s1" in server.store


class TestDeleted:
    """An adverse event that was deleted on a person's word, and whose row has come back."""

    @pytest.fixture
    def patient(self, run: Run, ledger: Ledger, time: FakeTime) -> Desired:
        patient = person(1, 0)[0]
        run(STUDY, patient, event(patient), event(patient, "a2"))
        run(STUDY, patient, event(patient, "a2"))
        retire(ledger, ["a1"], "never happened", "dm", time(), {"AdverseEvent"})
        assert run().deleted == 1
        return patient

    def test_what_refers_to_it_waits(self, run: Run, server: FakeServer, ledger: Ledger, patient: Desired) -> None:
        server.integrity = False
        again = event(patient)
        result = desired("Observation", "o1", patient.lane, refs=[patient, again])
        server.refuse = lambda key, _body: key == "AdverseEvent/a1"
        run(STUDY, patient, again, event(patient, "a2"), result)
        assert states(ledger) == {"a1": "dead", "a2": "sent", "o1": "waiting", "p1": "sent", "s1": "sent"}
        assert "Observation/o1" not in server.store

    def test_when_the_row_goes_again_there_is_nothing_to_retire(
        self, run: Run, ledger: Ledger, time: FakeTime, patient: Desired
    ) -> None:
        stage(ledger, by_table(STUDY, patient, event(patient), event(patient, "a2")), time())
        stage(ledger, by_table(STUDY, patient, event(patient, "a2")), time())
        assert vanished(ledger, {"AdverseEvent"}) == []


def test_a_lane_is_never_in_two_requests_at_once(run: Run, server: FakeServer) -> None:
    busy: set[str] = set()

    def watch(_number: int, bundle: Bundle) -> None:
        lanes = {match.group() for match in re.finditer(r"(?<=/[op])\d", " ".join(bundle.keys))}
        assert not lanes & busy
        busy.update(lanes)
        busy.difference_update(lanes)

    server.fault = watch
    report = run(STUDY, *(one for n in range(1, 5) for one in person(n, 11)), connections=3)
    assert report.left == {}


def test_the_audit_tells_what_left_and_chains(run: Run, ledger: Ledger, server: FakeServer) -> None:
    run(STUDY, *person(1, 1))
    run(STUDY, *person(1, 1, "2.00"))
    with ledger.begin() as connection:
        found = connection.execute(select(audit.c.event, audit.c.rid, audit.c.version).order_by(audit.c.id)).all()
    assert [tuple(row) for row in found] == [
        ("created", "s1", "1"),
        ("created", "p1", "1"),
        ("created", "o1-000", "1"),
        ("updated", "o1-000", "2"),
    ]
    assert verify_audit(ledger).broken_at is None


class TestAConflictWhoseRowVanished:
    """It stays named until it ends, and a person may retire it; nobody's change is overwritten by that."""

    @pytest.fixture
    def vanishes(self, run: Run, server: FakeServer, ledger: Ledger) -> Callable[[Callable[[], None]], DeliveryReport]:
        """Something happens on the server to o1-000, its row changes, then its row vanishes."""

        def vanishes(happens: Callable[[], None]) -> DeliveryReport:
            run(STUDY, *person(1, 2))
            happens()
            patient, first, second = person(1, 2)
            changed = obs(first.rid, patient, "7.0")
            assert run(STUDY, patient, changed, second).left == {State.CONFLICT: 1}
            return run(STUDY, patient, second)

        return vanishes

    def test_it_is_listed_and_retired_once_the_change_is_taken_back(
        self,
        vanishes: Callable[[Callable[[], None]], DeliveryReport],
        run: Run,
        server: FakeServer,
        ledger: Ledger,
        time: FakeTime,
    ) -> None:
        ours = str(person(1, 2)[1].body, "utf-8")
        theirs = ours.replace("1.50", "9.99")
        report = vanishes(lambda: server.put("Observation/o1-000", theirs))
        assert not report.is_clean
        assert [one.rid for one in status(ledger).conflicts.items] == ["o1-000"]
        (one,) = vanished(ledger)
        assert (one.rid, one.obstacle) == ("o1-000", None)
        assert retire(ledger, ["o1-000"], "entered twice", "dm", time()) == 1
        assert run().left == {State.CONFLICT: 1}
        assert server.current("Observation/o1-000") == theirs
        (item,) = status(ledger).conflicts.items
        assert item.reason == "changed on the server"
        server.put("Observation/o1-000", ours)
        assert run().is_clean
        assert "entered-in-error" in (server.current("Observation/o1-000") or "")

    def test_what_the_server_deleted_is_over_once_a_person_says_so(
        self,
        vanishes: Callable[[Callable[[], None]], DeliveryReport],
        run: Run,
        server: FakeServer,
        ledger: Ledger,
        time: FakeTime,
    ) -> None:
        vanishes(lambda: server.delete("Observation/o1-000"))
        assert [one.reason for one in status(ledger).conflicts.items] == ["deleted on the server"]
        sent = len(server.bundles)
        assert retire(ledger, ["o1-000"], "entered twice", "dm", time()) == 1
        assert run().is_clean
        assert (status(ledger).conflicts.total, vanished(ledger), len(server.bundles)) == (0, [], sent)
        assert run(STUDY, *person(1, 2)).created == 1, "its row came back"

    def test_what_was_never_ours_is_no_conflict_any_more(self, run: Run, server: FakeServer, ledger: Ledger) -> None:
        patient, first, second = person(1, 2)
        server.put("Observation/o1-000", str(first.body, "utf-8").replace("1.50", "9.99"))
        assert run(STUDY, patient, first, second).left == {State.CONFLICT: 1}
        assert run(STUDY, patient, second).is_clean
        assert status(ledger).conflicts.total == 0
        assert vanished(ledger) == []
        assert run(STUDY, patient, first, second).left == {State.CONFLICT: 1}


class TestATableOfAnotherName:
    """Its rows have other ids, and are not sent beside those that they may be."""

    patient = person(1, 0)[0]

    def of(self, table: str, number: int, value: str = "1.50") -> Desired:
        """A result of the table; its id is made from the table's name, as ids are."""
        rid = f"o{sha1(f'{table} {number}'.encode(), usedforsecurity=False).hexdigest()}"
        return desired("Observation", rid, "p1", refs=[self.patient], value=value, table=table)

    def test_each_is_held_against_its_like(self, run: Run, ledger: Ledger) -> None:
        values = ("1.1", "1.2", "1.3")
        before = [self.of("LB", number, value) for number, value in enumerate(values)]
        run(STUDY, self.patient, *before)
        after = [self.of("XB", number, value) for number, value in enumerate(("1.3", "1.1", "7.7"))]
        report = run(STUDY, self.patient, *after)
        assert (report.created, report.updated, report.left) == (0, 0, {State.HELD: 3})
        twins = {one.rid: one.twin for one in held(ledger)}
        assert twins == {after[0].rid: before[2].rid, after[1].rid: before[0].rid, after[2].rid: before[1].rid}
        assert run(STUDY, self.patient, *after, self.of("XB", 4)).left == {State.HELD: 3}

    def test_two_tables_after_all_are_two(self, run: Run, ledger: Ledger) -> None:
        before = [self.of("LB", number) for number in range(3)]
        run(STUDY, self.patient, *before)
        run(STUDY, self.patient, *(self.of("XB", number) for number in range(3)))
        report = run(STUDY, self.patient, *before, *(self.of("XB", number, "2.0") for number in range(3)))
        assert (report.created, report.left, held(ledger)) == (3, {}, [])

    def test_what_cannot_be_of_the_missing_table_goes(self, run: Run) -> None:
        run(STUDY, self.patient, self.of("LB", 1))
        other = person(2, 0)[0]
        theirs = desired("Observation", "o2", "p2", refs=[other], table="XB")
        assert run(STUDY, self.patient, other, theirs, event(self.patient)).created == 3
