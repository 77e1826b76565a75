"""The functions whose arguments are asked of each item, or of what is around: ``where``, ``select``, ``resolve`` …

Each builder takes the closures of its focus and of its arguments, and gives the closure of the call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeAlias

from fhir_msc.validation.fhirpath.items import EvaluationError, Items, Node, children, distinct, resource_node
from fhir_msc.validation.fhirpath.operators import text_of, truth


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The document around what an expression is asked of.

    ``resource`` is the resource that holds it (``%resource``), ``root`` the one that holds that as contained
    (``%rootResource``), ``entries`` the resources that a reference may lead to, by reference or fullUrl.
    """

    resource: object = None
    root: object = None
    entries: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Frame:
    """What an expression can name: the document around, what it was asked of, and the lambda it stands in."""

    around: Surroundings
    context: Items
    this: Items
    index: int = 0
    total: Items | None = None


Evaluate: TypeAlias = Callable[[Items, Frame], Items]


def _nothing(items: Items, frame: Frame) -> Items:
    return []


def _each(criterion: Evaluate, items: Items, frame: Frame) -> list[Items]:
    return [criterion([item], replace(frame, this=[item], index=index)) for index, item in enumerate(items)]


def _where(inner: Evaluate, criterion: Evaluate) -> Evaluate:
    def where(focus: Items, frame: Frame) -> Items:
        items = inner(focus, frame)
        answers = _each(criterion, items, frame)
        return [item for item, answer in zip(items, answers, strict=True) if truth(answer) is True]

    return where


def _exists(inner: Evaluate, criterion: Evaluate | None = None) -> Evaluate:
    found = inner if criterion is None else _where(inner, criterion)
    return lambda focus, frame: [bool(found(focus, frame))]


def _select(inner: Evaluate, projection: Evaluate) -> Evaluate:
    return lambda focus, frame: [one for found in _each(projection, inner(focus, frame), frame) for one in found]


def _all(inner: Evaluate, criterion: Evaluate) -> Evaluate:
    return lambda focus, frame: [all(truth(answer) is True for answer in _each(criterion, inner(focus, frame), frame))]


def _repeat(inner: Evaluate, projection: Evaluate) -> Evaluate:
    def repeat(focus: Items, frame: Frame) -> Items:
        found: Items = []
        level = inner(focus, frame)
        while level:
            parts = [one for part in _each(projection, level, frame) for one in part]
            level = distinct([*found, *parts])[len(distinct(found)) :]
            found += level
        return found

    return repeat


def _iif(inner: Evaluate, criterion: Evaluate, then: Evaluate, otherwise: Evaluate = _nothing) -> Evaluate:
    def iif(focus: Items, frame: Frame) -> Items:
        items = inner(focus, frame)
        if len(items) > 1:
            raise EvaluationError("several items where one is expected")
        within = replace(frame, this=items)
        return (then if truth(criterion(items, within)) is True else otherwise)(items, within)

    return iif


def _aggregate(inner: Evaluate, step: Evaluate, start: Evaluate = _nothing) -> Evaluate:
    def aggregate(focus: Items, frame: Frame) -> Items:
        total = start(frame.this, frame)
        for index, item in enumerate(inner(focus, frame)):
            total = step([item], replace(frame, this=[item], index=index, total=total))
        return total

    return aggregate


def _trace(inner: Evaluate, *arguments: Evaluate) -> Evaluate:
    """What passes through; nothing is written, because values are no part of a log."""
    return inner


def _resolve(inner: Evaluate) -> Evaluate:
    def resolve(focus: Items, frame: Frame) -> Items:
        found = []
        for item in inner(focus, frame):
            reference = text_of(
                [*children(item, "reference")] if isinstance(item, Node) and item.kind == "Reference" else [item]
            )
            resource = None if reference is None else _target(reference, frame.around)
            if resource is not None:
                found.append(resource_node(resource))
        return [*found]

    return resolve


def _target(reference: str, around: Surroundings) -> object:
    if not reference.startswith("#"):
        return around.entries.get(reference)
    contained = around.root.get("contained") if isinstance(around.root, Mapping) else None
    for resource in contained if isinstance(contained, (list, tuple)) else ():
        if isinstance(resource, Mapping) and resource.get("id") == reference[1:]:
            return resource
    return None


LAMBDAS: Mapping[str, tuple[int, int, Callable[..., Evaluate]]] = MappingProxyType(
    {
        "aggregate": (1, 2, _aggregate),
        "all": (1, 1, _all),
        "exists": (0, 1, _exists),
        "iif": (2, 3, _iif),
        "repeat": (1, 1, _repeat),
        "resolve": (0, 0, _resolve),
        "select": (1, 1, _select),
        "trace": (1, 2, _trace),
        "where": (1, 1, _where),
    }
)
"""The functions that say themselves what their arguments are asked of: how many there are, and the builder."""
