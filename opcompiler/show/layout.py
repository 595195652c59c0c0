r"""Where the nodes of a plan's graph go: columns by layer, a band of rows per push.

Layered drawing after Sugiyama, Tagawa and Toda (1981): an edge that skips columns runs
through waypoints, waypoints take part in the ordering, and each column is ordered by the
mean height of its neighbours. Edges of one kind from one node share their waypoints, so
that they leave it as one line. Long columns lose their middle first: `shortening.py`.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

import networkx as nx

from opcompiler.show.shortening import shortened_graph

_ROW = 32.0
_WAYPOINT = 14.0
_BAND_GAP = 26.0
_SWEEPS = 12


@dataclass
class Layout:
    """A graph small enough to draw, and the height of everything in it.

    Attributes:
        graph: the shortened one.
        height: from the top to the bottom row.
        y: of every node and waypoint.
        paths: for every edge the waypoints it runs through, ends included.
        layers: number of columns.
    """

    graph: nx.DiGraph
    height: float = 0.0
    y: dict[Hashable, float] = field(default_factory=dict)
    paths: dict[tuple[Hashable, Hashable], list[Hashable]] = field(default_factory=dict)
    layers: int = 0


def lay_out(graph: nx.DiGraph) -> Layout:
    """Returns a drawing of a plan's graph, in pixels downwards and columns across."""
    small = shortened_graph(graph)
    layout = Layout(
        small,
        layers=1 + max(nx.get_node_attributes(small, "layer").values(), default=0),
    )
    layers, edges = _waypoints(layout)
    _place(layout, layers, edges)
    return layout


_Edges = set[tuple[Hashable, Hashable]]
_Layers = dict[tuple[Any, int], list[Hashable]]


def _waypoints(layout: Layout) -> tuple[_Layers, _Edges]:
    """Cuts edges into steps of one column; returns columns by band, and the steps."""
    graph = layout.graph
    layers: _Layers = defaultdict(list)
    for node, data in graph.nodes(data=True):
        layers[data["push"], data["layer"]].append(node)
    steps: _Edges = set()
    for start, end, data in graph.edges(data=True):
        first, last = graph.nodes[start], graph.nodes[end]
        path: list[Hashable] = [start]
        for layer in range(first["layer"] + 1, last["layer"]):
            band = first["push"] if first["push"] is not None else last["push"]
            waypoint = ("waypoint", start, band, data["kind"], layer)
            if waypoint not in layers[band, layer]:
                layers[band, layer].append(waypoint)
            path.append(waypoint)
        path.append(end)
        layout.paths[start, end] = path
        steps.update(itertools.pairwise(path))
    return layers, steps


def _place(layout: Layout, layers: _Layers, steps: _Edges) -> None:
    """Orders every column by its neighbours' heights, and gives everything a height."""
    before, after = defaultdict(list), defaultdict(list)
    for start, end in sorted(steps, key=str):
        before[end].append(start)
        after[start].append(end)
    bands = _bands(layers)
    layout.height = max((bottom for _, bottom in bands.values()), default=0.0)
    columns = sorted(layers, key=lambda column: column[1])
    for column in columns:
        _stack(layout.y, layers[column], bands[column[0]])
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        neighbours = before if forward else after
        for column in columns if forward else reversed(columns):
            layers[column].sort(key=lambda n: _mean(layout.y, n, neighbours[n]))
            _stack(layout.y, layers[column], bands[column[0]])


def _bands(layers: _Layers) -> dict[Any, tuple[float, float]]:
    """Returns top and bottom of each push; arguments and functionals span them all."""
    needs: dict[Any, float] = defaultdict(float)
    for (push, _), nodes in layers.items():
        needs[push] = max(needs[push], sum(map(_room, nodes)))
    pushes = sorted(p for p in needs if p is not None)
    inner = sum(needs[p] + _BAND_GAP for p in pushes) - _BAND_GAP
    height = max(inner, needs[None])
    bands: dict[Any, tuple[float, float]] = {None: (0.0, height)}
    top = (height - inner) / 2
    for push in pushes:
        bands[push] = (top, top + needs[push])
        top += needs[push] + _BAND_GAP
    return bands


def _room(node: Hashable) -> float:
    return _WAYPOINT if isinstance(node, tuple) and node[0] == "waypoint" else _ROW


def _stack(
    y: dict[Hashable, float], nodes: Iterable[Hashable], band: tuple[float, float]
) -> None:
    rooms = [(node, _room(node)) for node in nodes]
    top = (sum(band) - sum(room for _, room in rooms)) / 2
    for node, room in rooms:
        y[node] = top + room / 2
        top += room


def _mean(y: dict[Hashable, float], node: Hashable, near: list[Hashable]) -> float:
    return sum(y[n] for n in near) / len(near) if near else y[node]
