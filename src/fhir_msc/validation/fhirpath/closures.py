"""A syntax tree compiled to Python closures that know all of FHIRPath: what is generated as source falls back on them.

Each takes the focus (the collection that a path starts from) and the frame around it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType

from fhir_msc.validation.fhirpath import operators
from fhir_msc.validation.fhirpath.collections import COLLECTIONS, Function
from fhir_msc.validation.fhirpath.items import (
    Items,
    Node,
    children,
    is_of_type,
    known_type,
    lineage,
    resource_node,
)
from fhir_msc.validation.fhirpath.lambdas import LAMBDAS, Evaluate, Frame
from fhir_msc.validation.fhirpath.operators import Truth, single, truth, value_of
from fhir_msc.validation.fhirpath.scalars import SCALARS
from fhir_msc.validation.fhirpath.syntax import (
    Call,
    ExpressionError,
    Item,
    Literal,
    Member,
    Operation,
    Sign,
    Syntax,
    TypeTest,
    Variable,
)

CONSTANTS: Mapping[str, str] = MappingProxyType(
    {"ucum": "http://unitsofmeasure.org", "sct": "http://snomed.info/sct", "loinc": "http://loinc.org"}
)
"""The constants of R4: http://hl7.org/fhir/R4/fhirpath.html#variables."""


def evaluator(tree: Syntax) -> Evaluate:
    """The closure of a tree. Raises ExpressionError for a function, type or variable that there is not."""
    match tree:
        case Literal(None):
            return lambda focus, frame: []
        case Literal(value):
            constant: Items = [] if value is None else [value]
            return lambda focus, frame: constant
        case Member(focus, name):
            return _member(focus, name)
        case Variable(name):
            return _variable(name)
        case Call():
            return _call(tree)
        case Item(focus, index):
            return _item(evaluator(focus), evaluator(index))
        case Operation(operator, left, right):
            return _operation(operator, evaluator(left), evaluator(right))
        case Sign(operator, operand):
            inner = evaluator(operand)
            return (lambda focus, frame: operators.negated(inner(focus, frame))) if operator == "-" else inner
        case TypeTest(operator, operand, kind):
            return _type_test(operator, evaluator(operand), kind)


def constant_named(name: str) -> str | None:
    """The value of a ``%`` constant, ``None`` for what is none."""
    for prefix, folder in (("%vs-", "ValueSet"), ("%ext-", "StructureDefinition")):
        if name.startswith(prefix):
            return f"http://hl7.org/fhir/{folder}/{name.removeprefix(prefix)}"
    return CONSTANTS.get(name.removeprefix("%"))


def _variable(name: str) -> Evaluate:
    constant = constant_named(name)
    if constant is not None:
        return lambda focus, frame: [constant]
    match name:
        case "$this":
            return lambda focus, frame: frame.this
        case "$index":
            return lambda focus, frame: [frame.index]
        case "$total":
            return lambda focus, frame: frame.total or []
        case "%context":
            return lambda focus, frame: frame.context
        case "%resource":
            return lambda focus, frame: [resource_node(frame.around.resource)]
        case "%rootResource":
            return lambda focus, frame: [resource_node(frame.around.root)]
    raise ExpressionError(f"there is no variable {name}")


def _member(focus: Syntax | None, name: str) -> Evaluate:
    if focus is None:
        starts_with_type = name[:1].isupper()

        def start(items: Items, frame: Frame) -> Items:
            if starts_with_type:
                return [item for item in items if isinstance(item, Node) and name in lineage(item.kind)]
            return [child for item in items if isinstance(item, Node) for child in children(item, name)]

        return start
    inner = evaluator(focus)
    return lambda items, frame: [
        child for item in inner(items, frame) if isinstance(item, Node) for child in children(item, name)
    ]


def _item(inner: Evaluate, index: Evaluate) -> Evaluate:
    def item(focus: Items, frame: Frame) -> Items:
        at = value_of(index(focus, frame))
        items = inner(focus, frame)
        return [items[at]] if isinstance(at, int) and 0 <= at < len(items) else []

    return item


def _type_test(operator: str, inner: Evaluate, kind: str) -> Evaluate:
    if not known_type(kind):
        raise ExpressionError(f"there is no type {kind}")
    if operator == "is":

        def test(focus: Items, frame: Frame) -> Items:
            item = single(inner(focus, frame))
            return [] if item is None else [is_of_type(item, kind)]

        return test
    if operator == "as":

        def cast(focus: Items, frame: Frame) -> Items:
            item = single(inner(focus, frame))
            return [item] if item is not None and is_of_type(item, kind, exactly=True) else []

        return cast
    return lambda focus, frame: [item for item in inner(focus, frame) if is_of_type(item, kind, exactly=True)]


_TRUTHS: Mapping[str, Callable[[Truth, Truth], Truth]] = MappingProxyType(
    {
        "and": operators.conjunction,
        "or": operators.disjunction,
        "xor": operators.exclusive,
        "implies": operators.implication,
    }
)
_ORDERS: Mapping[str, Callable[[int], bool]] = MappingProxyType(
    {
        "<": lambda order: order < 0,
        "<=": lambda order: order <= 0,
        ">": lambda order: order > 0,
        ">=": lambda order: order >= 0,
    }
)


def _answer(value: Truth) -> Items:
    return [] if value is None else [value]


def _operation(operator: str, left: Evaluate, right: Evaluate) -> Evaluate:
    if operator in _TRUTHS:
        combine = _TRUTHS[operator]
        return lambda focus, frame: _answer(combine(truth(left(focus, frame)), truth(right(focus, frame))))
    if operator in _ORDERS:
        test = _ORDERS[operator]

        def compare(focus: Items, frame: Frame) -> Items:
            order = operators.order(left(focus, frame), right(focus, frame))
            return [] if order is None else [test(order)]

        return compare
    both = _BOTH.get(operator)
    if both is not None:
        return lambda focus, frame: both(left(focus, frame), right(focus, frame))
    return lambda focus, frame: operators.arithmetic(operator, left(focus, frame), right(focus, frame))


def _different(left: Items, right: Items) -> Items:
    same = operators.all_equal(left, right)
    return [] if same is None else [not same]


_BOTH: Mapping[str, Callable[[Items, Items], Items]] = MappingProxyType(
    {
        "=": lambda left, right: _answer(operators.all_equal(left, right)),
        "!=": _different,
        "~": lambda left, right: [operators.equivalent(left, right)],
        "!~": lambda left, right: [not operators.equivalent(left, right)],
        "in": lambda left, right: _answer(operators.member(left, right)),
        "contains": lambda left, right: _answer(operators.member(right, left)),
        "|": operators.union,
        "&": operators.concatenated,
    }
)


# Functions.


def _call(tree: Call) -> Evaluate:
    focus = _context if tree.focus is None else evaluator(tree.focus)
    arguments = tuple(evaluator(argument) for argument in tree.arguments)
    if tree.name in LAMBDAS:
        low, high, build = LAMBDAS[tree.name]
        if not low <= len(arguments) <= high:
            raise ExpressionError(f"{tree.name}() takes other arguments")
        return build(focus, *arguments)
    function = COLLECTIONS.get(tree.name) or SCALARS.get(tree.name)
    if function is None:
        raise ExpressionError(f"there is no function {tree.name}()")
    if not _takes(function, len(arguments)):
        raise ExpressionError(f"{tree.name}() takes other arguments")

    def call(items: Items, frame: Frame) -> Items:
        # What stands in the parentheses is asked of what is around the path, not of the path's end.
        return function(focus(items, frame), *(argument(frame.this, frame) for argument in arguments))

    return call


def _takes(function: Function, count: int) -> bool:
    try:
        inspect.signature(function).bind([], *([[]] * count))
    except TypeError:
        return False
    return True


def _context(items: Items, frame: Frame) -> Items:
    return items
