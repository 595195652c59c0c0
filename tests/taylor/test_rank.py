"""Behind a narrow layer an operator that sums squares takes fewer directions."""

from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.taylor import rank
from opcompiler.taylor.tuning import Tuning
from tests.draws import normal
from tests.shares import only

D, W, N = 24, 4, 3
POINTS = normal(9, (N, D))
X = oc.vector("x", D)
I = oc.index("i", X)
U = sp.Function("u")(X)


def layers(inputs, deficient=False):
    first = normal((0, 0), (inputs, W)) / np.sqrt(inputs)
    if deficient:
        first[:, W // 2 :] = 2 * first[:, : W - W // 2]
    return [
        first,
        normal((0, 1), (W, W)),
        normal((0, 2), (W, 1)),
    ]


def one_layer(inputs, deficient=False):
    """As above without the matrix in the middle: half as long a program."""
    return layers(inputs, deficient)[::2]


def perceptron(params, z):
    for w in params[:-1]:
        z = jnp.tanh(z @ w)
    return (z @ params[-1])[0]


def on_the_left(params, z):
    for w in params[:-1]:
        z = jnp.tanh(w.T @ z)
    return (params[-1].T @ z)[0]


def radial(params, z):
    return perceptron([params[0][:1], *params[1:]], jnp.sum(z**2, keepdims=True) / 20)


def inside_of_calls(params, z):
    return jax.jit(jax.checkpoint(perceptron))(params, z)


def with_two_ends(params, z):
    return perceptron(params, z) * jnp.exp(-z @ z / 50)


NETWORKS = {
    "perceptron": perceptron,
    "matrix on the left": on_the_left,
    "curved before": lambda p, z: perceptron(p, jnp.sin(z)),
    "curved before, matrix on the left": lambda p, z: on_the_left(p, jnp.sin(z)),
    "one number of all": radial,
    "inside of calls": inside_of_calls,
}

reduced = []


@pytest.fixture(autouse=True)
def whatever_it_costs(monkeypatch):
    """Reduces wherever it can be done, and writes down (directions, entries, copies)."""
    before = rank._Families.reduced

    def noted(families):
        reduced.append((families.count, families.entries, families.copies))
        return before(families)

    reduced.clear()
    monkeypatch.setattr(rank._Families, "reduced", noted)
    monkeypatch.setattr(rank._Families, "price", 0)


def bends(network, params, z):
    """The second derivative along each coordinate, by nested forward mode."""
    f = lambda y: network(params, y)
    along = lambda e: jax.jvp(lambda y: jax.jvp(f, (y,), (e,))[1], (z,), (e,))[1]
    return jax.vmap(along)(jnp.eye(z.size, dtype=z.dtype))


def bends_of_one_layer(params, z):
    """The same of a perceptron of one layer, in closed form."""
    first, last = params
    t = jnp.tanh(z @ first)
    return first**2 @ (-2 * t * (1 - t**2) * last[:, 0])


def laplacian_of_one_layer(params, z):
    return bends_of_one_layer(params, z).sum()


def laplacian(network):
    return lambda params, z: bends(network, params, z).sum()


def agree(residual, network, reference, params, points=POINTS):
    """Values and gradients by the parameters, in one program."""
    bound = residual.bind(network)

    def square(at):
        return jax.value_and_grad(lambda p: jnp.mean(at(p) ** 2))

    ours, theirs = jax.jit(
        lambda p: (
            square(lambda p: bound(p, points))(p),
            square(lambda p: jax.vmap(lambda z: reference(p, z))(points))(p),
        )
    )(params)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(
            a, b, rtol=1e-11, atol=1e-11 * float(np.abs(b).max())
        ),
        ours,
        theirs,
    )


@pytest.mark.parametrize(
    ("name", "deficient"),
    only(
        [*((name, False) for name in NETWORKS), ("perceptron", True)],
        product(NETWORKS, [False, True]),
    ),
)
def test_the_laplacian_is_the_same(name, deficient):
    network = NETWORKS[name]
    long = name == "perceptron" and not deficient
    params = layers(D) if long else one_layer(D, deficient)
    agree(oc.compile(oc.laplacian(U, X)), network, laplacian(network), params)
    assert reduced[0][1] < D


def test_a_family_that_is_read_elsewhere_stays():
    agree(
        oc.compile(oc.laplacian(U, X)),
        with_two_ends,
        laplacian(with_two_ends),
        one_layer(D),
    )
    assert not reduced


def test_operators_that_know_their_directions_stay():
    squares = oc.compile(oc.Sum(oc.D(U, X[I], 2) ** 2, I))
    agree(
        squares, perceptron,
        lambda p, z: jnp.sum(bends_of_one_layer(p, z) ** 2), one_layer(D),
    )  # fmt: skip
    fourth = oc.compile(oc.Sum(oc.D(U, X[I], 4), I))
    first, last = one_layer(D)
    value = jax.jit(lambda z: fourth(partial(perceptron, (first, last)), z))(POINTS[0])
    t = np.tanh(POINTS[0] @ first)
    want = first**4 @ (8 * t * (1 - t**2) * (2 - 3 * t**2) * last[:, 0])
    np.testing.assert_allclose(value, want.sum(), rtol=1e-11)
    assert not reduced


def test_coefficients_that_move_with_the_points():
    residual = oc.compile(oc.Sum(sp.sin(X[I]) ** 2 * oc.D(U, X[I], 2), I))
    reference = lambda p, z: jnp.sin(z) ** 2 @ bends_of_one_layer(p, z)
    agree(residual, perceptron, reference, one_layer(D))
    assert reduced[0] == (D, W, N)


WEIGHTS = {
    "none negative": [k % 3 for k in range(D)],
    "both signs": [k % 3 - 1 for k in range(D)],
    "one negative": [1] * 7 + [-2] + [1] * (D - 8),
    "two positive": [-1] * 7 + [3, 1] + [-1] * (D - 9),
}


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("deficient", only([False], [False, True]))
def test_weights(name, deficient):
    """Their sizes become factors of the directions, of each sign at most W."""
    coordinates = sp.symbols(f"y0:{D}")
    v = sp.Function("v")(*coordinates)
    weights = WEIGHTS[name]
    residual = oc.compile(
        sum(w * v.diff(y, 2) for w, y in zip(weights, coordinates, strict=True)) + v
    )
    at = lambda bends, p, z: np.array(weights) @ bends(p, z) + perceptron(p, z)
    params = layers(D, deficient)
    agree(residual, perceptron, partial(at, bends_of_one_layer), params[::2])
    assert reduced[0][1] == W
    # The second bottleneck is inside of a call, and one direction of either sign is left.
    waist = [params[0], params[1][:, :1], params[1][:1], params[2]]
    agree(residual, inside_of_calls, partial(at, partial(bends, perceptron)), waist)
    negative = sum(w < 0 for w in weights)
    few = min(negative, W) + min(D - negative, W)
    assert (few, 1) in {found[:2] for found in reduced}


def test_one_point():
    """A program of one point has no axis of points."""
    coordinates = sp.symbols(f"y0:{D}")
    v = sp.Function("v")(*coordinates)
    residual = oc.compile(sum(v.diff(y, 2) for y in coordinates))
    agree(residual, perceptron, laplacian_of_one_layer, one_layer(D), POINTS[:1])
    assert reduced


def test_a_derivative_beside_the_sum():
    """Two families, e_i and e_i e_t, have their sums of products in common."""
    t = sp.Symbol("t")
    v = sp.Function("v")(t, X)
    points = normal(3, (N, D + 1))
    inner = lambda p: lambda z: bends_of_one_layer(p, z)[1:].sum()
    reference = lambda p, z: jax.grad(inner(p))(z)[0]
    residual = oc.compile(oc.laplacian(v.diff(t), X))
    agree(residual, perceptron, reference, one_layer(D + 1), points)
    assert reduced


@pytest.mark.parametrize("deficient", [False, True])
def test_second_derivatives_by_the_parameters(deficient):
    params = one_layer(D, deficient)
    tangents = [np.cos(w) for w in params]
    bound = oc.compile(oc.laplacian(U, X)).bind(perceptron)
    exact = jax.vmap(laplacian_of_one_layer, (None, 0))
    squares = [lambda p, f=f: jnp.mean(f(p, POINTS) ** 2) for f in (bound, exact)]
    times = lambda f, p: jax.jvp(jax.grad(f), (p,), (tangents,))[1]
    both = jax.jit(lambda p: [times(f, p) for f in squares])
    for a, b in zip(*jax.tree.map(np.asarray, both(params)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * abs(b).max())


def test_complex_networks():
    params = [w * (1 + 0.3j) for w in one_layer(D)]
    network = lambda z: perceptron(params, z)
    residual = oc.compile(oc.laplacian(U, X))

    reference = jax.vmap(partial(laplacian_of_one_layer, params))
    both = jax.jit(lambda points: (residual(network, points), reference(points)))
    np.testing.assert_allclose(*both(POINTS), rtol=1e-11)
    assert reduced


def test_single_precision_without_full_rank():
    """Gradients are finite, even where two thirds of the weights are zero."""
    params = [w.astype(jnp.float32) for w in layers(D, deficient=True)]
    params[0] = jnp.asarray(params[0]).at[:, 1:].set(0)
    bound = oc.compile(oc.laplacian(U, X)).bind(perceptron)
    points = POINTS.astype(jnp.float32)
    square = jax.jit(jax.value_and_grad(lambda p: jnp.mean(bound(p, points) ** 2)))
    value, gradient = square(params)
    theirs = jax.jit(jax.vmap(lambda z: laplacian(perceptron)(params, z)))(points)
    np.testing.assert_allclose(value, jnp.mean(theirs**2), rtol=1e-4)
    assert reduced
    assert all(jnp.all(jnp.isfinite(g)) for g in gradient)
    zeros = jax.tree.map(jnp.zeros_like, params)
    gradient = jax.jit(jax.grad(lambda p: jnp.mean(bound(p, points))))(zeros)
    assert all(jnp.all(jnp.isfinite(g)) for g in gradient)


def test_long_sums_need_no_chunks():
    """The family of the first layer is its matrix; behind it directions are few."""
    long = oc.vector("z", 600)
    v = sp.Function("v")(long)
    points = normal(3, (2, 600))
    residual = oc.compile(oc.laplacian(v, long))
    agree(residual, perceptron, laplacian(perceptron), layers(600), points)
    assert {count for count, *_ in reduced} == {600, W}
    text = residual.bind(perceptron).explain(layers(600), points)
    assert "4 in the place of 600" in text
    assert "at a time" not in text


def test_chunks_that_are_asked_for():
    residual = oc.compile(oc.laplacian(U, X)).tuned(Tuning(chunk=5))
    agree(residual, with_two_ends, laplacian(with_two_ends), layers(D))
    agree(residual, perceptron, laplacian(perceptron), layers(D))
