"""Where in a JSON text something stands: line and column of members and items by their path, and keys that stand twice.

Read only where a finding needs it. The text is one that ``parsing.parse`` has read, so that it is JSON.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from fhir_msc.findings import Place

_tokens = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\],:]|[^\s"{}\[\],:]+').finditer
_ends = re.compile("\n").finditer


class Member(NamedTuple):
    """A member of an object, or an item of an array, which has no ``key``: its path, the offset of its key or of the
    item, and whether the same key stood before in the same object."""

    path: str
    key: str | None
    offset: int
    again: bool


class Lines:
    """Offsets of a text as lines and columns, both from 1, in characters."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(end.end() for end in _ends(text))]

    def place(self, offset: int) -> Place:
        """The place of that character."""
        line = bisect_right(self._starts, offset)
        return Place(line, offset - self._starts[line - 1] + 1)


def places(text: str, paths: Iterable[str], root: str) -> Mapping[str, Place]:
    """The place of each path: of its key or item, or of what is nearest around where it is not there.

    ``root`` begins the paths (``Patient`` of ``Patient.name[0]``).
    """
    ways = {path: list(_prefixes(path)) for path in paths}
    prefixes = {prefix for way in ways.values() for prefix in way}
    lines = Lines(text)
    found = {root: lines.place(next(_tokens(text)).start())}
    for path, _, offset, _ in members(text, root, prefixes.__contains__):
        found[path] = lines.place(offset)
    return {
        path: next((found[prefix] for prefix in reversed(way) if prefix in found), found[root])
        for path, way in ways.items()
    }


def duplicates(text: str, root: str) -> list[tuple[str, str, Place]]:
    """Every key that stands again in its object: its path, the key, and its place."""
    lines = Lines(text)
    found = (one for one in members(text, root, lambda _: True) if one.again)
    return [(one.path, one.key or "", lines.place(one.offset)) for one in found]


def members(text: str, root: str, inside: Callable[[str], bool]) -> Iterator[Member]:
    """The members and items of the object that the text holds, in its order; looks into those that ``inside`` takes."""
    around: list[tuple[str | None, set[str] | None]] = []
    path: str | None = root
    keys: set[str] | None = None
    index = 0
    counts: list[int] = []
    below: str | None = root
    key_is_next = False
    for token in _tokens(text):
        first = text[token.start()]
        if first == ":":
            continue
        if first == ",":
            key_is_next = keys is not None
            index += 1
            continue
        if first in "]}":
            path, keys = around.pop()
            index = counts.pop()
            key_is_next = False
            continue
        if key_is_next:
            key_is_next = False
            below = None
            if path is not None and keys is not None:
                key = _key(token.group())
                below = f"{path}.{key}" if path else key
                if inside(below):
                    yield Member(below, key, token.start(), key in keys)
                else:
                    below = None
                keys.add(key)
            continue
        if around and keys is None:
            below = None if path is None else f"{path}[{index}]"
            if below is not None and inside(below):
                yield Member(below, None, token.start(), again=False)
            else:
                below = None
        if first in "[{":
            around.append((path, keys))
            counts.append(index)
            path, index = below, 0
            keys = set() if first == "{" else None
            key_is_next = first == "{"


def _key(token: str) -> str:
    return str(json.loads(token)) if "\\" in token else token[1:-1]


def _prefixes(path: str) -> Iterator[str]:
    """The path cut before each ``.`` and ``[``, the shortest first, and the path itself."""
    for index, letter in enumerate(path):
        if letter in ".[":
            yield path[:index]
    yield path
