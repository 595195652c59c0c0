r"""Draws of index tuples and of random directions.

A draw of R tuples with weights w has $E \sum_r w_r f(i_r) = \sum_i f(i)$ for every f.
Source: Shi, Hu, Lin & Kawaguchi, *Stochastic Taylor Derivative Estimator*, NeurIPS 2024,
equations 13-17.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from opcompiler.errors import OperatorError
from opcompiler.ir import Extent
from opcompiler.sampling import Dense, Sparse

_INT32 = 2**31 - 1

Indices = tuple[Array, ...]


def draw_indices(
    sparse: Sparse, extents: Sequence[Extent], key: Array, points: int | None
) -> tuple[Indices, Any]:
    """Draws index tuples; all of them, once each, where there are no more than asked for.

    Args:
        sparse: how many, with or without replacement, with which probabilities.
        extents: ranges of the indices.
        key: `jax.random.key`.
        points: number of points, for a draw of each; `None` for one draw.

    Returns:
        Integers (R,), or (points, R), for every index, and the weights: one number, or
        (R,), or (points, R).

    Raises:
        OperatorError: for importance weights that do not fit the range.
    """
    sizes = [last - first + 1 for first, last in extents]
    total = math.prod(sizes)
    if isinstance(sparse.importance, tuple):
        return _by_importance(sparse, extents, key, points)
    if sparse.samples >= total and not sparse.replace:
        flat = jnp.arange(total)
        return _shifted(_digits(flat, sizes), extents), 1.0
    draw = _with_replacement if sparse.replace else _without_replacement
    one = partial(draw, sizes, sparse.samples)
    indices = (
        one(key) if points is None else jax.vmap(one)(jax.random.split(key, points))
    )
    return _shifted(indices, extents), total / sparse.samples


def _shifted(indices: Sequence[Array], extents: Sequence[Extent]) -> Indices:
    return tuple(i + first for i, (first, _) in zip(indices, extents, strict=True))


def _digits(flat: Array, sizes: Sequence[int]) -> list[Array]:
    """Splits numbers of tuples into indices, the last one fastest."""
    digits = []
    for size in reversed(sizes):
        digits.append(flat % size)
        flat = flat // size
    return digits[::-1]


def _with_replacement(sizes: Sequence[int], samples: int, key: Array) -> list[Array]:
    keys = jax.random.split(key, len(sizes))
    return [
        jax.random.randint(k, (samples,), 0, size)
        for k, size in zip(keys, sizes, strict=True)
    ]


def _without_replacement(sizes: Sequence[int], samples: int, key: Array) -> list[Array]:
    """Draws distinct tuples, every set of them as likely as any other."""
    total = math.prod(sizes)
    if total <= _INT32:
        return _digits(_subset(total, samples, key), sizes)
    # So many tuples that two alike are rare: then all are drawn again.
    first = jnp.stack(_with_replacement(sizes, samples, key))

    def again(state: tuple[Array, Array]) -> tuple[Array, Array]:
        key, _ = state
        key, part = jax.random.split(key)
        return key, jnp.stack(_with_replacement(sizes, samples, part))

    start = (jax.random.fold_in(key, 1), first)
    _, tuples = lax.while_loop(lambda state: _repeats(state[1]), again, start)
    return list(tuples)


def _repeats(tuples: Array) -> Array:
    """Whether two columns are equal."""
    same = jnp.all(tuples[:, :, None] == tuples[:, None, :], axis=0)
    return jnp.any(jnp.triu(same, 1))


def _subset(total: int, samples: int, key: Array) -> Array:
    """Draws a subset by Floyd's algorithm: no work in the size of the whole.

    Source: Bentley & Floyd, *A sample of brilliance*, CACM 30 (1987) 754.
    """
    tops = jnp.arange(total - samples, total)
    # u in 0 ... top for each step; a top already taken stands for a number taken before.
    guesses = jax.vmap(lambda k, top: jax.random.randint(k, (), 0, top + 1))(
        jax.random.split(key, samples), tops
    )

    def step(place: int, chosen: Array) -> Array:
        guess = guesses[place]
        taken = jnp.any(chosen == guess)
        return chosen.at[place].set(jnp.where(taken, tops[place], guess))

    empty = jnp.full((samples,), -1, guesses.dtype)
    return lax.fori_loop(0, samples, step, empty)


def _by_importance(
    sparse: Sparse, extents: Sequence[Extent], key: Array, points: int | None
) -> tuple[Indices, Array]:
    """Draws with probabilities p; the weights are 1 / (R p): Hansen & Hurwitz."""
    weights = sparse.importance
    sizes = [last - first + 1 for first, last in extents]
    if len(sizes) != 1 or len(weights or ()) != sizes[0]:
        raise OperatorError(
            "importance weights are one number per term of a sum over one index",
            expression=f"{len(weights or ())} weights, ranges {tuple(extents)}",
            hint=f"give {sizes[0]} weights, or leave importance out",
        )
    chances = jnp.asarray(weights)
    chances = chances / jnp.sum(chances)
    shape = (sparse.samples,) if points is None else (points, sparse.samples)
    index = jax.random.categorical(key, jnp.log(chances), shape=shape)
    return (index + extents[0][0],), 1 / (sparse.samples * chances[index])


def draw_directions(
    law: str, dense: Dense, size: int, key: Array, points: int | None, dtype: Any
) -> Array:
    """Draws random directions of a law of `sampling/laws.py`.

    Args:
        law: its name.
        dense: how many; in pairs v, -v if antithetic.
        size: number of entries, d.
        key: `jax.random.key`.
        points: number of points, for directions of each; `None` for the same at all.
        dtype: real.

    Returns:
        Real and imaginary parts, (1 or 2, R, d), or (1 or 2, points, R, d).
    """
    lead = () if points is None else (points,)
    count = dense.samples // 2 if dense.antithetic else dense.samples
    shape = (*lead, count, size)
    if law.startswith("roots_of_unity_"):
        rows = _roots(int(law.rsplit("_", 1)[1]), key, shape, dtype)
    else:
        rows = _LAWS[law](key, shape, dtype)[None]
    return jnp.concatenate([rows, -rows], axis=-2) if dense.antithetic else rows


def _sphere(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    v = jax.random.normal(key, shape, dtype)
    return v / jnp.linalg.norm(v, axis=-1, keepdims=True)


def _skewed(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    """The golden ratio with probability 1/(1 + its square), minus its inverse else."""
    golden = (1 + 5**0.5) / 2
    high = jax.random.bernoulli(key, 1 / (1 + golden**2), shape)
    return jnp.where(high, golden, -1 / golden).astype(dtype)


def _roots(order: int, key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    angle = 2 * jnp.pi * jax.random.randint(key, shape, 0, order) / order
    return jnp.stack([jnp.cos(angle), jnp.sin(angle)]).astype(dtype)


_LAWS: dict[str, Callable[..., Array]] = {
    "rademacher": jax.random.rademacher,
    "gaussian": jax.random.normal,
    "skewed": _skewed,
    "sphere": _sphere,
}
