"""The element tables, compiled into checks: names, cardinality, arrays, types, choices, bindings, references.

A check takes a value and what is around it, and gives the problems or ``None``. A type's check is made when the type is
first met, an element's when the element is; what is right costs no path and no list. Rules of the R4 JSON format:
http://hl7.org/fhir/R4/json.html.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType

from fhir_msc.validation.bindings import concept_problem
from fhir_msc.validation.bundles import bundle_problems
from fhir_msc.validation.companions import Check, companion_problems, without_excused
from fhir_msc.validation.concept_maps import concept_map_problems
from fhir_msc.validation.definitions import Element, Type, codes_of, resource_types, type_named
from fhir_msc.validation.invariants import invariant_check, looks_around
from fhir_msc.validation.narrative import narrative_problem, section_problems
from fhir_msc.validation.primitives import CHECKS, FORMS, is_absolute_uri, lacks_zone
from fhir_msc.validation.problems import (
    ARRAY,
    BINDING,
    CHOICE,
    DEPTH,
    ELEMENT_ID,
    EMPTY,
    EXTENSION_URL,
    MAX,
    MIN,
    NOTED_EXTENSION,
    NOTED_ID,
    NULL,
    OBJECT,
    RESOURCE_TYPE,
    TYPE,
    UNKNOWN,
    ZONE,
    Problem,
    Within,
    shown,
    under,
)
from fhir_msc.validation.profiles.document import Document
from fhir_msc.validation.references import reference_problem
from fhir_msc.validation.rules import rules_of

MAX_DEPTH = 64
"""How deep elements that may hold others of their own type may stand in each other."""

_WHOLE: Mapping[str, Callable[[Mapping[str, object]], list[Problem]]] = MappingProxyType(
    {"Bundle": bundle_problems, "Composition": section_problems, "ConceptMap": concept_map_problems}
)
"""What is checked of a resource as a whole, by type."""

_DEFINITIONS = "http://hl7.org/fhir/StructureDefinition/"
"""How the URLs of R4's own extensions begin."""

_OWN_IDS = frozenset({"StructureDefinition.differential", "StructureDefinition.snapshot"})
"""Within these, ids are unique for themselves: the same elements stand in both (sdf-16, sdf-17,
http://hl7.org/fhir/R4/elementdefinition.html#id)."""

_COMPANION: list[Problem] = []
"""What the slot of ``_name`` answers: it is checked together with ``name``."""


def resource_problems(resource: Mapping[str, object], around: Within | None = None) -> list[Problem]:
    """Everything wrong with a resource that is not contained in another; paths start below it."""
    try:
        return _root_check(resource, around or Within()) or []
    except RecursionError:
        return [Problem(DEPTH, "nested too deeply to be checked")]


def _root_check(value: object, around: Within) -> list[Problem] | None:
    """A resource with its own contained ones: a whole document, or an entry of a Bundle."""
    if not isinstance(value, dict):
        return [_not_an_object(value)]
    contained = value.get("contained")
    if isinstance(contained, (list, tuple)):
        ids = {
            str(item["id"]): str(item.get("resourceType"))
            for item in contained
            if isinstance(item, dict) and isinstance(item.get("id"), str)
        }
        around = replace(around, contained=ids, inside=False, root=value)
    elif around.contained:
        around = replace(around, contained={}, inside=False)
    if value.get("resourceType") == "Bundle":
        urls = _full_urls(value) if value.get("type") in ("batch", "transaction") else None
        around = replace(around, urls=urls, document=Document(value))
    return _resource_check(value, around)


def _contained_check(value: object, within: Within) -> list[Problem] | None:
    return _resource_check(value, within if within.inside else replace(within, inside=True))


def _resource_check(value: object, within: Within) -> list[Problem] | None:
    if not isinstance(value, dict):
        return [_not_an_object(value)]
    name = value.get("resourceType")
    if not isinstance(name, str) or name not in resource_types():
        message = "resourceType is missing" if name is None else "resourceType is not a resource type of R4"
        return [Problem(RESOURCE_TYPE, message, path="resourceType", value=shown(name))]
    if looks_around(name):
        within = replace(within, resource=value, root=within.root if within.inside else value)
    found = object_check(name)(value, within)
    kept = None if found is None else _settled(found, value, within)
    if "meta" in value or within.profiles is not None:
        kept = [*(kept or ()), *_profile_problems(value, within)] or None
    return kept


def _profile_problems(resource: Mapping[str, object], within: Within) -> list[Problem]:
    """What is wrong by the profiles that a resource claims, or is held against."""
    meta = resource.get("meta")
    stated = meta.get("profile") if isinstance(meta, dict) else None
    claims = [url for url in stated if isinstance(url, str)] if isinstance(stated, (list, tuple)) else []
    if not claims and (within.profiles is None or not within.profiles.claimed):
        return []
    from fhir_msc.validation.profiles.claims import claimed_problems

    return claimed_problems(resource, claims, within)


def _settled(found: list[Problem], resource: Mapping[str, object], within: Within) -> list[Problem] | None:
    """The problems; of what is noted among them, ids that stood before, and extensions that may not stand there."""
    kept = []
    for problem in _once_identified(found):
        if problem.rule == NOTED_EXTENSION:
            from fhir_msc.validation.profiles.extensions import misplaced

            wrong = misplaced(problem, resource, within)
            kept += [wrong] if wrong is not None else []
        else:
            kept.append(problem)
    return kept or None


def _once_identified(found: list[Problem]) -> list[Problem]:
    """The problems; of the ids that elements have, noted among them, those that stood before."""
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


def _full_urls(bundle: Mapping[str, object]) -> frozenset[str]:
    entries = bundle.get("entry")
    if not isinstance(entries, (list, tuple)):
        return frozenset()
    urls = (entry.get("fullUrl") for entry in entries if isinstance(entry, dict))
    return frozenset(url for url in urls if isinstance(url, str))


class _Slots(dict[str, Check]):
    """The checks of a type's elements by JSON name, each compiled when it is first met."""

    def __init__(self, kind: Type) -> None:
        super().__init__()
        self.elements = {name: (e, code) for e in kind.elements for name, code in e.json_names.items()}
        if kind.resource:
            self["resourceType"] = _anything
        self._owner = kind.name

    def __missing__(self, name: object) -> Check:
        if not isinstance(name, str):
            return _no_name
        if name in self.elements:
            check = _element_check(*self.elements[name], owner=self._owner)
        elif name.startswith("_") and self.primitive(name[1:]):
            check = _companion
        else:
            return _unknown(self.elements, name)
        self[name] = check
        return check

    def primitive(self, name: str) -> bool:
        """Whether the element exists and is of a primitive type."""
        return name in self.elements and self.elements[name][1] in CHECKS


@cache
def object_check(name: str) -> Check:
    """The check of a type's JSON object, by the type's name."""
    kind = type_named(name)
    slots = _Slots(kind)
    required = frozenset(e.name for e in kind.elements if e.min and not e.choice)
    choices = tuple((_either_name(e), e) for e in kind.elements if e.choice)
    invariants = invariant_check(kind)
    rules = rules_of(kind)
    whole = _WHOLE.get(name)
    element = not kind.resource
    own_ids = name in _OWN_IDS

    def check(value: object, within: Within) -> list[Problem] | None:
        if not isinstance(value, dict):
            return [_not_an_object(value)]
        problems: list[Problem] = []
        for key, item in value.items():
            found = slots[key](item, within)
            if found is not None:
                if not isinstance(key, str):
                    return found
                if found is _COMPANION:
                    beside = slots.elements[key[1:]][0]
                    found = companion_problems(item, value.get(key[1:]), beside.many, object_check("Element"), within)
                elif f"_{key}" in value:
                    found = without_excused(found, value[f"_{key}"])
                problems += under(key, found)
        if required and not required <= value.keys():
            problems += _missing(required, value)
        for names, choice in choices:
            given = len(names & value.keys())
            if given != 1 and (given or choice.min):
                problems += _choice_problems(choice, value)
        if element and (not value or "id" in value):
            problems += _identified(value)
        if invariants is not None and (broken := invariants(value, within)) is not None:
            problems += broken
        for rule in rules:
            if not rule.holds(value):
                problems.append(Problem(rule.id, rule.message, path=rule.path, value=rule.value_of(value)))
        if whole is not None:
            problems += whole(value)
        return (_once_identified(problems) if own_ids else problems) or None

    return check


def _identified(value: Mapping[str, object]) -> list[Problem]:
    """Of an element with an id, or without anything: what is wrong, and the id for the resource around."""
    found = []
    if len(value) <= 1:
        found.append(Problem(EMPTY, "All FHIR elements must have a @value or children (ele-1)"))
    if "id" in value:
        found.append(Problem(NOTED_ID, "an element has an id", path="id", value=shown(value["id"])))
    return found


def _element_check(element: Element, kind: str, *, owner: str) -> Check:
    if element.max == "0":
        return _prohibited
    check = _item_check(element, kind, owner=owner)
    if kind in ("Extension", "Resource") or owner == kind or owner.startswith(f"{kind}."):
        check = _nested(check)
    return _each(check) if element.many else check


def _nested(check: Check) -> Check:
    """The check of what may hold others of its own type: no deeper than what the stack surely holds."""

    def nested(value: object, within: Within) -> list[Problem] | None:
        if within.depth == MAX_DEPTH:
            return [Problem(DEPTH, f"nested deeper than {MAX_DEPTH}: not checked further")]
        return check(value, replace(within, depth=within.depth + 1))

    return nested


def _item_check(element: Element, kind: str, *, owner: str) -> Check:
    if kind == "xhtml":
        return _narrative
    if kind == "Resource":
        return _contained_check if element.name == "contained" else _root_check
    if kind == "Reference":
        return _reference_check(element.targets.get(kind))
    codes = codes_of(element.value_set) if element.value_set else None
    if kind in CHECKS:
        return _primitive_check(kind) if codes is None else _code_check(frozenset().union(*codes.values()), element)
    if kind == "CodeableConcept" and codes is not None:
        return _concept_check(codes, element)
    if kind == "Extension" and owner != "Extension":
        return _extension_check
    return object_check(kind)


def _each(check: Check) -> Check:
    def each(value: object, within: Within) -> list[Problem] | None:
        if not isinstance(value, (list, tuple)):
            return [Problem(ARRAY, "an array is expected: the element may repeat", value=shown(value))]
        if not value:
            return [Problem(EMPTY, "an array may not be empty")]
        problems: list[Problem] | None = None
        for index, item in enumerate(value):
            found = check(item, within)
            if found is not None:
                problems = (problems or []) + under(f"[{index}]", found)
        return problems

    return each


def _primitive_check(kind: str) -> Check:
    valid = CHECKS[kind]

    def check(value: object, within: Within) -> list[Problem] | None:
        return None if valid(value) else [_wrong_primitive(kind, value)]

    return check


def _code_check(codes: frozenset[str], element: Element) -> Check:
    def check(value: object, within: Within) -> list[Problem] | None:
        if isinstance(value, str):
            if value in codes:
                return None
            hint = f"one of {', '.join(sorted(codes))}" if len(codes) <= 20 else None
            message = f"not a code of the required value set {element.value_set}"
            return [Problem(BINDING, message, value=shown(value), hint=hint)]
        return [_wrong_primitive("code", value)]

    return check


def _concept_check(codes: Mapping[str, frozenset[str]], element: Element) -> Check:
    concept = object_check("CodeableConcept")

    def check(value: object, within: Within) -> list[Problem] | None:
        found = concept(value, within)
        if found is None and isinstance(value, dict):
            problem = concept_problem(value, codes, str(element.value_set))
            return None if problem is None else [problem]
        return found

    return check


def _reference_check(targets: frozenset[str] | None) -> Check:
    whole = object_check("Reference")

    def check(value: object, within: Within) -> list[Problem] | None:
        found = whole(value, within)
        if found is None and isinstance(value, dict):
            reference: object = value.get("reference")
            declared: object = value.get("type")
            if reference is not None or declared is not None:
                problem = reference_problem(reference, declared, targets, within)
                if problem is not None:
                    return under("reference", [problem])
        return found

    return check


def _extension_check(value: object, within: Within) -> list[Problem] | None:
    """An extension that is not part of another: its URL is absolute."""
    found = object_check("Extension")(value, within)
    if not isinstance(value, dict):
        return found
    url = str(value.get("url"))
    if found is None and not is_absolute_uri(url):
        return [
            Problem(EXTENSION_URL, "the URL of an extension is absolute", path="url", value=shown(value.get("url")))
        ]
    if within.profiles is None and not url.startswith(_DEFINITIONS):
        return found  # nothing else is known
    from fhir_msc.validation.profiles.extensions import extension_problems

    return [*(found or ()), *extension_problems(value, within)] or None


def _narrative(value: object, within: Within) -> list[Problem] | None:
    if not isinstance(value, str):
        return [_wrong_json_type(value, "XHTML text")]
    problem = narrative_problem(value)
    return None if problem is None else [problem]


def _no_name(value: object, within: Within) -> list[Problem]:
    return [Problem(UNKNOWN, "the name of an element is text")]


def _anything(value: object, within: Within) -> None:
    return None


def _prohibited(value: object, within: Within) -> list[Problem]:
    return [Problem(MAX, "may not be present here")]


def _companion(value: object, within: Within) -> list[Problem]:
    return _COMPANION


def _unknown(elements: Mapping[str, object], name: str) -> Check:
    def check(value: object, within: Within) -> list[Problem]:
        near = get_close_matches(name, elements, n=1)
        return [Problem(UNKNOWN, "R4 has no such element here", hint=f"did you mean {near[0]}?" if near else None)]

    return check


def _not_an_object(value: object) -> Problem:
    return _wrong_json_type(value, "an object", OBJECT)


def _wrong_json_type(value: object, wanted: str, rule: str = TYPE) -> Problem:
    if value is None:
        return Problem(NULL, "null is not a value in FHIR")
    if isinstance(value, (list, tuple)):
        return Problem(ARRAY, "an array is not expected: the element may not repeat")
    return Problem(rule, f"{wanted} is expected", value=shown(value))


def _wrong_primitive(kind: str, value: object) -> Problem:
    rule = f"{TYPE}-{kind.upper()}"
    if value == "":
        return Problem(EMPTY, "a value may not be empty text")
    if kind in ("dateTime", "instant") and isinstance(value, str) and lacks_zone(value):
        return Problem(ZONE, "a time needs a zone", value=value, hint="add Z or an offset such as +02:00")
    return _wrong_json_type(value, f"{kind}: {FORMS[kind]}", rule)


def _missing(required: frozenset[str], value: Mapping[str, object]) -> list[Problem]:
    return [
        Problem(MIN, "is required", path=name)
        for name in sorted(required - value.keys())
        if f"_{name}" not in value  # an extension may stand in for a primitive value
    ]


def _either_name(choice: Element) -> frozenset[str]:
    return frozenset(name for plain in choice.json_names for name in (plain, f"_{plain}"))


def _choice_problems(choice: Element, value: Mapping[str, object]) -> list[Problem]:
    given = {name for name in choice.json_names if name in value or f"_{name}" in value}
    if len(given) > 1:
        return [Problem(CHOICE, f"only one type of {choice.name} may be given: {', '.join(sorted(given))}")]
    if choice.min and not given:
        return [Problem(MIN, "is required", path=choice.name)]
    return []
