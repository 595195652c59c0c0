"""Drawn numbers for tests: NumPy draws them, so no program is compiled for each shape.

A test has many draws, and each is a seed of its own: a whole number or several.

>>> normal((5, 0), (2, 3)).shape
(2, 3)
>>> bool((normal(1, (4,)) == normal(1, (4,))).all())
True
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array

Seed = int | Sequence[int]


def normal(seed: Seed, shape: Sequence[int] = (), dtype: object = float) -> Array:
    """As `jax.random.normal`."""
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


def uniform(
    seed: Seed,
    shape: Sequence[int] = (),
    dtype: object = float,
    minval: float = 0,
    maxval: float = 1,
) -> Array:
    """As `jax.random.uniform`."""
    drawn = np.random.default_rng(seed).uniform(minval, maxval, shape)
    return jnp.asarray(drawn, dtype)
