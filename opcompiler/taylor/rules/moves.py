"""Linear primitives that move entries about: axes, parts of arrays, joining, picking.

In: a value. Out: one output channel per input channel, with the entries where the primitive
puts them. Every primitive is declared here once, with all that follows from where entries
go: what becomes of a *narrow* channel, which has axes of length 1, and what becomes of a
sparse value, in which each direction of a family stands at a *place* (see `places.py`).

    shaped("transpose", narrow=_narrow_transpose, sparse=_moving(_transposed), local=moved)

A move of places says three things: where they go, which directions are cut off, and how an
array that has one entry per direction is carried along. Such an array has length 1 along
the axes on which directions stand at a place, and perhaps along others; so it is carried as
a narrow channel is.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.algebra.families import Split
from opcompiler.taylor.arithmetic import Series
from opcompiler.taylor.interpret import rewritten
from opcompiler.taylor.places import (
    family_place,
    has_dense_family,
    Index,
    Patch,
    Places,
    read_at,
    SparseArray,
)
from opcompiler.taylor.primitives import Context, one_output, primitive, SparseRule
from opcompiler.taylor.rules import sparse_sums
from opcompiler.taylor.rules.linear import jointly, jointly_linear, shaped
from opcompiler.taylor.rules.local import moved
from opcompiler.taylor.rules.sparse_entries import apart, on_bases, sparse, split_of
from opcompiler.taylor.value import (
    Active,
    Coefficient,
    coefficients,
    family_axis,
    instantiate,
    lift,
    primal,
    Value,
)

Shape = tuple[int, ...]
Params = dict[str, Any]

Carry = Callable[[Array], Array]
"""Carries along an array of the operand's rank, without a family's axis."""

Moved = tuple[Places | None, Carry | None]
"""Where places go, if they do not leave, and how arrays do, if they change."""

Move = Callable[[Params, Shape, Shape, Places], Moved | None]
"""(parameters, shape before, shape after, places) -> `None`, if the value must be dense."""


def _moving(move: Move) -> SparseRule:
    """Returns the rule for sparse values of a primitive with one output."""

    def rule(
        context: Context, equation: Any, inputs: Sequence[Value]
    ) -> list[Value] | None:
        return _moved(context, equation, inputs, [move])

    return rule


def _moved(
    context: Context, equation: Any, inputs: Sequence[Value], moves: Sequence[Move]
) -> list[Value] | None:
    """Moves the entries of the first operand; one move for each output."""
    value = inputs[0]
    avals = _compat.output_avals(equation)
    if not isinstance(value, SparseArray) or any(0 in aval.shape for aval in avals):
        return None
    bases = on_bases(context, equation, inputs, value.split)
    outputs: list[Value] = []
    for base, aval, move in zip(bases, avals, moves, strict=True):
        patches = []
        for patch in value.patches:
            found = move(equation.params, value.shape, aval.shape, patch.places)
            if found is None:
                return None
            places, carry = found
            if places is not None:
                patch = replace(patch, places=places)
                name = (equation.primitive.name, str(equation.params))
                patches.append(_carried(patch, carry, value.shape, aval.shape, name))
        outputs.append(sparse(value.split, aval, base, patches))
    return outputs


def _carried(
    patch: Patch, carry: Carry | None, before: Shape, after: Shape, why: Hashable
) -> Patch:
    """Carries a patch's arrays along.

    Places that differ from point to point are not those of the same origin any more.
    """
    if carry is None:
        return patch

    def along(c: Array) -> Array:
        return lift(carry, len(after), (c, len(before)))

    def varies(c: Array) -> bool:
        return c.size != c.shape[family_axis(len(before))]

    places = patch.places
    indices = tuple(
        replace(i, array=along(i.array),
                origin=(i.origin, why) if varies(i.array) else i.origin)
        for i in places.indices
    )  # fmt: skip
    inside, mask = places.inside, places.mask
    if inside is not None:
        mask = (mask, why) if varies(inside) else mask
        inside = along(inside)
    series = tuple(None if c is None else along(c) for c in patch.series)
    return Patch(Places(indices, inside, mask), series)


# --- axes ------------------------------------------------------------------------------


def _narrow_transpose(params: Params, full: Shape, c: Array) -> Array:
    del full
    return lax.transpose(c, params["permutation"])


def _transposed(params: Params, before: Shape, after: Shape, places: Places) -> Moved:
    order = list(params["permutation"])
    return _renamed(places, order.index), partial(_narrow_transpose, params, before)


def _renamed(places: Places, name: Callable[[int], int]) -> Places:
    """Gives axes their new numbers."""
    indices = (replace(i, axis=name(i.axis)) for i in places.indices)
    return replace(places, indices=tuple(sorted(indices, key=lambda i: i.axis)))


def _narrow_broadcast(params: Params, full: Shape, c: Array) -> Array:
    """New axes have length 1: nothing is copied until somebody needs it."""
    del full
    shape = [1] * len(params["shape"])
    for size, axis in zip(c.shape, params["broadcast_dimensions"], strict=True):
        shape[axis] = size
    return lax.broadcast_in_dim(c, shape, params["broadcast_dimensions"])


def _broadcast(
    params: Params, before: Shape, after: Shape, places: Places
) -> Moved | None:
    """New axes hold every direction's entry all along."""
    axes = params["broadcast_dimensions"]
    if any(after[axes[a]] != before[a] for a in places.axes):
        return None
    narrow = partial(_narrow_broadcast, params, before)
    return _renamed(places, lambda a: axes[a]), narrow


def _narrow_tile(params: Params, full: Shape, c: Array) -> Array:
    """An axis of length 1, of the value or of a channel, is the same all along."""
    del full
    reps = zip(params["reps"], c.shape, strict=True)
    return lax.tile(c, [1 if size == 1 else rep for rep, size in reps])


def _narrow_squeeze(params: Params, full: Shape, c: Array) -> Array:
    del full
    return lax.squeeze(c, params["dimensions"])


def _narrow_reshape(params: Params, full: Shape, c: Array) -> Array | None:
    """Keeps narrow leading axes that the reshape leaves alone."""
    if params["dimensions"] is not None:
        return None
    new = params["new_sizes"]
    kept = 0
    while kept < min(len(full), len(new)) and full[kept] == new[kept]:
        kept += 1
    if c.shape[kept:] != full[kept:]:
        return None
    return lax.reshape(c, (*c.shape[:kept], *new[kept:]))


def _reshaped(
    params: Params, before: Shape, after: Shape, places: Places
) -> Moved | None:
    """Splits or joins axes; places split or join if they are on all that are joined."""
    transposed = "new_sizes" in params and params["dimensions"] is not None
    if transposed or any(before[a] == 1 for a in places.axes):
        return None
    index = {i.axis: i for i in places.indices}
    found: list[Index] = []
    groups = _groups(before, after)
    for old, new in groups:
        on = [a for a in old if a in index]
        if on and on != old:
            return None
        if len(old) == len(new) == 1 and on:
            found.append(replace(index[old[0]], axis=new[0]))
        elif on:
            found += _split_index([index[a] for a in old], [before[a] for a in old],
                                  new, [after[a] for a in new])  # fmt: skip

    def carry(c: Array) -> Array:
        sizes = [1] * len(after)
        for old, new in groups:
            narrow = [a for a in old if c.shape[a] == 1]
            if narrow == old:
                continue
            shape = tuple(before[a] if a in old else n for a, n in enumerate(c.shape))
            c = instantiate(c, shape, c.dtype) if narrow else c
            for a in new:
                sizes[a] = after[a]
        return c.reshape(sizes)

    return replace(places, indices=tuple(found)), carry


def _groups(before: Shape, after: Shape) -> list[tuple[list[int], list[int]]]:
    """Returns the smallest sets of axes that a reshape turns into each other.

    Axes of length 1 come and go and are in none.
    """
    old = [a for a, n in enumerate(before) if n > 1]
    new = [a for a, n in enumerate(after) if n > 1]
    groups = []
    while old or new:
        left, right = [old.pop(0)], [new.pop(0)]
        while True:
            sizes = [
                math.prod(s[a] for a in g) for s, g in ((before, left), (after, right))
            ]
            if sizes[0] == sizes[1]:
                break
            if sizes[0] < sizes[1]:
                left.append(old.pop(0))
            else:
                right.append(new.pop(0))
        groups.append((left, right))
    return groups


def _split_index(
    old: Sequence[Index], sizes: Sequence[int], axes: Sequence[int], new: Sequence[int]
) -> list[Index]:
    """Returns the indices along new axes of what stands at old ones."""
    flat = old[0].array
    for index, size in zip(old[1:], sizes[1:], strict=True):
        flat = flat * size + index.array
    names = tuple(index.key[1:] for index in old), tuple(sizes), tuple(new)
    found = []
    for place, axis in enumerate(axes):
        below = math.prod(new[place + 1 :])
        array = flat // below % new[place] if place else flat // below
        found.append(Index(array, axis, (names, place), 0, 0, new[place]))
    return found


def _turned(params: Params, before: Shape, after: Shape, places: Places) -> Moved:
    """Places count from the other end."""
    axes = params["dimensions"]

    def turned(index: Index) -> Index:
        last = before[index.axis] - 1
        return Index(
            last - index.array, index.axis, ("reversed", last, index.origin),
            -index.shift, last + 1 - index.high, last + 1 - index.low,
        )  # fmt: skip

    indices = tuple(turned(i) if i.axis in axes else i for i in places.indices)
    whole = set(axes) <= set(places.axes)
    carry = None if whole else partial(lax.rev, dimensions=axes)
    return replace(places, indices=indices), carry


shaped("transpose", narrow=_narrow_transpose, sparse=_moving(_transposed), local=moved)
shaped(
    "broadcast_in_dim", narrow=_narrow_broadcast, copying=True, entries="flat",
    sparse=_moving(_broadcast), local=moved,
)  # fmt: skip
shaped("tile", narrow=_narrow_tile, copying=True, local=moved)
shaped("squeeze", narrow=_narrow_squeeze, sparse=_moving(_reshaped), local=moved)
shaped("reshape", narrow=_narrow_reshape, sparse=_moving(_reshaped), local=moved)
shaped("expand_dims", sparse=_moving(_reshaped), local=moved)
shaped("rev", sparse=_moving(_turned), local=moved)

# --- parts of arrays: places count from where the part begins ---------------------------


def _narrow_slice(params: Params, full: Shape, c: Array) -> Array:
    strides = params["strides"] or (1,) * c.ndim
    starts, limits, steps = [], [], []
    for axis, size in enumerate(c.shape):
        narrow = size != full[axis]
        starts.append(0 if narrow else params["start_indices"][axis])
        limits.append(1 if narrow else params["limit_indices"][axis])
        steps.append(1 if narrow else strides[axis])
    return lax.slice(c, starts, limits, steps)


def _cut(params: Params, before: Shape, after: Shape, places: Places) -> Moved:
    """Places count from the start of the slice; what is outside is cut off."""
    strides = params["strides"] or (1,) * len(before)
    seen: Places | None = places
    for axis in places.axes:
        start = params["start_indices"][axis]
        if seen is not None:
            seen = _window(seen, axis, start, strides[axis], after[axis])
    whole = all(a in places.axes or n == before[a] for a, n in enumerate(after))
    return seen, None if whole else partial(_narrow_slice, params, before)


def _window(
    places: Places, axis: int, start: int, stride: int, size: int
) -> Places | None:
    """Returns places as seen in a window along an axis; `None` if all are outside."""
    (index,) = (i for i in places.indices if i.axis == axis)
    if index.high <= start or index.low > start + (size - 1) * stride:
        return None
    seen = index.shifted(-start)
    at = seen.array
    good: Array | None = None
    if seen.low < 0 or seen.high > (size - 1) * stride + 1:
        good = (at >= 0) & (at <= (size - 1) * stride)
    if stride > 1:
        fits = at % stride == 0
        good = fits if good is None else good & fits
        name = (index.key[1:], start, stride)
        seen = Index(at // stride, axis, name, 0, 0, size)
    elif good is not None:
        seen = replace(seen, low=max(seen.low, 0), high=min(seen.high, size))
    if good is not None:
        places = places.within(good, (index.key, start, stride, size))
    indices = (seen if i.axis == axis else i for i in places.indices)
    return replace(places, indices=tuple(indices))


shaped("slice", narrow=_narrow_slice, sparse=_moving(_cut), local=moved)


def _parted(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """Several slices at once."""
    axis, sizes = equation.params["axis"], equation.params["sizes"]

    def piece(start: int, size: int) -> Move:
        def move(params: Params, before: Shape, after: Shape, places: Places) -> Moved:
            def carry(c: Array) -> Array:
                if c.shape[axis] != before[axis]:
                    return c
                return lax.slice_in_dim(c, start, start + size, axis=axis)

            if axis in places.axes:
                return _window(places, axis, start, 1, size), None
            return places, carry

        return move

    moves = [piece(sum(sizes[:n]), size) for n, size in enumerate(sizes)]
    return _moved(context, equation, inputs, moves)


jointly("split", of=(0,), sparse=_parted, local=moved)


def _cut_anywhere(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """A slice whose start is a number of the program."""
    starts = inputs[1:]

    def move(
        params: Params, before: Shape, after: Shape, places: Places
    ) -> Moved | None:
        if any(
            axis not in places.axes and size != before[axis]
            for axis, size in enumerate(after)
        ):
            return None
        for axis in places.axes:
            start = jnp.asarray(starts[axis])
            places = _from(places, axis, start, after[axis], before[axis])
        return places, None

    return _moved(context, equation, inputs, [move])


def _from(places: Places, axis: int, start: Array, size: int, length: int) -> Places:
    """Returns places as seen in a window that starts at a number of the program.

    As JAX has it, a window that would reach beyond the axis is moved back.
    """
    if size == length:
        return places
    (index,) = (i for i in places.indices if i.axis == axis)
    at = index.array - jnp.clip(start, 0, length - size).astype(index.array.dtype)
    name = object()
    seen = Index(at, axis, name, 0, 0, size)
    places = places.within((at >= 0) & (at < size), name)
    indices = (seen if i.axis == axis else i for i in places.indices)
    return replace(places, indices=tuple(indices))


jointly("dynamic_slice", of=(0,), sparse=_cut_anywhere, local=moved)


def _padded(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """Places move up by what is put before them; there may be gaps, or cuts."""

    def move(
        params: Params, before: Shape, after: Shape, places: Places
    ) -> Moved | None:
        config = params["padding_config"]
        if any(c != (0, 0, 0) for a, c in enumerate(config) if a not in places.axes):
            return None
        seen: Places | None = places
        for axis in places.axes:
            low, _, gap = config[axis]
            if seen is not None:
                spread = _spread(seen, axis, gap)
                seen = _window(spread, axis, -low, 1, after[axis])
        return seen, None

    if isinstance(inputs[1], Active):
        return None
    return _moved(context, equation, inputs, [move])


def _spread(places: Places, axis: int, gap: int) -> Places:
    """Returns places where there is a gap behind every entry of an axis."""
    if not gap:
        return places
    indices = (
        Index(
            i.array * (gap + 1), axis, ("spread", i.key[1:], gap), 0,
            i.low * (gap + 1), (i.high - 1) * (gap + 1) + 1,
        ) if i.axis == axis else i
        for i in places.indices
    )  # fmt: skip
    return replace(places, indices=tuple(indices))


jointly("pad", of=(0, 1), sparse=_padded, local=moved)

# --- joining ----------------------------------------------------------------------------


def _sparse_concatenate(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """Places move up by what stands before; along other axes arrays are joined."""
    parts = split_of(inputs)
    axis = equation.params["dimension"]
    (aval,) = _compat.output_avals(equation)
    if any(has_dense_family(parts, value) for value in inputs):
        return None
    (base,) = on_bases(context, equation, inputs, parts)
    found = [v.patches if isinstance(v, SparseArray) else () for v in inputs]
    along = [axis in patch.places.axes for patches in found for patch in patches]
    if not any(along):
        joined = _joined(inputs, axis, [p for ps in found for p in ps], parts)
        return None if joined is None else [sparse(parts, aval, base, joined)]
    if not all(along):
        return None
    patches: list[Patch] = []
    begin = 0
    for value, mine in zip(inputs, found, strict=True):
        for patch in mine:
            indices = (
                i.shifted(begin) if i.axis == axis else i for i in patch.places.indices
            )
            places = replace(patch.places, indices=tuple(indices))
            patches.append(replace(patch, places=places))
        begin += _shape_of(value)[axis]
    return [sparse(parts, aval, base, patches)]


def _shape_of(value: Value) -> Shape:
    return value.shape if isinstance(value, Active) else jnp.shape(value)


def _joined(
    inputs: Sequence[Value], axis: int, patches: Sequence[Patch], parts: Split
) -> list[Patch] | None:
    """Joins what all operands are at each place, along an axis that has none."""
    rank = len(inputs[0].shape)
    at = family_place(axis, rank)
    kept = apart([patch.places for patch in patches])
    if kept is None:
        return None
    result = []
    for read, places in kept:
        arrays = [i.array for i in read.indices]
        arrays += [] if read.inside is None else [read.inside]
        if any(a.shape[at] > 1 for a in arrays):
            return None
        columns = [read_at(value, read, parts) for value in inputs]
        if any(column is None for column in columns):
            return None
        series = []
        for channel in zip(*columns, strict=True):
            series.append(
                _concatenated(channel, [_shape_of(v)[axis] for v in inputs], at)
            )
        result.append(Patch(places, tuple(series)))
    return result


def _concatenated(
    channel: Sequence[Coefficient], sizes: Sequence[int], axis: int
) -> Coefficient:
    present = [c for c in channel if c is not None]
    if not present:
        return None
    shape = list(jnp.broadcast_shapes(*(
        (*c.shape[:axis], 1, *c.shape[axis + 1 :]) for c in present
    )))  # fmt: skip
    pieces = []
    for c, size in zip(channel, sizes, strict=True):
        shape[axis] = size
        pieces.append(instantiate(c, tuple(shape), present[0].dtype))
    return lax.concatenate(pieces, axis)


@primitive("concatenate", kind="linear", sparse=_sparse_concatenate, local=moved)
@one_output
def concatenate(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
    """Joins channels; an axis that is narrow in all pieces stays narrow."""
    (aval,) = _compat.output_avals(equation)
    axis, rank = equation.params["dimension"], len(aval.shape)
    sizes = [_shape_of(value)[axis] for value in inputs]
    pieces = [coefficients(value, context.algebra) for value in inputs]
    return [
        _concatenated(c, sizes, axis if here.count == 1 else family_place(axis, rank))
        for c, here in zip(
            zip(*pieces, strict=True), context.algebra.channels, strict=True
        )
    ]


def _sparse_stack(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Operands with a new axis, joined along it."""
    axis = equation.params["axis"]

    def joined(*arrays: Array) -> Array:
        return lax.concatenate([lax.expand_dims(a, (axis,)) for a in arrays], axis)

    return rewritten(context, joined, inputs)


@primitive("stack", kind="linear", sparse=_sparse_stack, local=moved)
def stack(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Stacks channels; operands without one give zeros."""
    return jointly_linear(context, equation, inputs, range(len(inputs)))


@primitive("gather", kind="linear", sparse=sparse_sums.gather, local=moved)
@one_output
def gather(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
    """Gathers from every channel; beyond the array the value is constant."""
    filled = equation.replace(params={**equation.params, "fill_value": 0})
    (value,) = _compat.bind(equation, *map(primal, inputs))
    (moved,) = jointly_linear(context, filled, inputs, (0,))
    return [value, *coefficients(moved, context.algebra)[1:]]
