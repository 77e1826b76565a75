"""The functions on whole collections (http://hl7.org/fhirpath/N1/#functions, http://hl7.org/fhir/R4/fhirpath.html)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from fhir_msc.validation.definitions import codes_of
from fhir_msc.validation.fhirpath.items import (
    BASE_OF_PRIMITIVE,
    EvaluationError,
    Items,
    Node,
    Undecided,
    all_children,
    children,
    descendants,
    distinct,
    equal,
    holds,
    lineage,
    plain,
    type_info,
)
from fhir_msc.validation.fhirpath.operators import single, text_of, truth, union, value_of
from fhir_msc.validation.narrative import narrative_problem

Function = Callable[..., Items]
"""Takes the focus and each argument, all of them collections."""


def _is_distinct(focus: Items) -> Items:
    texts = [value for item in focus if isinstance(value := plain(item), str)]
    if len(texts) == len(focus):
        return [len(set(texts)) == len(texts)]
    answers = {equal(one, other) for index, one in enumerate(focus) for other in focus[:index]}
    return [] if None in answers else [True not in answers]


def _intersect(focus: Items, other: Items) -> Items:
    return [item for item in distinct(focus) if holds(other, item)]


def _whole(items: Items) -> int:
    value = value_of(items)
    if isinstance(value, bool) or not isinstance(value, int):
        raise EvaluationError("a whole number is expected")
    return value


def _single(focus: Items) -> Items:
    item = single(focus)
    return [] if item is None else [item]


def _has_value(focus: Items) -> Items:
    if len(focus) != 1:
        return [False]
    item = focus[0]
    return [not isinstance(item, Node) or (item.kind in BASE_OF_PRIMITIVE and item.value not in (None, ""))]


def _get_value(focus: Items) -> Items:
    value = plain(focus[0]) if len(focus) == 1 else None
    return [] if value is None else [value]


def _extension(focus: Items, url: Items) -> Items:
    wanted = text_of(url)
    return [
        extension
        for item in focus
        if isinstance(item, Node)
        for name in ("extension", "modifierExtension")
        for extension in children(item, name)
        if isinstance(extension, Node) and isinstance(extension.value, Mapping) and extension.value.get("url") == wanted
    ]


def _not(focus: Items) -> Items:
    value = truth(focus)
    return [] if value is None else [not value]


def _html_checks(focus: Items) -> Items:
    texts = [item.value for item in focus if isinstance(item, Node)]
    return [all(isinstance(text, str) and narrative_problem(text) is None for text in texts)]


def _member_of(focus: Items, value_set: Items) -> Items:
    """Whether a code, Coding or CodeableConcept is of a value set; raises Undecided for one that has no closed list."""
    codes = codes_of((text_of(value_set) or "").split("|")[0])
    item = single(focus)
    if item is None:
        return []
    if codes is None:
        raise Undecided
    value = item.value if isinstance(item, Node) else item
    if isinstance(value, str):
        return [any(value in of_system for of_system in codes.values())]
    if not isinstance(value, Mapping):
        return []
    codings = value.get("coding", ()) if "code" not in value else (value,)
    return [
        any(
            coding.get("code") in codes.get(str(coding.get("system")), ())
            for coding in (codings if isinstance(codings, (list, tuple)) else ())
            if isinstance(coding, Mapping)
        )
    ]


def _conforms_to(focus: Items, profile: Items) -> Items:
    """Whether it is of a type of R4; Undecided for any other profile, which is checked where profiles are."""
    item = single(focus)
    name = (text_of(profile) or "").removeprefix("http://hl7.org/fhir/StructureDefinition/")
    if len(lineage(name)) < 2:
        raise Undecided
    return [] if item is None else [isinstance(item, Node) and name in lineage(item.kind)]


COLLECTIONS: Mapping[str, Function] = MappingProxyType(
    {
        "allFalse": lambda focus: [all(truth([item]) is False for item in focus)],
        "allTrue": lambda focus: [all(truth([item]) is True for item in focus)],
        "anyFalse": lambda focus: [any(truth([item]) is False for item in focus)],
        "anyTrue": lambda focus: [any(truth([item]) is True for item in focus)],
        "children": lambda focus: [child for item in focus if isinstance(item, Node) for child in all_children(item)],
        "combine": lambda focus, other: [*focus, *other],
        "conformsTo": _conforms_to,
        "count": lambda focus: [len(focus)],
        "descendants": lambda focus: list(descendants(focus)),
        "distinct": lambda focus: distinct(focus),
        "empty": lambda focus: [not focus],
        "exclude": lambda focus, other: [item for item in focus if not holds(other, item)],
        "extension": _extension,
        "first": lambda focus: focus[:1],
        "getValue": _get_value,
        "hasValue": _has_value,
        "htmlChecks": _html_checks,
        "htmlChecks2": _html_checks,
        "intersect": _intersect,
        "isDistinct": _is_distinct,
        "last": lambda focus: focus[-1:],
        "memberOf": _member_of,
        "not": _not,
        "single": _single,
        "skip": lambda focus, count: focus[max(0, _whole(count)) :],
        "subsetOf": lambda focus, other: [all(holds(other, item) for item in focus)],
        "supersetOf": lambda focus, other: [all(holds(focus, item) for item in other)],
        "tail": lambda focus: focus[1:],
        "take": lambda focus, count: focus[: max(0, _whole(count))],
        "type": lambda focus: [type_info(item) for item in focus],
        "union": union,
    }
)
"""By name; each takes the number of arguments that its signature says."""
