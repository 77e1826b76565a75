"""The fingerprint of a table: what its bodies depend on, in parts, so that a difference says where it comes from."""

from __future__ import annotations

from collections.abc import Sequence

PARTS = ("source", "pack", "config", "engine")
"""What a body depends on, and so what may be the cause of another."""

_SIZE = 16
"""Bytes of each part: digests that are keyed, and compared with nothing but each other."""


def fingerprint(source: bytes, pack: bytes, config: bytes, engine: bytes) -> bytes:
    """The digests of the parts as one text of bytes."""
    return b"".join(part[:_SIZE] for part in (source, pack, config, engine))


def causes(before: bytes | None, after: bytes) -> Sequence[str]:
    """What differs between the fingerprints of two stagings of one table; of the first one, the source."""
    if before is None or len(before) != len(after) or len(after) != _SIZE * len(PARTS):
        return PARTS[:1]
    starts = range(0, len(after), _SIZE)
    return [part for part, at in zip(PARTS, starts, strict=True) if before[at : at + _SIZE] != after[at : at + _SIZE]]
