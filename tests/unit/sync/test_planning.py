from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from fhir_msc.sync.planning import Blocked, Limits, Pending, chains, cut, halves, plan_lane, set_apart


def one(rid: str, *needs: str, rank: int = 0, size: int = 10) -> Pending:
    return Pending(hash(rid), 1, "Observation", rid, rank, size, needs)


def order(units: object) -> list[str]:
    return [pending.rid for unit in units for pending in unit]  # type: ignore[attr-defined]


def test_by_rank_then_rid_and_never_before_what_is_referred_to() -> None:
    plan = plan_lane([one("c", rank=1), one("b", "d", rank=0), one("a", rank=2), one("d", rank=3)])
    assert order(plan.units) == ["d", "b", "c", "a"]


def test_what_needs_something_that_is_not_there_is_blocked_and_what_needs_that_too() -> None:
    plan = plan_lane([one("a"), one("b", "gone"), one("c", "b"), one("d", "a")])
    assert order(plan.units) == ["a", "d"]
    assert [(b.rid, b.waiting_on) for b in plan.blocked] == [("b", "gone"), ("c", "b")]
    assert isinstance(plan.blocked[0], Blocked)


def test_a_circle_is_one_unit() -> None:
    plan = plan_lane([one("a", "b"), one("b", "c"), one("c", "a", "z"), one("z")])
    assert [[p.rid for p in unit] for unit in plan.units] == [["z"], ["a", "b", "c"]]
    assert len(list(cut(plan.units, Limits(entries=2)))) == 2


def test_a_long_line_of_references_is_no_recursion() -> None:
    plan = plan_lane([one(f"{n:05}", f"{n + 1:05}") for n in range(5000)] + [one("05000")])
    assert order(plan.units)[0] == "05000"


def test_cut_by_entries_and_by_bytes() -> None:
    units = [(one(str(n), size=30),) for n in range(5)]
    assert [len(parcel) for parcel in cut(units, Limits(entries=2))] == [2, 2, 1]
    assert [len(parcel) for parcel in cut(units, Limits(bytes=100))] == [3, 2]
    assert [len(parcel) for parcel in cut(units, Limits(bytes=5))] == [1] * 5


def test_small_lanes_share_and_a_large_lane_is_a_chain_of_its_own() -> None:
    lanes = [[(one(f"{lane}{n}"),) for n in range(count)] for lane, count in zip("abcde", (2, 2, 7, 1, 3), strict=True)]
    found = [[order(parcel) for parcel in chain] for chain in chains(lanes, Limits(entries=4))]
    assert found == [
        [["a0", "a1", "b0", "b1"]],
        [["c0", "c1", "c2", "c3"], ["c4", "c5", "c6"]],
        [["d0", "e0", "e1", "e2"]],
    ]


def test_parts_of_a_refused_parcel() -> None:
    parcel = tuple((p,) for p in (one("a"), one("b", "a"), one("c"), one("d", "b"), one("e", "d")))
    assert [order(part) for part in halves(parcel)] == [["a", "b"], ["c", "d", "e"]]
    assert [order(part) for part in set_apart(parcel, "b")] == [["a", "c"], ["b"], ["d", "e"]]


@st.composite
def lanes(draw: st.DrawFn) -> list[Pending]:
    count = draw(st.integers(1, 12))
    rids = [f"r{n:02}" for n in range(count)]
    return [
        one(
            rid,
            *draw(st.lists(st.sampled_from([*rids, "there-not"]), max_size=2, unique=True)),
            rank=draw(st.integers(0, 2)),
        )
        for rid in rids
    ]


@given(lane=lanes(), entries=st.integers(1, 5), seed=st.integers())
def test_nothing_is_lost_nothing_comes_before_its_needs_and_the_order_of_rows_is_no_matter(
    lane: list[Pending], entries: int, seed: int
) -> None:
    plan = plan_lane(lane)
    assert sorted([*order(plan.units), *(b.rid for b in plan.blocked)]) == [p.rid for p in lane]
    sent: set[str] = set()
    for parcel in cut(plan.units, Limits(entries=entries)):
        sent |= set(order(parcel))
        assert all(set(p.needs) <= sent for unit in parcel for p in unit)
        assert len(parcel) == 1 or len(order(parcel)) <= entries
    shuffled = random.Random(seed).sample(lane, len(lane))
    assert plan_lane(shuffled) == plan
    assert all(b.waiting_on == "there-not" or b.waiting_on in {x.rid for x in plan.blocked} for b in plan.blocked)
