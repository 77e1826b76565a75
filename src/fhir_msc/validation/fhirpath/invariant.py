"""An invariant as a Python function: source for the usual forms, closures for the rest and for broken documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, cast

from fhir_msc.validation.definitions import type_named, type_names
from fhir_msc.validation.fhirpath.closures import evaluator
from fhir_msc.validation.fhirpath.guards import names_needed
from fhir_msc.validation.fhirpath.items import BASE_OF_PRIMITIVE, EvaluationError, Items, Node, Undecided
from fhir_msc.validation.fhirpath.lambdas import Frame, Surroundings
from fhir_msc.validation.fhirpath.operators import Truth, truth
from fhir_msc.validation.fhirpath.parser import parse
from fhir_msc.validation.fhirpath.source import Source
from fhir_msc.validation.fhirpath.syntax import Syntax

_BROKEN = (Undecided, EvaluationError, TypeError, AttributeError, ValueError, LookupError, ArithmeticError)
"""What source or closures raise on a document that is not as the definitions say."""


class Holds(Protocol):
    """Says whether an invariant holds of a JSON value; never raises.

    ``around`` is the document around, which is needed where ``Invariant.looks_around`` says so; without it the value
    stands for the resource. ``companion`` is the ``_name`` beside a primitive.
    """

    def __call__(
        self, value: object, around: Surroundings | None = None, companion: Mapping[str, object] | None = None
    ) -> bool:
        """Whether it holds."""


@dataclass(frozen=True, slots=True)
class Invariant:
    """A compiled invariant of a type.

    ``names`` are JSON names of which an object must have at least one for the invariant to fail, ``None`` where there
    are no such names: an object without them need not be asked. ``source`` is the generated Python condition.
    """

    holds: Holds
    names: frozenset[str] | None
    looks_around: bool
    source: str


@lru_cache(4096)
def compile_invariant(expression: str, type_name: str) -> Invariant:
    """An expression as an invariant of a type: a resource or data type, an element's path as in r4.json, a primitive.

    Where the expression is open (``{}``) of an object, the invariant does not hold, as in HL7's engine. Where the
    object is too broken to evaluate it, the invariant holds: the structure says what is wrong. Raises ExpressionError
    for what is no expression, or names a function, type or variable that there is not.
    """
    tree = parse(expression)
    resource = type_name in type_names() and type_named(type_name).resource
    settled = by_closures(expression, type_name)
    looks_around = mentions_surroundings(expression, resource=resource)
    if type_name in BASE_OF_PRIMITIVE:
        return Invariant(settled, None, looks_around, "")
    source = Source(type_name, resource, lambda part: _closure(part, type_name))
    condition = source.true(tree)
    code = eval(f"lambda n, w: {condition}", dict(source.constants))  # noqa: S307 - names and texts stand as literals
    fast = cast(Callable[[object, Surroundings | None], object], code)

    def holds(value: object, around: Surroundings | None = None, companion: Mapping[str, object] | None = None) -> bool:
        try:
            if fast(value, around):
                return True
        except _BROKEN:
            pass
        return settled(value, around)  # which knows when it is the object that is broken

    return Invariant(holds, names_needed(tree, type_name, resource=resource), looks_around, condition)


def by_closures(expression: str, type_name: str) -> Holds:
    """What :func:`compile_invariant` falls back on: slower, and the same answer for every well-formed object."""
    return _settled(_closure(parse(expression), type_name, whole=True))


def mentions_surroundings(expression: str, *, resource: bool) -> bool:
    """Whether it speaks of more than its object, which may be the ``resource`` that ``%resource`` means."""
    asked = ("%rootResource", "resolve()") if resource else ("%rootResource", "resolve()", "%resource")
    return any(word in expression for word in asked)


Decide = Callable[..., Truth]


def _closure(tree: Syntax, kind: str, *, whole: bool = False) -> Decide:
    """The truth of a part of an expression; of the ``whole``, several items count as true, as in HL7's engine."""
    evaluate = evaluator(tree)

    def decide(
        value: object, around: Surroundings | None = None, companion: Mapping[str, object] | None = None
    ) -> Truth:
        items: Items = [Node(value, kind, companion)]
        answer = evaluate(items, Frame(around or Surroundings(value, value), items, items))
        return True if whole and len(answer) > 1 else truth(answer)

    return decide


def _settled(decide: Decide) -> Holds:
    """The last word: what cannot be decided on a broken document holds, what the expression gets wrong does not."""

    def holds(value: object, around: Surroundings | None = None, companion: Mapping[str, object] | None = None) -> bool:
        try:
            return decide(value, around, companion) is True
        except EvaluationError:
            return False
        except (*_BROKEN, RecursionError):
            return True

    return holds
