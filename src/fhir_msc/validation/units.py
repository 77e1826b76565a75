"""UCUM: whether a unit's code is one (https://ucum.org/ucum).

The 1,364 codes of HL7's value set ``ucum-common`` are answered from the definitions; the grammar is loaded at the
first unit outside it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from importlib.metadata import distribution
from pathlib import Path

from fhir_msc.validation.definitions import codes_of

UCUM = "http://unitsofmeasure.org"

_LONGEST = 256
_NO_CODES: frozenset[str] = frozenset()


@lru_cache(4096)
def is_ucum(code: str) -> bool:
    """Whether ``code`` is a UCUM unit, case-sensitive. No unit is longer than 256 characters."""
    return code in _common() or (len(code) <= _LONGEST and _parses(code))


@cache
def _common() -> frozenset[str]:
    return (codes_of("http://hl7.org/fhir/ValueSet/ucum-common") or {}).get(UCUM, _NO_CODES)


@cache
def _parser() -> tuple[Callable[[str], object], type[Exception]]:
    """ucumvert's grammar in a parser of our own: importing ucumvert itself loads pint, which takes half a second."""
    from lark import Lark
    from lark.exceptions import LarkError

    grammar = Path(str(distribution("ucumvert").locate_file("ucumvert/ucum_grammar.lark"))).read_text(encoding="utf-8")
    return Lark(grammar, start="main_term", strict=True).parse, LarkError


def _parses(code: str) -> bool:
    parse, refusal = _parser()
    try:
        parse(code)
    except refusal:
        return False
    return True
