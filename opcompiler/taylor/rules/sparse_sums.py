"""Sparse values summed: over places, against a matrix, by a convolution, by a gather.

In: a value that each direction changes at one place (see `places.py`). Out: the value of
the sum, sparse where places are left, else with full families. All are linear, so it is
enough to say, patch by patch, where the changes go and what they become; `collected` adds
them to the sum of the bases. A matrix product takes one row of the matrix per direction,
instead of multiplying by zeros: this is why a derivative by one coordinate of a point in d
dimensions does not cost d.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from opcompiler import _compat
from opcompiler.taylor.interpret import rewritten
from opcompiler.taylor.places import (
    assembled,
    changes,
    family_place,
    Index,
    Patch,
    Places,
    SparseArray,
    take,
)
from opcompiler.taylor.primitives import Context
from opcompiler.taylor.rules.sparse_entries import on_bases, sparse
from opcompiler.taylor.value import (
    Active,
    coefficients,
    family_axis,
    instantiate,
    lift,
    Value,
)

Shape = tuple[int, ...]
Changes = dict[int, Array]
"""What each direction adds to an output, channel by channel."""


def collected(
    value: SparseArray,
    aval: Any,
    base: Value,
    found: Sequence[tuple[Places | None, Changes]],
) -> list[Value] | None:
    """Builds the output of a linear operation.

    Args:
        value: the operand.
        aval: of the output.
        base: the output without the family.
        found: for each patch where it stands in the output and what it adds there;
            `None` for everywhere.
    """
    parts, rank = value.split, len(aval.shape)
    everywhere = [changed for places, changed in found if places is None]
    if len(everywhere) == len(found):
        families: dict[int, list[Array]] = {}
        sums: dict[int, list[Array]] = {}
        for changed in everywhere:
            for k, c in changed.items():
                if parts.algebra.channels[k].count > 1:
                    families.setdefault(k, []).append(c)
                else:
                    sums.setdefault(k, []).append(jnp.sum(c, family_axis(rank)))
        return [assembled(parts, base, families, sums)]
    if everywhere:
        return None
    known = dict(zip(parts.kept, coefficients(base, parts.bare), strict=True))
    patches = []
    for places, changed in found:
        assert places is not None
        series = []
        for k in range(parts.algebra.size):
            c, added = known.get(k), changed.get(k)
            there = None if c is None else take(c, places, rank)
            series.append(
                there if added is None else added if there is None else there + added
            )
        patches.append(Patch(places, tuple(series)))
    return [sparse(parts, aval, base, patches)]


def varies_along(places: Places, axes: Sequence[int], rank: int) -> bool:
    """Whether directions stand at different places along axes without an index."""
    arrays = [i.array for i in places.indices]
    arrays += [] if places.inside is None else [places.inside]
    return any(a.shape[family_place(axis, rank)] > 1 for a in arrays for axis in axes)


# --- sums -------------------------------------------------------------------------------


def reduce_sum(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """Sums over places leave one number per direction."""
    (value,) = inputs
    (aval,) = _compat.output_avals(equation)
    axes = tuple(equation.params["axes"])
    (base,) = on_bases(context, equation, inputs, value.split)
    found = []
    for patch in value.patches:
        left = _after_sum(patch.places, axes, value.shape)
        if left is not None and varies_along(
            patch.places, [a for a in axes if a not in patch.places.axes],
            len(value.shape),
        ):  # fmt: skip
            return None
        carry = partial(_sum, axes, value.shape, patch.places.axes)
        added = {
            k: lift(carry, len(aval.shape), (c, len(value.shape)))
            for k, c in changes(value, patch).items()
        }
        found.append((left, added))
    return collected(value, aval, base, found)


def _sum(axes: Shape, full: Shape, placed: Shape, c: Array) -> Array:
    """Sums an array that is narrow along axes with places, and perhaps along others."""
    copies = math.prod(
        full[a] for a in axes if a not in placed and c.shape[a] != full[a]
    )
    summed = jnp.sum(c, axis=axes, dtype=c.dtype)
    return summed if copies == 1 else summed * copies


def _after_sum(places: Places, axes: Sequence[int], full: Shape) -> Places | None:
    """Returns the places along the axes that are left; `None` if there are none."""
    rank, left = len(full), len(full) - len(axes)
    kept = [i for i in places.indices if i.axis not in axes]
    if not kept:
        return None

    def carry(c: Array) -> Array:
        return lift(lambda a: jnp.squeeze(a, tuple(axes)), left, (c, rank))

    indices = tuple(
        replace(i, array=carry(i.array), axis=i.axis - sum(a < i.axis for a in axes))
        for i in kept
    )
    inside = None if places.inside is None else carry(places.inside)
    return Places(indices, inside, places.mask)


# --- matrix products --------------------------------------------------------------------


def dot_general(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """Takes rows of a constant matrix; a product without free axes is a sum."""
    contract, batch = equation.params["dimension_numbers"]
    ranks = [len(_shape(value)) for value in inputs]
    sides = [side for side in (0, 1) if isinstance(inputs[side], Active)]
    if all(len(contract[s]) + len(batch[s]) == rank for s, rank in enumerate(ranks)):
        return as_sum(context, equation, inputs)
    if len(sides) == 2 or batch[0] or equation.params.get("out_sharding") is not None:
        return None
    (side,) = sides
    value, matrix = inputs[side], jnp.asarray(inputs[1 - side])
    (aval,) = _compat.output_avals(equation)
    (base,) = on_bases(context, equation, inputs, value.split)
    found = []
    for patch in value.patches:
        # Along contracted axes with an index the matrix is indexed, along the others it
        # is contracted: what is left has one row per direction.
        layer = _Rows(patch.places, ranks[side], matrix, contract[side],
                      contract[1 - side], side)  # fmt: skip
        if varies_along(patch.places, layer.others, ranks[side]):
            return None
        added = {
            k: layer.of(c, value.shape).astype(aval.dtype)
            for k, c in changes(value, patch).items()
        }
        found.append((layer.places(), added))
    return collected(value, aval, base, found)


def _shape(value: Value) -> Shape:
    return value.shape if isinstance(value, Active) else jnp.shape(value)


def as_sum(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Multiplies entry by entry and sums, which is the same without free axes."""
    contract, batch = equation.params["dimension_numbers"]
    (aval,) = _compat.output_avals(equation)
    last = tuple(range(len(batch[0]), len(batch[0]) + len(contract[0])))

    def product(x: Array, w: Array) -> Array:
        x = lax.transpose(x, (*batch[0], *contract[0])).astype(aval.dtype)
        w = lax.transpose(w, (*batch[1], *contract[1])).astype(aval.dtype)
        return jnp.sum(x * w, axis=last)

    return rewritten(context, product, inputs)


def _picked(matrix: Array, at: Sequence[Array]) -> Array:
    """Returns the rows of a matrix at places along its first axes, (*places, ...)."""
    if len(at) == 1 and isinstance(at[0], np.ndarray):
        (places,) = at
        first, end = int(places.min()), int(places.max()) + 1
        inside = first >= 0 and end <= len(matrix)
        if inside and np.array_equal(places.ravel(), np.arange(first, end)):
            # A slice; a gather copies the matrix, and its transpose adds row by row.
            rows = lax.slice_in_dim(matrix, first, end)
            return rows.reshape(*places.shape, *matrix.shape[1:])
    return matrix.at[tuple(at)].get(mode="clip")


class _Rows:
    """The product of what stands at places with a matrix: rows at these places."""

    def __init__(
        self,
        places: Places,
        rank: int,
        matrix: Array,
        axes: Sequence[int],
        against: Sequence[int],
        side: int,
    ) -> None:
        pairs = dict(zip(axes, against, strict=True))
        index = {i.axis: i for i in places.indices}
        self.before, self.rank, self.side = places, rank, side
        self.taken = [a for a in axes if a in index]
        self.others = [a for a in axes if a not in index]
        self.free = matrix.ndim - len(axes)
        order = [pairs[a] for a in (*self.taken, *self.others)]
        order += [b for b in range(matrix.ndim) if b not in order]
        self.rows = lax.transpose(matrix, order)
        if self.taken:
            self.rows = _picked(self.rows, [index[a].array for a in self.taken])

    def _without_sums(self, c: Array) -> Array:
        """Drops the axes that are summed over, of length 1."""
        gone = [family_place(a, self.rank) for a in (*self.taken, *self.others)]
        return lax.squeeze(c, gone)

    def of(self, c: Array, full: Shape) -> Array:
        """Returns a channel's product, a family."""
        at = [family_place(a, self.rank) for a in self.others]
        shape = list(c.shape)
        for place, axis in zip(at, self.others, strict=True):
            shape[place] = full[axis]
        c = instantiate(c, tuple(shape), c.dtype)
        if not self.taken:
            product = jnp.tensordot(c, self.rows, (at, list(range(len(at)))))
            return self._arranged(product, c.ndim - len(at))
        # (places' axes, summed axes, free axes)
        order = [a for a in range(c.ndim) if a not in at] + at
        entries = lax.transpose(c, order)
        entries = lax.squeeze(entries, [
            order.index(family_place(a, self.rank)) for a in self.taken
        ])  # fmt: skip
        gone = [family_place(a, self.rank) for a in (*self.taken, *self.others)]
        rows = lax.squeeze(self.rows, gone)
        left = entries.ndim - len(at)
        entries = entries.reshape(*entries.shape, *(1,) * self.free)
        product = entries * rows
        product = (
            jnp.sum(product, tuple(range(left, left + len(at)))) if at else product
        )
        return self._arranged(product, left)

    def _arranged(self, product: Array, left: int) -> Array:
        """Puts the matrix's axes where they belong, and the family's in its place."""
        gone = sorted(family_place(a, self.rank) for a in (*self.taken, *self.others))
        family = family_axis(self.rank)
        at = family - sum(a < family for a in gone)
        order = [a for a in range(product.ndim) if a != at]
        if self.side == 1:
            order = [a for a in order if a >= left] + [a for a in order if a < left]
        order.insert(family_axis(len(order)), at)
        return lax.transpose(product, order)

    def places(self) -> Places | None:
        """Returns the places in the product; `None` if there are none left."""
        summed = (*self.taken, *self.others)
        kept = [i for i in self.before.indices if i.axis not in summed]
        if not kept:
            return None
        offset = self.free if self.side == 1 else 0
        left = self.rank - len(summed)

        def carry(c: Array) -> Array:
            c = self._without_sums(c)
            return self._arranged(c.reshape(*c.shape, *(1,) * self.free), left + 1)

        indices = tuple(
            replace(
                i, array=carry(i.array),
                axis=i.axis - sum(a < i.axis for a in summed) + offset,
            )
            for i in kept
        )  # fmt: skip
        inside = self.before.inside
        return Places(
            indices, None if inside is None else carry(inside), self.before.mask
        )


# --- convolutions and gathers -----------------------------------------------------------


def convolution(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """One-dimensional: an entry meets the kernel at a few offsets, one patch for each."""
    value, kernel = inputs
    params = equation.params
    if not _is_plain_line(params, value, kernel):
        return None
    (aval,) = _compat.output_avals(equation)
    (base,) = on_bases(context, equation, inputs, value.split)
    lhs, rhs, out = params["dimension_numbers"]
    (stride,), ((low, _),) = params["window_strides"], params["padding"]
    size, length = kernel.shape[rhs[2]], aval.shape[out[2]]
    weights = lax.transpose(kernel, (rhs[2], rhs[1], rhs[0]))

    def laid_out(c: Array) -> Array:
        """Orders (points, directions, features, 1) as the output."""
        order = [0, 0, 0]
        order[out[0]], order[out[1]], order[out[2]] = 0, 2, 3
        order.insert(family_axis(3), 1)
        return lax.transpose(c, order)

    def rows(c: Array) -> Array:
        """Orders an operand's array as (points, directions, features)."""
        c = jnp.moveaxis(c, family_axis(3), 0)
        c = lax.transpose(c, (lhs[0] + 1, 0, lhs[1] + 1, lhs[2] + 1))
        return lax.squeeze(c, (3,))

    found = []
    for patch in value.patches:
        if patch.places.axes != (lhs[2],):
            return None
        if varies_along(patch.places, [lhs[1]], 3):
            return None
        (index,) = patch.places.indices
        # Entry `at` is seen by the output at // stride, through the tap at % stride, and
        # by the outputs before it, each a stride further in the kernel.
        at = rows(index.array)[..., 0] + low
        changed = changes(value, patch)
        for step in range(-(-size // stride)):
            j, k = at // stride - step, at % stride + step * stride
            inside = (j >= 0) & (j < length) & (k < size)
            if patch.places.inside is not None:
                inside = inside & rows(patch.places.inside)[..., 0]
            name = ("convolved", index.key[1:], stride, low)
            place = Index(laid_out(j[..., None, None]), out[2], name, -step, 0, length)
            mask = ("convolved", patch.places.mask, size, length)
            places = Places((place,), laid_out(inside[..., None, None]), mask)
            taps = weights.at[k].get(mode="clip")
            added = {}
            for n, c in changed.items():
                c = rows(c)
                full = (*c.shape[:2], weights.shape[1])
                terms = instantiate(c, full, c.dtype)[..., None] * taps
                added[n] = laid_out(jnp.sum(terms, 2)[..., None]).astype(aval.dtype)
            found.append((places, added))
    return collected(value, aval, base, found)


def _is_plain_line(params: dict[str, Any], value: Value, kernel: Value) -> bool:
    return (
        isinstance(value, SparseArray)
        and not isinstance(kernel, Active)
        and len(value.shape) == 3
        and params["feature_group_count"] == params["batch_group_count"] == 1
        and tuple(params["lhs_dilation"]) == tuple(params["rhs_dilation"]) == (1,)
    )


def gather(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """Picks from one axis: each output compares where it is from with the places."""
    value, starts = inputs
    axes = tuple(equation.params["dimension_numbers"].start_index_map)
    if not isinstance(value, SparseArray) or isinstance(starts, Active):
        return None
    if len(axes) != 1 or any(patch.places.axes != axes for patch in value.patches):
        return None
    pick = _Pick(equation, value.shape, axes[0])
    if not pick.whole:
        return None
    (aval,) = _compat.output_avals(equation)
    (base,) = on_bases(context, equation, inputs, value.split)
    source = pick.source(jnp.asarray(starts))
    found: list[tuple[Places | None, Changes]] = []
    for patch in value.patches:
        here = pick.laid_out(patch.places.indices[0].array) == source
        found.append((None, {
            k: jnp.where(here, pick.laid_out(c), 0)
            for k, c in changes(value, patch).items()
        }))  # fmt: skip
    return collected(value, aval, base, found)


class _Pick:
    """A gather from one axis: where operand axes go, where outputs are from."""

    def __init__(self, equation: Any, shape: Shape, axis: int) -> None:
        self.params, self.before, self.axis = equation.params, shape, axis
        (aval,) = _compat.output_avals(equation)
        self.after = aval.shape
        numbers = equation.params["dimension_numbers"]
        self.size = self.params["slice_sizes"][axis]
        self.points = [
            a for a in range(len(self.after)) if a not in numbers.offset_dims
        ]
        offsets = iter(numbers.offset_dims)
        self.to: dict[int, int] = {}
        """Operand axes to output axes."""
        for a in range(len(shape)):
            if a in numbers.operand_batching_dims:
                place = numbers.operand_batching_dims.index(a)
                self.to[a] = self.points[numbers.start_indices_batching_dims[place]]
            elif a not in numbers.collapsed_slice_dims:
                self.to[a] = next(offsets)
        self.whole = axis not in numbers.operand_batching_dims and all(
            a == axis or a in numbers.operand_batching_dims or n == shape[a]
            for a, n in enumerate(self.params["slice_sizes"])
        )

    def source(self, starts: Array) -> Array:
        """Returns the place that each output is from, in the layout of a family."""
        rank, last = len(self.after), self.before[self.axis] - self.size
        line = [1] * rank
        for a in self.points:
            line[a] = self.after[a]
        first = starts[..., 0].reshape(line)
        if self.params["mode"] == lax.GatherScatterMode.CLIP:
            first = jnp.clip(first, 0, last)
        steps: Array = jnp.zeros((), first.dtype)
        if self.axis in self.to:
            line = [1] * rank
            line[self.to[self.axis]] = self.size
            steps = lax.broadcasted_iota(first.dtype, line, self.to[self.axis])
        # What is beyond the array is filled with a constant.
        found = jnp.where((first >= 0) & (first <= last), first + steps, -1)
        return jnp.expand_dims(found, family_axis(rank))

    def laid_out(self, c: Array) -> Array:
        """Carries one entry per direction to the output's axes."""
        axes = sorted(self.to, key=self.to.__getitem__)

        def one(c: Array) -> Array:
            if self.axis not in self.to:
                c = lax.squeeze(c, (self.axis,))
            kept = sorted(self.to)
            c = lax.transpose(c, [kept.index(a) for a in axes])
            line = [1] * len(self.after)
            for a, n in zip(axes, c.shape, strict=True):
                line[self.to[a]] = n
            return c.reshape(line)

        return lift(one, len(self.after), (c, len(self.before)))
