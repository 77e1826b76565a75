"""The CapabilityStatement: what this server does, and no more."""

from __future__ import annotations

from functools import cache
from typing import Any

from fhir_msc.sandbox import r4, search

_INTERACTIONS = ("read", "vread", "update", "delete", "history-instance", "history-type", "create", "search-type")


def statement(base: str, date: str) -> dict[str, Any]:
    """The statement of the server at ``base``, as of ``date``."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "kind": "instance",
        "software": {"name": "fhir_msc sandbox"},
        "implementation": {"description": "A small server on loopback for demos and tests", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "resource": [_resource(name) for name in sorted(r4.resource_types())],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
            }
        ],
    }


@cache
def _resource(type_name: str) -> dict[str, Any]:
    named: dict[str, str] = {"_id": "token", "_lastUpdated": "date"} | {
        name: parameter.kind for name, parameter in search.parameters(type_name).items()
    }
    return {
        "type": type_name,
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "not-supported",
        "conditionalUpdate": True,
        "conditionalDelete": "not-supported",
        "referencePolicy": ["literal", "enforced"],
        "searchParam": [{"name": name, "type": kind} for name, kind in sorted(named.items())],
    }
