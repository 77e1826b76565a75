"""What an invariant is silent about: the elements without which it surely holds.

Most invariants of R4 speak of elements that most objects do not have. The names found here let the checks pass over
such an invariant with one look at the object's names.
"""

from __future__ import annotations

from collections.abc import Callable

from fhir_msc.validation.fhirpath.shapes import shape_of
from fhir_msc.validation.fhirpath.syntax import Call, Item, Literal, Member, Operation, Syntax, TypeTest, Variable

Names = frozenset[str]

_EMPTY_FOR_EMPTY = frozenset(
    {
        *("where", "select", "first", "last", "tail", "skip", "take", "single", "distinct", "intersect", "exclude"),
        *("repeat", "resolve", "children", "descendants", "extension", "trace", "getValue", "toInteger", "toString"),
        *("substring", "replaceMatches", "startsWith", "endsWith", "contains", "matches", "length"),
    }
)
"""Functions that give nothing for nothing."""


def names_needed(tree: Syntax, kind: str, *, resource: bool) -> Names | None:
    """The JSON names of a ``kind`` of which one must be there for the expression to be other than true.

    ``None`` where there is no such set. ``resource`` says that the object is the resource that ``%resource`` means.
    """
    return _Guard(kind, resource).true_without(tree)


class _Guard:
    """The analysis for one type: sets of names whose absence decides a part of the expression."""

    def __init__(self, kind: str, resource: bool) -> None:
        self._kind = kind
        self._resource = resource

    def true_without(self, tree: Syntax) -> Names | None:
        return self._decided(tree, True)

    def _decided(self, tree: Syntax, wanted: bool) -> Names | None:
        match tree:
            case Literal(bool() as value):
                return frozenset() if value is wanted else None
            case Call(focus, "not", ()) if focus is not None:
                return self._decided(focus, not wanted)
            case Call(focus, "empty" | "isDistinct" | "all", _):
                return self._empty(focus) if wanted else None
            case Call(focus, "exists" | "hasValue", _):
                return None if wanted else self._empty(focus)
            case Operation("and", left, right):
                return self._joined(left, right, wanted, wanted, every=wanted)
            case Operation("or", left, right):
                return self._joined(left, right, wanted, wanted, every=not wanted)
            case Operation("implies", left, right):
                return self._joined(left, right, not wanted, wanted, every=not wanted)
            case Operation("=" | "!=" | "xor" as operator, left, right):
                return self._compared(left, right, wanted is (operator == "="))
            case Operation("<" | "<=" | ">" | ">=" as operator, left, right):
                return self._counted(operator, left, right, wanted)
        return None

    def _joined(self, left: Syntax, right: Syntax, first: bool, second: bool, *, every: bool) -> Names | None:
        one, other = self._decided(left, first), self._decided(right, second)
        if every:
            return None if one is None or other is None else one | other
        found = [names for names in (one, other) if names is not None]
        return min(found, key=len) if found else None

    def _compared(self, left: Syntax, right: Syntax, same: bool) -> Names | None:
        if (counted := self._counted("=" if same else "!=", left, right, True)) is not None:
            return counted
        for value in (False, True):
            both = self._decided(left, value), self._decided(right, value if same else not value)
            if both[0] is not None and both[1] is not None:
                return both[0] | both[1]
        return None

    def _counted(self, operator: str, left: Syntax, right: Syntax, wanted: bool) -> Names | None:
        one, other = self._number(left), self._number(right)
        if one is None or other is None:
            return None
        return one[1] | other[1] if _COMPARISONS[operator](one[0], other[0]) is wanted else None

    def _number(self, tree: Syntax) -> tuple[int, Names] | None:
        """What a sum of counts is without the names."""
        match tree:
            case Literal(int() as value) if not isinstance(value, bool):
                return value, frozenset()
            case Call(focus, "count", ()):
                names = self._empty(focus)
                return None if names is None else (0, names)
            case Operation("+", left, right):
                one, other = self._number(left), self._number(right)
                return None if one is None or other is None else (one[0] + other[0], one[1] | other[1])
        return None

    def _empty(self, tree: Syntax | None) -> Names | None:
        """The names without which a path leads nowhere."""
        match tree:
            case Member(focus, name):
                if not self._is_object(focus):
                    return self._empty(focus)
                shape = shape_of(self._kind, name)
                return None if shape is None else frozenset(shape.keys)
            case Item(focus, _) | TypeTest("as" | "ofType", focus, _):
                return self._empty(focus)
            case Call(focus, "combine" | "union", (other,)) | Operation("|", focus, other):
                one, second = self._empty(focus), self._empty(other)
                return None if one is None or second is None else one | second
            case Call(focus, name, _) if name in _EMPTY_FOR_EMPTY:
                return self._empty(focus)
        return None

    def _is_object(self, tree: Syntax | None) -> bool:
        match tree:
            case None | Variable("$this"):
                return True
            case Variable("%resource"):
                return self._resource
            case Member(None, name):
                return name == self._kind
        return False


_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "=": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}
