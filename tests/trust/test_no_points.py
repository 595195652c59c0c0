"""No points at all are points: results have no rows, and gradients are zero.

Places that a family changes are counted along the points, of which there are none.
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from tests.shares import only

N = 16
COMPONENTS = sp.symbols(f"x:{N}")
X = oc.vector("X", N)
i = oc.index("i", X)
u = sp.Function("u")
OPERATORS = {
    "written out": sum(u(*COMPONENTS).diff(x, 2) for x in COMPONENTS),
    "a sum": oc.Sum(sp.sin(oc.D(u(X), X[i], 2)), i),
    "sampled": oc.laplacian(u(X), X),
}
W = np.linspace(-1, 1, 32).reshape(4, 8)


def joined(z):
    h = jnp.tanh(z.reshape(4, 4) @ W)
    both = jnp.concatenate([h, jnp.broadcast_to(h.mean(0, keepdims=True), h.shape)], -1)
    return jnp.sum(jnp.tanh(both @ jnp.ones((16, 5))))


NETWORKS = {
    "joined": joined,
    "narrow": lambda z: jnp.sum(jnp.tanh(jnp.tanh(z @ jnp.ones((N, 3))) @ W[:3])),
    "sorted": lambda z: jnp.sort(z) ** 2 @ jnp.arange(float(N)),
    "padded": lambda z: jnp.sum(jnp.tanh(jnp.pad(z, 2)) ** 3),
    "rolled": lambda z: jnp.sum(jnp.roll(z, 1) * z**2),
    "tiled": lambda z: jnp.sum(jnp.tile(jnp.sin(z), 2) ** 3),
}


@functools.cache
def compiled(operator: str) -> oc.Residual:
    estimator = oc.Sparse(4) if operator == "sampled" else None
    return oc.compile(OPERATORS[operator], estimator=estimator)


@pytest.mark.parametrize(
    ("name", "operator"),
    only(
        # Draws are dear, so one network stands for all.
        [
            (name, "sampled" if name == "sorted" else operator)
            for name, operator in zip(
                NETWORKS, itertools.cycle(["written out", "a sum"]), strict=False
            )
        ],
        itertools.product(NETWORKS, OPERATORS),
    ),
)
def test_no_points(name: str, operator: str) -> None:
    net, residual = NETWORKS[name], compiled(operator)
    drawn = {"key": jax.random.key(0)} if operator == "sampled" else {}

    def total(scale):
        values = residual(lambda z: net(scale * z), jnp.zeros((0, N)), **drawn)
        assert values.shape == (0,)
        return jnp.sum(values)

    value, slope = jax.jit(jax.value_and_grad(total))(1.0)
    assert (value, slope) == (0, 0)
