"""What a builder knows besides the record: the target's namespace, identity and blindness, and the ids it refers to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fhir_msc.errors import UsageError
from fhir_msc.resources.identity import Identity
from fhir_msc.trial import Study


class DesignLinks(NamedTuple):
    """What only the resources of the study's own lane refer to.

    ``investigators`` are Practitioners (or PractitionerRoles, by the letter of their ids) in the order of the study's
    investigators; ``enrollment`` are Groups, ``protocol`` PlanDefinitions.
    """

    location: str | None = None
    practitioner: str | None = None
    investigators: tuple[str, ...] = ()
    enrollment: tuple[str, ...] = ()
    protocol: tuple[str, ...] = ()


class Links(NamedTuple):
    """The opaque ids that one resource carries: its own, and those of the resources it refers to.

    ``study`` is the ResearchStudy of the participant's site (the main study where sites are not told apart; for a
    site's ResearchStudy the study it is part of). ``service_provider`` is an Organization: the site, or for the main
    ResearchStudy the sponsor. ``None`` leaves the reference out.
    """

    rid: str
    subject: str | None = None
    study: str | None = None
    encounter: str | None = None
    consent: str | None = None
    service_provider: str | None = None
    specimen: str | None = None
    device: str | None = None
    design: DesignLinks = DesignLinks()
    focus: tuple[str, ...] = ()
    """The AdverseEvents that an observation is about."""


@dataclass(frozen=True, slots=True)
class ResourceContext:
    """What all resources of one target share.

    ``namespace`` is the project's base URI without a slash at its end. In a ``blind`` context no builder reads a
    field that tells the arm. ``synthetic`` tags every resource as made-up data.
    """

    namespace: str
    blind: bool
    study: Study
    identity: Identity
    synthetic: bool = False

    def __post_init__(self) -> None:
        if "://" not in self.namespace or self.namespace.endswith("/"):
            raise UsageError(
                "the namespace is not an absolute URI without a slash at its end",
                hint="give a base that is yours, such as https://fhir.hospital.example/trial",
            )

    def identifier_system(self, name: str) -> str:
        """The system of the project's own identifiers: ``sync``, ``subject``, ``site``, ``study``, ``lot``, ..."""
        return f"{self.namespace}/id/{name}"

    def code_system(self, system: str) -> str:
        """A code system's URI; a relative one (``sle-assessment``) is the project's own."""
        if "://" in system or system.startswith("urn:"):
            return system
        return f"{self.namespace}/CodeSystem/{system}"

    def value_set(self, name: str) -> str:
        """The canonical URL of one of the project's own value sets."""
        return f"{self.namespace}/ValueSet/{name}"

    def extension(self, name: str) -> str:
        """The URL of one of the project's own extensions."""
        return f"{self.namespace}/StructureDefinition/{name}"

    def sync_identifier(self, rid: str) -> dict[str, object]:
        """The Identifier by which the sync finds the resource again."""
        return {"system": self.identifier_system("sync"), "value": rid}

    def meta(
        self, *, profiles: Sequence[str] = (), security: Sequence[tuple[str, str]] = ()
    ) -> dict[str, object] | None:
        """Resource.meta with the profiles claimed, the (system, code) security labels and the tag of made-up data."""
        meta: dict[str, object] = {}
        if profiles:
            meta["profile"] = list(profiles)
        if security:
            meta["security"] = [{"system": self.code_system(system), "code": code} for system, code in security]
        if self.synthetic:
            meta["tag"] = [{"system": self.code_system("data-origin"), "code": "synthetic"}]
        return meta or None
