"""The transforms a pack may name: those that are built in, and an integrator's own by entry point.

An own transform is a function of one cell with an annotated return: ``-> str`` reads words, ``-> Number`` a number. It
raises ``Unreadable`` for a cell that it cannot read, which costs that row; whatever else it raises or returns is its
own fault, and stops the run with the entry point's name. It sees the cell and nothing else, and of a blind project only
cells of columns that are not sealed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import TypeVar, get_type_hints

from fhir_msc.errors import PackError
from fhir_msc.extensions import Extension, extensions
from fhir_msc.mapping.transforms import NAMES, NUMBERS, WORDS, Number, Unreadable, decimal

GROUP = "fhir_msc.transforms"

T = TypeVar("T", str, Number)

_COMPARATORS = frozenset([None, "<", "<=", ">=", ">"])
_SIGNATURE = "write it as `def name(cell: str) -> str`, or `-> Number` for a number"


def own_transforms() -> Mapping[str, Extension]:
    """The integrator's transforms by name, not yet loaded. Raises PackError for a name that is taken."""
    return extensions(GROUP, NAMES, PackError)


@dataclass(frozen=True, slots=True)
class Transforms:
    """The transforms by name. Each own one is loaded when a pack first names it."""

    own: Mapping[str, Extension] = field(default_factory=dict)
    words: dict[str, Callable[[str], str]] = field(default_factory=WORDS.copy)
    """Those that read words."""
    numbers: dict[str, Callable[[str], Number]] = field(default_factory=NUMBERS.copy)
    """Those that read a number."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every transform's name."""
        return (*NAMES, *self.own)

    def is_number(self, name: str) -> bool:
        """Whether the transform reads a number. Raises PackError where an own one does not load."""
        self._load(name)
        return name in self.numbers

    def _load(self, name: str) -> None:
        extension = self.own.get(name)
        if extension is None or name in self.words or name in self.numbers:
            return
        read = extension.load()
        if not inspect.isroutine(read):
            raise extension.refused("is no function", hint=_SIGNATURE)
        try:
            given = get_type_hints(read).get("return")
        except Exception as error:
            raise extension.refused(f"has an annotation that does not hold: {type(error).__name__}") from error
        if given is str:
            self.words[name] = _guarded(read, str, lambda _text: True, "no text", extension)
        elif given is Number:
            self.numbers[name] = _guarded(read, Number, _is_whole, "no number as JSON writes it", extension)
        else:
            raise extension.refused("does not say what it returns", hint=_SIGNATURE)


def _is_whole(number: Number) -> bool:
    """Whether it is a number as JSON writes it, with a comparator that R4 has."""
    try:
        return decimal(number.value).value == number.value and number.comparator in _COMPARATORS
    except Unreadable:
        return False


def _guarded(
    read: Callable[[str], T], kind: type[T], fits: Callable[[T], bool], otherwise: str, own: Extension
) -> Callable[[str], T]:
    """The transform, its failures told by its name and never by the cell."""
    fixed = _texts(read)

    @wraps(read)
    def guarded(cell: str) -> T:
        try:
            found: object = read(cell)
        except Unreadable as reason:
            # The reason becomes a finding's message, which holds nothing of a cell: a text that is made as the
            # transform runs may.
            if str(reason) not in fixed:
                raise Unreadable(f"the transform {own.name} cannot read it") from None
            raise
        except Exception as error:  # noqa: BLE001 - somebody else's code; its message may hold the cell
            why = f"failed on a cell with {type(error).__name__}"
            raise own.refused(why, hint="a cell that it cannot read is to raise Unreadable") from None
        if not isinstance(found, kind) or not fits(found):
            raise own.refused(f"gave {otherwise} for a cell")
        return found

    return guarded


def _texts(read: Callable[[str], object]) -> frozenset[str]:
    """The texts that stand in a transform, and those of its module that it names, before it has seen a cell."""
    function = inspect.unwrap(read)
    if not inspect.isfunction(function):
        return frozenset()
    code = function.__code__
    named = (function.__globals__.get(name) for name in code.co_names)
    return frozenset(text for text in (*code.co_consts, *named) if isinstance(text, str))
