"""Values as TOML (https://toml.io/en/v1.0.0): what a command writes into a config, or shows to be copied into one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def toml_text(value: str) -> str:
    """A basic string: what JSON escapes, TOML escapes the same way, and DEL besides."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_tables(tree: Mapping[str, object], path: tuple[str, ...] = ()) -> Iterator[str]:
    """The lines of a table: its values, then the tables and the lists of tables inside it."""
    inner = {name: value for name, value in tree.items() if _is_table(value)}
    plain = {name: value for name, value in tree.items() if name not in inner}
    if path and plain:
        yield f"[{_dotted(path)}]"
    yield from _values(plain)
    if plain:
        yield ""
    for name, value in inner.items():
        if isinstance(value, Mapping):
            yield from toml_tables(value, (*path, name))
        elif isinstance(value, list):
            for one in value:
                yield f"[[{_dotted((*path, name))}]]"
                yield from _values(one)
                yield ""


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and all(isinstance(one, Mapping) for one in value))


def _values(plain: Mapping[str, object]) -> Iterator[str]:
    yield from (f"{_key(name)} = {_value(value)}" for name, value in plain.items())


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    return toml_text(str(value))


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(map(_key, path))


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else toml_text(name)
