"""High orders keep their digits: networks and a float32 jet, against mpmath."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from jax.experimental.jet import jet as jet_of_jax

import opcompiler as oc

POINT = 0.4
ORDER = 15

ACTIVATIONS = {
    "tanh": (jnp.tanh, mp.tanh),
    "sin": (jnp.sin, mp.sin),
    "exp": (jnp.exp, mp.exp),
    "sigmoid": (jax.nn.sigmoid, lambda z: 1 / (1 + mp.exp(-z))),
    "softplus": (jax.nn.softplus, lambda z: mp.log(1 + mp.exp(z))),
    "gelu": (
        partial(jax.nn.gelu, approximate=False),
        lambda z: z * (1 + mp.erf(z / mp.sqrt(2))) / 2,
    ),
}


def layers() -> list[tuple[np.ndarray, np.ndarray]]:
    chance = np.random.default_rng(0)
    sizes = [1, 5, 4, 1]
    return [
        (chance.normal(size=(m, n)) / np.sqrt(n), 0.3 * chance.normal(size=m))
        for n, m in itertools.pairwise(sizes)
    ]


def exact_derivatives(fun, point: float, order: int) -> list[float]:
    with mp.workdps(60):
        series = mp.taylor(fun, mp.mpf(point), order)
        return [float(c * mp.factorial(k)) for k, c in enumerate(series)]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_fifteen_derivatives_of_a_network_in_one_pass(name: str) -> None:
    """n-TangentProp's networks; no table ends at some order."""
    activation, exact = ACTIVATIONS[name]
    *hidden, (last, bias) = layers()

    def net(x):
        values = x[None]
        for weights, shift in hidden:
            values = activation(weights @ values + shift)
        return (last @ values + bias)[0]

    def exact_net(x):
        values = [x]
        for weights, shift in hidden:
            values = [exact(z) for z in affine(weights, shift, values)]
        return affine(last, bias, values)[0]

    got = jax.jit(oc.taylor.derivatives(net, ORDER))(POINT)
    want = exact_derivatives(exact_net, POINT, ORDER)
    np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize(("name", "least"), [("tanh", 1.0), ("sigmoid", 0.0)])
def test_composed_derivatives_keep_their_digits(name: str, least: float) -> None:
    """u_xxxy of an activation of x + 2 y, and its slope; where it saturates, too.

    There tanh has no more than the absolute digits of its own value.
    """
    activation, exact = ACTIVATIONS[name]
    x, y = sp.symbols("x y")
    mixed = oc.compile(sp.Function("u")(x, y).diff(x, 3, y))
    starts = np.array([-17.0, -3.0, -0.7, 0.0, 0.1, 1.1, 4.0, 17.0])
    direction = np.array([1.0, 2.0])
    points = starts[:, None] * direction / 5

    def of_scaled(scale, points):
        return mixed(lambda p: activation(scale * (p @ direction)), points)

    found, slope = jax.jit(
        lambda points: jax.jvp(lambda s: of_scaled(s, points), (1.0,), (1.0,))
    )(points)
    series = np.array([exact_derivatives(exact, float(s), 5) for s in starts])
    size = np.maximum(np.abs(series[:, 1:]).max(axis=1), least)
    np.testing.assert_array_less(abs(found - 2 * series[:, 4]), 1e-14 * size)
    by_scale = 2 * (4 * series[:, 4] + starts * series[:, 5])
    np.testing.assert_array_less(
        abs(slope - by_scale), 1e-13 * (1 + abs(starts)) * size
    )


def affine(weights, shift, values):
    return [
        mp.fdot(map(mp.mpf, row.tolist()), values) + mp.mpf(float(s))
        for row, s in zip(weights, shift, strict=True)
    ]


def test_a_float32_jet_of_order_thirteen() -> None:
    """Within 1e-5 of each derivative's maximum, and never worse than JAX's own jet."""
    order = 13
    points = np.linspace(-2, 2, 21, dtype=np.float32)
    series = [np.ones_like(points), *[np.zeros_like(points)] * (order - 1)]
    want = np.array([exact_derivatives(mp.tanh, float(p), order)[1:] for p in points])
    scale = np.abs(want).max(axis=0)

    both = jax.jit(
        lambda points: [
            jet(jnp.tanh, (points,), (series,))[1] for jet in (oc.jet, jet_of_jax)
        ]
    )
    ours, theirs = (
        np.abs(np.stack(found, 1) - want).max(axis=0) / scale for found in both(points)
    )
    assert ours.max() < 1e-6  # 5e-7 here; JAX's 8e-7
    assert np.all(ours <= theirs + np.finfo(np.float32).eps)
