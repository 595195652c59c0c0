"""Drawn numbers for tests: arrays of NumPy, so that no program is compiled for each shape.

A test has many draws, and each is a seed of its own: a whole number or several.

>>> normal((5, 0), (2, 3)).shape
(2, 3)
>>> bool((normal(1, (4,)) == normal(1, (4,))).all())
True
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Seed = int | Sequence[int]


def normal(
    seed: Seed, shape: Sequence[int] = (), dtype: npt.DTypeLike = float
) -> np.ndarray:
    """As `jax.random.normal`."""
    return np.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


def uniform(
    seed: Seed,
    shape: Sequence[int] = (),
    dtype: npt.DTypeLike = float,
    minval: float = 0,
    maxval: float = 1,
) -> np.ndarray:
    """As `jax.random.uniform`."""
    drawn = np.random.default_rng(seed).uniform(minval, maxval, shape)
    return np.asarray(drawn, dtype)
