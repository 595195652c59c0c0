r"""A plan's graph made small enough to draw, and where everything in it goes.

In: the graph of `graph.py`. Out: a graph with fewer nodes, and the height of each of them:

    drawing = draw(plan_graph(plan))
    drawing.y["channel", 0, 3], drawing.graph.nodes["channel", 0, 3]["layer"]

Long columns and many pushes lose their middle: what is left out of a column is merged into
one node `("elided", group)`, and its edges with it. Then it is a layered drawing after
Sugiyama, Tagawa and Toda (1981), which networkx does not have: its multipartite layout
orders no column, and draws long edges through boxes. Here an edge that skips columns runs
through waypoints, which take part in the ordering, and each column is ordered by the mean
height of its neighbours. Edges of one kind from one node share their waypoints, so that
they leave it as one line. Every push has a band of rows of its own.
"""

import itertools
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import networkx as nx

from opcompiler.show.words import elide, Elided

_TOO_MANY, _PER_COLUMN, _PUSHES = 12, 9, 6
_TELLING = 3
_ROW, _WAYPOINT, _BAND_GAP = 32.0, 14.0, 26.0
_SWEEPS = 12


@dataclass
class Drawing:
    """A graph small enough to draw, and the height of everything in it.

    Attributes:
        graph: nodes have one attribute more than in `plan_graph`: `elided`, how many others
            they stand for, 0 for themselves; edges have `merged`, whether they stand for
            others.
        y: height of every node and waypoint, in pixels downwards.
        paths: for every edge the waypoints it runs through, ends included.
        height: from the top to the bottom row.
    """

    graph: nx.DiGraph
    y: dict[Hashable, float]
    paths: dict[tuple[Hashable, Hashable], list[Hashable]]
    height: float


def draw(graph: nx.DiGraph) -> Drawing:
    """Returns a drawing of a plan's graph: columns are its layers."""
    small = _shortened(graph)
    paths: dict[tuple[Hashable, Hashable], list[Hashable]] = {}
    columns: dict[tuple[Any, int], list[Hashable]] = defaultdict(list)
    for node, data in small.nodes(data=True):
        columns[data["push"], data["layer"]].append(node)

    # Cut every edge into steps from one column to the next.
    for start, end, kind in small.edges(data="kind"):
        first, last = small.nodes[start], small.nodes[end]
        band = first["push"] if first["push"] is not None else last["push"]
        path: list[Hashable] = [start]
        for layer in range(first["layer"] + 1, last["layer"]):
            path.append(("waypoint", start, band, kind, layer))
            if path[-1] not in columns[band, layer]:
                columns[band, layer].append(path[-1])
        paths[start, end] = [*path, end]
    steps = nx.DiGraph()
    steps.add_nodes_from(node for column in columns.values() for node in column)
    pairs = {pair for path in paths.values() for pair in itertools.pairwise(path)}
    steps.add_edges_from(sorted(pairs, key=str))

    # A band of rows for each push; arguments and functionals span them all.
    def space(node: Any) -> float:
        return _WAYPOINT if node[0] == "waypoint" else _ROW

    needs: dict[Any, float] = defaultdict(float)
    for (push, _), nodes in columns.items():
        needs[push] = max(needs[push], sum(map(space, nodes)))
    pushes = sorted(p for p in needs if p is not None)
    inner = sum(needs[p] + _BAND_GAP for p in pushes) - _BAND_GAP
    height = max(inner, needs[None])
    middle = {None: height / 2}
    top = (height - inner) / 2
    for push in pushes:
        middle[push] = top + needs[push] / 2
        top += needs[push] + _BAND_GAP

    # Order the columns by their neighbours, from the left and from the right in turn.
    y: dict[Hashable, float] = {}

    def stack(column: tuple[Any, int]) -> None:
        top = middle[column[0]] - sum(map(space, columns[column])) / 2
        for node in columns[column]:
            y[node] = top + space(node) / 2
            top += space(node)

    in_order = sorted(columns, key=lambda column: column[1])
    for column in in_order:
        stack(column)
    for sweep in range(_SWEEPS):
        near = steps.succ if sweep % 2 else steps.pred
        for column in reversed(in_order) if sweep % 2 else in_order:
            mean = {
                n: sum(y[m] for m in near[n]) / len(near[n]) if near[n] else y[n]
                for n in columns[column]
            }
            columns[column].sort(key=mean.__getitem__)
            stack(column)
    return Drawing(small, y, paths, height)


def _shortened(graph: nx.DiGraph) -> nx.DiGraph:
    """Returns the graph without the middle of long columns, and of many pushes."""
    found = nx.get_node_attributes(graph, "push").values()
    pushes = sorted({push for push in found if push is not None})
    kept = {p for p in elide(pushes, _PUSHES) if not isinstance(p, Elided)}
    # With many pushes every argument leads to every value: a thicket that says nothing.
    silent = "point" if len(pushes) > _TELLING else None
    edges: list[tuple[Any, Any, dict[str, Any]]] = [
        (start, end, data)
        for start, end, data in graph.edges(data=True)
        if data["kind"] != silent and graph.nodes[end]["push"] in {None, *kept}
    ]
    leading = {start for start, _, _ in edges}
    groups: dict[tuple[str, Any, int], list[Any]] = defaultdict(list)
    for node, data in graph.nodes(data=True):
        if data["push"] is None or data["push"] in kept:
            owner = node[1] if data["kind"] == "argument" else data["push"]
            groups[data["kind"], owner, data["layer"]].append(node)
    small = nx.DiGraph()
    drawn: dict[Any, Any] = {}  # which node stands for which
    for group, members in groups.items():
        shown = members
        if len(members) > _TOO_MANY:  # those that lead somewhere come first
            wanted = [node for node in members if node in leading] or members
            shown = [n for n in elide(wanted, _PER_COLUMN) if not isinstance(n, Elided)]
        *first, last = shown
        for node in first:
            small.add_node(node, **graph.nodes[node], elided=0)
        mark = ("elided", group)
        if left_out := len(members) - len(shown):
            label = {"label": Elided(left_out), "elided": left_out}
            small.add_node(mark, **{**graph.nodes[members[0]], **label})
        small.add_node(last, **graph.nodes[last], elided=0)
        drawn |= {node: node if node in small else mark for node in members}
    if dropped := [p for p in pushes if p not in kept]:
        label = f"{Elided(len(dropped))} pushes"
        data = {"kind": "pushes", "label": label, "degree": None, "layer": 1}
        small.add_node(
            ("elided", "pushes"), **data, push=dropped[0], elided=len(dropped)
        )
    for start, end, data in edges:
        if start in drawn:
            ends = drawn[start], drawn[end]
            if not small.has_edge(*ends):
                small.add_edge(*ends, **data, merged=ends != (start, end))
    return small
