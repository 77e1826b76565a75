"""What an object notes for the resource around it, which alone can say whether it is wrong: ids of elements, which may
stand once in it, and extensions that have their places."""

from __future__ import annotations

from collections.abc import Mapping

from fhir_msc.validation.companions import Check
from fhir_msc.validation.problems import ELEMENT_ID, EMPTY, NOTED_EXTENSION, NOTED_ID, Problem, Within, shown


def identified(value: Mapping[str, object]) -> list[Problem]:
    """Of an element with an id, or without anything: what is wrong, and the id for the resource around."""
    found = []
    if len(value) <= 1:
        found.append(Problem(EMPTY, "All FHIR elements must have a @value or children (ele-1)"))
    if "id" in value:
        found.append(Problem(NOTED_ID, "an element has an id", path="id", value=shown(value["id"])))
    return found


def settled(found: list[Problem], resource: str, within: Within, element: str = "") -> list[Problem] | None:
    """The problems of a resource of this type, or of an element of it; of extensions that are noted among them, those
    that may not stand where they stand."""
    kept: list[Problem] = []
    for problem in found:
        if problem.rule == NOTED_EXTENSION:
            from fhir_msc.validation.profiles.extensions import misplaced

            wrong = misplaced(problem, resource, element, within)
            kept += () if wrong is None else (wrong,)
        else:
            kept.append(problem)
    return kept or None


def once_identified(found: list[Problem]) -> list[Problem]:
    """The problems; of the ids that elements have, noted among them, those that stood before."""
    if len(found) == 1 and found[0].rule != NOTED_ID:
        return found
    seen: set[str | None] = set()
    kept = []
    for problem in found:
        if problem.rule != NOTED_ID:
            kept.append(problem)
        elif problem.value in seen:
            kept.append(Problem(ELEMENT_ID, "another element of the resource has this id", problem.path, problem.value))
        else:
            seen.add(problem.value)
    return kept


def settling(check: Check, name: str, owner: str) -> Check:
    """The check of an element of a resource: of the extensions noted within, those remain that may not stand there."""

    def check_element(value: object, within: Within) -> list[Problem] | None:
        found = check(value, within)
        return None if found is None else settled(found, owner, within, name)

    return check_element
