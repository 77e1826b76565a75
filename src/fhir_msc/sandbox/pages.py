"""Searchsets and histories as bundles, in pages.

What a search has found is kept until newer searches push it out; a page is named by an opaque id, so that no link
carries what was searched for.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
from orjson import Fragment

from fhir_msc.sandbox import bodies, search
from fhir_msc.sandbox.outcome import Refused
from fhir_msc.sandbox.primitives import span
from fhir_msc.sandbox.store import Store, Version, instant

DEFAULT_COUNT, MAXIMUM_COUNT = 20, 1000
_KEPT = 64
_SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}

Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that a search or history has found, and how its pages are shown."""

    kind: Literal["searchset", "history"]
    seqs: array[int]
    elements: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Pages:
    """The searches that can still be paged through."""

    store: Store
    new_id: Callable[[], str]
    _found: OrderedDict[str, Found] = field(default_factory=OrderedDict)

    def search(self, base: str, self_url: str, type_name: str, query: Query) -> dict[str, Any]:
        """The first page of a search."""
        shown, sought = _split(query, {"_count", "_total", "_summary", "_elements", "_format", "_pretty"})
        summary = shown.get("_summary", "false")
        if summary not in ("count", "false"):
            raise Refused(400, "not-supported", "_summary can be count or false")
        count = _count(shown)
        conditions = search.conditions(type_name, sought)
        if summary == "count" or count == 0:
            total = self.store.count(type_name, conditions)
            return {"resourceType": "Bundle", "type": "searchset", "total": total, "link": [_link("self", self_url)]}
        elements = frozenset(shown["_elements"].split(",")) if shown.get("_elements") else None
        found = Found("searchset", self.store.search(type_name, conditions), elements)
        return self._page(found, base, self_url, 0, count)

    def history(self, base: str, self_url: str, type_name: str, identity: str | None, query: Query) -> dict[str, Any]:
        """The first page of the history of a type or a resource."""
        shown, rest = _split(query, {"_count", "_since", "_format", "_pretty"})
        if rest:
            raise Refused(400, "not-supported", "A history takes _count and _since")
        since = None
        if "_since" in shown:
            covered = span(shown["_since"])
            if covered is None:
                raise Refused(400, "value", "_since is no instant")
            since = covered[0]
        if identity is not None and self.store.exists(type_name, identity) is None:
            raise Refused(404, "not-found", f"{type_name}/{identity} is not known")
        found = Found("history", self.store.history(type_name, identity, since), None)
        return self._page(found, base, self_url, 0, _count(shown) or DEFAULT_COUNT)

    def next(self, base: str, self_url: str, query: Query) -> dict[str, Any]:
        """A later page, by the query of its link."""
        shown, _ = _split(query, {"_getpages", "_getpagesoffset", "_count"})
        found = self._found.get(shown.get("_getpages", ""))
        offset = shown.get("_getpagesoffset", "0")
        if found is None:
            raise Refused(410, "expired", "This search is no longer kept")
        if not offset.isdecimal():
            raise Refused(400, "value", "_getpagesoffset is no number")
        return self._page(found, base, self_url, int(offset), _count(shown) or DEFAULT_COUNT, shown["_getpages"])

    def _page(
        self, found: Found, base: str, self_url: str, offset: int, count: int, name: str | None = None
    ) -> dict[str, Any]:
        links = [_link("self", self_url)]
        after = offset + count
        if after < len(found.seqs):
            if name is None:
                name = self._keep(found)
            links.append(_link("next", f"{base}?_getpages={name}&_getpagesoffset={after}&_count={count}"))
        versions = self.store.versions(found.seqs[offset:after])
        entries = [_entry(found, base, version) for version in versions]
        bundle = {"resourceType": "Bundle", "type": found.kind, "total": len(found.seqs), "link": links}
        return bundle | {"entry": entries} if entries else bundle

    def _keep(self, found: Found) -> str:
        name = self.new_id()
        self._found[name] = found
        while len(self._found) > _KEPT:
            self._found.popitem(last=False)
        return name


def _entry(found: Found, base: str, version: Version) -> dict[str, Any]:
    entry: dict[str, Any] = {"fullUrl": f"{base}/{version.type}/{version.id}"}
    if version.body is not None:
        body = version.body if found.elements is None else _cut(version.body, found.elements)
        entry["resource"] = Fragment(body)
    if found.kind == "searchset":
        return entry | {"search": {"mode": "match"}}
    status = {"POST": "201 Created", "PUT": "200 OK", "DELETE": "204 No Content"}[version.method]
    place = f"{version.type}/{version.id}"
    return entry | {
        "request": {"method": version.method, "url": version.type if version.method == "POST" else place},
        "response": {
            "status": status if version.number > 1 or version.method == "POST" else "201 Created",
            "location": f"{place}/_history/{version.number}",
            "etag": f'W/"{version.number}"',
            "lastModified": instant(version.updated),
        },
    }


def _cut(body: bytes, elements: frozenset[str]) -> bytes:
    resource = bodies.read(body)
    cut = {name: value for name, value in resource.items() if name in elements | {"resourceType", "id", "meta"}}
    cut["meta"]["tag"] = [*cut["meta"].get("tag", ()), _SUBSETTED]
    return orjson.dumps(cut)


def _split(query: Query, shown: set[str]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    return {n: v for n, v in query if n in shown}, [(n, v) for n, v in query if n not in shown]


def _count(shown: dict[str, str]) -> int:
    text = shown.get("_count", str(DEFAULT_COUNT))
    if not text.isdecimal():
        raise Refused(400, "value", "_count is no number")
    return min(int(text), MAXIMUM_COUNT)


def _link(relation: str, url: str) -> dict[str, str]:
    return {"relation": relation, "url": url}
