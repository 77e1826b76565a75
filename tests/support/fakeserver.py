"""A small FHIR R4 server in memory, over ``httpx.MockTransport``, with faults that a test chooses.

It does what delivery relies on: transactions of PUTs, all or nothing; versions, If-Match; ``POST _search`` by ``_id``
and by identifier; GET, 410 for what was deleted; references that must resolve. A PUT of an equal body writes
nothing, as HAPI's does.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import httpx

from fhir_msc.target.client import FhirClient

BASE = "http://fhir.test/r4"

Fault = Callable[[int, "Bundle"], "httpx.Response | Exception | None"]
"""Asked with the transaction's number, from 1, before it is applied; an answer or an error instead of applying it."""


@dataclass(frozen=True)
class Bundle:
    """A transaction as it came: per entry type/id, body (empty: a DELETE), If-Match."""

    entries: tuple[tuple[str, str, str | None], ...]
    size: int

    @property
    def keys(self) -> list[str]:
        return [key for key, _, _ in self.entries]


class Lost(Exception):
    """Apply the transaction, but let the client see this error instead of the answer."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def no_fault(_number: int, _bundle: Bundle) -> None:
    return None


@dataclass
class FakeServer:
    """``store`` has the versions of each ``Type/id``, the newest last; ``None`` for a deletion."""

    fault: Fault = no_fault
    mismatch: int = 409
    integrity: bool = True
    refuse: Callable[[str, str], bool] = lambda _key, _body: False
    name_entry: bool = False
    store: dict[str, list[str | None]] = field(default_factory=dict)
    bundles: list[Bundle] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    read_fault: Callable[[str], httpx.Response | Exception | None] = lambda _url: None
    checks_missing: bool = True
    """Whether If-Match counts where there is nothing, as RFC 9110 has it; HAPI creates what is not there."""
    hidden: set[str] = field(default_factory=set)
    """Keys that the search does not find yet."""
    in_flight: int = 0
    most_in_flight: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self) -> FhirClient:
        return FhirClient(BASE, transport=httpx.MockTransport(self._handle), sleep=lambda _: None)

    def current(self, key: str) -> str | None:
        return self.store[key][-1] if self.store.get(key) else None

    def put(self, key: str, body: str) -> None:
        """Somebody else writes."""
        self.store.setdefault(key, []).append(body)

    def delete(self, key: str) -> None:
        self.store[key].append(None)

    def bodies(self) -> dict[str, str]:
        return {key: versions[-1] for key, versions in self.store.items() if versions[-1] is not None}

    def _handle(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/r4").strip("/")
        with self.lock:
            self.requests.append(f"{request.method} {path}")
        if request.method == "POST" and path == "":
            return self._transaction(request)
        fault = self.read_fault(path)
        if isinstance(fault, Exception):
            raise fault
        if fault is not None:
            return fault
        with self.lock:
            if path.endswith("/_search"):
                return self._search(path.split("/")[0], parse_qs(request.content.decode()))
            return self._read(path)

    def _read(self, key: str) -> httpx.Response:
        if key not in self.store:
            return outcome(404, "not-found")
        if self.store[key][-1] is None:
            return outcome(410, "deleted")
        return httpx.Response(200, content=self._as_read(key), headers={"Content-Type": "application/fhir+json"})

    def _as_read(self, key: str) -> bytes:
        body = self.current(key)
        assert body is not None
        meta = f'"versionId":"{len(self.store[key])}","lastUpdated":"2026-01-01T00:00:00Z","source":"#x"'
        if '"meta":{' in body:
            return body.replace('"meta":{', '"meta":{' + meta + ",", 1).encode()
        return (body[:-1] + ',"meta":{' + meta + "}}").encode()

    def _search(self, type: str, form: dict[str, list[str]]) -> httpx.Response:
        keys = [key for key in sorted(self.store) if key.startswith(type + "/") and self.current(key) is not None]
        keys = [key for key in keys if key not in self.hidden]
        if "_id" in form:
            wanted = set(form["_id"][0].split(","))
            keys = [key for key in keys if key.split("/")[1] in wanted]
        if "identifier" in form:
            tokens = [token.split("|") for token in form["identifier"][0].split(",")]
            keys = [key for key in keys if any(_holds(self.current(key) or "", token) for token in tokens)]
        entries = [] if form.get("_summary") == ["count"] else [b'{"resource":' + self._as_read(k) + b"}" for k in keys]
        head = b'{"resourceType":"Bundle","type":"searchset","total":%d,"entry":[' % len(keys)
        return httpx.Response(200, content=head + b",".join(entries) + b"]}")

    def _transaction(self, request: httpx.Request) -> httpx.Response:
        text = request.content.decode()
        document = json.loads(text)
        raw = iter(_raw_bodies(text))
        entries = tuple(
            (entry["request"]["url"], next(raw) if "resource" in entry else "", entry["request"].get("ifMatch"))
            for entry in document["entry"]
        )
        bundle = Bundle(entries, len(text))
        with self.lock:
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            self.bundles.append(bundle)
            number = len(self.bundles)
        try:
            fault = self.fault(number, bundle)
            if isinstance(fault, Exception) and not isinstance(fault, Lost):
                raise fault
            if isinstance(fault, httpx.Response):
                return fault
            with self.lock:
                response = self._apply(bundle)
            if isinstance(fault, Lost):
                raise fault.error
            return response
        finally:
            with self.lock:
                self.in_flight -= 1

    def _apply(self, bundle: Bundle) -> httpx.Response:
        assert len(set(bundle.keys)) == len(bundle.keys), "the same id twice in one bundle"
        there = set(bundle.keys)
        if self.integrity:
            there |= {key for key in self.store if self.current(key) is not None}
        for number, (key, body, if_match) in enumerate(bundle.entries):
            place = f"Bundle.entry[{number}]" if self.name_entry else None
            if self.refuse(key, body):
                return outcome(422, "processing", place)
            checked = self.checks_missing or key in self.store
            if checked and if_match is not None and if_match != f'W/"{len(self.store.get(key, []))}"':
                return outcome(self.mismatch, "conflict")
            if self.integrity and body and not set(_references(json.loads(body))) <= there:
                return outcome(400, "processing")
        answers = []
        for key, body, _ in bundle.entries:
            if not body:
                self.delete(key)
                answers.append({"response": {"status": "204 No Content"}})
                continue
            new = key not in self.store
            if self.current(key) != body:
                self.store.setdefault(key, []).append(body)
            status = "201 Created" if new else "200 OK"
            answers.append({"response": {"status": status, "etag": f'W/"{len(self.store[key])}"'}})
        return httpx.Response(200, json={"resourceType": "Bundle", "type": "transaction-response", "entry": answers})


def outcome(status: int, code: str, place: str | None = None, headers: dict[str, str] | None = None) -> httpx.Response:
    """An OperationOutcome."""
    issue: dict[str, object] = {"severity": "error", "code": code}
    if place:
        issue["expression"] = [place]
    return httpx.Response(status, json={"resourceType": "OperationOutcome", "issue": [issue]}, headers=headers or {})


def _references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return own + [found for item in value.values() for found in _references(item)]
    if isinstance(value, list):
        return [found for item in value for found in _references(item)]
    return []


def _raw_bodies(text: str) -> list[str]:
    """The bodies as they stand in the bundle, to the byte."""
    bodies, at, decoder = [], 0, json.JSONDecoder()
    while (at := text.find('"resource":', at)) >= 0:
        start = at + len('"resource":')
        _, end = decoder.raw_decode(text, start)
        bodies.append(text[start:end])
        at = end
    return bodies


def _holds(body: str, token: list[str]) -> bool:
    """Whether the system of a token, and its value if it has one, stand in a body."""
    return all(f'"{part}"' in body for part in token if part)
