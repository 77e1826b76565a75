"""Under which id a server holds what we call by our own: what is sent, looked for and compared goes by its address.

A server that takes client ids holds every resource under its rid, and bodies leave as they are staged. Another gives
ids of its own: the ledger keeps them, the bodies that leave carry them in ``id`` and in every reference, and what is
found again is found by our identifier, or by a tag where a type has no search by identifier.

What the target cannot have is left out of what refers to it, where the resource says what it has to say without: the
encounter, the organisation, and the study in an extension. Anything else that it refers to must be there first. What
was delivered on another route than today's keeps the id that it has there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import cast
from urllib.parse import quote

from sqlalchemy import Connection, func, or_, select

from fhir_msc.resources.body import parsed, serialise
from fhir_msc.sync import standings
from fhir_msc.sync.exchange import Outgoing, Wanted
from fhir_msc.sync.standing import GONE, GONE_DIGEST, Standing
from fhir_msc.sync.tables import resource
from fhir_msc.target.fhirjson import Json, JsonObject, child, text
from fhir_msc.target.routes import Route, RouteKind

_REFERENCE = re.compile(rb'"reference":"([A-Za-z]+)/([a-z][0-9a-f]{40})"')
"""A reference to a resource of ours under our own id of it."""

_OF_STUDY = "http://hl7.org/fhir/StructureDefinition/workflow-researchStudy"
_CONTEXT = {
    "encounter": "Encounter",
    "managingOrganization": "Organization",
    "serviceProvider": "Organization",
    "specimen": "Specimen",
}
"""Elements that say where, when or of what, beside what the resource is about."""
_MAY_LACK = frozenset({*_CONTEXT.values(), "ResearchStudy"})
_CHUNK = 500


@dataclass(frozen=True)
class Addressing:
    """How the resources of a target are addressed: the route of each type, and the URI of our sync identifiers.

    A type without a route goes under client ids.
    """

    system: str
    routes: Mapping[str, Route] = field(default_factory=lambda: MappingProxyType({}))

    @cached_property
    def is_plain(self) -> bool:
        """Whether every body leaves as it is staged, where the server never gave an id."""
        return not self.lacking and all(route.keeps_our_ids for route in self.routes.values())

    @cached_property
    def lacking(self) -> frozenset[str]:
        """The types that the target cannot have and that are left out of what refers to them."""
        return frozenset(type for type in _MAY_LACK if type in self.routes and not self.routes[type].deliverable)

    def gives_ids(self, type: str) -> bool:
        """Whether the server gives the ids of this type."""
        route = self.routes.get(type)
        return route is not None and not route.keeps_our_ids

    def is_given(self, row: Standing, id: str) -> bool:
        """Whether the id under which a resource was found is the server's."""
        return id != row.rid or self.gives_ids(row.type)

    def holds_our_id(self, type: str) -> bool:
        """Whether the server can hold resources of this type under ids of ours."""
        route = self.routes.get(type)
        return route is None or route.kind is RouteKind.CLIENT_ID_PUT

    def address(self, row: Standing) -> str | None:
        """The id of a resource on the server, where one is known. What was delivered stands there under the id that it
        got then, the server's or ours, whoever gives the ids of its type by now."""
        if row.server_id is not None:
            return row.server_id
        is_there = row.delivered is not None and not row.delivered.is_gone
        return row.rid if is_there or not self.gives_ids(row.type) else None

    def wanted(self, row: Standing) -> Wanted:
        """How a resource is read. What was not delivered, as far as the ledger knows, may be there under an id that
        the server gave, when the ledger was another and so was the route."""
        expected, address = row.delivered is not None, self.address(row)
        route = self.routes.get(row.type)
        if route is None or (expected and not self.gives_ids(row.type)):
            return Wanted(row.id, row.rid, row.type, expected, address)
        return Wanted(row.id, row.rid, row.type, expected, address, route.by, self.system)

    def outgoing(self, row: Standing, content: bytes) -> Outgoing:
        """How a resource is sent. ``content`` is its body as it leaves."""
        route, address = self.routes.get(row.type), self.address(row)
        if route is None or route.keeps_our_ids:
            return Outgoing(row.id, row.rid, row.type, content, row.version, RouteKind.CLIENT_ID_PUT, address)
        value = quote(f"{self.system}|{row.rid}", safe="")
        return Outgoing(row.id, row.rid, row.type, content, row.version, route.kind, address, f"{route.by}={value}")


def contents(
    connection: Connection,
    target_id: int,
    addressing: Addressing,
    rows: Iterable[Standing],
    ids: Mapping[int, str] = MappingProxyType({}),
    known: Mapping[str, str] = MappingProxyType({}),
) -> dict[int, bytes]:
    """The bodies of these resources by their numbers, as the server has or gets them.

    ``ids`` are the ids under which some were just found, by row, ``known`` those of others that are not their rids, by
    rid; where the server gives ids, a body of a resource whose id is not known has none.
    """
    all_rows = list(rows)
    found = standings.contents(connection, {id for row in all_rows for id in row.bodies})
    told = {row.rid: ids[row.id] for row in all_rows if row.id in ids}
    is_ours = not known and all(rid == id for rid, id in told.items())
    if addressing.is_plain and is_ours and not gave_ids(connection, target_id):
        return found
    referred = {rid.decode() for content in found.values() for _, rid in _REFERENCE.findall(content)}
    there = {**known_ids(connection, target_id, referred), **known, **told}
    for row in all_rows:
        own = ids.get(row.id, addressing.address(row))
        for number in row.bodies:
            if found[number] != GONE:
                found[number] = addressed(found[number], addressing, row.type, own, there)
    return found


def unmet(addressing: Addressing, content: bytes) -> list[str]:
    """The rids that a body still refers to as it leaves, though the server gives the ids of their types."""
    referred = ((type.decode(), rid.decode()) for type, rid in _REFERENCE.findall(content))
    return [rid for type, rid in referred if not addressing.holds_our_id(type)]


def first_unmet(
    connection: Connection, target_id: int, addressing: Addressing, told: Mapping[int, bytes]
) -> dict[int, str]:
    """What refers to something that the server cannot hold under the id that is known of it: the rid of the first, by
    row. ``told`` are bodies as they leave."""
    if addressing.is_plain:
        return {}
    referred = {id: unmet(addressing, content) for id, content in told.items()}
    there = known_ids(connection, target_id, {rid for rids in referred.values() for rid in rids})
    lacking = {id: next((rid for rid in rids if rid not in there), None) for id, rids in referred.items()}
    return {id: rid for id, rid in lacking.items() if rid is not None}


def addressed(content: bytes, addressing: Addressing, type: str, own: str | None, known: Mapping[str, str]) -> bytes:
    """A body as it leaves: under the id ``own`` (``None``: one that the server is to give), with the server's ids in
    its references (``known``, by rid), without what the target lacks, with our tag where it is found by it."""
    body = cast("JsonObject", parsed(content))  # Number is a Decimal
    rid = text(body.get("id")) or ""
    kept = _rewritten(body, known, addressing.lacking)
    route = addressing.routes.get(type)
    if route is not None and not route.keeps_our_ids and route.by == "_tag":
        tags = child(body.get("meta")).get("tag")
        tag: Json = [*(tags if isinstance(tags, list) else []), {"system": addressing.system, "code": rid}]
        kept["meta"] = {**child(kept.get("meta")), "tag": tag}
    if own is None:
        del kept["id"]
    else:
        kept["id"] = own
    return serialise(kept)


def _rewritten(node: JsonObject, known: Mapping[str, str], lacking: frozenset[str]) -> JsonObject:
    kept: JsonObject = {}
    for name, value in node.items():
        if name == "reference" and isinstance(value, str):
            type, _, rid = value.partition("/")
            kept[name] = f"{type}/{known[rid]}" if rid in known else value
        elif isinstance(value, dict):
            if not (name in _CONTEXT and _is_lacking(value, known, lacking)):
                kept[name] = _rewritten(value, known, lacking)
        elif isinstance(value, list):
            items = [item for item in value if not _is_of_lacking_study(item, known, lacking)]
            if items:
                kept[name] = [_rewritten(item, known, lacking) if isinstance(item, dict) else item for item in items]
        else:
            kept[name] = value
    return kept


def _is_of_lacking_study(item: Json, known: Mapping[str, str], lacking: frozenset[str]) -> bool:
    if not isinstance(item, dict) or item.get("url") != _OF_STUDY:
        return False
    return _is_lacking(child(item.get("valueReference")), known, lacking)


def _is_lacking(reference: JsonObject, known: Mapping[str, str], lacking: frozenset[str]) -> bool:
    """Whether it refers to what the target cannot have, and has not from a time when it could."""
    type, _, rid = (text(reference.get("reference")) or "").partition("/")
    return type in lacking and rid not in known


def known_ids(connection: Connection, target_id: int, rids: Iterable[str]) -> dict[str, str]:
    """The ids under which the server holds those of these that it holds, whoever gave them."""
    asked = sorted(rids)
    found: dict[str, str] = {}
    for start in range(0, len(asked), _CHUNK):
        rows = connection.execute(
            select(resource.c.rid, func.coalesce(resource.c.server_id, resource.c.rid)).where(
                resource.c.rid.in_(asked[start : start + _CHUNK]),
                resource.c.target_id == target_id,
                or_(resource.c.server_id.is_not(None), resource.c.delivered_digest != GONE_DIGEST),
            )
        )
        found.update((rid, id) for rid, id in rows)
    return found


def gave_ids(connection: Connection, target_id: int) -> bool:
    """Whether the server gave any id, by the route of today or an earlier one."""
    given = (resource.c.target_id == target_id, resource.c.server_id.is_not(None))
    return connection.execute(select(resource.c.id).where(*given).limit(1)).first() is not None
