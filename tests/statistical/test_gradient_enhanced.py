"""Gradient enhancement: rows of the gradient of a residual, exact and sampled."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.frontend import write_out
from tests.draws import normal

DIM = 5
x = oc.vector("x", DIM)
i = oc.index("i", x)
u = sp.Function("u")(x)
EQUATION = oc.laplacian(u, x) + sp.sin(u) - oc.Sum(sp.cos(x[i]) * u**2, i)
ROWS = [oc.D(EQUATION, x[j]) for j in range(DIM)]
POINTS = normal(5, (3, DIM)) / 2
KEY = jax.random.key(6)


INNER = normal(3, (DIM, 6)) / 2


def network(z):
    return jnp.sum(jnp.sin(z @ INNER) * jnp.arange(1, 7)) / 4


@functools.cache
def by_grad():
    equation = oc.compile(EQUATION)
    at = jax.jacrev(lambda z: equation(network, z[None])[0])
    return np.asarray(jax.jit(jax.vmap(at))(POINTS)).T


@pytest.mark.parametrize("most", [0, 10], ids=["held", "written out"])
def test_rows_are_the_gradient(most, monkeypatch) -> None:
    wanted = by_grad()
    monkeypatch.setattr(write_out, "WRITTEN_OUT", most)
    residual = oc.compile([EQUATION, *ROWS])
    found = jax.jit(lambda points: residual(network, points))(POINTS)
    np.testing.assert_allclose(np.stack(found[1:]), wanted, rtol=1e-9, atol=1e-10)


def test_sampled_rows_multiply_to_the_square() -> None:
    """(d/|J|) sum over J of r_j(I) r_j(I'), over all I and I' of two terms and all J."""
    residual = oc.compile(ROWS, estimator=oc.Sparse(2))
    keys = jax.random.split(KEY, 400)
    draw = jax.jit(jax.vmap(lambda key: jnp.stack(residual(network, POINTS, key=key))))
    values = np.asarray(draw(keys))
    _, first = np.unique(values[:, 0].round(9), axis=0, return_index=True)
    subsets = values[first]
    assert len(subsets) == len(list(itertools.combinations(range(DIM), 2)))
    mean = np.einsum("ajn,bjn->jn", subsets, subsets) / len(subsets) ** 2
    chosen = list(itertools.combinations(range(DIM), 2))
    total = sum(DIM / 2 * mean[list(j)].sum(axis=0) for j in chosen) / len(chosen)
    np.testing.assert_allclose(total, np.sum(by_grad() ** 2, 0), rtol=1e-9)


def test_one_random_direction_estimates_the_squared_gradient() -> None:
    """E (v . grad r)^2 = |grad r|^2 over all sign vectors: one tangent, one push."""
    v = sp.IndexedBase("v", shape=(DIM,))
    slope = oc.dot(oc.grad(EQUATION, x), v)
    residual = oc.compile([EQUATION, slope])
    assert len(residual.plan.pushes) == 1
    signs = np.array(list(itertools.product((-1.0, 1.0), repeat=DIM)))
    run = jax.jit(jax.vmap(lambda v: residual(network, POINTS, v=v)[1] ** 2))
    squares = run(signs)
    wanted = np.sum(by_grad() ** 2, axis=0)
    np.testing.assert_allclose(np.mean(squares, axis=0), wanted, rtol=1e-10)


def test_the_papers_seven_jet() -> None:
    """u_iij from one 7-jet with slots 2 and 3 (appendix I.4.2), 105 times."""
    residual = oc.compile(oc.D(u, x[0], 2, x[1]))
    e_i, e_j, zero = np.eye(DIM)[0], np.eye(DIM)[1], np.zeros(DIM)

    @jax.jit
    def both(point):
        slots = [[zero, e_i, e_j, zero, zero, zero, zero]]
        _, series = oc.jet(network, (point,), slots)
        return series[6] / 105, residual(network, point[None])[0]

    np.testing.assert_allclose(*both(POINTS[0]), rtol=1e-9)
