r"""A plan as a directed graph: how every functional comes from the arguments.

    node   ::= ("argument", site, i) | ("tangent", push, k) | ("channel", push, k)
             | ("functional", n)
    edge   ::= argument -> tangent      the tangent's component along the argument
             | argument -> channel 0    the point itself
             | tangent -> channel       what a channel of degree one starts from
             | channel -> channel       a factor of a product: i -> k and j -> k
             | channel -> functional    the read-out

Every node has `kind`, `label`, `degree` (`None` where it has none), `push` (`None` where
it belongs to none) and `layer`, its column in a drawing. Every edge has `kind`: `point`,
`component`, `seed`, `product` or `readout`; `coefficient` (`None` for products); and
`products`, a tuple of `(i, j, k, c)`, empty for all but products. Edges follow the
layers, so the graph has no cycle.
"""

import networkx as nx

from opcompiler.ir import argument_name, linear_text
from opcompiler.planning.plan import Plan

KINDS = ("argument", "tangent", "channel", "functional")

Node = tuple[str, int] | tuple[str, int, int]


def plan_graph(plan: Plan) -> nx.DiGraph:
    """Returns the derivation of all functionals; see the module for its attributes."""
    graph = nx.DiGraph(strategy=plan.strategy, channels=plan.channels)
    for site in dict.fromkeys(push.site for push in plan.pushes):
        for i, argument in enumerate(plan.sites[site]):
            _node(graph, ("argument", site, i), argument, None, None, 0)
    for number in range(len(plan.pushes)):
        _add_channels(graph, plan, number)
        _add_seeds(graph, plan, number)
        _add_products(graph, plan, number)
    _add_readouts(graph, plan)
    return graph


def _node(
    graph: nx.DiGraph,
    node: Node,
    label: str,
    degree: int | None,
    push: int | None,
    layer: int,
) -> None:
    graph.add_node(
        node, kind=node[0], label=label, degree=degree, push=push, layer=layer
    )


def _add_channels(graph: nx.DiGraph, plan: Plan, number: int) -> None:
    for k, channel in enumerate(plan.pushes[number].algebra.channels):
        node = ("channel", number, k)
        _node(graph, node, channel.label, channel.degree, number, 1 + channel.degree)


def _add_seeds(graph: nx.DiGraph, plan: Plan, number: int) -> None:
    push = plan.pushes[number]
    arguments = plan.sites[push.site]
    for i in range(len(arguments)):
        point = ("argument", push.site, i)
        graph.add_edge(
            point, ("channel", number, 0), kind="point", coefficient=1, products=()
        )
    for k, tangent in enumerate(push.seeds):
        if not tangent:
            continue
        label = linear_text((f"e_{argument_name(arguments, i)}", c) for i, c in tangent)
        start = ("tangent", number, k)
        _node(graph, start, label, None, number, 1)
        for i, c in tangent:
            graph.add_edge(
                ("argument", push.site, i),
                start,
                kind="component",
                coefficient=c,
                products=(),
            )
        graph.add_edge(
            start, ("channel", number, k), kind="seed", coefficient=1, products=()
        )


def _add_products(graph: nx.DiGraph, plan: Plan, number: int) -> None:
    for i, j, k, c in plan.pushes[number].algebra.products:
        end = ("channel", number, k)
        for factor in dict.fromkeys((i, j)):
            start = ("channel", number, factor)
            known = graph.get_edge_data(start, end, {"products": ()})["products"]
            graph.add_edge(
                start,
                end,
                kind="product",
                coefficient=None,
                products=(*known, (i, j, k, c)),
            )


def _add_readouts(graph: nx.DiGraph, plan: Plan) -> None:
    layer = 2 + max((push.algebra.order for push in plan.pushes), default=0)
    for n, readout in enumerate(plan.readouts):
        functional = readout.functional
        arguments = plan.sites[functional.site]
        label = functional.symbol.label(functional.field, arguments)
        end = ("functional", n)
        _node(graph, end, label, functional.symbol.order, None, layer)
        for push, channel, c in readout.terms:
            start = ("channel", push, channel)
            graph.add_edge(start, end, kind="readout", coefficient=c, products=())
