"""LaTeX in and out: every form of the README, the corpus there and back, mistakes."""

from pathlib import Path

import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.notation import NotationError
from opcompiler.notation.vectors import flat
from tests.notation.test_readme import CONTEXT, rows, settled, unquoted, value

EXAMPLES = sorted((Path(__file__).parents[2] / "grammar" / "examples").iterdir())
FORMS = [(unquoted(one), unquoted(other)) for one, other in rows("LaTeX")]


def latex_value(form: str) -> list[sp.Expr]:
    problem = oc.parse_latex(rf"\text{{define }} q = {form}", CONTEXT)
    return flat(problem.definitions["q"])


def test_the_table_is_found() -> None:
    assert len(FORMS) > 40
    assert len(EXAMPLES) >= 93


@pytest.mark.parametrize(("form", "same"), FORMS, ids=[one for one, _ in FORMS])
def test_latex_and_text_are_one(form: str, same: str) -> None:
    for one, other in zip(latex_value(form), value(same), strict=True):
        assert settled(one - other) == 0


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_the_corpus_goes_there_and_back(path: Path) -> None:
    problem = oc.load(path)
    text = oc.to_latex(problem)
    assert oc.parse_latex(text) == problem
    assert oc.to_latex(oc.parse_latex(text)) == text


@pytest.mark.parametrize(("form", "same"), FORMS, ids=[one for one, _ in FORMS])
def test_every_form_goes_there_and_back(form: str, same: str) -> None:
    problem = oc.parse(f"{CONTEXT}define q = {same}")
    assert oc.parse_latex(oc.to_latex(problem)) == problem


def test_a_paper() -> None:
    text = r"""
    \begin{align}
      \partial_t \mathbf{u} + (\mathbf{u}\cdot\nabla)\,\mathbf{u} &= -\frac{1}{\rho}\nabla p
        + \nu\nabla^2\mathbf{u}, \label{momentum} \\   % Newton's law
      \nabla\cdot\mathbf{u} &= 0 \nonumber \\
      \left. \mathbf{u} \right|_{t=0} &= 0
    \end{align}
    """
    declarations = (
        "coordinates t, x, y; vector field u; field p; parameter rho = 1, nu = 0.1"
    )
    problem = oc.parse_latex(text.replace("},", "}"), declarations)
    same = oc.parse(
        f"{declarations}\nu_t + advect(u, u) = -grad(p)/rho + nu*Δu\ndiv(u) = 0\n"
        "condition: u(t=0) = 0"
    )
    assert problem.equations == same.equations
    assert list(problem.conditions) == ["condition_1", "condition_2"]
    residual = oc.compile(problem)
    assert residual.plan.verify()


def test_labels_conditions_declarations_in_latex() -> None:
    problem = oc.parse_latex(
        r"""
        \text{coordinates } t \in [0, 1],\; x \in \left[-1, \infty\right] \\
        \text{field } u(t, x) \\
        \text{parameter } \nu = \frac{1}{100} \\
        \text{heat: } u_t = \nu u_{xx} \\
        \text{initial start: } u(0, x) = \sin(\pi x)
        """
    )
    same = oc.parse(
        "coordinates t in [0, 1], x in [-1, inf]; field u(t, x); parameter nu = 1/100\n"
        "heat: u_t = nu*u_xx\ninitial start: u(0, x) = sin(pi*x)"
    )
    assert problem == same


PLANE = (
    "coordinates t, x; field u; vector field v; parameter k, nu, Re; complex field psi"
)


@pytest.mark.parametrize(
    ("text", "column", "problem", "hint"),
    [
        (r"u_t = \nux", 7, "the command \\nux means nothing", "did you mean"),
        (r"u_t = q u", 7, "there is no name 'q'", "declare it"),
        (r"u_t = \sin 2x", 7, "can be read in two ways", "\\sin(2 x)"),
        (r"\nabla u \cdot \nabla u = 0", 1, "can be read in two ways", "(\\nabla u)"),
        (r"u_t = \sin^{-1} u", 7, "is no plain power", "\\arcsin"),
        (r"\frac{\partial u}{\partial x^2} = 0", 1, "order is 1 above", "∂²u/∂x²"),
        (r"\frac{\partial u}{\partial z} = 0", 1, "z is not a coordinate", "t, x"),
        (r"u_{xz} = 0", 1, "'xz' is not made of coordinates", "t, x"),
        (r"u_t = (u", 9, "the text ends too early", "expected"),
        (r"u_t = u)", 8, "')' cannot stand here", "expected"),
        (r"u_t = {u", 7, "this bracket is never closed", "close it"),
        (r"u_t = u}", 8, "this bracket closes nothing", "drop it"),
        (r"u_t = \frac", 7, "this command has no argument", "braces"),
        (r"u_t = u^", 8, "nothing behind this sign", "write"),
        (r"u_t = \partial u", 7, "\\partial stands alone", "\\partial_x u"),
        (r"u_t = q^.5 u", 7, "there is no name 'q'", "declare it"),
        (r"u_t = \sum_i u", 7, "limits are missing", "\\sum_{i=1}^{d}"),
        (r"u_t = \sum_{i}^{3} u", 7, "a sum needs its range", "\\sum_{i=1}^{d}"),
        (r"u_t = \int u dx", 7, "limits are missing", "\\int_0^x"),
        (r"u_t = \left. u \right)", 22, "nothing is evaluated", "\\right|_{x=0}"),
        (r"u_t = u \right)", 9, "\\right without \\left", "pairs"),
        (r"u_t = \begin{cases} u & x < 0", 7, "is never ended", "\\end"),
        (
            r"u_t = \begin{cases} u & x < 0 \end{cases}",
            7,
            "cases without a last",
            "other",
        ),
        (r"u_t = \begin{table} u", 7, "means nothing here", "pmatrix"),
        (r"u_t = \dot{k}", 7, "nothing here depends on t", "argument t"),
        (r"u_t = __import__('os')", 7, "this subscript has no name", "u_{xx}"),
        (r"u_t = u $ 3", 9, "the sign '$' means nothing", "commands"),
        (r"u_t = u \\ \text{two words here: } u = 0", 12, "not one name", "heat"),
        (r"\text{heat: }", 14, "the text ends too early", "expected"),
        (r"v\cdot\nabla v = 0", 1, "can be read in two ways", "advect"),
    ],
)
def test_mistakes(text: str, column: int, problem: str, hint: str) -> None:
    with pytest.raises(NotationError) as caught:
        oc.parse_latex(text, PLANE)
    error = caught.value
    assert problem in error.problem
    assert hint in error.hint
    assert (error.file, error.line, error.column) == ("<latex>", 1, column)
    assert "^" in str(error)


def test_a_mistake_in_the_declarations_is_told_of_them() -> None:
    with pytest.raises(NotationError) as caught:
        oc.parse_latex("u = 0", "coordinates t\nfield u(z)")
    assert (caught.value.file, caught.value.line) == ("<declarations>", 2)


def test_other_things_are_refused() -> None:
    with pytest.raises(oc.OperatorError, match="the notation is text"):
        oc.parse_latex(3)
    with pytest.raises(oc.OperatorError, match="is not a Problem"):
        oc.to_latex("u = 0")
