"""Every form that `grammar/README.md` lists, run."""

import re
from pathlib import Path

import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.held_tensors import Element
from opcompiler.text.values import flat

TEXT = (Path(__file__).parents[2] / "grammar" / "README.md").read_text(encoding="utf-8")
CONTEXT = """coordinates t, x, y
field u, w, f(x)
vector field v
complex field psi
parameter k
velocity v
"""


def rows(heading: str) -> list[tuple[str, str]]:
    """The lines of the first table under a heading, as (first, second) cells."""
    section = re.split(r"^## ", TEXT, flags=re.MULTILINE)
    (body,) = (part for part in section if part.startswith(f"{heading}\n"))
    lines = [line for line in body.splitlines() if line.startswith("| `")]
    cells = [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in lines]
    return [(one.replace("\\|", "|"), other) for one, other in cells]


def unquoted(cell: str) -> str:
    return cell.strip().strip("`")


def value(form: str) -> list[sp.Expr]:
    problem = oc.parse(f"{CONTEXT}define q = {form}")
    return flat(problem.definitions["q"])


FORMS = rows("Expressions")
STATEMENTS = rows("Equations and conditions")
DECLARATIONS = rows("Declarations")
REFUSED = rows("What is refused because it has two readings")


def test_the_tables_are_found() -> None:
    assert len(FORMS) > 85
    assert len(STATEMENTS) == 17
    assert len(DECLARATIONS) == 17
    assert len(REFUSED) == 12


@pytest.mark.parametrize(("form", "same"), FORMS, ids=[one for one, _ in FORMS])
def test_both_forms_are_one(form: str, same: str) -> None:
    pairs = zip(value(unquoted(form)), value(unquoted(same)), strict=True)
    for one, other in pairs:
        difference = (one - other).replace(
            lambda part: isinstance(part, Element), lambda part: part.doit()
        )
        assert settled(difference) == 0


def settled(difference: sp.Expr) -> sp.Expr:
    """Zero where only the pieces of a `where` are arranged otherwise."""
    return sp.piecewise_fold(sp.expand(difference)).simplify()


@pytest.mark.parametrize("statement", [unquoted(one) for one, _ in DECLARATIONS])
def test_declarations(statement: str) -> None:
    problem = oc.parse(statement)
    assert oc.parse(oc.to_text(problem)) == problem


@pytest.mark.parametrize(
    ("statement", "meaning"), [(unquoted(one), text) for one, text in STATEMENTS]
)
def test_statements(statement: str, meaning: str) -> None:
    plane = "coordinates t, x in [0, 1]; field u\n"
    if "vector" in meaning:
        plane = "coordinates t, x, y; vector field v; field p\n"
    problem = oc.parse(plane + statement)
    is_equation = "equation" in meaning or "expression" in meaning
    assert bool(problem.equations) == is_equation
    assert bool(problem.conditions) != is_equation
    assert oc.parse(oc.to_text(problem)) == problem
    for name in problem.conditions:
        assert oc.compile(problem.condition(name)).coordinates == problem.symbols
    labels = re.findall(r"`(\w+_?\d)`", meaning)
    assert not labels or set(labels) <= {*problem.equations, "normal_x"}


@pytest.mark.parametrize(
    ("form", "ways"), REFUSED, ids=[unquoted(one) for one, _ in REFUSED]
)
def test_what_has_two_readings_is_refused(form: str, ways: str) -> None:
    with pytest.raises(oc.OperatorError) as caught:
        value(unquoted(form))
    for way in re.findall(r"`([^`]+)`", ways):
        value(way)
        assert way in caught.value.hint


def test_the_first_example_and_its_error() -> None:
    (text,) = re.findall(r"```pde\n(.*?)```", TEXT, flags=re.DOTALL)
    problem = oc.parse(text)
    assert list(problem.equations) == ["burgers"]
    assert list(problem.conditions) == ["initial", "left", "right"]
    with pytest.raises(oc.OperatorError) as caught:
        oc.parse(text.replace("nu*u_xx + k", "nux*u_xx"), file="burgers.pde")
    shown = re.findall(r"```text\n(.*?)```", TEXT, flags=re.DOTALL)[0]
    assert str(caught.value) == shown.rstrip("\n")
