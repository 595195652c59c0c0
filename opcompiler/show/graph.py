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

from typing import Any

import networkx as nx

from opcompiler.planning.plan import Plan
from opcompiler.show.words import tangent_text

KINDS = ("argument", "tangent", "channel", "functional")

Node = tuple[str, int] | tuple[str, int, int]


def plan_graph(plan: Plan) -> nx.DiGraph:
    """Returns the derivation of all functionals; see the module for its attributes."""
    graph = nx.DiGraph(strategy=plan.strategy, channels=plan.channels)

    def box(
        node: Node,
        label: str,
        layer: int,
        degree: int | None = None,
        push: int | None = None,
    ) -> None:
        graph.add_node(
            node, kind=node[0], label=label, degree=degree, push=push, layer=layer
        )

    def arrow(
        start: Node, end: Node, kind: str, coefficient: Any = 1, products: tuple = ()
    ) -> None:
        graph.add_edge(
            start, end, kind=kind, coefficient=coefficient, products=products
        )

    for site in dict.fromkeys(push.site for push in plan.pushes):
        for i, argument in enumerate(plan.sites[site]):
            box(("argument", site, i), argument, 0)
    for number, push in enumerate(plan.pushes):
        arguments = plan.sites[push.site]
        for k, channel in enumerate(push.algebra.channels):
            degree = channel.degree
            box(("channel", number, k), channel.label, 1 + degree, degree, number)
        # What channels start from: the unit from the point, others from a tangent.
        for i in range(len(arguments)):
            arrow(("argument", push.site, i), ("channel", number, 0), "point")
        for k, tangent in enumerate(push.seeds):
            if tangent:
                start = ("tangent", number, k)
                box(start, tangent_text(push, k, arguments), 1, push=number)
                for i, c in tangent:
                    arrow(("argument", push.site, i), start, "component", c)
                arrow(start, ("channel", number, k), "seed")
        # One arrow for all products in which a channel is a factor of another.
        for i, j, k, c in push.algebra.products:
            end = ("channel", number, k)
            for factor in dict.fromkeys((i, j)):
                start = ("channel", number, factor)
                known = graph.get_edge_data(start, end, {"products": ()})["products"]
                arrow(start, end, "product", None, (*known, (i, j, k, c)))
    last = 2 + max((push.algebra.order for push in plan.pushes), default=0)
    for n, readout in enumerate(plan.readouts):
        functional = readout.functional
        symbol, arguments = functional.symbol, plan.sites[functional.site]
        label = symbol.label(functional.field, arguments)
        box(("functional", n), label, last, symbol.order)
        for number, k, c in readout.terms:
            arrow(("channel", number, k), ("functional", n), "readout", c)
    return graph
