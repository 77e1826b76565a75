"""Documents with one thing changed: what the oracles are asked about. A seed fixes the mutant."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

Json = dict[str, Any]

WRONG_SCALARS = [
    "",
    " ",
    "bogus",
    "2021-02-30",
    "2021-13-45",
    "a b",
    "x\u0000",
    0,
    -1,
    1.5,
    True,
    None,
    [],
    {},
    [[]],
    "é" * 65,
]
WRONG_DATES = [
    "2021-02-30",
    "2021-00",
    "21-01-01",
    "2021-1-1",
    "2021-01-01T10:00",
    "2021-01-01T25:00:00Z",
    "2021-01-01 ",
    "0000",
]


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every member and item below ``node`` with its path."""
    items: Any = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*path, key), value
        yield from places(value, (*path, key))


def _holder(document: Json, path: tuple[Any, ...]) -> Any:
    node: Any = document
    for key in path[:-1]:
        node = node[key]
    return node


def _drop(document: Json, path: tuple[Any, ...], value: Any, random: Random) -> None:
    del _holder(document, path)[path[-1]]


def _retype(document: Json, path: tuple[Any, ...], value: Any, random: Random) -> None:
    _holder(document, path)[path[-1]] = random.choice(WRONG_SCALARS)


def _wrap(document: Json, path: tuple[Any, ...], value: Any, random: Random) -> None:
    _holder(document, path)[path[-1]] = random.choice([[value], [value, value], {"value": value}])


def _unwrap(document: Json, path: tuple[Any, ...], value: Any, random: Random) -> None:
    inner = value[0] if isinstance(value, list) and value else value
    inner = next(iter(value.values())) if isinstance(value, dict) and value else inner
    _holder(document, path)[path[-1]] = inner


def _rename(document: Json, path: tuple[Any, ...], value: Any, random: Random) -> None:
    holder = _holder(document, path)
    if isinstance(holder, dict):
        name = str(path[-1])
        holder[random.choice([name + "s", name.upper(), "_" + name, name[:-1] or "x", "valueString"])] = holder.pop(
            path[-1]
        )


def _unknown(document: Json, path: tuple[Any, ...], value: Any, random: Random) -> None:
    target = value if isinstance(value, dict) else document
    target[random.choice(["wat", "value", "resourceType2", "id2", "extensions"])] = random.choice(["x", 1, {"a": 1}])


def _move(document: Json, path: tuple[Any, ...], value: Any, random: Random) -> None:
    """A member goes where another object stands: wrong nesting."""
    holder = _holder(document, path)
    objects = [place for _, place in places(document) if isinstance(place, dict)] or [document]
    if isinstance(holder, dict):
        random.choice(objects)[path[-1]] = copy.deepcopy(value)
        holder.pop(path[-1], None)


def _corrupt(document: Json, path: tuple[Any, ...], value: Any, random: Random) -> None:
    if isinstance(value, str):
        at = random.randrange(len(value) + 1)
        changed = random.choice(
            [value[:at], value[:at] + random.choice(" \t#/|@") + value[at:], value + " ", value.upper()]
        )
        if value[:4].isdigit():
            changed = random.choice([changed, *WRONG_DATES])
        _holder(document, path)[path[-1]] = changed
    else:
        _retype(document, path, value, random)


def _double(document: Json, path: tuple[Any, ...], value: Any, random: Random) -> None:
    """A second choice type beside the first, or an item twice."""
    holder = _holder(document, path)
    if isinstance(holder, list):
        holder.append(copy.deepcopy(value))
    elif str(path[-1]).startswith(("value", "effective", "medication", "deceased", "onset")):
        holder["valueBoolean" if str(path[-1]).startswith("value") else "effectiveInstant"] = True
    else:
        _wrap(document, path, value, random)


def _refer(document: Json, path: tuple[Any, ...], value: Any, random: Random) -> None:
    """A reference that is none."""
    found = [place for _, place in places(document) if isinstance(place, dict) and "reference" in place]
    if found:
        random.choice(found)["reference"] = random.choice(
            ["#nowhere", "Patient", "Nothing/1", "urn:uuid:1", "Patient/a b", 1]
        )


KINDS: dict[str, Callable[[Json, tuple[Any, ...], Any, Random], None]] = {
    "drop": _drop,
    "retype": _retype,
    "wrap": _wrap,
    "unwrap": _unwrap,
    "rename": _rename,
    "unknown": _unknown,
    "move": _move,
    "corrupt": _corrupt,
    "double": _double,
    "refer": _refer,
}


def mutant(document: Json, random: Random) -> tuple[str, tuple[Any, ...], Json]:
    """The kind of change, where, and the changed copy of ``document``."""
    changed = copy.deepcopy(document)
    kind = random.choice(list(KINDS))
    path, value = random.choice([place for place in places(changed) if place[0] != ("resourceType",)])
    KINDS[kind](changed, path, value, random)
    return kind, path, changed
