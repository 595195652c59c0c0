"""The channel counts of docs/theory.md, section 3, row by row, and their proofs."""

import itertools

import pytest
import sympy as sp

from opcompiler.frontend import normalize
from opcompiler.planning import make_plan, STRATEGIES
from tests.shares import one_in

t, x, y, z = sp.symbols("t x y z")
X = sp.symbols("x1:11")
U1 = sp.Function("u")(x)
U2 = sp.Function("u")(x, y)
U3 = sp.Function("u")(x, y, z)
T1 = sp.Function("u")(t, x)
T2 = sp.Function("u")(t, x, y)
T3 = sp.Function("u")(t, x, y, z)


def d(u, *orders):
    return sp.Derivative(u, *orders)


def laplacian(u, over, power=1):
    for _ in range(power):
        u = sum(sp.Derivative(u, (c, 2)) for c in over)
    return u


def field(dim):
    return sp.Function("u")(*X[:dim])


ROWS = {
    "u_xy": ([d(U2, x, y)], (1, 2, 1)),
    "Hessian 2D": ([d(U2, x, x), d(U2, x, y), d(U2, y, y)], (1, 2, 3)),
    "Laplacian 1D": ([laplacian(U1, (x,))], (1, 1, 1)),
    "Laplacian 5D": ([laplacian(field(5), X[:5])], (1, 5, 1)),
    "Laplacian 10D": ([laplacian(field(10), X)], (1, 10, 1)),
    "Burgers": ([d(T1, t), d(T1, x), d(T1, x, x)], (1, 2, 1)),
    "Navier-Stokes 2D": (
        [d(T2, t), d(T2, x), d(T2, y), laplacian(T2, (x, y))], (1, 3, 1),
    ),
    "Navier-Stokes 3D": (
        [d(T3, t), d(T3, x), d(T3, y), d(T3, z), laplacian(T3, (x, y, z))], (1, 4, 1),
    ),
    "u_xxy": ([d(U2, x, x, y)], (1, 2, 2, 1)),
    "u_xyz": ([d(U3, x, y, z)], (1, 3, 3, 1)),
    "u_xxxy": ([d(U2, (x, 3), y)], (1, 2, 2, 2, 1)),
    "u_xxyy": ([d(U2, (x, 2), (y, 2))], (1, 2, 3, 2, 1)),
    "biharmonic 2D": ([laplacian(U2, (x, y), 2)], (1, 2, 3, 2, 1)),
    "biharmonic 3D": ([laplacian(U3, (x, y, z), 2)], (1, 3, 6, 3, 1)),
    "biharmonic 5D": ([laplacian(field(5), X[:5], 2)], (1, 5, 15, 5, 1)),
    "triharmonic 2D": ([laplacian(U2, (x, y), 3)], (1, 2, 3, 4, 3, 2, 1)),
    "KdV": ([d(T1, t), d(T1, x), d(T1, (x, 3))], (1, 2, 1, 1)),
    "Kuramoto-Sivashinsky 1D": (
        [d(T1, t), d(T1, x), d(T1, (x, 2)), d(T1, (x, 4))], (1, 2, 1, 1, 1),
    ),
    "Kuramoto-Sivashinsky 2D": (
        [d(T2, t), d(T2, x), d(T2, y), laplacian(T2, (x, y)),
         laplacian(T2, (x, y), 2)], (1, 3, 3, 2, 1),
    ),
    "Kadomtsev-Petviashvili": (
        [d(T2, t, x), d(T2, x), d(T2, (x, 2)), d(T2, (x, 4)), d(T2, (y, 2))],
        (1, 3, 3, 1, 1),
    ),
    "2D KdV": (
        [d(T2, t, y), d(T2, (x, 3), y), d(T2, x, y), d(T2, x), d(T2, y), d(T2, (x, 2))],
        (1, 3, 3, 2, 1),
    ),
    "gradient-enhanced KdV": (
        [d(T1, t), d(T1, x), d(T1, (x, 3)), d(T1, t, t), d(T1, t, x), d(T1, x, x),
         d(T1, t, (x, 3)), d(T1, (x, 4))], (1, 2, 3, 2, 2),
    ),
    "Camassa-Holm": (
        [d(T1, t), d(T1, x), d(T1, (x, 2)), d(T1, (x, 3)), d(T1, t, (x, 2))],
        (1, 2, 2, 2),
    ),
    "all derivatives to 9": ([U1] + [d(U1, (x, n)) for n in range(1, 10)], (1,) * 10),
}  # fmt: skip


def plan_of(equations, strategy="auto"):
    operator = normalize(equations)
    sites = tuple(site.labels for site in operator.sites)
    return make_plan(operator.functionals, sites, strategy)


@pytest.mark.parametrize("name", ROWS)
def test_channels_by_degree(name: str) -> None:
    equations, degrees = ROWS[name]
    plan = plan_of(equations)
    assert plan.pushes[0].algebra.degrees == degrees
    assert plan.channels == sum(degrees)


@pytest.mark.parametrize(
    ("name", "strategy"), one_in(2, itertools.product(ROWS, STRATEGIES))
)
def test_every_strategy_is_proved(name: str, strategy: str) -> None:
    if (name, strategy) != ("all derivatives to 9", "nested"):
        assert plan_of(ROWS[name][0], strategy).verify()


def test_nested_forward_mode_has_two_to_the_order() -> None:
    assert plan_of([d(U2, (x, 3), y)], "nested").channels == 16


def test_a_hundred_dimensions() -> None:
    xs = sp.symbols("x1:101")
    plan = plan_of([laplacian(sp.Function("u")(*xs), xs)])
    assert plan.channels == 102
    assert plan.verify()
