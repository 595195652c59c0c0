"""Primitives that follow a choice made by plain values: pooling, extremal scatters.

Such a function is linear around almost every point, so each channel is mapped by the
derivative that JAX defines, which also says what happens at ties.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler import _compat
from opcompiler.taylor.registry import Context, rule
from opcompiler.taylor.rules.linear import jointly_linear
from opcompiler.taylor.value import (
    Coefficient,
    instantiate,
    is_active,
    make,
    primal,
    Value,
)


@rule("reduce_window_max", "reduce_window_min", "scatter-max", "scatter-min",
      "scatter_max", "scatter_min")  # fmt: skip
def piecewise_linear(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Maps every channel by the primitive's own derivative at the plain value."""
    (aval,) = _compat.output_avals(equation)
    places = [i for i, value in enumerate(inputs) if is_active(value)]
    active = [inputs[i] for i in places]
    plain = list(map(primal, inputs))

    def fun(*values: Array) -> Array:
        operands = list(plain)
        for place, value in zip(places, values, strict=True):
            operands[place] = value
        return _compat.bind(equation, *operands)[0]

    start, derivative = jax.linearize(fun, *(value.primal for value in active))
    series: list[Coefficient] = [start]
    for k in range(1, context.algebra.size):
        rows = [value.coefficients[k] for value in active]
        if all(row is None for row in rows):
            series.append(None)
            continue
        dense = (
            instantiate(row, v.shape, v.dtype)
            for row, v in zip(rows, active, strict=True)
        )
        series.append(derivative(*dense))
    return [make(series, aval.shape, aval.dtype)]


@rule("select_and_gather_add", "select_and_scatter_add")
def selected(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """The derivatives of pooling: linear in what they move, piecewise in the keys."""
    return jointly_linear(context, equation, inputs, (0,))


@rule("approx_top_k")
def approximate_top_k(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Channels follow the indices that were found."""
    (value,) = inputs
    values, places = _compat.bind(equation, value.primal)
    axis = equation.params["reduction_dimension"] % len(value.shape)
    series: list[Coefficient] = [values]
    for k in range(1, context.algebra.size):
        followed = value.coefficients[k] is not None
        series.append(
            jnp.take_along_axis(value.dense(k), places, axis) if followed else None
        )
    return [make(series, values.shape, value.dtype), places]
