"""Derivatives of residuals: held, merged, one push for all of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.planning import make_plan
from tests.draws import normal
from tests.hang import finishes
from tests.shares import only

t, x, nu, lam = sp.symbols("t x nu lam")
u = sp.Function("u")(t, x)
BURGERS = u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2)

y1, y2 = sp.symbols("y1 y2")
U1, U2, OMEGA, PHI, PSI = FIELDS = [
    sp.Function(name)(y1, y2) for name in ("U1", "U2", "Omega", "Phi", "Psi")
]


def carried(field):
    """((1 + lam) y + U) . grad"""
    return ((1 + lam) * y1 + U1) * field.diff(y1) + ((1 + lam) * y2 + U2) * field.diff(
        y2
    )


BOUSSINESQ = [
    OMEGA + carried(OMEGA) - PHI,
    (2 + U1.diff(y1)) * PHI + carried(PHI) + U2.diff(y1) * PSI,
    (2 + U2.diff(y2)) * PSI + carried(PSI) + U1.diff(y2) * PHI,
    U1.diff(y1) + U2.diff(y2),
    OMEGA - (U2.diff(y1) - U1.diff(y2)),
    PSI.diff(y1) - PHI.diff(y2),
]
"""The self-similar Boussinesq system of n-TangentProp's talk, all six residuals."""

A = normal(0, (2, 6)) / 2
B = normal(1, (6, 5)) / 2


def net(z):
    return jnp.tanh(z @ A + 0.2) @ B


def along(fun, *places):
    for place in places:
        unit = jnp.zeros(2).at[place].set(1)
        fun = lambda z, fun=fun, unit=unit: jax.jvp(fun, (z,), (unit,))[1]
    return fun


@pytest.mark.parametrize("top", [3, pytest.param(5, marks=pytest.mark.slow)])
def test_burgers_to_high_order(top: int) -> None:
    family = oc.compile(oc.sobolev(BURGERS, top, x))
    assert len(family.plan.pushes) == 1
    single = oc.compile(BURGERS)
    points = normal(2, (4, 2)) / 2
    field = lambda z: net(z)[0]
    at = lambda z: single(field, z[None], nu=0.3)[0]

    @jax.jit
    def both(points):
        orders = range(top + 1)
        want = [jax.vmap(along(at, *[1] * order))(points) for order in orders]
        return family(field, points, nu=0.3), want

    for values, want in zip(*both(points), strict=True):
        np.testing.assert_allclose(values, want, rtol=1e-9, atol=1e-11)


def test_boussinesq_to_order_two() -> None:
    equations = [e for r in BOUSSINESQ for e in oc.sobolev(r, 2, [y1, y2])]
    family = oc.compile(equations, fields=["U1", "U2", "Omega", "Phi", "Psi"])
    assert len(family.plan.pushes) == 1
    assert family.plan.channels == 10  # all partial derivatives to order 3 in the plane
    single = oc.compile(BOUSSINESQ, fields=family.fields)
    points = normal(3, (3, 2)) / 2
    at = lambda z: jnp.stack(single(net, z[None], lam=1.9))[:, 0]

    @jax.jit
    def both(points):
        want = [
            jax.vmap(along(at, *places))(points)
            for places in [(), (0,), (1,), (0, 0), (0, 1), (1, 1)]
        ]
        return family(net, points, lam=1.9), want

    got, want = both(points)
    got = np.stack(got).reshape(6, 6, 3)
    np.testing.assert_allclose(got, np.stack(want).transpose(2, 0, 1), rtol=1e-9)


def test_families_are_planned() -> None:
    """In 0.02 s and 0.2 s here."""
    X = sp.Symbol("X")
    U = sp.Function("U")(X)
    burgers = -lam * U + ((1 + lam) * X + U) * U.diff(X)
    make_plan.cache_clear()
    with finishes():
        ninth = oc.compile(oc.sobolev(burgers, 9, X)[-1])
        second = oc.compile([e for r in BOUSSINESQ for e in oc.sobolev(r, 2, [y1, y2])])
    assert ninth.plan.channels == 11
    assert second.plan.channels == 10


def test_the_gradient_by_an_unknown_parameter() -> None:
    equations = [e for r in BOUSSINESQ for e in oc.sobolev(r, 1, [y1, y2])]
    family = oc.compile(equations, fields=["U1", "U2", "Omega", "Phi", "Psi"])
    points = normal(3, (3, 2)) / 2

    def loss(lam):
        return sum(jnp.sum(r**2) for r in family(net, points, lam=lam))

    step = 1e-5
    value_and_slope = jax.jit(jax.value_and_grad(loss))
    above, below = (value_and_slope(1.9 + way)[0] for way in (step, -step))
    want = (above - below) / (2 * step)
    np.testing.assert_allclose(value_and_slope(1.9)[1], want, rtol=1e-7)


@pytest.mark.parametrize("order", only([3, 9], [3, 5, 7, 9]))
def test_no_swell(order: int) -> None:
    """The self-similar Burgers residual's derivatives are two binomial sums."""
    X = sp.Symbol("X")
    U = sp.Function("U")(X)
    residual = -lam * U + ((1 + lam) * X + U) * U.diff(X)
    u = [U.diff(X, k) if k else U for k in range(order + 2)]
    formula = (
        ((1 + lam) * order - lam + (order + 1) * u[1]) * u[order]
        + ((1 + lam) * X + U) * u[order + 1]
        + sum(sp.binomial(order, j) * u[j] * u[order - j + 1] for j in range(2, order))
    )
    held = oc.compile(oc.sobolev(residual, order, X)[-1])
    assert held.plan.channels == order + 2
    assert len(held.operator.program.steps) < 10 * order
    same = oc.compile(held.operator.equations.residuals[0] - formula)
    net = lambda z: jnp.tanh(2 * z[0])
    both = jax.jit(lambda p: [run(net, p, lam=0.4) for run in (same, held)])
    values, whole = both(np.linspace(-1, 1, 5)[:, None])
    scale = np.max(np.abs(whole))
    np.testing.assert_allclose(values, np.zeros(5), atol=1e-12 * float(scale))


def test_equations_and_order_zero() -> None:
    assert oc.sobolev(sp.Eq(u.diff(t), u), 0, x) == (u.diff(t) - u,)


@pytest.mark.parametrize("wrong", [(-1, x), (2, []), (2, [x, x])])
def test_bad_families(wrong) -> None:
    with pytest.raises(oc.OperatorError, match="Sobolev"):
        oc.sobolev(BURGERS, *wrong)
