"""Picks the columns that were asked for out of a row of values, and trims these."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter


def picker(indices: Sequence[int]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    """A function that gives the values at those indices, in their order."""
    if len(indices) > 1:
        return itemgetter(*indices)
    return lambda values: tuple([values[index] for index in indices])


def trimmed(cells: Iterable[str]) -> tuple[str, ...]:
    """The values of a row without blanks around them."""
    return tuple([cell.strip() for cell in cells])
