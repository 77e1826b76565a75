"""How each resource type reaches a server: the route plan, made before anything is sent and shown with its reasons."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from fhir_msc.target.capabilities import Capabilities, TypeCapabilities
from fhir_msc.target.families import PRESETS, Family

Role = Literal["store", "ehr"]


class RouteKind(StrEnum):
    """The ways to write, best first, and the ways not to."""

    CLIENT_ID_PUT = "client-id PUT"
    CONDITIONAL_UPDATE = "conditional update"
    CONDITIONAL_CREATE = "conditional create"
    SEARCH_THEN_CREATE = "search, then create"
    READ_ONLY = "read-only"
    UNSUPPORTED = "unsupported"


WRITES = (
    RouteKind.CLIENT_ID_PUT,
    RouteKind.CONDITIONAL_UPDATE,
    RouteKind.CONDITIONAL_CREATE,
    RouteKind.SEARCH_THEN_CREATE,
)

EVERY = "*"
"""In the config's choice of routes: every type that it does not name."""

FoundBy = Literal["identifier", "_tag"]


@dataclass(frozen=True, slots=True)
class Route:
    """The route of one type and why.

    ``by`` is the search parameter that finds our resources again, where one does; ``updates`` says whether what was
    sent can be changed later.
    """

    type: str
    kind: RouteKind
    reason: str
    by: FoundBy | None = None
    updates: bool = True

    @property
    def deliverable(self) -> bool:
        """Whether resources of this type are sent."""
        return self.kind in WRITES

    @property
    def is_conditional(self) -> bool:
        """Whether the server looks for a resource before it writes it."""
        return self.kind in (RouteKind.CONDITIONAL_UPDATE, RouteKind.CONDITIONAL_CREATE)

    @property
    def keeps_our_ids(self) -> bool:
        """Whether the server holds resources of this type under ids of ours, or has none of them."""
        return self.kind is RouteKind.CLIENT_ID_PUT or not self.deliverable


def route_plan(
    capabilities: Capabilities,
    types: Sequence[str],
    family: Family,
    role: Role,
    *,
    client_ids: bool | None = None,
    writable: Collection[str] = (),
    chosen: Mapping[str, RouteKind] | None = None,
) -> tuple[Route, ...]:
    """The route of each of ``types``, in their order.

    ``client_ids`` is the config's word on PUT under new ids (``None``: as declared, else as known of the family),
    ``chosen`` its word on the route of a type, or of ``EVERY`` other. What a type cannot do (no create, nothing to find
    it by) no word of the config makes it do. An ``ehr`` is written to only for the types in ``writable``.
    """
    words = chosen or {}
    return tuple(
        _route(
            name,
            capabilities.types.get(name),
            family,
            role == "store" or name in writable,
            client_ids,
            words.get(name, words.get(EVERY)),
        )
        for name in types
    )


def _route(
    name: str,
    declared: TypeCapabilities | None,
    family: Family,
    may_write: bool,
    client_ids: bool | None,
    chosen: RouteKind | None,
) -> Route:
    if declared is None:
        return Route(name, RouteKind.UNSUPPORTED, "the server does not declare the type")
    by = _found_by(declared)
    if not may_write:
        return _unwritten(declared, by, "writing to an ehr is off unless the config names the type")
    if chosen is not None and chosen not in WRITES:
        return _unwritten(declared, by, "the config says that the type is not written")
    creates, updates = declared.can("create"), declared.can("update")
    if not (updates or creates):
        return _unwritten(declared, by, "the server declares neither create nor update")
    if chosen is RouteKind.CLIENT_ID_PUT:
        client_ids = True
    if chosen in (None, RouteKind.CLIENT_ID_PUT):
        takes = _client_id_reason(declared, family, client_ids) if updates else None
        if takes is not None:
            return Route(name, RouteKind.CLIENT_ID_PUT, takes, by)
    if by is None:
        return _unwritten(
            declared,
            by,
            "no client ids, and neither identifier nor _tag can be searched: what was sent could not be found",
        )
    for kind, can, reason in (
        (
            RouteKind.CONDITIONAL_UPDATE,
            updates and declared.conditional_update,
            "the server declares conditionalUpdate",
        ),
        (
            RouteKind.CONDITIONAL_CREATE,
            creates and declared.conditional_create,
            "the server declares conditionalCreate",
        ),
        (RouteKind.SEARCH_THEN_CREATE, creates, f"the server declares create and search by {by} only"),
    ):
        if can and chosen in (None, kind):
            return Route(name, kind, reason if chosen is None else "the config says so", by, updates)
    if chosen is not None:
        return _unwritten(declared, by, f"the config asks for {chosen.value}, which the server does not declare")
    return _unwritten(declared, by, "the server declares update, but neither create nor client ids")


def _client_id_reason(declared: TypeCapabilities, family: Family, client_ids: bool | None) -> str | None:
    if client_ids is not None:
        return "the config says that the server takes client ids" if client_ids else None
    if declared.update_create is not None:
        return "the server declares updateCreate" if declared.update_create else None
    preset = PRESETS.get(family)
    if preset is not None and preset.client_ids:
        return f"{preset.title} takes client ids, though this server does not declare updateCreate"
    return None


def _found_by(declared: TypeCapabilities) -> FoundBy | None:
    if declared.can_search("identifier"):
        return "identifier"
    return "_tag" if declared.can_search("_tag") else None


def _unwritten(declared: TypeCapabilities, by: FoundBy | None, reason: str) -> Route:
    readable = declared.can("read") or declared.can("search-type")
    return Route(declared.type, RouteKind.READ_ONLY if readable else RouteKind.UNSUPPORTED, reason, by)
