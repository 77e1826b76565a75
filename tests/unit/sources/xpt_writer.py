"""Writes SAS transport files (TS-140) for the tests, from the layout alone: it shares nothing with the reader."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

STAMP = b"01JAN24:00:00:00"


@dataclass(frozen=True)
class Column:
    name: str
    length: int
    numeric: bool = False
    label: str = ""


def ibm(value: float) -> bytes:
    """An IBM double: sign, base-16 exponent, 14 hexadecimal digits of the fraction, the first of them not 0."""
    if value == 0:
        return bytes(8)
    rest, exponent = abs(Fraction(value)), 64
    while rest >= 1:
        rest, exponent = rest / 16, exponent + 1
    while rest < Fraction(1, 16):
        rest, exponent = rest * 16, exponent - 1
    digits = bytearray()
    for _ in range(7):
        rest *= 256
        digits.append(int(rest))
        rest -= int(rest)
    return bytes([exponent | (0x80 if value < 0 else 0), *digits])


def xpt(*members: tuple[str, Sequence[Column], Sequence[Sequence[bytes]]], descriptor: int = 140) -> bytes:
    file = _header(b"LIBRARY ", 30 * b"0") + b"SAS     SAS     SASLIB  9.4     X64_10PR".ljust(64) + STAMP
    file += STAMP.ljust(80)
    for name, columns, rows in members:
        file += _header(b"MEMBER  ", b"000000000000000001600000000%03d" % descriptor)
        file += _header(b"DSCRPTR ", 30 * b"0")
        file += b"SAS     " + name.encode().ljust(8) + b"SASDATA 9.4     X64_10PR".ljust(48) + STAMP
        file += STAMP.ljust(80)
        file += _header(b"NAMESTR ", b"000000%04d00000000000000000000" % len(columns))
        file += _filled(b"".join(_descriptors(columns, descriptor)))
        file += _header(b"OBS     ", 30 * b"0")
        file += _filled(
            b"".join(
                value[: column.length] if column.numeric else value.ljust(column.length)
                for row in rows
                for column, value in zip(columns, row, strict=True)
            )
        )
    return file


def _descriptors(columns: Sequence[Column], size: int) -> list[bytes]:
    at, described = 0, []
    for number, column in enumerate(columns, start=1):
        kind = 1 if column.numeric else 2
        names = struct.pack(">8s40s", column.name.encode().ljust(8), column.label.encode().ljust(40))
        formats = struct.pack(">8shhh2s8shh", b" " * 8, 0, 0, 0, b"\0\0", b" " * 8, 0, 0)
        described.append(
            (struct.pack(">hhhh", kind, 0, column.length, number) + names + formats + struct.pack(">l", at)).ljust(
                size, b"\0"
            )
        )
        at += column.length
    return described


def _header(kind: bytes, figures: bytes) -> bytes:
    return (b"HEADER RECORD*******" + kind + b"HEADER RECORD!!!!!!!" + figures).ljust(80)


def _filled(content: bytes) -> bytes:
    return content + b" " * (-len(content) % 80)
