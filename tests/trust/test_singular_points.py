"""First derivatives at singular points are JAX's own, whichever way they are taken."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests.shares import one_in
from tests.taylor.singular import CASES

BETTER = {
    "x**0.0",  # nan in JAX, where the power is constant
    "hypot of large",  # JAX squares 1e200
    "i0",  # JAX has a slope of 1 at its minimum
    "i0e",  # from the right, so that i0 is flat there
}
"""Where JAX's own first derivative is wrong; `test_singular.py` has what is true."""

x, y, z = sp.symbols("x y z")
u = sp.Function("u")(x, y, z)
GRADIENT = [u.diff(x), u.diff(y), u.diff(z)]
LAPLACIAN = sum(u.diff(s, 2) for s in (x, y, z))


@functools.cache
def residuals() -> dict[tuple[str, str], oc.Residual]:
    return {
        (strategy, str(more)): oc.compile([*GRADIENT, more], strategy=strategy)
        for strategy, more in (
            ("auto", sp.S.Zero),
            ("algebra", sp.S.Zero),
            ("reverse", sp.S.Zero),
            ("nested", sp.S.Zero),
            ("algebra", LAPLACIAN),
            ("algebra", u.diff(x, y, y)),
            ("partition", u.diff(x, y, y)),
            ("polarization", u.diff(x, y, y)),
        )
    }


NETWORKS = {
    "sqrt": (lambda p: jnp.sqrt(p[0]) + p[1] * p[2], (0.0, 0.3, 0.2)),
    "sqrt of a vector": (lambda p: jnp.sum(jnp.sqrt(p)), (0.0, 0.0, 0.2)),
    "cbrt": (lambda p: jnp.cbrt(p[0]) * p[1] + p[2], (0.0, 0.3, 0.2)),
    "x**0.3": (lambda p: p[0] ** 0.3 * p[1] + p[2], (0.0, 0.3, 0.2)),
    "norm": (jnp.linalg.norm, (0.0, 0.0, 0.0)),
    "sqrt of a sum of squares": (
        lambda p: jnp.sqrt(p[0] ** 2 + p[1] ** 2) + p[2], (0.0, 0.0, 0.5),
    ),
    "log": (lambda p: jnp.log(p[0]) + p[1] * p[2], (0.0, 0.5, 0.5)),
    "asin": (lambda p: jnp.arcsin(p[0]) * p[1] + p[2] ** 2, (1.0, 0.5, 0.5)),
    "acosh": (lambda p: jnp.arccosh(p[0]) * p[1] + p[2] ** 2, (1.0, 0.5, 0.5)),
    "abs": (lambda p: jnp.abs(p[0]) * p[1] + p[2] ** 2, (0.0, 0.5, 0.5)),
    "relu": (lambda p: jax.nn.relu(p[0]) * p[1] + p[2] ** 2, (0.0, 0.5, 0.5)),
    "max at a tie": (lambda p: jnp.maximum(p[0], p[1]) * p[2], (0.5, 0.5, 0.5)),
    "logsumexp": (
        lambda p: jax.nn.logsumexp(jnp.stack([-jnp.inf * p[0], p[1], p[2]])),
        (0.5, 0.5, 0.5),
    ),
}  # fmt: skip


def alike(got: float, wanted: list[float]) -> bool:
    """Whether a number is one of those given; infinities by sign, and NaN for NaN."""
    return any(
        np.isclose(got, w, rtol=1e-9, atol=1e-14, equal_nan=True) for w in wanted
    )


# `tests/taylor/test_singular.py` has the true values of every coefficient.
@pytest.mark.parametrize("start", one_in(8, range(8)))
def test_the_first_of_two_coefficients(start: int) -> None:
    names = sorted(CASES.keys() - BETTER)[start::8]
    slope, zero = jnp.float64(-1.3), jnp.float64(0)

    def both(name, point):
        fun, *_ = CASES[name]
        _, series = oc.jet(fun, (point,), ([slope, zero],))
        return series[0], jax.jvp(fun, (point,), (slope,))[1]

    @jax.jit
    def everything(points):
        return {name: both(name, points[name]) for name in names}

    points = {name: np.float64(CASES[name][1]) for name in names}
    for name, (got, wanted) in everything(points).items():
        assert alike(float(got), [float(wanted)]), name


@pytest.mark.filterwarnings("ignore:derivatives of order 2")
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_by_every_strategy(name: str) -> None:
    net, point = NETWORKS[name]

    @jax.jit
    def everything(at):
        # Forward and reverse mode of JAX differ where zero meets infinity.
        slopes = [jax.jvp(net, (at,), (e,))[1] for e in jnp.eye(3)]
        wanted = jnp.stack([jax.grad(net)(at), jnp.stack(slopes)], axis=1)
        return [r(net, at[None])[:3] for r in residuals().values()], wanted

    values, wanted = jax.tree.map(np.asarray, everything(np.array(point)))
    for (strategy, what), found in zip(residuals(), values, strict=True):
        for value, ways in zip(found, wanted, strict=True):
            assert alike(float(value[0]), ways), (strategy, what, found, wanted)


@pytest.mark.parametrize("fun", [jnp.sqrt, jnp.cbrt, lambda p: p**0.25])
def test_an_infinite_slope_of_one_coordinate(fun) -> None:
    points = np.array([[0.0], [4.0]])
    residual = oc.compile(sp.Function("u")(x).diff(x))
    slopes = jax.vmap(jax.grad(fun))
    both = jax.jit(lambda p: (residual(lambda q: fun(q[0]), p), slopes(p[:, 0])))
    found, want = both(points)
    np.testing.assert_allclose(found, want, rtol=1e-12)
    assert np.isposinf(found[0])
