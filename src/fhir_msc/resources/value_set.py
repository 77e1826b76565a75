"""ValueSet: all codes of one of the project's own code systems.

R4: http://hl7.org/fhir/R4/valueset.html. Whoever binds an element to our codes needs one.
"""

from __future__ import annotations

from dataclasses import dataclass

from fhir_msc.resources.body import Body
from fhir_msc.resources.code_system import CodeSystem, own_code_systems, written
from fhir_msc.resources.context import Links, ResourceContext
from fhir_msc.resources.datatypes import present


@dataclass(frozen=True, slots=True)
class ValueSet:
    """All codes of the code system of that name."""

    name: str


def own_value_sets() -> tuple[ValueSet, ...]:
    """A value set for each code system that the project ships, by name."""
    return tuple(ValueSet(system.name) for system in own_code_systems())


def build(record: ValueSet, links: Links, context: ResourceContext) -> Body:
    """The ValueSet under the target's namespace."""
    system = written(CodeSystem(record.name))
    return present(
        {
            "resourceType": "ValueSet",
            "id": links.rid,
            "meta": context.meta(),
            "url": context.value_set(record.name),
            "identifier": [context.sync_identifier(links.rid)],
            "version": system["version"],
            "name": f"{system['name']}Codes",
            "title": system["title"],
            "status": system["status"],
            "experimental": system["experimental"],
            "description": f"All codes of {context.code_system(record.name)}.",
            "compose": {"include": [{"system": context.code_system(record.name), "version": system["version"]}]},
        }
    )
