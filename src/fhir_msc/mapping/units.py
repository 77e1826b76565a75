"""Units: from what a laboratory prints to UCUM."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lark import Lark


@cache
def _grammar() -> Lark:
    # The grammar takes a quarter of a second to load, so it is loaded when the first unit without a table line comes.
    from ucumvert import get_ucum_parser

    parser: Lark = get_ucum_parser()
    return parser


@lru_cache(maxsize=4096)
def is_ucum(code: str) -> bool:
    """Whether the text is a unit by UCUM's grammar and symbols (case sensitive, https://ucum.org/ucum)."""
    from lark.exceptions import LarkError

    try:
        _grammar().parse(code)
    except LarkError:
        return False
    return True
