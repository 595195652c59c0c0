"""Linear primitives: the same operation on every channel.

In: operands of which some have channels. Out: one output channel per input channel, by the
primitive itself. Such a channel may have axes of length 1 where the value is longer (see
`value.py`): `shaped` asks a primitive's *narrow form* what becomes of it, so that a tangent
that is the same at all points stays one row through a whole layer, and writes it out where
there is none. Primitives that move entries about are declared in `moves.py`.

Linear around almost every point are also choices that plain values make, such as pooling:
each channel is mapped by the derivative that JAX defines, which also says what happens at
ties.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler import _compat
from opcompiler.taylor.arithmetic import product, Series
from opcompiler.taylor.fallback import any_primitive
from opcompiler.taylor.primitives import Context, one_output, primitive, SparseRule
from opcompiler.taylor.rules import local, sparse_entries, sparse_sums, windows
from opcompiler.taylor.rules.elementwise import constant
from opcompiler.taylor.value import (
    coefficients,
    family_axis,
    instantiate,
    is_active,
    lift,
    make,
    map_channels,
    primal,
    Value,
)

Shape = tuple[int, ...]

Narrow = Callable[[dict[str, Any], Shape, Array], Array | None]
"""(parameters, shape of the value, narrow channel) -> channel of the output, if it can."""

_entrywise = partial(
    primitive,
    kind="linear",
    sparse=sparse_entries.pointwise,
    local=local.entrywise,
)

# --- one operand ------------------------------------------------------------------------


@_entrywise("convert_element_type", "copy", "neg", entries="flat")
@_entrywise("conj", "copy_p", "imag", "name", "real", "reduce_precision")
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


def shaped(
    *names: str, narrow: Narrow | None = None, copying: bool = False, **traits: Any
) -> None:
    """Declares linear primitives of one array that may change its shape.

    Args:
        names: of the primitives.
        narrow: what becomes of a channel with axes of length 1; without one, or where it
            returns `None`, the channel is written out.
        copying: whether the primitive copies entries along an axis: then every channel
            goes by the narrow form, and nothing is copied until somebody needs it.
        traits: as of `primitive`.
    """

    @one_output
    def rule(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
        del context
        value, *rest = inputs
        (aval,) = _compat.output_avals(equation)

        def one_channel(c: Array) -> Array:
            if copying or c.shape != value.shape:
                result = narrow(equation.params, value.shape, c) if narrow else None
                if result is not None:
                    return result
                c = instantiate(c, value.shape, value.dtype)
            return _compat.bind(equation, c, *rest)[0]

        rank = len(value.shape)
        return [
            None if c is None else lift(one_channel, len(aval.shape), (c, rank))
            for c in value.coefficients
        ]

    primitive(*names, kind="linear", **traits)(rule)


def _narrow_sum(params: dict[str, Any], full: Shape, c: Array) -> Array:
    axes = params["axes"]
    copies = math.prod(full[axis] for axis in axes if c.shape[axis] != full[axis])
    summed = jnp.sum(c, axis=tuple(axes), dtype=c.dtype)
    return summed * copies if copies != 1 else summed


shaped("cumsum", local=local.along("axis"))
shaped("fft", local=local.along_last(lambda params: len(params["fft_lengths"])))
shaped("reduce_window_sum", local=windows.pooling)
shaped(
    "reduce_sum",
    narrow=_narrow_sum,
    sparse=sparse_sums.reduce_sum,
    local=local.reduce_sum,
)

# --- several operands -------------------------------------------------------------------


def jointly_linear(
    context: Context, equation: Any, inputs: Sequence[Value], places: Sequence[int]
) -> list[Value]:
    """Applies an operation that is linear in the operands at `places` together.

    The other operands (indices, predicates, sizes) enter by their plain values.
    """
    avals = _compat.output_avals(equation)
    plain = list(map(primal, inputs))

    def channel(*arrays: Array) -> list[Array]:
        operands = list(plain)
        for place, array in zip(places, arrays, strict=True):
            operands[place] = array
        return _compat.bind(equation, *operands)

    ranks = [len(aval.shape) for aval in avals]
    columns = [[output] for output in _compat.bind(equation, *plain)]
    for k in range(1, context.algebra.size):
        found = [
            inputs[p].coefficients[k] if is_active(inputs[p]) else None for p in places
        ]
        outputs: Series = [None] * len(avals)
        if any(c is not None for c in found):
            operands = []
            for place, c in zip(places, found, strict=True):
                shape, dtype = jnp.shape(plain[place]), jnp.result_type(plain[place])
                operands.append((instantiate(c, shape, dtype), len(shape)))
            outputs = lift(channel, ranks, *operands)
        for column, output in zip(columns, outputs, strict=True):
            column.append(output)
    return [
        make(column, aval.shape, aval.dtype)
        for column, aval in zip(columns, avals, strict=True)
    ]


def jointly(
    *names: str,
    of: Sequence[int] | None = None,
    kind: str = "linear",
    sparse: SparseRule | None = None,
    local: SparseRule | None = None,
) -> None:
    """Declares primitives that are linear in some operands together.

    Args:
        names: of the primitives.
        of: the operands; by default those that have channels.
        kind: as of `primitive`.
        sparse: as of `primitive`.
        local: as of `primitive`.
    """

    def rule(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
        active = [n for n, value in enumerate(inputs) if is_active(value)]
        return jointly_linear(context, equation, inputs, active if of is None else of)

    primitive(*names, kind=kind, sparse=sparse, local=local)(rule)


jointly("complex", of=(0, 1))
jointly("dynamic_update_slice", of=(0, 1))
jointly("unstack", of=(0,), local=local.moved)
jointly(
    "scatter-add", "scatter-sub", "scatter_add", "scatter_sub", "scatter", of=(0, 2)
)
# The derivatives of pooling: linear in what they move, piecewise constant in the keys.
jointly("select_and_gather_add", "select_and_scatter_add", of=(0,), kind="piecewise")


@primitive("scatter-mul", "scatter_mul", kind="linear")
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
    rank = len(factors.shape)

    def change(c: Array) -> Array:
        # Zeros take on the change of the factor as a difference of two scatters.
        full = instantiate(c, factors.shape, factors.dtype)
        return _compat.bind(equation, ones, places, full + 1)[0] - ones

    spread = [_compat.bind(equation, ones, places, factors.primal)[0]]
    for c in factors.coefficients[1:]:
        spread.append(None if c is None else lift(change, len(aval.shape), (c, rank)))
    series = product(context.algebra, coefficients(operand, context.algebra), spread)
    return [make(series, aval.shape, aval.dtype)]


@primitive("reduce_window_max", "reduce_window_min", kind="piecewise",
           local=windows.pooling)  # fmt: skip
@primitive("scatter-max", "scatter-min", "scatter_max", "scatter_min", kind="piecewise")
@one_output
def piecewise_linear(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> Series:
    """Maps every channel by the primitive's own derivative at the plain value."""
    places = [i for i, value in enumerate(inputs) if is_active(value)]
    active = [inputs[i] for i in places]
    plain = list(map(primal, inputs))

    def fun(*values: Array) -> Array:
        operands = list(plain)
        for place, value in zip(places, values, strict=True):
            operands[place] = value
        return _compat.bind(equation, *operands)[0]

    start, derivative = jax.linearize(fun, *(value.primal for value in active))
    series: Series = [start]
    for k in range(1, context.algebra.size):
        rows = [value.coefficients[k] for value in active]
        if all(row is None for row in rows):
            series.append(None)
            continue
        dense = (
            (instantiate(row, v.shape, v.dtype), len(v.shape))
            for row, v in zip(rows, active, strict=True)
        )
        series.append(lift(derivative, start.ndim, *dense))
    return series


# --- devices: placement, sharding, collectives ------------------------------------------

# Channels are written out in full first, because a sharding names axes of full length.
jointly("all_gather", "all_gather_invariant", "all_to_all", "copy_to_host",
        "pbroadcast", "ppermute", "psum", "psum_invariant", "ragged_all_to_all",
        "reduce_scatter", "reshard", kind="parallel")  # fmt: skip
jointly("layout_constraint", "pvary", "sharding_constraint", kind="parallel",
        sparse=sparse_entries.unchanged)  # fmt: skip


@primitive(
    "all_gather_reduced", "preduced", "reduced_vary_cast_p", "unreduced_psum",
    "unreduced_reduce_scatter", "vary_unreduced_cast_p", kind="parallel",
)  # fmt: skip
@one_output
def trailing(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
    """Applies collectives that JAX cannot batch to families with their directions last.

    They count axes from the first, so that one more behind all of them is left alone.
    """
    (value,) = inputs
    (aval,) = _compat.output_avals(equation)
    before, after = family_axis(len(value.shape)), family_axis(len(aval.shape))

    def one_channel(c: Array) -> Array:
        full = instantiate(c, value.shape, value.dtype)
        if full.ndim == len(value.shape):
            return _compat.bind(equation, full)[0]
        (found,) = _compat.bind(equation, jnp.moveaxis(full, before, -1))
        return jnp.moveaxis(found, -1, after)

    return map_channels(one_channel, value)


@primitive("device_put", "optimization_barrier", kind="parallel",
           sparse=sparse_entries.unchanged)  # fmt: skip
def in_step(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Passes several values on unchanged: output n is operand n, channel by channel."""
    outputs = _compat.bind(equation, *map(primal, inputs))
    columns = [[output] for output in outputs]
    ranks = [jnp.ndim(output) for output in outputs]

    def passed_on(*arrays: Array) -> list[Array]:
        return _compat.bind(equation, *arrays)

    for k in range(1, context.algebra.size):
        channel = [
            value.dense(k)
            if is_active(value) and value.coefficients[k] is not None
            else None
            for value in inputs
        ]
        passed: list[Any] = [None] * len(inputs)
        if any(c is not None for c in channel):
            operands = [
                jnp.asarray(primal(value)) if c is None else c
                for value, c in zip(inputs, channel, strict=True)
            ]
            moved = lift(passed_on, ranks, *zip(operands, ranks, strict=True))
            passed = [
                None if c is None else m for c, m in zip(channel, moved, strict=True)
            ]
        for column, c in zip(columns, passed, strict=True):
            column.append(c)
    avals = _compat.output_avals(equation)
    return [
        make(column, aval.shape, aval.dtype) if is_active(value) else column[0]
        for column, aval, value in zip(columns, avals, inputs, strict=True)
    ]
