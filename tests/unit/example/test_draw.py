"""Draws: within their limits, and the same as ever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fhir_msc.example.draw import Stream, clip


def test_a_stream_is_the_same_in_every_python() -> None:
    stream = Stream(42, 1, 2)
    assert [stream.integer(0, 999) for _ in range(5)] == [711, 514, 89, 181, 213]
    assert stream.order("abcdefg") == list("egdfbca")


@given(st.integers(0, 2**32), st.integers(-50, 50), st.integers(0, 50))
def test_integers_stay_within_their_limits(seed: int, low: int, span: int) -> None:
    stream = Stream(seed)
    assert all(low <= stream.integer(low, low + span) <= low + span for _ in range(20))


@given(st.integers(0, 2**32), st.lists(st.integers()))
def test_an_order_keeps_the_items(seed: int, items: list[int]) -> None:
    assert sorted(Stream(seed).order(items)) == sorted(items)


@given(st.integers(0, 2**32), st.floats(-100, 100), st.floats(0, 10))
def test_near_stays_within_six_deviations(seed: int, mean: float, deviation: float) -> None:
    value = Stream(seed).near(mean, deviation)
    assert clip(value, mean - 6.001 * deviation, mean + 6.001 * deviation) == value


def test_paths_name_different_streams() -> None:
    firsts = {Stream(1, *path).integer(0, 10**9) for path in [(), (0,), (1,), (0, 0), (0, 1), (1, 0)]}
    assert len(firsts) == 6


def test_integers_reach_both_limits() -> None:
    stream = Stream(3)
    assert {stream.integer(1, 3) for _ in range(200)} == {1, 2, 3}
