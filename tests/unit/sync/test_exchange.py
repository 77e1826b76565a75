from __future__ import annotations

import re
from collections.abc import Mapping

import httpx
import pytest

from fhir_msc.sync.course import DeliveryOptions
from fhir_msc.sync.delivery import deliver
from fhir_msc.sync.exchange import Wanted, look
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.plan import Action, make_plan
from fhir_msc.sync.staging import stage
from fhir_msc.target.client import FhirClient
from tests.support.desiredset import SYSTEM, by_table
from tests.support.desiredset import resource as desired
from tests.support.fakeserver import FakeServer
from tests.support.ledgers import FakeTime

BASE = "http://server.test/r4"


def entry(number: int) -> Mapping[str, object]:
    name = {"system": SYSTEM, "value": f"p{number}"}
    patient = {"resourceType": "Patient", "id": str(number), "meta": {"versionId": "1"}, "identifier": [name]}
    return {"resource": patient, "search": {"mode": "match"}}


def test_a_resource_on_two_pages_is_one() -> None:
    """The server wrote while it was paged through."""

    def answer(request: httpx.Request) -> httpx.Response:
        is_second = "page=2" in str(request.url)
        more = [] if is_second else [{"relation": "next", "url": f"{BASE}/Patient?page=2"}]
        found = [entry(2), entry(3)] if is_second else [entry(1), entry(2)]
        return httpx.Response(200, json={"resourceType": "Bundle", "type": "searchset", "link": more, "entry": found})

    wanted = [Wanted(number, f"p{number}", "Patient", False, None, "identifier", SYSTEM) for number in (1, 2, 3)]
    with FhirClient(BASE, transport=httpx.MockTransport(answer)) as client:
        found = look(client, wanted)
    assert {id: one.get("id") for id, one in found.items() if isinstance(one, dict)} == {1: "1", 2: "2", 3: "3"}


def test_a_server_without_versions_is_planned_an_update(
    ledger: Ledger, time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, options = FakeServer(), DeliveryOptions(SYSTEM)
    read = server._as_read
    monkeypatch.setattr(server, "_as_read", lambda key: re.sub(rb'"versionId":"\d+",', b"", read(key)))
    stage(ledger, by_table(desired("Patient", "p1", "p1", table="DM")), time())
    deliver(ledger, server.client, options, clock=time, random=lambda: 0.5, stop=time)
    with ledger.rehearsed():
        stage(ledger, by_table(desired("Patient", "p1", "p1", table="DM", value="2.0")), time())
        plan = make_plan(ledger, server.client(), options, time())
    assert (plan.count(Action.UPDATE), plan.count(Action.CREATE)) == (1, 0)
