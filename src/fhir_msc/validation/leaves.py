"""The checks that need no other type's: arrays, primitive values, codes, narrative, and what may not be there."""

from __future__ import annotations

from dataclasses import replace

from fhir_msc.validation.companions import Check
from fhir_msc.validation.definitions import Element
from fhir_msc.validation.narrative import narrative_problem
from fhir_msc.validation.primitives import CHECKS, TEXTS, is_string
from fhir_msc.validation.problems import ARRAY, BINDING, EMPTY, MAX, UNKNOWN, Problem, Within, shown, under
from fhir_msc.validation.wrong import wrong_json_type, wrong_primitive

COMPANION: list[Problem] = []
"""What the slot of ``_name`` answers: it is checked together with ``name``."""


def each(check: Check) -> Check:
    """The check of an array, from that of its items."""

    def check_items(value: object, within: Within) -> list[Problem] | None:
        if not isinstance(value, (list, tuple)):
            return [Problem(ARRAY, "an array is expected: the element may repeat", value=shown(value))]
        if not value:
            return [Problem(EMPTY, "an array may not be empty")]
        if len(value) == 1:
            found = check(value[0], within)
            return None if found is None else under("[0]", found)
        problems: list[Problem] | None = None
        for index, item in enumerate(value):
            found = check(item, within)
            if found is not None:
                problems = (problems or []) + under(f"[{index}]", found)
        return problems

    return check_items


def primitive_check(kind: str) -> Check:
    """The check of a primitive type."""
    valid, of_text = CHECKS[kind], TEXTS.get(kind, is_string)

    def check(value: object, within: Within) -> list[Problem] | None:
        return None if valid(value) else [wrong_primitive(kind, value)]

    def check_text(value: object, within: Within) -> list[Problem] | None:
        return None if isinstance(value, str) and of_text(value) else [wrong_primitive(kind, value)]

    return check_text if kind in TEXTS else check


def code_check(codes: frozenset[str], element: Element) -> Check:
    """The check of a code with a required binding."""

    def check(value: object, within: Within) -> list[Problem] | None:
        if isinstance(value, str):
            if value in codes:
                return None
            hint = f"one of {', '.join(sorted(codes))}" if len(codes) <= 20 else None
            message = f"not a code of the required value set {element.value_set}"
            return [Problem(BINDING, message, value=shown(value), hint=hint)]
        return [wrong_primitive("code", value)]

    return check


def narrative(value: object, within: Within) -> list[Problem] | None:
    """XHTML."""
    if not isinstance(value, str):
        return [wrong_json_type(value, "XHTML text")]
    problem = narrative_problem(value)
    return None if problem is None else [problem]


def no_name(value: object, within: Within) -> list[Problem]:
    """A member whose name is no text, in a document that was no JSON."""
    return [Problem(UNKNOWN, "the name of an element is text")]


def always(problem: Problem) -> Check:
    """The check that finds this, whatever the value."""
    return lambda value, within: [replace(problem)]


def anything(value: object, within: Within) -> None:
    """No question asked."""
    return


def prohibited(value: object, within: Within) -> list[Problem]:
    """An element that may not be there."""
    return [Problem(MAX, "may not be present here")]


def companion(value: object, within: Within) -> list[Problem]:
    """``_name``: whoever asks looks at it together with ``name``."""
    return COMPANION
