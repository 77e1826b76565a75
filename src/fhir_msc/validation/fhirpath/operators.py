"""The operators on collections (http://hl7.org/fhirpath/N1/#operations): truth of three values, order, arithmetic.

``None`` is what FHIRPath writes ``{}``: neither true nor false.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType

from fhir_msc.validation.fhirpath.items import (
    EvaluationError,
    Item,
    Items,
    Node,
    Undecided,
    distinct,
    equal,
    holds,
    plain,
    quantity_of,
)
from fhir_msc.validation.fhirpath.values import (
    Quantity,
    SystemValue,
    Temporal,
    order_of_quantities,
    order_of_times,
)

Truth = bool | None


def truth(items: Items) -> Truth:
    """A collection as a condition: a single item that is no boolean counts as true."""
    if not items:
        return None
    if len(items) > 1:
        raise EvaluationError("several items where a condition is expected")
    item = items[0]
    value = item.value if isinstance(item, Node) and item.kind == "boolean" else item
    return value if isinstance(value, bool) else True


def single(items: Items) -> Item | None:
    """The only item, ``None`` for none."""
    if len(items) > 1:
        raise EvaluationError("several items where one is expected")
    return items[0] if items else None


def value_of(items: Items) -> SystemValue | None:
    """The value of the only item, ``None`` for none."""
    item = single(items)
    return None if item is None else plain(item)


def text_of(items: Items) -> str | None:
    """The text of the only item, ``None`` for none; of what is no text its form as text."""
    value = value_of(items)
    if value is None or isinstance(value, str):
        return value
    return as_text(value)


def as_text(value: SystemValue) -> str:
    """A value as ``toString()`` spells it."""
    match value:
        case bool():
            return "true" if value else "false"
        case Temporal():
            return value.text.removeprefix("T")
        case Quantity():
            return f"{value.value} {value.unit}" if value.calendar else f"{value.value} '{value.unit}'"
        case Decimal():
            return format(value, "f")
        case _:
            return str(value)


def all_equal(left: Items, right: Items) -> Truth:
    """``=``: the same items in the same order."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    answers = [equal(one, other) for one, other in zip(left, right, strict=True)]
    return False if False in answers else None if None in answers else True


def order(left: Items, right: Items) -> int | None:
    """-1, 0 or 1, ``None`` where one is empty or the order is open."""
    one, other = single(left), single(right)
    if one is None or other is None:
        return None
    first, second = plain(one), plain(other)
    match first, second:
        case bool(), _:
            pass
        case ((int() | Decimal()), (int() | Decimal())) if not isinstance(second, bool):
            return (first > second) - (first < second)
        case str(), str():
            return (first > second) - (first < second)
        case Temporal(), Temporal():
            return order_of_times(first, second)
        case Quantity(), Quantity():
            answer = order_of_quantities(first, second)
            if answer is None:
                raise Undecided  # units that only the whole of UCUM relates
            return answer
        case (None, _) | (_, None):
            return None
    raise EvaluationError("these types have no order")


def member(item: Items, among: Items) -> Truth:
    """``in``, and ``contains`` with its sides changed."""
    one = single(item)
    return None if one is None else holds(among, one)


def union(left: Items, right: Items) -> Items:
    """``|``."""
    return distinct([*left, *right])


def concatenated(left: Items, right: Items) -> Items:
    """``&``: an empty side is empty text."""
    return [f"{text_of(left) or ''}{text_of(right) or ''}"]


def arithmetic(operator: str, left: Items, right: Items) -> Items:
    """``+ - * / div mod`` of numbers, ``+`` of texts; raises Undecided for dates and quantities."""
    first, second = value_of(left), value_of(right)
    if first is None or second is None:
        return []
    if operator == "+" and isinstance(first, str) and isinstance(second, str):
        return [first + second]
    one, other = _number(first), _number(second)
    if operator in ("/", "div", "mod") and other == 0:
        return []
    try:
        result = _ARITHMETIC[operator](one, other)
    except InvalidOperation:
        return []
    whole = isinstance(first, int) and isinstance(second, int) and operator != "/"
    return [int(result) if whole or operator == "div" else result]


def negated(items: Items) -> Items:
    """``-``."""
    value = value_of(items)
    if isinstance(value, Quantity):
        return [Quantity(-value.value, value.unit, value.calendar)]
    if value is None:
        return []
    number = -_number(value)
    return [int(number) if isinstance(value, int) else number]


def _number(value: SystemValue) -> Decimal:
    if isinstance(value, (Temporal, Quantity)):
        raise Undecided  # needs the calendar, or the whole of UCUM
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise EvaluationError("a number is expected")
    return Decimal(value)


_ARITHMETIC: Mapping[str, Callable[[Decimal, Decimal], Decimal]] = MappingProxyType(
    {
        "+": lambda one, other: one + other,
        "-": lambda one, other: one - other,
        "*": lambda one, other: one * other,
        "/": lambda one, other: one / other,
        "div": lambda one, other: one // other,
        "mod": lambda one, other: one % other,
    }
)


def conjunction(left: Truth, right: Truth) -> Truth:
    """``and``."""
    return False if left is False or right is False else None if left is None or right is None else True


def disjunction(left: Truth, right: Truth) -> Truth:
    """``or``."""
    return True if left or right else None if left is None or right is None else False


def exclusive(left: Truth, right: Truth) -> Truth:
    """``xor``."""
    return None if left is None or right is None else left is not right


def implication(left: Truth, right: Truth) -> Truth:
    """``implies``."""
    return disjunction(None if left is None else not left, right)


def equivalent(left: Items, right: Items) -> bool:
    """``~``: texts without case and with white space made equal, numbers at the lesser precision, any order."""
    if len(left) != len(right):
        return False
    rest = list(right)
    for one in left:
        match = next((index for index, other in enumerate(rest) if _equivalent(one, other)), None)
        if match is None:
            return False
        del rest[match]
    return True


def _equivalent(left: Item, right: Item) -> bool:
    first, second = plain(left), plain(right)
    if isinstance(first, str) and isinstance(second, str):
        return first.split() == second.split() or first.lower().split() == second.lower().split()
    if isinstance(first, Decimal) or isinstance(second, Decimal):
        return _about(first, second)
    one, other = quantity_of(left), quantity_of(right)
    if one is not None and other is not None and one.unit == other.unit:
        return _about(one.value, other.value)
    return equal(left, right) is True


def _about(first: SystemValue | None, second: SystemValue | None) -> bool:
    if not isinstance(first, (int, Decimal)) or not isinstance(second, (int, Decimal)):
        return False
    places = min(_places(Decimal(first)), _places(Decimal(second)))
    return round(Decimal(first), places) == round(Decimal(second), places)


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
