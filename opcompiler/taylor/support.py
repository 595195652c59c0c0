r"""Which directions of a family an element depends on: its support.

Where a network treats its inputs in parts (electrons, nodes, patches), an element depends
on the coordinates of its own part only. A family of d directions is then held in K
*lanes*: `index` says which direction each lane of an element is.

    h, (50, 64), of 50 nodes with 4 coordinates each:    200 directions
    data (50, 4, 64)      instead of (50, 200, 64)       family axis second, as always
    index (50, 4, 1)      4 i, 4 i + 1, 4 i + 2, 4 i + 3 at node i

One-hot seeds are K = 1. An entrywise rule does not see the difference, because the product
of two lanes of one number is the product of two directions, once the operands are *aligned*
to the same index; so the squares of a Laplacian cost K, not d. What moves entries moves the
index alike; a sum over elements unites what they depend on. `rules/local.py` has these
rules. For any other primitive the family is written out in full (`spread`), as it is where
more lanes are needed than pay.

The index is known when a program is traced. Directions that are drawn at run time are in
`places.py`, which looks at a family from the other side: from each direction to the places
that it changes.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.taylor.arithmetic import total
from opcompiler.taylor.places import family_place, SparseArray
from opcompiler.taylor.value import (
    AlgebraArray,
    Coefficient,
    coefficients,
    family_axis,
    raised,
    Value,
)

Shape = tuple[int, ...]

NONE = -1
"""The index of a lane that an element does not use; its data are zero."""


@dataclass(frozen=True, eq=False)
class Support:
    """The index of a value's families.

    Attributes:
        index: of numpy, (K, ...): the directions that each element depends on, each once,
            or `NONE`. Its other axes are those of the value, of length 1 where the index
            is the same all along.
        count: number of directions of the family.
        most: lanes up to which a family is kept so.
    """

    index: np.ndarray
    count: int
    most: int

    @property
    def lanes(self) -> int:
        """K."""
        return len(self.index)

    def at(self, index: np.ndarray) -> "Support":
        """Returns the support of another value of the same directions."""
        return replace(self, index=index)

    def varies(self, axis: int) -> bool:
        """Whether elements along an axis depend on different directions."""
        return self.index.shape[1 + axis] > 1

    @property
    def pays(self) -> bool:
        """Whether there are few enough lanes."""
        return self.lanes <= self.most


def supports(algebra: TaylorAlgebra) -> bool:
    """Whether the families of an algebra may be held in lanes."""
    # Constants that differ from one direction to the next stand along the family's axis.
    return algebra.has_families and not any(
        isinstance(c, tuple) for *_, c in algebra.products
    )


def families_of(value: AlgebraArray) -> dict[int, Array]:
    """Returns the channels that have the axis of a family."""
    rank = len(value.shape)
    series = enumerate(value.coefficients)
    return {k: c for k, c in series if c is not None and c.ndim > rank}


def is_local(value: Value) -> bool:
    """Whether a value holds its families in lanes."""
    return isinstance(value, AlgebraArray) and value.support is not None


def bare(value: Value) -> Value:
    """Returns a value as one with a family of K directions, for rules that need no more."""
    return replace(value, support=None) if is_local(value) else value


def supported(value: Value, support: Support) -> Value:
    """Returns the result of such a rule as what it is; written out where that pays."""
    if not isinstance(value, AlgebraArray) or not families_of(value):
        return value
    local = replace(value, support=support)
    return local if support.pays else spread(local)


# --- seeds ------------------------------------------------------------------------------


def localised(value: Value, algebra: TaylorAlgebra, most: int | None = None) -> Value:
    """Holds families that are known before anything runs in lanes, if these are few.

    Args:
        value: whose families are arrays of numpy, or it is returned as it is.
        algebra: of the value.
        most: lanes up to which a family is kept so; a third of its directions by default.
    """
    if not isinstance(value, AlgebraArray) or is_local(value) or not supports(algebra):
        return value
    found, rank = families_of(value), len(value.shape)
    if not found or not all(isinstance(c, np.ndarray) for c in found.values()):
        return value
    count = max(channel.count for channel in algebra.channels)
    axis = family_axis(rank)
    first = {k: np.moveaxis(c, axis, 0) for k, c in found.items()}
    used = np.any(
        np.broadcast_arrays(*(np.asarray(c) != 0 for c in first.values())), axis=0
    )
    if len(used) != count:
        return value
    # An axis of one entry in all channels stays one in the index.
    lanes = int(used.sum(0).max(initial=1))
    index = np.where(used, np.arange(count).reshape(-1, *[1] * rank), count)
    index = np.sort(index, axis=0)[:lanes]
    index = np.where(index == count, NONE, index)
    support = Support(index, count, count // 3 if most is None else most)
    if not support.pays:
        return value
    series: list[Coefficient] = list(value.coefficients)
    for k, c in first.items():
        wide = np.broadcast_to(
            c, (count, *np.broadcast_shapes(c.shape[1:], used.shape[1:]))
        )
        at = np.broadcast_to(np.maximum(index, 0), (lanes, *wide.shape[1:]))
        data = np.where(index == NONE, 0, np.take_along_axis(wide, at, 0))
        series[k] = jnp.asarray(np.moveaxis(data, 0, axis), value.dtype)
    return replace(value, coefficients=tuple(series), support=support)


def by_element(value: Value, most: int | None = None) -> Value:
    """Holds one-hot directions in lanes, if their places are known before anything runs.

    Args:
        value: if it is not such a value it is returned as it is.
        most: as of `localised`.
    """
    if not isinstance(value, SparseArray) or len(value.patches) != 1:
        return value
    (patch,), algebra = value.patches, value.split.algebra
    rank = len(value.shape)
    known = [i for i in patch.places.indices if isinstance(i.array, np.ndarray)]
    if len(known) != 1 or patch.places.inside is not None or not supports(algebra):
        return value
    (index,) = known
    count, size = value.split.count, value.shape[index.axis]
    line = index.array.ravel()
    if line.size != count or len(np.unique(line)) != count:
        return value
    direction = np.full(size, NONE)
    direction[line] = np.arange(count)
    dims = [1] * rank
    dims[index.axis] = size
    support = Support(
        direction.reshape(1, *dims), count, count // 3 if most is None else most
    )
    if not support.pays:
        return value
    series: list[Coefficient] = [None] * algebra.size
    for k, c in zip(
        value.split.kept, coefficients(value.base, value.split.bare), strict=True
    ):
        series[k] = c
    axis, place = family_axis(rank), family_place(index.axis, rank)
    for k, channel in enumerate(algebra.channels):
        c = patch.series[k]
        if channel.count == 1 or c is None:
            continue
        if c.shape[axis] > 1 and not np.array_equal(direction, np.arange(count)):
            c = jnp.take(c, np.maximum(direction, 0), axis)
        c = jnp.swapaxes(c, axis, place)
        if (direction < 0).any():
            there = np.expand_dims((direction >= 0).reshape(dims), axis)
            c = jnp.where(there, c, 0)
        series[k] = c
    return AlgebraArray(value.shape, value.dtype, tuple(series), support)


def unit_vectors(
    point: Array, start: int, count: int, most: int | None = None
) -> tuple[Array, Support]:
    """Returns the unit vectors of a point's entries, which are `start` and the next ones.

    Args:
        point: an array.
        start: the number of its first entry.
        count: number of all directions.
        most: lanes up to which a family is kept so; a third of its directions by default.

    Returns:
        The data, one lane that is 1 at every entry, and their support.
    """
    index = start + np.arange(point.size).reshape(1, *point.shape)
    data = jnp.ones((1,) * (point.ndim + 1), point.dtype)
    return data, Support(index, count, count // 3 if most is None else most)


# --- out --------------------------------------------------------------------------------


def spread(value: Value) -> Value:
    """Writes families out in all directions."""
    if not is_local(value):
        return value
    support = value.support
    everything = np.arange(support.count).reshape(-1, *[1] * len(value.shape))
    return replace(routed(value, support.at(everything)), support=None)


# --- from one index to another ----------------------------------------------------------

_SELECTED = 64
"""Pairs of lanes up to which entries are selected pair by pair; others are gathered."""


def routed(value: AlgebraArray, support: Support) -> AlgebraArray:
    """Puts the lanes of a value where they stand in another index, which has them all."""
    before, after = value.support.index, support.index
    if before is after:
        return value
    rank = len(value.shape)
    axis = family_axis(rank)
    # Whether lane k of an element becomes its lane s: (s, k, ...).
    small = len(before) * len(after) <= _SELECTED
    same = (before[None] == after[:, None]) & (before[None] >= 0) if small else None

    def one(c: Array) -> Array:
        if c.shape[axis] != len(before):
            c = jnp.broadcast_to(
                c, (*c.shape[:axis], len(before), *c.shape[axis + 1 :])
            )
        if before.size == len(before) and after.size == len(after):
            return _placed(c, axis, before.ravel(), after.ravel())
        if same is not None:
            return _selected(c, axis, same)
        if _is_everything(after):
            return _scattered(c, axis, before, len(after))
        rows = _gathered(jnp.moveaxis(c, axis, 0), before, after)
        return jnp.moveaxis(rows, 0, axis)

    series = list(value.coefficients)
    for k, c in families_of(value).items():
        series[k] = one(c)
    return replace(value, coefficients=tuple(series), support=support)


def _is_everything(index: np.ndarray) -> bool:
    """Whether each element has all directions, in order."""
    return index.size == len(index) and np.array_equal(
        index.ravel(), np.arange(len(index))
    )


def _placed(data: Array, axis: int, before: np.ndarray, after: np.ndarray) -> Array:
    """Puts lanes that are the same directions everywhere where others are so, too."""
    there = np.flatnonzero(np.isin(after, before[before >= 0]))
    lanes = np.array([int(np.argmax(before == d)) for d in after[there]], int)
    rows = _rows_at(data, axis, lanes)
    low, high = (there[0], there[-1] + 1) if there.size else (0, 0)
    if high - low == len(there):
        sides = [(0, 0)] * data.ndim
        sides[axis] = (int(low), int(len(after) - high))
        return jnp.pad(rows, sides)
    at = np.full(len(after), len(there))
    at[there] = np.arange(len(there))
    sides = [(0, 0)] * data.ndim
    sides[axis] = (0, 1)
    return jnp.take(jnp.pad(rows, sides), jnp.asarray(at), axis=axis)


def _rows_at(data: Array, axis: int, at: np.ndarray) -> Array:
    """Picks lanes; those that follow each other are cut out."""
    low = int(at[0]) if at.size else 0
    if np.array_equal(at, np.arange(low, low + len(at))):
        return lax.slice_in_dim(data, low, low + len(at), axis=axis)
    return jnp.take(data, jnp.asarray(at), axis=axis)


def _selected(data: Array, axis: int, same: np.ndarray) -> Array:
    """Makes each lane of those that it is the same as somewhere, (s, k, ...)."""
    # In place: lanes in front and back again are two copies.
    lanes = [lax.slice_in_dim(data, k, k + 1, axis=axis) for k in range(same.shape[1])]
    rows = []
    for row in same:
        terms = [
            lane if mask.all() else jnp.where(np.expand_dims(mask, axis), lane, 0)
            for lane, mask in zip(lanes, row, strict=True)
            if mask.any()
        ]
        rows.append(sum(terms[1:], terms[0]) if terms else jnp.zeros_like(lanes[0]))
    shape = jnp.broadcast_shapes(*(row.shape for row in rows))
    return jnp.concatenate([jnp.broadcast_to(row, shape) for row in rows], axis)


def _scattered(data: Array, axis: int, before: np.ndarray, count: int) -> Array:
    """Compares each direction with the index: nothing is picked one by one."""
    width = _block(before, count)
    sizes = [1] * (data.ndim + 1)
    sizes[axis] = count // width
    number = lax.broadcasted_iota(np.int32, sizes, axis)
    total: Any = None
    for k in range(0, len(before), width):
        lanes = lax.slice_in_dim(data, k, k + width, axis=axis)
        block = np.expand_dims(before[k] // width, (axis, axis + 1)).astype(np.int32)
        part = jnp.where(number == block, jnp.expand_dims(lanes, axis), 0)
        total = part if total is None else total + part
    return total.reshape(*total.shape[:axis], count, *total.shape[axis + 2 :])


def _block(index: np.ndarray, count: int) -> int:
    """Returns how many lanes at a time are directions in a row, and begin a block of these.

    The three coordinates of an electron are compared as one.
    """
    lanes = len(index)
    for width in (w for w in range(lanes, 1, -1) if lanes % w == 0 == count % w):
        groups = index.reshape(lanes // width, width, *index.shape[1:])
        line = np.arange(width).reshape(-1, *[1] * (index.ndim - 1))
        first = groups[:, :1]
        row = np.where(first == NONE, NONE, first + line)
        if (groups == row).all() and (first[first >= 0] % width == 0).all():
            return width
    return 1


def _gathered(data: Array, before: np.ndarray, after: np.ndarray) -> Array:
    dims = np.broadcast_shapes(before.shape[1:], after.shape[1:])
    old = np.broadcast_to(before, (len(before), *dims))
    new = np.broadcast_to(after, (len(after), *dims))
    from_lane = np.full(new.shape, len(old))
    for k, row in enumerate(old):
        from_lane[(new == row) & (new >= 0)] = k
    spare = jnp.concatenate([data, jnp.zeros_like(data[:1])])
    shape = jnp.broadcast_shapes(spare.shape[1:], dims)
    spare = jnp.broadcast_to(spare, (len(spare), *shape))
    at = np.broadcast_to(from_lane, (len(new), *shape)).astype(np.int32)
    return jnp.take_along_axis(spare, jnp.asarray(at), 0)


def narrow(index: np.ndarray) -> np.ndarray:
    """Gives an index length 1 along axes on which it is the same."""
    for axis in range(1, index.ndim):
        first = index.take([0], axis) if index.shape[axis] else index
        if (index == first).all():
            index = first
    return index


def united(indices: Sequence[np.ndarray]) -> np.ndarray:
    """Returns an index that holds others, element by element."""
    first, *others = indices
    for other in others:
        if first.shape == other.shape and np.array_equal(first, other):
            continue
        dims = np.broadcast_shapes(first.shape[1:], other.shape[1:])
        first, other = (np.broadcast_to(i, (len(i), *dims)) for i in (first, other))
        # The first keeps its lanes; behind them is what the other has beside it.
        known = (other[:, None] == first[None]).any(1)
        more = np.where(known, NONE, other)
        first = _compact(np.concatenate([first, more[(more >= 0).any(_axes(more))]]))
    return first


def _axes(index: np.ndarray) -> Shape:
    return tuple(range(1, index.ndim))


def _compact(index: np.ndarray) -> np.ndarray:
    """Drops lanes that are empty if the others move up."""
    needed = int((index >= 0).sum(0).max(initial=1))
    if needed == len(index):
        return index
    order = np.argsort(index < 0, axis=0, kind="stable")[:needed]
    return np.take_along_axis(index, order, 0)


def united_along(index: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    """Returns an index of all that elements along some axes depend on."""
    moved = np.moveaxis(index, [1 + a for a in axes], range(1, 1 + len(axes)))
    rows = moved.reshape(-1, *moved.shape[len(axes) + 1 :])
    order = np.argsort(rows, axis=0, kind="stable")
    line = np.take_along_axis(rows, order, 0)
    again = np.concatenate([line[:1] < 0, line[1:] == line[:-1]])
    known = np.zeros_like(again)
    np.put_along_axis(known, order, again, 0)
    found = _by_axis(_compact(np.where(known, NONE, rows)))
    return np.expand_dims(found, [1 + a for a in sorted(axes)])


_COMPARED = 10_000_000
"""Comparisons up to which lanes are put in order."""


def _by_axis(index: np.ndarray) -> np.ndarray:
    """Puts lanes in an order in which each varies along one axis, as far as there is one.

    In pairs (i, j) the first lanes are directions of i, the others of j; the pair (i, i)
    does not use these. So a sum over i finds the same directions at all j.
    """
    axes = [a for a in range(1, index.ndim) if index.shape[a] > 1]
    if len(axes) < 2 or len(index) * index.size > _COMPARED:
        return index
    rest, lanes = index, []
    for axis in axes:
        # What all elements at one place of this axis depend on: (lanes, places).
        slices = np.moveaxis(index, axis, 1).reshape(len(index), index.shape[axis], -1)
        first = slices[:, None, :, :1]
        common = (slices[None] == first).any(1).all(-1) & (first[:, 0, :, 0] >= 0)
        number = int(common.sum(0).max())
        if not number:
            continue
        beyond = np.iinfo(index.dtype).max
        found = np.sort(np.where(common, first[:, 0, :, 0], beyond), axis=0)[:number]
        dims = [1] * index.ndim
        dims[0], dims[axis] = found.shape
        found = np.where(found == beyond, NONE, found).reshape(dims)
        same = (rest[:, None] == found[None]) & (found[None] >= 0)
        lanes.append(np.where(same.any(0), found, NONE))
        rest = np.where(same.any(1), NONE, rest)
    rest = rest[(rest >= 0).any(_axes(rest))]
    ordered = np.concatenate([*lanes, _compact(rest)] if len(rest) else lanes or [rest])
    return ordered if 0 < len(ordered) <= len(index) else index


def aligned(
    values: Sequence[Value], shape: Shape
) -> tuple[list[Value], Support | None]:
    """Brings the operands of an entrywise operation to one index.

    Args:
        values: some of them local.
        shape: of the result.

    Returns:
        The operands without supports, and the support of the result; `None`, if one of
        them has a family that is written out, or the lanes are too many: then all are.
    """
    values = [_raised(value, shape) for value in values]
    local = [value for value in values if is_local(value)]
    full = [
        value
        for value in values
        if isinstance(value, AlgebraArray)
        and not is_local(value)
        and families_of(value)
    ]
    support = local[0].support
    if not full:
        support = support.at(united([value.support.index for value in local]))
    if full or not support.pays:
        return [spread(value) for value in values], None
    values = [routed(value, support) if is_local(value) else value for value in values]
    return [bare(value) for value in values], support


def _raised(value: Value, shape: Shape) -> Value:
    """Gives the index of a number the axes of the array beside it, as its channels."""
    if not is_local(value) or value.shape or not shape:
        return raised(value, shape)
    index = value.support.index.reshape(-1, *[1] * len(shape))
    return replace(raised(bare(value), shape), support=value.support.at(index))


def unified(value: AlgebraArray, axes: Sequence[int]) -> AlgebraArray:
    """Gives elements along some axes the same index; their data are full along these."""
    axes = [a for a in axes if value.support.varies(a)]
    if not axes:
        return value
    support = value.support.at(united_along(value.support.index, axes))
    if not support.pays:
        return spread(value)
    return routed(value, support)


# --- sums -------------------------------------------------------------------------------


def grouped(index: np.ndarray, count: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorts the lanes of a column of elements by direction.

    Args:
        index: (rows, columns), what each lane of each element is.
        count: number of all directions.
        most: lanes up to which a family is kept so.

    Returns:
        The directions of each column, (lanes, columns) or all of them, (count, 1); and for
        each the rows that have it, (lanes, L, columns), padded with `NONE`.
    """
    order = np.argsort(index, axis=0, kind="stable")
    rows = np.take_along_axis(index, order, 0)
    there = rows >= 0
    first = there & np.concatenate([there[:1], rows[1:] != rows[:-1]])
    lanes = max(int(first.sum(0).max(initial=0)), 1)
    if lanes <= most:
        lane, found = np.cumsum(first, 0) - 1, np.full((lanes, index.shape[1]), NONE)
    else:
        lanes, lane, found = count, rows, np.arange(count)[:, None]
    start = np.maximum.accumulate(np.where(first, np.arange(len(rows))[:, None], 0), 0)
    nth = np.arange(len(rows))[:, None] - start
    longest = int(nth[there].max(initial=0)) + 1
    sources = np.full((lanes, longest, index.shape[1]), NONE)
    column = np.broadcast_to(np.arange(index.shape[1]), rows.shape)
    sources[lane[there], nth[there], column[there]] = order[there]
    if lanes <= most:
        found[lane[there], column[there]] = rows[there]
    return found, sources


def summed(
    value: AlgebraArray, axes: Sequence[int]
) -> tuple[dict[int, Array], Support]:
    """Sums families over axes along which their index varies.

    A lane that is the same direction in all that is summed is summed as it is: of pairs
    (i, j) summed over i the lanes of j. The others are sorted by direction.

    Returns:
        For each family's channel its sum, and their support, of the axes that are left;
        all directions in order, where more lanes would be needed than pay.
    """
    axes, index = sorted(axes), value.support.index
    sizes = (value.shape[a] if a in axes else n for a, n in enumerate(index.shape[1:]))
    index = np.broadcast_to(index, (len(index), *sizes))
    over = tuple(1 + a for a in axes)
    first = index.max(over, keepdims=True)
    alike = ((index == first) | (index == NONE)).reshape(len(index), -1).all(1)
    if _repeats(first[alike]):
        alike[:] = False
    ways = [
        _sum_alike(value, axes, index, np.flatnonzero(alike)),
        _sum_unlike(value, axes, index, np.flatnonzero(~alike)),
    ]
    parts = [part for part in ways if part is not None]
    whole = united([part.support.index for part in parts])
    if len(whole) > value.support.most:
        whole = np.arange(value.support.count).reshape(-1, *[1] * (whole.ndim - 1))
    support = value.support.at(whole)
    found = [families_of(routed(part, support)) for part in parts]
    return {k: total([f[k] for f in found]) for k in found[0]}, support


def _repeats(index: np.ndarray) -> bool:
    """Whether a direction stands in two lanes of an element."""
    rows = np.sort(index, axis=0)
    return bool(((rows[1:] == rows[:-1]) & (rows[1:] >= 0)).any())


def _sum_alike(
    value: AlgebraArray, axes: Sequence[int], index: np.ndarray, lanes: np.ndarray
) -> AlgebraArray | None:
    """Sums lanes that are the same direction along axes, where they are one at all."""
    if not lanes.size:
        return None
    rank, index = len(value.shape), index[lanes]
    axis, places = family_axis(rank), [family_place(a, rank) for a in axes]
    there, left = np.moveaxis(index >= 0, 0, axis), axis - sum(p < axis for p in places)

    def one(data: Array) -> Array:
        whole = list(data.shape)
        for a, place in zip(axes, places, strict=True):
            whole[place] = value.shape[a]
        whole[axis] = len(lanes)
        full = jnp.broadcast_to(data, whole)
        if full.shape != data.shape and not there.all():
            full = jnp.where(there, full, 0)
        sums = jnp.sum(full, tuple(places), dtype=data.dtype)
        return jnp.moveaxis(sums, left, family_axis(rank - len(axes)))

    return _of_lanes(value, axes, lanes, one, index.max(tuple(1 + a for a in axes)))


def _sum_unlike(
    value: AlgebraArray, axes: Sequence[int], index: np.ndarray, lanes: np.ndarray
) -> AlgebraArray | None:
    """Sums lanes that are other directions along axes, after sorting them by direction."""
    if not lanes.size:
        return None
    support = value.support
    kept = [a for a in range(len(value.shape)) if a not in axes]
    # Lanes behind elements: that is the order in which directions are numbered.
    order = [*(1 + a for a in axes), 0, *(1 + a for a in kept)]
    used, index = index[lanes] >= 0, narrow(index[lanes])
    for a in kept:
        # A lane may be one direction all along, or none: of pairs (i, j) the lane of j,
        # which the pair (j, j) does not use, because it has one of i already.
        same = index.max(1 + a, keepdims=True)
        if ((index == same) | (index == NONE)).all():
            index = same
    index = index.transpose(order)
    index = np.broadcast_to(
        index, (*(value.shape[a] for a in axes), *index.shape[len(axes) :])
    )
    dims = index.shape[1 + len(axes) :]
    rows = index.reshape(-1, math.prod(dims))
    most = support.count if rows.shape[1] == 1 else support.most
    found, sources = grouped(rows, support.count, most)
    count, longest, columns = sources.shape
    own = dims if found.shape[1] > 1 else [1] * len(dims)

    before, after = family_axis(len(value.shape)), family_axis(len(kept))

    def one(data: Array) -> Array:
        data = jnp.moveaxis(data, before, 0)
        if not used.all():
            data = jnp.where(used, data, 0)
        whole = (
            value.shape[a] if a in axes else n for a, n in enumerate(data.shape[1:])
        )
        data = jnp.broadcast_to(data, (len(lanes), *whole))
        data = data.transpose(order).reshape(-1, *(data.shape[1 + a] for a in kept))
        if columns == 1:
            line = sources.reshape(-1)
            if np.array_equal(line, np.arange(len(data))):
                picked = data
            else:
                picked = jnp.take(data, jnp.asarray(np.maximum(line, 0)), axis=0)
                if (line < 0).any():
                    there = (line >= 0).reshape(-1, *[1] * len(kept))
                    picked = jnp.where(there, picked, 0)
        else:
            shape = jnp.broadcast_shapes(data.shape[1:], dims)
            data = jnp.broadcast_to(data, (len(data), *shape))
            at = np.broadcast_to(sources.reshape(-1, *dims), (count * longest, *shape))
            picked = jnp.take_along_axis(data, jnp.asarray(np.maximum(at, 0)), 0)
            picked = jnp.where(at >= 0, picked, 0)
        picked = picked.reshape(count, longest, *picked.shape[1:])
        sums = picked[:, 0] if longest == 1 else jnp.sum(picked, 1, dtype=data.dtype)
        return jnp.moveaxis(sums, 0, after)

    return _of_lanes(value, axes, lanes, one, found.reshape(-1, *own))


def _of_lanes(
    value: AlgebraArray,
    axes: Sequence[int],
    lanes: np.ndarray,
    function: Callable[[Array], Array],
    index: np.ndarray,
) -> AlgebraArray:
    """Applies a sum over axes to some lanes of all families."""
    shape = tuple(n for a, n in enumerate(value.shape) if a not in axes)
    axis = family_axis(len(value.shape))
    series: list[Coefficient] = [None] * len(value.coefficients)
    for k, c in families_of(value).items():
        if c.shape[axis] > 1 and len(lanes) < c.shape[axis]:
            c = _rows_at(c, axis, lanes)
        series[k] = function(c)
    return AlgebraArray(shape, value.dtype, tuple(series), value.support.at(index))
