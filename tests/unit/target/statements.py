"""Small CapabilityStatements of the shapes that servers have."""

from __future__ import annotations

from typing import Any

from fhir_msc.target.capabilities import Capabilities, read_capabilities

ALL = ("create", "read", "search-type", "update")


def resource(
    type: str, interactions: tuple[str, ...] = ALL, search: tuple[str, ...] = ("identifier",), **more: Any
) -> dict[str, Any]:
    """One type of a statement."""
    return {
        "type": type,
        "interaction": [{"code": code} for code in interactions],
        "searchParam": [{"name": name} for name in search],
        **more,
    }


def statement(*resources: dict[str, Any], system: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """A statement with one rest of mode server."""
    rest = {"mode": "server", "resource": list(resources), "interaction": [{"code": code} for code in system]}
    return {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "format": ["json"], "rest": [rest], **more}


def capabilities(*resources: dict[str, Any], system: tuple[str, ...] = (), **more: Any) -> Capabilities:
    """The statement as the program reads it."""
    return read_capabilities(statement(*resources, system=system, **more))
