"""UCUM: whether a text is a unit by the grammar (https://ucum.org/ucum, case sensitive)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from importlib.metadata import distribution
from pathlib import Path

_LONGEST = 256


@lru_cache(4096)
def is_unit(code: str) -> bool:
    """Whether ``code`` is a UCUM unit. No unit is longer than 256 characters."""
    if not 0 < len(code) <= _LONGEST:
        return False
    parse, refusal = _parser()
    try:
        parse(code)
    except refusal:
        return False
    return True


@cache
def _parser() -> tuple[Callable[[str], object], type[Exception]]:
    """ucumvert's grammar in a parser of our own: importing ucumvert itself loads pint, which takes half a second."""
    from lark import Lark
    from lark.exceptions import LarkError

    grammar = Path(str(distribution("ucumvert").locate_file("ucumvert/ucum_grammar.lark"))).read_text(encoding="utf-8")
    return Lark(grammar, start="main_term", strict=True).parse, LarkError
