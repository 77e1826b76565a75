"""What the generated source rests on: which forms a condition has, and what stands behind its calls."""

from __future__ import annotations

from functools import lru_cache

from fhir_msc.validation.fhirpath.items import BASE_OF_PRIMITIVE, TEMPORAL, WHOLE, Undecided
from fhir_msc.validation.fhirpath.syntax import Call, Literal, Operation, Syntax
from fhir_msc.validation.fhirpath.values import order_of_times, temporal

_DECIDED = frozenset({"exists", "empty", "all", "hasValue"})
_CONDITIONS = frozenset({"and", "or", "xor", "implies", "=", "!=", "<", "<=", ">", ">="})


def is_decided(tree: Syntax) -> bool:
    """Whether a condition is true or false of whatever document."""
    match tree:
        case Literal(bool()):
            return True
        case Call(focus, "not", ()) if focus is not None:
            return is_decided(focus)
        case Call(_, name, _):
            return name in _DECIDED
        case Operation("and" | "or" | "xor" | "implies", left, right):
            return is_decided(left) and is_decided(right)
    return False


def is_condition(tree: Syntax) -> bool:
    """Whether it is true, false or open of whatever document, by its form."""
    match tree:
        case Operation(operator, _, _):
            return operator in _CONDITIONS
        case Call(_, name, _):
            return name in _DECIDED or name == "not"
    return isinstance(tree, Literal) and isinstance(tree.value, bool)


def is_count(tree: Syntax) -> bool:
    """Whether it is a sum of counts and whole numbers."""
    match tree:
        case Literal(value):
            return isinstance(value, int) and not isinstance(value, bool)
        case Operation("+", left, right):
            return is_count(left) and is_count(right)
        case Call(_, "count", ()):
            return True
    return False


def is_text(kind: str) -> bool:
    """Whether a primitive type's values are compared as texts."""
    return kind in BASE_OF_PRIMITIVE and kind not in TEMPORAL | WHOLE | {"boolean", "decimal"}


def comparable(literal: object, kind: str) -> bool:
    """Whether Python compares that literal with the JSON of that type as FHIRPath does."""
    if isinstance(literal, bool):
        return kind == "boolean"
    return is_text(kind) if isinstance(literal, str) else kind in WHOLE | {"decimal"}


# What the source calls.


def all_different(texts: list[object]) -> bool:
    """Whether no text stands twice."""
    return len(set(texts)) == len(texts)


@lru_cache(1024)
def order_of_texts(left: object, right: object) -> int | None:
    """-1, 0 or 1 for two dateTimes; ``None`` where one lacks or the precisions leave it open."""
    if left is None or right is None:
        return None
    if not isinstance(left, str) or not isinstance(right, str):
        raise Undecided
    first, second = temporal(left, "dateTime"), temporal(right, "dateTime")
    if first is None or second is None:
        raise Undecided
    return order_of_times(first, second)
