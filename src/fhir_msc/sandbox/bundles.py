"""Transactions, which are one, and batches, whose entries stand alone.

https://hl7.org/fhir/R4/http.html#transaction. Entries are done in the order DELETE, POST, PUT, GET and answered in
their own. Ids of POST entries are given before anything is written, so that entries can refer to each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from orjson import Fragment

from fhir_msc.sandbox import interactions
from fhir_msc.sandbox.bodies import Resource
from fhir_msc.sandbox.interactions import Answer, Work
from fhir_msc.sandbox.outcome import Refused
from fhir_msc.sandbox.store import instant

Get = Callable[[str], bytes]
"""The body that a GET of a URL below the base answers with."""

_ORDER = ("DELETE", "POST", "PUT", "GET")


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a bundle: ``type`` and ``id`` of its URL (no id where there is a query), the rest as it came."""

    method: str
    url: str
    type: str
    id: str | None
    query: str | None
    full_url: str | None
    resource: Resource | None
    if_match: str | None
    if_none_exist: str | None


def run(new_work: Callable[[], Work], bundle: Resource, get: Get, *, whole: bool) -> dict[str, Any]:
    """Run the bundle inside a transaction of the store; its response. ``whole``: resources stand in the response."""
    kind = bundle.get("type")
    if bundle.get("resourceType") != "Bundle" or kind not in ("transaction", "batch"):
        raise Refused(400, "invalid", "Only a Bundle of type transaction or batch can be run")
    new_work().profile.require_bundle(kind)
    given = bundle.get("entry", [])
    if not isinstance(given, list):
        raise Refused(400, "structure", "Bundle.entry must be an array", expression="Bundle.entry")
    if kind == "transaction":
        responses = _transaction(new_work(), [_entry(one) for one in given], get, whole=whole)
    else:
        responses = [_alone(new_work(), one, get, whole=whole) for one in given]
    return {"resourceType": "Bundle", "type": f"{kind}-response", "entry": responses}


def _transaction(work: Work, entries: Sequence[Entry], get: Get, *, whole: bool) -> list[dict[str, Any]]:
    targets = [_target(work, entry) for entry in entries]
    _refuse_twice(entries, targets)
    work.placeholders = {
        entry.full_url: f"{entry.type}/{target}"
        for entry, target in zip(entries, targets, strict=True)
        if entry.full_url and target
    }
    responses: list[dict[str, Any]] = [{} for _ in entries]
    for method in _ORDER:
        if method == "GET":
            interactions.settle(work)
        for number, entry in enumerate(entries):
            if entry.method == method:
                responses[number] = _done(work, entry, targets[number], get, whole=whole)
    return responses


def _alone(work: Work, given: Any, get: Get, *, whole: bool) -> dict[str, Any]:
    try:
        with work.store.savepoint():
            entry = _entry(given)
            response = _done(work, entry, entry.id, get, whole=whole)
            interactions.settle(work)
    except Refused as refused:
        return {"response": {"status": _status(refused.status), "outcome": Fragment(refused.body())}}
    return response


def _target(work: Work, entry: Entry) -> str | None:
    """The id that the entry writes, as far as it writes one; a new one where it will create."""
    condition = entry.if_none_exist if entry.method == "POST" else entry.query
    if entry.method not in ("POST", "PUT") or entry.id is not None:
        return entry.id
    match = interactions.matched(work.store, entry.type, condition) if condition is not None else None
    return match.id if match else work.new_id()


def _refuse_twice(entries: Sequence[Entry], targets: Sequence[str | None]) -> None:
    seen: set[tuple[str, str | None]] = set()
    conditions: set[tuple[str, str]] = set()
    for entry, target in zip(entries, targets, strict=True):
        if entry.method == "GET":
            continue
        condition = entry.if_none_exist or entry.query
        if (entry.type, target) in seen or (condition and (entry.type, condition) in conditions):
            raise Refused(400, "invalid", f"The transaction holds a {entry.type} more than once")
        seen.add((entry.type, target))
        if condition:
            conditions.add((entry.type, condition))


def _done(work: Work, entry: Entry, target: str | None, get: Get, *, whole: bool) -> dict[str, Any]:
    if entry.method == "GET":
        return {"resource": Fragment(get(entry.url)), "response": {"status": _status(200)}}
    answer = _written(work, entry, target)
    if answer is None:
        return {"response": {"status": _status(204)}}
    version = answer.version
    response = {
        "status": _status(answer.status),
        "location": f"{version.type}/{version.id}/_history/{version.number}",
        "etag": f'W/"{version.number}"',
        "lastModified": instant(version.updated),
    }
    return (
        {"resource": Fragment(version.body), "response": response} if whole and version.body else {"response": response}
    )


def _written(work: Work, entry: Entry, target: str | None) -> Answer | None:
    if entry.method == "DELETE":
        if entry.id is None:
            raise Refused(400, "not-supported", "Conditional deletes are not supported")
        return interactions.delete(work, entry.type, entry.id)
    if entry.resource is None:
        raise Refused(400, "required", "An entry that writes needs a resource", expression="Bundle.entry.resource")
    if entry.method == "POST":
        return interactions.create(work, entry.type, entry.resource, entry.if_none_exist, target)
    if entry.query is not None:
        return interactions.conditional_update(work, entry.type, entry.query, entry.resource, entry.if_match, target)
    return interactions.update(work, entry.type, entry.id or "", entry.resource, entry.if_match)


def _entry(given: Any) -> Entry:
    entry: Mapping[str, Any] = given if isinstance(given, dict) else {}
    request: Mapping[str, Any] = entry["request"] if isinstance(entry.get("request"), dict) else {}
    method, url = str(request.get("method")), str(request.get("url", ""))
    if method not in _ORDER:
        raise Refused(400, "required", "The entry's method is none of DELETE, POST, PUT, GET",
                      expression="Bundle.entry.request.method")  # fmt: skip
    path, mark, query = url.partition("?")
    type_name, _, identity = path.strip("/").partition("/")
    interactions.known_type(type_name)
    resource = entry.get("resource")
    return Entry(
        method, url, type_name, identity or None, query if mark else None, _text(entry, "fullUrl"),
        resource if isinstance(resource, dict) else None, _text(request, "ifMatch"), _text(request, "ifNoneExist"),
    )  # fmt: skip


def _text(node: Mapping[str, Any], name: str) -> str | None:
    found = node.get(name)
    return found if isinstance(found, str) else None


def _status(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"
