"""What the ledger does not know is looked for under our id and under our identifier before it is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha1, sha256

import pytest

from fhir_msc.desired import Desired
from fhir_msc.sync.course import DeliveryOptions
from fhir_msc.sync.delivery import DeliveryReport, deliver
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.plan import Action, make_plan
from fhir_msc.sync.staging import stage
from fhir_msc.target.routes import Route, RouteKind
from tests.support.desiredset import SYSTEM, by_table
from tests.support.desiredset import resource as desired
from tests.support.fakeserver import FakeServer
from tests.support.ledgers import FakeTime

TYPES = ("ResearchStudy", "Patient", "Observation", "AdverseEvent")
OPTIONS = DeliveryOptions(
    SYSTEM,
    routes={type: Route(type, RouteKind.CLIENT_ID_PUT, "", "identifier") for type in TYPES},
)

Send = Callable[..., DeliveryReport]


def one(type: str, name: str, lane: str, *refs: Desired, value: str = "1.50") -> Desired:
    rid = "r" + sha1(name.encode()).hexdigest()
    made = desired(type, rid, lane, refs=refs, value=value, table=type)
    body = made.body.replace(b'": "', b'":"').replace(b',"link":[]', b"")
    return made._replace(body=body, digest=sha256(body).digest())


STUDY = one("ResearchStudy", "study", "")
PATIENTS = [one("Patient", f"patient {n}", f"p{n}", STUDY) for n in range(3)]
RESULTS = [one("Observation", f"result {n}", f"p{n}", patient) for n, patient in enumerate(PATIENTS)]
ALL = [STUDY, *PATIENTS, *RESULTS]


@pytest.fixture
def server() -> FakeServer:
    """It gave ids of its own to all of this, once."""
    server = FakeServer()
    numbers = {one.rid: str(100 + n) for n, one in enumerate(ALL)}
    for each in ALL:
        body = each.body.decode().replace(f'"id":"{each.rid}"', f'"id":"{numbers[each.rid]}"')
        for ref in each.refs:
            body = body.replace(f"/{ref}", f"/{numbers[ref]}")
        server.put(f"{each.type}/{numbers[each.rid]}", body)
    return server


@pytest.fixture
def send(ledger: Ledger, server: FakeServer, time: FakeTime) -> Send:
    def send(*wanted: Desired) -> DeliveryReport:
        stage(ledger, by_table(*wanted), time())
        return deliver(ledger, server.client, OPTIONS, clock=time, random=lambda: 0.5, stop=time)

    return send


def test_what_has_an_id_of_the_server_is_known_to_a_new_ledger(
    ledger: Ledger, server: FakeServer, send: Send, time: FakeTime
) -> None:
    before = dict(server.bodies())
    with ledger.rehearsed():
        stage(ledger, by_table(*ALL), time())
        plan = make_plan(ledger, server.client(), OPTIONS, time())
    assert {step.action for step in plan.steps} == {Action.NOTHING}
    report = send(*ALL)
    assert (report.adopted, report.created, report.is_clean) == (len(ALL), 0, True)
    assert server.bodies() == before
    changed = one("Observation", "result 1", "p1", PATIENTS[1], value="2.50")
    assert send(changed).updated == 1
    assert sorted(server.bodies()) == sorted(before)


def test_one_alone_is_known_too(send: Send, server: FakeServer) -> None:
    report = send(STUDY, PATIENTS[0], RESULTS[0])
    assert (report.adopted, report.created) == (3, 0)


def test_what_is_there_under_our_id_is_asked_for_once(send: Send, server: FakeServer) -> None:
    server.store.clear()
    for each in ALL:
        server.put(f"{each.type}/{each.rid}", each.body.decode())
    report = send(*ALL)
    assert (report.adopted, report.is_clean) == (len(ALL), True)
    assert report.read == 2 + len(TYPES) - 1, "two counts, and one search for each type"


def test_a_first_sync_asks_for_numbers_alone(send: Send, server: FakeServer) -> None:
    server.store.clear()
    report = send(*ALL)
    assert (report.created, report.is_clean) == (len(ALL), True)
    searches = [request for request in server.requests if request.endswith("_search")]
    assert len(searches) == 2 + 2, "two counts; the study alone by its id, then by its identifier"


def test_somebody_elses_under_our_id_stays_a_conflict(send: Send, server: FakeServer) -> None:
    server.store.clear()
    server.put(f"Patient/{PATIENTS[0].rid}", json.dumps({"resourceType": "Patient", "id": PATIENTS[0].rid}))
    report = send(STUDY, PATIENTS[0])
    assert report.left == {"conflict": 1}
