"""``verify`` finds what a server holds otherwise than it was sent; ``sync --repair`` restores what it forgot."""

from __future__ import annotations

import csv
import json
import os
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from fhir_msc.example.misle import RECORDS, generate
from fhir_msc.resources.body import serialise
from fhir_msc.sandbox.server import SandboxServer
from fhir_msc.sync.audit import verify_audit
from fhir_msc.sync.comparison import as_sent, differences
from fhir_msc.sync.ledger import Ledger
from fhir_msc.target.client import FhirClient, Resource
from fhir_msc.target.fhirjson import parse
from tests.support.hapi import HapiServer
from tests.support.projects import configure, fhir_msc, new_project
from tests.support.serverview import ServerView, plain


@pytest.fixture
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    if getattr(request, "param", "sandbox") == "hapi":
        server: HapiServer = request.getfixturevalue("hapi")
        yield server.base_url
        return
    with SandboxServer() as sandbox:
        yield sandbox.base_url


def laid(folder: Path, url: str, participants: int = 1) -> Path:
    """A project of the example trial."""
    for name, content in generate(participants=participants, screen_failures=0).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return new_project(folder / "project", "misle-redcap", (folder / RECORDS).parent, url, "--zone", "UTC")


def bodies_of(project: Path, folder: Path) -> dict[str, str]:
    """The bodies that the source gives, by id."""
    output = folder / "bodies.ndjson"
    assert fhir_msc("map", "--project", project, "--output", output).code == 0
    return {json.loads(line)["id"]: line for line in output.read_text("utf-8").splitlines()}


def correct(records: Path, column: str) -> None:
    """Somebody corrects a result of the baseline visit in the EDC."""
    with records.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        header, rows = list(reader.fieldnames or ()), list(reader)
    (row,) = [one for one in rows if one["redcap_event_name"] == "baseline_arm_1"]
    row[column] = str(Decimal(row[column]) + 1)
    with records.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, header, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def verified(project: Path, *options: object, code: int = 0) -> Any:
    outcome = fhir_msc("verify", "--project", project, "--json", *options)
    assert outcome.code == code, outcome.out + outcome.err
    return outcome.document


def synced(project: Path, *options: object, code: int = 0) -> Any:
    outcome = fhir_msc("sync", "--project", project, "--json", *options)
    assert outcome.code == code, outcome.out + outcome.err
    return outcome.document


def some(url: str, type: str, count: int) -> list[Any]:
    entries = httpx.get(f"{url}/{type}", params={"_count": count}).json()["entry"]
    return [entry["resource"] for entry in entries]


def test_nothing_was_synced_yet(tmp_path: Path, url: str) -> None:
    outcome = fhir_msc("verify", "--project", laid(tmp_path, url))
    assert outcome.code == 2
    assert "nothing was synced yet" in outcome.err


def test_changed_deleted_and_labelled(tmp_path: Path, url: str) -> None:
    project = laid(tmp_path, url)
    created = synced(project)["delivery"]["created"]
    assert verified(project) == {
        "read": created, "same": created, "behindSource": 0, "inFlight": 0, "drifted": []
    }  # fmt: skip

    changed, gone, labelled = some(url, "Observation", 3)
    changed["status"] = "amended"
    labelled.setdefault("meta", {})["tag"] = [
        *labelled["meta"].get("tag", []), {"system": "urn:hospital", "code": "seen"}
    ]  # fmt: skip
    for one in (changed, labelled):
        httpx.put(f"{url}/Observation/{one['id']}", json=one).raise_for_status()
    httpx.delete(f"{url}/Observation/{gone['id']}").raise_for_status()

    table = tmp_path / "drift.csv"
    found = verified(project, "--csv", table, code=1)
    drifted = {one["key"]: one for one in found["drifted"]}
    assert {key: one["drift"] for key, one in drifted.items()} == {changed["id"]: "changed", gone["id"]: "deleted"}
    assert [field["path"] for field in drifted[changed["id"]]["fields"]] == ["status"]
    assert "amended" not in json.dumps(found)
    assert drifted[changed["id"]]["origins"]
    assert (found["same"], found["read"]) == (created - 2, created)
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [
        (row["key"], row["drift"], row["path"], row["server"]) for row in sorted(rows, key=lambda x: x["drift"])
    ] == [
        (changed["id"], "changed", "status", ""),
        (gone["id"], "deleted", "", ""),
    ]
    (shown,) = [one for one in verified(project, "--show-values", code=1)["drifted"] if one["fields"]]
    assert shown["fields"] == [{"path": "status", "source": '"final"', "sent": '"final"', "server": '"amended"'}]

    # A repair leaves alone what somebody did.
    again = synced(project, "--repair")
    assert again["delivery"] is None
    assert verified(project, code=1)["drifted"] == found["drifted"]


def test_a_server_that_lost_everything(tmp_path: Path) -> None:
    with SandboxServer() as first:
        project = laid(tmp_path, first.base_url)
        created = synced(project)["delivery"]["created"]
        expected = everything(first.base_url, project, tmp_path)
    with SandboxServer() as second:
        configure(project, r'^url = ".*"$', f'url = "{second.base_url}"')
        found = verified(project, code=1)
        assert {one["drift"] for one in found["drifted"]} == {"forgotten"}
        assert len(found["drifted"]) == created
        assert fhir_msc("sync", "--project", project).code == 2, "nor does a sync take it for the first"
        assert synced(project, "--repair")["delivery"]["created"] == created
        assert verified(project)["same"] == created
        assert everything(second.base_url, project, tmp_path) == expected
        assert synced(project, "--repair")["delivery"] is None
    ledger = Ledger.look(project / "state" / "ledger.db", "main", "")
    assert ledger is not None
    with ledger:
        assert verify_audit(ledger).broken_at is None


def test_a_server_that_went_back_to_an_earlier_version(tmp_path: Path) -> None:
    database = tmp_path / "server.db"
    with SandboxServer(database=database) as server:
        project = laid(tmp_path, server.base_url)
        synced(project)
    backup = database.read_bytes()
    with SandboxServer(database=database) as server:
        configure(project, r'^url = ".*"$', f'url = "{server.base_url}"')
        correct(tmp_path / RECORDS, "lab_creatinine")
        assert synced(project)["delivery"]["updated"] == 1
    database.write_bytes(backup)
    with SandboxServer(database=database) as server:
        configure(project, r'^url = ".*"$', f'url = "{server.base_url}"')
        (lost,) = verified(project, code=1)["drifted"]
        assert (lost["drift"], lost["knownVersion"], lost["serverVersion"]) == ("older", "2", "1")
        assert lost["repairable"]
        assert synced(project, "--repair")["delivery"]["updated"] == 1
        assert verified(project)["drifted"] == []


@pytest.mark.parametrize("url", ["sandbox", pytest.param("hapi", marks=pytest.mark.hapi)], indirect=True)
def test_what_was_sent_is_known_again_to_the_byte(url: str, tmp_path: Path) -> None:
    project = laid(tmp_path, url)
    synced(project)
    sent = bodies_of(project, tmp_path)
    with FhirClient(url) as client:
        for id, body in sent.items():
            read = client.read(json.loads(body)["resourceType"], id)
            assert isinstance(read, Resource)
            assert serialise(as_sent(read.content, parse(body.encode()))).decode() == body


def test_what_somebody_puts_back_is_somebody_s_change(url: str, tmp_path: Path) -> None:
    project = laid(tmp_path, url)
    synced(project)
    earlier = bodies_of(project, tmp_path)
    correct(tmp_path / RECORDS, "lab_creatinine")
    assert synced(project)["delivery"]["updated"] == 1
    now = bodies_of(project, tmp_path)
    (changed,) = [id for id, body in now.items() if earlier[id] != body]
    header = {"Content-Type": "application/fhir+json"}
    httpx.put(f"{url}/Observation/{changed}", content=earlier[changed], headers=header).raise_for_status()
    (drifted,) = verified(project, code=1)["drifted"]
    assert (drifted["drift"], drifted["serverVersion"], drifted["repairable"]) == ("changed", "3", False)


def test_a_server_set_back_and_then_worked_on_is_not_overwritten(tmp_path: Path) -> None:
    database = tmp_path / "server.db"
    with SandboxServer(database=database) as server:
        project = laid(tmp_path, server.base_url)
        synced(project)
    backup = database.read_bytes()
    with SandboxServer(database=database) as server:
        configure(project, r'^url = ".*"$', f'url = "{server.base_url}"')
        for _ in range(3):
            correct(tmp_path / RECORDS, "lab_creatinine")
            assert synced(project)["delivery"]["updated"] == 1
    database.write_bytes(backup)
    with SandboxServer(database=database) as server:
        configure(project, r'^url = ".*"$', f'url = "{server.base_url}"')
        (lost,) = verified(project, code=1)["drifted"]
        assert (lost["drift"], lost["knownVersion"], lost["serverVersion"]) == ("older", "4", "1")
        place = f"{server.base_url}/Observation/{lost['key']}"
        theirs = httpx.get(place).json() | {"status": "amended"}
        httpx.put(place, json=theirs).raise_for_status()

        (drifted,) = verified(project, code=1)["drifted"]
        assert (drifted["drift"], drifted["serverVersion"], drifted["repairable"]) == ("changed", "2", False)
        synced(project, "--repair")
        assert httpx.get(place).json()["status"] == "amended"
        assert httpx.get(place).json()["meta"]["versionId"] == "2"


@pytest.mark.hapi(own=True)
def test_hapi_killed_with_its_database_on_file(tmp_path: Path) -> None:
    jdbc = f"jdbc:h2:file:{tmp_path / 'h2' / 'fhir'}"
    with HapiServer(jdbc_url=jdbc) as server:
        project = laid(tmp_path, server.base_url, participants=2)
        created = synced(project)["delivery"]["created"]
        process = server._process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with HapiServer(jdbc_url=jdbc) as server:
        configure(project, r'^url = ".*"$', f'url = "{server.base_url}"')
        outcome = fhir_msc("verify", "--project", project, "--json")
        lost = outcome.document["drifted"]
        assert {one["drift"] for one in lost} <= {"forgotten", "older"}
        assert outcome.document["same"] + len(lost) == created
        repaired = synced(project, "--repair")["delivery"]
        assert (repaired["created"] if repaired else 0) == len(lost)
        assert verified(project)["same"] == created
        assert everything(server.base_url, project, tmp_path)
        print(f"HAPI forgot {len(lost)} of {created} acknowledged resources")


def everything(url: str, project: Path, folder: Path) -> dict[str, str]:
    """What the server holds of what the source gives; all of it, each once."""
    output = folder / "desired.ndjson"
    assert fhir_msc("map", "--project", project, "--output", output).code == 0
    desired = {}
    for line in output.read_text("utf-8").splitlines():
        body = json.loads(line)
        desired[f"{body['resourceType']}/{body['id']}"] = plain(line)
    with ServerView(url) as view:
        stored = {place: content for place, (_, content) in view.these(desired).items()}
        assert stored == desired
        counts = httpx.get(f"{url}/Observation", params={"_summary": "count"}, timeout=60).json()["total"]
    assert counts == sum(place.startswith("Observation/") for place in desired)
    return stored


def test_differences_name_elements_and_pass_over_what_a_server_adds() -> None:
    ours = parse(b'{"id":"a","status":"final","valueQuantity":{"value":1.50},"note":[{"text":"x"}],"meta":{"tag":[]}}')
    theirs = parse(
        b'{"id":"a","status":"amended","valueQuantity":{"value":1.5},"note":[{"text":"x"},{"text":"y"}],'
        b'"meta":{"versionId":"3","tag":[{"code":"z"}]},"text":{"status":"generated"}}'
    )
    assert [(one.path, one.theirs, one.mine) for one in differences(theirs, ours)] == [
        ("meta.tag", None, "[]"),
        ("note[1].text", '"y"', None),
        ("status", '"amended"', '"final"'),
        ("valueQuantity.value", "1.5", "1.50"),
    ]
