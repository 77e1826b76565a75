"""Retry decisions as a table, and the arithmetic of waiting."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_msc.errors import OutcomeUnknown, TargetError, TargetRefused, TargetUnreachable
from fhir_msc.target.bundle import Entry, EntryResponse
from fhir_msc.target.retry import Action, Asked, asked_of, backoff, classify, retry_after

GET = Asked("GET")
PUT = Asked("PUT")
MATCHED = Asked("PUT", if_match=True)
POST = Asked("POST")
ONCE = Asked("POST", conditional=True)
UPSERT = Asked("PUT", conditional=True)
BUNDLE = Asked("PUT", entries=100, if_match=True)


@pytest.mark.parametrize(
    ("status", "reasons", "asked", "action"),
    [
        (200, (), PUT, Action.SUCCESS),
        (201, (), POST, Action.SUCCESS),
        (204, (), PUT, Action.SUCCESS),
        (302, (), PUT, Action.FATAL),
        # credentials: once
        (401, ("login",), PUT, Action.REAUTH),
        (401, ("login",), Asked("PUT", attempt=2), Action.FATAL),
        (403, ("forbidden",), PUT, Action.FORBIDDEN),
        # refused for what it is
        (400, ("structure",), PUT, Action.DEAD),
        (404, ("not-found",), PUT, Action.DEAD),
        (404, (), PUT, Action.FATAL),
        (405, (), BUNDLE, Action.FATAL),
        (404, (), GET, Action.DEAD),
        (405, ("not-supported",), POST, Action.DEAD),
        (410, ("deleted",), GET, Action.DEAD),
        (422, ("business-rule",), BUNDLE, Action.DEAD),
        (501, (), PUT, Action.DEAD),
        # passing: every method after a 429, what can be repeated after the others
        (429, ("throttled",), GET, Action.RETRY),
        (429, (), POST, Action.RETRY),
        (408, (), GET, Action.RETRY),
        (502, (), PUT, Action.RETRY),
        (503, (), MATCHED, Action.RETRY),
        (504, (), BUNDLE, Action.RETRY),
        (408, (), POST, Action.VERIFY),
        (502, (), POST, Action.VERIFY),
        (503, (), ONCE, Action.VERIFY),
        (504, ("timeout",), POST, Action.VERIFY),
        # the server says that nothing was applied
        (503, ("transient",), POST, Action.RETRY),
        (500, ("lock-error",), POST, Action.RETRY),
        (400, ("throttled",), POST, Action.RETRY),
        # another version
        (409, ("processing (HAPI-0989)",), MATCHED, Action.REREAD),
        (409, (), PUT, Action.REREAD),
        (412, ("conflict",), MATCHED, Action.REREAD),
        (428, (), PUT, Action.REREAD),
        (400, ("conflict",), MATCHED, Action.REREAD),
        (410, ("deleted",), MATCHED, Action.REREAD),
        (410, ("deleted",), Asked("PUT", attempt=4, if_match=True), Action.CONFLICT),
        (409, (), Asked("PUT", attempt=3, if_match=True), Action.REREAD),
        (409, (), Asked("PUT", attempt=4, if_match=True), Action.CONFLICT),
        (409, (), POST, Action.VERIFY),
        (409, (), ONCE, Action.VERIFY),
        (409, (), Asked("DELETE"), Action.DEAD),
        (410, (), Asked("DELETE"), Action.REREAD),
        (404, ("error/not-found",), Asked("DELETE"), Action.REREAD),
        (404, ("error/not-found",), Asked("PUT", if_match=True), Action.REREAD),
        (500, (), Asked("POST", attempt=9), Action.VERIFY),
        (409, ("duplicate",), Asked("POST", idempotency_key=True), Action.SUCCESS),
        # criteria that match several
        (412, ("multiple-matches",), ONCE, Action.DUPLICATES),
        (412, (), UPSERT, Action.DUPLICATES),
        (412, ("not-supported",), ONCE, Action.DEAD),
        (412, ("multiple-matches",), Asked("PUT", conditional=True, if_match=True), Action.DUPLICATES),
        (412, (), Asked("PUT", conditional=True, if_match=True), Action.REREAD),
        # too large
        (413, (), BUNDLE, Action.HALVE),
        (413, (), Asked("PUT", entries=1), Action.DEAD),
        # the server failed: two tries, then dead
        (500, ("exception",), PUT, Action.RETRY),
        (500, ("exception",), Asked("PUT", attempt=2), Action.RETRY),
        (500, ("exception",), Asked("PUT", attempt=3), Action.DEAD),
        (500, (), POST, Action.VERIFY),
        (507, (), PUT, Action.RETRY),
    ],
)
def test_the_table(status: int, reasons: tuple[str, ...], asked: Asked, action: Action) -> None:
    assert classify(EntryResponse(status, reasons=reasons), asked).action is action
    refused = TargetRefused("no", status=status, reasons=reasons, retry_after=7.0)
    decision = classify(refused, asked)
    assert decision.action is action
    assert decision.why
    if action is Action.RETRY:
        assert decision.after == 7.0


@pytest.mark.parametrize("asked", [GET, PUT, POST, BUNDLE])
def test_errors_without_an_answer(asked: Asked) -> None:
    assert classify(TargetUnreachable("x"), asked).action is Action.RETRY
    assert classify(OutcomeUnknown("x"), asked).action is Action.VERIFY
    assert classify(TargetError("HTML"), asked).action is Action.FATAL


def test_a_bundle_is_as_repeatable_as_its_least_repeatable_entry() -> None:
    put = Entry("PUT", "Observation/o1", b"{}", if_match="1")
    post = Entry("POST", "Observation", b"{}", if_none_exist="identifier=a|b")
    assert asked_of([put, put]) == Asked("PUT", entries=2, if_match=True)
    assert asked_of([put, post], attempt=2) == Asked("POST", attempt=2, entries=2, conditional=True, if_match=True)
    assert asked_of([Entry("PUT", "Observation?identifier=a|b", b"{}")]).conditional
    assert asked_of([put, Entry("DELETE", "Observation/o2")]).method == "DELETE"
    assert asked_of([Entry("GET", "Observation/o1")]) == Asked("GET")


@pytest.mark.parametrize(
    ("attempt", "asked", "random", "seconds"),
    [
        (1, None, 1.0, 1.0),  # 1 * 2**0
        (1, None, 0.0, 0.0),  # full jitter reaches down to nothing
        (4, None, 0.5, 4.0),  # 0.5 * 2**3
        (9, None, 1.0, 256.0),  # 2**8, the last below the cap
        (10, None, 1.0, 300.0),  # 2**9 = 512, capped
        (10_000, None, 1.0, 300.0),  # no overflow
        (0, None, 1.0, 1.0),
        (1, 0.0, 0.0, 1.0),  # a wait of nothing becomes the base
        (1, 30.0, 0.0, 30.0),
        (1, 30.0, 0.5, 30.5),  # jitter comes on top: never earlier than asked
        (9, 5.0, 0.0, 5.0),  # what the server says goes before the exponent
        (1, 86_400.0, 0.5, 300.0),  # a day is clamped
    ],
)
def test_backoff(attempt: int, asked: float | None, random: float, seconds: float) -> None:
    assert backoff(attempt, asked, lambda: random) == seconds


@given(
    st.integers(1, 10**6),
    st.none() | st.floats(0, 1e9),
    st.floats(0, 1, exclude_max=True),
    st.sampled_from([30.0, 300.0]),
)
def test_backoff_stays_within_its_bounds(attempt: int, asked: float | None, random: float, cap: float) -> None:
    seconds = backoff(attempt, asked, lambda: random, cap=cap)
    assert 0 <= seconds <= cap
    if asked is not None:
        assert seconds >= min(asked, cap)


NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (503, {}, None),
        (503, {"retry-after": "5"}, 5.0),
        (503, {"retry-after": " 0 "}, 0.0),
        (503, {"retry-after": "1.5"}, 1.5),
        (503, {"retry-after": formatdate(NOW + 90, usegmt=True)}, 90.0),
        (503, {"retry-after": formatdate(NOW - 90, usegmt=True)}, 0.0),
        # the answer's own clock counts: it is an hour slow here, and asks for 20 s
        (
            503,
            {"retry-after": formatdate(NOW - 3580, usegmt=True), "date": formatdate(NOW - 3600, usegmt=True)},
            20.0,
        ),
        (503, {"retry-after": formatdate(NOW + 20, usegmt=True), "date": "yesterday"}, 20.0),
        (503, {"retry-after": "soon"}, None),
        (503, {"retry-after": "-5"}, None),
        (503, {"retry-after": "9" * 400}, None),
        (503, {"retry-after": "Fri, 99 Foo 2026 10:00:00 GMT"}, None),
        (429, {"x-ms-retry-after-ms": "1500"}, 1.5),
        (429, {"retry-after": "1", "x-ms-retry-after-ms": "1500"}, 1.5),  # the longer one
        (429, {"x-ms-retry-after-ms": "soon"}, None),
        (429, {"ratelimit": '"requests";r=59999;t=60, "fhirInteractions";r=0;t=42'}, 60.0),
        (503, {"ratelimit": '"requests";r=59999;t=60'}, None),  # says when it refills, not that one must wait
    ],
)
def test_retry_after(status: int, headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(status, headers, NOW) == seconds


@given(st.text(max_size=60))
def test_no_header_breaks_it(value: str) -> None:
    wait = retry_after(
        429, {"retry-after": value, "date": value, "ratelimit": value, "x-ms-retry-after-ms": value}, NOW
    )
    assert wait is None or wait >= 0
