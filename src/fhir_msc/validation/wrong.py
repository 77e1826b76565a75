"""What is said of a value that is wrong: of another type than R4 has there, unknown, missing, or one too many."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from fhir_msc.validation.definitions import Element
from fhir_msc.validation.primitives import FORMS, lacks_zone
from fhir_msc.validation.problems import ARRAY, CHOICE, EMPTY, MIN, NULL, OBJECT, TYPE, UNKNOWN, ZONE, Problem, shown


def unknown(elements: Mapping[str, object], name: str) -> Problem:
    """An element of a name that the type does not have."""
    near = get_close_matches(name, elements, n=1)
    return Problem(UNKNOWN, "R4 has no such element here", hint=f"did you mean {near[0]}?" if near else None)


def not_an_object(value: object) -> Problem:
    """Something else where an object is expected."""
    return wrong_json_type(value, "an object", OBJECT)


def wrong_json_type(value: object, wanted: str, rule: str = TYPE) -> Problem:
    """A value of another JSON type than the one that is wanted, in words."""
    if value is None:
        return Problem(NULL, "null is not a value in FHIR")
    if isinstance(value, (list, tuple)):
        return Problem(ARRAY, "an array is not expected: the element may not repeat")
    return Problem(rule, f"{wanted} is expected", value=shown(value))


def wrong_primitive(kind: str, value: object) -> Problem:
    """A value that is none of a primitive type."""
    rule = f"{TYPE}-{kind.upper()}"
    if value == "":
        return Problem(EMPTY, "a value may not be empty text")
    if kind in ("dateTime", "instant") and isinstance(value, str) and lacks_zone(value):
        return Problem(ZONE, "a time needs a zone", value=value, hint="add Z or an offset such as +02:00")
    return wrong_json_type(value, f"{kind}: {FORMS[kind]}", rule)


def missing(required: frozenset[str], value: Mapping[str, object]) -> list[Problem]:
    """The required elements that an object does not have."""
    return [
        Problem(MIN, "is required", path=name)
        for name in sorted(required - value.keys())
        if f"_{name}" not in value  # an extension may stand in for a primitive value
    ]


def choice_problems(choice: Element, value: Mapping[str, object]) -> list[Problem]:
    """More than one of the elements of a choice, or none where one is required."""
    given = {name for name in choice.json_names if name in value or f"_{name}" in value}
    if len(given) > 1:
        return [Problem(CHOICE, f"only one type of {choice.name} may be given: {', '.join(sorted(given))}")]
    if choice.min and not given:
        return [Problem(MIN, "is required", path=choice.name)]
    return []
