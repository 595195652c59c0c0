"""Bilinear primitives: products of channels by the structure constants.

In: two operands, one or both with channels. Out: the channels of their product under a
matrix product or a convolution. A product with a constant, which is what a layer is, acts
on each channel alike: each is flattened to a matrix whose rows are points, directions and
whatever else, and is multiplied as such, few channels one by one and many as one matrix.
Then the transpose, which a parameter gradient needs, is a product of two matrices too; of
arrays of higher rank XLA makes transposed copies first. Measured on the Laplacian in 50
dimensions (4 x 128, 128 points, CPU): the gradient takes half the time.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.taylor.arithmetic import product, Series
from opcompiler.taylor.primitives import Context, one_output, primitive
from opcompiler.taylor.rules import local, sparse_sums, windows
from opcompiler.taylor.value import (
    AlgebraArray,
    Coefficient,
    instantiate,
    is_active,
    lift,
    map_channels,
    present,
    Value,
)


@primitive("dot_general", kind="bilinear",
           sparse=sparse_sums.dot_general, local=local.dot_general)  # fmt: skip
@one_output
def dot_general(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
    """Matrix products of every batching; free axes may be narrow."""
    (contract, batch) = equation.params["dimension_numbers"]
    needed = [(*contract[side], *batch[side]) for side in (0, 1)]
    active = [side for side in (0, 1) if is_active(inputs[side])]
    side, value = active[0], inputs[active[0]]
    # A family's axis stands second: behind the only axis of a vector, which then is not
    # the last one any more and cannot be contracted as the row of a matrix.
    least = 1 if context.algebra.has_families else 0
    if len(active) == 2 or not _is_layer(
        equation.params, len(value.shape), side, least
    ):
        return _bilinear(context, equation, inputs, needed)
    return _layer(
        context, equation.params, _widen(value, needed[side]), len(value.shape),
        jnp.asarray(inputs[1 - side]), side,
    )  # fmt: skip


def _is_layer(params: dict[str, Any], rank: int, side: int, least: int = 1) -> bool:
    """Whether the channels, operand `side` of this rank, flatten to rows as they are.

    Args:
        params: of the `dot_general`.
        rank: of the operand that has channels.
        side: 0 if it stands on the left, 1 on the right.
        least: how many of its axes must not be contracted.
    """
    contract, batch = params["dimension_numbers"]
    taken = tuple(contract[side])
    trailing = tuple(range(rank - len(taken), rank))
    plain = not batch[0] and params.get("out_sharding") is None
    free = rank - len(taken)
    return plain and bool(taken) and taken == trailing and free >= least


def _layer(
    context: Context,
    params: dict[str, Any],
    series: Sequence[Coefficient],
    rank: int,
    constant: Array,
    side: int,
) -> Series:
    """Multiplies all channels by a constant.

    Args:
        context: says from how many channels on they go together.
        params: of the `dot_general`, for which `_is_layer` holds.
        series: the channels; the contracted axes in full, the others may be narrow.
        rank: of the value, without a family's axis.
        constant: the other operand.
        side: where the channels stand, as in `_is_layer`.
    """
    contract, _ = params["dimension_numbers"]
    depth = len(contract[side])
    living = [k for k, c in enumerate(series) if c is not None]
    # A channel may be another one: x . grad starts from the point itself.
    distinct = {id(c): present(c) for c in series if c is not None}
    number = {name: n for n, name in enumerate(distinct)}
    channels = list(distinct.values())
    # Free axes are joined to one. Where there are none, none is made: in `jax.vmap` an
    # axis of length 1 costs a copy of every channel in the gradient by the constant.
    together = len(channels) >= context.stack_from
    free = int(together or any(c.ndim > depth for c in channels))
    rows = [c.reshape(*[-1] * free, *c.shape[c.ndim - depth :]) for c in channels]
    taken = tuple(range(free, free + depth))
    numbers = ((taken, tuple(contract[1 - side])), ((), ()))

    def times(matrix: Array) -> Array:
        return lax.dot_general(
            matrix,
            constant,
            numbers,
            precision=params["precision"],
            preferred_element_type=params["preferred_element_type"],
        )

    if together:
        # `split` is transposed to one concatenation; slicing to a sum of pads.
        joined = times(jnp.concatenate(rows))
        products = lax.split(joined, [len(r) for r in rows])
    else:
        products = list(map(times, rows))
    arrays = []
    for c, matrix in zip(channels, products, strict=True):
        own = c.shape[: c.ndim - depth]
        array = matrix.reshape(*own, *matrix.shape[free:])
        if side == 1:
            # The constant's axes come first; a family's stays behind the first of all.
            order = [*range(len(own), array.ndim), *range(len(own))]
            if c.ndim > rank and array.ndim > len(own):
                order.remove(1)
                order.insert(1, 1)
            array = lax.transpose(array, order)
        arrays.append(array)
    result: Series = [None] * len(series)
    for k in living:
        result[k] = arrays[number[id(series[k])]]
    return result


@primitive("conv_general_dilated", kind="bilinear",
           sparse=sparse_sums.convolution, local=windows.convolution)  # fmt: skip
@one_output
def convolution(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
    """Convolutions need every axis in full."""
    needed = [range(len(_shape(value))) for value in inputs[:2]]
    return _bilinear(context, equation, inputs, needed)


@primitive("ragged_dot_general", kind="bilinear")
def ragged_product(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Grouped matrix products, channel by channel: JAX cannot batch all their axes."""
    return convolution(replace(context, stack_from=sys.maxsize), equation, inputs)


def _shape(value: Value) -> tuple[int, ...]:
    return value.shape if is_active(value) else jnp.shape(value)


def _bilinear(
    context: Context,
    equation: Any,
    inputs: Sequence[Value],
    needed: Sequence[Sequence[int]],
) -> Series:
    """Applies a bilinear primitive; `needed` names the axes that must not be narrow."""
    (aval,) = _compat.output_avals(equation)
    x, w, *rest = inputs
    ranks = (len(_shape(x)), len(_shape(w)))

    def op(a: Array, b: Array) -> Array:
        return lift(
            lambda a, b: _compat.bind(equation, a, b, *rest)[0],
            len(aval.shape),
            (jnp.asarray(a), ranks[0]),
            (jnp.asarray(b), ranks[1]),
        )

    if is_active(x) and is_active(w):
        left = _widen(x, needed[0])
        right = _widen(w, needed[1])
        return product(context.algebra, left, right, op)
    if is_active(x):
        return _alike(context, _widen(x, needed[0]), lambda c: op(c, w))
    return _alike(context, _widen(w, needed[1]), lambda c: op(x, c))


def _widen(value: AlgebraArray, axes: Sequence[int]) -> Series:
    def wide(c: Array) -> Array:
        shape = list(c.shape)
        for axis in axes:
            shape[axis] = value.shape[axis]
        return instantiate(c, tuple(shape), value.dtype)

    return map_channels(
        lambda c: lift(wide, len(value.shape), (c, len(value.shape))), value
    )


def _alike(
    context: Context, series: Sequence[Coefficient], op: Callable[[Array], Array]
) -> Series:
    """Applies a linear operation to all channels, stacked if there are many."""
    result: Series = [None if c is None else c for c in series]
    groups: dict[tuple[int, ...], list[int]] = {}
    for k, c in enumerate(series):
        if c is not None:
            groups.setdefault(c.shape, []).append(k)
    for members in groups.values():
        if len(members) < context.stack_from:
            outputs: Sequence[Array] = [op(present(series[k])) for k in members]
        else:
            stacked = jnp.stack([present(series[k]) for k in members])
            # `split` is transposed to one concatenation; indexing to a sum of pads.
            pieces = lax.split(jax.vmap(op)(stacked), (1,) * len(members))
            outputs = [lax.squeeze(piece, (0,)) for piece in pieces]
        for k, output in zip(members, outputs, strict=True):
            result[k] = output
    return result
