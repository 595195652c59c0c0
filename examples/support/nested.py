"""Derivatives by nested automatic differentiation: the rival, nothing of opcompiler."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

Function = Callable[[Array], Array]
"""() -> ()"""


def forward(function: Function, order: int) -> Callable[[Array], Array]:
    """Returns x -> derivatives 0 ... order, (order + 1,), by nested forward mode.

    Every level keeps what the levels below have computed.
    """

    def all_of(order: int) -> Callable[[Array], tuple[Array, ...]]:
        if order == 0:
            return lambda x: (function(x),)
        below = all_of(order - 1)

        def these(x: Array) -> tuple[Array, ...]:
            values, slopes = jax.jvp(below, (x,), (jnp.ones_like(x),))
            return (*values, slopes[-1])

        return these

    return lambda x: jnp.stack(all_of(order)(x))


def reverse(function: Function, order: int) -> Callable[[Array], Array]:
    """The same by nested reverse mode, as repeated `torch.autograd.grad` does it."""
    derivatives = [function]
    for _ in range(order):
        derivatives.append(jax.grad(derivatives[-1]))
    return lambda x: jnp.stack([d(x) for d in derivatives])
