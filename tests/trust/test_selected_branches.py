"""What `where` has not selected spoils nothing: zero times an infinite slope is no number.

Forward mode differentiates both branches and selects last. Reverse mode hands a zero to
the branch that was not selected, and multiplies it by the slopes there. So a network that
selects behind a steep primitive is not reversed, whatever the plan says.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from jax import lax

import opcompiler as oc
from opcompiler.runtime.tracing import Traced
from tests.shares import one_in, only

X = sp.symbols("x:4")
u = sp.Function("u")(*X)
FIRST = [u.diff(a) for a in X]
PARTIALS = [*FIRST, *(u.diff(a, 2) for a in X), u.diff(X[0], X[1]), u.diff(X[2], X[3])]
POINTS = np.array(
    [
        [0.3, 0.2, -0.1, 0.4],
        [1.0, 0, 0, 0],
        [0, 0, 0, 0],
        [1.0, 1e-3, 0, 0],
        [2.0, 1, 1, 1],
    ]
)


def cutoff(z):
    q = 1 - jnp.sum(z**2)
    return jnp.where(q > 0, jnp.exp(-1 / q), 0.0) * z[0]


def looped(z):
    step = lambda c, _: (jnp.where(c > 0, jnp.sqrt(c), 0.0), None)
    return jnp.sum(lax.scan(step, z, None, length=2)[0])


STEEP = {
    "cutoff": cutoff,
    "logarithm": lambda z: jnp.sum(jnp.where(z > 0, z * jnp.log(z), 0.0)),
    "root": lambda z: jnp.where(jnp.sum(z**2) > 0.1, jnp.sqrt(jnp.sum(z**2)), 1.0),
    "power": lambda z: jnp.where(z[0] > 0, z[0] ** 0.3, 0.0) + z[1] ** 2,
    "quotient": lambda z: jnp.where(z[1] != 0, jnp.sin(z[1]) / z[1], 1.0),
    "largest": lambda z: jnp.maximum(jnp.log(jnp.abs(z[1])), -3.0) * z[0],
    "clamped": lambda z: jnp.clip(1 / z[3], -2.0, 2.0) + z[0] * z[1],
    "in a loop": looped,
    "a mask": lambda z: jnp.sum(
        jnp.where(jnp.eye(4) > 0, 0.0, jnp.sqrt((z[:, None] - z) ** 2 + 1 - jnp.eye(4)))
    ),
    "in a call": lambda z: jax.jit(cutoff)(z) + jnp.tanh(z[2]),
    "behind a layer": lambda z: jnp.sum(jnp.tanh(jnp.where(z > 0, jnp.sqrt(z), 0.0))),
}  # fmt: skip
W = np.linspace(-1, 1, 20).reshape(4, 5)
SAFE = {
    "tanh": lambda z: jnp.sum(jnp.tanh(z @ W)),
    "relu": lambda z: jnp.sum(jax.nn.relu(z @ W) ** 3),
    "leaky relu": lambda z: jnp.sum(jax.nn.leaky_relu(jnp.sin(z @ W)) ** 3),
    "softplus": lambda z: jnp.sum(jax.nn.softplus(z @ W)),
    "gelu": lambda z: jnp.sum(jax.nn.gelu(z @ W)),
    "silu": lambda z: jnp.sum(jax.nn.silu(z @ W)),
    "softmax": lambda z: jnp.sum(jax.nn.softmax(z @ W) ** 2),
    "normed": lambda z: jnp.sum(((z @ W) / jnp.sqrt(jnp.var(z) + 1)) ** 3),
    "branches": lambda z: lax.cond(
        z[3] > 0, lambda z: z[0] * jnp.log(z[3]), lambda z: z[0] ** 2, z
    ),
    "a constant branch": lambda z: jnp.where(z[0] > 0, 1.0, 2.0) * jnp.exp(z[1]),
    "a mask of parameters": lambda z: jnp.sum(
        jnp.exp(jnp.where(W[0] > 0, z @ W, 0.0)) * jnp.log(jnp.abs(W[1]) + 2)
    ),
    "polynomials": lambda z: jnp.where(z[0] > 0, z[0] ** 5, z[1] ** 3),
}


@pytest.mark.parametrize("name", STEEP)
def test_networks_that_are_not_reversed(name: str) -> None:
    assert not Traced(STEEP[name]).is_reversible(POINTS)


@functools.cache
def every_strategy() -> list[oc.Residual]:
    names = "algebra", "reverse", "nested"
    return [oc.compile(PARTIALS, strategy=strategy) for strategy in names]


@pytest.mark.filterwarnings("ignore:derivatives of order 2")
@pytest.mark.parametrize(
    "name",
    only(["cutoff", "clamped"], STEEP),
)
def test_reverse_plans_give_what_forward_mode_gives(name: str) -> None:
    net = STEEP[name]

    @jax.jit
    def everything(z):
        found = [jnp.stack(residual(net, z)) for residual in every_strategy()]
        return *found, jax.vmap(jax.grad(net))(z)

    ours, reverse, nested, slopes = map(np.asarray, everything(POINTS))
    np.testing.assert_allclose(reverse, ours, rtol=1e-12, atol=1e-14)
    # The points were chosen so that a reverse pass is spoiled. JAX's own forward mode is,
    # too, where something infinite is the smaller one.
    assert np.isnan(slopes).sum() > np.isnan(ours[:4]).sum()
    fine = np.isfinite(nested)
    assert fine.mean() > 0.3
    np.testing.assert_allclose(ours[fine], nested[fine], rtol=1e-9, atol=1e-12)


@functools.cache
def reversed_slopes() -> oc.Residual:
    return oc.compile(FIRST, strategy="reverse")


@pytest.mark.parametrize("name", SAFE)
def test_other_networks_are_reversed(name: str) -> None:
    assert Traced(SAFE[name]).is_reversible(POINTS)


@pytest.mark.parametrize("start", one_in(2, range(2)))
def test_reversed_slopes_are_those_of_forward_mode(start: int) -> None:
    names = list(SAFE)[start::2]
    residual = reversed_slopes()

    @jax.jit
    def everything(z):
        return {
            name: (
                jnp.stack(residual(SAFE[name], z), 1),
                jax.vmap(jax.jacfwd(SAFE[name]))(z),
            )
            for name in names
        }

    for name, (found, want) in everything(POINTS[:1]).items():
        np.testing.assert_allclose(found, want, rtol=1e-10, atol=1e-13, err_msg=name)


@pytest.mark.parametrize("fields", only([2], [1, 2]))
def test_sums_of_first_derivatives(fields: int) -> None:
    """All slopes of a sum over many components come from one reverse pass, or do not."""
    Y = oc.vector("Y", 300)
    i = oc.index("i", Y)
    f = sp.Function("f")(Y)
    g = sp.Function("g")(Y)
    terms = oc.D(f, Y[i]) ** 2 + (oc.D(g, Y[i]) if fields == 2 else 0)
    residual = oc.compile(oc.Sum(terms, i), fields=[f, g][:fields])
    points = np.zeros((3, 300))
    points[0, :4], points[1, 0], points[2, 0] = 0.3, 1.0, 2.0
    one = lambda z: cutoff(z) + jnp.sum(jnp.sin(z))
    net = one if fields == 1 else lambda z: jnp.stack([one(z), cutoff(z)])
    loss = lambda s: jnp.sum(residual(lambda z: net(s * z), points[:1]))

    @jax.jit
    def everything(points):
        slopes = jax.vmap(jax.jacfwd(net))(points).reshape(3, fields, 300)
        terms = slopes[:, 0] ** 2 + (slopes[:, 1] if fields == 2 else 0)
        scales = jnp.array([1.1 + 1e-5, 1.1 - 1e-5, 1.1])
        losses = lax.map(jax.value_and_grad(loss), scales)
        return residual(net, points), terms.sum(axis=1), losses

    found, want, ((above, below, _), (*_, slope)) = everything(points)
    np.testing.assert_allclose(found, want, rtol=1e-11)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(slope, (above - below) / 2e-5, rtol=1e-6)
