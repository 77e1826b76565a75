"""Every route, on the servers that the sandbox plays and on a real HAPI: whatever happens, each resource once."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from fhir_msc.access import Surroundings, client_of, delivery_options, probed
from fhir_msc.config import Project, read_project
from fhir_msc.desired import Desired
from fhir_msc.sandbox.profiles import PROFILES
from fhir_msc.sandbox.server import SandboxServer
from fhir_msc.sync.course import DeliveryOptions, Ended
from fhir_msc.sync.delivery import DeliveryReport, deliver
from fhir_msc.sync.ledger import Ledger
from fhir_msc.sync.outbox import NO_UPDATES, revive
from fhir_msc.sync.plan import Action, Plan, make_plan
from fhir_msc.sync.repairing import repair
from fhir_msc.sync.staging import stage
from fhir_msc.sync.states import State
from fhir_msc.sync.status import status
from fhir_msc.sync.verification import Verified, verify
from fhir_msc.target.client import FhirClient
from tests.support.desiredset import by_table
from tests.support.hapi import HapiServer
from tests.support.ledgers import (
    IDENTITY,
    FakeTime,
    Killed,
    MortalLedger,
    blank_ledger,
    copy_of,
    let_senders_finish,
)
from tests.support.routedtrial import TYPES, RoutedTrial, held

KILLS = 50


@dataclass(frozen=True)
class Case:
    """A server, the config's word on its routes, and what then is to be expected, by hand."""

    profile: str
    words: str
    types: frozenset[str]
    routes: frozenset[str]
    gives_ids: bool = True


OURS = "client-id PUT"
UPDATE, CREATE, SEARCH = "conditional update", "conditional create", "search, then create"
ORACLE, EPIC = frozenset({"Patient", "Encounter"}), frozenset({"Patient", "Observation"})

CASES = {
    "hapi": Case("hapi", "", TYPES, frozenset({OURS}), gives_ids=False),
    "google": Case("google", "", TYPES, frozenset({UPDATE})),
    "medplum": Case("medplum", "", TYPES, frozenset({UPDATE})),
    "medplum-create": Case("medplum", f'[targets.store.routes]\n"*" = "{CREATE}"', TYPES, frozenset({CREATE})),
    "google-search": Case("google", f'[targets.store.routes]\n"*" = "{SEARCH}"', TYPES, frozenset({SEARCH})),
    "oracle": Case("oracle", "", ORACLE, frozenset({SEARCH})),
    "epic": Case("epic", "", EPIC, frozenset({SEARCH})),
    "meditech": Case("meditech", "", frozenset(), frozenset()),
    "real-hapi": Case("", "", TYPES, frozenset({OURS}), gives_ids=False),
    "real-hapi-update": Case("", f'[targets.store.routes]\n"*" = "{UPDATE}"', TYPES, frozenset({UPDATE})),
    "real-hapi-create": Case("", f'[targets.store.routes]\n"*" = "{CREATE}"', TYPES, frozenset({CREATE})),
}


class Scene:
    """A project at a server, its options as they are probed, and its ledger."""

    def __init__(self, folder: Path, url: str, case: Case, blank: Path) -> None:
        self.case, self.url, self.folder = case, url, folder
        self.project = project_at(folder, url, case.words)
        self.target = probed(self.project)
        self.options: DeliveryOptions = delivery_options(self.project, self.target)
        self.ledger = copy_of(blank, folder)
        self.sandbox: SandboxServer | None = None
        self.time = FakeTime()
        self.transport: Callable[[], httpx.BaseTransport] = lambda: httpx.HTTPTransport(verify=False)

    def trial(self) -> RoutedTrial:
        """A trial of its own; of a server that takes little, more of it."""
        people = 2 if "Observation" in self.case.types else 8
        return RoutedTrial(self.options.system, uuid.uuid4().hex, people=people)

    def client(self) -> FhirClient:
        return client_of(self.project, Surroundings(transport=self.transport()))

    def deliver(self, ledger: Ledger, trial: RoutedTrial) -> DeliveryReport:
        stage(ledger, by_table(*trial.wanted()), self.time())
        return deliver(ledger, self.client, self.options, clock=self.time, random=lambda: 0.5, stop=self.time)

    def sync(self, trial: RoutedTrial) -> DeliveryReport:
        with Ledger.open(self.ledger, IDENTITY, "store") as ledger:
            return self.deliver(ledger, trial)

    def plan(self, trial: RoutedTrial) -> Plan:
        with Ledger.open(self.ledger, IDENTITY, "store") as ledger, self.client() as client, ledger.rehearsed():
            stage(ledger, by_table(*trial.wanted()), self.time())
            return make_plan(ledger, client, self.options, self.time())

    def lose(self, types: Iterable[str]) -> None:
        """The sandbox forgets these types, as if they had never been."""
        assert self.sandbox is not None
        database = self.sandbox._store._connection
        for type in types:
            mine = "(SELECT rid FROM resource WHERE type = ?)"
            for table in ("version", "token", "date", "reference", "resource"):
                database.execute(f"DELETE FROM {table} WHERE rid IN {mine}", (type,))

    def drifts(self) -> int:
        """How many resources the server holds otherwise than they were sent."""
        counts = Verified()
        with Ledger.open(self.ledger, IDENTITY, "store") as ledger, self.client() as client:
            found = list(verify(ledger, client, self.options.addressing, counts, lambda *_: None))
        assert counts.read == counts.same + len(found)
        return len(found)

    def assert_held(self, trial: RoutedTrial) -> dict[str, str]:
        """The server holds what is desired, each once; gives the versions."""
        contents, ids, versions = held(self.url, trial)
        assert contents == trial.expected(self.case.types, ids)
        assert all((id != rid) is self.case.gives_ids for rid, id in ids.items())
        return versions


def project_at(folder: Path, url: str, words: str) -> Project:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "secret").write_text("0" * 64)
    (folder / "fhir-msc.toml").write_text(
        f"""
[project]
pack = "sdtm"
source = "."
secret = "file:secret"
namespace = "https://trial-{uuid.uuid4().hex[:12]}.example.org/fhir"
[study]
identifier = "S-1"
title = "A trial"
[targets.store]
url = "{url}"
identity = "0123456789abcdef"
entries = 4
{words}
"""
    )
    return read_project(folder)


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return blank_ledger(tmp_path_factory.mktemp("ledger"))


def cases(wanted: Callable[[Case], bool]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "scene",
        [
            pytest.param(name, id=name, marks=() if case.profile else pytest.mark.hapi)
            for name, case in CASES.items()
            if wanted(case)
        ],
        indirect=True,
    )


@pytest.fixture
def scene(request: pytest.FixtureRequest, blank: Path, tmp_path: Path) -> Iterator[Scene]:
    case = CASES[request.param]
    if case.profile:
        with SandboxServer(profile=PROFILES[case.profile]) as server:
            found = Scene(tmp_path / "project", server.base_url, case, blank)
            found.sandbox = server
            yield found
    else:
        hapi: HapiServer = request.getfixturevalue("hapi")
        yield Scene(tmp_path / "project", hapi.base_url, case, blank)


everywhere = cases(lambda _: True)
where_results_change = cases(lambda case: "Observation" in case.types)


@everywhere
def test_what_a_server_takes_arrives_and_what_it_does_not_is_skipped_with_a_reason(scene: Scene) -> None:
    trial = scene.trial()
    report = scene.sync(trial)
    scene.assert_held(trial)
    taken = [rid for rid, body in trial.bodies.items() if json.loads(body)["resourceType"] in scene.case.types]
    assert (report.ended, report.created) == (Ended.DONE, len(taken))
    routes = {route.type: route for route in scene.target.routes if route.type in TYPES}
    assert {route.kind.value for route in routes.values() if route.deliverable} == scene.case.routes
    assert {type for type, route in routes.items() if route.deliverable} == scene.case.types
    skipped = len(trial.bodies) - len(taken)
    assert report.left == ({State.SKIPPED: skipped} if skipped else {})
    assert all(route.reason for route in routes.values())
    if not scene.case.types:
        assert report.sent == 0


@everywhere
def test_nothing_changed_asks_for_nothing(scene: Scene) -> None:
    trial = scene.trial()
    scene.sync(trial)
    before = scene.assert_held(trial)
    again = scene.sync(trial)
    assert (again.sent, again.read, again.created, again.updated) == (0, 0, 0, 0)
    assert scene.assert_held(trial) == before
    assert scene.drifts() == 0


@everywhere
def test_another_ledger_with_the_same_secret_adopts_what_is_there(scene: Scene, blank: Path) -> None:
    trial = scene.trial()
    scene.sync(trial)
    before = scene.assert_held(trial)
    scene.ledger = copy_of(blank, _fresh(scene.folder / "new"))
    plan = scene.plan(trial)
    assert (plan.count(Action.NOTHING), plan.count(Action.SKIP)) == (len(before), len(trial.bodies) - len(before))
    again = scene.sync(trial)
    assert (again.created, again.updated, again.adopted) == (0, 0, len(before))
    assert scene.assert_held(trial) == before
    assert scene.drifts() == 0


@cases(lambda case: case.routes == {SEARCH})
def test_a_count_that_is_wrong_doubles_nothing(scene: Scene, blank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = scene.trial()
    scene.sync(trial)
    before = scene.assert_held(trial)
    scene.ledger = copy_of(blank, _fresh(scene.folder / "new"))
    monkeypatch.setattr(FhirClient, "count", lambda *_: 0)
    assert scene.sync(trial).created == 0
    assert scene.assert_held(trial) == before


@where_results_change
def test_one_change_is_one_update(scene: Scene) -> None:
    trial = scene.trial()
    scene.sync(trial)
    before = scene.assert_held(trial)
    trial.values["result 1 1"] = "2.50"
    report = scene.sync(trial)
    after = scene.assert_held(trial)
    assert (report.created, report.updated) == (0, 1)
    changed = trial.rid("Observation", "result 1 1")
    assert {rid for rid in after if after[rid] != before[rid]} == {changed}
    assert scene.drifts() == 0


@cases(lambda case: case.profile == "hapi")
@pytest.mark.parametrize("types", ["*", "Observation"])
@pytest.mark.parametrize("route", [UPDATE, CREATE, SEARCH])
def test_a_type_that_goes_on_another_route_is_read_first(scene: Scene, route: str, types: str) -> None:
    """What was delivered under our ids is found under them: not doubled, and not written over the hospital's change."""
    trial = scene.trial()
    scene.sync(trial)
    theirs, ours = trial.rid("Observation", "result 0 0"), trial.rid("Observation", "result 0 1")
    body = httpx.get(f"{scene.url}/Observation/{theirs}", trust_env=False).json()
    note = [{"text": "seen by the hospital"}]
    assert httpx.put(f"{scene.url}/Observation/{theirs}", json={**body, "note": note}, trust_env=False).is_success
    config = scene.folder / "fhir-msc.toml"
    config.write_text(f'{config.read_text()}\n[targets.store.routes]\n"{types}" = "{route}"\n')
    scene.project = read_project(scene.folder)
    scene.options = delivery_options(scene.project, probed(scene.project))
    trial.values = {"result 0 0": "2.50", "result 0 1": "2.60"}
    trial.observations += 1
    report = scene.sync(trial)
    assert (report.created, report.updated, report.left) == (trial.people, 1, {State.CONFLICT: 1})
    contents, ids, versions = held(scene.url, trial)
    assert len(contents) == len(trial.bodies)
    assert {ids[rid] == rid for rid in (theirs, ours)} == {True}
    assert (versions[theirs], versions[ours]) == ("2", "2")
    assert "seen by the hospital" in contents[theirs]
    assert scene.sync(trial).left == {State.CONFLICT: 1}
    # An adverse event lacks the tag by which it would be found on the new route.
    assert scene.drifts() == 1 + (trial.people if types == "*" else 0)


@cases(lambda case: case.profile == "google" and not case.words)
@pytest.mark.parametrize("types", ["*", "Patient"])
@pytest.mark.parametrize("route", [OURS, "read-only"])
def test_what_was_delivered_under_the_ids_of_the_server_stays_under_them(scene: Scene, route: str, types: str) -> None:
    """Whatever the route says now: it is changed and found where it stands, and a repair doubles nothing."""
    trial = scene.trial()
    scene.sync(trial)
    _, before, _ = held(scene.url, trial)
    config = scene.folder / "fhir-msc.toml"
    config.write_text(f'{config.read_text()}\n[targets.store.routes]\n"{types}" = "{route}"\n')
    scene.project = read_project(scene.folder)
    scene.options = delivery_options(scene.project, probed(scene.project))
    assert scene.drifts() == 0
    with Ledger.open(scene.ledger, IDENTITY, "store") as ledger, scene.client() as client:
        repair(ledger, client, scene.options.addressing, scene.url, scene.time)
    is_written = route == OURS or types == "Patient"
    trial.values = {"result 1 1": "2.50"} if is_written else {}
    report = scene.sync(trial)
    assert (report.created, report.updated, report.left) == (0, int(is_written), {})
    contents, ids, _ = held(scene.url, trial)
    assert ids == before
    assert contents == trial.expected(TYPES, ids)
    assert scene.drifts() == 0
    assert scene.sync(trial).sent == 0


@cases(lambda case: case.gives_ids and case.types == TYPES and bool(case.profile))
@pytest.mark.parametrize("lost", [("Patient",), ("ResearchStudy",), ("Encounter", "Patient"), tuple(sorted(TYPES))])
def test_what_refers_to_what_was_lost_is_sent_again_with_its_new_id(scene: Scene, lost: tuple[str, ...]) -> None:
    trial = scene.trial()
    scene.sync(trial)
    _, before, _ = held(scene.url, trial)
    scene.lose(lost)
    with Ledger.open(scene.ledger, IDENTITY, "store") as ledger, scene.client() as client:
        repair(ledger, client, scene.options.addressing, scene.url, scene.time)
    plan = scene.plan(trial)
    report = scene.sync(trial)
    assert (report.ended, report.left) == (Ended.DONE, {})
    assert (plan.count(Action.CREATE), plan.count(Action.UPDATE)) == (report.created, report.updated)
    contents, ids, _ = held(scene.url, trial)
    assert contents == trial.expected(TYPES, ids)
    assert {rid[0] for rid in ids if ids[rid] != before[rid]} == {trial.rid(type, "")[0] for type in lost}
    assert scene.drifts() == 0
    assert scene.sync(trial).sent == 0


@where_results_change
def test_what_the_hospital_changed_is_a_conflict_and_the_rest_goes_on(scene: Scene) -> None:
    trial = scene.trial()
    scene.sync(trial)
    theirs, ours = trial.rid("Observation", "result 0 0"), trial.rid("Observation", "result 0 1")
    contents, ids, _ = held(scene.url, trial)
    amended = {**json.loads(contents[theirs]), "status": "amended"}
    amended["valueQuantity"]["value"] = 0.91
    answer = httpx.put(
        f"{scene.url}/Observation/{ids[theirs]}",
        content=json.dumps(amended),
        headers={"Content-Type": "application/fhir+json"},
        trust_env=False,
        timeout=60,
    )
    assert answer.status_code == 200
    trial.values |= {"result 0 0": "3.50", "result 0 1": "4.50"}

    report = scene.sync(trial)

    now, _, _ = held(scene.url, trial)
    assert (report.created, report.updated) == (0, 1)
    assert report.left.get(State.CONFLICT) == 1
    assert json.loads(now[theirs])["status"] == "amended"
    assert json.loads(now[ours])["valueQuantity"]["value"] == "4.50"
    assert scene.drifts() == 1


@cases(lambda case: case.profile in ("oracle", "epic"))
def test_what_can_be_created_and_not_changed_is_skipped_when_it_changes(scene: Scene) -> None:
    trial = scene.trial()
    scene.sync(trial)
    before, _, _ = held(scene.url, trial)
    wanted = trial.wanted()
    changed = [
        one if one.type != "Patient" else _with_body(one, one.body.replace(b'"active":true', b'"active":false'))
        for one in wanted
    ]
    with Ledger.open(scene.ledger, IDENTITY, "store") as ledger:
        stage(ledger, by_table(*changed), scene.time())
        report = deliver(ledger, scene.client, scene.options, clock=scene.time, random=lambda: 0.5, stop=scene.time)
        shown = status(ledger)
    assert (report.sent, report.updated) == (0, 0)
    assert held(scene.url, trial)[0] == before
    assert NO_UPDATES in str(shown.skipped)


def _with_body(one: Desired, body: bytes) -> Desired:
    return one._replace(body=body, digest=sha256(body).digest())


class Failing(httpx.BaseTransport):
    """A server that fails on whatever holds a word: before it has done it, or after."""

    def __init__(self, word: str, *, done: bool) -> None:
        self._word, self._done = word.encode(), done
        self._wire = httpx.HTTPTransport(verify=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        is_hit = request.method != "GET" and not request.url.path.endswith("/_search") and self._word in body
        if not is_hit or self._done:
            answer = self._wire.handle_request(request)
        if is_hit:
            return httpx.Response(500, json={"resourceType": "OperationOutcome", "issue": []})
        return answer

    def close(self) -> None:
        self._wire.close()


@cases(lambda case: bool(case.types) and case.profile != "")
@pytest.mark.parametrize("done", [False, True])
def test_one_that_the_server_fails_on_keeps_no_other_back_and_is_never_doubled(scene: Scene, done: bool) -> None:
    trial = scene.trial()
    trial.wanted()
    type, name = ("Observation", "result 0 1") if "Observation" in scene.case.types else ("Encounter", "visit 0")
    rid = trial.rid(type, name)
    scene.transport = lambda: Failing(rid, done=done)
    for _ in range(3):
        report = scene.sync(trial)
        scene.time.wait(4000)
    assert report.ended is Ended.DONE
    contents, ids, _ = held(scene.url, trial)
    expected = trial.expected(scene.case.types, ids)
    assert contents == (expected if done else {key: body for key, body in expected.items() if key != rid})
    scene.transport = lambda: httpx.HTTPTransport(verify=False)
    with Ledger.open(scene.ledger, IDENTITY, "store") as ledger, ledger.begin() as connection:
        revive(connection, ledger.target_id)
    scene.sync(trial)
    scene.assert_held(trial)
    assert scene.drifts() == 0


@cases(lambda case: case.types != frozenset())
def test_killed_anywhere_each_resource_is_there_once(scene: Scene) -> None:
    dice = random.Random(scene.case.profile + scene.case.words)
    between = killed = number = 0
    commits = {answers: _commits(scene, answers=answers) for answers in (False, True)}
    while killed < KILLS:  # how many commits a run takes depends on which answers come together
        number += 1
        trial = scene.trial()
        path = copy_of(scene.ledger, _fresh(scene.folder / f"{number}"))
        with MortalLedger.open(path, IDENTITY, "store") as ledger:
            answers = number % 2 == 0
            ledger.dies_at(dice.randint(1, commits[answers]), committed=dice.random() < 0.3, answers=answers)
            try:
                scene.deliver(ledger, trial)
            except Killed:
                killed += 1
                let_senders_finish()
        known = _known(path)
        there, _, _ = held(scene.url, trial)
        between += len(there) > known
        with Ledger.open(path, IDENTITY, "store") as ledger:
            report = scene.deliver(ledger, trial)
        assert report.ended is Ended.DONE
        assert set(report.left) <= {State.SKIPPED}
        scene.assert_held(trial)
    assert between >= 10, f"only {between} of {KILLS} kills landed between send and commit"


def _commits(scene: Scene, *, answers: bool) -> int:
    """How many commits of a kind a delivery takes."""
    path = copy_of(scene.ledger, _fresh(scene.folder / f"whole-{answers}"))
    with MortalLedger.open(path, IDENTITY, "store") as ledger:
        ledger.dies_at(0, committed=False, answers=answers)
        scene.deliver(ledger, scene.trial())
        return ledger.commits


def _fresh(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _known(path: Path) -> int:
    """How many resources the ledger knows to be delivered."""
    with Ledger.open(path, IDENTITY, "store") as ledger:
        return status(ledger).count(State.SENT)
