"""The page on views: its code runs, in Python and on the command line."""

import re
from pathlib import Path

import networkx as nx
import pytest
import sympy as sp
from typer.testing import CliRunner

import opcompiler as oc
from opcompiler.cli import app

PAGE = Path(__file__).parents[2] / "docs" / "extending" / "view.md"
CODE = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL))
x, y = sp.symbols("x y")
u = sp.Function("u")(x, y)


@pytest.fixture(scope="module")
def page():
    names = {"__name__": "page"}
    exec(CODE, names)
    return names


def test_a_view_is_found_by_its_name(page) -> None:
    assert page["text"].startswith("flowchart TB\n")
    plan = oc.compile(u.diff(x, y)).plan
    lines = plan.view("mermaid").splitlines()
    graph = plan.graph()
    assert lines[0] == "flowchart LR"
    assert len(lines) == 1 + len(graph) + len(graph.edges)
    assert sum('["u_xy"]' in line for line in lines) == 1


def test_the_command_line_prints_it(page, tmp_path) -> None:
    program = tmp_path / "heat.py"
    program.write_text(CODE)
    shown = CliRunner().invoke(app, ["plan", str(program), "--view", "mermaid"])
    assert shown.exit_code == 0, shown.output
    plan = oc.compile(page["equations"]).plan
    assert shown.stdout == plan.view("mermaid") + "\n"


def test_the_views_of_the_package_stand_in_the_same_table(tmp_path) -> None:
    plan = oc.compile(u.diff(x, y)).plan
    assert plan.view("table") == str(plan)
    assert plan.view("comparison") == plan.comparison()
    assert plan.view("json") == plan.to_json()
    assert plan.view("svg") == plan.to_svg()
    assert plan.view("latex") == plan.to_latex()
    assert plan.view("html") == plan.to_html()
    assert plan.view("card") == plan._repr_html_()
    assert nx.utils.graphs_equal(plan.view("graph"), plan.graph())
    program = tmp_path / "mixed.py"
    program.write_text(CODE)
    for option, name in (("--json", "json"), ("--compare", "comparison")):
        flag, view = (
            CliRunner().invoke(app, ["plan", str(program), *more]).stdout
            for more in ([option], ["--view", name])
        )
        assert flag == view


def test_mistakes(tmp_path) -> None:
    plan = oc.compile(u.diff(x)).plan
    with pytest.raises(oc.OperatorError, match="there is no view 'tabel'") as caught:
        plan.view("tabel")
    assert "table" in caught.value.hint
    with pytest.raises(oc.OperatorError, match="svg is a view of the package"):
        oc.register_view("svg", lambda plan: "")
    with pytest.raises(oc.OperatorError, match="is a str"):
        oc.register_view("mine", "text")
    program = tmp_path / "heat.py"
    program.write_text(CODE)
    for name, message in (("tabel", "there is no view"), ("graph", "is no text")):
        shown = CliRunner().invoke(app, ["plan", str(program), "--view", name])
        assert shown.exit_code == 1
        assert message in shown.stderr
        assert shown.stdout == ""
