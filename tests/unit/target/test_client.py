"""The client's interactions against canned answers: what is asked, and what is made of the answer."""

from __future__ import annotations

from decimal import Decimal

import httpx
import pytest

from fhir_msc.errors import OutcomeUnknown, TargetError, TargetRefused, TargetUnreachable
from fhir_msc.target.bundle import Entry, EntryResponse
from fhir_msc.target.client import Missing, Resource
from tests.unit.target.fhir_server import BASE, bundle, client_of, fhir, html, observation, outcome

BODY = b'{"resourceType":"Observation","id":"o1","valueQuantity":{"value":1.50}}'
STATEMENT = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}


class TestRead:
    def test_a_resource_keeps_its_decimals(self) -> None:
        client, server = client_of(fhir(BODY, ETag='W/"3"'))
        found = client.read("Observation", "o1")
        assert isinstance(found, Resource)
        assert (found.type, found.id, found.version) == ("Observation", "o1", "3")
        assert str(found.content["valueQuantity"]["value"]) == "1.50"  # type: ignore[index,call-overload]
        assert server.lines == ["GET /r4/Observation/o1"]
        assert server.asked[0].headers["Cache-Control"] == "no-cache"
        assert server.asked[0].headers["Accept"] == "application/fhir+json"

    def test_the_version_stands_in_the_body_where_no_etag_is(self) -> None:
        client, _ = client_of(fhir(observation("o1", "7")))
        assert client.read("Observation", "o1") == Resource("Observation", "o1", "7", None, observation("o1", "7"))

    def test_absent_and_gone(self) -> None:
        client, _ = client_of(
            fhir(outcome("not-found"), 404),
            fhir(outcome("deleted"), 410, Location=f"{BASE}/Observation/o1/_history/4"),
            httpx.Response(404),
        )
        assert client.read("Observation", "o1") == Missing(gone=False)
        assert client.read("Observation", "o1") == Missing(gone=True, version="4")
        assert client.read("Observation", "o1") == Missing(gone=False)

    def test_a_page_of_a_proxy_is_no_absence(self) -> None:
        client, _ = client_of(html(404))
        with pytest.raises(TargetRefused, match="does not look like a FHIR server"):
            client.read("Observation", "o1")

    @pytest.mark.parametrize("other", [{"resourceType": "Patient", "id": "o1"}, {"resourceType": "Observation"}, {}])
    def test_another_resource_is_refused(self, other: dict[str, str]) -> None:
        client, _ = client_of(fhir(other))
        with pytest.raises(TargetError, match="something else"):
            client.read("Observation", "o1")

    def test_one_version(self) -> None:
        client, server = client_of(fhir(observation("o1", "2")))
        found = client.vread("Observation", "o1", "2")
        assert isinstance(found, Resource)
        assert server.lines == ["GET /r4/Observation/o1/_history/2"]

    def test_history_with_a_deletion_over_two_pages(self) -> None:
        first = bundle(
            "history",
            {"resource": observation("o1", "3"), "request": {"method": "PUT"}},
            {"request": {"method": "DELETE"}, "response": {"etag": 'W/"2"', "lastModified": "2026-01-02T00:00:00Z"}},
            next=f"{BASE}?_getpages=x",
        )
        last = bundle("history", {"resource": observation("o1", "1")})
        client, server = client_of(fhir(first), fhir(last), fhir(outcome("not-found"), 404))
        entries = list(client.history("Observation", "o1"))
        assert [(entry.method, entry.version, entry.resource is None) for entry in entries] == [
            ("PUT", "3", False),
            ("DELETE", "2", True),
            ("PUT", "1", False),
        ]
        assert server.lines == ["GET /r4/Observation/o1/_history", "GET /r4?_getpages=x"]
        assert list(client.history("Observation", "never")) == []


class TestSearch:
    def test_values_go_into_the_body_alone(self) -> None:
        client, server = client_of(fhir(bundle("searchset", {"resource": observation("o1")})))
        found = list(client.search("Observation", {"identifier": "urn:x|S-001&x", "_tag": ["a", "b"]}))
        assert [(entry.resource.id, entry.mode) for entry in found] == [("o1", "match")]
        assert server.lines == ["POST /r4/Observation/_search"]
        assert server.form(0) == {"identifier": ["urn:x|S-001&x"], "_tag": ["a", "b"]}
        headers = server.asked[0].headers
        assert headers["Cache-Control"] == "no-cache"
        assert headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert headers["Prefer"] == "handling=strict"

    def test_pages_includes_and_outcomes(self) -> None:
        first = bundle(
            "searchset",
            {"resource": observation("o1"), "search": {"mode": "match"}},
            {"resource": {"resourceType": "Patient", "id": "p1"}, "search": {"mode": "include"}},
            {"resource": outcome("processing"), "search": {"mode": "outcome"}},
            {"resource": outcome("processing")},
            next="?_getpages=2",
        )
        client, server = client_of(fhir(first), fhir(bundle("searchset", {"resource": observation("o2")})))
        found = [(entry.resource.id, entry.mode) for entry in client.search("Observation", {})]
        assert found == [("o1", "match"), ("p1", "include"), ("o2", "match")]
        assert server.lines[1] == "GET /r4/?_getpages=2"

    def test_numbers_of_a_search_stay_as_written(self) -> None:
        document = b'{"resourceType":"Bundle","type":"searchset","entry":[{"resource":%s}]}' % BODY
        client, _ = client_of(fhir(document))
        (entry,) = client.search("Observation", {})
        assert entry.resource.content["valueQuantity"] == {"value": Decimal("1.50")}

    def test_a_circle_of_pages(self) -> None:
        page = bundle("searchset", next=f"{BASE}?_getpages=1")
        client, server = client_of(*[fhir(page)] * 5)
        with pytest.raises(TargetError, match="in a circle"):
            list(client.search("Observation", {}))
        assert len(server.asked) == 2

    def test_pages_without_end(self) -> None:
        pages = [fhir(bundle("searchset", next=f"{BASE}?_getpages={number}")) for number in range(9)]
        client, server = client_of(*pages, max_pages=4)
        with pytest.raises(TargetError, match="more than 4 pages"):
            list(client.search("Observation", {}))
        assert len(server.asked) == 4

    def test_a_page_elsewhere_is_not_asked_for(self) -> None:
        client, server = client_of(fhir(bundle("searchset", next="http://localhost:8080/r4?p=2")))
        with pytest.raises(TargetError, match="not the target"):
            list(client.search("Observation", {}))
        assert len(server.asked) == 1

    @pytest.mark.parametrize("document", [{}, outcome("processing"), bundle("collection")])
    def test_an_answer_of_another_kind(self, document: dict[str, object]) -> None:
        client, _ = client_of(fhir(document))
        with pytest.raises(TargetError, match="no searchset Bundle"):
            list(client.search("Observation", {}))

    def test_an_entry_without_an_id(self) -> None:
        client, _ = client_of(fhir(bundle("searchset", {"resource": {"resourceType": "Observation"}})))
        with pytest.raises(TargetError, match="no type or id"):
            list(client.search("Observation", {}))

    def test_count(self) -> None:
        client, server = client_of(fhir(bundle("searchset", total=12)))
        assert client.count("Observation", {"identifier": "urn:x|"}) == 12
        assert server.form(0) == {"identifier": ["urn:x|"], "_summary": ["count"]}

    def test_count_by_pages_where_no_total_is(self) -> None:
        first = bundle("searchset", {"resource": observation("o1")}, next=f"{BASE}?p=2")
        second = bundle(
            "searchset", {"resource": observation("o2")}, {"resource": observation("o3"), "search": {"mode": "include"}}
        )
        client, server = client_of(fhir(bundle("searchset")), fhir(first), fhir(second))
        assert client.count("Observation", {}) == 2
        assert server.form(1) == {"_elements": ["id"]}


class TestWrite:
    def test_create(self) -> None:
        location = f"{BASE}/Observation/server-1/_history/1"
        client, server = client_of(httpx.Response(201, headers={"Location": location, "ETag": 'W/"1"'}))
        written = client.create("Observation", BODY, if_none_exist="identifier=urn:x|1")
        assert written == EntryResponse(201, "1", "server-1")
        request = server.asked[0]
        assert server.lines == ["POST /r4/Observation"]
        assert request.content == BODY
        assert request.headers["If-None-Exist"] == "identifier=urn:x|1"
        assert request.headers["Content-Type"] == "application/fhir+json"
        assert request.headers["Prefer"] == "return=minimal"

    def test_update(self) -> None:
        modified = "Mon, 23 Nov 2026 10:00:00 GMT"
        client, server = client_of(fhir(observation("o1", "4"), ETag="4", Last_Modified=modified), httpx.Response(201))
        assert client.update("Observation", "o1", BODY, if_match="3") == EntryResponse(200, "4", None, modified)
        assert client.update("Observation", "o1", BODY) == EntryResponse(201)
        assert server.lines == ["PUT /r4/Observation/o1"] * 2
        assert server.asked[0].headers["If-Match"] == 'W/"3"'
        assert "If-Match" not in server.asked[1].headers

    def test_an_answer_about_another_resource_is_none(self) -> None:
        client, _ = client_of(httpx.Response(200, headers={"Location": f"{BASE}/Observation/o2/_history/4"}))
        with pytest.raises(OutcomeUnknown, match="of another resource"):
            client.update("Observation", "o1", BODY)

    def test_a_login_page_is_no_success(self) -> None:
        client, _ = client_of(html())
        with pytest.raises(TargetError, match="does not look like a FHIR server") as caught:
            client.update("Observation", "o1", BODY)
        assert not isinstance(caught.value, OutcomeUnknown)


ENTRIES = [Entry("PUT", f"Observation/o{n}", BODY, f"{BASE}/Observation/o{n}") for n in range(2)]


class TestBundles:
    def test_transaction(self) -> None:
        answer = bundle(
            "transaction-response",
            {"response": {"status": "201 Created", "etag": 'W/"1"'}},
            {"response": {"status": "200 OK", "etag": "5"}},
        )
        client, server = client_of(fhir(answer))
        assert client.transaction(ENTRIES) == [EntryResponse(201, "1"), EntryResponse(200, "5")]
        assert server.lines == ["POST /r4"]
        assert b'"type":"transaction"' in server.asked[0].content
        assert BODY in server.asked[0].content
        assert server.asked[0].headers["Prefer"] == "return=minimal"

    def test_batch_gives_each_its_own(self) -> None:
        answer = bundle(
            "batch-response",
            {"response": {"status": "409 Conflict", "outcome": outcome("conflict")}},
            {"response": {"status": "200 OK", "etag": "1"}},
        )
        client, server = client_of(fhir(answer))
        assert client.batch(ENTRIES) == [EntryResponse(409, reasons=("conflict",)), EntryResponse(200, "1")]
        assert b'"type":"batch"' in server.asked[0].content

    @pytest.mark.parametrize(
        "answer",
        [
            httpx.Response(200),
            fhir(b'{"resourceType":"Bundle","entry":[{"resp'),
            fhir(outcome("informational")),
            fhir(bundle("transaction-response", {"response": {"status": "201"}})),
            fhir(bundle("transaction-response", {"response": {}}, {"response": {}})),
        ],
    )
    def test_an_answer_that_tells_nothing(self, answer: httpx.Response) -> None:
        client, _ = client_of(answer)
        with pytest.raises(OutcomeUnknown):
            client.transaction(ENTRIES)

    def test_a_refusal_names_the_entry(self) -> None:
        client, _ = client_of(fhir(outcome("value", expression=["Bundle.entry[1].resource.status"]), 422))
        with pytest.raises(TargetRefused) as caught:
            client.transaction(ENTRIES)
        assert caught.value.reasons == ("value at Bundle.entry[1].resource.status",)
        assert "Mustermann" not in str(caught.value)


class TestCapabilities:
    def test_read(self) -> None:
        client, server = client_of(fhir(STATEMENT))
        assert client.capabilities().fhir_version == "4.0.1"
        assert server.lines == ["GET /r4/metadata"]
        assert server.slept == []

    def test_a_busy_server_is_asked_three_times(self) -> None:
        client, server = client_of(
            httpx.Response(503, headers={"Retry-After": "7"}), httpx.ConnectError("refused"), fhir(STATEMENT)
        )
        assert client.capabilities().is_r4
        # 7 s as asked and half a second of jitter; then half of 2**1 s
        assert server.slept == [7.5, 1.0]

    def test_a_long_wait_is_cut(self) -> None:
        client, server = client_of(httpx.Response(429, headers={"Retry-After": "86400"}), fhir(STATEMENT))
        client.capabilities()
        assert server.slept == [30.0]

    def test_after_three_tries_it_says_so(self) -> None:
        client, server = client_of(*[httpx.ConnectTimeout("slow")] * 3)
        with pytest.raises(TargetUnreachable, match="cannot be reached"):
            client.capabilities()
        assert len(server.asked) == 3

    @pytest.mark.parametrize("answer", [html(), fhir(outcome("forbidden"), 403), fhir({"resourceType": "Patient"})])
    def test_a_no_is_not_asked_again(self, answer: httpx.Response) -> None:
        client, server = client_of(answer)
        with pytest.raises(TargetError):
            client.capabilities()
        assert len(server.asked) == 1


def test_full_urls_and_closing() -> None:
    client, _ = client_of(base=f"{BASE}/")
    with client:
        assert client.full_url("Observation", "o1") == f"{BASE}/Observation/o1"
    with pytest.raises(RuntimeError, match="closed"):
        client.read("Observation", "o1")
