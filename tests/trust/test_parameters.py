"""`Residual.parameters` lists everything that must be given, and nothing else."""

import jax
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc

x, k = sp.symbols("x k")
u = sp.Function("u")(x)
C, M = sp.IndexedBase("c"), sp.IndexedBase("M", shape=(2, 2))
POINTS = np.asarray([[0.5], [2.0]])
NET = lambda z: z[0] ** 2
PROBLEM = oc.parse(
    """coordinates x
    field u
    parameter nu = 2
    parameter lam
    coefficient c[2]
    coefficient A[2, 2]
    one: nu*u_xx + c[1]*u = A[1, 2]
    two: lam*u_x = c[2]
    at zero: u = A[2, 2] at x = 0
    """.replace("at zero:", "zero:")
)
a = POINTS[:, 0]
CASES = {
    "a table of SymPy": (
        oc.compile(C[1] * u + k * u.diff(x)),
        {"c": np.asarray([1.0, 3.0]), "k": 2.0},
        3 * a**2 + 4 * a,
    ),
    "a matrix": (
        oc.compile(M[0, 1] * u + M[1, 1]),
        {"M": np.asarray([[1.0, 2.0], [3.0, 4.0]])},
        2 * a**2 + 4,
    ),
    "a table under a sum": (
        oc.compile(oc.Sum(C[i := oc.index("i", 3)] * x**i, i) * u),
        {"c": np.asarray([1.0, 2.0, 3.0])},
        (1 + 2 * a + 3 * a**2) * a**2,
    ),
    "a part of a problem": (
        oc.compile(PROBLEM.equation("one")),
        {"c": np.asarray([1.0, 3.0]), "A": np.asarray([[1.0, 2.0], [3.0, 4.0]])},
        4 + a**2 - 2,
    ),
    "another": (
        oc.compile(PROBLEM.equation("two")),
        {"c": np.asarray([1.0, 3.0]), "lam": 2.0},
        4 * a - 3,
    ),
    "a condition": (
        oc.compile(PROBLEM.condition("zero")),
        {"A": np.asarray([[1.0, 2.0], [3.0, 4.0]])},
        0 * a - 4,
    ),
}


@pytest.mark.parametrize(("residual", "given", "want"), CASES.values(), ids=CASES)
def test_what_is_listed_is_what_must_be_given(residual, given, want):
    asked = [name for name in residual.parameters if name not in residual.defaults]
    assert asked == sorted(given)
    found = jax.jit(lambda points: residual(NET, points, **given))(POINTS)
    np.testing.assert_allclose(found, want, rtol=1e-12)
    for name in asked:
        fewer = {n: v for n, v in given.items() if n != name}
        with pytest.raises(oc.OperatorError, match=f"{name} has no value"):
            residual(NET, POINTS, **fewer)


def test_a_problem_lists_the_tables_of_all_equations_and_its_defaults():
    whole = oc.compile(PROBLEM)
    assert whole.parameters == ("A", "c", "lam", "nu")
    assert whole.defaults == {"nu": 2.0}
    loss = oc.sobolev_loss(PROBLEM, 1, sp.Symbol("x"))
    assert loss.parameters == ("A", "c", "lam", "nu")
    assert "A, c, lam, nu" in whole.source().splitlines()[0]
