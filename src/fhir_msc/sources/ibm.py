"""IBM System/360 hexadecimal floating point, as SAS transport files hold numbers, spelled as a person would.

An IBM double is a sign bit, seven bits of exponent (base 16, bias 64) and a fraction of 56 bits (SAS TS-140, "Numeric
data fields"). Its text has 15 significant digits, which is what such a number is good for, so that 9.3 stored as
9.299999999999999 is 9.3 again and agrees with the study's Dataset-JSON.
"""

from __future__ import annotations

import math
from decimal import Decimal

_MISSING = frozenset(b"._ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def number_of(raw: bytes) -> str:
    """The text of a number of 2 to 8 bytes; "" for a SAS missing value (``.``, ``._``, ``.A`` to ``.Z``)."""
    bits = int.from_bytes(raw.ljust(8, b"\x00"), "big")
    fraction = bits & 0x00FFFFFFFFFFFFFF
    if fraction == 0:
        return "" if raw[0] in _MISSING else "0"
    value = math.ldexp(fraction, 4 * ((bits >> 56 & 0x7F) - 64) - 56)
    return spelled(-value if bits >> 63 else value)


def spelled(value: float) -> str:
    """The text of a binary number: 15 significant digits, no exponent from 1e-7 up to 1e21, as JSON writers do."""
    text = f"{value:.15g}"
    if "e" not in text:
        return text
    exponent = int(text.partition("e")[2])
    return f"{Decimal(text):f}" if -7 <= exponent < 21 else text.replace("e-0", "e-")
