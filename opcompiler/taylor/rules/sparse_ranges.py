"""Parts of arrays: places count from where the part begins."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.algebra.families import Split
from opcompiler.taylor.evaluation import evaluate
from opcompiler.taylor.registry import Context, sparse_rule
from opcompiler.taylor.rules.linear import _narrow_slice
from opcompiler.taylor.rules.sparse import apart, on_bases, sparse, split_of
from opcompiler.taylor.rules.sparse_axes import Move, Moved, moved
from opcompiler.taylor.sparse import (
    family_place,
    has_dense_family,
    Index,
    Patch,
    Places,
    read_at,
    SparseArray,
)
from opcompiler.taylor.value import Active, Coefficient, instantiate, type_of, Value

Shape = tuple[int, ...]


@sparse_rule("slice")
def cut(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value] | None:
    """Places count from the start of the slice; what is outside is cut off."""
    value, params = inputs[0], equation.params
    strides = params["strides"] or (1,) * len(value.shape)
    (aval,) = _compat.output_avals(equation)

    def move(places: Places) -> Moved:
        seen: Places | None = places
        for axis in places.axes:
            start = params["start_indices"][axis]
            if seen is not None:
                seen = _window(seen, axis, start, strides[axis], aval.shape[axis])
        whole = all(
            a in places.axes or n == value.shape[a] for a, n in enumerate(aval.shape)
        )
        return seen, None if whole else partial(_narrow_slice, params, value.shape)

    return moved(context, equation, inputs, [move])


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


@sparse_rule("split")
def parted(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """Several slices at once."""
    value, axis = inputs[0], equation.params["axis"]
    sizes = equation.params["sizes"]

    def piece(start: int, size: int) -> Move:
        def carry(c: Array) -> Array:
            if c.shape[axis] != value.shape[axis]:
                return c
            return lax.slice_in_dim(c, start, start + size, axis=axis)

        def move(places: Places) -> Moved:
            if axis in places.axes:
                return _window(places, axis, start, 1, size), None
            return places, carry

        return move

    moves = [piece(sum(sizes[:n]), size) for n, size in enumerate(sizes)]
    return moved(context, equation, inputs, moves)


@sparse_rule("dynamic_slice")
def cut_anywhere(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """A slice whose start is a number of the program."""
    value, *starts = inputs
    sizes = equation.params["slice_sizes"]

    def move(places: Places) -> Moved | None:
        whole = [
            axis in places.axes or sizes[axis] == value.shape[axis]
            for axis in range(len(sizes))
        ]
        if not all(whole):
            return None
        for axis in places.axes:
            start = jnp.asarray(starts[axis])
            places = _from(places, axis, start, sizes[axis], value.shape[axis])
        return places, None

    return moved(context, equation, inputs, [move])


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


@sparse_rule("rev")
def reverse(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """Places count from the other end."""
    axes, shape = equation.params["dimensions"], inputs[0].shape

    def turned(index: Index) -> Index:
        last = shape[index.axis] - 1
        return Index(
            last - index.array, index.axis, ("reversed", last, index.origin),
            -index.shift, last + 1 - index.high, last + 1 - index.low,
        )  # fmt: skip

    def move(places: Places) -> Moved:
        indices = tuple(turned(i) if i.axis in axes else i for i in places.indices)
        whole = set(axes) <= set(places.axes)
        carry = None if whole else partial(lax.rev, dimensions=axes)
        return replace(places, indices=indices), carry

    return moved(context, equation, inputs, [move])


@sparse_rule("pad")
def pad(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value] | None:
    """Places move up by what is put before them; there may be gaps, or cuts."""
    value, padding = inputs
    config = equation.params["padding_config"]
    if not isinstance(value, SparseArray) or isinstance(padding, Active):
        return None
    (aval,) = _compat.output_avals(equation)

    def move(places: Places) -> Moved | None:
        if any(c != (0, 0, 0) for a, c in enumerate(config) if a not in places.axes):
            return None
        seen: Places | None = places
        for axis in places.axes:
            low, _, gap = config[axis]
            if seen is not None:
                spread = _spread(seen, axis, gap)
                seen = _window(spread, axis, -low, 1, aval.shape[axis])
        return seen, None

    return moved(context, equation, inputs, [move])


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


def _shifted(places: Places, axis: int, by: int) -> Places:
    indices = (i.shifted(by) if i.axis == axis else i for i in places.indices)
    return replace(places, indices=tuple(indices))


@sparse_rule("concatenate")
def concatenate(
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
            patches.append(replace(patch, places=_shifted(patch.places, axis, begin)))
        begin += _shape(value)[axis]
    return [sparse(parts, aval, base, patches)]


def _shape(value: Value) -> Shape:
    return value.shape if isinstance(value, Active) else jnp.shape(value)


def _joined(
    inputs: Sequence[Value], axis: int, patches: Sequence[Patch], parts: Split
) -> list[Patch] | None:
    """Joins what all operands are at each place, along an axis that has none."""
    rank = len(inputs[0].shape)
    at = family_place(axis, rank)
    told = apart([patch.places for patch in patches])
    if told is None:
        return None
    result = []
    for read, places in told:
        arrays = [i.array for i in read.indices]
        arrays += [] if read.inside is None else [read.inside]
        if any(a.shape[at] > 1 for a in arrays):
            return None
        columns = [read_at(value, read, parts) for value in inputs]
        if any(column is None for column in columns):
            return None
        series = []
        for channel in zip(*columns, strict=True):
            series.append(_concatenated(channel, [_shape(v)[axis] for v in inputs], at))
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


@sparse_rule("stack")
def stack(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Operands with a new axis, joined along it."""
    axis = equation.params["axis"]

    def joined(*arrays: Array) -> Array:
        return lax.concatenate([lax.expand_dims(a, (axis,)) for a in arrays], axis)

    traced = _compat.trace(joined, *map(type_of, inputs))
    return evaluate(context, *traced, inputs)
