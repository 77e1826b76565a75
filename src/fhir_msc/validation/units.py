"""UCUM in a resource: whether a unit's code is one.

The 1,364 codes of HL7's value set ``ucum-common`` are answered from the definitions; the grammar is loaded at the
first unit outside it.
"""

from __future__ import annotations

from functools import cache

from fhir_msc.ucum import is_unit
from fhir_msc.validation.definitions import codes_of

UCUM = "http://unitsofmeasure.org"

_NO_CODES: frozenset[str] = frozenset()


def is_ucum(code: str) -> bool:
    """Whether ``code`` is a UCUM unit, case-sensitive."""
    return code in _common() or is_unit(code)


@cache
def _common() -> frozenset[str]:
    return (codes_of("http://hl7.org/fhir/ValueSet/ucum-common") or {}).get(UCUM, _NO_CODES)
