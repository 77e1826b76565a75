"""The requests of delivery, as the sender threads make them. Nothing here touches the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fhir_msc.target.bundle import Entry, EntryResponse
from fhir_msc.target.client import FhirClient, Missing, Resource
from fhir_msc.target.fhirjson import JsonObject

LOOKED_UP = 100
"""Resources read by one search."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One resource on its way: its body, and the version it replaces; ``None`` for what is new on the server."""

    id: int
    rid: str
    type: str
    body: bytes
    version: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """One resource to be read. ``expected``: it was delivered, so that a search that does not find it is not believed
    before it was asked for by its id."""

    id: int
    rid: str
    type: str
    expected: bool


def entries(client: FhirClient, outgoing: Sequence[Outgoing]) -> list[Entry]:
    """The entries of a transaction, each a PUT under our id, with If-Match where a version is known."""
    return [
        Entry("PUT", f"{one.type}/{one.rid}", one.body, client.full_url(one.type, one.rid), if_match=one.version)
        for one in outgoing
    ]


def send(client: FhirClient, outgoing: Sequence[Outgoing]) -> list[EntryResponse]:
    """Sends one transaction. Raises TargetError."""
    return client.transaction(entries(client, outgoing))


def look(client: FhirClient, wanted: Sequence[Wanted]) -> Mapping[int, JsonObject | None]:
    """Reads resources by id: what stands there, or ``None``. Raises TargetError."""
    found = inspect(client, wanted)
    return {id: one.content if isinstance(one, Resource) else None for id, one in found.items()}


def inspect(client: FhirClient, wanted: Sequence[Wanted]) -> dict[int, Resource | Missing]:
    """Reads resources by id, a hundred of a type at once; of what is expected and not found, whether it is gone.

    Raises TargetError.
    """
    by_type: dict[str, list[Wanted]] = {}
    for one in wanted:
        by_type.setdefault(one.type, []).append(one)
    found: dict[int, Resource | Missing] = {}
    for type, ones in sorted(by_type.items()):
        for start in range(0, len(ones), LOOKED_UP):
            found.update(_search(client, type, ones[start : start + LOOKED_UP]))
    return found


def is_empty(client: FhirClient, type: str, system: str) -> bool:
    """Whether the server has no resource of the type with an identifier of this system. Raises TargetError."""
    return client.count(type, {"identifier": f"{system}|"}) == 0


def _search(client: FhirClient, type: str, wanted: Sequence[Wanted]) -> dict[int, Resource | Missing]:
    params = {"_id": ",".join(one.rid for one in wanted), "_count": str(len(wanted))}
    there = {entry.resource.id: entry.resource for entry in client.search(type, params)}
    found: dict[int, Resource | Missing] = {}
    for one in wanted:
        known = there.get(one.rid)
        if known is None:
            found[one.id] = client.read(type, one.rid) if one.expected else Missing(gone=False)
        else:
            found[one.id] = known
    return found
