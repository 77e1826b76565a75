"""What only the sandbox promises: loopback, one database, nothing logged, a seam for faults, and no loss by kill -9."""

from __future__ import annotations

import json
import logging
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from fhir_msc.sandbox import SandboxError, SandboxServer, serve
from tests.contract.rest import JSON, Fhir, no_id

PROGRAM = "import sys; from pathlib import Path; from fhir_msc.sandbox import serve\n" + (
    "serve(0, database=Path(sys.argv[1]), on_ready=lambda url: print(url, flush=True))"
)


def started(database: Path) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(database)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "fhir.example.org", ""])
def test_it_listens_on_loopback_alone(host: str) -> None:
    with pytest.raises(SandboxError, match="loopback"):
        serve(0, host=host)
    with pytest.raises(SandboxError, match="loopback"), SandboxServer(host=host):
        pass


def test_a_port_in_use_is_an_error() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(SandboxError, match="port"), SandboxServer(port=other.getsockname()[1]):
            pass


def test_a_database_in_use_or_of_another_kind_is_an_error(tmp_path: Path) -> None:
    database = tmp_path / "sandbox.sqlite"
    with (
        SandboxServer(database=database),
        pytest.raises(SandboxError, match="database"),
        SandboxServer(database=database),
    ):
        pass
    (tmp_path / "text").write_text("not a database, but long enough to look like one" * 20)
    with pytest.raises(SandboxError, match="database"), SandboxServer(database=tmp_path / "text"):
        pass


def test_a_file_keeps_what_was_stored(tmp_path: Path, http: httpx.Client) -> None:
    for status in (201, 200):
        with SandboxServer(database=tmp_path / "sandbox.sqlite") as sandbox:
            fhir = Fhir(http, sandbox.base_url, "kept")
            response = fhir.put(fhir.patient())
            assert (response.status_code, response.headers["ETag"]) == (status, 'W/"1"')
            assert fhir.search("Patient", identifier=f"{fhir.system}|p")["total"] == 1


def test_memory_keeps_nothing(http: httpx.Client) -> None:
    for _ in range(2):
        with SandboxServer() as sandbox:
            fhir = Fhir(http, sandbox.base_url, "forgotten")
            assert fhir.put(fhir.patient()).status_code == 201


def test_an_interceptor_answers_in_place_of_the_server(http: httpx.Client) -> None:
    def busy(request: Request) -> Response | None:
        return Response(status_code=503, headers={"Retry-After": "1"}) if request.method == "PUT" else None

    with SandboxServer(intercept=busy) as sandbox:
        fhir = Fhir(http, sandbox.base_url, "busy")
        assert fhir.put(fhir.patient()).status_code == 503
        assert fhir.get(f"Patient/{fhir.id('p')}").status_code == 404


def test_nothing_of_urls_and_bodies_is_logged(http: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with SandboxServer() as sandbox:
        fhir = Fhir(http, sandbox.base_url, "spoken")
        fhir.put(fhir.patient(gender="bogus-spoken"))
        fhir.put(fhir.patient())
        fhir.get("Patient?dragon=spoken")
    said = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert not [record for record in said if "spoken" in record.getMessage()]


def test_clients_side_by_side(sandbox_base_url: str, http: httpx.Client) -> None:
    fhir = Fhir(http, sandbox_base_url, "side-by-side")
    condition = f"identifier={fhir.system}|one"
    with ThreadPoolExecutor(8) as threads:
        created = list(threads.map(lambda _: fhir.post(no_id(fhir.patient("one")), If_None_Exist=condition), range(40)))
        fhir.put(fhir.patient("raced"))
        raced = list(
            threads.map(lambda n: fhir.put(fhir.patient("raced", birthDate=f"{2000 + n}"), If_Match='W/"1"'), range(40))
        )
    assert sorted(response.status_code for response in created) == [200] * 39 + [201]
    assert sorted(response.status_code for response in raced) == [200] + [409] * 39


def test_sigterm_ends_it_cleanly(tmp_path: Path) -> None:
    process, url = started(tmp_path / "sandbox.sqlite")
    assert url.startswith("http://127.0.0.1:")
    process.send_signal(signal.SIGTERM)
    with process:
        assert process.wait(20) == 0


def test_kill_9_loses_no_acknowledged_transaction_and_leaves_no_half(tmp_path: Path, http: httpx.Client) -> None:
    database, acknowledged = tmp_path / "sandbox.sqlite", []
    for killed in range(3):
        process, url = started(database)
        enough = threading.Event()

        def write(url: str = url, killed: int = killed, enough: threading.Event = enough) -> None:
            with httpx.Client(trust_env=False) as client:
                for number in range(10_000):
                    fhir = Fhir(client, url, f"{killed}-{number}")
                    entries = [fhir.put_entry(fhir.patient(f"p{n}")) for n in range(20)]
                    body = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})
                    try:
                        client.post(url, content=body, headers={"Content-Type": JSON}).raise_for_status()
                    except httpx.TransportError:
                        return
                    acknowledged.append(fhir.own)
                    if number == 7:
                        enough.set()

        writer = threading.Thread(target=write)
        writer.start()
        assert enough.wait(60)
        process.kill()
        writer.join()
        process.communicate()
    with SandboxServer(database=database) as sandbox:
        fhir = Fhir(http, sandbox.base_url, "")
        page, stored = fhir.search("Patient", _count="1000"), []
        while True:
            stored += [entry["resource"]["id"] for entry in page["entry"]]
            following = [link["url"] for link in page["link"] if link["relation"] == "next"]
            if not following:
                break
            page = fhir.ok(http.get(following[0]))
    owners = [identity.partition("-")[2] for identity in stored]
    assert set(acknowledged) <= set(owners)
    assert {owners.count(owner) for owner in set(owners)} == {20}
    assert len(set(owners) - set(acknowledged)) <= 3
