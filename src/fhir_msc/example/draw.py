"""Random draws that are the same on every machine and in every Python from 3.11 on.

Only ``random.Random.random`` is used, whose sequence for a seed Python keeps stable; ``sample``, ``shuffle`` and
``gauss`` may change their algorithm. Only addition and multiplication follow, which IEEE 754 fixes to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")

_STEP = 1_000_003


class Stream:
    """One independent stream of draws, named by the seed and a path of numbers below it."""

    __slots__ = ("_random",)

    def __init__(self, seed: int, *path: int) -> None:
        for part in path:
            seed = seed * _STEP + part + 1
        self._random = Random(seed).random  # noqa: S311 (synthetic data, nothing secret)

    def uniform(self, low: float, high: float) -> float:
        """A number from ``low`` up to, not including, ``high``."""
        return low + (high - low) * self._random()

    def integer(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return low + int((high - low + 1) * self._random())

    def chance(self, probability: float) -> bool:
        """Whether something of that probability happens."""
        return self._random() < probability

    def near(self, mean: float, deviation: float) -> float:
        """A number around ``mean`` (the sum of twelve uniform draws, within six deviations)."""
        total = 0.0
        for _ in range(12):
            total += self._random()
        return mean + deviation * (total - 6.0)

    def pick(self, items: Sequence[T]) -> T:
        """One of the items, each as likely."""
        return items[int(len(items) * self._random())]

    def order(self, items: Sequence[T]) -> list[T]:
        """The items in a random order (Fisher and Yates)."""
        ordered = list(items)
        for last in range(len(ordered) - 1, 0, -1):
            other = int((last + 1) * self._random())
            ordered[last], ordered[other] = ordered[other], ordered[last]
        return ordered


def clip(value: float, low: float, high: float) -> float:
    """``value``, or the limit that it passes."""
    return min(max(value, low), high)
