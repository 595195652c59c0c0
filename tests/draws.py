"""Drawn numbers for tests: arrays of NumPy, so that no program is compiled for each shape.

A test has many draws, and each is a seed of its own: a whole number or several.

>>> normal((5, 0), (2, 3)).shape
(2, 3)
>>> bool((normal(1, (4,)) == normal(1, (4,))).all())
True
"""

import itertools
from collections.abc import Sequence
from typing import Any

import jax
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


def layers(
    seed: Seed, widths: Sequence[int], dtype: npt.DTypeLike = float
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights and biases of a dense network, as `examples.support.network` takes them."""
    first = [seed] if isinstance(seed, int) else [*seed]
    return [
        (
            normal((*first, place), sizes, dtype) / np.sqrt(sizes[0], dtype=dtype),
            np.zeros(sizes[1], dtype),
        )
        for place, sizes in enumerate(itertools.pairwise(widths))
    ]


def like(seed: Seed, tree: Any) -> Any:
    """Arrays of the shapes and types of a pytree's leaves, of variance 1/rows."""
    leaves, structure = jax.tree.flatten(tree)
    first = [seed] if isinstance(seed, int) else [*seed]
    drawn = [
        normal((*first, place), leaf.shape) / max([1, *leaf.shape[:1]]) ** 0.5
        for place, leaf in enumerate(leaves)
    ]
    cast = [a.astype(leaf.dtype) for a, leaf in zip(drawn, leaves, strict=True)]
    return jax.tree.unflatten(structure, cast)
