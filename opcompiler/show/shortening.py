"""A plan's graph made small enough to draw: long columns and many pushes lose members.

What is left out of a column is merged into one node `("elided", group)`, and its edges
with it; a push is left out as a whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from typing import Any

import networkx as nx

from opcompiler.show.elision import elide, Elided

_TOO_MANY, _PER_COLUMN = 12, 9
_PUSHES = 6
_TELLING = 3

Group = tuple[str, Any, int]
"""Kind, push (of an argument: site), and layer of the nodes that stand together."""


def shortened_graph(graph: nx.DiGraph) -> nx.DiGraph:
    """Returns a graph to draw.

    Nodes have one attribute more than in `plan_graph`: `elided`, how many others they
    stand for, 0 for themselves. Edges have `merged`, whether they stand for others.
    """
    pushes = _pushes(graph)
    kept = {p for p in elide(sorted(pushes), _PUSHES) if not isinstance(p, Elided)}
    # With many pushes every argument leads to every value: a thicket that says nothing.
    silent = "point" if len(pushes) > _TELLING else None
    edges = [
        edge
        for edge in graph.edges(data=True)
        if edge[2]["kind"] != silent and graph.nodes[edge[1]]["push"] in {None, *kept}
    ]
    small = nx.DiGraph()
    drawn = _merge_columns(graph, small, kept, {start for start, _, _ in edges})
    if dropped := pushes - kept:
        label = f"{Elided(len(dropped))} pushes"
        data = {"kind": "pushes", "label": label, "degree": None, "layer": 1}
        small.add_node(
            ("elided", "pushes"), **data, push=min(dropped), elided=len(dropped)
        )
    for start, end, data in edges:
        if start in drawn:
            ends = drawn[start], drawn[end]
            if not small.has_edge(*ends):
                small.add_edge(*ends, **data, merged=ends != (start, end))
    return small


def _pushes(graph: nx.DiGraph) -> set[int]:
    return {p for p in nx.get_node_attributes(graph, "push").values() if p is not None}


def _merge_columns(
    graph: nx.DiGraph, small: nx.DiGraph, pushes: set[int], leading: set[Hashable]
) -> dict[Hashable, Hashable]:
    """Adds the nodes of each column; returns which node stands for which."""
    groups: dict[Group, list[Hashable]] = defaultdict(list)
    for node, data in graph.nodes(data=True):
        if data["push"] is None or data["push"] in pushes:
            owner = node[1] if data["kind"] == "argument" else data["push"]
            groups[data["kind"], owner, data["layer"]].append(node)
    drawn: dict[Hashable, Hashable] = {}
    for group, members in groups.items():
        *first, last = _without_middle(members, leading)
        for node in first:
            small.add_node(node, **graph.nodes[node], elided=0)
        mark = ("elided", group)
        if left_out := len(members) - len(first) - 1:
            label = str(Elided(left_out))
            data = {**graph.nodes[members[0]], "label": label}
            small.add_node(mark, **{**data, "elided": left_out})
        small.add_node(last, **graph.nodes[last], elided=0)
        shown = {*first, last}
        drawn |= {node: node if node in shown else mark for node in members}
    return drawn


def _without_middle(members: list[Hashable], leading: set[Hashable]) -> list[Hashable]:
    """Keeps a column's first members and its last, those that lead somewhere first."""
    if len(members) <= _TOO_MANY:
        return members
    wanted = [node for node in members if node in leading] or members
    return [n for n in elide(wanted, _PER_COLUMN) if not isinstance(n, Elided)]
