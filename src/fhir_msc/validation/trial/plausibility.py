"""What one Observation tells against itself: a unit that its code does not measure, a value that nobody has, a
diastolic pressure that is not below the systolic one.

The dimension of a unit is that of UCUM 2.1, the property that of the LOINC code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fhir_msc.findings import Severity
from fhir_msc.validation.objects import Node, nodes
from fhir_msc.validation.problems import Problem
from fhir_msc.validation.trial.limits import LOINC, Limit, limits
from fhir_msc.validation.units import UCUM

UNIT_OF_CODE = "MSC-UNIT-002"
LIMITS = "MSC-VALUE-001"
PRESSURE = "MSC-VALUE-002"

_SYSTOLIC, _DIASTOLIC = "8480-6", "8462-4"


def implausible(resource: Node) -> list[Problem]:
    """What is implausible in a resource: nothing in what is no Observation."""
    if resource.get("resourceType") != "Observation":
        return []
    found: list[Problem] = []
    pressures: dict[str, tuple[float, str, str]] = {}
    for path, node in _measured(resource):
        limit, quantity = _limit(node), node.get("valueQuantity")
        if limit is None or not isinstance(quantity, Mapping):
            continue
        unit, value, comparator = quantity.get("code"), _number(quantity.get("value")), quantity.get("comparator")
        if quantity.get("system") != UCUM or not isinstance(unit, str):
            continue
        if not limit.is_unit(unit):
            found.append(_wrong_unit(limit, f"{path}.code", unit))
        elif value is not None:
            if not limit.holds(value, unit, comparator if isinstance(comparator, str) else None):
                found.append(_beyond(limit, f"{path}.value", str(quantity.get("value"))))
            if comparator is None:
                pressures[limit.code] = (value, unit, path)
    return found + _inverted(pressures)


def _measured(resource: Node) -> Iterator[tuple[str, Node]]:
    """The Observation and its components, each with the path of its quantity."""
    yield "valueQuantity", resource
    components = resource.get("component")
    if isinstance(components, Sequence) and not isinstance(components, str):
        for index, component in enumerate(components):
            if isinstance(component, Mapping):
                yield f"component[{index}].valueQuantity", component


def _limit(node: Node) -> Limit | None:
    for coding in nodes(node, "code", "coding"):
        code = coding.get("code")
        if coding.get("system") == LOINC and isinstance(code, str):
            limit = limits().get(code)
            if limit is not None:
                return limit
    return None


def _number(value: object) -> float | None:
    try:
        return float(str(value)) if value is not None and not isinstance(value, bool) else None
    except ValueError:
        return None


def _wrong_unit(limit: Limit, path: str, unit: str) -> Problem:
    return Problem(
        UNIT_OF_CODE,
        f"the unit is not one of what LOINC {limit.code} measures",
        path,
        unit,
        f"a unit that can be converted to {limit.unit}, or another code",
        Severity.WARNING,
    )


def _beyond(limit: Limit, path: str, value: str) -> Problem:
    return Problem(
        LIMITS,
        f"a value that nobody has: outside {limit.low:g} to {limit.high:g} {limit.unit} (LOINC {limit.code})",
        path,
        value,
        "look for a slip of the point, or another unit",
        Severity.WARNING,
    )


def _inverted(pressures: Mapping[str, tuple[float, str, str]]) -> list[Problem]:
    systolic, diastolic = pressures.get(_SYSTOLIC), pressures.get(_DIASTOLIC)
    if systolic is None or diastolic is None or systolic[1] != diastolic[1] or diastolic[0] < systolic[0]:
        return []
    return [
        Problem(
            PRESSURE,
            "the diastolic pressure is not below the systolic one",
            f"{diastolic[2]}.value",
            None,
            "look whether the two were exchanged",
            Severity.WARNING,
        )
    ]
