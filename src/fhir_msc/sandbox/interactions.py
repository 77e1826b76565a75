"""What can be done with one resource: create, read, update, delete, each conditional or not.

https://hl7.org/fhir/R4/http.html, and where it leaves a choice, HAPI's. All of it runs inside a transaction of the
store; `settle` looks at the references once everything is written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import orjson

from fhir_msc.sandbox import bodies, primitives, r4, search
from fhir_msc.sandbox.bodies import Reference, Resource
from fhir_msc.sandbox.outcome import Refused
from fhir_msc.sandbox.profiles import OWN, Profile
from fhir_msc.sandbox.store import Current, Method, Store, Version, instant

_LABELS = {"tag": "TAG", "security": "SECURITY_LABEL"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an interaction: the HTTP status and the version it speaks of."""

    status: int
    version: Version


@dataclass(slots=True)
class Work:
    """One transaction: the store, and what `settle` must look at."""

    store: Store
    new_id: Callable[[], str]
    profile: Profile = OWN
    replaced: frozenset[str] = frozenset()
    """the labels that an update replaces instead of adding to them: TAG, SECURITY_LABEL"""
    placeholders: Mapping[str, str] = field(default_factory=dict)
    referred: list[Reference] = field(default_factory=list)
    deleted: list[tuple[str, str]] = field(default_factory=list)


def known_type(type_name: str) -> str:
    """The type, if it is one."""
    if type_name not in r4.resource_types():
        raise Refused(404, "not-supported", "Unknown resource type")
    return type_name


def read(store: Store, type_name: str, identity: str, number: int | None = None) -> Version:
    """A version with its body; 404 if there is none, 410 if it is a deletion."""
    found = store.version(known_type(type_name), identity, number)
    if found is None:
        raise Refused(404, "not-found", f"{type_name}/{identity} is not known")
    if found.body is None:
        place = f"{type_name}/{identity}/_history/{found.number}"
        raise Refused(410, "deleted", f"{type_name}/{identity} was deleted", location=place)
    return found


def create(work: Work, type_name: str, resource: Resource, condition: str | None, identity: str | None) -> Answer:
    """A new resource, under a new id unless a bundle has chosen one; or the one that fulfils the condition."""
    _expect_type(resource, known_type(type_name))
    work.profile.require(type_name, "create")
    if condition is not None:
        work.profile.require_condition(creates=True)
        match = matched(work.store, type_name, condition)
        if match is not None:
            return Answer(200, match)
    return _write(work, type_name, identity or work.new_id(), resource, None, "POST")


def update(work: Work, type_name: str, identity: str, resource: Resource, if_match: str | None) -> Answer:
    """A new version of the resource, the first if it is not there; none if nothing would change."""
    _expect_type(resource, known_type(type_name))
    if resource.get("id") != identity:
        raise Refused(400, "invalid", "The body's id is not the URL's", expression=f"{type_name}.id")
    if not primitives.is_id(identity):
        raise Refused(400, "value", "This is no FHIR id", expression=f"{type_name}.id")
    work.profile.require(type_name, "update")
    before = work.store.current(type_name, identity)
    if (before is None or before.deleted) and not work.profile.update_create:
        raise Refused(404, "not-found", f"{type_name}/{identity} is not known, and this server gives the ids")
    if before is None and identity.isdigit():
        raise Refused(400, "business-rule", "A client's id must hold something else than digits")
    if before is not None and is_stale(if_match, before.number):
        raise Refused(409, "conflict", f"{type_name}/{identity} has another version than If-Match says")
    return _write(work, type_name, identity, resource, before, "PUT")


def conditional_update(
    work: Work, type_name: str, condition: str, resource: Resource, if_match: str | None, identity: str | None
) -> Answer:
    """An update of the one resource that fulfils the condition, or a create; the body's id does not count."""
    work.profile.require_condition(creates=False)
    match = matched(work.store, type_name, condition)
    if match is None:
        return create(work, type_name, resource, None, identity)
    return update(work, type_name, match.id, resource | {"id": match.id}, if_match)


def delete(work: Work, type_name: str, identity: str) -> Answer | None:
    """A deletion as the newest version; None if there is nothing to delete."""
    before = work.store.current(known_type(type_name), identity)
    work.profile.require(type_name, "delete")
    if before is None or before.deleted:
        return None
    version = Version(type_name, identity, before.number + 1, work.store.now, "DELETE", None)
    work.store.write(version, before, None, None)
    work.store.index(before.rid, search.Rows(), (), new=False)
    work.deleted.append((type_name, identity))
    return Answer(204, version)


def settle(work: Work) -> None:
    """Refuse what refers to nothing, and the deletion of what others refer to."""
    seen: set[tuple[str, str]] = set()
    for path, type_name, identity in work.referred:
        if (type_name, identity) in seen:
            continue
        seen.add((type_name, identity))
        exists = work.store.exists(type_name, identity)
        if not exists:
            state = "not found" if exists is None else "deleted"
            raise Refused(
                400, "processing", f"{type_name}/{identity} is {state}, specified in path: {path}", expression=path
            )
    for type_name, identity in work.deleted:
        if not work.store.exists(type_name, identity) and (by := work.store.referrer(type_name, identity)):
            raise Refused(409, "conflict", f"{type_name}/{identity} is referred to by {by[0]}/{by[1]}")


def matched(store: Store, type_name: str, condition: str) -> Version | None:
    """The one resource that fulfils ``Type?name=value`` or ``name=value``; 412 if there are more."""
    query = parse_qsl(condition.removeprefix(f"{type_name}?"), keep_blank_values=True)
    if not query:
        raise Refused(400, "invalid", "A condition needs a search parameter")
    found = store.search(known_type(type_name), search.conditions(type_name, query), limit=2)
    if len(found) > 1:
        raise Refused(412, "multiple-matches", f"More than one {type_name} fulfils the condition")
    return next(iter(store.versions(found)), None)


def is_stale(if_match: str | None, number: int) -> bool:
    """Whether If-Match (``W/"3"``, ``"3"`` or ``3``) names another version."""
    return if_match is not None and if_match.strip().removeprefix("W/").strip('"') != str(number)


def _write(
    work: Work, type_name: str, identity: str, resource: Resource, before: Current | None, method: Method
) -> Answer:
    resource, references = bodies.clean(resource, lambda text, path: _resolved(work, text, path))
    given = resource.pop("meta", {})
    meta = {name: value for name, value in given.items() if name not in ("versionId", "lastUpdated")}
    if before is not None and before.labels is not None:
        _keep_labels(meta, orjson.loads(before.labels), work.replaced)
    rest = {name: value for name, value in resource.items() if name not in ("resourceType", "id")}
    digest = hashlib.blake2b(orjson.dumps([meta, rest], option=orjson.OPT_SORT_KEYS), digest_size=20).digest()
    work.referred += references
    if before is not None and not before.deleted and before.digest == digest:
        return Answer(200, read(work.store, type_name, identity))
    number = before.number + 1 if before else 1
    stamp = {"versionId": str(number), "lastUpdated": instant(work.store.now)}
    whole = {"resourceType": type_name, "id": identity, "meta": stamp | meta, **rest}
    version = Version(type_name, identity, number, work.store.now, method, bodies.write(whole))
    labels = {name: meta[name] for name in _LABELS if meta.get(name)}
    rid = work.store.write(version, before, digest, orjson.dumps(labels) if labels else None)
    work.store.index(rid, search.index(whole), references, new=before is None)
    return Answer(200 if before and not before.deleted else 201, version)


def _keep_labels(meta: Resource, before: Mapping[str, list[Resource]], replaced: Iterable[str]) -> None:
    """A label that an update leaves out stays, as HAPI does, unless the request says that it replaces them."""
    for name, mode in _LABELS.items():
        if mode in replaced or not before.get(name):
            continue
        kept = list(before[name])
        had = {(label.get("system"), label.get("code")) for label in kept}
        kept += [label for label in meta.get(name, ()) if (label.get("system"), label.get("code")) not in had]
        meta[name] = kept


def _resolved(work: Work, text: str, path: str) -> str:
    if text in work.placeholders:
        return work.placeholders[text]
    type_name, mark, _ = text.partition("?")
    if not mark or type_name not in r4.resource_types():
        return text
    match = matched(work.store, type_name, text)
    if match is None:
        raise Refused(404, "not-found", f"No {type_name} fulfils the conditional reference", expression=path)
    return f"{type_name}/{match.id}"


def _expect_type(resource: Resource, type_name: str) -> None:
    if resource.get("resourceType") != type_name:
        raise Refused(400, "invalid", "The body's resourceType is not the URL's", expression="resourceType")
