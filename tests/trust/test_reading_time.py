"""Reading takes time in proportion to the text, however many names it declares.

Work is counted in calls of Python functions, which no busy machine changes.
"""

import pytest
import sympy as sp

import opcompiler as oc
from tests.work import calls

COORDINATES = [f"x{n}" for n in range(800)]
SPACE = f"coordinates {', '.join(COORDINATES)}\nfield u\n"
MANY = {
    "a vector operator": SPACE + "Δu = 0",
    "subscripts": SPACE + " + ".join(f"u_{x}{x}" for x in COORDINATES) + " = 0",
    "quotients": SPACE + " + ".join(f"∂²u/∂{x}²" for x in COORDINATES[:400]) + " = 0",
    "a line for each": "\n".join(f"coordinates {x}" for x in COORDINATES)
    + "\nfield u\nu_x0 = u_x799",
    "fields": "coordinates t, x; field "
    + ", ".join(f"f{n}" for n in range(400))
    + "\n"
    + "\n".join(f"f{n}_t = f{n + 1}_x" for n in range(200)),
    "parameters": "coordinates x; field u; parameter "
    + ", ".join(f"k{n}" for n in range(800))
    + "\n"
    + " + ".join(f"k{n}*u^2" for n in range(0, 800, 4))
    + " = 0",
    "conditions": "coordinates t, x; field u\n"
    + "\n".join(f"u = {n} at x = 0" for n in range(200)),
}
LONG = {
    "products": " + ".join(f"u^{n % 7}*u_x" for n in range(500)),
    "sines": " + ".join(f"sin({n + 1}*u)" for n in range(500)),
    "derivatives": " + ".join("d(k*u, x)" for _ in range(500)),
}


def work(text: str) -> int:
    oc.parse("coordinates x; field u; u = 0")  # builds the parser
    return calls(lambda: oc.parse(text))


@pytest.mark.parametrize("name", MANY)
def test_many_names(name: str) -> None:
    assert work(MANY[name]) < 500_000  # 320 000 at most here


@pytest.mark.parametrize("name", LONG)
def test_many_terms(name: str) -> None:
    problem = f"coordinates x; field u; parameter k; {LONG[name]} = 0"
    assert work(problem) < 600_000  # 390 000 at most here


def test_work_grows_with_the_length_not_its_square() -> None:
    def lap(count: int) -> str:
        names = ", ".join(f"x{n}" for n in range(count))
        return f"coordinates {names}\nfield u\nΔu = u"

    assert work(lap(800)) < 5 * work(lap(200))


def test_what_was_read_fast_is_what_it_was() -> None:
    problem = oc.parse(SPACE + "e: Δu = 0; f: d(u, x7, 2, x3) = 0")
    x = problem.symbols
    field = sp.Function("u")(*x)
    laplacian = problem.equations["e"].lhs
    assert len(laplacian.args) == len(x)
    assert sp.Derivative(field, (x[5], 2), evaluate=False) in laplacian.args
    mixed = problem.equations["f"].lhs
    assert mixed == sp.Derivative(field, x[3], (x[7], 2), evaluate=False)
