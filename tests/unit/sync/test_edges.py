"""The chain of custody is the same from either end."""

from __future__ import annotations

from itertools import pairwise, product

from hypothesis import given
from hypothesis import strategies as st

from fhir_msc.sync.edges import Edge, Node, above, below, chain

LAYERS = ("donor", "lot", "unit", "infusion", "participant")


POSSIBLE = [
    Edge(Node(up, one), Node(down, other))
    for up, down in [*pairwise(LAYERS), ("lot", "infusion")]
    for one, other in product("abcd", repeat=2)
]
graphs = st.integers(0, 36).flatmap(
    lambda size: st.lists(st.sampled_from(POSSIBLE), min_size=size, max_size=size, unique=True)
)
"""Edges between neighbouring layers, and from a lot right to an infusion; things are shared as they may be."""


def paths(edges: list[Edge], start: Node, end: Node) -> set[Edge]:
    """Every edge of every path from one node to another, by walking each path to its end: nothing of the code."""
    found: set[Edge] = set()

    def walk(node: Node, way: tuple[Edge, ...]) -> None:
        if node == end:
            found.update(way)
        for edge in edges:
            if edge.above == node:
                walk(edge.below, (*way, edge))

    walk(start, ())
    return found


@given(graphs, st.sampled_from("abcd"), st.sampled_from("abcd"))
def test_a_lot_and_a_participant_are_joined_by_the_same_edges(edges: list[Edge], one: str, other: str) -> None:
    lot, participant = Node("lot", one), Node("participant", other)
    expected = paths(edges, lot, participant)
    down, up = below(edges, lot), above(edges, participant)
    assert expected <= set(down)
    assert expected <= set(up)
    assert set(down) & set(up) == expected


@given(graphs)
def test_from_all_lots_and_from_all_participants_it_is_the_same_set(edges: list[Edge]) -> None:
    """Of lots that reached somebody and participants who got something of a lot: no edge is seen from one end alone."""
    lots = {node for edge in edges for node in edge if node.kind == "lot"}
    participants = {node for edge in edges for node in edge if node.kind == "participant"}
    reached = {edge for lot in lots for person in participants for edge in paths(edges, lot, person)}
    down = {edge for lot in lots for edge in below(edges, lot)}
    up = {edge for person in participants for edge in above(edges, person)}
    assert down & up == reached


@given(graphs, st.sampled_from("abcd"), st.sampled_from("abcd"))
def test_what_a_lot_and_a_participant_show_of_each_other_is_the_same(edges: list[Edge], one: str, other: str) -> None:
    """``trace --lot`` and ``trace --subject``: both or neither show a way between them, with all that is above it."""
    lot, participant = Node("lot", one), Node("participant", other)
    between = paths(edges, lot, participant)
    shared = set(chain(edges, lot)) & set(chain(edges, participant))
    assert shared == (between | set(above(edges, lot)) if between else set())


@given(graphs)
def test_where_all_was_given_all_lots_and_all_participants_show_the_same_edges(edges: list[Edge]) -> None:
    lots = {node for edge in edges for node in edge if node.kind == "lot"}
    participants = {node for edge in edges for node in edge if node.kind == "participant"}
    given_out = {edge for lot in lots for person in participants for edge in paths(edges, lot, person)}
    kept = [edge for edge in edges if edge in given_out or any(edge.below == one.above for one in given_out)]
    kept = [edge for edge in kept if edge in given_out or edge.above.kind == "donor"]
    from_lots = {edge for lot in lots for edge in chain(kept, lot)}
    from_participants = {edge for person in participants for edge in chain(kept, person)}
    assert from_lots == from_participants == set(kept)


@given(graphs, st.sampled_from(LAYERS), st.sampled_from("abcd"))
def test_a_chain_goes_both_ways_in_one_order(edges: list[Edge], kind: str, name: str) -> None:
    start = Node(kind, name)
    found = chain(edges, start)
    assert list(found) == sorted({*above(edges, start), *below(edges, start)})
    assert found == chain(list(reversed(edges)), start)


def test_a_circle_ends() -> None:
    one, other = Node("lot", "a"), Node("lot", "b")
    assert len(chain([Edge(one, other), Edge(other, one)], one)) == 2
