"""A plain multilayer perceptron: parameters are a list of (weights, bias)."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

Parameters = list[tuple[Array, Array]]


def init_mlp(key: Array, sizes: Sequence[int], dtype: Any = jnp.float32) -> Parameters:
    """Draws Glorot weights and zero biases for layers of the given sizes."""
    keys = jax.random.split(key, len(sizes) - 1)
    layers = []
    for one, (rows, columns) in zip(keys, pairwise(sizes), strict=True):
        scale = (2 / (rows + columns)) ** 0.5
        weights = scale * jax.random.normal(one, (rows, columns), dtype)
        layers.append((weights, jnp.zeros((columns,), dtype)))
    return layers


def apply_mlp(parameters: Parameters, point: Array) -> Array:
    """Evaluates the tanh network at one point, (d,) -> (m,)."""
    *hidden, (weights, bias) = parameters
    for w, b in hidden:
        point = jnp.tanh(point @ w + b)
    return point @ weights + bias
