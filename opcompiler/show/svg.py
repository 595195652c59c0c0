"""A plan as a picture: the derivation graph, left to right, as plain SVG text.

In: a plan. Out: an SVG document that needs nothing outside of itself.

    Path("plan.svg").write_text(plan_svg(residual.plan))

`drawing.py` says where the boxes go; this file measures the columns and draws. Boxes carry
their own pastel ground and dark text, lines and headings are of a middle grey: so one
picture can be read on white and on black.
"""

import itertools
from collections.abc import Hashable
from html import escape
from typing import Any

from opcompiler.planning.plan import Plan
from opcompiler.show.drawing import draw
from opcompiler.show.graph import plan_graph
from opcompiler.show.words import shortened
from opcompiler.visible import visible

NAMESPACE = "http://www.w3.org/2000/svg"
"""What an SVG file must name; inside an HTML page it is implied."""

_FILL = {
    "argument": "#d5dbe3",
    "tangent": "#f6dfa6",
    "channel": "#b9dcf2",
    "functional": "#c3e6bd",
    "pushes": "none",
}
_LINE = {
    "point": "#8d97a3",
    "component": "#8d97a3",
    "seed": "#c08a1e",
    "product": "#3f8fc4",
    "readout": "#4b9e46",
}
_INK, _GREY = "#16202b", "#7d8894"
_LETTER, _BOX, _GAP, _MARGIN, _HEAD = 7.3, 24.0, 44.0, 14.0, 30.0
_LONGEST, _FACTOR = 20, 6
_LEAST = 0.55
"""How far a drawing shrinks: to letters of 6.6 pixels, which a phone can still show."""


def plan_svg(plan: Plan) -> str:
    """Returns the derivation graph of a plan as an SVG document."""
    drawing = draw(plan_graph(plan))
    nodes: dict[Hashable, dict[str, Any]] = dict(drawing.graph.nodes(data=True))

    # Columns are as wide as their longest text; the first stands at the margin.
    layers = 1 + max((data["layer"] for data in nodes.values()), default=0)
    degrees = [f"degree {d}" for d in range(1, layers - 2)]
    headings = ["arguments", "starts", *degrees, "functionals"][:layers]
    words = {node: _words(node, data) for node, data in nodes.items()}
    widths = [6.4 * len(heading) for heading in headings]
    for node, data in nodes.items():
        width = 16 + _LETTER * len("".join(words[node]))
        widths[data["layer"]] = max(widths[data["layer"]], width)
    starts = itertools.accumulate((w + _GAP for w in widths), initial=_MARGIN)
    left = list(starts)[:layers]
    width = left[-1] + widths[-1] + _MARGIN
    height = drawing.height + _HEAD + 2 * _MARGIN
    y = {node: place + _HEAD + _MARGIN for node, place in drawing.y.items()}

    title = f"Derivation graph: {plan.strategy}, {plan.channels} channels"
    lines = [
        f'<svg xmlns="{NAMESPACE}" role="img" '
        f'width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" '
        # It may shrink to fit a page, but must stay readable.
        f'style="max-width: max(100%, {_LEAST * width:.0f}px); height: auto" '
        'font-family="ui-monospace, Menlo, Consolas, monospace" '
        'font-size="12">',
        f"<title>{escape(title)}</title>",
        f"<defs>{''.join(itertools.starmap(_arrowhead, _LINE.items()))}</defs>",
    ]
    for place, wide, heading in zip(left, widths, headings, strict=True):
        lines.append(
            f'<text x="{place + wide / 2:.1f}" y="{_MARGIN + 8:.1f}" fill="{_GREY}" '
            'text-anchor="middle" font-family="system-ui, sans-serif">'
            f"{heading}</text>"
        )

    # Edges first, so that boxes cover their ends: straight through columns, curved between.
    weights: list[str] = []
    for (start, end), path in drawing.paths.items():
        data = drawing.graph.edges[start, end]
        layer = nodes[start]["layer"]
        x = left[layer] + widths[layer]
        d = f"M{x:.1f} {y[start]:.1f}"
        for node, to in itertools.pairwise(path):
            layer += 1
            stop = left[layer] - (5 if to is path[-1] else 0)
            middle, y1, y2 = (x + stop) / 2, y[node], y[to]
            d += f"C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {stop:.1f} {y2:.1f}"
            if to is not path[-1]:
                x = left[layer] + widths[layer]
                d += f"H{x:.1f}"
        dash = ' stroke-dasharray="4 4"' if data["merged"] else ""
        lines.append(
            f'<path d="{d}" fill="none" stroke="{_LINE[data["kind"]]}" '
            f'stroke-width="1.3"{dash} marker-end="url(#oc-{data["kind"]})">'
            f"<title>{escape(_edge_title(data))}</title></path>"
        )
        # A read-out's coefficient; those of a tangent stand in its box.
        if (
            data["kind"] == "readout"
            and data["coefficient"] != 1
            and not data["merged"]
        ):
            text = shortened(str(data["coefficient"]), _FACTOR)
            x = left[nodes[end]["layer"]] - _GAP / 2
            mid, wide = (y[path[-2]] + y[end]) / 2, 6 + 6.2 * len(text)
            weights.append(
                f'<rect x="{x - wide / 2:.1f}" y="{mid - 7:.1f}" width="{wide:.1f}" '
                f'height="14" rx="4" fill="{_FILL[nodes[end]["kind"]]}"/>'
                f'<text x="{x:.1f}" y="{mid + 3.5:.1f}" font-size="10" fill="{_INK}" '
                f'text-anchor="middle">{escape(text)}</text>'
            )
    lines += weights

    for node, data in nodes.items():
        place, wide = left[data["layer"]], widths[data["layer"]]
        number, label = words[node]
        plain = data["elided"] > 0
        dash = ' stroke-dasharray="3 3"' if plain else ""
        bold = f'<tspan font-weight="700">{escape(number)}</tspan>' if number else ""
        lines.append(
            f"<g><title>{escape(data['label'])}</title>"
            f'<rect x="{place:.1f}" y="{y[node] - _BOX / 2:.1f}" rx="5" '
            f'width="{wide:.1f}" height="{_BOX}" '
            f'fill="{"none" if plain else _FILL[data["kind"]]}" '
            f'stroke="{_GREY if plain else "#5b6773"}"{dash}/>'
            f'<text x="{place + wide / 2:.1f}" y="{y[node] + 4:.1f}" '
            f'text-anchor="middle" fill="{_GREY if plain else _INK}" '
            f'xml:space="preserve">{bold}{escape(label)}</text>'
            "</g>"
        )
    return visible("\n".join([*lines, "</svg>"]))


def _words(node: Any, data: dict[str, Any]) -> tuple[str, str]:
    """Returns a node's number, if it has one, and its label, cut to the box."""
    label = shortened(data["label"], _LONGEST)
    if data["elided"] or data["kind"] != "channel":
        return "", label
    return f"c{node[2]} ", "value" if data["degree"] == 0 else label


def _arrowhead(kind: str, colour: str) -> str:
    return (
        f'<marker id="oc-{kind}" viewBox="0 0 8 8" refX="2" refY="4" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="{colour}"/>'
        "</marker>"
    )


def _edge_title(data: dict[str, Any]) -> str:
    if data["kind"] == "product":
        return "; ".join(f"c{i}·c{j} → {c} c{k}" for i, j, k, c in data["products"])
    return f"{data['kind']}: {data['coefficient']}"
