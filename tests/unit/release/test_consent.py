"""What a consent covers, against a second way of saying it: a consent covers the whole days from one to another."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_msc.release.consent import (
    AFTER_WITHDRAWAL,
    BEFORE_CONSENT,
    DATE_UNKNOWN,
    WITHOUT_CONSENT,
    ConsentPolicy,
    ConsentState,
    Gate,
    consent_state,
    ends_consent,
    gate,
)

NONE_BEFORE = ConsentPolicy()

FIRST = date(2019, 11, 1)
DAYS = st.integers(0, 120).map(lambda n: FIRST + timedelta(n))
PRECISIONS = st.sampled_from([4, 7, 10])


def cut(day: date, precision: int) -> str:
    return day.isoformat()[:precision]


def may_be(text: str) -> set[date]:
    """The days near here that a partial date may mean."""
    return {day for n in range(-400, 800) if cut(day := FIRST + timedelta(n), len(text)) == text}


def is_ambiguous(one: str, other: str) -> bool:
    """Whether two dates, not both whole days, are equal as far as both go."""
    common = min(len(one), len(other))
    return common < 10 and one[:common] == other[:common]


@pytest.mark.parametrize(
    ("given", "withdrawn", "collected", "reason"),
    [
        ([], [], "2020-01-01", WITHOUT_CONSENT),
        ([], ["2020-01-01"], "2020-01-01", WITHOUT_CONSENT),
        (["2020-01-05"], [], "2020-01-05", None),
        (["2020-01-05"], [], "2020-01-05T00:01:00Z", None),
        (["2020-01-05"], [], "2020-01-04T23:59:00Z", BEFORE_CONSENT),
        (["2020-01-05"], [], "2020-01", BEFORE_CONSENT),
        (["2020-01-05"], [], "2020-02", None),
        (["2020-01"], [], "2020-01-31", BEFORE_CONSENT),
        (["2020-01"], [], "2020-02-01", None),
        (["2020-01-05"], [], None, DATE_UNKNOWN),
        (["2020-01-05"], ["2020-03-01"], "2020-03-01", None),
        (["2020-01-05"], ["2020-03-01"], "2020-03-02", AFTER_WITHDRAWAL),
        (["2020-01-05"], ["2020-03-01"], "2020-03", AFTER_WITHDRAWAL),
        (["2020-01-05"], ["2020-03"], "2020-03-31", AFTER_WITHDRAWAL),
        (["2020-01-05"], ["2020-03"], "2020-02-29", None),
        # A withdrawal on a day that nobody wrote down ends everything.
        (["2020-01-05"], [None], "2020-01-06", AFTER_WITHDRAWAL),
        # Given anew: what was collected in between stays out.
        (["2020-01-05", "2020-05-01"], ["2020-03-01"], "2020-02-01", None),
        (["2020-01-05", "2020-05-01"], ["2020-03-01"], "2020-04-01", AFTER_WITHDRAWAL),
        (["2020-01-05", "2020-05-01"], ["2020-03-01"], "2020-05-01", None),
        # A withdrawal that may lie after the new consent ends that one too.
        (["2020-01-05", "2020-05-01"], ["2020"], "2020-06-01", AFTER_WITHDRAWAL),
        # Of several consents the first counts; on one day the withdrawal comes after the consent.
        (["2020-02-05", "2020-01-05"], [], "2020-01-06", None),
        (["2020-01-05"], ["2020-01-05"], "2020-01-06", AFTER_WITHDRAWAL),
    ],
)
def test_what_is_collected_is_gated_by_its_date(
    given: list[str], withdrawn: list[str | None], collected: str | None, reason: str | None
) -> None:
    assert gate(consent_state(given, withdrawn, NONE_BEFORE), collected, Gate.DATED) == reason


@pytest.mark.parametrize(
    ("given", "withdrawn", "ends"),
    [
        ("2020-03-05", "2020-03-04", False),
        ("2020-03-05", "2020-03-05", True),
        ("2020-03-05", "2020-02", False),
        ("2020-03-31", "2020-03", True),
        ("2020-03", "2020-03-01", True),
        ("2020-03", "2020", True),
        ("2020", "2019", False),
        # One has a time, the other has none: the day counts.
        ("2020-03-05T11:00:00+01:00", "2020-03-05", True),
        ("2020-03-05", "2020-03-05T00:00:00Z", True),
        ("2020-03-05T11:00:00+01:00", "2020-03-04", False),
        ("2020-03-31T11:00:00+01:00", "2020-03", True),
        ("2020-03-31T11:00:00+01:00", "2020", True),
        ("2020-03-31T11:00:00+01:00", "2020-02", False),
        # Both have one: whatever the zones say of the day.
        ("2020-03-06T00:30:00+01:00", "2020-03-05T23:45:00Z", True),
        ("2020-03-05T23:30:00-08:00", "2020-03-06T06:00:00Z", False),
        ("2020-03-05T11:00:00+01:00", "2020-03-05T10:30:00+01:00", False),
        # Seconds may be none that anybody wrote down.
        ("2020-03-05T11:00:30+01:00", "2020-03-05T10:00:00Z", True),
        ("2020-03-05T11:01:00+01:00", "2020-03-05T10:00:59.5Z", False),
        # A time that is none, or has no zone, is as good as none.
        ("2020-03-05T25:00:00Z", "2020-03-05T10:00:00Z", True),
        ("2020-03-05T11:00:00", "2020-03-05T10:00:00Z", True),
    ],
)
def test_a_withdrawal_ends_each_consent_that_it_may_come_after(given: str, withdrawn: str, ends: bool) -> None:
    assert ends_consent(withdrawn, given) == ends
    state = consent_state([given], [withdrawn], NONE_BEFORE)
    assert state.is_withdrawn == ends
    assert gate(state, "2021-01-01", Gate.DATED) == (AFTER_WITHDRAWAL if ends else None)


def test_what_may_be_the_earlier_withdrawal_counts() -> None:
    state = consent_state(["2020-01-05"], ["2020-03-15", "2020-03"], NONE_BEFORE)
    assert gate(state, "2020-02-29", Gate.DATED) is None
    assert gate(state, "2020-03-10", Gate.DATED) == AFTER_WITHDRAWAL
    # The day of the one consent is after the withdrawal's, the time of the other before it: none of them holds.
    mixed = consent_state(["2020-03-06", "2020-03-06T00:30:00+01:00"], ["2020-03-05T23:45:00Z"], NONE_BEFORE)
    assert mixed.is_withdrawn
    assert gate(mixed, "2020-03-07", Gate.DATED) == AFTER_WITHDRAWAL


def test_the_person_is_gated_by_there_being_a_consent() -> None:
    assert gate(ConsentState(), None, Gate.PERSON) == WITHOUT_CONSENT
    assert gate(consent_state(["2020"], ["2021"], NONE_BEFORE), None, Gate.PERSON) is None


@pytest.mark.parametrize(
    ("withdrawn", "began", "reason"),
    [
        ([], "1999", None),
        ([], None, None),
        ([], "2030-01-01", None),
        (["2020-03-01"], "1999", None),
        (["2020-03-01"], "2020-03-01", None),
        (["2020-03-01"], "2020-03-02", AFTER_WITHDRAWAL),
        # May have begun after it.
        (["2020-03-01"], "2020", AFTER_WITHDRAWAL),
        (["2020-03-01"], None, DATE_UNKNOWN),
        ([None], "2020-01-06", AFTER_WITHDRAWAL),
    ],
)
def test_a_history_is_not_gated_by_its_beginning(
    withdrawn: list[str | None], began: str | None, reason: str | None
) -> None:
    assert gate(ConsentState(), began, Gate.HISTORY) == WITHOUT_CONSENT
    assert gate(consent_state(["2020-01-05"], withdrawn, NONE_BEFORE), began, Gate.HISTORY) == reason


def test_the_project_says_how_far_the_first_consent_reaches_back() -> None:
    policy = ConsentPolicy(6)
    state = consent_state(["2020-01-05", "2020-05-01"], ["2020-03-01"], policy)
    assert gate(state, "2019-12-30", Gate.DATED) is None
    assert gate(state, "2019-12-29", Gate.DATED) == BEFORE_CONSENT
    assert gate(state, "2020-04-30", Gate.DATED) == AFTER_WITHDRAWAL
    assert gate(consent_state(["2020"], [], policy), "2019-12-30", Gate.DATED) == BEFORE_CONSENT
    assert gate(consent_state(["2020-01-05"], [], ConsentPolicy(10**9)), "0001-01-01", Gate.DATED) is None


def test_a_withdrawal_stands_until_a_consent_is_given_anew() -> None:
    assert consent_state(["2020-01-05"], ["2020-03-01"], NONE_BEFORE).is_withdrawn
    assert not consent_state(["2020-01-05", "2020-05-01"], ["2020-03-01"], NONE_BEFORE).is_withdrawn
    assert consent_state(["2020-01-05", "2020-05-01"], ["2020-03-01", "2020-06-01"], NONE_BEFORE).is_withdrawn


@given(DAYS, PRECISIONS, st.none() | DAYS, PRECISIONS, DAYS, PRECISIONS)
def test_only_what_lies_inside_for_certain_may_leave(
    since: date, since_precision: int, until: date | None, until_precision: int, day: date, precision: int
) -> None:
    start, collected = cut(since, since_precision), cut(day, precision)
    end = cut(until, until_precision) if until is not None else None
    days = may_be(collected)
    inside = all(collected == start or one >= each for each in may_be(start) for one in days)
    if is_ambiguous(collected, start) or (end is not None and is_ambiguous(collected, end)):
        inside = False  # even where the calendar leaves only one day: dates are compared at the coarser precision
    if end is not None and max(may_be(end)) >= min(may_be(start)):
        inside = inside and all(one <= each for each in may_be(end) for one in days)
    elif end is not None:
        return
    state = consent_state([start], [end] if end is not None else [], NONE_BEFORE)
    assert (gate(state, collected, Gate.DATED) is None) == inside


@given(
    st.lists(DAYS.map(date.isoformat), min_size=1, max_size=4),
    st.lists(DAYS.map(date.isoformat), max_size=3),
    st.randoms(),
)
def test_the_order_in_which_consents_are_found_is_nothing(
    given: list[str], withdrawn: list[str], random: object
) -> None:
    state = consent_state(given, withdrawn, NONE_BEFORE)
    assert consent_state(given[::-1], withdrawn[::-1], NONE_BEFORE) == state
    assert consent_state(sorted(given), sorted(withdrawn), NONE_BEFORE) == state


@given(st.lists(DAYS.map(date.isoformat), min_size=1, max_size=3), st.lists(DAYS.map(date.isoformat), max_size=3), DAYS)
def test_whole_days_against_walking_through_them(given: list[str], withdrawn: list[str], day: date) -> None:
    holds = False
    for n in range((day - FIRST).days + 1):
        today = (FIRST + timedelta(n)).isoformat()
        opened = holds or today in given
        holds = opened and today not in withdrawn
    # On the day of a withdrawal the consent still holds.
    state = consent_state(given, withdrawn, NONE_BEFORE)
    assert (gate(state, day.isoformat(), Gate.DATED) is None) == opened
