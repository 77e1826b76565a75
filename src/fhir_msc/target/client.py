"""The FHIR R4 interactions that the rest of fhir_msc needs (https://hl7.org/fhir/R4/http.html).

Business identifiers and values go into bodies only: searches are ``POST [type]/_search``, for URLs stand in every
server's and proxy's log. Reads ask for what is, not for what a cache remembers.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlencode

import httpx
import tenacity

from fhir_msc.errors import OutcomeUnknown, TargetError
from fhir_msc.target.auth import Auth
from fhir_msc.target.bundle import (
    BundleKind,
    Entry,
    EntryResponse,
    bundle_bytes,
    check_location,
    located,
    read_responses,
)
from fhir_msc.target.capabilities import Capabilities, read_capabilities
from fhir_msc.target.connection import FHIR_JSON, Connection
from fhir_msc.target.fhirjson import Json, JsonObject, child, etag_of, objects, text, version_of
from fhir_msc.target.paging import next_url
from fhir_msc.target.retry import Action, Asked, backoff, classify

_FRESH = {"Cache-Control": "no-cache"}
# strict: a parameter that the server does not know is an error, not ignored
_SEARCH = {**_FRESH, "Content-Type": "application/x-www-form-urlencoded", "Prefer": "handling=strict"}
_WRITE = {"Content-Type": FHIR_JSON, "Prefer": "return=minimal"}
_JSON = {"Content-Type": FHIR_JSON}
_ABSENT = (404, 410)
_OF_VALIDATION = (412, 422)
"""Statuses under which a server tells what is wrong with a resource; others say that it does not do it."""
_PROBES = 3
_PROBE_CAP_SECONDS = 30.0

Params = Mapping[str, str | Sequence[str]]
"""Search parameters; a sequence repeats the parameter (all of them must hold)."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as the server holds it. Decimals of ``content`` are ``Decimal``, written as they came."""

    type: str
    id: str
    version: str | None
    last_modified: str | None
    content: JsonObject


@dataclass(frozen=True, slots=True)
class Missing:
    """No such resource. ``gone``: there was one and it was deleted (410); ``version`` is then its last, if told."""

    gone: bool
    version: str | None = None


@dataclass(frozen=True, slots=True)
class SearchEntry:
    """One resource of a search, and whether it matched or was included."""

    resource: Resource
    mode: Literal["match", "include"]


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One version, newest first. ``resource`` is ``None`` where the version is a deletion."""

    method: str
    version: str | None
    last_modified: str | None
    resource: Resource | None


class FhirClient:
    """A client of one FHIR R4 server; threads may share it.

    ``timeout`` is in seconds for each silence of the server; ``ca_bundle`` is a PEM file that takes the place of the
    public authorities; ``folder`` is where relative paths of secrets start; ``headers`` go with every request;
    ``connections`` is how many at once. ``sleep``, ``random`` and ``now`` are for tests. The constructor raises
    UsageError for what cannot be a FHIR base URL, a proxy or a CA bundle; every method raises TargetUnreachable,
    OutcomeUnknown, TargetRefused, TargetError for what is no FHIR server, and SecretError.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: Auth | None = None,
        folder: Path = Path(),
        timeout: float = 60.0,
        ca_bundle: Path | None = None,
        proxy: str | None = None,
        headers: Mapping[str, str] | None = None,
        connections: int = 8,
        transport: httpx.BaseTransport | None = None,
        max_pages: int = 10_000,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = random.random,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._connection = Connection(
            base_url,
            auth=auth,
            folder=folder,
            timeout=timeout,
            ca_bundle=ca_bundle,
            proxy=proxy,
            headers=headers,
            connections=connections,
            transport=transport,
            now=now,
        )
        self._base_text = str(self._connection.url("")).rstrip("/")
        self._max_pages = max_pages
        self._sleep = sleep
        self._random = random

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._connection.close()

    def full_url(self, type: str, id: str) -> str:
        """The absolute URL of a resource, as ``fullUrl`` of a bundle's entry."""
        return f"{self._base_text}/{type}/{id}"

    def capabilities(self) -> Capabilities:
        """What ``/metadata`` declares. A server that is busy or not reachable is asked three times."""
        asked = Asked("GET")

        def passes(error: BaseException) -> bool:
            return isinstance(error, TargetError) and classify(error, asked).action is Action.RETRY

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            after = classify(error, asked).after if isinstance(error, TargetError) else None
            return backoff(state.attempt_number, after, self._random, cap=_PROBE_CAP_SECONDS)

        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception(passes),
            stop=tenacity.stop_after_attempt(_PROBES),
            wait=wait,
            sleep=self._sleep,
            reraise=True,
        )
        return read_capabilities(attempts(self._metadata))

    def read(self, type: str, id: str) -> Resource | Missing:
        """The current version."""
        return self._resource(type, f"{type}/{id}", f"GET {type}")

    def vread(self, type: str, id: str, version: str) -> Resource | Missing:
        """One version."""
        return self._resource(type, f"{type}/{id}/_history/{version}", f"GET {type} version")

    def history(self, type: str, id: str) -> Iterator[HistoryEntry]:
        """All versions, newest first, deletions included; none for an id that never was."""
        what = f"GET {type} history"
        url = self._connection.url(f"{type}/{id}/_history")
        response = self._connection.ask("GET", url, what, headers=_FRESH, answers=_ABSENT)
        if response.status_code >= 400:
            return
        for bundle in self._pages(self._connection.document(response, what), "history", what):
            for entry in objects(bundle.get("entry")):
                yield _history_entry(entry)

    def search(self, type: str, params: Params) -> Iterator[SearchEntry]:
        """What matches, page by page; OperationOutcomes among the entries are left out."""
        for bundle in self._search_pages(type, params):
            for entry in objects(bundle.get("entry")):
                mode = child(entry.get("search")).get("mode")
                content = child(entry.get("resource"))
                if mode == "outcome" or content.get("resourceType") == "OperationOutcome":
                    continue
                resource = _resource_of(content)
                if resource is None:
                    raise self._connection.foreign(f"an entry in its answer to the search of {type} has no type or id")
                yield SearchEntry(resource, "include" if mode == "include" else "match")

    def count(self, type: str, params: Params) -> int:
        """How many match; counted page by page where the server gives no total."""
        first = next(self._search_pages(type, {**params, "_summary": "count"}))
        total = first.get("total")
        if isinstance(total, int):
            return total
        return sum(entry.mode == "match" for entry in self.search(type, {**params, "_elements": "id"}))

    def create(self, type: str, body: bytes, *, if_none_exist: str | None = None) -> EntryResponse:
        """Creates under an id of the server's; 200 means that ``if_none_exist`` matched one and nothing was written."""
        headers = _WRITE if if_none_exist is None else {**_WRITE, "If-None-Exist": if_none_exist}
        return self._write("POST", type, f"POST {type}", body, headers)

    def update(self, type: str, id: str, body: bytes, *, if_match: str | None = None) -> EntryResponse:
        """Writes under this id; with ``if_match`` (a version id) only if the server holds that version."""
        headers = _WRITE if if_match is None else {**_WRITE, "If-Match": etag_of(if_match)}
        return self._write("PUT", f"{type}/{id}", f"PUT {type}", body, headers)

    def update_matching(self, type: str, criteria: str, body: bytes) -> EntryResponse:
        """Writes over the one resource that matches the criteria, or creates it under an id of the server's."""
        return self._write("PUT", f"{type}?{criteria}", f"PUT {type} by criteria", body, _WRITE)

    def delete(self, type: str, id: str) -> EntryResponse:
        """Deletes the current version; the earlier ones stay in the history where the server keeps one."""
        return self._write("DELETE", f"{type}/{id}", f"DELETE {type}", None, {})

    def transaction(self, entries: Sequence[Entry]) -> list[EntryResponse]:
        """All or nothing; the answers in the order of the entries.

        Raises OutcomeUnknown also when the answer cannot be tied to the entries.
        """
        return self._bundle("transaction", entries)

    def batch(self, entries: Sequence[Entry]) -> list[EntryResponse]:
        """Each entry by itself; the answers in the order of the entries, with a status each."""
        return self._bundle("batch", entries)

    def validate(self, type: str, body: bytes) -> JsonObject:
        """What the server's ``$validate`` says of a resource, as OperationOutcome; nothing is written
        (https://hl7.org/fhir/R4/resource-operation-validate.html)."""
        what = f"$validate of {type}"
        url = self._connection.url(f"{type}/$validate")
        response = self._connection.ask("POST", url, what, body=body, headers=_JSON, answers=_OF_VALIDATION)
        outcome = self._connection.document(response, what)
        if outcome.get("resourceType") != "OperationOutcome":
            raise self._connection.foreign(f"it answered {what} with something else")
        return outcome

    def _metadata(self) -> JsonObject:
        what = "GET metadata"
        response = self._connection.ask("GET", self._connection.url("metadata"), what)
        return self._connection.document(response, what)

    def _resource(self, type: str, path: str, what: str) -> Resource | Missing:
        response = self._connection.ask("GET", self._connection.url(path), what, headers=_FRESH, answers=_ABSENT)
        if response.status_code >= 400:
            version = located(response.headers.get("location"))[1] or version_of(response.headers.get("etag"))
            return Missing(gone=response.status_code == 410, version=version)
        resource = _resource_of(self._connection.document(response, what), response)
        if resource is None or resource.type != type:
            raise self._connection.foreign(f"it answered {what} with something else")
        return resource

    def _search_pages(self, type: str, params: Params) -> Iterator[JsonObject]:
        what = f"search of {type}"
        body = urlencode(params, doseq=True).encode("ascii")
        url = self._connection.url(f"{type}/_search")
        response = self._connection.ask("POST", url, what, body=body, headers=_SEARCH)
        return self._pages(self._connection.document(response, what), "searchset", what)

    def _pages(self, bundle: JsonObject, kind: str, what: str) -> Iterator[JsonObject]:
        seen: set[httpx.URL] = set()
        while True:
            if bundle.get("resourceType") != "Bundle" or bundle.get("type") != kind:
                raise self._connection.foreign(f"it answered {what} with no {kind} Bundle")
            yield bundle
            url = next_url(self._connection.base, bundle)
            if url is None:
                return
            if url in seen:
                raise TargetError(f"the pages of the {what} lead in a circle")
            seen.add(url)
            if len(seen) >= self._max_pages:
                raise TargetError(f"the {what} has more than {self._max_pages} pages", hint="Ask for larger pages.")
            response = self._connection.ask("GET", url, what, headers=_FRESH)
            bundle = self._connection.document(response, what)

    def _write(
        self,
        method: Literal["POST", "PUT", "DELETE"],
        path: str,
        what: str,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> EntryResponse:
        url = self._connection.url(path)
        response = self._connection.ask(method, url, what, body=body, headers=headers, changes=True)
        if response.content:
            self._connection.document(response, what, changes=True)  # a login page is no success
        location = response.headers.get("location")
        try:
            check_location(location, path)
        except ValueError as error:
            raise OutcomeUnknown(f"what became of {what} is not known: {error}") from error
        location_id, location_version = located(location)
        return EntryResponse(
            status=response.status_code,
            version=version_of(response.headers.get("etag")) or location_version,
            location_id=location_id,
            last_modified=response.headers.get("last-modified"),
        )

    def _bundle(self, kind: BundleKind, entries: Sequence[Entry]) -> list[EntryResponse]:
        what = f"a {kind} of {len(entries)}"
        url = self._connection.url("")
        body = bundle_bytes(kind, entries)
        response = self._connection.ask("POST", url, what, body=body, headers=_WRITE, changes=True)
        try:
            return read_responses(self._connection.document(response, what, changes=True), entries)
        except ValueError as error:
            raise OutcomeUnknown(f"the answer to {what} cannot be tied to its entries: {error}") from error


def _resource_of(content: JsonObject, response: httpx.Response | None = None) -> Resource | None:
    type, id = text(content.get("resourceType")), text(content.get("id"))
    if type is None or id is None:
        return None
    meta = child(content.get("meta"))
    version: Json = meta.get("versionId")
    if response is not None:
        version = version_of(response.headers.get("etag")) or version
    return Resource(type, id, text(version), text(meta.get("lastUpdated")), content)


def _history_entry(entry: JsonObject) -> HistoryEntry:
    request, response = child(entry.get("request")), child(entry.get("response"))
    resource = _resource_of(child(entry.get("resource")))
    return HistoryEntry(
        method=text(request.get("method")) or ("DELETE" if resource is None else "PUT"),
        version=resource.version if resource else version_of(text(response.get("etag"))),
        last_modified=resource.last_modified if resource else text(response.get("lastModified")),
        resource=resource,
    )
