"""Graph, SVG, LaTeX and HTML of every plan in the gallery."""

import functools
import html
import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import jax.numpy as jnp
import networkx as nx
import pytest
import sympy as sp
from matplotlib.mathtext import MathTextParser

import opcompiler as oc
from opcompiler.planning import Plan, STRATEGIES, strategies
from opcompiler.show.graph import KINDS
from opcompiler.show.reasons import plan_reasons
from opcompiler.show.words import channel_operators, GLOSSARY, NOUNS
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


@functools.cache
def set_in_type(formula: str) -> None:
    """Fails unless Matplotlib can; the strategies' plans have lines in common."""
    MathTextParser("path").parse(formula)


@pytest.mark.parametrize("name", OPERATORS)
def test_latex_is_mathematics(name: str) -> None:
    for plan in every_plan(name):
        first, *lines, last = plan.to_latex().splitlines()
        assert (first, last) == ("\\begin{aligned}", "\\end{aligned}")
        for line in lines:
            left, right = line.removesuffix(" \\\\").split(" &= ")
            for side in {left, right} - {"\\vdots"}:
                set_in_type(f"${side}$")


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
    # A link to the glossary is no need: it is followed by people alone.
    needs = text.replace(f'<a href="{GLOSSARY}">', "")
    outside = r"https?:|src=|href=|@import|url\((?!#)|<script|<link|<iframe"
    assert not re.search(outside, needs)
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
    assert text == residual.plan.view("card", equations=residual._texts())
    assert residual._texts()[0] not in residual.plan._repr_html_()
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


EQUATIONS = {
    "kdv": "6*q*q_x + q_t + q_xxx = 0",
    "sites": "w_x(1, y) = 0",
    "navier_stokes": "-nu*(u_xx + u_yy) + u*u_x + v*u_y + p_x + u_t = 0",
    "greek": "psi_{rate,theta_1,theta_1} = 0",
}


@pytest.mark.parametrize("name", EQUATIONS)
def test_the_page_begins_with_the_equations(name: str) -> None:
    residual = oc.compile(OPERATORS[name])
    page = residual.to_html()
    assert page.index(EQUATIONS[name]) < page.index("Why this plan")
    assert EQUATIONS[name] in residual._repr_html_()
    assert 'class="equation"' not in residual.plan.to_html()


def test_equations_keep_their_names_and_integrals_their_variables() -> None:
    t, x, s = sp.symbols("t x s")
    u, k = sp.Function("u"), sp.Function("K")
    field = u(t, x)
    of = lambda given: oc.compile(given)._texts()
    mass = {"mass": field.diff(t) - sp.Integral(u(t, s), (s, 0, x))}
    assert of(mass) == ("mass: u_t - Integral(u(t, s), (s, 0, x)) = 0",)
    assert of((k(field) * field.diff(x)).diff(x)) == ("K(u)*u_xx + K_u(u)*u_x**2 = 0",)
    assert of(field + u(t, x - 1).diff(x)) == ("u + u_x(t, x - 1) = 0",)
    points = oc.vector("x", 100)
    assert of(oc.laplacian(u(points), points)) == (
        "Sum(u_{x[i],x[i]}, (i, 0, 99)) = 0",
    )


@pytest.mark.parametrize("name", OPERATORS)
def test_the_reasons_are_the_numbers_of_the_table(name: str) -> None:
    plan = plan_of(name)
    text = " ".join(plan_reasons(plan))
    for choice in plan.choices:
        for strategy, time in choice.predicted:
            assert re.search(rf"{strategy}\b.*{time:.1f}", text)
    for line in str(plan).splitlines():
        if line.startswith("chosen"):
            taken = line.split(": ")[1].split(";")[0]
            assert f"auto took {taken}" in text
    assert text.replace("'", "&#39;")[:60] in plan.to_html()


def test_reasons_where_nothing_was_weighed() -> None:
    named = plan_of("kdv", "partition")
    assert "Nothing was weighed" in plan_reasons(named)[0]
    assert "minimal algebra." not in " ".join(plan_reasons(named))
    assert "nothing to plan" in plan_reasons(Plan("algebra", (), (), ()))[0]


def test_the_price_of_a_cheaper_strategy_is_said() -> None:
    """`auto` weighs those that can win; the sentence does not hide one that would."""
    plan = plan_of("kdv")
    dear = replace(
        plan, choices=(replace(plan.choices[0], predicted=(("algebra", 6.0),)),)
    )
    assert plan_reasons(dear)[0].startswith(
        "auto took algebra, 6.0, and weighed algebra only: polarization 5.6, partition "
        "5.8, reverse 5.9 is lower; nested costs 6.7."
    )


def test_the_nouns_are_those_of_the_glossary() -> None:
    docs = Path(__file__).parents[2] / "docs" / "glossary.md"
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|", docs.read_text(), re.MULTILINE)
    known = {noun: meaning.removesuffix(" [theory]") for noun, meaning in rows}
    assert {noun: known[noun] for noun in NOUNS} == NOUNS
    project = (docs.parents[1] / "pyproject.toml").read_text()
    assert f'"{GLOSSARY.removesuffix("glossary.md")}guide.md"' in project


def test_the_page_says_what_a_network_makes_of_it() -> None:
    residual = oc.compile(OPERATORS["laplacian_50d"])
    net, points = lambda p: jnp.sum(jnp.tanh(p @ jnp.ones((50, 8)))), jnp.ones((4, 50))
    assert "50 of its directions are alike" in residual.to_html()
    assert "With this network" not in residual.to_html()
    page = html.unescape(residual.to_html(None, net, points))
    costs = residual.explain(net, points).removeprefix(residual.explain()).strip()
    assert "all 50 at every element from dot_general" in costs
    assert costs in page
    burgers = oc.compile(OPERATORS["burgers"])
    assert "With this network" in burgers.to_html(None, jnp.sum, points[:, :2], nu=1.0)
