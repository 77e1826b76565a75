"""The CapabilityStatement: what this server does, and no more."""

from __future__ import annotations

from typing import Any

from fhir_msc.sandbox import r4, search
from fhir_msc.sandbox.profiles import OWN, Profile, TypeRules

_INTERACTIONS = ("read", "vread", "update", "delete", "history-instance", "history-type", "create", "search-type")


def statement(base: str, date: str, profile: Profile = OWN) -> dict[str, Any]:
    """The statement of the server at ``base``, as of ``date``, or of the one that it plays."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "kind": "instance",
        "software": {"name": profile.software},
        "implementation": {"description": "A small server on loopback for demos and tests", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "resource": [_resource(name, profile) for name in sorted(profile.types or r4.resource_types())],
                "interaction": [{"code": code} for code in ("transaction", "batch") if code in profile.bundles],
            }
        ],
    }


def _resource(type_name: str, profile: Profile) -> dict[str, Any]:
    rules = profile.rules(type_name) or TypeRules()
    named: dict[str, str] = {"_id": "token", "_lastUpdated": "date"} | {
        name: parameter.kind for name, parameter in search.parameters(type_name).items()
    }
    return {
        "type": type_name,
        "interaction": [{"code": code} for code in _INTERACTIONS if code in rules.interactions],
        "versioning": "versioned-update",
        "readHistory": "history-instance" in rules.interactions,
        **({"updateCreate": profile.update_create} if profile.says_update_create else {}),
        "conditionalCreate": profile.conditional_create,
        "conditionalRead": "not-supported",
        "conditionalUpdate": profile.conditional_update,
        "conditionalDelete": "not-supported",
        "referencePolicy": ["literal", "enforced"],
        "searchParam": [
            {"name": name, "type": kind}
            for name, kind in sorted(named.items())
            if rules.searched is None or name in rules.searched
        ],
    }
