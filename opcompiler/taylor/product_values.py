"""Values at the points of a product of axes, each at the fewest points that it needs.

`product.py` says what they are for, and where each comes from.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from opcompiler import _compat
from opcompiler._compat import Equation

Axes = tuple[int, ...]
"""Numbers of axes of the product, sorted."""


@dataclass(frozen=True)
class Piece:
    """Columns of the points that vary along the same axes.

    Attributes:
        columns: their numbers.
        axes: along which they vary.
        kind: pieces of two kinds are kept apart, also where they vary along the same axes:
            what no derivative goes by stays without channels.
    """

    columns: tuple[int, ...]
    axes: Axes
    kind: int = 0


@dataclass(frozen=True)
class Rows:
    """A value at all points of some axes.

    Attributes:
        axes: of the product, at least one.
        array: (points of these axes, *shape), the last axis fastest.
        kind: of the piece, if it is one or a part of one.
    """

    axes: Axes
    array: Array
    kind: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the value at one point."""
        return self.array.shape[1:]


@dataclass(frozen=True)
class Mixed:
    """Parts that vary along different axes, side by side in one dimension.

    Attributes:
        shape: of the value at one point.
        dim: the dimension.
        parts: (the places along it, what stands there); together all places.
    """

    shape: tuple[int, ...]
    dim: int
    parts: tuple[tuple[np.ndarray, Any], ...]


@dataclass
class Factors:
    """The product of rows along different axes.

    Attributes:
        shape: of the value at one point, and of every factor.
        factors: no one's axes hold another one's.
        product: the value, once somebody needed it.
    """

    shape: tuple[int, ...]
    factors: tuple[Rows, ...]
    product: Rows | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Points:
    """The points of a product; what values at them are made of each other.

    Attributes:
        lengths: of the axes.
    """

    lengths: tuple[int, ...]

    def size(self, axes: Axes) -> int:
        """Returns the number of points of some axes."""
        return math.prod(self.lengths[a] for a in axes)

    def whole(self, value: Any) -> Any:
        """Returns a value as rows, or as an array that is the same at all points."""
        if isinstance(value, Factors):
            if value.product is None:
                by_size = sorted(value.factors, key=lambda f: self.size(f.axes))
                value.product = reduce(self.times, by_size)
            return value.product
        if not isinstance(value, Mixed):
            return value
        axes = union(part for _, part in value.parts)
        arrays = [self.widened(part, axes) for _, part in value.parts]
        order = np.argsort(np.concatenate([places for places, _ in value.parts]))
        array = jnp.concatenate(arrays, axis=1 + value.dim)
        return Rows(axes, take(array, 1 + value.dim, order))

    def widened(self, value: Any, axes: Axes) -> Array:
        """Returns rows, or an array that does not vary, at all points of more axes."""
        own, array = (
            (value.axes, value.array) if isinstance(value, Rows) else ((), value[None])
        )
        if own == axes:
            return array
        shape = array.shape[1:]
        short = [self.lengths[a] if a in own else 1 for a in axes]
        long = [self.lengths[a] for a in axes]
        wide = jnp.broadcast_to(array.reshape(*short, *shape), (*long, *shape))
        return wide.reshape(-1, *shape)

    def unrolled(self, value: Any) -> Array:
        """Returns a value with an axis for each of the product, of length 1 or all."""
        value = self.whole(value)
        axes = value.axes if isinstance(value, Rows) else ()
        array = value.array if isinstance(value, Rows) else jnp.asarray(value)
        shape = [n if a in axes else 1 for a, n in enumerate(self.lengths)]
        return array.reshape(*shape, *(array.shape[1:] if axes else array.shape))

    def joined(self, shape: Any, dim: int, parts: list[tuple[np.ndarray, Any]]) -> Any:
        """Returns parts side by side; those of one kind along the same axes become one."""
        groups: dict[tuple[Axes, int], list[tuple[np.ndarray, Any]]] = {}
        for places, part in parts:
            if len(places):
                kind = part.kind if isinstance(part, Rows) else 0
                groups.setdefault((axes_of(part), kind), []).append((places, part))
        made: list[tuple[np.ndarray, Any]] = []
        for (axes, kind), group in groups.items():
            places = np.concatenate([p for p, _ in group])
            order = np.argsort(places)
            arrays = [v.array if axes else jnp.asarray(v) for _, v in group]
            along = dim + bool(axes)
            array = arrays[0] if len(arrays) == 1 else jnp.concatenate(arrays, along)
            array = take(array, along, order)
            made.append((places[order], Rows(axes, array, kind) if axes else array))
        if len(made) == 1:
            return made[0][1]
        return Mixed(tuple(shape), dim, tuple(made))

    def taken(self, value: Any, dim: int, places: np.ndarray) -> Any:
        """Returns a value at some places along a dimension."""
        if isinstance(value, Mixed) and value.dim == dim:
            parts = []
            for own, part in value.parts:
                inside = np.isin(places, own)
                at = np.searchsorted(own, places[inside])
                parts.append((np.flatnonzero(inside), self.taken(part, dim, at)))
            shape = replaced(value.shape, dim, len(places))
            return self.joined(shape, dim, parts)
        value = self.whole(value)
        if isinstance(value, Rows):
            return Rows(value.axes, take(value.array, 1 + dim, places), value.kind)
        return take(jnp.asarray(value), dim, places)

    def at_all(self, equation: Equation, operands: Sequence[Any]) -> list[Any]:
        """Runs an equation at the points of all axes that an operand varies along."""
        operands = [self.whole(value) for value in operands]
        axes = union(operands)
        arrays = [self.widened(v, axes) if isinstance(v, Rows) else v for v in operands]
        places = [0 if isinstance(v, Rows) else None for v in operands]
        run = jax.vmap(lambda *rows: _compat.bind(equation, *rows), places)
        return [Rows(axes, array) for array in run(*arrays)]

    def times(self, left: Any, right: Any) -> Any:
        """Multiplies rows, at the points of all their axes."""
        axes = union((left, right))
        return Rows(axes, self.widened(left, axes) * self.widened(right, axes))

    def dot(
        self, left: Any, right: Any, dimensions: Any, options: dict[str, Any]
    ) -> Any:
        """Returns `lax.dot_general` of rows or arrays, at the points of all their axes.

        Axes that both vary along are batched; an axis of one operand alone is one more
        dimension of it that is kept. Points come first in what is returned.
        """
        if not isinstance(left, Rows):
            swapped = tuple(pair[::-1] for pair in dimensions)
            found = self.dot(right, left, swapped, options)
            count = len(dimensions[1][0])
            kept = [
                jnp.ndim(left) - len(dimensions[0][0]) - count,
                len(right.shape) - len(dimensions[0][1]) - count,
            ]
            first = 1 + count
            order = [
                *range(first),
                *range(first + kept[1], first + kept[1] + kept[0]),
                *range(first, first + kept[1]),
            ]
            return Rows(found.axes, transposed(found.array, order))
        (lsum, rsum), (lbatch, rbatch) = dimensions
        other = right.axes if isinstance(right, Rows) else ()
        both = tuple(a for a in left.axes if a in other)
        mine = tuple(a for a in left.axes if a not in other)
        theirs = tuple(a for a in other if a not in left.axes)
        l, before = self._axes_first(left, both, mine)
        r, after = self._axes_first(right, both, theirs)
        shift_l, shift_r = len(before), len(after)
        moved = (
            (
                [d + shift_l for d in lsum],
                [d + shift_r for d in rsum],
            ),
            (
                [*range(bool(both)), *(d + shift_l for d in lbatch)],
                [*range(bool(both)), *(d + shift_r for d in rbatch)],
            ),
        )
        found = lax.dot_general(l, r, moved, **options)
        # (both, batch, mine, kept of left, theirs, kept of right)
        batch = len(lbatch)
        kept_l = l.ndim - shift_l - len(lsum) - batch
        kept_r = r.ndim - shift_r - len(rsum) - batch
        at = iter(range(found.ndim))
        take = lambda n: [next(at) for _ in range(n)]
        shared, batched, own = take(bool(both)), take(batch), take(bool(mine))
        first, others, second = take(kept_l), take(bool(theirs)), take(kept_r)
        order = [*shared, *own, *others, *batched, *first, *second]
        return self._sorted(transposed(found, order), (*both, *mine, *theirs),
                            len(batched) + len(first) + len(second))  # fmt: skip

    def _axes_first(self, value: Any, both: Axes, own: Axes) -> tuple[Array, list[int]]:
        """Returns the array with one axis for the shared points, one for its own."""
        if not isinstance(value, Rows):
            return jnp.asarray(value), []
        order = [*both, *own]
        split = value.array.reshape(
            *(self.lengths[a] for a in value.axes), *value.shape
        )
        rest = range(len(order), split.ndim)
        split = transposed(split, [*(value.axes.index(a) for a in order), *rest])
        front = [self.size(axes) for axes in (both, own) if axes]
        return split.reshape(*front, *value.shape), front

    def _sorted(self, array: Array, axes: Axes, rank: int) -> Rows:
        """Returns rows of an array whose axes of the product are in another order."""
        shape = array.shape[array.ndim - rank :]
        split = array.reshape(*(self.lengths[a] for a in axes), *shape)
        order = sorted(range(len(axes)), key=axes.__getitem__)
        split = transposed(split, [*order, *range(len(axes), split.ndim)])
        return Rows(tuple(sorted(axes)), split.reshape(-1, *shape))


def varies(value: Any) -> bool:
    """Whether a value depends on the point."""
    return isinstance(value, Rows | Mixed | Factors)


def shape_of(value: Any) -> tuple[int, ...]:
    """Returns the shape that a value has at one point."""
    return value.shape if varies(value) else jnp.shape(value)


def broadcasts(one: Sequence[int], to: Sequence[int]) -> bool:
    """Whether a primitive of entries takes a shape beside one of what it returns."""
    return not one or (
        len(one) == len(to) and all(n in (1, m) for n, m in zip(one, to, strict=True))
    )


def spread(rows: Rows, shape: tuple[int, ...]) -> Rows:
    """Returns rows whose value has a shape that theirs broadcasts to."""
    if rows.shape == shape:
        return rows
    count = len(rows.array)
    line = rows.array.reshape(count, *(rows.shape or (1,) * len(shape)))
    return Rows(rows.axes, jnp.broadcast_to(line, (count, *shape)), rows.kind)


def axes_of(value: Any) -> Axes:
    """Returns the axes along which rows vary; none for an array."""
    return value.axes if isinstance(value, Rows) else ()


def union(values: Any) -> Axes:
    """Returns the axes along which any of the rows varies."""
    return tuple(sorted({axis for value in values for axis in axes_of(value)}))


def replaced(shape: Sequence[int], dim: int, size: int) -> tuple[int, ...]:
    """Returns a shape with another size of one dimension."""
    return (*shape[:dim], size, *shape[dim + 1 :])


def take(array: Array, axis: int, places: np.ndarray) -> Array:
    """Returns an array at some places of an axis; a slice, if they are in a row."""
    size = array.shape[axis]
    if len(places) == size and np.array_equal(places, np.arange(size)):
        return array
    if len(places) and np.array_equal(places, places[0] + np.arange(len(places))):
        return lax.slice_in_dim(array, places[0], places[0] + len(places), axis=axis)
    return jnp.take(array, places, axis=axis)


def transposed(array: Array, order: Sequence[int]) -> Array:
    """Returns an array with its dimensions in an order; itself, if that is theirs."""
    return array if list(order) == list(range(array.ndim)) else array.transpose(order)
