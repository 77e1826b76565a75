"""Totals of instruments against their items: the parts of one Observation, or Observations made at one time.

Which items a total is of, the pack says (``totals`` in ``pack.yaml``), by their codes. An item counts with its number
as it stands: a weight is in it already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from fhir_msc.findings import Severity
from fhir_msc.validation.objects import Node, nodes
from fhir_msc.validation.problems import Problem

TOTAL = "MSC-VALUE-003"

_DIGITS = 20
"""No score has more."""


@dataclass(frozen=True, slots=True)
class Total:
    """The code of a total and those of its items, each as ``system|code``, the system an absolute URI."""

    code: str
    items: tuple[str, ...]

    def named(self, node: Node) -> str | None:
        """Which of these codes a resource or a component has."""
        for coding in nodes(node, "code", "coding"):
            code = f"{coding.get('system')}|{coding.get('code')}"
            if code == self.code or code in self.items:
                return code
        return None


def mistotalled(resource: Node, totals: Sequence[Total]) -> list[Problem]:
    """What is wrong with an Observation whose components are the items of its total."""
    found = []
    for total in totals:
        if total.named(resource) != total.code or "component" not in resource:
            continue
        items: dict[str, Decimal] = {}
        for component in nodes(resource, "component"):
            code, number = total.named(component), number_of(component)
            if code is not None and code != total.code and number is not None:
                items[code] = number
        whole = number_of(resource)
        if whole is not None and not adds_up(total, whole, items):
            found.append(wrong_total("valueQuantity.value"))
    return found


def adds_up(total: Total, whole: Decimal, items: Mapping[str, Decimal]) -> bool:
    """Whether the items are the total. Where one of them lacks they may be no more than it, for none is negative."""
    if any(number < 0 for number in items.values()):
        return True
    counted = sum(items.values(), Decimal())
    return counted == whole if len(items) == len(total.items) else not items or counted <= whole


def wrong_total(path: str) -> Problem:
    """The problem of a total that is not the sum of its items."""
    return Problem(
        TOTAL, "the total is not the sum of its items", path, hint="add the items again", severity=Severity.WARNING
    )


def number_of(node: Node) -> Decimal | None:
    """The number that an Observation or a component gives; of an answer in words the number that it counts for."""
    found = _quantity(node)
    if found is None and "valueString" in node:
        found = next((one for one in map(_quantity, nodes(node, "component")) if one is not None), None)
    return found


def _quantity(node: Node) -> Decimal | None:
    for quantity in nodes(node, "valueQuantity"):
        value = quantity.get("value")
        if value is None or isinstance(value, bool) or "comparator" in quantity:
            return None
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            return None
        return number if number.is_finite() and abs(number.adjusted()) < _DIGITS else None
    return None
