"""A dense network as a plain function: nothing of it is special to the compiler."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

Params = list[tuple[Array, Array]]


def init(key: Array, widths: Sequence[int], dtype: Any = None) -> Params:
    """Draws weights by Glorot's normal law, and zero biases.

    Args:
        key: of the draw.
        widths: inputs, hidden layers, outputs.
        dtype: JAX's default float where it is not given.
    """
    draw = jax.nn.initializers.glorot_normal()
    keys = jax.random.split(key, len(widths) - 1)
    dtype = dtype or jnp.zeros(()).dtype
    return [
        (draw(k, (before, after), dtype), jnp.zeros(after, dtype))
        for k, before, after in zip(keys, widths, widths[1:], strict=False)
    ]


def apply(
    params: Params, point: Array, activation: Callable[[Array], Array] = jnp.tanh
) -> Array:
    """Evaluates at one point, (widths[0],) -> (widths[-1],), or () for one output."""
    *hidden, (weights, bias) = params
    for w, b in hidden:
        point = activation(point @ w + b)
    out = point @ weights + bias
    return out[0] if out.shape == (1,) else out
