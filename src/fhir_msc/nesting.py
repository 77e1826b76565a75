"""How deep values stand in each other: what holds itself has no end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

MAX_LEVELS = 256
"""How deep objects and arrays may stand in each other."""

_Holder: TypeAlias = "Mapping[object, object] | list[object] | tuple[object, ...]"


def is_deep(value: object) -> bool:
    """Whether objects and arrays stand deeper in each other than MAX_LEVELS, or one in itself.

    Each is looked into once per level, however many hold it.
    """
    level = _holders([value])
    for _ in range(MAX_LEVELS):
        level = _holders([inner for one in level for inner in _inner(one)])
        if not level:
            return False
    return True


def _holders(values: list[object]) -> list[_Holder]:
    return list({id(one): one for one in values if isinstance(one, (Mapping, list, tuple))}.values())


def _inner(holder: _Holder) -> list[object]:
    return list(holder.values()) if isinstance(holder, Mapping) else list(holder)
