"""Problems as LaTeX: what is written for forms, and for every problem of the corpus."""

import re
from pathlib import Path

import pytest

import opcompiler as oc
from tests.shares import one_in

FOLDER = Path(__file__).parents[2] / "grammar" / "examples"
EXAMPLES = sorted(FOLDER.iterdir())
CONTEXT = """coordinates t, x in [-1, inf]; field u(t, x), f(x); complex field psi
vector field v; parameter nu = 1/100, k; """


def row(statement: str, context: str = CONTEXT) -> str:
    """The row of the last statement, without its word."""
    lines = oc.to_latex(oc.parse(context + statement)).splitlines()[1:-1]
    return lines[-1].removeprefix("& ").partition("} ")[2]


@pytest.mark.parametrize(
    ("statement", "latex"),
    [
        ("u_t = nu*u_xx", r"\frac{\partial u}{\partial t} = \nu \, "
         r"\frac{\partial^{2} u}{\partial x^{2}}"),
        ("d(k*f', x) = 0", r"\frac{\partial \left(k \, \frac{\partial f}{\partial x}"
         r"\right)}{\partial x} = 0"),
        ("u/2 + sin(pi*x)/3*u = 0", r"\frac{u}{2} + \frac{\sin\left(\pi x\right) \, "
         r"u}{3} = 0"),
        ("abs(u)^2 = sqrt(u)", r"\left|u\right|^{2} = \sqrt{u}"),
        ("I*psi_t = conj(psi)", r"i \, \frac{\partial \psi}{\partial t} = "
         r"\overline{\psi}"),
        ("u_x(x=0) = 1", r"\left.\frac{\partial u}{\partial x}\right|_{x=0} = 1"),
        ("int(f(s), s, 0, x) = f", r"\int_{0}^{x} f\left(s\right) \,\mathrm{d}s = f"),
        ("where(x < 0, k, 1) = u", r"\begin{cases} k & \text{if } x < 0 \\ 1 & "
         r"\text{otherwise} \end{cases} = u"),
        ("where(x < 0 and t > 1, k, 1) = u", r"\begin{cases} k & \text{if } t > 1 \land "
         r"x < 0 \\ 1 & \text{otherwise} \end{cases} = u"),
        ("det(((u, k), (0, f))) = 0",
         r"\det\begin{pmatrix} u & k \\ 0 & f \end{pmatrix} = 0"),
        ("inv(((u, k), (0, f)))[1, 2] = 0",
         r"\left(\begin{pmatrix} u & k \\ 0 & f \end{pmatrix}^{-1}\right)_{1 2} = 0"),
    ],
)  # fmt: skip
def test_what_is_written(statement: str, latex: str) -> None:
    assert row(statement) == latex


def test_a_sum_over_many_coordinates() -> None:
    text = "coordinates x in R^d; field u; parameter d; sum(i=1..d, d(u, x[i], 2)) = 0"
    latex = r"\sum_{i=1}^{d} \frac{\partial^{2} u}{\partial x_{i}^{2}} = 0"
    assert row(text, "") == latex


def test_declarations_are_written() -> None:
    latex = oc.to_latex(oc.parse(CONTEXT + "heat_1: u_t = 0; initial: u = 0 at t = 0"))
    first, *lines, last = latex.splitlines()
    assert (first, last) == (r"\begin{aligned}", r"\end{aligned}")
    assert lines[0] == r"& \text{parameter } \nu = \frac{1}{100} \\"
    assert r"& \text{coordinates } x \in \left[-1, \infty\right] \\" in lines
    assert r"& \text{field } v\left(t, x\right) \in \mathbb{R}^{1} \\" in lines
    assert lines[-1] == r"& \text{initial initial: } u\left(0, x\right) = 0"


@pytest.mark.parametrize("name", one_in(3, [path.stem for path in EXAMPLES]))
def test_the_corpus_is_mathematics(name: str) -> None:
    problem = oc.load(FOLDER / f"{name}.pde")
    text = oc.to_latex(problem)
    assert text.count("{") == text.count("}")
    assert text.count("\\left") == text.count("\\right")
    words = re.findall(r"\\text\{(?:equation|\w+) (\w[\w\\]*): \}", text)
    labels = [*problem.equations, *problem.conditions]
    assert [word.replace("\\", "") for word in words] == labels


def test_other_things_are_refused() -> None:
    with pytest.raises(oc.OperatorError, match=r"problem of oc\.to_latex is a str"):
        oc.to_latex("u = 0")


def test_latex_is_not_read() -> None:
    with pytest.raises(AttributeError, match="parse_latex"):
        _ = oc.parse_latex
    with pytest.raises(oc.OperatorError, match="LaTeX is not read"):
        oc.parse(r"coordinates t; field y; \frac{dy}{dt} = y")
