"""How one row names another (SDTM IDVAR and IDVARVAL, in SUPP-- and RELREC): cells as they are compared."""

from __future__ import annotations

from fhir_msc.mapping.transforms import Unreadable, plain_number

_NUMBERED = ("SEQ", "NUM")
"""How SDTM's numbers that identify a row end (--SEQ, VISITNUM, --TPTNUM)."""


def as_named(variable: str, value: str) -> str:
    """A cell that identifies a row, as it is compared. A number is one however it is spelled (``4.00``, ``4``); what a
    sponsor calls a row is a name: ``1.1`` and ``1.10`` are two."""
    if not variable.endswith(_NUMBERED):
        return value.removesuffix(".0")
    try:
        return plain_number(value)
    except Unreadable:
        return value
