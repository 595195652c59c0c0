"""A plain multilayer perceptron with tanh, as a pair of functions."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array

Params = list[tuple[Array, Array]]


def init(key: Array, sizes: Sequence[int], dtype: type = jnp.float32) -> Params:
    """Draws weights of variance 1/fan-in; biases are zero."""
    keys = jax.random.split(key, len(sizes) - 1)
    return [
        (jax.random.normal(k, (m, n), dtype) * m**-0.5, jnp.zeros(n, dtype))
        for k, m, n in zip(keys, sizes[:-1], sizes[1:], strict=True)
    ]


def apply(params: Params, point: Array) -> Array:
    """Evaluates the network: (d,) -> (m,), or () if it has one output."""
    for weights, bias in params[:-1]:
        point = jnp.tanh(point @ weights + bias)
    weights, bias = params[-1]
    outputs = point @ weights + bias
    return outputs[0] if weights.shape[1] == 1 else outputs
