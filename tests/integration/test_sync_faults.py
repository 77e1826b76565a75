"""Whatever goes wrong in between, afterwards the server holds every desired resource once, at its latest version.

Each seed is a trial whose data change from round to round, a server that fails in every way there is, a process that
dies at some commit, and now and then the hospital, which changes or touches a resource of ours.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from fhir_msc.desired import Desired
from fhir_msc.sync.audit import verify_audit
from fhir_msc.sync.course import DeliveryOptions, Ended
from fhir_msc.sync.delivery import DeliveryReport, deliver
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.planning import Limits
from fhir_msc.sync.staging import stage
from fhir_msc.sync.states import State
from fhir_msc.sync.tables import body, resource
from tests.support.desiredset import SYSTEM, by_table
from tests.support.desiredset import resource as desired
from tests.support.fakeserver import Bundle, FakeServer, Lost, outcome
from tests.support.ledgers import (
    IDENTITY,
    FakeTime,
    Killed,
    MortalLedger,
    blank_ledger,
    copy_of,
    let_senders_finish,
)


class Trial:
    """What is desired, changing from round to round; knows every body that ever was desired, in order."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.values: dict[str, int] = {}
        self.history: dict[str, list[str]] = {}
        self.people = dice.randint(1, 4)
        self.observations = dice.randint(1, 5)

    def next(self) -> list[Desired]:
        for key in self.values:
            if self.dice.random() < 0.3:
                self.values[key] += 1
        self.observations += self.dice.randint(0, 2)
        study = self._one("ResearchStudy", "s1", "", [], "study")
        found = [study]
        for person in range(self.people):
            patient = self._one("Patient", f"p{person}", f"p{person}", [study], "DM")
            found.append(patient)
            found += [
                self._one("Observation", f"o{person}-{n}", f"p{person}", [patient, study], "LB")
                for n in range(self.observations)
            ]
            found.append(self._one("AdverseEvent", f"a{person}", f"p{person}", [patient], "AE"))
        for one in found:
            bodies = self.history.setdefault(f"{one.type}/{one.rid}", [])
            if one.body.decode() not in bodies:
                bodies.append(one.body.decode())
        return found

    def _one(self, type: str, rid: str, lane: str, refs: list[Desired], table: str) -> Desired:
        return desired(type, rid, lane, refs=refs, table=table, value=f"{self.values.setdefault(rid, 0)}.50")


class Hospital:
    """Changes resources of ours on the server; ``theirs`` are the bodies that nobody may overwrite."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.theirs: dict[str, str] = {}

    def visit(self, server: FakeServer) -> None:
        keys = [key for key in server.bodies() if key.startswith("Observation/") and key not in self.theirs]
        if not keys or self.dice.random() < 0.5:
            return
        key = self.dice.choice(keys)
        if self.dice.random() < 0.5:
            self.theirs[key] = json.dumps({**json.loads(server.bodies()[key]), "note": [{"text": "theirs"}]})
            server.put(key, self.theirs[key])
        else:
            server.put(key, touched(server.bodies()[key]))


def touched(content: str) -> str:
    """The same content with a label of the hospital's."""
    return content.replace('"tag":[', '"tag":[{"system":"urn:hospital","code":"seen"},', 1)


def untouched(content: str) -> str:
    return content.replace('{"system":"urn:hospital","code":"seen"},', "")


def faulty(dice: random.Random) -> object:
    def fault(_number: int, bundle: Bundle) -> httpx.Response | Exception | None:
        roll = dice.random()
        if roll < 0.50:
            return None
        if roll < 0.60:
            return Lost(httpx.ReadTimeout("done, but no answer"))
        if roll < 0.68:
            return httpx.ReadTimeout("not done, and no answer")
        if roll < 0.73:
            return httpx.ConnectError("refused")
        if roll < 0.80:
            return outcome(503, "transient", headers={"Retry-After": "2"})
        if roll < 0.85:
            return outcome(500, "exception")
        if roll < 0.92:
            return outcome(409, "conflict")
        if roll < 0.95:
            return httpx.Response(200, text="<html>a login page</html>", headers={"Content-Type": "text/html"})
        return httpx.Response(413, text="<html>too large</html>") if len(bundle.entries) > 1 else None

    return fault


def run(ledger: Ledger, server: FakeServer, time: FakeTime, dice: random.Random) -> DeliveryReport:
    options = DeliveryOptions(SYSTEM, Limits(entries=4), connections=2, attempts=10**6)
    return deliver(ledger, server.client, options, clock=time, random=dice.random, stop=time)


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return blank_ledger(tmp_path_factory.mktemp("ledger"))


@pytest.mark.parametrize("seed", range(50))
def test_after_any_faults_each_resource_is_there_once_at_its_latest_version(
    seed: int, blank: Path, tmp_path: Path
) -> None:
    dice, time = random.Random(seed), FakeTime()
    path = copy_of(blank, tmp_path)
    server, trial, hospital = FakeServer(mismatch=dice.choice([409, 412])), Trial(dice), Hospital(dice)
    for _ in range(dice.randint(2, 4)):
        wanted = trial.next()
        server.fault = faulty(random.Random(dice.random()))  # type: ignore[assignment]
        for _ in range(dice.randint(1, 3)):
            with MortalLedger.open(path, IDENTITY, "store") as ledger:
                ledger.dies_at(dice.randint(3, 30), committed=dice.random() < 0.5)
                try:
                    stage(ledger, by_table(*wanted), time())
                    run(ledger, server, time, dice)
                except Killed:
                    let_senders_finish()
            time.wait(400)
            hospital.visit(server)
    server.fault = lambda _number, _bundle: None
    with Ledger.open(path, IDENTITY, "store") as ledger:
        stage(ledger, by_table(*wanted), time())
        run(ledger, server, time, dice)
        time.wait(400)  # what was postponed is due by then
        report = run(ledger, server, time, dice)
        assert report.ended is Ended.DONE
        assert set(report.left) <= {State.CONFLICT}
        assert report.left.get(State.CONFLICT, 0) <= len(hospital.theirs)
        there = {key: untouched(content) for key, content in server.bodies().items()}
        bodies = {f"{one.type}/{one.rid}": one.body.decode() for one in wanted}
        assert there == {**bodies, **{key: untouched(content) for key, content in hospital.theirs.items()}}
        for key in server.store.keys() - hospital.theirs.keys():
            ours = [version for version in server.store[key] if version and "urn:hospital" not in version]
            places = [trial.history[key].index(version) for version in ours]
            assert places == sorted(set(places)), f"{key} went back or was written twice"
        assert verify_audit(ledger).broken_at is None
        with ledger.begin() as connection:
            kept = connection.execute(select(func.count()).select_from(body)).scalar_one()
            assert len(wanted) <= kept <= len(wanted) + len(hospital.theirs)
            assert connection.execute(select(func.count()).select_from(resource)).scalar() == len(wanted)
        before = len(server.requests)
        assert run(ledger, server, time, dice).sent == 0
        assert len(server.requests) == before or report.left
