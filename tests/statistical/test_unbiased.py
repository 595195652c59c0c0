"""Estimators: means within four standard errors, variances as the formulas say.

Seeds are fixed. A mean over n draws is compared with the exact value in units of its
standard error; at 5 points and some 20 estimators 4.5 is rarely reached by chance.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests.draws import normal

DIM = 4
x, t = oc.vector("x", DIM), sp.Symbol("t")
i, j, k = (oc.index(n, x) for n in "ijk")
u = sp.Function("u")(x, t)
sigma = sp.IndexedBase("sigma", shape=(DIM, 6))
m = oc.index("m", 6)
KEY = jax.random.key(11)
# frozen.json holds values at these numbers.
MATRIX = jax.random.normal(jax.random.key(12), (DIM, 6))


def laplacian(f):
    return oc.Sum(oc.D(f, x[i], 2), i)


LAPLACIAN = laplacian(u)
BILAPLACIAN = oc.Sum(oc.D(u, x[i], 2, x[j], 2), i, j)
COLUMNS = oc.Sum(sigma[i, m] * sigma[j, m] * oc.D(u, x[i], x[j]), i, j, m)
OPERATORS = {
    "Laplacian, terms": (LAPLACIAN, oc.Sparse(2)),
    "Laplacian, terms with replacement": (LAPLACIAN, oc.Sparse(2, replace=True)),
    "Laplacian, by weights": (
        LAPLACIAN, oc.Sparse(2, replace=True, importance=(1.0, 2.0, 3.0, 0.5)),
    ),
    "Laplacian, signs": (LAPLACIAN, oc.Dense(1)),
    "Laplacian, Gaussian pairs": (LAPLACIAN, oc.Dense(2, "gaussian", antithetic=True)),
    "trace with a matrix, columns": (COLUMNS, oc.Sparse(2)),
    "trace with a matrix, directions": (COLUMNS, oc.Dense(2, "sphere")),
    "bilaplacian, pairs of indices": (BILAPLACIAN, oc.Sparse(3, per_point=True)),
    "bilaplacian, Gaussian": (BILAPLACIAN, oc.Dense(2, "gaussian")),
    "bilaplacian, signs and pure derivatives": (BILAPLACIAN, oc.Dense(2)),
    "third derivatives": (oc.Sum(oc.D(u, x[i], 3), i), oc.Sparse(2)),
    "third derivatives, skewed": (oc.Sum(oc.D(u, x[i], 3), i), oc.Dense(2, "skewed")),
    "fourth derivatives, roots of unity": (
        oc.Sum(oc.D(u, x[i], 4), i), oc.Dense(2, "roots_of_unity"),
    ),
    "in time": (oc.Sum(oc.D(u, t, x[i], 2), i) + oc.D(u, t), oc.Sparse(1)),
    "weights": (oc.Sum(sp.sin(x[i]) * oc.D(u, x[i], 4), i), oc.Sparse(2)),
    "weights in directions": (oc.Sum(x[i] ** 2 * oc.D(u, x[i], 2), i), oc.Dense(2)),
    "KdV-like": (oc.Sum(oc.D(u, t, x[i], 3) + u * oc.D(u, x[i], 2), i), oc.Sparse(2)),
    "term by term": (oc.Sum(sp.cos(oc.D(u, x[i], 2)) * x[i], i), oc.Sparse(2)),
    "two draws": (
        LAPLACIAN * oc.Sum(oc.D(u, x[i], 3), i), oc.Sparse(2, shared=False),
    ),
}  # fmt: skip


INNER = np.asarray(jax.random.normal(jax.random.key(3), (DIM + 1, 6)) / 2)


def network(z):
    return jnp.sum(jnp.sin(z @ INNER) * jnp.arange(1, 7)) / 4


POINTS = jax.random.normal(jax.random.key(5), (5, DIM + 1)) / 2


def given(residual):
    return {"sigma": MATRIX} if residual.operator.arrays else {}


def assert_mean(values, exact) -> None:
    error = values.std(axis=0, ddof=1) / len(values) ** 0.5
    assert (abs(values.mean(axis=0) - exact) <= 4.5 * error + 1e-12).all()


# One of each kind in the default suite; the others are variations.
QUICK = (
    "Laplacian, by weights",
    "trace with a matrix, directions",
    "bilaplacian, pairs of indices",
    "bilaplacian, signs and pure derivatives",
    "fourth derivatives, roots of unity",
    "KdV-like",
)


@pytest.mark.parametrize(
    "name",
    [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in OPERATORS],
)
def test_the_mean_is_exact(name) -> None:
    equation, estimator = OPERATORS[name]
    exact = oc.compile(equation)
    residual = oc.compile(equation, estimator=estimator)
    assert residual.plan.verify()
    more = given(residual)

    @jax.jit
    def both(points):
        draw = lambda key: residual(network, points, key=key, **more)
        draws = jax.vmap(draw)(jax.random.split(KEY, 10_000))
        return draws, exact(network, points, **given(exact))

    assert_mean(*map(np.asarray, both(POINTS)))


SUMMABLE = [
    n if n in QUICK else pytest.param(n, marks=pytest.mark.slow)
    for n, (_, s) in OPERATORS.items()
    if isinstance(s, oc.Sparse)
]


@pytest.mark.parametrize("name", SUMMABLE)
def test_all_terms_are_the_sum(name) -> None:
    equation, estimator = OPERATORS[name]
    exact = oc.compile(equation)
    shared = getattr(estimator, "shared", True)
    full = oc.compile(equation, estimator=oc.Sparse(DIM**2, shared=shared))

    @jax.jit
    def both(points):
        found = full(network, points, key=KEY, **given(full))
        return found, exact(network, points, **given(exact))

    np.testing.assert_allclose(*both(POINTS), rtol=1e-10, atol=1e-12)


def quadratic(dim):
    a = normal((2, dim), (dim, dim))
    hessian = a + a.T
    return hessian, lambda z: z @ hessian @ z / 2


# Of 20 000 draws a variance is known to some 2 %, of 100 000 to 1 %.
def variances(dim, estimator, count=50_000):
    y = oc.vector("y", dim)
    n = oc.index("n", y)
    v = sp.Function("v")(y)
    residual = oc.compile(oc.Sum(oc.D(v, y[n], 2), n), estimator=estimator)
    hessian, net = quadratic(dim)
    at = np.zeros((1, dim))
    draw = jax.vmap(lambda key: residual(net, at, key=key)[0])
    run = jax.jit(lambda: draw(jax.random.split(KEY, count)))
    return hessian, np.asarray(run())


@pytest.mark.parametrize("replace", [False, True])
def test_variance_of_sampled_terms(replace) -> None:
    dim, samples = 6, 3
    hessian, values = variances(dim, oc.Sparse(samples, replace=replace))
    spread = np.var(np.diag(hessian))
    wanted = dim**2 * spread / samples
    wanted *= 1 if replace else (dim - samples) / (dim - 1)
    assert abs(values.var() / wanted - 1) < 0.03


@pytest.mark.parametrize("distribution", ["rademacher", "gaussian"])
def test_variance_of_random_directions(distribution) -> None:
    hessian, values = variances(6, oc.Dense(1, distribution))
    off = hessian - np.diag(np.diag(hessian))
    wanted = 2 * np.sum((off if distribution == "rademacher" else hessian) ** 2)
    assert abs(values.var() / wanted - 1) < 0.03


def test_variance_of_importance() -> None:
    weights = (1.0, 2.0, 3.0, 4.0, 5.0)
    hessian, values = variances(5, oc.Sparse(2, replace=True, importance=weights))
    chances = np.asarray(weights) / 15
    h = np.diag(hessian)
    wanted = (np.sum(h**2 / chances) - h.sum() ** 2) / 2
    assert abs(values.var() / wanted - 1) < 0.03


def test_residuals_report_their_variance() -> None:
    residual = oc.compile(LAPLACIAN, estimator=oc.Sparse(1))

    @jax.jit
    def both(points):
        found = residual.variance(network, points, KEY, draws=2_000)
        return found, jax.vmap(jax.hessian(network))(points)

    found, hessians = both(POINTS)
    h = np.diagonal(hessians, axis1=1, axis2=2)[:, :DIM]
    np.testing.assert_allclose(found, DIM**2 * np.var(h, axis=1), rtol=0.2)


def test_two_draws_square_without_bias() -> None:
    """Over all pairs of draws: E of the product is the square, in the gradient too."""
    base = oc.compile(LAPLACIAN - 1)
    residual = oc.compile(LAPLACIAN - 1, estimator=oc.Sparse(2))

    def net(scale, z):
        return scale * jnp.sum(jnp.sin(z @ INNER * scale))

    f, g = base.bind(net), residual.bind(net)
    exact = lambda s: jnp.sum(f(s, POINTS) ** 2)

    @jax.jit
    def everything(keys):
        draw = lambda key: lambda s: g(s, POINTS, key=key)
        one = lambda key: jax.jvp(draw(key), (1.1,), (1.0,))
        return jax.vmap(one)(keys), jax.value_and_grad(exact)(1.1)

    keys = jax.random.split(KEY, 200)
    (values, slopes), (square, slope) = jax.tree.map(np.asarray, everything(keys))
    # Every subset of two of the four terms, by a key each.
    _, first = np.unique(values.round(9), axis=0, return_index=True)
    assert len(first) == len(list(itertools.combinations(range(DIM), 2)))
    values, slopes = values[first], slopes[first]
    products = np.einsum("an,bn->", values, values) / len(first) ** 2
    np.testing.assert_allclose(products, square, rtol=1e-12)
    biased = np.mean(np.sum(values**2, axis=1))
    excess = np.sum(np.var(values, axis=0))
    np.testing.assert_allclose(biased - square, excess, rtol=1e-9)
    mean = 2 * np.einsum("an,bn->", values, slopes) / len(first) ** 2
    np.testing.assert_allclose(mean, slope, rtol=1e-10)


def test_unbiased_square_takes_two_draws() -> None:
    residual = oc.compile([LAPLACIAN, oc.D(u, t)], estimator=oc.Sparse(1))
    exact = oc.compile([LAPLACIAN, oc.D(u, t)])
    square = lambda key: oc.unbiased_square(residual, network, POINTS, key)

    @jax.jit
    def everything(keys):
        return jax.vmap(square)(keys), exact(network, POINTS)

    keys = jax.random.split(KEY, 10_000)
    found, (laplacian, slope) = jax.tree.map(np.asarray, everything(keys))
    values, others = found
    assert_mean(values, laplacian**2)
    np.testing.assert_allclose(others[0], slope**2, rtol=1e-12)


def test_a_hard_constraint_is_split() -> None:
    """What the product rule gives exactly does not scatter."""
    y = oc.vector("y", 8)
    n = oc.index("n", y)
    v = sp.Function("v")(y)
    inside = 1 - oc.Sum(y[n] ** 2, n)
    at = normal(1, (4, 8)) / 4
    inner = normal(3, (8, 6)) / 2
    net = lambda z: jnp.sum(jnp.sin(z @ inner))
    second = lambda f: oc.Sum(oc.D(f, y[n], 2), n)
    split = oc.compile(second(inside * v), estimator=oc.Sparse(2))
    whole = oc.compile(second(v), estimator=oc.Sparse(2))
    constrained = lambda z: (1 - jnp.sum(z**2)) * net(z)
    exact = oc.compile(second(v))

    @jax.jit
    def everything(at):
        draw = lambda key: split(net, at, key=key)
        draws = jax.vmap(draw)(jax.random.split(KEY, 10_000)), exact(constrained, at)
        right = whole.variance(constrained, at, KEY, draws=4_000)
        return draws, split.variance(net, at, KEY, draws=4_000), right

    draws, left, right = everything(at)
    assert (left < 0.9 * right).all()
    assert_mean(*map(np.asarray, draws))
