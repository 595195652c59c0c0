"""What `where` has not selected spoils nothing: zero times an infinite slope is no number.

Forward mode differentiates both branches and selects last. Reverse mode hands a zero to
the branch that was not selected, and multiplies it by the slopes there. So a network that
selects behind a steep primitive is not reversed, whatever the plan says.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from jax import lax

import opcompiler as oc
from opcompiler.runtime.tracing import Traced

X = sp.symbols("x:4")
u = sp.Function("u")(*X)
PARTIALS = [u.diff(a) for a in X] + [u.diff(a, b) for a in X for b in X]
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


@pytest.mark.filterwarnings("ignore:derivatives of order 2")
@pytest.mark.parametrize("name", STEEP)
def test_reverse_plans_give_what_forward_mode_gives(name: str) -> None:
    net = STEEP[name]
    assert not Traced(net).is_reversible(POINTS)
    names = "algebra", "reverse", "nested"
    every = {s: oc.compile(PARTIALS, strategy=s) for s in names}
    ours, reverse, nested = jax.jit(
        lambda z: [jnp.stack(residual(net, z)) for residual in every.values()]
    )(POINTS)
    np.testing.assert_allclose(reverse, ours, rtol=1e-12, atol=1e-14)
    # The points were chosen so that a reverse pass is spoiled. JAX's own forward mode is,
    # too, where something infinite is the smaller one.
    slopes = jax.jit(jax.vmap(jax.grad(net)))(POINTS)
    assert jnp.isnan(slopes).sum() > jnp.isnan(ours[:4]).sum()
    fine = jnp.isfinite(nested)
    assert fine.mean() > 0.3
    np.testing.assert_allclose(ours[fine], nested[fine], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", SAFE)
def test_other_networks_are_reversed(name: str) -> None:
    net = SAFE[name]
    assert Traced(net).is_reversible(POINTS)
    slopes = jax.jit(jax.vmap(jax.jacfwd(net)))(POINTS[:1])
    found = oc.compile(PARTIALS[:4], strategy="reverse")(net, POINTS[:1])
    np.testing.assert_allclose(np.stack(found, 1), slopes, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("fields", [1, 2])
def test_sums_of_first_derivatives(fields: int) -> None:
    """All slopes of a sum over many components come from one reverse pass, or do not."""
    Y = oc.vector("Y", 300)
    i = oc.index("i", Y)
    f = sp.Function("f")(Y)
    g = sp.Function("g")(Y)
    terms = oc.D(f, Y[i]) ** 2 + (oc.D(g, Y[i]) if fields == 2 else 0)
    residual = oc.compile(oc.Sum(terms, i), fields=[f, g][:fields])
    points = jnp.zeros((3, 300)).at[0, :4].set(0.3).at[1, 0].set(1.0).at[2, 0].set(2.0)
    one = lambda z: cutoff(z) + jnp.sum(jnp.sin(z))
    net = one if fields == 1 else lambda z: jnp.stack([one(z), cutoff(z)])
    slopes = jax.jit(jax.vmap(jax.jacfwd(net)))(points).reshape(3, fields, 300)
    want = jnp.sum(slopes[:, 0] ** 2 + (slopes[:, 1] if fields == 2 else 0), axis=1)
    found = jax.jit(lambda z: residual(net, z))(points)
    np.testing.assert_allclose(found, want, rtol=1e-11)
    assert jnp.isfinite(found).all()
    loss = jax.jit(lambda s: jnp.sum(residual(lambda z: net(s * z), points[:1])))
    slope = (loss(1.1 + 1e-5) - loss(1.1 - 1e-5)) / 2e-5
    np.testing.assert_allclose(jax.jit(jax.grad(loss))(1.1), slope, rtol=1e-6)
