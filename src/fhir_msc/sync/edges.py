"""The chain of custody as a graph: donor → lot → unit → infusion → participant. Pure functions over its edges.

Every edge leads from what was there first to what was made of it. So what became of a lot lies *below* it, and what a
participant received lies *above* the participant; both walks go over the same edges, and an edge on the way from one to
the other is found from either end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Node(NamedTuple):
    """A thing of the chain: ``donor``, ``lot``, ``unit``, ``infusion`` or ``participant``, and its name: a code, or the
    key of its resource."""

    kind: str
    name: str


class Edge(NamedTuple):
    """What was there first, and what was made of it or who got it."""

    above: Node
    below: Node


def below(edges: Iterable[Edge], start: Node) -> Sequence[Edge]:
    """The edges of all that was made of ``start``, sorted."""
    leads: dict[Node, list[Edge]] = defaultdict(list)
    for edge in edges:
        leads[edge.above].append(edge)
    return _walked(start, {node: [(edge, edge.below) for edge in found] for node, found in leads.items()})


def above(edges: Iterable[Edge], start: Node) -> Sequence[Edge]:
    """The edges of all that ``start`` was made of, sorted."""
    leads: dict[Node, list[Edge]] = defaultdict(list)
    for edge in edges:
        leads[edge.below].append(edge)
    return _walked(start, {node: [(edge, edge.above) for edge in found] for node, found in leads.items()})


def _walked(start: Node, leads: dict[Node, list[tuple[Edge, Node]]]) -> Sequence[Edge]:
    seen, waiting = {start}, [start]
    found: set[Edge] = set()
    while waiting:
        for edge, node in leads.get(waiting.pop(), ()):
            found.add(edge)
            if node not in seen:
                seen.add(node)
                waiting.append(node)
    return sorted(found)


def chain(edges: Iterable[Edge], start: Node) -> Sequence[Edge]:
    """The whole chain of ``start``: what it was made of, and what was made of it, sorted."""
    known = list(edges)
    return sorted({*above(known, start), *below(known, start)})
