"""Edits XPORT v5 files byte by byte, for tests. Imports nothing of fhir_msc and knows no more than TS-140."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

_CARD = 80


@dataclass
class RawXpt:
    """One member: everything before the observations, the variables (name → offset, length, numeric), the records."""

    head: bytes
    variables: dict[str, tuple[int, int, bool]]
    records: list[bytes]

    @classmethod
    def read(cls, path: Path) -> RawXpt:
        data = path.read_bytes()
        at = data.index(b"HEADER RECORD*******NAMESTR HEADER RECORD")
        count = int(data[at + 54 : at + 58])
        first = at + _CARD
        variables = {}
        length = 0
        for number in range(count):
            name_at = first + number * 140
            kind, _, size = struct.unpack(">hhh", data[name_at : name_at + 6])
            name = data[name_at + 8 : name_at + 16].decode("ascii").strip()
            (position,) = struct.unpack(">i", data[name_at + 84 : name_at + 88])
            variables[name] = (position, size, kind == 1)
            length = max(length, position + size)
        start = data.index(b"HEADER RECORD*******OBS     HEADER RECORD") + _CARD
        body = data[start:]
        records = [body[i : i + length] for i in range(0, len(body) - length + 1, length)]
        while records and not records[-1].strip():
            records.pop()
        return cls(data[:start], variables, records)

    def write(self, path: Path) -> None:
        body = b"".join(self.records)
        path.write_bytes(self.head + body + b" " * (-len(body) % _CARD))

    def text(self, record: bytes, name: str) -> str:
        offset, length, _ = self.variables[name]
        return record[offset : offset + length].decode("latin-1").rstrip()

    def with_text(self, record: bytes, name: str, value: str) -> bytes:
        offset, length, numeric = self.variables[name]
        assert not numeric
        cell = value.encode("latin-1").ljust(length)
        assert len(cell) == length, f"{name} holds {length} bytes"
        return record[:offset] + cell + record[offset + length :]

    def with_integer(self, record: bytes, name: str, value: int) -> bytes:
        offset, length, numeric = self.variables[name]
        assert numeric
        return record[:offset] + ibm_integer(value)[:length] + record[offset + length :]


def ibm_integer(value: int) -> bytes:
    """A non-negative integer below 2**56 as an IBM double (base 16, excess 64)."""
    if value == 0:
        return bytes(8)
    digits = (value.bit_length() + 3) // 4
    return bytes([64 + digits]) + (value << (4 * (14 - digits))).to_bytes(7, "big")
