"""A quick dataclass is a frozen one in all but the time it takes to make."""

from __future__ import annotations

import copy
import inspect
import pickle
from dataclasses import FrozenInstanceError, dataclass, fields, is_dataclass, replace

import pytest

from fhir_msc.quick import RememberedHash, quick, remembers_hash


@dataclass(frozen=True, slots=True)
class Plain:
    a: int
    b: str | None = None
    c: tuple[int, ...] = ()


@quick(frozen=True, slots=True)
class Quick:
    """What it is."""

    a: int
    b: str | None = None
    c: tuple[int, ...] = ()

    @property
    def twice(self) -> int:
        return 2 * self.a


@remembers_hash
@quick(frozen=True, slots=True)
class Remembering(RememberedHash):
    a: int
    b: str | None = None
    c: tuple[object, ...] = ()


def test_a_hash_is_worked_out_once_and_is_the_same() -> None:
    asked = 0

    class Counts:
        def __hash__(self) -> int:
            nonlocal asked
            asked += 1
            return 7

    one, other = Remembering(1, "x", (Counts(),)), Remembering(2)
    assert hash(one) == hash(one) != hash(other)
    assert asked == 1
    assert hash(Remembering(1, "x", (3,))) == hash(Plain(1, "x", (3,)))  # type: ignore[arg-type]
    for made in (replace(other, a=2), copy.copy(other), copy.deepcopy(other), pickle.loads(pickle.dumps(other))):
        assert (made, hash(made)) == (other, hash(other))
    assert hash(replace(other, a=3)) != hash(other)
    assert {other: 1}[Remembering(2)] == 1
    assert [each.name for each in fields(Remembering)] == ["a", "b", "c"]
    with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
        other._hash = 1  # type: ignore[attr-defined]


def test_it_is_made_like_the_plain_one() -> None:
    for arguments, named in [((1,), {}), ((1, "x"), {}), ((), {"a": 1, "c": (2,)}), ((1, "x", (3,)), {})]:
        one, other = Quick(*arguments, **named), Plain(*arguments, **named)  # type: ignore[arg-type]
        assert [getattr(one, each.name) for each in fields(Plain)] == [
            getattr(other, each.name) for each in fields(one)
        ]
        assert repr(one) == repr(other).replace("Plain", "Quick")
        assert hash(one) == hash(other)
    for call in (lambda: Quick(), lambda: Quick(1, "x", (), 4), lambda: Quick(1, d=2)):
        with pytest.raises(TypeError):
            call()


def test_it_is_frozen_and_has_no_other_places() -> None:
    one = Quick(1)
    with pytest.raises(FrozenInstanceError):
        one.a = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del one.a
    with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
        one.d = 2  # type: ignore[attr-defined]
    assert not hasattr(one, "__dict__")


def test_it_compares_replaces_copies_and_matches() -> None:
    one = Quick(1, "x")
    assert one == Quick(1, "x") != Quick(1, "y")
    assert one != Plain(1, "x")
    assert replace(one, b="y") == Quick(1, "y")
    assert copy.copy(one) == copy.deepcopy(one) == pickle.loads(pickle.dumps(one)) == one
    assert type(one) is Quick
    assert one.twice == 2
    match one:
        case Quick(a, b):
            assert (a, b) == (1, "x")
    assert is_dataclass(Quick)
    assert Quick.__doc__ == "What it is."
    assert list(inspect.signature(Quick).parameters) == ["a", "b", "c"]
