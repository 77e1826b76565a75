"""When something holds: conditions of a pack as tests of a row's cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from fhir_msc.mapping.scope import Getter, Scope, Test
from fhir_msc.mapping.values import Condition

T = TypeVar("T")


def condition(words: Condition | None, scope: Scope) -> Test | None:
    """A condition as a test of a row; ``None`` where it always holds. A word counts however it is capitalised.

    A condition on a sealed column never holds: what hangs on the arm is not made in a blind project. A declared
    missing-data code counts as empty, and is found by its name, too.
    """
    if not words:
        return None
    if len(scope.open(list(words))) < len(words):
        return lambda _cells: False
    empty = frozenset(("", *scope.missing))
    tests = [_cell_test(scope.index(column), wanted, empty) for column, wanted in words.items()]
    if len(tests) == 1:
        return tests[0]
    return lambda cells: all(test(cells) for test in tests)


def _cell_test(index: int, wanted: tuple[str, ...], empty: frozenset[str]) -> Test:
    if wanted == ("*",):
        return lambda cells: cells[index] not in empty
    if all(word.startswith("!") for word in wanted) and wanted:
        others = _with_empty([word[1:] for word in wanted], empty)
        return lambda cells: cells[index] not in others
    values = _with_empty(wanted, empty)
    return lambda cells: cells[index] in values


def _with_empty(words: Sequence[str], empty: frozenset[str]) -> frozenset[str]:
    spelled = frozenset(spelling for word in words for spelling in _spellings(word))
    return empty | spelled if "" in words else spelled


def _spellings(word: str) -> tuple[str, ...]:
    """A word as sites capitalise it: written out here, so that a row is asked no more than once."""
    return word, word.upper(), word.lower(), word.capitalize(), word.title()


def conditional(getter: Getter[T], test: Test | None) -> Getter[T]:
    """The getter, yielding only where the test holds."""
    if test is None:
        return getter
    return lambda cells, zone: getter(cells, zone) if test(cells) else None
