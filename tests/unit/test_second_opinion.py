"""What others say of a resource: beside ours, once, and without values in its words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from fhir_msc.errors import TargetRefused, UsageError
from fhir_msc.findings import Finding, Severity
from fhir_msc.second_opinion import engine_opinion, server_opinion, with_opinions
from fhir_msc.target.client import FhirClient
from fhir_msc.validation import text_findings
from fhir_msc.validation.files import validate_files
from tests.support.projects import fhir_msc

PATIENT = b'{"resourceType":"Patient","gender":"femal","birthDate":"1961-02-03"}'
ALL_IS_WELL = {"severity": "information", "code": "informational", "diagnostics": "No issues detected"}


def issue(severity: str, place: str | None, words: str) -> dict[str, object]:
    return {
        "severity": severity,
        "code": "processing",
        "diagnostics": words,
        **({"expression": [place]} if place else {}),
    }


class Server:
    """A server that answers every question alike."""

    def __init__(self, *issues: dict[str, object], status: int = 200, body: Any = None) -> None:
        self.body = body or {"resourceType": "OperationOutcome", "issue": list(issues)}
        self.status = status
        self.asked: list[tuple[str, bytes]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((f"{request.method} {request.url.path}", request.content))
        return httpx.Response(self.status, json=self.body)

    def client(self) -> FhirClient:
        return FhirClient("https://fhir.example.org/r4", transport=httpx.MockTransport(self))


def opinion(server: Server, text: bytes = PATIENT) -> list[Finding]:
    with server.client() as client:
        return with_opinions([server_opinion(client)])(text, text_findings(text))


@pytest.mark.parametrize("status", [200, 412, 422])
def test_theirs_stand_beside_ours_and_where_both_say_it_ours_stands(status: int) -> None:
    server = Server(
        issue("error", "Patient.gender", "the code femal is unknown"),
        issue("error", "Patient.birthDate", "1961-02-03 is too long ago"),
        issue("warning", "Patient/*Patient/null*/.name", "a name is wanted"),
        ALL_IS_WELL,
        status=status,
    )
    found = opinion(server)
    assert server.asked == [("POST /r4/Patient/$validate", PATIENT)]
    assert [(one.rule, one.path, one.severity) for one in found] == [
        ("MSC-FHIR-BINDING", "Patient.gender", Severity.ERROR),
        ("MSC-SECOND-SERVER", "Patient.birthDate", Severity.ERROR),
        ("MSC-SECOND-SERVER", "Patient.name", Severity.WARNING),
    ]
    assert found[1].value == "1961-02-03 is too long ago"
    assert "1961" not in found[1].message


def test_a_graver_word_at_the_same_element_is_heard() -> None:
    text = b'{"resourceType":"Patient","meta":{"profile":["https://example.org/p"]}}'
    mild = Finding("MSC-X", Severity.WARNING, "mild", path="Patient.name")
    with Server(issue("error", "Patient.name", "grave")).client() as client:
        found = with_opinions([server_opinion(client)])(text, [mild])
    assert [one.rule for one in found] == ["MSC-X", "MSC-SECOND-SERVER"]


def test_the_place_of_a_choice_is_named_as_ours_are() -> None:
    server = Server(issue("error", "Observation.value.ofType(Quantity).code", "x"))
    [found] = opinion(server, b'{"resourceType":"Observation","status":"final","code":{"text":"a"}}')
    assert found.path == "Observation.valueQuantity.code"


def test_nobody_is_asked_about_what_is_no_resource() -> None:
    server = Server()
    assert [one.rule for one in opinion(server, b'{"resourceType":')] == ["MSC-FHIR-JSON"]
    assert opinion(server, b'{"resourceType":"../admin"}')
    assert server.asked == []


@pytest.mark.parametrize("status", [400, 404, 501])
def test_a_server_that_does_not_do_it_is_an_error(status: int) -> None:
    with pytest.raises(TargetRefused, match=r"validate of Patient"):
        opinion(Server(issue("error", None, "no such operation"), status=status))


def test_the_findings_have_their_places_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(json.loads(PATIENT), indent=1))
    with Server(issue("error", "Patient.birthDate", "x")).client() as client:
        report = validate_files([tmp_path], second=with_opinions([server_opinion(client)]))
    [theirs] = [one.finding for one in report.findings if one.finding.rule == "MSC-SECOND-SERVER"]
    assert theirs.place is not None
    assert theirs.place.line == 4


def test_what_cannot_be_asked_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="engine cannot be started"), engine_opinion(tmp_path):
        pass
    (tmp_path / "a.json").write_bytes(PATIENT)
    both = fhir_msc("validate", tmp_path / "a.json", "--offline", "--server", "http://127.0.0.1:1/fhir")
    assert (both.code, "--offline and --server" in both.err) == (2, True)
    export = fhir_msc("validate", "--project", tmp_path, "--server", "http://127.0.0.1:1/fhir")
    assert (export.code, "FHIR files alone" in export.err) == (2, True)
    nobody = fhir_msc("validate", tmp_path / "a.json", "--server", "http://127.0.0.1:1/fhir")
    assert (nobody.code, "cannot be reached" in nobody.err) == (5, True)
