"""Servers that the sandbox can play: what they declare, and that they do no more.

The shapes are those of statements that the servers publish, cut down to what a trial's resources meet; the words are
our own. What is not declared is refused as such servers refuse it, so that a client that hopes is found out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fhir_msc.sandbox.outcome import Refused

EVERYTHING = frozenset(
    {"read", "vread", "update", "delete", "history-instance", "history-type", "create", "search-type"}
)


@dataclass(frozen=True, slots=True)
class TypeRules:
    """What a server does with a type: interactions, and search parameters (``None``: all that the sandbox knows)."""

    interactions: frozenset[str] = EVERYTHING
    searched: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """A server.

    ``types`` are those it knows (``None``: all, with everything); ``update_create`` is whether PUT takes a new id, and
    is declared only where ``says_update_create``; ``bundles`` are those it runs.
    """

    name: str
    software: str
    types: Mapping[str, TypeRules] | None = None
    update_create: bool = True
    says_update_create: bool = True
    conditional_create: bool = True
    conditional_update: bool = True
    bundles: frozenset[str] = frozenset({"transaction", "batch"})

    def rules(self, type_name: str) -> TypeRules | None:
        """The rules of a type; ``None`` for one that the server does not know."""
        return TypeRules() if self.types is None else self.types.get(type_name)

    def require(self, type_name: str, interaction: str) -> None:
        """Refuses what is not declared."""
        rules = self.rules(type_name)
        if rules is None:
            raise Refused(404, "not-supported", f"This server has no {type_name}")
        if interaction not in rules.interactions:
            raise Refused(405, "not-supported", f"This server does no {interaction} of {type_name}")

    def require_condition(self, *, creates: bool) -> None:
        """Refuses criteria where the server would not look for them: to ignore them would make doubles."""
        if not (self.conditional_create if creates else self.conditional_update):
            raise Refused(412, "not-supported", "This server takes no conditional writes")

    def require_bundle(self, kind: object) -> None:
        """Refuses a kind of bundle that the server does not run."""
        if kind not in self.bundles:
            raise Refused(405, "not-supported", f"This server runs no {kind}")

    def require_search(self, type_name: str, names: list[str]) -> None:
        """Refuses a search by what is not declared."""
        self.require(type_name, "search-type")
        rules = self.rules(type_name)
        searched = rules.searched if rules else None
        unknown = [] if searched is None else [name for name in names if name not in searched and name not in _SHOWN]
        if unknown:
            raise Refused(400, "not-supported", f"This server cannot search {type_name} by {unknown[0]}")


_SHOWN = frozenset({"_count", "_total", "_summary", "_elements", "_format", "_pretty"})


def _rules(words: str, *searched: str) -> TypeRules:
    known = {"r": ("read", "search-type"), "c": ("create",), "u": ("update",)}
    return TypeRules(
        frozenset(one for letter in words for one in known[letter]), frozenset({"_id", "_lastUpdated", *searched})
    )


_READ = _rules("r")
_READ_BY_IDENTIFIER = _rules("r", "identifier")
_EPIC_READS = (
    "Consent",
    "Device",
    "Encounter",
    "Location",
    "MedicationAdministration",
    "Practitioner",
    "PractitionerRole",
    "ResearchStudy",
    "ResearchSubject",
)
_CLINICAL = ("patient", "subject", "code", "category", "date")

OWN = Profile("sandbox", "fhir_msc sandbox")
"""The sandbox as itself: it can do all that it knows, and says so."""

PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile("hapi", "HAPI FHIR Server", says_update_create=False),
        Profile("google", "Google Cloud Healthcare API", update_create=False),
        Profile("medplum", "Medplum", update_create=False),
        Profile(
            "oracle",
            "Oracle Health Millennium",
            {
                "Patient": _rules("rc", "identifier", "birthdate", "name"),
                "Encounter": _rules("rc", "identifier", "patient", "subject", "date"),
                "Organization": _rules("rc", "identifier", "name"),
                "Practitioner": _rules("rc", "identifier", "name"),
                "Location": _READ_BY_IDENTIFIER,
                "Condition": _rules("rcu", *_CLINICAL),
                "Observation": _rules("rcu", *_CLINICAL),
                "Provenance": _rules("rc", "target"),
                "Consent": _READ,
                "Device": _READ,
                "MedicationAdministration": _READ,
            },
            update_create=False,
            conditional_create=False,
            conditional_update=False,
            bundles=frozenset({"batch"}),
        ),
        Profile(
            "epic",
            "Epic",
            {
                "Patient": _rules("rc", "identifier", "birthdate", "name"),
                "Condition": _rules("rc", "identifier", *_CLINICAL),
                "Observation": _rules("rcu", "identifier", *_CLINICAL),
                **dict.fromkeys(_EPIC_READS, _READ_BY_IDENTIFIER),
                **dict.fromkeys(("AdverseEvent", "Group", "Organization"), _READ),
            },
            update_create=False,
            conditional_create=False,
            conditional_update=False,
            bundles=frozenset(),
        ),
        Profile(
            "meditech",
            "MEDITECH Interoperability Services",
            {
                "Patient": _READ_BY_IDENTIFIER,
                "Encounter": _READ_BY_IDENTIFIER,
                "Practitioner": _READ_BY_IDENTIFIER,
                **dict.fromkeys(
                    ("Condition", "Device", "Group", "Location", "Observation", "Organization", "PractitionerRole"),
                    _READ,
                ),
            },
            update_create=False,
            conditional_create=False,
            conditional_update=False,
            bundles=frozenset(),
        ),
    )
}
"""By name."""
