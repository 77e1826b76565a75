"""The invariants of R4: the constraints of severity error of its definitions, compiled from their FHIRPath expressions.

As in HL7's engine, an expression that is open (``{}``: two dates of which one is less precise) does not hold. Where an
object is too broken to evaluate it, the structure reports the object, and the invariant holds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from functools import cache
from types import MappingProxyType

from fhir_msc.validation.definitions import Constraint, Element, Type, type_named, type_names
from fhir_msc.validation.fhirpath import (
    Invariant,
    Surroundings,
    compile_invariant,
    mentions_surroundings,
)
from fhir_msc.validation.problems import INVARIANT, Problem, Within
from fhir_msc.validation.surely import SURELY

CHECKED_ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "ele-1": "structure: an object or array that is empty has no value, and that is seen on the way",
        "ref-1": "references: whether #id resolves is asked with the other questions about the reference",
        "txt-1": "narrative: htmlChecks() is a function of the engine that reads the XHTML",
        "txt-2": "narrative",
    }
)
"""Invariants that another module decides, by key, with the module and why."""

CORRECTED: Mapping[str, str] = MappingProxyType(
    {
        # Open, and so broken, for every entry without a fullUrl.
        "bdl-8": "fullUrl.exists() implies fullUrl.contains('/_history/').not()",
        # as takes one item; ofType is what filters many. The narrative refers to an image too.
        "dom-3": "contained.where((('#'+id in (%resource.descendants().reference"
        " | %resource.descendants().ofType(canonical) | %resource.descendants().ofType(uri)"
        " | %resource.descendants().ofType(url))) or descendants().where(reference = '#').exists()"
        " or descendants().where($this is canonical and $this = '#').exists()"
        " or (%resource.text.div.exists() and %resource.text.div.contains('#' + id + '\"'))).not())"
        ".trace('unmatched', id).empty()",
        # matches() looks for a part; the text speaks of the whole path.
        "eld-19": "path.matches('^[^\\\\s\\\\.,:;\\\\\\'\"\\\\/|?!@#$%&*()\\\\[\\\\]{}]{1,64}"
        "(\\\\.[^\\\\s\\\\.,:;\\\\\\'\"\\\\/|?!@#$%&*()\\\\[\\\\]{}]{1,64}(\\\\[x\\\\])?(\\\\:[^\\\\s\\\\.]+)?)*$')",
        # A parameter of a resource type may have target profiles too.
        "opd-3": "targetProfile.exists() implies (type = 'Reference' or type = 'canonical'"
        " or type.memberOf('http://hl7.org/fhir/ValueSet/resource-types'))",
        # Boolean is FHIRPath's type, boolean that of the element.
        "que-7": "operator = 'exists' implies (answer is boolean)",
        # The text says: more than one.
        "que-12": "enableWhen.count() >= 2 implies enableBehavior.exists()",
        # Open, and so broken, without a probability.
        "ras-2": "(probability.exists() and (probability is decimal)) implies ((probability as decimal) <= 100)",
        # Open, and so broken, for an effectivePeriod.
        "vs-1": "($this is dateTime) implies ($this.toString().length() >= 8)",
        # in takes one item, and when repeats.
        "tim-9": "offset.empty() or (when.exists() and when.select($this in ('C' | 'CM' | 'CD' | 'CV')).allFalse())",
    }
)
"""Expressions that do not say what the text of their invariant says, as HL7's engine replaces them
(``FHIRPathExpressionFixer``), by key."""


Check = Callable[[Mapping[str, object], Within], list[Problem] | None]
"""Takes an object and what is around it; gives the invariants that do not hold, or ``None``."""


def expression_of(constraint: Constraint) -> str:
    """The expression that is checked."""
    return CORRECTED.get(constraint.key, constraint.expression)


def invariants_of(kind: Type) -> tuple[tuple[Constraint, Invariant], ...]:
    """The invariants stated of a type as a whole, those of its bases included, compiled."""
    return tuple(
        (constraint, _with_first_look(constraint.key, compile_invariant(expression_of(constraint), kind.name)))
        for constraint in _stated(kind)
        if constraint.element is None
    )


def _with_first_look(key: str, invariant: Invariant) -> Invariant:
    surely = SURELY.get(key)
    if surely is None:
        return invariant

    def holds(value: object, around: Surroundings | None = None, companion: Mapping[str, object] | None = None) -> bool:
        return (isinstance(value, dict) and surely(value)) or invariant.holds(value, around, companion)

    return replace(invariant, holds=holds)


def invariant_check(kind: Type, names: Collection[str]) -> Check | None:
    """The check of the invariants that an object of a type with these names in JSON can break, ``None`` for none."""
    stated = [
        (constraint, invariant)
        for constraint, invariant in _of_type(kind.name)
        if invariant.names is None or not invariant.names.isdisjoint(names)
    ]
    of_elements = tuple(
        (constraint, element)
        for constraint, element in _of_elements(kind.name)
        if any(name in names or f"_{name}" in names for name in element.json_names)
    )
    if not stated and not of_elements:
        return None
    asked = tuple((constraint, invariant.holds) for constraint, invariant in stated)
    looks_around = any(invariant.looks_around for _, invariant in stated)

    def check(node: Mapping[str, object], within: Within) -> list[Problem] | None:
        around = Surroundings(within.resource, within.root) if looks_around else None
        problems: list[Problem] | None = None
        for constraint, holds in asked:
            if not holds(node, around):
                problems = [*(problems or ()), _problem(constraint)]
        for constraint, element in of_elements:
            for path in _broken_items(constraint, element, node):
                problems = [*(problems or ()), _problem(constraint, path)]
        return problems

    return check


@cache
def _of_type(name: str) -> tuple[tuple[Constraint, Invariant], ...]:
    return invariants_of(type_named(name))


@cache
def _of_elements(name: str) -> tuple[tuple[Constraint, Element], ...]:
    kind = type_named(name)
    return tuple(
        (constraint, element)
        for constraint in _stated(kind)
        for element in kind.elements
        if element.name == constraint.element
    )


@cache
def looks_around(resource: str) -> bool:
    """Whether an element within this resource type has an invariant that speaks of the resource around."""
    return any(
        mentions_surroundings(expression_of(constraint), resource=False)
        for name in type_names()
        if name.startswith(f"{resource}.")
        for constraint in _stated(type_named(name))
    )


@cache
def _period() -> Invariant:
    kind = type_named("Period")
    return compile_invariant(expression_of(kind.constraints["per-1"]), kind.name)


def in_order(start: str | None, end: str | None) -> bool:
    """Whether a Period may have that start and end, as far as both are given (per-1)."""
    return start is None or end is None or _period().holds({"start": start, "end": end})


def _stated(kind: Type) -> Iterator[Constraint]:
    for constraint in kind.constraints.values():
        if not constraint.warning and constraint.key not in CHECKED_ELSEWHERE:
            yield constraint


def _broken_items(constraint: Constraint, element: Element, node: Mapping[str, object]) -> Iterator[str]:
    """The paths of the items of an element of which its invariant does not hold."""
    for name, of in element.json_names.items():
        if name not in node and f"_{name}" not in node:
            continue
        holds = compile_invariant(expression_of(constraint), of).holds
        value, beside = node.get(name), node.get(f"_{name}")
        if isinstance(value, (list, tuple)):
            yield from (f"{name}[{index}]" for index, item in enumerate(value) if not holds(item))
        elif not holds(value, None, beside if isinstance(beside, Mapping) else None):
            yield name


def _problem(constraint: Constraint, path: str = "") -> Problem:
    return Problem(f"{INVARIANT}-{constraint.key.upper()}", constraint.text, path)
