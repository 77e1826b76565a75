"""The requests of delivery, as the sender threads make them. Nothing here touches the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from fhir_msc.target.bundle import BundleKind, Entry, EntryResponse
from fhir_msc.target.client import FhirClient, Missing, Resource
from fhir_msc.target.fhirjson import JsonObject, child, objects, text
from fhir_msc.target.routes import FoundBy, RouteKind

LOOKED_UP = 100
"""Resources read by one search."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One resource on its way: its body (empty: it is to be deleted), the version it replaces (``None`` for what is new
    on the server), its route.

    ``address`` is its id on the server, where one is known; ``criteria`` the search that finds it among all others.
    """

    id: int
    rid: str
    type: str
    body: bytes
    version: str | None
    route: RouteKind = RouteKind.CLIENT_ID_PUT
    address: str | None = None
    criteria: str = ""

    @property
    def deletes(self) -> bool:
        """Whether it is a DELETE."""
        return not self.body

    @property
    def posts(self) -> bool:
        """Whether it is a POST, which done twice makes two."""
        return self.address is None and self.route in (RouteKind.CONDITIONAL_CREATE, RouteKind.SEARCH_THEN_CREATE)

    @property
    def is_conditional(self) -> bool:
        """Whether the server is to look for it before it writes."""
        return self.address is None and self.route is not RouteKind.SEARCH_THEN_CREATE


@dataclass(frozen=True, slots=True)
class Wanted:
    """One resource to be read, by its id on the server (``address``); where none is known, or nothing is there and
    nothing is expected, by our identifier.

    ``expected``: it was delivered, so that a search that does not find it is not believed before it was asked for by
    its id. ``by`` is the search parameter that finds it, ``system`` the URI of our identifiers.
    """

    id: int
    rid: str
    type: str
    expected: bool
    address: str | None
    by: FoundBy | None = None
    system: str = ""


@dataclass(frozen=True, slots=True)
class Several:
    """More than one resource of the server has our identifier."""


Found: TypeAlias = "JsonObject | Several | None"
"""What reading a resource gives: as it stands on the server, ``None`` if there is none."""


def server_ids(found: Mapping[int, Found]) -> dict[int, str]:
    """The ids under which resources were found, by row."""
    ids = {id: text(one.get("id")) for id, one in found.items() if isinstance(one, dict)}
    return {id: one for id, one in ids.items() if one}


def entries(client: FhirClient, outgoing: Sequence[Outgoing]) -> list[Entry]:
    """The entries of a bundle: under a known id a PUT, with If-Match where a version is known; else as the route says.

    An absolute ``fullUrl`` is wanted by HAPI's validation; where the server is to give the id, it is a URN of our own.
    """
    return [entry_of(one, _full_url(client, one)) for one in outgoing]


def entry_of(one: Outgoing, full_url: str | None = None) -> Entry:
    """The entry of one resource."""
    if one.deletes:
        return Entry("DELETE", f"{one.type}/{one.address}")
    if one.address is not None:
        return Entry("PUT", f"{one.type}/{one.address}", one.body, full_url, if_match=one.version)
    if one.route is RouteKind.CONDITIONAL_UPDATE:
        return Entry("PUT", f"{one.type}?{one.criteria}", one.body, full_url)
    return Entry("POST", one.type, one.body, full_url, if_none_exist=one.criteria if one.is_conditional else None)


def _full_url(client: FhirClient, one: Outgoing) -> str:
    return UUID(one.rid[1:33]).urn if one.address is None else client.full_url(one.type, one.address)


def send(client: FhirClient, outgoing: Sequence[Outgoing], bundle: BundleKind | None) -> list[EntryResponse]:
    """Sends resources at once: a transaction, all or nothing; or a batch or one by one, where each has its own answer.

    One alone goes without a batch around it. Raises TargetError.
    """
    if bundle == "transaction":
        return client.transaction(entries(client, outgoing))
    if bundle == "batch" and len(outgoing) > 1:
        return client.batch(entries(client, outgoing))
    return [_alone(client, one) for one in outgoing]


def _alone(client: FhirClient, one: Outgoing) -> EntryResponse:
    if one.address is not None and one.deletes:
        return client.delete(one.type, one.address)
    if one.address is not None:
        return client.update(one.type, one.address, one.body, if_match=one.version)
    if one.route is RouteKind.CONDITIONAL_UPDATE:
        return client.update_matching(one.type, one.criteria, one.body)
    return client.create(one.type, one.body, if_none_exist=one.criteria if one.is_conditional else None)


def look(client: FhirClient, wanted: Sequence[Wanted]) -> Mapping[int, Found]:
    """Reads resources: what stands there, or ``None``. Raises TargetError."""
    return {
        id: one.content if isinstance(one, Resource) else None if isinstance(one, Missing) else one
        for id, one in inspect(client, wanted).items()
    }


def inspect(client: FhirClient, wanted: Sequence[Wanted]) -> dict[int, Resource | Missing | Several]:
    """Reads resources, a hundred of a type at once; of what is expected and not found, whether it is gone.

    Raises TargetError.
    """
    groups: dict[tuple[str, bool], list[Wanted]] = {}
    for one in wanted:
        groups.setdefault((one.type, one.address is not None), []).append(one)
    found: dict[int, Resource | Missing | Several] = {}
    for (type, is_addressed), ones in sorted(groups.items()):
        search = _by_id if is_addressed else _by_identifier
        for start in range(0, len(ones), LOOKED_UP):
            found.update(search(client, type, ones[start : start + LOOKED_UP]))
        if is_addressed:
            left = [one for one in ones if one.by and not one.expected and isinstance(found[one.id], Missing)]
            for start in range(0, len(left), LOOKED_UP):
                found.update(_by_identifier(client, type, left[start : start + LOOKED_UP]))
    return found


def is_empty(client: FhirClient, type: str, system: str) -> bool:
    """Whether the server has no resource of the type with an identifier of this system. Raises TargetError."""
    return client.count(type, {"identifier": f"{system}|"}) == 0


def _by_id(client: FhirClient, type: str, wanted: Sequence[Wanted]) -> dict[int, Resource | Missing | Several]:
    params = {"_id": ",".join(one.address or "" for one in wanted), "_count": str(len(wanted))}
    there = {entry.resource.id: entry.resource for entry in client.search(type, params)}
    found: dict[int, Resource | Missing | Several] = {}
    for one in wanted:
        known = there.get(one.address or "")
        if known is None:
            found[one.id] = client.read(type, one.address or "") if one.expected else Missing(gone=False)
        else:
            found[one.id] = known
    return found


def _by_identifier(client: FhirClient, type: str, wanted: Sequence[Wanted]) -> dict[int, Resource | Missing | Several]:
    by, system = wanted[0].by or "identifier", wanted[0].system
    params = {by: ",".join(f"{system}|{one.rid}" for one in wanted), "_count": str(2 * len(wanted))}
    there: dict[str, dict[str, Resource]] = {}
    for entry in client.search(type, params):
        if entry.mode == "match":
            for rid in names(entry.resource.content, by, system):
                # By id, for what a server writes while it is paged through may come on two pages.
                there.setdefault(rid, {})[entry.resource.id] = entry.resource
    return {one.id: _only(list(there.get(one.rid, {}).values())) for one in wanted}


def _only(known: Sequence[Resource]) -> Resource | Missing | Several:
    if not known:
        return Missing(gone=False)
    return known[0] if len(known) == 1 else Several()


def names(content: JsonObject, by: FoundBy, system: str) -> set[str]:
    """What a resource is called by us."""
    if by == "_tag":
        labels, name = child(content.get("meta")).get("tag"), "code"
    else:
        labels, name = content.get("identifier"), "value"
    ours = objects(labels if isinstance(labels, list) else [labels])
    return {value for one in ours if one.get("system") == system and (value := text(one.get(name)))}
