"""Where in a JSON text something stands: line and column of members and items by their path, and keys that stand twice.

Read only where a finding needs it. The text is one that ``parsing.parse`` has read, so that it is JSON.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import NamedTuple

from fhir_msc.findings import Place

_key = re.compile(r'("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t\r\n]*:[ \t\r\n]*').match
_space = re.compile(r"[ \t\r\n]*").match
_value = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode


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
        self._starts = [0, *accumulate(map((1).__add__, map(len, text.split("\n"))))]

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
    found = {root: lines.place(_begin(text, 0))}
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
    yield from _below(text, _begin(text, 0), root, inside, [])


def _below(text: str, start: int, path: str, inside: Callable[[str], bool], end: list[int]) -> Iterator[Member]:
    """The members or items of the object or array that begins there; ``end`` gets the offset behind it."""
    keys: set[str] | None = set() if text[start] == "{" else None
    at = _begin(text, start + 1)
    index = 0
    while text[at] not in "]}":
        if keys is None:
            key, again = None, False
            offset = at
            below = f"{path}[{index}]"
        else:
            token = _key(text, at)
            assert token is not None  # the text is JSON
            key = str(json.loads(token[1])) if "\\" in token[1] else token[1][1:-1]
            again = key in keys
            keys.add(key)
            offset, at = at, token.end()
            below = f"{path}.{key}" if path else key
        if inside(below):
            yield Member(below, key, offset, again)
            if text[at] in "[{":
                yield from _below(text, at, below, inside, end)
                at = end.pop()
            else:
                _, at = _value(text, at)
        else:
            _, at = _value(text, at)
        at = _begin(text, at)
        if text[at] == ",":
            at = _begin(text, at + 1)
            index += 1
    end.append(at + 1)


def _begin(text: str, at: int) -> int:
    """Where the next token begins."""
    found = _space(text, at)
    return at if found is None else found.end()


def _prefixes(path: str) -> Iterator[str]:
    """The path cut before each ``.`` and ``[``, the shortest first, and the path itself."""
    for index, letter in enumerate(path):
        if letter in ".[":
            yield path[:index]
    yield path
