"""Whether a server still holds what we sent.

A server adds to a resource what is its own: ``meta.versionId``, ``meta.lastUpdated``, ``meta.source``, further tags,
labels and profiles, a generated narrative. All else must be equal, numbers as they are written: 1.50 is not 1.5.
"""

from __future__ import annotations

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
