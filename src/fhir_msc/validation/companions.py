"""``_name``: the id and the extensions of a primitive element, beside its value in ``name``.

http://hl7.org/fhir/R4/json.html#primitive. Beside an array stands an array; ``null`` fills the places of either.
"""

from __future__ import annotations

from collections.abc import Callable

from fhir_msc.validation.problems import ARRAY, EMPTY, NULL, Problem, Within, under

Check = Callable[[object, Within], list[Problem] | None]
"""Takes a value and what is around it; gives the problems, or ``None``."""


def companion_problems(
    companion: object, value: object, many: bool, element_check: Check, within: Within
) -> list[Problem]:
    """What is wrong with ``companion``, which stands beside ``value`` (``None`` where there is no value)."""
    if not many:
        return _one(companion, value is not None, element_check, within)
    if not isinstance(companion, (list, tuple)):
        return [Problem(ARRAY, "an array is expected: the element may repeat")]
    if not companion:
        return [Problem(EMPTY, "an array may not be empty")]
    values = value if isinstance(value, (list, tuple)) else ()
    problems: list[Problem] = []
    for index, item in enumerate(companion):
        has_value = index < len(values) and values[index] is not None
        if item is not None:
            problems += under(f"[{index}]", _one(item, has_value, element_check, within))
        elif not has_value:
            problems.append(Problem(NULL, "neither a value nor an extension stands here", path=f"[{index}]"))
    return problems


def without_excused(found: list[Problem], companion: object) -> list[Problem]:
    """The problems of an array without the ``null`` items that an item of ``_name`` stands for."""
    if not isinstance(companion, (list, tuple)):
        return found
    excused = {f"[{index}]" for index, item in enumerate(companion) if isinstance(item, dict)}
    return [problem for problem in found if problem.rule != NULL or problem.path not in excused]


def _one(companion: object, has_value: bool, element_check: Check, within: Within) -> list[Problem]:
    if isinstance(companion, dict) and has_value and companion.keys() == {"id"}:
        return element_check({**companion, "extension": _PLACEHOLDER}, within) or []
    return element_check(companion, within) or []


_PLACEHOLDER = ({"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"},)
"""Stands for the value that makes an ``_name`` with an id alone more than empty (ele-1)."""
