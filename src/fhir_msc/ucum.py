"""UCUM: whether a text is a unit by the grammar (https://ucum.org/ucum, case sensitive), and of which dimension."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lark import Token, Tree
    from pint import Quantity
    from ucumvert import PintUcumRegistry

_LONGEST = 256


@lru_cache(4096)
def is_unit(code: str) -> bool:
    """Whether ``code`` is a UCUM unit. No unit is longer than 256 characters."""
    return units_of(code) is not None


@lru_cache(4096)
def units_of(code: str) -> frozenset[str] | None:
    """The units that a code is made of, each with its prefix (``mg``, ``dL`` of ``mg/dL``); ``None`` if it is none."""
    if not 0 < len(code) <= _LONGEST:
        return None
    parse, refusal = _parser()
    try:
        tokens = list(parse(code).scan_values(lambda _: True))
    except refusal:
        return None
    found: set[str] = set()
    prefix = ""
    for token in tokens:
        if token.type.startswith("UNIT"):
            found.add(prefix + token)
        prefix = str(token) if token.type.startswith("PREFIX") else ""
    return frozenset(found)


@cache
def _parser() -> tuple[Callable[[str], Tree[Token]], type[Exception]]:
    """ucumvert's grammar in a parser of our own: importing ucumvert itself loads pint, which takes half a second."""
    from lark import Lark
    from lark.exceptions import LarkError

    grammar = Path(str(distribution("ucumvert").locate_file("ucumvert/ucum_grammar.lark"))).read_text(encoding="utf-8")
    return Lark(grammar, start="main_term", strict=True).parse, LarkError


@lru_cache(1024)
def is_commensurable(one: str, other: str) -> bool | None:
    """Whether two units are of one dimension; ``None`` where one of them is none whose dimension is known.

    UCUM's arbitrary units (``[iU]``) count as numbers, as its annotations (``{score}``) do.
    """
    if one == other:
        return True
    known, wanted = _measure(one), _measure(other)
    return None if known is None or wanted is None else bool(known.is_compatible_with(wanted))


@lru_cache(1024)
def scale(one: str, other: str) -> tuple[float, float] | None:
    """Factor and offset by which a value in one unit becomes a value in another; ``None`` where it cannot."""
    if one == other:
        return 1.0, 0.0
    known, wanted = _measure(one), _measure(other)
    if known is None or wanted is None or not known.is_compatible_with(wanted):
        return None
    from pint.errors import PintError

    try:
        zero, many = (
            type(known)(value * known.magnitude, known.units).to(wanted.units).magnitude / wanted.magnitude
            for value in (0, 1000)
        )
    except PintError:  # a unit with a zero of its own inside a product
        return None
    return float(many - zero) / 1000, float(zero)


@lru_cache(1024)
def _measure(code: str) -> Quantity[float] | None:
    """One of a unit; ``None`` where its dimension is not known."""
    if not is_unit(code):
        return None
    from lark.exceptions import LarkError
    from pint import Quantity

    registry = _registry()
    try:
        found = registry.from_ucum(code)
    except LarkError:  # in the grammar, and not among the units
        return None
    # A mere annotation is no quantity there, and the number one by UCUM (section 2.12).
    return found if isinstance(found, Quantity) else registry.Quantity(1)


@cache
def _registry() -> PintUcumRegistry:
    """The units with their dimensions: a second to load, and asked only where two units differ."""
    from ucumvert import PintUcumRegistry

    return PintUcumRegistry()
