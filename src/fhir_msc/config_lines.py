"""Which line of a TOML file says what: TOML's own reader tells values, not where they stand."""

from __future__ import annotations

import tomllib
from collections import Counter


def line_of(text: str, path: tuple[str, ...]) -> int:
    """The line of a key, or of the nearest table around it; of the tables of an array the one whose place ``path``
    holds, counted from 0. 1 where there is none."""
    known = _lines(text)
    return next((known[path[:depth]] for depth in range(len(path), 0, -1) if path[:depth] in known), 1)


def _lines(text: str) -> dict[tuple[str, ...], int]:
    found: dict[tuple[str, ...], int] = {}
    counts: Counter[tuple[str, ...]] = Counter()
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), 1):
        is_header = line.lstrip().startswith("[")
        names = _names(line if is_header else f"{line.partition('=')[0]}=0")
        if not names:
            continue
        if is_header:
            table = names
            if line.lstrip().startswith("[["):
                table = (*names, str(counts[names]))
                counts[names] += 1
        path = table if is_header else (*table, *names)
        for depth in range(1, len(path) + 1):
            found.setdefault(path[:depth], number)
    return found


def _names(line: str) -> tuple[str, ...]:
    """The names of a table or a key, as TOML reads them; none for what is another line."""
    try:
        tree: object = tomllib.loads(line.rstrip("\r"))
    except tomllib.TOMLDecodeError:
        return ()
    names: list[str] = []
    while isinstance(tree, (dict, list)) and tree:
        if isinstance(tree, dict):
            name, tree = next(iter(tree.items()))
            names.append(name)
        else:
            tree = tree[0]
    return tuple(names)
