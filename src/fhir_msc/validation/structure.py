"""The element tables, compiled into checks: names, cardinality, arrays, types, choices, bindings, references.

A check takes a value and what is around it, and gives the problems or ``None``. A type's check is made when the type is
first met, an element's when the element is; what is right costs no path and no list. Rules of the R4 JSON format:
http://hl7.org/fhir/R4/json.html.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from fhir_msc.validation.bindings import concept_problem
from fhir_msc.validation.bundles import bundle_problems
from fhir_msc.validation.companions import Check, companion_problems, without_excused
from fhir_msc.validation.concept_maps import concept_map_problems
from fhir_msc.validation.definitions import Element, Type, codes_of, resource_types, type_named
from fhir_msc.validation.invariants import invariant_check, looks_around
from fhir_msc.validation.leaves import (
    COMPANION,
    always,
    anything,
    code_check,
    companion,
    each,
    narrative,
    no_name,
    primitive_check,
    prohibited,
)
from fhir_msc.validation.memory import DEEPEST, remembering
from fhir_msc.validation.narrative import section_problems
from fhir_msc.validation.noted import identified, once_identified, settled, settling
from fhir_msc.validation.primitives import CHECKS, is_absolute_uri
from fhir_msc.validation.problems import (
    DEPTH,
    EXTENSION_URL,
    RESOURCE_TYPE,
    Problem,
    Within,
    shown,
    under,
)
from fhir_msc.validation.profiles.document import Document
from fhir_msc.validation.references import reference_problem
from fhir_msc.validation.rules import Rule, rules_of
from fhir_msc.validation.wrong import (
    choice_problems,
    missing,
    not_an_object,
    unknown,
)

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

_PLANS = 256
"""How many plans of a type are kept."""


def resource_problems(resource: Mapping[str, object], around: Within | None = None) -> list[Problem]:
    """Everything wrong with a resource that is not contained in another; paths start below it."""
    try:
        return _root_check(resource, around or Within()) or []
    except RecursionError:
        return [Problem(DEPTH, "nested too deeply to be checked")]


def _root_check(value: object, around: Within) -> list[Problem] | None:
    """A resource with its own contained ones: a whole document, or an entry of a Bundle."""
    if not isinstance(value, dict):
        return [not_an_object(value)]
    contained = value.get("contained")
    if isinstance(contained, (list, tuple)):
        ids = {
            str(item["id"]): str(item.get("resourceType"))
            for item in contained
            if isinstance(item, dict) and isinstance(item.get("id"), str)
        }
        around = around._replace(contained=ids, inside=False, root=value)
    elif around.contained:
        around = around._replace(contained={}, inside=False)
    if value.get("resourceType") == "Bundle":
        urls = _full_urls(value) if value.get("type") in ("batch", "transaction") else None
        around = around._replace(urls=urls, document=Document(value))
    return _resource_check(value, around)


def _contained_check(value: object, within: Within) -> list[Problem] | None:
    return _resource_check(value, within if within.inside else within._replace(inside=True))


def _resource_check(value: object, within: Within) -> list[Problem] | None:
    if not isinstance(value, dict):
        return [not_an_object(value)]
    name = value.get("resourceType")
    if not isinstance(name, str) or name not in resource_types():
        message = "resourceType is missing" if name is None else "resourceType is not a resource type of R4"
        return [Problem(RESOURCE_TYPE, message, path="resourceType", value=shown(name))]
    if looks_around(name):
        within = within._replace(resource=value, root=within.root if within.inside else value)
    found = object_check(name)(value, within)
    kept = None if found is None else settled(once_identified(found), name, within)
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
            self["resourceType"] = anything
        self._owner = kind.name

    def __missing__(self, name: object) -> Check:
        if not isinstance(name, str):
            return no_name
        if name in self.elements:
            check = _element_check(name, *self.elements[name], owner=self._owner)
        elif name.startswith("_") and self.primitive(name[1:]):
            check = companion
        else:
            return always(unknown(self.elements, name))
        self[name] = check
        return check

    def primitive(self, name: str) -> bool:
        """Whether the element exists and is of a primitive type."""
        return name in self.elements and self.elements[name][1] in CHECKS


class _Plan(NamedTuple):
    """What is asked of the objects of a type that have the same names: all that the names decide is decided.

    ``checks`` are those of the values, in order; ``lacks`` says that a required element is missing, that there is too
    much of a choice, or that an element has an id or nothing at all.
    """

    checks: tuple[Check, ...]
    lacks: bool
    invariants: Callable[[Mapping[str, object], Within], list[Problem] | None] | None
    rules: tuple[Rule, ...]


class _Object:
    """The checks of a type's JSON object, with a plan for each set of names that was met."""

    def __init__(self, kind: Type) -> None:
        self._kind = kind
        self._slots = _Slots(kind)
        self._required = frozenset(e.name for e in kind.elements if e.min and not e.choice)
        self._choices = tuple((_either_name(e), e) for e in kind.elements if e.choice)
        self._rules = rules_of(kind)
        self.plans: dict[tuple[str, ...], _Plan] = {}

    def plan(self, names: tuple[str, ...]) -> _Plan:
        """The plan for objects with these names, which is kept; of a type's plans only so many are."""
        if len(self.plans) == _PLANS:
            self.plans.clear()
        made = self.plans[names] = _Plan(
            checks=tuple(self._slots[name] for name in names),
            lacks=bool(self.lacking(dict.fromkeys(names))),
            invariants=invariant_check(self._kind, names),
            rules=tuple(rule for rule in self._rules if rule.asks_of(names)),
        )
        return made

    def lacking(self, value: Mapping[str, object]) -> list[Problem]:
        """What is wrong with the names that an object has, or noted of them."""
        problems = [] if self._required <= value.keys() else missing(self._required, value)
        for names, choice in self._choices:
            given = len(names & value.keys())
            if given != 1 and (given or choice.min):
                problems += choice_problems(choice, value)
        if not self._kind.resource and (not value or "id" in value):
            problems += identified(value)
        return problems

    def beside(self, key: str, found: list[Problem], value: Mapping[str, object], within: Within) -> list[Problem]:
        """What was found of an element, with what stands beside it in ``_name``; paths start below the object."""
        if found is COMPANION:
            many = self._slots.elements[key[1:]][0].many
            item, other = value[key], value.get(key[1:])
            found = companion_problems(item, other, many, object_check("Element"), within)
        elif f"_{key}" in value:
            found = without_excused(found, value[f"_{key}"])
        return under(key, found)


@cache
def object_check(name: str) -> Check:
    """The check of a type's JSON object, by the type's name."""
    kind = type_named(name)
    object_ = _Object(kind)
    planned = object_.plans.get
    whole = _WHOLE.get(name)
    own_ids = name in _OWN_IDS

    def check(value: object, within: Within) -> list[Problem] | None:
        if not isinstance(value, dict):
            return [not_an_object(value)]
        names = tuple(value)
        checks, lacks, invariants, rules = planned(names) or object_.plan(names)
        problems: list[Problem] = []
        for key, item, of_item in zip(names, value.values(), checks, strict=True):
            found = of_item(item, within)
            if found is not None:
                if not isinstance(key, str):
                    return found
                problems += object_.beside(key, found, value, within)
        if lacks:
            problems += object_.lacking(value)
        if invariants is not None and (broken := invariants(value, within)) is not None:
            problems += broken
        for rule in rules:
            if not rule.holds(value):
                problems.append(Problem(rule.id, rule.message, path=rule.path, value=rule.value_of(value)))
        if whole is not None:
            problems += whole(value)
        return (once_identified(problems) if own_ids else problems) or None

    return check


def _element_check(name: str, element: Element, kind: str, *, owner: str) -> Check:
    if element.max == "0":
        return prohibited
    check = _item_check(element, kind, owner=owner)
    if kind in ("Extension", "Resource") or owner == kind or owner.startswith(f"{kind}."):
        check = _nested(check)
    if element.many:
        check = each(check)
    if not _is_data(kind):
        return check
    return remembering(settling(check, name, owner) if type_named(owner).resource else check)


def _is_data(kind: str) -> bool:
    """Whether it is a data type with elements, which looks no further than its value and what references lead to."""
    if kind in CHECKS or kind == "xhtml" or type_named(kind).resource:
        return False
    holds_resources = any("Resource" in element.types.values() for element in type_named(kind).elements)
    return not holds_resources and not looks_around(kind.partition(".")[0])


def _nested(check: Check) -> Check:
    """The check of what may hold others of its own type: no deeper than what the stack surely holds."""

    def nested(value: object, within: Within) -> list[Problem] | None:
        if within.depth == MAX_DEPTH:
            return [Problem(DEPTH, f"nested deeper than {MAX_DEPTH}: not checked further")]
        memory = within.memory if within.depth < DEEPEST else None
        return check(value, within._replace(depth=within.depth + 1, memory=memory))

    return nested


def _item_check(element: Element, kind: str, *, owner: str) -> Check:
    if kind == "xhtml":
        return narrative
    if kind == "Resource":
        return _contained_check if element.name == "contained" else _root_check
    if kind == "Reference":
        return _reference_check(element.targets.get(kind))
    codes = codes_of(element.value_set) if element.value_set else None
    if kind in CHECKS:
        return primitive_check(kind) if codes is None else code_check(frozenset().union(*codes.values()), element)
    if kind == "CodeableConcept" and codes is not None:
        return _concept_check(codes, element)
    if kind == "Extension" and owner != "Extension":
        return _extension_check
    return object_check(kind)


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


def _either_name(choice: Element) -> frozenset[str]:
    return frozenset(name for plain in choice.json_names for name in (plain, f"_{plain}"))
