"""Whether a server still holds what we sent.

A server adds to a resource what is its own: ``meta.versionId``, ``meta.lastUpdated``, ``meta.source``, further tags,
labels and profiles, a generated narrative. All else must be equal, numbers as they are written: 1.50 is not 1.5.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from fhir_msc.target.fhirjson import Json, JsonObject, child, objects, parse, text, texts

SERVER_META = frozenset({"versionId", "lastUpdated", "source"})
"""Elements of ``meta`` that a server sets (R4 Resource.meta)."""

OPEN_META = frozenset({"tag", "security", "profile"})
"""Elements of ``meta`` to which a server may add: HAPI keeps the tags that a later PUT leaves out."""


def holds(server: JsonObject, ours: bytes) -> bool:
    """Whether ``server``, a resource as read with decimals kept, is what ``ours``, a body of ours, says."""
    mine = parse(ours)
    if not _meta_holds(child(server.get("meta")), child(mine.get("meta"))):
        return False
    skipped = {"meta"}
    if "text" not in mine and child(server.get("text")).get("status") == "generated":
        skipped.add("text")
    return _equal(_without(server, skipped), _without(mine, skipped))


def as_sent(server: JsonObject, ours: JsonObject) -> JsonObject:
    """A resource as a server gives it, without what a server sets in ``meta`` and with the labels, tags and profiles in
    the order of ``ours``, another version of it: HAPI keeps them as a set."""
    meta, mine = _without(child(server.get("meta")), SERVER_META), child(ours.get("meta"))
    ordered = {name: _ordered(value, mine.get(name)) if name in OPEN_META else value for name, value in meta.items()}
    return {name: ordered if name == "meta" else value for name, value in server.items() if name != "meta" or ordered}


def _ordered(values: Json, like: Json) -> Json:
    if not isinstance(values, list) or not isinstance(like, list):
        return values
    return sorted(values, key=lambda one: like.index(one) if one in like else len(like))


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """One element in which two resources differ: its path as in FHIRPath, and both values as JSON text; ``None`` where
    it is absent."""

    path: str
    theirs: str | None
    mine: str | None


def differences(theirs: JsonObject, mine: JsonObject) -> list[FieldDifference]:
    """The elements in which another's resource differs from ours, without what a server sets or may add."""
    one, other = dict(_leaves(theirs, "")), dict(_leaves(mine, ""))
    return [
        FieldDifference(path, one.get(path), other.get(path))
        for path in sorted({*one, *other})
        if one.get(path) != other.get(path) and not (path not in other and _may_be_added(path, mine))
    ]


def _may_be_added(path: str, mine: JsonObject) -> bool:
    if path.startswith("text.") and "text" not in mine:
        return True
    head, _, rest = path.partition(".")
    return head == "meta" and rest.partition("[")[0] in SERVER_META | OPEN_META


def _leaves(value: Json, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{number}]")
    else:
        yield path, str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def version_id(server: JsonObject) -> str | None:
    """The version that a resource as read says it has."""
    return text(child(server.get("meta")).get("versionId"))


def _meta_holds(server: JsonObject, ours: JsonObject) -> bool:
    closed = SERVER_META | OPEN_META
    if not _equal(_without(server, closed), _without(ours, closed)):
        return False
    return set(texts(ours.get("profile"))) <= set(texts(server.get("profile"))) and all(
        _codings(ours.get(name)) <= _codings(server.get(name)) for name in ("tag", "security")
    )


def _codings(labels: Json) -> set[tuple[str | None, str | None]]:
    # A server may drop or replace the display; system and code are what a label is.
    return {(text(label.get("system")), text(label.get("code"))) for label in objects(labels)}


def _without(document: JsonObject, names: frozenset[str] | set[str]) -> JsonObject:
    return {name: value for name, value in document.items() if name not in names}


def _equal(one: Json, other: Json) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return one.as_tuple() == other.as_tuple()
    return one == other
