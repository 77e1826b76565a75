"""Bundles: bodies untouched, answers tied to entries."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_msc.target.bundle import Entry, EntryResponse, bundle_bytes, entry_bytes, located, read_responses
from fhir_msc.target.fhirjson import etag_of, parse, version_of

BODY = b'{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"ALB"},"valueQuantity":{"value":1.50}}'
PUT = Entry("PUT", "Observation/o1", BODY, "http://h/fhir/Observation/o1", if_match="3")


def test_the_bytes() -> None:
    assert entry_bytes(PUT) == (
        b'{"fullUrl":"http://h/fhir/Observation/o1","resource":'
        + BODY
        + b',"request":{"method":"PUT","url":"Observation/o1","ifMatch":"W/\\"3\\""}}'
    )


def test_the_models_of_r4b_read_it() -> None:
    create = Entry("POST", "Observation", BODY, if_none_exist="identifier=urn:x|1")
    bundle: Any = Bundle.model_validate_json(
        bundle_bytes("transaction", [PUT, create, Entry("DELETE", "Observation/o2")])
    )
    put, post, delete = bundle.entry
    assert (put.request.ifMatch, post.request.ifNoneExist) == ('W/"3"', "identifier=urn:x|1")
    assert (delete.request.method, delete.resource) == ("DELETE", None)


@settings(max_examples=50)
@given(st.text(max_size=20), st.decimals(allow_nan=False, allow_infinity=False, places=3))
def test_every_text_is_escaped_and_numbers_stay(words: str, number: Decimal) -> None:
    body = b'{"note":' + json.dumps(words).encode() + b',"value":' + str(number).encode() + b"}"
    entry = Entry("PUT", "Observation/o1", body, full_url=words, if_match=words)
    read: Any = parse(bundle_bytes("batch", [entry, entry]))
    assert read["type"] == "batch"
    for item in read["entry"]:
        assert item["fullUrl"] == words
        assert item["resource"]["note"] == words
        assert str(item["resource"]["value"]) == str(number)
        assert item["request"]["ifMatch"] == f'W/"{words}"'


def test_sizes_add_up() -> None:
    entries = [PUT, Entry("DELETE", "Observation/o2"), PUT]
    empty = len(bundle_bytes("transaction", []))
    assert len(bundle_bytes("transaction", entries)) == empty + sum(len(entry_bytes(e)) + 1 for e in entries) - 1


def answer(*responses: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "entry": [{"response": response} for response in responses]}


def test_answers_in_order() -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "value"}]}
    document = answer(
        {
            "status": "201 Created",
            "location": "Observation/o1/_history/2",
            "etag": "2",
            "lastModified": "2026-11-23T10:00:00Z",
            "outcome": {"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "value"}]},
        },
        {"status": "200", "location": "http://h/fhir/Patient/p1/_history/7"},
        {"status": "422 Unprocessable", "outcome": outcome},
        {"status": "204 No Content"},
    )
    urls = ["Observation/o1", "Patient?identifier=x", "Observation", "AdverseEvent/a1"]
    entries = [Entry("PUT", url) for url in urls]
    assert read_responses(document, entries) == [
        EntryResponse(201, "2", "o1", "2026-11-23T10:00:00Z"),
        EntryResponse(200, "7", "p1"),
        EntryResponse(422, reasons=("value",)),
        EntryResponse(204),
    ]
    assert [response.ok for response in read_responses(document, entries)] == [True, True, False, True]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"resourceType": "OperationOutcome"}, "not a Bundle"),
        ({"resourceType": "Bundle"}, "1 entries were sent and 0 answered"),
        (answer({"status": "200"}, {"status": "200"}), "1 entries were sent and 2 answered"),
        (answer({}), "has no status"),
        (answer({"status": "OK"}), "has no status"),
        ({"resourceType": "Bundle", "entry": ["x"]}, "not an object"),
        ({"resourceType": "Bundle", "entry": [{"resource": {}}]}, "has no status"),
        (answer({"status": "200", "location": "Observation/o2/_history/1"}), "of another resource"),
        (answer({"status": "201", "location": "http://h/fhir/Patient/o1"}), "of another resource"),
    ],
)
def test_what_cannot_be_tied(document: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_responses(document, [Entry("PUT", "Observation/o1")])


@pytest.mark.parametrize("url", ["Observation", "Observation?identifier=x"])
def test_the_type_alone_tells_where_the_server_gives_the_id(url: str) -> None:
    entries = [Entry("POST", url)]
    assert read_responses(answer({"status": "201", "location": "Observation/7/_history/1"}), entries)[0].ok
    assert not read_responses(answer({"status": "422", "location": "Patient/7"}), entries)[0].ok
    with pytest.raises(ValueError, match="of another resource"):
        read_responses(answer({"status": "201", "location": "Encounter/7/_history/1"}), entries)


@pytest.mark.parametrize(
    ("etag", "version"),
    [('W/"3"', "3"), ('"3"', "3"), ("3", "3"), (' W/"a.b-c" ', "a.b-c"), ('W/""', None), (None, None)],
)
def test_versions(etag: str | None, version: str | None) -> None:
    assert version_of(etag) == version


@given(st.from_regex(r"\A[A-Za-z0-9.-]{1,64}\Z"))
def test_an_etag_leads_back_to_its_version(version: str) -> None:
    assert version_of(etag_of(version)) == version


@pytest.mark.parametrize(
    ("location", "found"),
    [
        ("Observation/o1", ("o1", None)),
        ("https://h/r4/Observation/o1/_history/9", ("o1", "9")),
        ("https://h/r4", (None, None)),
        (None, (None, None)),
    ],
)
def test_locations(location: str | None, found: tuple[str | None, str | None]) -> None:
    assert located(location) == found


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"<html>", b'{"a":NaN}', b'{"a":1', b'{"a":1e99999999999999999999}', b"\xff"]
)
def test_what_is_not_a_json_object(body: bytes) -> None:
    with pytest.raises(ValueError, match="not a JSON object"):
        parse(body)


def test_deep_nesting_is_an_error_not_a_crash() -> None:
    with pytest.raises(ValueError, match="not a JSON object"):
        parse(b'{"a":' * 200_000)
