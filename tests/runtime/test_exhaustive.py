"""Sums over all indices, at once and window by window."""

import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.runtime import sums
from tests.draws import normal
from tests.shares import only

DIM, POINTS = 101, 3
x, s = oc.vector("x", DIM), sp.Symbol("s")
i = oc.index("i", x)
a = sp.IndexedBase("a")
u = sp.Function("u")(x)

SUMS = {
    "squares": (oc.Sum(x[i] ** 2, i), lambda z, a, s: z @ z),
    "neighbours": (
        oc.Sum(a[i] * sp.sin(s * x[i] + x[i + 1]), (i, 0, DIM - 2)),
        lambda z, a, s: jnp.sum(a[:-1] * jnp.sin(s * z[:-1] + z[1:])),
    ),
    "both neighbours, in part": (
        oc.Sum(x[i - 2] * sp.exp(x[i]) * x[i + 3], (i, 2, DIM - 4)),
        lambda z, a, s: jnp.sum(z[:-5] * jnp.exp(z[2:-3]) * z[5:]),
    ),
    "numbers": (
        oc.Sum(sp.cos(i + s) * x[i], (i, 7, 90)),
        lambda z, a, s: jnp.sum(jnp.cos(jnp.arange(7, 91) + s) * z[7:91]),
    ),
    "sines of numbers": (
        oc.Sum(sp.sin(i) * x[i] + sp.cos(2) * sp.sin(s), (i, 7, 90)),
        lambda z, a, s: jnp.sum(
            jnp.sin(jnp.arange(7, 91)) * z[7:91] + jnp.cos(2) * jnp.sin(s)
        ),
    ),
    "without points": (
        oc.Sum(a[i] ** 3 / (1 + i), i),
        lambda z, a, s: jnp.sum(a**3 / (1 + jnp.arange(DIM))),
    ),
}


LENGTHS = ("at once", "windows of 16", "one window", "long tails")


@pytest.fixture
def length(request, monkeypatch):
    if request.param != "at once":
        monkeypatch.setattr(sums, "_FEW", 0)
        width = {"windows of 16": 1, "one window": 2**20, "long tails": 40 * POINTS}
        monkeypatch.setattr(sums, "_WINDOW", width[request.param])


@pytest.mark.usefixtures("length")
@pytest.mark.parametrize(
    ("length", "name"),
    # Every sum, and every length, with another one; sums that read neighbours by windows.
    only(
        [
            ("at once", "squares"), ("windows of 16", "neighbours"),
            ("long tails", "both neighbours, in part"), ("windows of 16", "numbers"),
            ("one window", "sines of numbers"), ("long tails", "without points"),
        ],
        itertools.product(LENGTHS, SUMS),
    ),
    indirect=["length"],
)  # fmt: skip
def test_a_sum_is_the_sum(name):
    """And its derivatives by parameters, forwards and backwards, are."""
    expression, truth = SUMS[name]
    residual = oc.compile(u + expression)
    z = normal(0, (POINTS, DIM))
    weights = normal(1, (DIM,))
    names = {str(p) for p in expression.free_symbols | expression.atoms(sp.IndexedBase)}

    def value(weights, scale):
        given = {k: v for k, v in {"a": weights, "s": scale}.items() if k in names}
        return residual(lambda z: 0 * z[0], z, **given)

    by_hand = lambda *given: jax.vmap(lambda row: truth(row, *given))(z)
    changes, seeds = (normal(2, (DIM,)), 1.0), normal(3, (POINTS,))

    def derived(function, given):
        values, backwards = jax.vjp(function, *given)
        return values, jax.jvp(function, given, changes)[1], backwards(seeds)

    both = jax.jit(lambda *given: [derived(f, given) for f in (value, by_hand)])
    found, wanted = map(jax.tree.leaves, both(weights, 0.7))
    for got, want in zip(found, wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-13)


def test_windows_do_not_reach_beyond_an_array(monkeypatch):
    """Whatever of an array is asked for beyond its ends is its edge, as at once."""
    monkeypatch.setattr(sums, "_FEW", 0)
    monkeypatch.setattr(sums, "_WINDOW", 16 * POINTS)
    z = normal(0, (POINTS, DIM))
    (item,) = oc.compile(u + oc.Sum(x[i] ** 2, i)).operator.sums
    (gather,) = item.body.gathers

    def moved(z, shift):
        body = replace(item.body, gathers=(replace(gather, places=((0, shift),)),))
        scene = sums.Scene({}, {gather.array: z}, {gather.array: 1}, z.dtype)
        (found,) = sums._by_windows(body, item.extents[0], scene, POINTS)
        return found

    shifts = (-200, -3, 0, 4, 200)
    run = jax.jit(lambda z: {shift: moved(z, shift) for shift in shifts})
    for shift, found in run(z).items():
        places = np.clip(np.arange(DIM) + shift, 0, DIM - 1)
        wanted = np.sum(z[:, places] ** 2, 1)
        np.testing.assert_allclose(found, wanted, rtol=1e-13, err_msg=f"shift {shift}")
