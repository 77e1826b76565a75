"""How each resource type reaches a server: the route plan, made before anything is sent and shown with its reasons."""

from __future__ import annotations

from collections.abc import Collection, Sequence
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


@dataclass(frozen=True, slots=True)
class Route:
    """The route of one type and why. ``by`` is the search parameter that finds our resources again, where one does."""

    type: str
    kind: RouteKind
    reason: str
    by: Literal["identifier", "_tag"] | None = None

    @property
    def deliverable(self) -> bool:
        """Whether resources of this type are sent. Only the client-id PUT is taken so far."""
        return self.kind is RouteKind.CLIENT_ID_PUT


def route_plan(
    capabilities: Capabilities,
    types: Sequence[str],
    family: Family,
    role: Role,
    *,
    client_ids: bool | None = None,
    writable: Collection[str] = (),
) -> tuple[Route, ...]:
    """The route of each of ``types``, in their order.

    ``client_ids`` is the config's word on PUT under new ids (``None``: as declared, else as known of the family).
    An ``ehr`` is written to only for the types in ``writable``.
    """
    return tuple(
        _route(name, capabilities.types.get(name), family, role == "store" or name in writable, client_ids)
        for name in types
    )


def _route(
    name: str, declared: TypeCapabilities | None, family: Family, may_write: bool, client_ids: bool | None
) -> Route:
    if declared is None:
        return Route(name, RouteKind.UNSUPPORTED, "the server does not declare the type")
    by = _found_by(declared)
    if not may_write:
        return _unwritten(declared, by, "writing to an ehr is off unless the config names the type")
    if not (declared.can("update") or declared.can("create")):
        return _unwritten(declared, by, "the server declares neither create nor update")
    if declared.can("update") and (reason := _client_id_reason(declared, family, client_ids)):
        return Route(name, RouteKind.CLIENT_ID_PUT, reason, by)
    if by is None:
        return _unwritten(
            declared,
            by,
            "no client ids, and neither identifier nor _tag can be searched: what was sent could not be found",
        )
    if declared.can("update") and declared.conditional_update:
        return Route(name, RouteKind.CONDITIONAL_UPDATE, "the server declares conditionalUpdate", by)
    if declared.can("create") and declared.conditional_create:
        return Route(name, RouteKind.CONDITIONAL_CREATE, "the server declares conditionalCreate", by)
    if declared.can("create"):
        return Route(name, RouteKind.SEARCH_THEN_CREATE, f"the server declares create and search by {by} only", by)
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


def _found_by(declared: TypeCapabilities) -> Literal["identifier", "_tag"] | None:
    if declared.can_search("identifier"):
        return "identifier"
    return "_tag" if declared.can_search("_tag") else None


def _unwritten(declared: TypeCapabilities, by: Literal["identifier", "_tag"] | None, reason: str) -> Route:
    readable = declared.can("read") or declared.can("search-type")
    return Route(declared.type, RouteKind.READ_ONLY if readable else RouteKind.UNSUPPORTED, reason, by)
