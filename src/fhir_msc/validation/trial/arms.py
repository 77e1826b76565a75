"""What tells the arm in resources that are meant for the blind.

Sealed is what ``release.blinding`` seals in records: the arm, and of the study's product what was given, how much, how
long, from which lot, with which device. Besides, texts in which an arm is called by its name. The protocol's own list
of arms is public; so is the product's blinded name, which may say what else it could have been.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from fhir_msc.findings import Severity
from fhir_msc.release.blinding import BLINDED_PRODUCTS
from fhir_msc.validation.objects import Node, nodes
from fhir_msc.validation.problems import Problem

TELLS_ARM = "MSC-BLIND-002"
NAMES_ARM = "MSC-BLIND-003"

_PUBLIC = frozenset(["ResearchStudy", "PlanDefinition", "CodeSystem", "ValueSet", "Group"])
"""The protocol's own resources, the same whoever is in which arm."""

_HINT = "leave it out of what a blind target gets"


def sealed_elements(resource: Node) -> list[Problem]:
    """The elements of a resource that tell the arm, or may tell it."""
    match resource.get("resourceType"):
        case "ResearchSubject":
            paths = [name for name in ("assignedArm", "actualArm") if name in resource or f"_{name}" in resource]
        case "MedicationAdministration":
            paths = list(_administration(resource))
        case "Observation":
            paths = ["device"] if "device" in resource else []
        case "BiologicallyDerivedProduct":
            paths = [""]
        case "Medication":
            paths = ["batch.lotNumber"] if any("lotNumber" in one for one in nodes(resource, "batch")) else []
        case "Device":
            paths = [name for name in ("lotNumber", "serialNumber") if name in resource]
        case _:
            paths = []
    return [Problem(TELLS_ARM, "tells the arm, or may tell it", path, hint=_HINT) for path in paths]


def _administration(resource: Node) -> Iterator[str]:
    for name in ("dose", "rateRatio", "rateQuantity"):
        if any(name in one for one in nodes(resource, "dosage")):
            yield f"dosage.{name}"
    if any("end" in one for one in nodes(resource, "effectivePeriod")):
        yield "effectivePeriod.end"
    for name in ("device", "supportingInformation"):
        if name in resource:
            yield name
    if "medicationReference" in resource:
        yield "medicationReference"
    elif not is_blinded(resource.get("medicationCodeableConcept")):
        yield "medicationCodeableConcept"
    for index, contained in enumerate(nodes(resource, "contained")):
        if any("lotNumber" in one for one in nodes(contained, "batch")):
            yield f"contained[{index}].batch.lotNumber"


def is_blinded(concept: object) -> bool:
    """Whether a product is called by the one name that it has for every arm."""
    return any(coding.get("code") in BLINDED_PRODUCTS for coding in nodes(concept, "coding"))


def named_arms(resource: Node, arms: Sequence[str]) -> list[Problem]:
    """The texts of a resource in which an arm is called by its name. What it says is never repeated."""
    if not arms or str(resource.get("resourceType")) in _PUBLIC:
        return []
    names = _pattern(tuple(arms))
    return [
        Problem(NAMES_ARM, "a text names an arm of the study", path, hint=_HINT, severity=Severity.WARNING)
        for path, text in _texts(resource, "")
        if names.search(text)
    ]


@lru_cache(8)
def _pattern(arms: tuple[str, ...]) -> re.Pattern[str]:
    words = "|".join(r"\s+".join(map(re.escape, arm.split())) for arm in arms)
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Every text below, but what is inside a blinded product and inside other resources' entries."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        if not is_blinded(value):
            for name, below in value.items():
                if name not in ("resource", "reference", "system", "url", "id"):
                    yield from _texts(below, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _texts(below, f"{path}[{index}]")
