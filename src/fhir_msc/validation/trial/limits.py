"""The table of limits: what a value can be by its LOINC code, and the unit that the code asks for.

``limits.csv`` has a line per code: limits in ``unit`` (UCUM), outside which no living person's value lies; ``also`` are
units that laboratories use for the same though UCUM calls them of another dimension; ``source`` says where the limits
come from, or that they are a proposal.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from fhir_msc.ucum import is_commensurable, scale

LOINC = "http://loinc.org"


@dataclass(frozen=True, slots=True)
class Limit:
    """A line of the table. Both limits are inclusive, in ``unit``."""

    code: str
    display: str
    unit: str
    low: float
    high: float
    also: tuple[str, ...]
    source: str

    def is_unit(self, unit: str) -> bool:
        """Whether the unit is one of what the code measures; a unit of which nothing is known is."""
        return unit == self.unit or unit in self.also or is_commensurable(unit, self.unit) is not False

    def holds(self, value: float, unit: str, comparator: str | None = None) -> bool:
        """Whether the value lies within the limits. What cannot be converted does; of ``<5`` only that it can be."""
        if unit != self.unit and unit not in self.also:
            line = scale(unit, self.unit)
            if line is None:
                return True
            value = value * line[0] + line[1]
        slack = 1e-9 * max(abs(value), 1.0)  # a limit met exactly is met after a conversion, too
        if comparator in ("<", "<="):
            return value >= self.low - slack
        if comparator in (">", ">="):
            return value <= self.high + slack
        return self.low - slack <= value <= self.high + slack


@cache
def limits() -> Mapping[str, Limit]:
    """The table by LOINC code."""
    text = files("fhir_msc.validation.trial").joinpath("limits.csv").read_text("utf-8")
    return MappingProxyType(
        {
            line["code"]: Limit(
                line["code"],
                line["display"],
                line["unit"],
                float(line["low"]),
                float(line["high"]),
                tuple(line["also"].split()),
                line["source"],
            )
            for line in csv.DictReader(text.splitlines())
        }
    )
