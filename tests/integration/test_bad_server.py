"""Bad servers: a clear error and its exit code, nothing lost; once the server is well, all is there, each once."""

from __future__ import annotations

import email.utils
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from fhir_msc import access
from fhir_msc.sandbox import SandboxServer
from tests.support.front import Front, Way
from tests.support.ledgers import FakeTime
from tests.support.projects import Outcome, configure, fhir_msc, new_project
from tests.support.serverside import held, versions, wanted
from tests.support.tinystudy import DESIRED, SUBJECTS, edited, tiny_study, write_study

BUNDLES = ("POST", "/fhir")


@dataclass
class Sickness:
    """What the server answers instead of doing what it was asked; ``None`` once it is well. Keeps what was asked."""

    answer: Callable[[Request], Response | None] | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, request: Request) -> Response | None:
        self.asked.append((request.method, request.url.path.rstrip("/")))
        return self.answer(request) if self.answer is not None else None

    @property
    def bundles(self) -> int:
        return self.asked.count(BUNDLES)


@pytest.fixture
def sickness() -> Sickness:
    return Sickness()


@pytest.fixture
def url(sickness: Sickness) -> Iterator[str]:
    with SandboxServer(intercept=sickness) as server:
        yield server.base_url


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    """The clock of the commands: waiting moves it, and takes no time."""
    time, surroundings = FakeTime(), access.Surroundings
    monkeypatch.setattr(
        access, "Surroundings", lambda stop=None: surroundings(clock=time, random=lambda: 0.5, stop=time)
    )
    return time


@pytest.fixture
def project(url: str, time: FakeTime, tmp_path: Path) -> Path:
    export = write_study(tmp_path / "export", tiny_study())
    return new_project(tmp_path / "project", "sdtm", export, url)


def refusal(status: int, code: str = "processing", **headers: str) -> Response:
    """An OperationOutcome that echoes a participant, as servers do."""
    issue = {"severity": "error", "code": code, "diagnostics": f"{SUBJECTS[0]} was born in 1961"}
    document = {"resourceType": "OperationOutcome", "issue": [issue]}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(json.dumps(document), status, named, "application/fhir+json")


def page(status: int) -> Response:
    return Response(f"<html><body>{status}: please log in</body></html>", status, media_type="text/html")


def always(answer: Response) -> Callable[[Request], Response | None]:
    return lambda _request: answer


def to_bundles(answer: Response) -> Callable[[Request], Response | None]:
    return lambda request: answer if is_bundle(request) else None


def is_bundle(request: Request) -> bool:
    return (request.method, request.url.path.rstrip("/")) == BUNDLES


def entries(request: Request) -> list[dict[str, Any]]:
    content: bytes = request._body  # read already by the sandbox
    return [entry["resource"] for entry in json.loads(content)["entry"]]


def assert_discreet(outcome: Outcome) -> None:
    """No traceback, nothing internal, nothing of a participant; what people read says what to do."""
    for text in (outcome.out, outcome.err):
        assert "Traceback" not in text
        assert "internal error" not in text
        assert "was born in 1961" not in text
    for subject in SUBJECTS:
        assert subject not in outcome.err


def sync(project: Path, code: int, *options: str) -> dict[str, Any]:
    outcome = fhir_msc("sync", "--project", project, "--json", *options)
    assert outcome.code == code, outcome.err or outcome.document["delivery"]
    assert outcome.err == ""
    assert_discreet(outcome)
    document: dict[str, Any] = outcome.document
    return document


def assert_well(project: Path, url: str, sickness: Sickness | None = None, *options: str) -> None:
    """The server is well again: the next sync ends clean, with exactly what is desired, each written once."""
    if sickness is not None:
        sickness.answer = None
    document = sync(project, 0, *options)
    assert not any(document[name]["total"] for name in ("dead", "conflicts", "held", "waiting", "vanished"))
    there = held(url)
    assert there == wanted(project)
    assert {name: sum(key.startswith(name + "/") for key in there) for name in DESIRED} == DESIRED
    assert set(versions(url).values()) == {"1"}
    assert sync(project, 0)["delivery"] is None


# -- the server says no to everything --------------------------------------------------------------------------------

REFUSING = {
    "401": (refusal(401, "login"), "401 Unauthorized: login", "Check the target's credentials"),
    "401 as a page": (page(401), "401 Unauthorized", "Check the target's credentials"),
    "403": (refusal(403, "forbidden"), "403 Forbidden", "Ask the server's operator"),
    "404": (refusal(404, "not-found"), "404 Not Found: not-found", "it must be the FHIR base"),
    "404 as a page": (page(404), "this does not look like a FHIR server", "it must be the FHIR base"),
    "413": (refusal(413, "too-long"), "413", "Lower the target's limit"),
    "422": (refusal(422), "422", ""),
    "503": (refusal(503, "transient", Retry_After="5"), "503 Service Unavailable", "try later"),
    "503 as a page": (page(503), "503 Service Unavailable", "try later"),
    "a page instead of JSON": (page(200), "does not look like a FHIR server", "it must be the FHIR base"),
    "nothing": (Response(b"", 200), "no content", "it must be the FHIR base"),
    "damaged JSON": (Response(b'{"resourceType": "Capa', 200), "damaged JSON", "it must be the FHIR base"),
    "another resource": (
        Response(b'{"resourceType": "Patient"}', 200, media_type="application/fhir+json"), "CapabilityStatement", "base"
    ),
    "a redirect": (Response(b"", 302, {"Location": "https://login.example.org/"}), "login.example.org", "FHIR base"),
}  # fmt: skip


def test_a_server_that_says_no_to_everything(project: Path, url: str, sickness: Sickness) -> None:
    for name, (answer, said, hint) in REFUSING.items():
        sickness.answer = always(answer)
        for arguments in (["sync", "--project", project], ["target", "probe", "--project", project]):
            outcome = fhir_msc(*arguments)
            assert outcome.code == 5, (name, outcome.out + outcome.err)
            assert outcome.err.startswith("fhir-msc: ")
            assert said in outcome.err, (name, outcome.err)
            assert hint in outcome.err, (name, outcome.err)
            assert_discreet(outcome)
    assert sickness.bundles == 0
    assert_well(project, url, sickness)


# -- the server takes no bundle --------------------------------------------------------------------------------------

NOT_TAKING = {
    "401": (refusal(401, "login"), "refused", "401 Unauthorized", "Check the target's credentials"),
    "403": (refusal(403, "forbidden"), "refused", "403 Forbidden", "Ask the server's operator"),
    "404 as a page": (page(404), "refused", "404 Not Found", "it must be the FHIR base"),
    "405 without a word": (Response(b"", 405), "refused", "405 Method Not Allowed", "fhir-msc target probe"),
    "a page instead of JSON": (page(200), "refused", "does not look like a FHIR server", "it must be the FHIR base"),
    "a redirect": (Response(b"", 307, {"Location": "https://login.example.org/"}), "refused", "login.example.org", ""),
    "503": (refusal(503, "transient"), "busy", "503 Service Unavailable", ""),
    "503 as a page": (page(503), "busy", "503 Service Unavailable", ""),
    "429": (refusal(429, "throttled", Retry_After="1"), "busy", "429 Too Many Requests", ""),
    "nothing": (Response(b"", 200), "busy", "no content; it may have done it", ""),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "ended", "said", "hint"), NOT_TAKING.values(), ids=NOT_TAKING.keys())
def test_a_server_that_takes_no_bundle(
    answer: Response, ended: str, said: str, hint: str, project: Path, url: str, time: FakeTime, sickness: Sickness
) -> None:
    sickness.answer = to_bundles(answer)
    document = sync(project, 5)
    assert document["delivery"]["ended"] == ended
    assert said in document["delivery"]["message"]
    assert hint in document["delivery"]["message"]
    assert document["dead"]["total"] == 0  # it is not the resources' fault
    assert sickness.bundles < 20
    assert held(url) == {}
    report = fhir_msc("sync", "--project", project)
    assert report.code == 5
    assert f"The run ended early: {ended}" in report.out
    assert "nothing is lost: run the same command again" in report.out
    assert_discreet(report)
    time.wait(600)
    assert_well(project, url, sickness)


def test_too_large_is_sent_in_smaller_bundles(project: Path, url: str, sickness: Sickness) -> None:
    sickness.answer = lambda request: page(413) if is_bundle(request) and len(entries(request)) > 3 else None
    document = sync(project, 0)
    assert document["dead"]["total"] == 0
    assert_well(project, url, sickness)


def test_too_large_for_the_server_even_alone_is_a_dead_letter(project: Path, url: str, sickness: Sickness) -> None:
    sickness.answer = to_bundles(page(413))
    document = sync(project, 1)
    assert document["dead"]["total"] + document["waiting"]["total"] == sum(
        sum(states.values()) for states in document["resources"].values()
    )
    assert document["dead"]["first"][0]["reason"] == "413"
    assert held(url) == {}
    asked = sickness.bundles
    assert sync(project, 1)["delivery"] is None  # a dead letter is not sent again and again
    assert sickness.bundles == asked
    assert_well(project, url, sickness, "--retry-dead")


def test_one_refused_resource_does_not_stop_the_rest(project: Path, url: str, sickness: Sickness) -> None:
    def refuses(request: Request) -> Response | None:
        sick = is_bundle(request) and any(refused(one) for one in entries(request))
        return refusal(422, "invariant") if sick else None

    def refused(one: dict[str, Any]) -> bool:
        return one["resourceType"] == "AdverseEvent" and one["event"]["text"] == "COUGH"

    sickness.answer = refuses
    document = sync(project, 1)
    [letter] = document["dead"]["first"]
    assert (letter["type"], letter["reason"]) == ("AdverseEvent", "422; invariant")
    [origin] = letter["origins"]
    assert (origin["file"], origin["table"]) == ("ae.xpt", "AE")
    assert "AETERM" in origin["columns"]
    there, desired = held(url), wanted(project)
    assert set(desired) - set(there) == {f"AdverseEvent/{letter['key']}"}
    report = fhir_msc("status", "--project", project)
    assert report.code == 1
    assert "1 dead letters" in report.out
    assert "ae.xpt [AE]" in report.out
    assert "sync --retry-dead" in report.out
    assert_discreet(report)
    assert_well(project, url, sickness, "--retry-dead")


def test_a_corrected_row_is_tried_again_by_itself(project: Path, url: str, sickness: Sickness, tmp_path: Path) -> None:
    sickness.answer = lambda request: refusal(422) if is_bundle(request) and b"SEVERE" in request._body else None
    study = tiny_study()
    write_study(tmp_path / "export", {"AE": edited(study["AE"], 2, AEOUT="UNKNOWN", AESEV="SEVERE")})
    sickness.answer = lambda request: refusal(422) if is_bundle(request) and b'"unknown"' in request._body else None
    sync(project, 1)
    write_study(tmp_path / "export", study)
    assert_well(project, url)


def test_what_refers_to_a_refused_resource_waits(project: Path, url: str, sickness: Sickness) -> None:
    def refuses(request: Request) -> Response | None:
        sick = is_bundle(request) and any(refused(one) for one in entries(request))
        return refusal(422) if sick else None

    def refused(one: dict[str, Any]) -> bool:
        return one["resourceType"] == "Patient" and one["birthDate"] == "1962"

    sickness.answer = refuses
    document = sync(project, 1)
    assert document["dead"]["total"] == 1
    waiting = document["waiting"]
    assert waiting["total"] == 12  # all else of that participant
    assert {one["about"] for one in waiting["first"]} >= {document["dead"]["first"][0]["key"]}
    there = held(url)
    assert len(there) == len(wanted(project)) - 13
    assert_well(project, url, sickness, "--retry-dead")


# -- the server is busy ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_date", [False, True], ids=["seconds", "date"])
def test_a_busy_server_is_waited_for_as_long_as_it_asks(
    as_date: bool, project: Path, url: str, time: FakeTime, sickness: Sickness
) -> None:
    def busy(request: Request) -> Response | None:
        if not is_bundle(request) or sickness.bundles > 2:
            return None
        now = email.utils.localtime()
        headers = {"Date": email.utils.format_datetime(now)}
        after = email.utils.format_datetime(now + timedelta(seconds=40)) if as_date else "40"
        return refusal(503, "transient", Retry_After=after, **headers)

    sickness.answer = busy
    document = sync(project, 0)
    assert document["delivery"]["ended"] == "done"
    assert [seconds for seconds in time.waits if seconds >= 39] != []
    assert all(seconds <= 42 for seconds in time.waits)
    assert_well(project, url, sickness)


def test_a_server_that_asks_for_a_long_wait_ends_the_run(
    project: Path, url: str, time: FakeTime, sickness: Sickness
) -> None:
    sickness.answer = to_bundles(refusal(503, "transient", Retry_After="86400"))
    assert sync(project, 5)["delivery"]["ended"] == "busy"
    assert time.waits == []
    sickness.answer = None
    asked = len(sickness.asked)
    document = sync(project, 5)  # not before the time that it asked for
    assert "asked not to be asked before" in document["delivery"]["message"]
    assert BUNDLES not in sickness.asked[asked:]
    time.wait(86400)
    assert_well(project, url)


def test_a_server_that_is_busy_when_probed_is_asked_again(
    project: Path, url: str, time: FakeTime, sickness: Sickness
) -> None:
    sickness.answer = lambda _request: refusal(503, Retry_After="3") if len(sickness.asked) < 3 else None
    sync(project, 0)
    assert len([seconds for seconds in time.waits if 3 <= seconds <= 4]) == 2
    assert_well(project, url)


# -- the server does not answer --------------------------------------------------------------------------------------


def test_nobody_listens(project: Path, url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    configure(project, r"^url = .*$", f'url = "http://127.0.0.1:{port}/fhir"')
    for arguments in (["sync", "--project", project], ["target", "probe", "--project", project]):
        outcome = fhir_msc(*arguments)
        assert outcome.code == 5
        assert f"the server at http://127.0.0.1:{port} cannot be reached" in outcome.err
        assert "Check the target's URL, that the server runs" in outcome.err
        assert_discreet(outcome)
    configure(project, r"^url = .*$", f'url = "{url}"')
    assert_well(project, url)


SILENCE = 1.5
"""Seconds of silence that the project's target may keep: each silent answer costs a test as much."""


@pytest.fixture
def front(project: Path, url: str) -> Iterator[Front]:
    """A front before the server; the project's target is the front."""
    with Front(url, lambda _line: "pass") as front:
        configure(project, r"^url = .*$", f'url = "{front.base_url}"\ntimeout = {SILENCE}')
        yield front


@pytest.mark.parametrize("way", ["deaf", "cut", "close"])
def test_a_server_that_never_answers(way: Way, front: Front, project: Path, url: str) -> None:
    front.choose = lambda _line: way
    outcome = fhir_msc("sync", "--project", project)
    assert outcome.code == 5
    assert outcome.err.startswith(f"fhir-msc: the server at {front.base_url.removesuffix('/fhir')}")
    assert "did not answer GET metadata" in outcome.err
    assert_discreet(outcome)
    front.choose = lambda _line: "pass"
    assert_well(project, url)


@pytest.mark.parametrize("way", ["cut", "close"])
def test_a_server_that_never_answers_bundles(way: Way, front: Front, project: Path, url: str, time: FakeTime) -> None:
    """What may have been done is read, never blindly sent again: every version stays the first."""
    front.choose = lambda line: way if line.startswith("POST /fhir ") else "pass"
    delivery = sync(project, 5)["delivery"]
    assert delivery["ended"] == "busy"
    assert "did not answer a transaction of" in delivery["message"]
    # What was done without an answer is found by reading, so that the run gets on.
    assert (delivery["created"] > 0) == (way == "cut")
    assert set(versions(url).values()) <= {"1"}
    front.choose = lambda _line: "pass"
    time.wait(600)
    assert_well(project, url)


@pytest.mark.parametrize("way", ["silent", "deaf", "cut", "close"])
def test_a_server_that_breaks_off_once(way: Way, front: Front, project: Path, url: str) -> None:
    broken: list[str] = []

    def choose(line: str) -> Way:
        if line.startswith("POST /fhir ") and not broken:
            broken.append(line)
            return way
        return "pass"

    front.choose = choose
    assert sync(project, 0)["delivery"]["ended"] == "done"
    assert broken
    assert_well(project, url)


def test_a_server_that_is_gone_in_the_middle_goes_on_where_it_stopped(
    project: Path, url: str, time: FakeTime, sickness: Sickness
) -> None:
    configure(project, r"^connections = 2$", "connections = 1\nentries = 5")
    sickness.answer = lambda request: page(502) if is_bundle(request) and sickness.bundles > 4 else None
    assert sync(project, 5)["delivery"]["created"] == 17
    assert len(held(url)) == 17
    time.wait(600)
    assert_well(project, url, sickness)
