"""A few directions at a time: the same numbers, less memory."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.algebra.weil import Channel, TaylorAlgebra
from opcompiler.taylor import laplacian
from opcompiler.taylor.chunks import summed_channels
from opcompiler.taylor.tuning import Tuning
from tests.draws import normal, uniform
from tests.taylor.test_families import DIM, NETWORKS, OPERATORS, t, U, X

MORE = {
    "time derivative of the Laplacian": lambda: (
        sum(U.diff(t, x, 2) for x in X) + U.diff(t)
    ),
    "two powers": lambda: sum(U.diff(x, 2) for x in X) * sum(U.diff(x, 4) for x in X),
}


@pytest.mark.parametrize(
    ("operator", "chunk"),
    [*((name, 4) for name in OPERATORS | MORE)]
    + [("signed", chunk) for chunk in (2, 14, 15, 99)],
)
def test_chunks_change_nothing(operator: str, chunk: int) -> None:
    residual = oc.compile((OPERATORS | MORE)[operator]())
    short = chunk != 4 or operator == "Laplacian"
    net = NETWORKS["tanh" if short else "softplus and gelu"]
    points = uniform(1, (3, DIM + 1))

    def loss(residual):
        return lambda s: jnp.sum(residual(lambda z: net(s * z), points) ** 2)

    whole, parts = loss(residual), loss(residual.tuned(Tuning(chunk=chunk)))
    both = lambda s: (jax.value_and_grad(parts)(s), jax.jvp(whole, (s,), (1.0,)))
    np.testing.assert_allclose(*jax.jit(both)(1.1), rtol=1e-11)


def test_chunks_save_memory() -> None:
    points = np.ones((64, 256))
    first, second = np.ones((256, 64)) / 256, np.ones((64, 64)) / 64

    def net(z):
        return jnp.sum(jnp.tanh(jnp.tanh(z @ first) @ second))

    def memory(chunk):
        value = jax.vmap(laplacian(net, chunk=chunk))
        loss = jax.grad(lambda x: jnp.sum(value(x) ** 2))
        return (
            jax.jit(loss).lower(points).compile().memory_analysis().temp_size_in_bytes
        )

    assert memory(16) < memory(None) / 3


def test_a_chunk_of_one_is_refused() -> None:
    with pytest.raises(oc.OperatorError, match="at least two"):
        laplacian(jnp.sum, chunk=1)


def test_what_couples_directions_is_refused() -> None:
    family = Channel(1, "x", 20)
    algebra = TaylorAlgebra(
        (Channel(0, "1"), family, Channel(2, "q"), Channel(4, "qq")),
        ((1, 1, 2, Fraction(1)), (2, 2, 3, Fraction(1))),
    )
    with pytest.raises(oc.OperatorError, match="does not split"):
        summed_channels(algebra)


def test_compile_takes_chunk_and_remat() -> None:
    x = sp.symbols("x1:21")
    u = sp.Function("u")(*x)
    equation = sum(u.diff(a, 2) for a in x) - u**2
    points = uniform(2, (5, 20))
    weights = normal(3, (20, 8))

    def gradient(residual):
        def loss(w):
            return jnp.sum(residual(lambda z: jnp.sum(jnp.tanh(z @ w)), points) ** 2)

        return jax.grad(loss)

    ways = ({}, {"chunk": 6}, {"remat": True}, {"chunk": 7, "remat": True})
    gradients = [gradient(oc.compile(equation, **options)) for options in ways]
    want, *found = jax.jit(lambda w: [g(w) for g in gradients])(weights)
    for options, got in zip(ways[1:], found, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-11, err_msg=str(options))
