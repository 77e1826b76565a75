"""Frozen dataclasses and tuples that are made quickly: what there is one of per row, or several.

A frozen dataclass sets each field by ``object.__setattr__``, which for an observation's nineteen fields takes ten times
as long as plain assignment. Here a new object is filled while it is still of a class of the same slots that is not
frozen, and then becomes one of the frozen class. All else is ``dataclasses.dataclass(frozen=True, slots=True)``: for a
type checker, for ``fields`` and ``replace``, and for whoever tries to change it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, TypeVar

__all__ = ["RememberedHash", "filled", "picker", "quick", "remembers_hash"]


class RememberedHash:
    """What is a part of many keys: its hash is worked out once. For frozen classes; see ``remembers_hash``."""

    __slots__ = ("_hash",)
    _hash: int


T = TypeVar("T", bound=RememberedHash)
N = TypeVar("N", bound=tuple[object, ...])
V = TypeVar("V")


def filled(cls: type[N]) -> Callable[[tuple[object, ...]], N]:
    """Makes a named tuple from the tuple of all its fields in half the time of a call; nobody counts or checks them."""
    return partial(tuple.__new__, cls)


def picker(places: Sequence[int]) -> Callable[[Sequence[V]], tuple[V, ...]]:
    """Makes the tuple of the values at these places, in their order."""
    if len(places) > 1:
        return itemgetter(*places)
    if not places:
        return lambda _values: ()
    place = places[0]
    return lambda values: (values[place],)


def remembers_hash(cls: type[T]) -> type[T]:
    """Lets a frozen dataclass that derives from RememberedHash keep the hash of its fields."""
    work_out = cls.__hash__

    def __hash__(self: T) -> int:
        try:
            return self._hash
        except AttributeError:
            found = work_out(self)
            object.__setattr__(self, "_hash", found)
            return found

    cls.__hash__ = __hash__  # type: ignore[method-assign,assignment]
    return cls


if TYPE_CHECKING:
    from dataclasses import dataclass as quick
else:
    from dataclasses import MISSING, dataclass, fields

    def quick(*, frozen: bool, slots: bool):
        """As ``dataclass``. Takes fields with plain defaults; no ``__post_init__``."""

        def decorate(cls: type) -> type:
            made = dataclass(frozen=frozen, slots=slots)(cls)
            names = [one.name for one in fields(made)]
            draft = type(f"{cls.__name__}Draft", made.__bases__, {"__slots__": tuple(names)})
            defaults = {f"_{one.name}": one.default for one in fields(made) if one.default is not MISSING}
            taken = ", ".join(f"{name}=_{name}" if f"_{name}" in defaults else name for name in names)
            lines = [
                f"def __new__(cls, {taken}):",
                "    made = new(draft)",
                *(f"    made.{name} = {name}" for name in names),
                "    made.__class__ = cls",
                "    return made",
            ]
            known = {"new": object.__new__, "draft": draft, **defaults}
            exec("\n".join(lines), known)  # noqa: S102 - as dataclasses does, of the class's own field names
            made.__new__ = known["__new__"]
            made.__init__ = object.__init__
            made.__getnewargs__ = lambda self: tuple(getattr(self, name) for name in names)
            return made

        return decorate
