"""Seeds that are zero but for one place: coordinate directions."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from opcompiler import _compat
from opcompiler.algebra.families import split
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.errors import OperatorError
from opcompiler.taylor.places import base_at, hits, Index, Patch, Places, SparseArray
from opcompiler.taylor.value import Coefficient, family_axis, make, Value

Shape = tuple[int, ...]


@dataclass(frozen=True)
class OneHot:
    """Seeds of a family of R directions, each non-zero at one place along an axis.

    Attributes:
        indices: integers (R,), the same at all points, or (N, R), one set for each place
            along the leading axis. Places may repeat. Concrete ones are checked to lie in
            the axis; traced ones outside of it make the result NaN.
        values: broadcasts to the shape of `indices`.
        axis: of the value.
        below: all places are smaller, if it is given: then what the program cuts off
            from there on, a time behind the coordinates say, is known to be untouched.

    Examples:
        >>> oc.taylor.OneHot(jnp.array([0, 5, 7])).axis
        -1
    """

    indices: Any
    values: Any = 1
    axis: int = -1
    below: int | None = None


def seeded(
    point: Array, seeds: Sequence[Coefficient | OneHot], algebra: TaylorAlgebra
) -> Value:
    """Builds a value from its seeds, some of them one-hot.

    Raises:
        OperatorError: for one-hot seeds of a channel that is no family of as many
            directions, or of places that are not there; for other seeds that do not
            broadcast to the point, or are complex where it is real.
    """
    hot = {k: seed for k, seed in enumerate(seeds, 1) if isinstance(seed, OneHot)}
    dense = [
        None
        if seed is None or isinstance(seed, OneHot)
        else _like(point, seed, algebra.channels[k].count)
        for k, seed in enumerate(seeds, 1)
    ]
    if not hot:
        return make((point, *dense), point.shape, point.dtype)
    for k, seed in hot.items():
        _check(seed, point.shape, algebra.channels[k].count)
    parts = split(algebra)
    families = [k for k, c in enumerate(algebra.channels) if c.count > 1]
    if parts is None or any(dense[k - 1] is not None for k in families):
        for k, seed in hot.items():
            dense[k - 1] = _written_out(seed, point.shape, point.dtype)
        return make((point, *dense), point.shape, point.dtype)
    base = make(
        (point, *(dense[k - 1] for k in parts.kept[1:])), point.shape, point.dtype
    )
    groups: dict[Hashable, list[int]] = {}
    for k, seed in hot.items():
        groups.setdefault((id(seed.indices), seed.axis, seed.below), []).append(k)
    patches = []
    for members in groups.values():
        places, _ = _seed_places(hot[members[0]], point.shape, point.dtype)
        series = base_at(SparseArray(parts, point.shape, point.dtype, base, ()), places)
        for k in members:
            series[k] = _seed_places(hot[k], point.shape, point.dtype)[1]
        patches.append(Patch(places, tuple(series)))
    return SparseArray(parts, point.shape, point.dtype, base, tuple(patches))


def _like(point: Array, seed: Any, count: int) -> Any:
    """Returns a dense seed with all axes of a coefficient, some of length 1.

    What is of numpy stays of numpy, for then it is known where it is zero.
    """
    array = seed if isinstance(seed, jax.Array) else np.asarray(seed)
    at = family_axis(point.ndim)
    families = () if count == 1 else (count,)
    shape = (*point.shape[:at], *families, *point.shape[at:])
    try:
        fits = np.broadcast_shapes(array.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise OperatorError(
            f"a seed of shape {array.shape} does not broadcast to {shape}",
            expression=f"a seed of shape {array.shape}",
            hint="give a seed of the point's shape; a family's has an axis of "
            f"directions at place {at} besides",
        )
    if np.can_cast(array.dtype, point.dtype, "same_kind"):
        array = array.astype(point.dtype)
    if array.dtype != point.dtype:
        raise OperatorError(
            f"a seed has dtype {array.dtype} where the point has {point.dtype}",
            expression=f"a seed of {array.dtype}",
            hint="give a seed of the point's dtype",
        )
    if array.ndim == len(shape):
        return array
    return array.reshape((1,) * (len(shape) - array.ndim) + array.shape)


def _check(seed: OneHot, shape: Shape, count: int) -> None:
    indices = jnp.asarray(seed.indices)
    expression = f"OneHot with indices of shape {indices.shape}"
    if not -len(shape) <= seed.axis < len(shape):
        raise OperatorError(
            f"a value of shape {shape} has no axis {seed.axis}",
            expression=expression,
            hint="the last axis, -1, holds the coordinates of a point",
        )
    lead = (count,), (*shape[: family_axis(len(shape))], count)
    if indices.shape not in lead or not jnp.issubdtype(indices.dtype, jnp.integer):
        raise OperatorError(
            f"the family has {count} directions and the points {shape}, which the "
            "indices do not fit",
            expression=f"{expression}, {indices.dtype}",
            hint=f"give integers of shape {lead[0]}, or {lead[1]} for a set per point",
        )
    if len(indices.shape) == 2 and seed.axis % len(shape) == 0:
        raise OperatorError(
            "the leading axis cannot hold both the points and the places",
            expression=expression,
            hint="give indices (R,), the same at all points",
        )
    size = shape[seed.axis] if seed.below is None else seed.below
    if _compat.is_concrete(indices):
        wrong = [int(i) for i in np.unique(indices) if not 0 <= i < size]
        if wrong:
            raise OperatorError(
                f"a place is not among the first {size} of the axis",
                expression=f"indices {wrong[:5]}",
                hint="places are counted from 0",
            )


def _seed_places(seed: OneHot, shape: Shape, dtype: Any) -> tuple[Places, Array]:
    """Returns the places of a seed and its values there."""
    rank, axis = len(shape), seed.axis % len(shape)
    # Known places stay of numpy: so rules see that they stand one after the other.
    indices = seed.indices
    if not isinstance(indices, np.ndarray):
        indices = jnp.asarray(indices)
    values = jnp.broadcast_to(jnp.asarray(seed.values, dtype), indices.shape)
    high = shape[axis] if seed.below is None else seed.below
    if not _compat.is_concrete(indices):
        there = (indices >= 0) & (indices < high)
        values = jnp.where(there, values, jnp.asarray(jnp.nan, dtype))
        indices = jnp.clip(indices, 0, high - 1)
    lead = (1,) * (2 - indices.ndim)
    full = (*lead, *indices.shape, *(1,) * (rank - 1))
    index = Index(indices.reshape(full), axis, object(), 0, 0, high)
    return Places((index,)), values.reshape(full)


def _written_out(seed: OneHot, shape: Shape, dtype: Any) -> Array:
    places, values = _seed_places(seed, shape, dtype)
    return jnp.where(hits(places, shape), values, 0)
