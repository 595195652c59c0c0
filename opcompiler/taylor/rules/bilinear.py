"""Bilinear primitives: products of channels by the structure constants.

A product with a constant, which is what a dense layer is, acts on each channel alike.
With few channels each goes by itself; with many they go as one stacked operation, so
that a dense layer is one matrix product with (channels x points) rows.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.taylor.arithmetic import multiply, product, square
from opcompiler.taylor.registry import Context, rule
from opcompiler.taylor.rules.dense import dense_layer, is_dense
from opcompiler.taylor.value import (
    AlgebraArray,
    Coefficient,
    instantiate,
    is_active,
    lift,
    make,
    map_channels,
    present,
    raised,
    Value,
)


@rule("mul", families=True)
def mul(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Elementwise product; the square of one value costs half."""
    (aval,) = _compat.output_avals(equation)
    x, w = (raised(value, aval.shape) for value in inputs)
    if not is_active(x):
        x, w = w, x
    if not is_active(w):
        w = jnp.asarray(w)
        series = map_channels(lambda c: multiply(c, w), x)
    elif inputs[0] is inputs[1]:
        series = square(context.algebra, x.coefficients)
    else:
        series = product(context.algebra, x.coefficients, w.coefficients)
    return [make(series, aval.shape, aval.dtype)]


@rule("square", families=True)
def squared(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """The elementwise square."""
    (aval,) = _compat.output_avals(equation)
    series = square(context.algebra, inputs[0].coefficients)
    series[0] = _compat.bind(equation, inputs[0].primal)[0]
    return [make(series, aval.shape, aval.dtype)]


@rule("dot_general", families=True)
def dot_general(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Matrix products of every batching; free axes may be narrow."""
    (aval,) = _compat.output_avals(equation)
    (contract, batch) = equation.params["dimension_numbers"]
    needed = [(*contract[side], *batch[side]) for side in (0, 1)]
    active = [side for side in (0, 1) if is_active(inputs[side])]
    side, value = active[0], inputs[active[0]]
    # A family's axis stands second, behind the only axis of a vector.
    least = 1 if context.algebra.has_families else 0
    if len(active) == 2 or not is_dense(equation.params, len(value.shape), side, least):
        return _bilinear(context, equation, inputs, needed)
    series = dense_layer(
        context, equation.params, _widen(value, needed[side]), len(value.shape),
        jnp.asarray(inputs[1 - side]), side,
    )  # fmt: skip
    return [make(series, aval.shape, aval.dtype)]


@rule("conv_general_dilated", families=True)
def convolution(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Convolutions need every axis in full."""
    needed = [range(len(_shape(value))) for value in inputs[:2]]
    return _bilinear(context, equation, inputs, needed)


@rule("ragged_dot_general")
def ragged_product(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Grouped matrix products, without families: JAX cannot batch all their axes."""
    return convolution(replace(context, stack_from=sys.maxsize), equation, inputs)


def _shape(value: Value) -> tuple[int, ...]:
    return value.shape if is_active(value) else jnp.shape(value)


def _bilinear(
    context: Context,
    equation: Any,
    inputs: Sequence[Value],
    needed: Sequence[Sequence[int]],
) -> list[Value]:
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
        return [make(product(context.algebra, left, right, op), aval.shape, aval.dtype)]
    if is_active(x):
        series = _alike(context, _widen(x, needed[0]), lambda c: op(c, w))
    else:
        series = _alike(context, _widen(w, needed[1]), lambda c: op(x, c))
    return [make(series, aval.shape, aval.dtype)]


def _widen(value: AlgebraArray, axes: Sequence[int]) -> list[Coefficient]:
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
) -> list[Coefficient]:
    """Applies a linear operation to all channels, stacked if there are many."""
    result: list[Coefficient] = [None if c is None else c for c in series]
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
