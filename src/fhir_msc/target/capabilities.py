"""What a server declares about itself: its CapabilityStatement (https://hl7.org/fhir/R4/capabilitystatement.html).

What is absent counts as not declared; what is spelled oddly (``_lastupdated``, ``-encounter``) is still found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fhir_msc.errors import TargetError
from fhir_msc.target.fhirjson import Json, JsonObject, child, objects, text, texts


@dataclass(frozen=True, slots=True)
class TypeCapabilities:
    """What is declared for one resource type. ``update_create`` is ``None`` where nothing is said."""

    type: str
    interactions: frozenset[str]
    """R4 type-restful-interaction codes: read, vread, update, patch, delete, history-instance, create, search-type."""
    versioning: str | None
    update_create: bool | None
    conditional_create: bool
    conditional_update: bool
    read_history: bool
    search_params: frozenset[str]
    """As ``can_search`` compares them: lower case, without a leading hyphen."""
    reference_policy: frozenset[str]
    profiles: tuple[str, ...]

    def can(self, interaction: str) -> bool:
        """Whether the interaction is declared."""
        return interaction in self.interactions

    def can_search(self, parameter: str) -> bool:
        """Whether the type can be searched by the parameter."""
        return self.can("search-type") and _parameter(parameter) in self.search_params


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What is declared for the whole server. ``system_interactions``: transaction, batch, history-system …"""

    fhir_version: str | None
    software: str | None
    software_version: str | None
    publisher: str | None
    description: str | None
    formats: tuple[str, ...]
    system_interactions: frozenset[str]
    types: Mapping[str, TypeCapabilities]

    @property
    def is_r4(self) -> bool:
        """Whether it is FHIR R4 (4.0.x) or R4B (4.3.x)."""
        return (self.fhir_version or "").startswith(("4.0.", "4.3."))

    @property
    def speaks_json(self) -> bool:
        """Whether JSON is among the formats; a server that lists none is taken to."""
        return not self.formats or any("json" in name.lower() for name in self.formats)


def read_capabilities(document: JsonObject) -> Capabilities:
    """The statement as data. Raises TargetError when the document is another one."""
    if document.get("resourceType") != "CapabilityStatement":
        found = text(document.get("resourceType")) or "something else"
        hint = "Check the target's URL: it must be the FHIR base, the one before /metadata."
        if found == "Conformance":
            found, hint = "the Conformance of FHIR DSTU2", "Ask for the server's R4 base URL."
        elif not (found.isascii() and found.isalpha()):
            found = "something else"
        raise TargetError(
            f"this does not look like a FHIR R4 server: /metadata gives {found}, not a CapabilityStatement", hint=hint
        )
    software = child(document.get("software"))
    rests = objects(document.get("rest"))
    rest = next((rest for rest in rests if rest.get("mode") == "server"), rests[0] if rests else {})
    types = [
        _type(name, resource) for resource in objects(rest.get("resource")) if (name := text(resource.get("type")))
    ]
    return Capabilities(
        fhir_version=text(document.get("fhirVersion")),
        software=text(software.get("name")),
        software_version=text(software.get("version")),
        publisher=text(document.get("publisher")),
        description=text(child(document.get("implementation")).get("description")),
        formats=tuple(texts(document.get("format"))),
        system_interactions=_codes(rest.get("interaction")),
        types={capabilities.type: capabilities for capabilities in types},
    )


def require_r4(capabilities: Capabilities) -> None:
    """Raises TargetError unless the server is R4 (4.0.x) or R4B (4.3.x) and speaks JSON."""
    if not capabilities.is_r4:
        version = capabilities.fhir_version or "no version"
        raise TargetError(
            f"the server declares FHIR {version}; fhir_msc speaks R4 (4.0.x, 4.3.x)",
            hint="Ask for the server's R4 base URL.",
        )
    if not capabilities.speaks_json:
        raise TargetError("the server does not declare JSON, which fhir_msc speaks")


def _type(name: str, resource: JsonObject) -> TypeCapabilities:
    update_create = resource.get("updateCreate")
    return TypeCapabilities(
        type=name,
        interactions=_codes(resource.get("interaction")),
        versioning=text(resource.get("versioning")),
        update_create=update_create if isinstance(update_create, bool) else None,
        conditional_create=resource.get("conditionalCreate") is True,
        conditional_update=resource.get("conditionalUpdate") is True,
        read_history=resource.get("readHistory") is True,
        search_params=frozenset(
            _parameter(param) for item in objects(resource.get("searchParam")) if (param := text(item.get("name")))
        ),
        reference_policy=frozenset(texts(resource.get("referencePolicy"))),
        profiles=tuple(texts(resource.get("supportedProfile"))),
    )


def _codes(interactions: Json) -> frozenset[str]:
    return frozenset(code for item in objects(interactions) if (code := text(item.get("code"))))


def _parameter(name: str) -> str:
    return name.removeprefix("-").lower()
