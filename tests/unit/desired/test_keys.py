"""Which ids came twice, and which rows they came from."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from fhir_msc.desired.keys import KeyRegister
from fhir_msc.desired.model import Desired
from fhir_msc.sources.table import Row


def some(number: int) -> Desired:
    """A body whose id begins with the number, for that is where ids differ."""
    return Desired(f"o{number:015x}{0:025}", "Observation", "", 0, b"", b"", "LB", (), ())


def rows(count: int) -> list[Row]:
    return [(number, (str(number),)) for number in range(1, count + 1)]


MADE = st.lists(st.tuples(st.integers(1, 3), st.lists(st.integers(0, 12), max_size=3)), max_size=30)
"""Per panel or row: how many rows it is made of, and the ids of its bodies."""


@given(MADE)
def test_rows_of_shared_ids_come_again_and_no_others(made: list[tuple[int, list[int]]]) -> None:
    register = KeyRegister()
    expected: set[int] = set()
    made_of: list[tuple[Sequence[int], list[Desired]]] = []
    at = 0
    ids = [number for _, numbers in made for number in numbers]
    for count, numbers in made:
        places = range(at, at + count)
        at += count
        made_of.append((places, [some(number) for number in numbers]))
        if any(ids.count(number) > 1 for number in numbers):
            expected.update(places)
    for place in range(0, len(made_of), 7):
        register.add(made_of[place : place + 7])
    assert register.complete() == bool(expected)
    assert list(register.rows_again(iter(rows(at)))) == [rows(at)[place] for place in sorted(expected)]
    assert all(register.is_repeated(some(number).rid) == (ids.count(number) > 1) for number in ids)


def test_rows_of_a_panel_that_stand_apart_come_again_in_the_order_of_the_table() -> None:
    register = KeyRegister()
    register.add([((1,), [some(5)]), ((3, 0), [some(7)]), ((4, 2), [some(7)]), ((5,), [])])
    assert register.complete()
    assert [row for row, _ in register.rows_again(iter(rows(6)))] == [1, 3, 4, 5]
