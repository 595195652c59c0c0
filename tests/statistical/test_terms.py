"""Fixed operators, their terms sampled by the size of their coefficients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests.draws import normal

x, y, z, t = sp.symbols("x y z t")
u = sp.Function("u")(x, y, z, t)
d = sp.Derivative
SIGNED = 2 * d(u, x, 2) - 3 * d(u, y, 2) + sp.Float("0.1") * d(u, z, 2)
MIXED = (
    2 * d(u, x, 2, y) - 3 * d(u, y, 2, z) + 4 * d(u, z, 2, y) + d(u, x, 4)
    + d(u, t) - d(u, x) + u**2
)  # fmt: skip
POINTS = normal(0, (3, 4)) / 2


def network(point):
    inner = jnp.arange(1.0, 13).reshape(4, 3) / 5
    return jnp.sum(jnp.sin(point @ inner) * jnp.array([1.0, -0.5, 2.0]))


@pytest.mark.parametrize("importance", ["coefficients", None])
@pytest.mark.parametrize(("equation", "count"), [(SIGNED, 100_000), (MIXED, 10_000)])
def test_the_mean_is_exact(equation, count, importance) -> None:
    estimator = oc.Sparse(1, replace=True, importance=importance)
    residual = oc.compile(equation, estimator=estimator)
    assert residual.plan.verify()
    whole = oc.compile(equation)

    @jax.jit
    def both(points):
        draw = jax.vmap(lambda key: residual(network, points, key=key))
        keys = jax.random.split(jax.random.key(1), count)
        return draw(keys), whole(network, points)

    values, exact = map(np.asarray, both(POINTS))
    error = values.std(axis=0, ddof=1) / count**0.5
    assert (abs(values.mean(axis=0) - exact) < 4 * error).all()


def test_the_variance_is_that_of_signed_importance() -> None:
    net = lambda q: q @ np.diag([1.0, 2.0, -3.0, 0.0]) @ q / 2
    estimator = oc.Sparse(1, replace=True, importance="coefficients")
    residual = oc.compile(SIGNED, estimator=estimator)
    run = lambda p: residual.variance(net, p, jax.random.key(2), draws=20_000)
    found = jax.jit(run)(POINTS)
    terms = np.array([2.0, -6.0, -0.3])
    chances = np.array([2.0, 3.0, 0.1]) / 5.1
    wanted = np.sum(terms**2 / chances) - terms.sum() ** 2
    np.testing.assert_allclose(found, wanted, rtol=0.03)


def test_all_terms_are_exact_and_first_derivatives_are_not_sampled() -> None:
    residual = oc.compile(MIXED, estimator=oc.Sparse(3))
    (sampled,) = (s for s in residual.operator.sites if not s.plain)
    assert sampled.extents == ((0, 2),)
    whole, key = oc.compile(MIXED), jax.random.key(3)
    both = jax.jit(lambda p: (residual(network, p, key=key), whole(network, p)))
    np.testing.assert_allclose(*both(POINTS), rtol=1e-12)


def test_messages() -> None:
    with pytest.raises(oc.OperatorError, match="over the components of a vector"):
        oc.compile(SIGNED, estimator=oc.Dense(2))
    for importance in ("coefficients", (1.0, 2.0)):
        with pytest.raises(oc.OperatorError, match="replace=True"):
            oc.Sparse(2, importance=importance)
    q = oc.vector("q", 3)
    i = oc.index("i", q)
    weighted = oc.Sum(sp.sin(q[i]) * oc.D(sp.Function("v")(q), q[i], 2), i)
    with pytest.raises(oc.OperatorError, match="depend on the point"):
        oc.compile(
            weighted, estimator=oc.Sparse(2, replace=True, importance="coefficients")
        )
