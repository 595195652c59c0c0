"""A plan as a picture: the derivation graph, left to right, as plain SVG text.

Boxes carry their own pastel ground and dark text, lines and headings are of a middle
grey: so one picture reads on white and on black. Nothing outside the text is needed.
"""

import itertools
from collections.abc import Hashable
from html import escape
from typing import Any

from opcompiler.planning.plan import Plan
from opcompiler.show.elision import shortened
from opcompiler.show.graph import plan_graph
from opcompiler.show.layout import lay_out, Layout
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
_LETTER, _BOX, _GAP, _MARGIN, _HEAD = 7.3, 24.0, 64.0, 14.0, 30.0
_LONGEST = 26


def plan_svg(plan: Plan) -> str:
    """Returns the derivation graph of a plan as an SVG document."""
    return visible(_Drawing(plan, lay_out(plan_graph(plan))).text())


class _Drawing:
    """A layout with the columns' widths, drawn piece by piece."""

    def __init__(self, plan: Plan, layout: Layout) -> None:
        self.plan = plan
        self.layout = layout
        self.nodes: dict[Hashable, dict[str, Any]] = dict(layout.graph.nodes(data=True))
        self.words = {node: _words(node, data) for node, data in self.nodes.items()}
        widths = [0.0] * layout.layers
        for node, data in self.nodes.items():
            width = 16 + _LETTER * len("".join(self.words[node]))
            widths[data["layer"]] = max(widths[data["layer"]], width)
        self.headings = _headings(layout.layers)
        for layer, heading in enumerate(self.headings):
            widths[layer] = max(widths[layer], 6.4 * len(heading))
        self.widths = widths
        starts = itertools.accumulate((w + _GAP for w in widths), initial=_MARGIN)
        self.left = list(starts)[: layout.layers]

    def text(self) -> str:
        width = self.left[-1] + self.widths[-1] + _MARGIN
        height = self.layout.height + _HEAD + 2 * _MARGIN
        title = f"Derivation graph: {self.plan.strategy}, {self.plan.channels} channels"
        return "\n".join(
            [
                f'<svg xmlns="{NAMESPACE}" role="img" '
                f'width="{width:.0f}" height="{height:.0f}" '
                f'viewBox="0 0 {width:.0f} {height:.0f}" '
                # It may shrink to fit a page, but not until nobody can read it.
                f'style="max-width: max(100%, {0.75 * width:.0f}px); height: auto" '
                'font-family="ui-monospace, Menlo, Consolas, monospace" '
                'font-size="12">',
                f"<title>{escape(title)}</title>",
                *_arrowheads(),
                *self._columns(),
                *self._edges(),
                *self._boxes(),
                "</svg>",
            ]
        )

    def _columns(self) -> list[str]:
        return [
            f'<text x="{left + width / 2:.1f}" y="{_MARGIN + 8:.1f}" fill="{_GREY}" '
            'text-anchor="middle" font-family="system-ui, sans-serif">'
            f"{heading}</text>"
            for left, width, heading in zip(
                self.left, self.widths, self.headings, strict=True
            )
        ]

    def _y(self, node: Hashable) -> float:
        return self.layout.y[node] + _HEAD + _MARGIN

    def _edges(self) -> list[str]:
        drawn: list[str] = []
        for (start, end), path in self.layout.paths.items():
            data = self.layout.graph.edges[start, end]
            colour = _LINE[data["kind"]]
            dash = ' stroke-dasharray="4 4"' if data["merged"] else ""
            drawn.append(
                f'<path d="{self._curve(path)}" fill="none" stroke="{colour}" '
                f'stroke-width="1.3"{dash} marker-end="url(#oc-{data["kind"]})">'
                f"<title>{escape(_edge_title(data))}</title></path>"
            )
        return [*drawn, *self._weights()]

    def _curve(self, path: list[Hashable]) -> str:
        """Straight through columns, curved between them."""
        layer = self.nodes[path[0]]["layer"]
        x, y = self.left[layer] + self._width(path[0]), self._y(path[0])
        d = f"M{x:.1f} {y:.1f}"
        for node in path[1:]:
            layer += 1
            to = self.left[layer] - (5 if node is path[-1] else 0)
            y2 = self._y(node)
            middle = (x + to) / 2
            d += f"C{middle:.1f} {y:.1f} {middle:.1f} {y2:.1f} {to:.1f} {y2:.1f}"
            if node is not path[-1]:
                x, y = self.left[layer] + self.widths[layer], y2
                d += f"H{x:.1f}"
        return d

    def _width(self, node: Hashable) -> float:
        return self.widths[self.nodes[node]["layer"]]

    def _weights(self) -> list[str]:
        """Read-outs' coefficients other than one, in the middle of the last step.

        A tangent's components stand in its box.
        """
        drawn: list[str] = []
        for (start, end), path in self.layout.paths.items():
            data = self.layout.graph.edges[start, end]
            hidden = data["merged"] or data["coefficient"] == 1
            if data["kind"] != "readout" or hidden:
                continue
            text = shortened(str(data["coefficient"]), 10)
            x = self.left[self.nodes[end]["layer"]] - _GAP / 2
            y = (self._y(path[-2]) + self._y(end)) / 2
            wide = 6 + 6.2 * len(text)
            drawn.append(
                f'<rect x="{x - wide / 2:.1f}" y="{y - 7:.1f}" width="{wide:.1f}" '
                f'height="14" rx="4" fill="{_FILL[self.nodes[end]["kind"]]}"/>'
                f'<text x="{x:.1f}" y="{y + 3.5:.1f}" font-size="10" fill="{_INK}" '
                f'text-anchor="middle">{escape(text)}</text>'
            )
        return drawn

    def _boxes(self) -> list[str]:
        drawn: list[str] = []
        for node, data in self.nodes.items():
            left, y = self.left[data["layer"]], self._y(node)
            number, label = self.words[node]
            plain = data["elided"] > 0
            fill = "none" if plain else _FILL[data["kind"]]
            line = _GREY if plain else "#5b6773"
            dash = ' stroke-dasharray="3 3"' if plain else ""
            bold = f'<tspan font-weight="700">{escape(number)}</tspan>'
            drawn.append(
                f"<g><title>{escape(data['label'])}</title>"
                f'<rect x="{left:.1f}" y="{y - _BOX / 2:.1f}" rx="5" '
                f'width="{self._width(node):.1f}" height="{_BOX}" fill="{fill}" '
                f'stroke="{line}"{dash}/>'
                f'<text x="{left + self._width(node) / 2:.1f}" y="{y + 4:.1f}" '
                f'text-anchor="middle" fill="{_GREY if plain else _INK}" '
                f'xml:space="preserve">{bold if number else ""}{escape(label)}</text>'
                "</g>"
            )
        return drawn


def _words(node: Any, data: dict[str, Any]) -> tuple[str, str]:
    """Returns a node's number, if it has one, and its label, cut to the box."""
    label = shortened(data["label"], _LONGEST)
    if data["elided"] or data["kind"] != "channel":
        return "", label
    return f"c{node[2]} ", "value" if data["degree"] == 0 else label


def _headings(layers: int) -> list[str]:
    degrees = [f"degree {d}" for d in range(1, layers - 2)]
    return ["arguments", "starts", *degrees, "functionals"][:layers]


def _arrowheads() -> list[str]:
    heads = "".join(
        f'<marker id="oc-{kind}" viewBox="0 0 8 8" refX="2" refY="4" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="{colour}"/>'
        "</marker>"
        for kind, colour in _LINE.items()
    )
    return [f"<defs>{heads}</defs>"]


def _edge_title(data: dict[str, Any]) -> str:
    if data["kind"] == "product":
        return "; ".join(f"c{i}·c{j} → {c} c{k}" for i, j, k, c in data["products"])
    return f"{data['kind']}: {data['coefficient']}"
