"""What a server holds, beside what a project wants it to hold: to the number as written, and nothing else."""

from __future__ import annotations

from pathlib import Path

from fhir_msc.resources.registry import RANKS
from fhir_msc.target.client import FhirClient
from fhir_msc.target.fhirjson import JsonObject, parse
from tests.support.projects import fhir_msc

TYPES = tuple(type for type in RANKS if type != "Provenance")
"""The types that a test's study has: in that of most tests no data cut is declared, and so there is no Provenance."""

_SERVERS_OWN = ("versionId", "lastUpdated", "source")


def held(url: str) -> dict[str, JsonObject]:
    """All that the server holds: ``Type/id`` → resource, without what the server writes into ``meta``."""
    with FhirClient(url) as client:
        found = [entry.resource for name in TYPES for entry in client.search(name, {"_count": "500"})]
    bodies = {f"{one.type}/{one.id}": _without_servers_own(one.content) for one in found}
    assert len(bodies) == len(found), "the same resource twice"
    return bodies


def versions(url: str) -> dict[str, str | None]:
    """``Type/id`` → current version."""
    with FhirClient(url) as client:
        found = [entry.resource for name in TYPES for entry in client.search(name, {"_count": "500"})]
    return {f"{one.type}/{one.id}": one.version for one in found}


def wanted(project: Path) -> dict[str, JsonObject]:
    """What ``fhir-msc map`` gives now: ``Type/id`` → resource."""
    output = project / "bodies.ndjson"
    outcome = fhir_msc("map", "--project", project, "--output", output)
    assert outcome.code in (0, 1), outcome.err
    bodies = [parse(line) for line in output.read_bytes().splitlines()]
    output.unlink()
    return {f"{body['resourceType']}/{body['id']}": _without_servers_own(body) for body in bodies}


def _without_servers_own(body: JsonObject) -> JsonObject:
    meta = body.get("meta")
    own = {name: value for name, value in meta.items() if name not in _SERVERS_OWN} if isinstance(meta, dict) else {}
    rest = {name: value for name, value in body.items() if name != "meta"}
    return {**rest, "meta": own} if own else rest
