"""JSON text to a document: strict UTF-8, no duplicate keys, decimals kept as they are written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import NoReturn

from fhir_msc.validation.problems import JSON, JSON_DUPLICATE, Problem


class NotAResource(ValueError):
    """The text is no JSON object; ``problem`` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def parse(text: bytes | str) -> tuple[dict[str, object], list[Problem]]:
    """The object that ``text`` holds, and its duplicate keys (the last value counts). Raises NotAResource."""
    duplicates: list[Problem] = []

    def pairs(items: Sequence[tuple[str, object]]) -> dict[str, object]:
        found = dict(items)
        if len(found) != len(items):
            seen: set[str] = set()
            for key, _ in items:
                if key in seen:
                    duplicates.append(Problem(JSON_DUPLICATE, "a key stands twice in one object", hint=_name(key)))
                seen.add(key)
        return found

    try:
        plain = text if isinstance(text, str) else text.decode("utf-8")
        document = json.loads(plain, object_pairs_hook=pairs, parse_float=Decimal, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise NotAResource(Problem(JSON, f"not UTF-8 at byte {error.start}")) from error
    except json.JSONDecodeError as error:
        raise NotAResource(
            Problem(JSON, f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}")
        ) from error
    except RecursionError as error:
        raise NotAResource(Problem(JSON, "nested too deeply to be read")) from error
    except ValueError as error:
        raise NotAResource(Problem(JSON, "a number that cannot be read")) from error
    if not isinstance(document, dict):
        raise NotAResource(Problem(JSON, "a resource is a JSON object"))
    return document, duplicates


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _name(key: str) -> str | None:
    """The key, where it can only be an element's name."""
    return f"the key is {key}" if key.isascii() and key.isidentifier() and len(key) <= 64 else None
