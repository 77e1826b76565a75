"""Delivery against servers that speak HTTP: the sandbox, and a real HAPI with request validation off and on."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from fhir_msc.desired import Desired
from fhir_msc.findings import Origin
from fhir_msc.sandbox.server import SandboxServer
from fhir_msc.sync.comparison import version_id
from fhir_msc.sync.course import DeliveryOptions, Ended
from fhir_msc.sync.delivery import DeliveryReport, deliver
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.planning import Limits
from fhir_msc.sync.staging import stage
from fhir_msc.sync.states import State
from fhir_msc.sync.status import status
from fhir_msc.target.client import FhirClient
from fhir_msc.target.fhirjson import JsonObject, parse
from tests.support.desiredset import by_table
from tests.support.hapi import HapiServer
from tests.support.ledgers import IDENTITY

SYSTEM = "https://trial.example.org/id/sync"


def body_of(type: str, rid: str, rest: str) -> bytes:
    identifier = f'"identifier":[{{"system":"{SYSTEM}","value":"{rid}"}}]'
    return f'{{"resourceType":"{type}","id":"{rid}",{identifier},{rest}}}'.encode()


class Trial:
    """Two participants with laboratory values, under ids of this test alone."""

    def __init__(self, mark: str, observations: int) -> None:
        self.patients = [f"p{mark}{n}" for n in range(2)]
        self.values = {
            f"o{mark}{patient}x{n:03}": (patient, "1.50") for patient in range(2) for n in range(observations)
        }
        self.event = f"a{mark}"

    def wanted(self) -> list[Desired]:
        found = [self._one("Patient", rid, rid, '"active":true', 10, ()) for rid in self.patients]
        for rid, (patient, value) in self.values.items():
            subject = self.patients[patient]
            rest = (
                '"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/'
                'observation-category","code":"laboratory"}]}],"code":{"text":"Albumin"},'
                f'"subject":{{"reference":"Patient/{subject}"}},"effectiveDateTime":"2021-03",'
                f'"valueQuantity":{{"value":{value},"unit":"g/L","system":"http://unitsofmeasure.org","code":"g/L"}}'
            )
            found.append(self._one("Observation", rid, subject, rest, 40, (subject,)))
        subject = self.patients[0]
        body = (
            f'{{"resourceType":"AdverseEvent","id":"{self.event}","actuality":"actual",'
            f'"subject":{{"reference":"Patient/{subject}"}},"event":{{"text":"headache"}}}}'
        ).encode()
        found.append(self._desired("AdverseEvent", self.event, subject, body, 50, (subject,)))
        return found

    def _one(self, type: str, rid: str, lane: str, rest: str, rank: int, refs: tuple[str, ...]) -> Desired:
        return self._desired(type, rid, lane, body_of(type, rid, rest), rank, refs)

    @staticmethod
    def _desired(type: str, rid: str, lane: str, body: bytes, rank: int, refs: tuple[str, ...]) -> Desired:
        origin = Origin("lb.csv", "LB", 1, ("LBORRES",))
        return Desired(rid, type, lane, rank, body, sha256(body).digest(), "LB", (origin,), refs)


@pytest.fixture(
    params=[
        "sandbox",
        pytest.param("hapi", marks=pytest.mark.hapi),
        pytest.param("validating", marks=pytest.mark.hapi),
    ]
)
def base_url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "sandbox":
        with SandboxServer() as server:
            yield server.base_url
    else:
        hapi: HapiServer = request.getfixturevalue("hapi")
        yield hapi.base_url if request.param == "hapi" else hapi.validating_url


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.db", IDENTITY, "store") as ledger:
        yield ledger


def sync(ledger: Ledger, base_url: str, trial: Trial) -> DeliveryReport:
    stage(ledger, by_table(*trial.wanted()), datetime.now(UTC))
    return deliver(
        ledger,
        lambda: FhirClient(base_url),
        DeliveryOptions(SYSTEM, Limits(entries=40)),
        clock=lambda: datetime.now(UTC),
        random=random.random,
        stop=threading.Event(),
    )


def read(base_url: str, key: str) -> JsonObject:
    return parse(httpx.get(f"{base_url}/{key}", headers={"Cache-Control": "no-cache"}).content)


def version(base_url: str, key: str) -> str | None:
    return version_id(read(base_url, key))


def rewrite(base_url: str, key: str, old: str, new: str) -> None:
    """The hospital writes the resource again, changed in one place; numbers stay as they are."""
    text = httpx.get(f"{base_url}/{key}", headers={"Cache-Control": "no-cache"}).text
    assert old in text
    body = text.replace(old, new, 1).encode()
    response = httpx.put(f"{base_url}/{key}", content=body, headers={"Content-Type": "application/fhir+json"})
    assert response.status_code == 200


def test_first_sync_second_sync_update_conflict_and_a_lost_ledger(
    base_url: str, ledger: Ledger, tmp_path: Path
) -> None:
    trial = Trial(f"{random.getrandbits(40):010x}", 60)
    report = sync(ledger, base_url, trial)
    assert (report.ended, report.created, report.left) == (Ended.DONE, 123, {})

    report = sync(ledger, base_url, trial)
    assert (report.sent, report.read, report.left) == (0, 0, {})

    changed, conflicting, touched, *_ = trial.values
    trial.values[changed] = (0, "1.75")
    report = sync(ledger, base_url, trial)
    assert (report.updated, report.sent, report.read) == (1, 1, 0)
    assert version(base_url, f"Observation/{changed}") == "2"

    rewrite(base_url, f"Observation/{conflicting}", "Albumin", "Albumin, seen by the ward")
    label = '"meta":{"tag":[{"system":"https://hospital.example.org/labels","code":"seen"}],'
    rewrite(base_url, f"Observation/{touched}", '"meta":{', label)
    assert version(base_url, f"Observation/{touched}") == "2"
    for rid in (changed, conflicting, touched):
        trial.values[rid] = (0, "2.25")
    report = sync(ledger, base_url, trial)
    assert (report.updated, report.left) == (2, {State.CONFLICT: 1})
    assert read(base_url, f"Observation/{conflicting}")["code"] == {"text": "Albumin, seen by the ward"}
    assert version(base_url, f"Observation/{touched}") == "3"
    assert [item.rid for item in status(ledger).conflicts.items] == [conflicting]

    with Ledger.open(tmp_path / "new.db", IDENTITY, "store") as another:
        report = sync(another, base_url, trial)
    assert (report.adopted, report.sent, report.left) == (122, 0, {State.CONFLICT: 1})


def test_one_that_the_server_refuses_stays_alone(base_url: str, ledger: Ledger) -> None:
    trial = Trial(f"{random.getrandbits(40):010x}", 30)
    bad = list(trial.values)[17]
    good = trial.wanted

    def wanted() -> list[Desired]:
        return [
            one
            if one.rid != bad
            else Trial._desired(
                one.type, one.rid, one.lane, one.body.replace(b'"2021-03"', b'"2021-13-45"'), one.rank, one.refs
            )
            for one in good()
        ]

    trial.wanted = wanted  # type: ignore[method-assign]
    report = sync(ledger, base_url, trial)
    assert (report.ended, report.created, report.left) == (Ended.DONE, 62, {State.DEAD: 1})
    (item,) = status(ledger).dead.items
    assert item.rid == bad
    assert "2021-13" not in str(item)
