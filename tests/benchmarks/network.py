"""The network all contestants evaluate: a tanh perceptron."""

from itertools import pairwise

import jax
import jax.numpy as jnp


def setting(dim: int, fields: int, hidden: tuple[int, ...], points: int):
    """Returns parameters and points, float32."""
    sizes = [dim, *hidden, fields]
    keys = jax.random.split(jax.random.key(0), len(sizes))
    params = [
        (jax.random.normal(key, shape, jnp.float32) / shape[0] ** 0.5,
         jnp.zeros(shape[1], jnp.float32))
        for key, shape in zip(keys, pairwise(sizes), strict=False)
    ]  # fmt: skip
    return params, jax.random.uniform(keys[-1], (points, dim), jnp.float32)


def apply(params, point):
    """(d,) -> (m,), or () for one field."""
    *hidden, (weights, bias) = params
    for w, b in hidden:
        point = jnp.tanh(point @ w + b)
    out = point @ weights + bias
    return out[0] if out.shape == (1,) else out
