"""One exchange: each way in which it goes wrong becomes the error that says what to do next."""

from __future__ import annotations

import gc
import logging
import weakref
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from fhir_msc.errors import OutcomeUnknown, SecretError, TargetError, TargetRefused, TargetUnreachable, UsageError
from fhir_msc.target.auth import Bearer
from fhir_msc.target.bundle import Entry
from fhir_msc.target.client import FhirClient
from tests.unit.target.fhir_server import BASE, client_of, fhir, html, outcome

Call = Callable[[FhirClient], object]


def read(client: FhirClient) -> object:
    return client.read("Observation", "o-secret")


def search(client: FhirClient) -> object:
    return list(client.search("Observation", {"identifier": "Mustermann"}))


def update(client: FhirClient) -> object:
    return client.update("Observation", "o-secret", b'{"note":"Mustermann"}')


def create(client: FhirClient) -> object:
    return client.create("Observation", b'{"note":"Mustermann"}')


def transaction(client: FhirClient) -> object:
    return client.transaction([Entry("PUT", "Observation/o-secret", b'{"note":"Mustermann"}')])


READS: list[Call] = [read, search]
WRITES: list[Call] = [update, create, transaction]
NEVER_SENT = [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError]
NOT_ANSWERED = [
    httpx.ReadTimeout,
    httpx.WriteTimeout,
    httpx.ReadError,
    httpx.WriteError,
    httpx.RemoteProtocolError,
    httpx.DecodingError,
]


def discreet(error: TargetError) -> None:
    assert "secret" not in str(error)
    assert "Mustermann" not in str(error)
    assert "fhir.example" in str(error)
    assert error.exit_code == 5


@pytest.mark.parametrize("call", [*READS, *WRITES])
@pytest.mark.parametrize("failure", NEVER_SENT)
def test_never_sent(call: Call, failure: type[httpx.TransportError]) -> None:
    client, _ = client_of(failure("Mustermann"))
    with pytest.raises(TargetUnreachable, match="cannot be reached") as caught:
        call(client)
    discreet(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("call", READS)
@pytest.mark.parametrize("failure", NOT_ANSWERED)
def test_a_read_without_an_answer_is_safe_to_repeat(call: Call, failure: type[httpx.RequestError]) -> None:
    client, _ = client_of(failure("Mustermann"))
    with pytest.raises(TargetUnreachable, match="did not answer") as caught:
        call(client)
    discreet(caught.value)


@pytest.mark.parametrize("call", WRITES)
@pytest.mark.parametrize("failure", NOT_ANSWERED)
def test_a_write_without_an_answer_is_unknown(call: Call, failure: type[httpx.RequestError]) -> None:
    client, _ = client_of(failure("Mustermann"))
    with pytest.raises(OutcomeUnknown, match="may have done it") as caught:
        call(client)
    discreet(caught.value)


@pytest.mark.parametrize("call", [*READS, *WRITES])
@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (400, "structure", None),
        (401, "login", "credentials"),
        (403, "forbidden", "operator"),
        (405, "not-supported", "probe"),
        (412, "conflict", None),
        (413, "too-long", "bytes or entries"),
        (422, "business-rule", None),
        (429, "throttled", "throttles"),
        (500, "exception", None),
        (503, "transient", "try later"),
    ],
)
def test_refused(call: Call, status: int, code: str, hint: str | None) -> None:
    client, _ = client_of(fhir(outcome(code), status, Retry_After="9"))
    with pytest.raises(TargetRefused, match=f"{status} .*: {code}") as caught:
        call(client)
    discreet(caught.value)
    assert (caught.value.status, caught.value.reasons, caught.value.retry_after) == (status, (code,), 9.0)
    assert (hint in caught.value.hint) if hint and caught.value.hint else (hint is caught.value.hint)


@pytest.mark.parametrize("call", WRITES)
def test_a_write_to_a_path_that_is_not_there(call: Call) -> None:
    client, _ = client_of(fhir(outcome("not-found"), 404))
    with pytest.raises(TargetRefused, match="before /metadata") as caught:
        call(client)
    assert caught.value.status == 404


def test_retry_after_as_a_date() -> None:
    client, _ = client_of(httpx.Response(503, headers={"Retry-After": "Thu, 01 Jan 1970 00:01:30 GMT"}))
    with pytest.raises(TargetRefused) as caught:
        search(client)
    assert caught.value.retry_after == 90.0  # the test's clock stands at 0


def test_many_reasons_are_cut_in_the_message_only() -> None:
    codes = ["structure", "required", "value", "invariant", "login", "expired", "duplicate"]
    client, _ = client_of(fhir(outcome(*codes), 422))
    with pytest.raises(TargetRefused, match="and 2 more") as caught:
        update(client)
    assert len(caught.value.reasons) == 7


@pytest.mark.parametrize("call", [*READS, *WRITES])
def test_a_page_instead_of_fhir(call: Call) -> None:
    client, _ = client_of(html())
    with pytest.raises(TargetError, match=r"does not look like a FHIR server.*text/html") as caught:
        call(client)
    discreet(caught.value)
    assert "before /metadata" in str(caught.value)


@pytest.mark.parametrize("call", [*READS, *WRITES])
@pytest.mark.parametrize("status", [404, 502])
def test_a_page_with_an_error(call: Call, status: int) -> None:
    client, _ = client_of(html(status))
    with pytest.raises(TargetRefused, match="text/html instead of JSON") as caught:
        call(client)
    discreet(caught.value)
    assert caught.value.status == status


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200),
        httpx.Response(200, content=b"hello"),
        httpx.Response(200, content=b"<Patient xmlns='http://hl7.org/fhir'/>"),
        fhir(b'{"resourceType":"Pat'),
        fhir(b"[]"),
    ],
)
def test_a_read_that_gets_no_json(answer: httpx.Response) -> None:
    client, _ = client_of(answer)
    with pytest.raises(TargetError, match="does not look like a FHIR server"):
        read(client)


@pytest.mark.parametrize("call", [*READS, *WRITES])
@pytest.mark.parametrize(
    ("location", "host"),
    [("https://login.example/?id=o-secret", "login.example"), ("/r5", "fhir.example")],
)
def test_redirects_are_told_and_not_followed(call: Call, location: str, host: str) -> None:
    client, server = client_of(httpx.Response(307, headers={"Location": location}))
    with pytest.raises(TargetRefused, match=f"points to {host}") as caught:
        call(client)
    discreet(caught.value)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("", "http"),
        ("fhir.example/r4", "http"),
        ("ftp://fhir.example/r4", "http"),
        ("https:///r4", "http"),
        ("https://fhir.example/r4?token=hidden", "without a query"),
        ("https://fhir.example/r4#hidden", "without a query"),
        ("https://user:hidden@fhir.example/r4", "holds a password"),
        ("https://fhir.example:port/r4", "cannot be read"),
    ],
)
def test_urls_that_cannot_be_a_base(base: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        FhirClient(base)
    assert "hidden" not in str(caught.value)


def test_a_proxy_that_cannot_be_one() -> None:
    with pytest.raises(UsageError, match="proxy"):
        FhirClient(BASE, proxy="proxy.example:3128")


def test_a_ca_bundle_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        FhirClient(BASE, ca_bundle=tmp_path / "absent.pem")
    empty = tmp_path / "empty.pem"
    empty.write_text("not a certificate")
    with pytest.raises(UsageError, match=r"CA bundle .*empty\.pem cannot be used"):
        FhirClient(BASE, ca_bundle=empty)


def test_credentials_and_headers_of_the_config_go_with_every_request(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t0ken")
    token.chmod(0o600)
    client, server = client_of(
        fhir({"resourceType": "Observation", "id": "o-secret"}),
        auth=Bearer("file:token"),
        folder=tmp_path,
        headers={"X-Tenant": "trial"},
    )
    read(client)
    assert server.asked[0].headers["Authorization"] == "Bearer t0ken"
    assert server.asked[0].headers["X-Tenant"] == "trial"


def test_a_refused_token_is_read_again(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text("old")
    client, server = client_of(
        fhir({"resourceType": "Observation", "id": "o-secret"}),
        fhir(outcome("expired"), 401),
        fhir({"resourceType": "Observation", "id": "o-secret"}),
        auth=Bearer(f"file:{token}"),
    )
    read(client)
    token.write_text("new")
    read(client)
    sent = [request.headers["Authorization"] for request in server.asked]
    assert sent == ["Bearer old", "Bearer old", "Bearer new"]


def test_without_its_secret_nothing_is_sent() -> None:
    client, server = client_of(auth=Bearer("env:FHIR_MSC_TEST_ABSENT"))
    with pytest.raises(SecretError, match="not set"):
        read(client)
    assert server.asked == []


def test_no_request_line_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    client, _ = client_of(fhir({"resourceType": "Observation", "id": "o-secret"}))
    with caplog.at_level(logging.DEBUG):
        read(client)
    assert "secret" not in caplog.text


def test_what_was_sent_is_gone_with_the_answer() -> None:
    """A first sync sends hundreds of megabytes; each bundle would stay until Python looks for circles."""
    sent: list[weakref.ref[httpx.Request]] = []

    def server(request: httpx.Request) -> httpx.Response:
        sent.append(weakref.ref(request))
        return fhir({"resourceType": "Bundle", "type": "transaction-response", "entry": []})

    client = FhirClient(BASE, transport=httpx.MockTransport(server))
    gc.disable()
    try:
        client.transaction([])
        assert [request() for request in sent] == [None]
    finally:
        gc.enable()
