"""Estimators at the sizes of the acceptance table (seeds.md T8, T11, T12, T13)."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests.draws import normal

KEY = jax.random.key(21)


def setting(dim, points=2):
    x = oc.vector("x", dim)
    u = sp.Function("u")(x)
    inner = normal((dim, 0), (dim, 8)) / dim**0.5
    outer = normal((dim, 1), (8,))
    net = lambda z: jnp.sin(z @ inner) @ outer
    return x, u, net, normal((dim, 2), (points, dim)) / 2


def assert_mean(residual, exact, net, at, count, **given) -> None:
    """Within four standard errors, in batches that fit into memory.

    `exact` is a function of the points, in the same program.
    """

    @jax.jit
    def both(at):
        draw = lambda key: residual(net, at, key=key, **given)
        keys = jax.random.split(KEY, (10, count // 10))
        return jax.lax.map(jax.vmap(draw), keys), exact(at)

    drawn, wanted = map(np.asarray, both(at))
    values = drawn.reshape(count, -1)
    error = values.std(axis=0, ddof=1) / count**0.5
    assert (abs(values.mean(axis=0) - wanted) < 4 * error).all()


def test_all_fifty_terms_are_exact() -> None:
    x, u, net, at = setting(50)
    equation = oc.laplacian(u, x)
    residual = oc.compile(equation, estimator=oc.Sparse(50))

    @jax.jit
    def both(at):
        wanted = jax.vmap(lambda z: jnp.trace(jax.hessian(net)(z)))(at)
        return residual(net, at, key=KEY), wanted

    np.testing.assert_allclose(*both(at), rtol=1e-12)


def test_the_mean_over_all_pairs_of_eight_is_exact() -> None:
    x, u, net, at = setting(8)
    sampled = oc.compile(oc.laplacian(u, x), estimator=oc.Sparse(2))
    exact = oc.compile(oc.laplacian(u, x))

    @jax.jit
    def both(at):
        draw = jax.vmap(lambda key: sampled(net, at, key=key))
        return draw(jax.random.split(KEY, 2_000)), exact(net, at)

    rows, wanted = map(np.asarray, both(at))
    _, first = np.unique(rows[:, 0].round(10), return_index=True)
    assert len(first) == len(list(itertools.combinations(range(8), 2)))
    np.testing.assert_allclose(rows[first].mean(axis=0), wanted, rtol=1e-12)


@pytest.mark.parametrize("estimator", [None, oc.Sparse(2), oc.Dense(2, "gaussian")])
def test_a_matrix_that_depends_on_the_point(estimator) -> None:
    x, u, net, at = setting(5)
    sigma = sp.IndexedBase("sigma", shape=(5, 5))
    equation = oc.trace_hessian(u, x, sigma) / 2
    base = normal(1, (5, 5))
    matrix = lambda z: base + jnp.outer(jnp.sin(z), z)
    residual = oc.compile(equation, estimator=estimator)
    trace = lambda z: jnp.trace(matrix(z) @ matrix(z).T @ jax.hessian(net)(z)) / 2
    wanted = jax.vmap(trace)
    if estimator is None:
        both = jax.jit(lambda at: (residual(net, at, sigma=matrix), wanted(at)))
        np.testing.assert_allclose(*both(at), rtol=1e-12)
    else:
        assert_mean(residual, wanted, net, at, 10_000, sigma=matrix)


@pytest.mark.parametrize("estimator", [None, oc.Sparse(2)])
def test_a_matrix_with_eigenvalues_of_both_signs(estimator) -> None:
    x, u, net, at = setting(5)
    i, j = oc.index("i", x), oc.index("j", x)
    c = sp.IndexedBase("c", shape=(5, 5))
    equation = oc.Sum(c[i, j] * oc.D(u, x[i], x[j]), i, j)
    half = normal(2, (5, 5))
    matrix = half + half.T
    assert np.linalg.eigvalsh(matrix)[0] < 0
    wanted = jax.vmap(lambda z: jnp.sum(matrix * jax.hessian(net)(z)))
    residual = oc.compile(equation, estimator=estimator)
    if estimator is None:
        both = jax.jit(lambda at: (residual(net, at, c=matrix), wanted(at)))
        np.testing.assert_allclose(*both(at), rtol=1e-11)
    else:
        assert_mean(residual, wanted, net, at, 10_000, c=matrix)


@pytest.mark.slow
@pytest.mark.parametrize("distribution", ["gaussian", "rademacher", "sphere"])
def test_the_bilaplacian_in_ten_dimensions(distribution) -> None:
    x, u, net, at = setting(10)
    equation = oc.biharmonic(u, x)
    wanted = jax.vmap(oc.taylor.biharmonic(net))
    residual = oc.compile(equation, estimator=oc.Dense(1, distribution))
    assert_mean(residual, wanted, net, at, 100_000)


@pytest.mark.parametrize(("order", "law"), [(3, "skewed"), (4, "roots_of_unity")])
def test_diagonal_operators_in_six_dimensions(order, law) -> None:
    x, u, net, at = setting(6)
    i = oc.index("i", x)
    equation = oc.Sum(oc.D(u, x[i], order), i)
    residual = oc.compile(equation, estimator=oc.Dense(2, law))
    whole = oc.compile(equation)
    assert_mean(residual, lambda at: whole(net, at), net, at, 20_000)


def test_pairs_of_a_million_are_drawn() -> None:
    x = oc.vector("x", 1_000_000)
    i, j = oc.index("i", x), oc.index("j", x)
    u = sp.Function("u")(x)
    equation = oc.Sum(oc.D(u, x[i], 2, x[j], 2), i, j)
    residual = oc.compile(equation, estimator=oc.Sparse(4, per_point=True))
    # u = (|x|^2)^2 / 8: of i != j the term is 1, of i = j it is 3.
    net = lambda z: jnp.sum(z**2) ** 2 / 8
    at = np.ones((2, 1_000_000)) / 1e3
    found = jax.jit(lambda at: residual(net, at, key=KEY))(at)
    np.testing.assert_allclose(found, 1e12, rtol=1e-9)
