"""Laplacians, gradients and derivatives at points of any shape, pytrees among them."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from jax.flatten_util import ravel_pytree

import opcompiler as oc
from opcompiler.algebra.weil import univariate
from opcompiler.taylor import (
    biharmonic,
    derivatives,
    forward_laplacian,
    laplacian,
    partials,
)
from tests.draws import normal
from tests.shares import only

W = np.cos(np.arange(24.0)).reshape(6, 4)


def log_psi(x):
    """Of 2 particles in 3 dimensions, (2, 3)."""
    apart = jnp.sqrt(jnp.sum((x[0] - x[1]) ** 2) + 1)
    return (
        jnp.sum(jnp.tanh(x.ravel() @ jnp.asarray(W, x.dtype)))
        - apart
        + jnp.sum(x**2) / 3
    )


def of_dict(p):
    return (
        jnp.sin(p["a"]).sum() * p["b"][1] + jnp.exp(p["c"] * p["b"][0]) * p["a"][1, 0]
    )


def of_pair(p):
    x, y = p
    return {"v": jnp.outer(jnp.sin(x), y**2), "z": jnp.exp(1j * x[0] * y)}


def many(x):
    """5 x 4 coordinates: enough for a family."""
    return jnp.sum(jnp.tanh(x @ W[:4])) * jnp.cos(x[0, 0]) + jnp.sum(x**4)


POINTS = {
    "(2, 3)": (log_psi, np.linspace(-0.7, 0.9, 6).reshape(2, 3)),
    "dict": (
        of_dict,
        {"a": np.array([[0.1, 0.2], [0.3, 0.4]]), "b": np.array([1.1, 2.0]),
         "c": np.array(0.3)},
    ),
    "pair": (of_pair, (np.array([0.3, -0.4]), np.array([0.5, 0.7, 0.2]))),
    "(5, 4)": (many, np.linspace(-1, 1, 20).reshape(5, 4)),
    "number": (lambda x: jnp.sin(x) * x, np.array(0.7)),
    "(1, 1, 1)": (lambda x: x.sum() ** 3, np.full((1, 1, 1), 0.7)),
}  # fmt: skip


def weights_like(point, scale=0.25):
    leaves, structure = jax.tree.flatten(point)
    places = itertools.count(1)
    rows = [[next(places) for _ in range(leaf.size)] for leaf in leaves]
    weights = [  # one negative, one zero
        (np.array(row) * scale - 0.5).reshape(leaf.shape)
        for row, leaf in zip(rows, leaves, strict=True)
    ]
    return jax.tree.unflatten(structure, weights)


def exact(fun, point, weights=None):
    flat, back = ravel_pytree(point)
    row = jnp.ones(flat.size) if weights is None else ravel_pytree(weights)[0]
    hessian = jax.jacfwd(jax.jacfwd(lambda z: fun(back(z))))(flat)
    return jax.tree.map(lambda h: jnp.einsum("...ii,i->...", h, row), hessian)


def close(got, want, rtol=1e-11):
    assert jax.tree.structure(got) == jax.tree.structure(want)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        assert jnp.shape(a) == jnp.shape(b)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


@pytest.mark.parametrize(
    ("weighted", "name"),
    only(
        [(place % 2 > 0, name) for place, name in enumerate(POINTS)],
        itertools.product((False, True), POINTS),
    ),
)
def test_value_gradient_and_laplacian(name, weighted) -> None:
    fun, point = POINTS[name]
    weights = weights_like(point) if weighted else None

    @jax.jit
    def both(point):
        got = forward_laplacian(fun, weights=weights)(point)
        want = fun(point), jax.jacfwd(fun)(point), exact(fun, point, weights)
        return (*got, laplacian(fun, weights=weights)(point)), (*want, want[2])

    for got, want in zip(*both(point), strict=True):
        close(got, want)


@pytest.mark.parametrize("name", only(["dict"], ["(2, 3)", "(5, 4)", "dict"]))
def test_traced_weights(name) -> None:
    fun, point = POINTS[name]
    weights = weights_like(point)

    @jax.jit
    def both(w):
        got = forward_laplacian(fun, weights=w)(point)[1:]
        slope = jax.grad(lambda w: laplacian(fun, weights=w)(point))(w)
        want = jax.grad(fun)(point), exact(fun, point, w)
        return (got, slope), (want, jax.grad(lambda w: exact(fun, point, w))(w))

    close(*both(weights))


def test_chunks() -> None:
    fun, point = POINTS["(5, 4)"]
    weights = weights_like(point)

    @jax.jit
    def everything(point):
        whole = forward_laplacian(fun, weights=weights)(point)
        parts = forward_laplacian(fun, weights=weights, chunk=6)(point)
        return (
            whole,
            parts,
            forward_laplacian(fun, chunk=6)(point)[2],
            exact(fun, point),
        )

    whole, parts, second, want = everything(point)
    close(parts, whole)
    close(second, want)


def test_local_energy_of_the_hydrogen_atom() -> None:
    at = forward_laplacian(lambda x: -jnp.linalg.norm(x))
    electrons = normal(0, (7, 3))

    def energy(x):
        _, gradient, second = at(x)
        return -(second + gradient @ gradient) / 2 - 1 / jnp.linalg.norm(x)

    @jax.jit
    def everything(electrons):
        one = electrons[0]
        found = jax.vmap(energy)(electrons), jax.checkpoint(energy)(one)
        return found, jax.grad(energy)(one)

    (values, again), slope = everything(electrons)
    np.testing.assert_allclose(values, -0.5, rtol=1e-12)
    np.testing.assert_allclose(slope, 0, atol=1e-12)
    np.testing.assert_allclose(again, -0.5, rtol=1e-12)


def test_single_precision() -> None:
    fun, point = POINTS["(2, 3)"]
    single = jax.tree.map(lambda a: a.astype(np.float32), point)
    both = jax.jit(lambda a, b: (forward_laplacian(fun)(a), exact(fun, b)))
    (value, gradient, second), wanted = both(single, point)
    assert {value.dtype, gradient.dtype, second.dtype} == {jnp.dtype("float32")}
    np.testing.assert_allclose(second, wanted, rtol=1e-5)


def test_further_arguments_are_handed_on() -> None:
    apply = lambda x, params, scale=1: scale * jnp.sum(jnp.tanh(x @ params["w"]))
    params = {"w": np.ones((2, 3))}

    @jax.jit
    def both(p):
        want = exact(lambda x: apply(x, params, scale=2), p)
        return laplacian(apply)(p, params, scale=2), want

    close(*both(np.array([0.2, 0.4])))


def test_bilaplacian_and_partials_of_a_matrix() -> None:
    fun = lambda x: jnp.sin(x[0, 0] * x[1, 1]) * x[0, 1] ** 2 * jnp.exp(x[1, 0])
    point = np.array([[0.3, 0.6], [-0.2, 0.9]])
    weights = np.array([[1.0, 2.0], [0.0, -1.0]])

    @jax.jit
    def ours(point):
        got = biharmonic(fun, weights=weights)(point)
        return got, partials(fun, [(1, 2, 0, 1)])(point)[1, 2, 0, 1]

    a, b, c, d = sp.symbols("a b c d")
    written = sp.sin(a * d) * b**2 * sp.exp(c)
    once = lambda f: f.diff(a, 2) + 2 * f.diff(b, 2) - f.diff(d, 2)
    at = dict(zip((a, b, c, d), point.ravel(), strict=True))
    wanted = once(once(written)), written.diff(a, b, b, d)
    close(ours(point), tuple(np.float64(w.subs(at)) for w in wanted))


def test_derivatives_along_a_direction() -> None:
    fun, point = POINTS["dict"]
    along = jax.tree.map(jnp.ones_like, point)
    first = jax.grad(lambda s: fun(jax.tree.map(lambda a: a + s, point)))
    second = jax.grad(first)
    orders = (first, second, jax.grad(second))

    @jax.jit
    def both(point, s):
        got = derivatives(fun, 3, along=along)(point)
        return list(got), [fun(point), *(f(s) for f in orders)]

    close(*both(point, 0.0))


@pytest.mark.parametrize(
    ("order", "dtype"),
    [
        (30, jnp.float32),  # beyond what float32 holds of k!
        (21, jnp.float64),  # beyond what int64 holds of k!
        *(
            pytest.param(order, dtype, marks=pytest.mark.slow)
            for order, dtype in (
                (21, jnp.float32),
                (30, jnp.float64),
                (60, jnp.float32),
                (60, jnp.float64),
            )
        ),
    ],
)
def test_derivatives_of_high_order(order, dtype) -> None:
    x = jnp.asarray(0.3, dtype)
    rtol = 1e-4 if dtype == jnp.float32 else 1e-11
    got = derivatives(lambda x: jnp.exp(x) + jnp.sin(2 * x), order)(x)
    want = [math.exp(0.3) + 2.0**k * math.sin(0.6 + k * math.pi / 2)
            for k in range(order + 1)]  # fmt: skip
    np.testing.assert_allclose(got, want, rtol=rtol)
    top = partials(jnp.exp, [(order,)])(x)[(order,)]
    np.testing.assert_allclose(top, math.exp(0.3), rtol=rtol)
    ones = [jnp.ones((), dtype), *[jnp.zeros((), dtype)] * (order - 1)]
    _, series = oc.jet(jnp.exp, (x,), (ones,))
    np.testing.assert_allclose(series, [math.exp(0.3)] * order, rtol=rtol)
    with np.errstate(over="ignore"):
        factorials = dtype(
            np.array([math.factorial(k) for k in range(order + 1)], float)
        )
    got = jnp.stack(derivatives(lambda x: 1 / (1 - x), order)(jnp.zeros((), dtype)))
    safe = (
        factorials < 1e30
    )  # infinite near the end of the range and beyond, never wrong
    np.testing.assert_allclose(got[safe], factorials[safe], rtol=rtol)
    assert all(jnp.isinf(got[~safe]) | jnp.isclose(got[~safe], factorials[~safe], rtol))


def test_beyond_the_highest_order() -> None:
    with pytest.raises(oc.OperatorError, match="171"):
        derivatives(jnp.exp, 171)


@pytest.mark.slow
def test_the_highest_order() -> None:
    got = derivatives(jnp.exp, 170)(0.0)
    np.testing.assert_allclose(got, 1, rtol=1e-9)


@pytest.mark.parametrize("order", only([16], [16, 40]))
def test_a_jet_of_high_order(order) -> None:
    jet = jax.jit(lambda x, s: oc.jet(jnp.sin, (x,), (s,), factorial_scaled=False)[1])
    series = jet(0.0, [1.0, *[0.0] * (order - 1)])
    want = [math.sin(k * math.pi / 2) / math.factorial(k) for k in range(1, order + 1)]
    np.testing.assert_allclose(series, want, rtol=1e-12, atol=1e-16)


def test_a_push_of_a_pytree() -> None:
    point = {"a": jnp.array([0.3, 0.4]), "b": jnp.array(0.5)}
    seed = {"a": jnp.array([1.0, 2.0]), "b": None}
    fun = lambda p: {"y": jnp.sin(p["a"]) * p["b"]}
    (output,) = oc.taylor.push(fun, point, [seed, None], univariate(2))
    close(output.dense(1), jnp.cos(point["a"]) * seed["a"] / 2)
    close(output.dense(2), -jnp.sin(point["a"]) * seed["a"] ** 2 / 4)
    with pytest.raises(oc.OperatorError, match="structure"):
        oc.taylor.push(fun, point, [jnp.ones(3), None], univariate(2))
    with pytest.raises(oc.OperatorError, match="seed for each channel"):
        oc.taylor.push(fun, point, [seed], univariate(2))


X = np.array([0.3, 0.4])
F = lambda x: jnp.sum(x**2)

MISTAKES = {
    "whole numbers": (lambda: laplacian(F)(jnp.array([1, 2])), "int"),
    "a whole number": (lambda: derivatives(F, 2)(1), "1.0"),
    "no array": (lambda: laplacian(F)("x"), "array"),
    "empty": (lambda: laplacian(F)({}), "coordinates"),
    "no function": (lambda: laplacian(X), "function"),
    "weights of another shape": (lambda: laplacian(F, weights=[X] * 3)(X), "weights"),
    "too many weights": (lambda: laplacian(F, weights=jnp.ones(3))(X), "broadcast"),
    "complex weights": (lambda: forward_laplacian(F, weights=1j)(X), "real"),
    "traced weights": (
        lambda: jax.jit(lambda w: biharmonic(F, weights=w)(X))(X), "traced",
    ),
    "one multi-index": (lambda: partials(F, [1, 1]), "multi"),
    "negative exponent": (lambda: partials(F, [(-1, 1)]), "multi"),
    "broken exponent": (lambda: partials(F, [(0.5, 1)]), "multi"),
    "long multi-index": (lambda: partials(F, [(1, 1, 1)])(X), "length d"),
    "negative order": (lambda: derivatives(F, -1), "whole number"),
    "broken order": (lambda: derivatives(F, 1.5), "whole number"),
    "no direction": (lambda: derivatives(F, 2)(X), "along="),
    "another direction": (lambda: derivatives(F, 2, along=jnp.ones(3))(X), "broadcast"),
    "a batch": (
        lambda: laplacian(lambda x: x[0] * (x @ x))(jnp.ones((5, 2))), "jax.vmap",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name) -> None:
    mistake, named = MISTAKES[name]
    with pytest.raises(oc.OperatorError, match=named):
        mistake()
