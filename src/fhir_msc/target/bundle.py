"""Transaction and batch bundles: built from bodies as they are, answers tied back to their entries.

https://hl7.org/fhir/R4/http.html#transaction. The bodies are joined, not parsed and written again, so a number stays as
written and a bundle costs no more than a copy.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import orjson

from fhir_msc.target.fhirjson import JsonObject, child, etag_of, objects, text, version_of
from fhir_msc.target.outcome import reasons_of

BundleKind = Literal["transaction", "batch"]
Method = Literal["GET", "POST", "PUT", "DELETE"]

_LOCATION = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/([^/?#]+)(?:/_history/([^/?#]+))?$")


@dataclass(frozen=True, slots=True)
class Entry:
    """One request of a bundle.

    ``url`` is relative to the base (``Observation/o1``, or ``Observation`` for a POST), ``body`` one resource as JSON,
    ``full_url`` absolute (HAPI's validation wants it), ``if_match`` a version id without quotes,
    ``if_none_exist`` the query of a conditional create.
    """

    method: Method
    url: str
    body: bytes | None = None
    full_url: str | None = None
    if_match: str | None = None
    if_none_exist: str | None = None


@dataclass(frozen=True, slots=True)
class EntryResponse:
    """What the server says of one write: HTTP status, the new version and id where it names them, reasons of a no.

    ``last_modified`` is an instant in a bundle's answer and an HTTP date in a single one, as the server wrote it.
    """

    status: int
    version: str | None = None
    location_id: str | None = None
    last_modified: str | None = None
    reasons: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the server did it."""
        return 200 <= self.status < 300


def entry_bytes(entry: Entry) -> bytes:
    """The entry as it stands in the bundle; entries are parted by one comma, so sizes add up."""
    request = {"method": entry.method, "url": entry.url}
    if entry.if_match is not None:
        request["ifMatch"] = etag_of(entry.if_match)
    if entry.if_none_exist is not None:
        request["ifNoneExist"] = entry.if_none_exist
    parts = []
    if entry.full_url is not None:
        parts.append(b'"fullUrl":' + orjson.dumps(entry.full_url))
    if entry.body is not None:
        parts.append(b'"resource":' + entry.body)
    parts.append(b'"request":' + orjson.dumps(request))
    return b"{" + b",".join(parts) + b"}"


def bundle_bytes(kind: BundleKind, entries: Sequence[Entry]) -> bytes:
    """The Bundle resource as JSON."""
    head = b'{"resourceType":"Bundle","type":"' + kind.encode() + b'","entry":['
    return head + b",".join(entry_bytes(entry) for entry in entries) + b"]}"


def read_responses(document: JsonObject, entries: Sequence[Entry]) -> list[EntryResponse]:
    """The answers in the order of the entries.

    Raises ValueError when the document is no answer to a bundle of these entries, or an answer has no status or names
    another resource than its entry: what became of the entries is then unknown.
    """
    if document.get("resourceType") != "Bundle":
        raise ValueError("the answer is not a Bundle")
    given = document.get("entry")
    answered = len(given) if isinstance(given, list) else 0
    if answered != len(entries):
        raise ValueError(f"{len(entries)} entries were sent and {answered} answered")
    answers = [child(one.get("response")) for one in objects(given)]
    if len(answers) != len(entries):
        raise ValueError("an entry of the answer is not an object")
    return [_entry_response(one, entry.url) for one, entry in zip(answers, entries, strict=True)]


def located(location: str | None) -> tuple[str | None, str | None]:
    """The id and version of a Location (``Observation/o1/_history/2``, absolute or relative)."""
    found = _LOCATION.search(location) if location else None
    return (found.group(2), found.group(3)) if found else (None, None)


def check_location(location: str | None, url: str) -> None:
    """Raises ValueError where a Location names another resource than was written to ``url`` (``Observation/o1``, or
    without an id where the server finds or gives it): a server that mixes its answers up is not believed."""
    found = _LOCATION.search(location) if location else None
    type, _, id = url.partition("?")[0].partition("/")
    if found and (found.group(1) != type or (id and found.group(2) != id)):
        raise ValueError("the answer is that of another resource")


def _entry_response(response: JsonObject, url: str) -> EntryResponse:
    status = (text(response.get("status")) or "")[:3]
    if not (len(status) == 3 and status.isascii() and status.isdigit()):
        raise ValueError("an entry of the answer has no status")
    location = text(response.get("location"))
    if int(status) < 300:
        check_location(location, url)
    location_id, location_version = located(location)
    return EntryResponse(
        status=int(status),
        version=version_of(text(response.get("etag"))) or location_version,
        location_id=location_id,
        last_modified=text(response.get("lastModified")),
        reasons=reasons_of(child(response.get("outcome"))) if int(status) >= 400 else (),
    )
