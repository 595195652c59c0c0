"""Linear primitives: the same operation on every channel.

Channels may have axes of length 1 where the value is longer (see `value.py`). A unary
operation says in `_NARROW` how its parameters change for such a channel, or that it
cannot be narrowed; then the channel is written out.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.taylor.arithmetic import product
from opcompiler.taylor.fallback import any_primitive
from opcompiler.taylor.registry import Context, rule
from opcompiler.taylor.rules.constant import constant
from opcompiler.taylor.value import (
    AlgebraArray,
    Coefficient,
    coefficients,
    instantiate,
    is_active,
    lift,
    make,
    primal,
    raised,
    Value,
)

Shape = tuple[int, ...]

# --- one operand --------------------------------------------------------------------


@rule("conj", "convert_element_type", "copy", "copy_p", "imag", "name", "neg", "real",
      "reduce_precision", families=True)  # fmt: skip
def same_shape(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Linear operations that keep shapes, so that narrow channels stay narrow."""
    (aval,) = _compat.output_avals(equation)
    if not _compat.differentiable(aval.dtype):
        return constant(context, equation, inputs)
    (value,) = inputs
    series = [
        None if c is None else _compat.bind(equation, c)[0] for c in value.coefficients
    ]
    return [make(series, aval.shape, aval.dtype)]


@rule("broadcast_in_dim", "cumsum", "expand_dims", "fft", "reduce_sum", "reshape",
      "reduce_window_sum", "rev", "slice", "squeeze", "tile", "transpose",
      families=True)  # fmt: skip
def shaped(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Linear operations of one array that may change its shape."""
    del context
    value, *rest = inputs
    (aval,) = _compat.output_avals(equation)
    series: list[Coefficient] = []
    for c in value.coefficients:
        if c is None:
            series.append(None)
            continue
        one = partial(_one_channel, equation, value, rest)
        series.append(lift(one, len(aval.shape), (c, len(value.shape))))
    return [make(series, aval.shape, aval.dtype)]


def _one_channel(
    equation: Any, value: AlgebraArray, rest: Sequence[Value], c: Array
) -> Array:
    if c.shape != value.shape:
        narrow = _NARROW.get(equation.primitive.name)
        result = narrow(equation.params, value.shape, c) if narrow else None
        if result is not None:
            return result
        c = instantiate(c, value.shape, value.dtype)
    elif equation.primitive.name == "broadcast_in_dim":
        return _narrow_broadcast(equation.params, value.shape, c)
    return _compat.bind(equation, c, *rest)[0]


def _narrow_transpose(params: dict[str, Any], full: Shape, c: Array) -> Array:
    del full
    return lax.transpose(c, params["permutation"])


def _narrow_squeeze(params: dict[str, Any], full: Shape, c: Array) -> Array:
    del full
    return lax.squeeze(c, params["dimensions"])


def _narrow_broadcast(params: dict[str, Any], full: Shape, c: Array) -> Array:
    """New axes have length 1: nothing is copied until somebody needs it."""
    del full
    shape = [1] * len(params["shape"])
    for size, axis in zip(c.shape, params["broadcast_dimensions"], strict=True):
        shape[axis] = size
    return lax.broadcast_in_dim(c, shape, params["broadcast_dimensions"])


def _narrow_slice(params: dict[str, Any], full: Shape, c: Array) -> Array:
    strides = params["strides"] or (1,) * c.ndim
    starts, limits, steps = [], [], []
    for axis, size in enumerate(c.shape):
        narrow = size != full[axis]
        starts.append(0 if narrow else params["start_indices"][axis])
        limits.append(1 if narrow else params["limit_indices"][axis])
        steps.append(1 if narrow else strides[axis])
    return lax.slice(c, starts, limits, steps)


def _narrow_sum(params: dict[str, Any], full: Shape, c: Array) -> Array:
    axes = params["axes"]
    copies = math.prod(full[axis] for axis in axes if c.shape[axis] != full[axis])
    summed = jnp.sum(c, axis=tuple(axes), dtype=c.dtype)
    return summed * copies if copies != 1 else summed


def _narrow_reshape(params: dict[str, Any], full: Shape, c: Array) -> Array | None:
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


_NARROW: dict[str, Callable[[dict[str, Any], Shape, Array], Array | None]] = {
    "transpose": _narrow_transpose,
    "squeeze": _narrow_squeeze,
    "broadcast_in_dim": _narrow_broadcast,
    "slice": _narrow_slice,
    "reduce_sum": _narrow_sum,
    "reshape": _narrow_reshape,
}

# --- sums ---------------------------------------------------------------------------


@rule("add", "add_any", families=True)
def add(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Adds channel by channel; zeros cost nothing."""
    return _add(context, equation, inputs, jnp.add, lambda c: c)


@rule("sub", families=True)
def subtract(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Subtracts channel by channel; zeros cost nothing."""
    return _add(context, equation, inputs, jnp.subtract, lax.neg)


def _add(
    context: Context,
    equation: Any,
    inputs: Sequence[Value],
    op: Callable[[Array, Array], Array],
    alone: Callable[[Array], Array],
) -> list[Value]:
    (aval,) = _compat.output_avals(equation)
    left, right = (
        coefficients(raised(value, aval.shape), context.algebra) for value in inputs
    )
    series: list[Coefficient] = []
    for a, b in zip(left, right, strict=True):
        if a is None or b is None:
            series.append(a if b is None else alone(b))
        else:
            series.append(op(a, b))
    return [make(series, aval.shape, aval.dtype)]


# --- several operands ---------------------------------------------------------------


def jointly_linear(
    context: Context, equation: Any, inputs: Sequence[Value], places: Sequence[int]
) -> list[Value]:
    """Applies an operation that is linear in the operands at `places` together.

    The other operands (indices, predicates, sizes) enter by their plain values.
    """
    avals = _compat.output_avals(equation)
    plain = list(map(primal, inputs))
    columns = [[output] for output in _compat.bind(equation, *plain)]
    for k in range(1, context.algebra.size):
        channel = {
            place: inputs[place].coefficients[k]
            for place in places
            if is_active(inputs[place])
        }
        outputs: list[Coefficient] = [None] * len(avals)
        if any(c is not None for c in channel.values()):
            operands = list(plain)
            for place in places:
                shape, dtype = jnp.shape(plain[place]), jnp.result_type(plain[place])
                operands[place] = instantiate(channel.get(place), shape, dtype)
            outputs = _compat.bind(equation, *operands)
        for column, output in zip(columns, outputs, strict=True):
            column.append(output)
    return [
        make(column, aval.shape, aval.dtype)
        for column, aval in zip(columns, avals, strict=True)
    ]


@rule("complex", "stack")
def all_operands(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Operations that are linear in all their operands together."""
    return jointly_linear(context, equation, inputs, range(len(inputs)))


@rule("concatenate")
def concatenate(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Joins channels; an axis that is narrow in all pieces stays narrow."""
    axis = equation.params["dimension"]
    (aval,) = _compat.output_avals(equation)
    pieces = [coefficients(value, context.algebra) for value in inputs]
    sizes = [jnp.shape(value)[axis] if not is_active(value) else value.shape[axis]
             for value in inputs]  # fmt: skip
    series: list[Coefficient] = []
    for channel in zip(*pieces, strict=True):
        if all(c is None for c in channel):
            series.append(None)
            continue
        shape = list(jnp.broadcast_shapes(*(
            (*c.shape[:axis], 1, *c.shape[axis + 1 :]) for c in channel if c is not None
        )))  # fmt: skip
        dense = []
        for c, size in zip(channel, sizes, strict=True):
            shape[axis] = size
            dense.append(instantiate(c, tuple(shape), aval.dtype))
        series.append(lax.concatenate(dense, axis))
    return [make(series, aval.shape, aval.dtype)]


@rule("gather")
def gather(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Gathers from every channel; beyond the array the value is constant."""
    filled = equation.replace(params={**equation.params, "fill_value": 0})
    (value,) = _compat.bind(equation, *map(primal, inputs))
    (moved,) = jointly_linear(context, filled, inputs, (0,))
    if not is_active(moved):
        return [value]
    return [make([value, *moved.coefficients[1:]], moved.shape, moved.dtype)]


@rule("split", "dynamic_slice", "unstack")
def first_operand(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Operations that are linear in their first operand; the others are indices."""
    return jointly_linear(context, equation, inputs, (0,))


@rule("pad", "dynamic_update_slice")
def first_two_operands(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Operations that are linear in their first two operands together."""
    return jointly_linear(context, equation, inputs, (0, 1))


@rule("scatter-add", "scatter-sub", "scatter_add", "scatter_sub", "scatter")
def scatter(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Scatters channels of operand and updates; the indices are plain."""
    return jointly_linear(context, equation, inputs, (0, 2))


@rule("scatter-mul", "scatter_mul")
def scatter_product(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Multiplies by ones into which the factors are scattered.

    Raises:
        OperatorError: for active factors at places that may coincide; JAX defines no
            derivative for them either.
    """
    operand, places, factors = inputs
    if not is_active(factors):
        return jointly_linear(context, equation, inputs, (0,))
    if not equation.params["unique_indices"]:
        return any_primitive(context, equation, inputs)
    (aval,) = _compat.output_avals(equation)
    ones = jnp.ones(aval.shape, aval.dtype)
    spread = [_compat.bind(equation, ones, places, factors.primal)[0]]
    for k in range(1, context.algebra.size):
        # Zeros take on the change of the factor as a difference of two scatters.
        at = factors.coefficients[k]
        spread.append(
            None if at is None else
            _compat.bind(equation, ones, places, factors.dense(k) + 1)[0] - ones
        )  # fmt: skip
    series = product(context.algebra, coefficients(operand, context.algebra), spread)
    return [make(series, aval.shape, aval.dtype)]


@rule("select_n", families=True)
def select(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Selects in every channel by the plain predicate.

    A branch that is not taken cannot leak: its channels are never multiplied.
    """
    which, cases = primal(inputs[0]), inputs[1:]
    (aval,) = _compat.output_avals(equation)
    rank = len(aval.shape)
    zero = jnp.zeros(aval.shape, aval.dtype)
    columns = [coefficients(case, context.algebra) for case in cases]
    series: list[Coefficient] = [_compat.bind(equation, which, *map(primal, cases))[0]]
    for channel in zip(*(column[1:] for column in columns), strict=True):
        if all(c is None for c in channel):
            series.append(None)
            continue
        operands = [
            (zero if c is None else _full(c, aval.shape), rank) for c in channel
        ]
        chosen = lift(lambda *arrays: lax.select_n(which, *arrays), rank, *operands)
        series.append(chosen)
    return [make(series, aval.shape, aval.dtype)]


def _full(c: Array, shape: Shape) -> Array:
    """Writes a coefficient out, each direction of a family by itself."""
    wide = partial(instantiate, shape=shape, dtype=c.dtype)
    return lift(wide, len(shape), (c, len(shape)))
