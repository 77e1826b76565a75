"""What is sent together, and in which order. Pure.

A *unit* is what cannot be parted: one resource, or several that refer to each other in a circle. A *parcel* is what
goes in one transaction. A *chain* is parcels that go one after the other, each when the one before is answered; chains
are independent of each other. A lane that fills more than one parcel is a chain of its own; several small lanes share a
chain of one parcel. So a lane is never in two requests at once, and what a resource refers to is in the same parcel or
an earlier one of its chain.

The boundaries depend on nothing but what is pending and the limits.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

Place = tuple[int, str]
"""Rank and rid: the order within a lane."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A resource to be sent: its row in the ledger, its place in the order, the bytes of its body.

    ``needs`` are the rids it refers to that are not on the server yet.
    """

    id: int
    lane_id: int
    type: str
    rid: str
    rank: int
    size: int
    needs: tuple[str, ...] = ()

    @property
    def place(self) -> Place:
        """Where it stands in the order of its lane."""
        return self.rank, self.rid


@dataclass(frozen=True, slots=True)
class Blocked:
    """A resource that cannot be sent yet, and the rid it waits for."""

    id: int
    rid: str
    waiting_on: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may hold. A unit larger than this still goes, alone.

    ``apart``: what is referred to goes in an earlier request than what refers to it. So it must be where the server
    gives the ids, or does not do the entries of a request as one.
    """

    entries: int = 100
    bytes: int = 5_000_000
    apart: bool = False


Unit = tuple[Pending, ...]
Parcel = tuple[Unit, ...]


@dataclass(frozen=True, slots=True)
class LanePlan:
    """The units of one lane, what is referred to first, and what is left behind."""

    units: tuple[Unit, ...]
    blocked: tuple[Blocked, ...]


def plan_lane(pending: Iterable[Pending], before: Container[str] = frozenset()) -> LanePlan:
    """Orders the pending resources of one lane by (rank, rid), but never before what they refer to.

    ``before`` are rids that go before all of these. What needs a rid that is not on the server, nor one of them, nor
    pending here, is blocked, and so is what needs that.
    """
    ordered = sorted(pending, key=lambda one: one.place)
    by_rid = {one.rid: one for one in ordered}
    units: list[Unit] = []
    blocked: dict[str, Blocked] = {}
    for members in _circles(ordered, by_rid):
        inside = {one.rid for one in members}
        missing = next(
            (
                rid
                for one in members
                for rid in sorted(one.needs)
                if rid not in inside and rid not in before and not _sent(rid, by_rid, blocked)
            ),
            None,
        )
        if missing is None:
            units.append(members)
        else:
            blocked.update((one.rid, Blocked(one.id, one.rid, missing)) for one in members)
    return LanePlan(tuple(units), tuple(blocked.values()))


def _sent(rid: str, by_rid: Mapping[str, Pending], blocked: Mapping[str, Blocked]) -> bool:
    return rid in by_rid and rid not in blocked


def _circles(ordered: Sequence[Pending], by_rid: Mapping[str, Pending]) -> Iterator[Unit]:
    """Strongly connected components, what is referred to first (Tarjan, SIAM J. Comput. 1(2), 1972; no recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[Pending] = []
    open_rids: set[str] = set()
    for root in ordered:
        if root.rid in index:
            continue
        path: list[tuple[Pending, Iterator[str]]] = []
        _enter(root, index, low, stack, open_rids, path)
        while path:
            one, needs = path[-1]
            for rid in needs:
                if rid not in by_rid:
                    continue
                if rid not in index:
                    _enter(by_rid[rid], index, low, stack, open_rids, path)
                    break
                if rid in open_rids:
                    low[one.rid] = min(low[one.rid], index[rid])
            else:
                path.pop()
                if path:
                    above = path[-1][0].rid
                    low[above] = min(low[above], low[one.rid])
                if low[one.rid] == index[one.rid]:
                    at = next(i for i in range(len(stack) - 1, -1, -1) if stack[i].rid == one.rid)
                    members = sorted(stack[at:], key=lambda member: (member.rank, member.rid))
                    del stack[at:]
                    open_rids.difference_update(member.rid for member in members)
                    yield tuple(members)


def _enter(
    one: Pending,
    index: dict[str, int],
    low: dict[str, int],
    stack: list[Pending],
    open_rids: set[str],
    path: list[tuple[Pending, Iterator[str]]],
) -> None:
    index[one.rid] = low[one.rid] = len(index)
    stack.append(one)
    open_rids.add(one.rid)
    path.append((one, iter(sorted(one.needs))))


def cut(units: Iterable[Unit], limits: Limits) -> Iterator[Parcel]:
    """The units in parcels within the limits, in their order. Reads no further ahead than one parcel needs."""
    current: list[Unit] = []
    entries = size = 0
    inside: set[str] = set()
    for unit in units:
        more, bytes_more = len(unit), sum(one.size for one in unit)
        full = entries + more > limits.entries or size + bytes_more > limits.bytes
        if current and (full or (limits.apart and any(need in inside for one in unit for need in one.needs))):
            yield tuple(current)
            current, entries, size, inside = [], 0, 0, set()
        current.append(unit)
        entries, size = entries + more, size + bytes_more
        if limits.apart:
            inside.update(one.rid for one in unit)
    if current:
        yield tuple(current)


def chains(lanes: Iterable[Iterable[Unit]], limits: Limits) -> Iterator[Iterable[Parcel]]:
    """The lanes, each as its units in order, as chains of parcels. Reads no further ahead than one chain needs, and of
    a large lane no further than its first parcels; the rest is read as its chain goes on."""
    shared: list[Unit] = []
    for units in lanes:
        parcels = cut(units, limits)
        first, second = next(parcels, ()), next(parcels, ())
        if not second and _fit([*shared, *first], limits):
            shared.extend(first)
            continue
        if shared:
            yield [tuple(shared)]
            shared = []
        if second:
            yield chain((first, second), parcels)
        else:
            shared = list(first)
    if shared:
        yield [tuple(shared)]


def _fit(units: Sequence[Unit], limits: Limits) -> bool:
    return len(list(cut(units, limits))) <= 1


def halves(parcel: Parcel) -> tuple[Parcel, Parcel]:
    """The first and the second half of a parcel of two units or more: what is referred to stays in front."""
    middle = len(parcel) // 2
    return parcel[:middle], parcel[middle:]


def set_apart(parcel: Parcel, rid: str) -> tuple[Parcel, Parcel, Parcel]:
    """The units that do not lead to ``rid``, the unit of ``rid``, and the units that refer to it, directly or not."""
    suspects: set[str] = set()
    first: list[Unit] = []
    accused: list[Unit] = []
    after: list[Unit] = []
    for unit in parcel:
        members = {one.rid for one in unit}
        if rid in members:
            accused.append(unit)
            suspects |= members
        elif any(need in suspects for one in unit for need in one.needs):
            after.append(unit)
            suspects |= members
        else:
            first.append(unit)
    return tuple(first), tuple(accused), tuple(after)
