"""Entries that an output looks for: convolutions and gathers."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.taylor.registry import Context, sparse_rule
from opcompiler.taylor.rules.sparse import on_bases
from opcompiler.taylor.rules.sparse_products import Changes, collected, varies_along
from opcompiler.taylor.sparse import changes, Index, Places, SparseArray
from opcompiler.taylor.value import Active, family_axis, instantiate, lift, Value

Shape = tuple[int, ...]


@sparse_rule("conv_general_dilated")
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


@sparse_rule("gather")
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
