"""How one row names another (SDTM IDVAR and IDVARVAL, in SUPP-- and RELREC): cells as they are compared."""

from __future__ import annotations

import re

_NUMBERED = ("SEQ", "NUM")
"""How SDTM's numbers that identify a row end (--SEQ, VISITNUM, --TPTNUM)."""

_NUMBER = re.compile(r"(?=.*[0-9])([+-]?)0*([0-9]*)(?:\.([0-9]*?)0*)?")


def as_named(variable: str, value: str) -> str:
    """A cell that identifies a row, as it is compared. A number is one however it is spelled (``4.00``, ``4``); what a
    sponsor calls a row is a name: ``1.1`` and ``1.10`` are two."""
    return plain(value) if variable.endswith(_NUMBERED) else value.removesuffix(".0")


def plain(number: str) -> str:
    """A number, the same however it is spelled: ``4.00`` is ``4``, ``4.10`` is ``4.1``, ``-0`` is ``0``. With an
    exponent it stays as it is, and so does what is no number."""
    match = _NUMBER.fullmatch(number)
    if match is None:
        return number
    sign, whole, fraction = match.groups()
    text = (whole or "0") + (f".{fraction}" if fraction else "")
    return f"-{text}" if sign == "-" and text != "0" else text
