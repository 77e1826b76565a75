"""CodeSystem: the project's own codes, for what no standard code was found.

R4: http://hl7.org/fhir/R4/codesystem.html. The files in ``codesystems/`` are complete but for what a target adds:
the id, the url under its namespace, and the identifier.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import cast

import orjson

from fhir_msc.resources.body import Body
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import present

INVESTIGATIONAL_PRODUCT = "investigational-product"


@dataclass(frozen=True, slots=True)
class CodeSystem:
    """One of the project's code systems, by the last part of its URL (``sle-assessment``)."""

    name: str


def own_code_systems() -> tuple[CodeSystem, ...]:
    """The code systems that the project ships, by name."""
    found = (entry.name for entry in (files(__package__) / "codesystems").iterdir())
    return tuple(CodeSystem(name.removesuffix(".json")) for name in sorted(found) if name.endswith(".json"))


def concepts(name: str) -> dict[str, str]:
    """The codes of one of the project's code systems with their displays."""
    listed = cast("list[dict[str, str]]", written(CodeSystem(name))["concept"])
    return {concept["code"]: concept["display"] for concept in listed}


def build(record: CodeSystem, links: Links, context: ResourceContext) -> Body:
    """The CodeSystem under the target's namespace."""
    system = written(record)
    return present(
        {
            "resourceType": system.pop("resourceType"),
            "id": links.rid,
            "meta": context.meta(),
            "url": context.code_system(record.name),
            "identifier": [context.sync_identifier(links.rid)],
            **system,
        }
    )


def written(system: CodeSystem) -> Body:
    """The code system as its file has it."""
    read: Body = orjson.loads((files(__package__) / "codesystems" / f"{system.name}.json").read_bytes())
    return read
