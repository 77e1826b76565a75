"""Which moments of two tables are the same: at the coarser precision, and never by guess."""

from __future__ import annotations

import pytest

from fhir_msc.mapping.moments import same_moments

DAY, TEN, TWO = "2014-01-02", "2014-01-02T10:00", "2014-01-02T14:00"


@pytest.mark.parametrize(
    ("own", "other"),
    [
        (DAY, TEN),
        (TEN, DAY),
        (TEN, "2014-01-02T10:00:00"),
        (TEN, "2014-01-02 10:00"),
        (TEN, "2014-01-02T10:00+01:00"),
        ("2014-01", TEN),
        ("2014-01-02/2014-01-03", TEN),
        ("2014-01-02T10", TEN),
        ("2014-01-02T-:-", TEN),
        ("no date", "no date"),
    ],
)
def test_one_moment_in_two_precisions(own: str, other: str) -> None:
    assert same_moments([own, "2014-02-03"], [other]) == ({own: other}, frozenset())


@pytest.mark.parametrize(
    ("own", "others", "unclear"),
    [
        # The day of two doses, and two times of one day.
        ([TEN, TWO], [DAY], [DAY]),
        ([DAY], [TEN, TWO], [TEN, TWO]),
        # Another time of the same day, of which the first has no partner.
        ([TEN], ["2014-01-02T10:05"], ["2014-01-02T10:05"]),
        (["2014-01-02T10:00Z"], ["2014-01-02T10:00+01:00"], ["2014-01-02T10:00+01:00"]),
        # The day is one of a missed dose, and may be that of the given one.
        ([DAY, TEN], [DAY], [DAY]),
        (["2014-01", TEN], ["2014-01", TWO], ["2014-01", TWO]),
        # The day has its partner; nobody knows whether the time is one more dose.
        ([DAY], [DAY, TEN], [TEN]),
    ],
)
def test_what_agrees_in_more_than_one_way_is_unclear(own: list[str], others: list[str], unclear: list[str]) -> None:
    pairs, found = same_moments(own, others)
    assert found == frozenset(unclear)
    assert not found.intersection(pairs.values())


def test_what_has_no_counterpart_stands_alone() -> None:
    assert same_moments([TEN], [TEN, TWO]) == ({TEN: TEN}, frozenset())
    assert same_moments([DAY], ["2014-01-03T10:00"]) == ({}, frozenset())
    assert same_moments([], [TEN]) == ({}, frozenset())
    assert same_moments(["no date"], [TEN]) == ({}, frozenset())
