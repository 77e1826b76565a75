"""The vital-signs profiles of R4, where ``meta.profile`` claims one (http://hl7.org/fhir/R4/observation-vitalsigns.html).

The base profile asks for the category, a subject, a time precise to the day (vs-1) and a value or its absence (vs-2,
vs-3); each profile on it fixes the LOINC code and the units. Other profiles are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fhir_msc.validation.definitions import codes_of
from fhir_msc.validation.objects import Node, has, has_choice, nodes
from fhir_msc.validation.problems import INVARIANT, PROFILE, Problem
from fhir_msc.validation.units import UCUM

_BASE = "http://hl7.org/fhir/StructureDefinition/"
_LOINC = "http://loinc.org"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_COMPONENT_UNITS = "http://hl7.org/fhir/ValueSet/ucum-vitals-common"
_NO_CODES: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class VitalSign:
    """A profile: its LOINC code, the units of its value or of its components, and the components' LOINC codes."""

    code: str = ""
    units: frozenset[str] = frozenset()
    components: tuple[str, ...] = ()
    value: bool = True


def _of(code: str, *units: str) -> VitalSign:
    return VitalSign(code, frozenset(units))


VITAL_SIGNS: Mapping[str, VitalSign] = MappingProxyType(
    {
        "vitalsigns": VitalSign(),
        "bmi": _of("39156-5", "kg/m2"),
        "bodyheight": _of("8302-2", "cm", "[in_i]"),
        "bodytemp": _of("8310-5", "Cel", "[degF]"),
        "bodyweight": _of("29463-7", "g", "kg", "[lb_av]"),
        "bp": VitalSign("85354-9", frozenset({"mm[Hg]"}), components=("8480-6", "8462-4"), value=False),
        "headcircum": _of("9843-4", "cm", "[in_i]"),
        "heartrate": _of("8867-4", "/min"),
        "oxygensat": _of("2708-6", "%"),
        "resprate": _of("9279-1", "/min"),
        "vitalspanel": VitalSign("85353-1", value=False),
    }
)
"""The profiles of R4, by the last part of their URL."""


def vital_sign_problems(observation: Node) -> list[Problem]:
    """What is wrong with an Observation by the vital-signs profiles that it claims."""
    if "meta" not in observation:
        return []
    claimed = [
        url.removeprefix(_BASE).split("|")[0]
        for meta in nodes(observation, "meta")
        for url in _texts(meta.get("profile"))
        if url.startswith(_BASE)
    ]
    names = [name for name in dict.fromkeys(claimed) if name in VITAL_SIGNS]
    if not names:
        return []
    problems = list(_base_problems(observation))
    for name in names:
        problems += _profile_problems(observation, name, VITAL_SIGNS[name])
    return problems


def _base_problems(observation: Node) -> Iterator[Problem]:
    if not _has_coding(nodes(observation, "category", "coding"), _CATEGORY, "vital-signs"):
        yield _problem("vitalsigns", "a vital sign has the category vital-signs", "category")
    if "subject" not in observation:
        yield _problem("vitalsigns", "a vital sign has a subject", "subject")
    if not has(observation, "effectiveDateTime") and "effectivePeriod" not in observation:
        yield _problem("vitalsigns", "a vital sign has an effectiveDateTime or effectivePeriod", "effective[x]")
    time = observation.get("effectiveDateTime")
    if isinstance(time, str) and len(time) < 8:
        yield Problem(f"{INVARIANT}-VS-1", "the time of a vital sign is precise to the day", "effectiveDateTime", time)
    if not (has(observation, "component") or has(observation, "hasMember")) and not _answered(observation):
        yield Problem(
            f"{INVARIANT}-VS-2",
            "without components or members there is a value or a dataAbsentReason",
        )
    units = (codes_of(_COMPONENT_UNITS) or {}).get(UCUM, _NO_CODES)
    for index, component in enumerate(nodes(observation, "component")):
        path = f"component[{index}]"
        if not _answered(component):
            yield Problem(f"{INVARIANT}-VS-3", "a component has a value or a dataAbsentReason", path)
        yield from _unit_problems(component, "vitalsigns", units, path, complete=False)


def _profile_problems(observation: Node, name: str, profile: VitalSign) -> Iterator[Problem]:
    if profile.code and not _has_coding(nodes(observation, "code", "coding"), _LOINC, profile.code):
        yield _problem(name, f"has the LOINC code {profile.code}", "code")
    if profile.value:
        if profile.units:
            yield from _unit_problems(observation, name, profile.units, "", complete=True)
    elif has_choice(observation, "value"):
        yield _problem(name, "has no value of its own", "value[x]")
    if name == "bmi" and "valueQuantity" not in observation:
        yield _problem(name, "is required", "valueQuantity")
    if name == "vitalspanel" and "hasMember" not in observation:
        yield _problem(name, "has members", "hasMember")
    for code in profile.components:
        found = [
            (index, component)
            for index, component in enumerate(nodes(observation, "component"))
            if _has_coding(nodes(component, "code", "coding"), _LOINC, code)
        ]
        if len(found) != 1:
            yield _problem(name, f"has one component with the LOINC code {code}", "component")
        for index, component in found:
            yield from _unit_problems(component, name, profile.units, f"component[{index}]", complete=True)


def _unit_problems(node: Node, name: str, units: frozenset[str], path: str, *, complete: bool) -> Iterator[Problem]:
    """A value that is no Quantity, lacks a part (where ``complete``), or has another unit."""
    place = f"{path}.valueQuantity" if path else "valueQuantity"
    quantity = node.get("valueQuantity")
    if not isinstance(quantity, Mapping):
        if complete and has_choice(node, "value"):
            yield _problem(name, "the value is a Quantity", path or "value[x]")
        return
    if complete:
        for part in ("value", "unit", "system", "code"):
            if not has(quantity, part):
                yield _problem(name, "is required", f"{place}.{part}")
    code = quantity.get("code")
    if isinstance(code, str) and (code not in units or quantity.get("system") != UCUM):
        message = f"the unit is UCUM's {' or '.join(sorted(units))}"
        yield Problem(f"{PROFILE}-{name.upper()}", message, f"{place}.code", code)


def _answered(node: Node) -> bool:
    return has_choice(node, "value") or "dataAbsentReason" in node


def _has_coding(codings: Iterator[Node], system: str, code: str) -> bool:
    return any(coding.get("system") == system and coding.get("code") == code for coding in codings)


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, (list, tuple)) else []


def _problem(name: str, message: str, path: str) -> Problem:
    return Problem(f"{PROFILE}-{name.upper()}", f"profile {name}: {message}", path)
