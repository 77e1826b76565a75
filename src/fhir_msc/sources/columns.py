"""Trims the values of a row."""

from __future__ import annotations

from collections.abc import Iterable


def trimmed(cells: Iterable[str]) -> tuple[str, ...]:
    """The values of a row without blanks around them."""
    return tuple([cell.strip() for cell in cells])
