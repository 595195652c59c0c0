"""Graph, SVG, LaTeX and HTML of every plan in the gallery."""

import itertools
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import networkx as nx
import pytest
import sympy as sp
from matplotlib.mathtext import MathTextParser

import opcompiler as oc
from opcompiler.planning import Plan, STRATEGIES, strategies
from opcompiler.show.graph import KINDS
from opcompiler.show.words import channel_operators
from tests.show.gallery import every_plan, OPERATORS, plan_of

EDGES = {
    ("argument", "channel"): "point",
    ("argument", "tangent"): "component",
    ("tangent", "channel"): "seed",
    ("channel", "channel"): "product",
    ("channel", "functional"): "readout",
}
VOID = {"meta", "br", "link", "img", "input", "hr"}


@pytest.mark.parametrize("name", OPERATORS)
def test_the_graph_is_typed_and_has_no_cycle(name: str) -> None:
    for plan in every_plan(name):
        graph = plan.graph()
        assert isinstance(graph, nx.DiGraph)
        assert nx.is_directed_acyclic_graph(graph)
        for _, node in graph.nodes(data=True):
            assert node["kind"] in KINDS
            assert node.keys() == {"kind", "label", "degree", "push", "layer"}
            assert (node["push"] is None) == (
                node["kind"] in {"argument", "functional"}
            )
        for start, end, edge in graph.edges(data=True):
            first, last = graph.nodes[start], graph.nodes[end]
            assert edge["kind"] == EDGES[first["kind"], last["kind"]]
            assert first["layer"] < last["layer"]


@pytest.mark.parametrize("name", OPERATORS)
def test_the_graph_holds_the_whole_plan(name: str) -> None:
    for plan in every_plan(name):
        graph = plan.graph()
        products = {
            (end[1], *product)
            for _, end, edge in graph.edges(data=True)
            for product in edge["products"]
        }
        assert products == {
            (number, *product)
            for number, push in enumerate(plan.pushes)
            for product in push.algebra.products
        }
        seeds = {
            (end[1], end[2], start[2], edge["coefficient"])
            for start, end, edge in graph.edges(data=True)
            if edge["kind"] == "component"
        }
        assert seeds == {
            (number, k, argument, c)
            for number, push in enumerate(plan.pushes)
            for k, tangent in enumerate(push.seeds)
            for argument, c in tangent
        }
        for n, readout in enumerate(plan.readouts):
            terms = [
                (start[1], start[2], edge["coefficient"])
                for start, _, edge in graph.in_edges(("functional", n), data=True)
            ]
            assert sorted(terms) == sorted(readout.terms)


@pytest.mark.parametrize("name", OPERATORS)
def test_channels_carry_what_is_read_off(name: str) -> None:
    """Read-outs, taken of the operators that channels carry, are the functionals."""
    for plan in every_plan(name):
        carried = [
            [dict(o) for o in channel_operators(push, len(plan.sites[push.site]))]
            for push in plan.pushes
        ]
        for readout in plan.readouts:
            total = {}
            for push, channel, c in readout.terms:
                for alpha, size in carried[push][channel].items():
                    total[alpha] = total.get(alpha, 0) + c * size
            wanted = dict(readout.functional.symbol.terms)
            assert {alpha: c for alpha, c in total.items() if c} == wanted


@pytest.mark.parametrize("name", OPERATORS)
def test_svg_is_xml_and_shows_every_kind(name: str, tmp_path) -> None:
    for plan in every_plan(name):
        text = plan.to_svg(tmp_path / "plan.svg")
        assert (tmp_path / "plan.svg").read_text() == text
        root = ET.fromstring(text)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        words = "".join(root.itertext())
        assert "functionals" in words
        assert "value" in words
        box = [float(edge) for edge in root.get("viewBox").split()]
        for rect in root.iter("{http://www.w3.org/2000/svg}rect"):
            assert float(rect.get("x")) >= 0
            assert float(rect.get("x")) + float(rect.get("width")) <= box[2]
            assert 0 <= float(rect.get("y")) <= box[3]


def test_boxes_of_one_column_do_not_overlap() -> None:
    for name in OPERATORS:
        root = ET.fromstring(plan_of(name).to_svg())
        boxes = [
            (float(r.get("x")), float(r.get("y")))
            for r in root.iter("{http://www.w3.org/2000/svg}rect")
            if float(r.get("height")) == 24
        ]
        ordered = sorted(boxes)
        for (x1, y1), (x2, y2) in itertools.pairwise(ordered):
            assert x1 != x2 or y2 - y1 >= 24


@pytest.mark.parametrize("strategy", ["algebra", "nested"])
def test_long_families_lose_their_middle(strategy: str) -> None:
    plan = plan_of("laplacian_50d", strategy)
    text = plan.to_svg()
    assert text.count("<rect") < 60
    assert re.search(r"… \d\d more", text)
    assert "… " in plan.to_html()
    assert len(plan.to_latex()) < 10_000


def test_svg_escapes_what_users_wrote() -> None:
    hostile = '<script>alert("1")</script>&'
    text = plan_of("mixed").to_json().replace('"x"', repr_json(hostile))
    plan = Plan.from_json(text.replace('"algebra"', repr_json(hostile)))
    for view in (plan.to_svg(), plan.to_html(), plan._repr_html_()):
        assert "<script" not in view
        assert "&lt;script&gt;" in view
    ET.fromstring(plan.to_svg())


def repr_json(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


@pytest.mark.parametrize("name", OPERATORS)
def test_latex_is_mathematics(name: str) -> None:
    parser = MathTextParser("path")
    for plan in every_plan(name):
        first, *lines, last = plan.to_latex().splitlines()
        assert (first, last) == ("\\begin{aligned}", "\\end{aligned}")
        for line in lines:
            left, right = line.removesuffix(" \\\\").split(" &= ")
            for side in {left, right} - {"\\vdots"}:
                parser.parse(f"${side}$")


def test_latex_of_burgers() -> None:
    text = plan_of("burgers").to_latex()
    assert r"c_{3} &= \frac{1}{2}\,\partial_{x}^{2}" in text
    rule = r"c_{3}(f g) &= f\,c_{3}(g) + c_{3}(f)\,g + c_{2}(f)\,c_{2}(g)"
    assert rule in text
    assert r"\partial_{x}^{2} q &= 2\,c_{3}(q)" in text


def test_latex_names() -> None:
    text = plan_of("greek").to_latex()
    assert r"\partial_{\theta_{1}}^{2} \partial_{\mathrm{rate}} \psi" in text


class Balance(HTMLParser):
    """Checks that every element is closed where it was opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def check_page(text: str) -> set[str]:
    balance = Balance()
    balance.feed(text)
    balance.close()
    assert not balance.open
    outside = r"https?:|src=|href=|@import|url\((?!#)|<script|<link|<iframe"
    assert not re.search(outside, text)
    return balance.seen


@pytest.mark.parametrize("name", OPERATORS)
def test_the_page_needs_nothing_else(name: str, tmp_path) -> None:
    residual = oc.compile(OPERATORS[name])
    text = residual.to_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == text
    assert {"svg", "table", "pre", "style"} <= check_page(text)
    assert "proved by exact arithmetic" in text
    assert "def residual(net, points" in text
    for strategy in STRATEGIES:
        assert f"<b>{strategy}</b>" in text


@pytest.mark.parametrize("name", OPERATORS)
def test_notebooks_get_a_fragment(name: str) -> None:
    residual = oc.compile(OPERATORS[name])
    text = residual._repr_html_()
    assert text == residual.plan._repr_html_()
    assert not {"html", "body"} & check_page(text)


def test_a_strategy_that_refuses_says_why(monkeypatch) -> None:
    def refuse(symbols, site, arguments):
        raise oc.OperatorError("this symbol is odd", hint="take another")

    plan = plan_of("kdv")
    monkeypatch.setitem(strategies.STRATEGIES, "stubborn", refuse)
    assert "refuses: this symbol is odd; take another" in plan.to_html()
    table = plan.comparison()
    assert "this symbol is odd; take another" in table
    (row,) = [line for line in table.splitlines() if "<- auto" in line]
    assert row.split()[0] == plan.strategy


def test_a_failed_certificate_is_not_hidden() -> None:
    text = plan_of("burgers").to_json()
    wrong = Plan.from_json(text.replace('[[0, 3, "2"]]', '[[0, 3, "5"]]'))
    assert "do not use this plan" in wrong.to_html()
    assert "is proved" not in wrong.to_html()


def test_the_page_says_what_is_summed() -> None:
    x = oc.vector("x", 100)
    residual = oc.compile(oc.laplacian(sp.Function("u")(x), x))
    assert "all 100 terms of u__x_i_x_i" in residual.to_html()
    assert "Sums over components" not in plan_of("kdv").to_html()
