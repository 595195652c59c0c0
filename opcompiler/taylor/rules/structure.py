"""Primitives that pick or order entries, and products along an axis.

Which entry is picked is decided by plain values; every channel then follows the same
choice. At a tie JAX's own first derivative decides: the mean for `reduce_max`.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.taylor.arithmetic import product, Series
from opcompiler.taylor.evaluation import evaluate
from opcompiler.taylor.registry import Context, rule
from opcompiler.taylor.value import (
    AlgebraArray,
    coefficients,
    instantiate,
    is_active,
    make,
    present,
    primal,
    type_of,
    Value,
)


@rule("sort")
def sort(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Sorts plain values with a counter beside them; channels follow the permutation."""
    params = equation.params
    axis = params["dimension"]
    plain = [jnp.asarray(primal(value)) for value in inputs]
    counter = lax.broadcasted_iota(jnp.int32, plain[0].shape, axis)
    *sorted_plain, order = lax.sort(
        (*plain, counter), dimension=axis, is_stable=params["is_stable"],
        num_keys=params["num_keys"],
    )  # fmt: skip
    return [
        _follow(value, output, order, axis) if is_active(value) else output
        for value, output in zip(inputs, sorted_plain, strict=True)
    ]


@rule("top_k")
def top_k(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Channels follow the indices of the largest entries."""
    (value,) = inputs
    values, places = _compat.bind(equation, value.primal)
    axis = equation.params.get("axis", -1) % len(value.shape)
    return [_follow(value, values, places, axis), places]


def _follow(value: AlgebraArray, plain: Array, places: Array, axis: int) -> Value:
    series: Series = [plain]
    for k in range(1, len(value.coefficients)):
        picked = value.coefficients[k] is not None
        series.append(
            jnp.take_along_axis(value.dense(k), places, axis) if picked else None
        )
    return make(series, plain.shape, value.dtype)


@rule("reduce_max", "reduce_min")
def extremum(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Takes the mean of the channels over the entries that attain the extremum."""
    (aval,) = _compat.output_avals(equation)
    (value,) = inputs
    axes = tuple(equation.params["axes"])
    start = value.primal
    best = _compat.bind(equation, start)[0]
    attained = (start == jnp.expand_dims(best, axes)).astype(value.dtype)
    share = attained / jnp.sum(attained, axes, keepdims=True)
    series: Series = [best]
    for c in value.coefficients[1:]:
        full = None if c is None else instantiate(c, value.shape, value.dtype)
        series.append(None if full is None else jnp.sum(full * share, axes))
    return [make(series, aval.shape, aval.dtype)]


@rule("cummax", "cummin")
def running_extremum(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Channels follow the place at which the running extremum was last renewed."""
    (value,) = inputs
    params = equation.params
    axis, reverse = params["axis"], params["reverse"]
    start = value.primal
    best = _compat.bind(equation, start)[0]
    counter = lax.broadcasted_iota(jnp.int32, start.shape, axis)
    size = start.shape[axis]
    if reverse:
        places = lax.cummin(jnp.where(start == best, counter, size), axis, reverse=True)
    else:
        places = lax.cummax(jnp.where(start == best, counter, -1), axis)
    return [_follow(value, best, places, axis)]


@rule("reduce_prod")
def reduce_product(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Multiplies halves until one entry is left: exact zeros stay harmless."""
    (aval,) = _compat.output_avals(equation)
    (value,) = inputs
    series = [
        None if c is None else instantiate(c, value.shape, value.dtype)
        for c in value.coefficients
    ]
    for axis in sorted(equation.params["axes"], reverse=True):
        series = _fold_axis(context.algebra, series, axis, aval.dtype)
    series[0] = _compat.bind(equation, value.primal)[0]
    return [make(series, aval.shape, aval.dtype)]


def _fold_axis(algebra: TaylorAlgebra, series: Series, axis: int, dtype: Any) -> Series:
    """Returns the product along an axis, which is removed."""
    shape = next(c.shape for c in series if c is not None)
    size = shape[axis]
    if size == 0:
        rest = (*shape[:axis], *shape[axis + 1 :])
        return [jnp.ones(rest, dtype), *[None] * (algebra.size - 1)]
    while size > 1:
        half = size // 2
        first = _cut(series, axis, 0, half)
        second = _cut(series, axis, half, 2 * half)
        odd = _cut(series, axis, 2 * half, size) if size % 2 else None
        series = product(algebra, first, second)
        if odd is not None:
            series = [_join(a, b, axis) for a, b in zip(series, odd, strict=True)]
        size = half + size % 2
    return [None if c is None else jnp.squeeze(c, axis) for c in series]


def _cut(series: Series, axis: int, start: int, stop: int) -> Series:
    return [
        None if c is None else lax.slice_in_dim(c, start, stop, axis=axis)
        for c in series
    ]


def _join(a: Array | None, b: Array | None, axis: int) -> Array | None:
    if a is None and b is None:
        return None
    if a is None:
        assert b is not None
        a = jnp.zeros_like(b)  # never: the product of non-zero parts is non-zero
    if b is None:
        b = jnp.zeros_like(lax.slice_in_dim(a, 0, 1, axis=axis))
    return lax.concatenate([a, b], axis)


@rule("cumprod")
def running_product(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """An associative scan of products in the algebra."""
    (value,) = inputs
    params = equation.params
    algebra = context.algebra
    dense = [value.dense(k) for k in range(algebra.size)]
    result = lax.associative_scan(
        lambda a, b: [
            c if c is not None else jnp.zeros_like(a[0]) for c in product(algebra, a, b)
        ],
        dense, reverse=params["reverse"], axis=params["axis"],
    )  # fmt: skip
    result[0] = _compat.bind(equation, value.primal)[0]
    return [make(result, value.shape, value.dtype)]


@rule("cumlogsumexp")
def running_logsumexp(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """An associative scan of `logaddexp` in the algebra."""
    (value,) = inputs
    params = equation.params
    algebra = context.algebra
    shape, dtype = value.shape, value.dtype

    def combined(a: Series, b: Series) -> Series:
        size = present(a[0]).shape
        pair = [make(c, size, dtype) for c in (a, b)]
        traced = _compat.trace(_logaddexp, *map(type_of, pair))
        (joined,) = evaluate(context, *traced, pair)
        return [instantiate(c, size, dtype) for c in coefficients(joined, algebra)]

    dense = [value.dense(k) for k in range(algebra.size)]
    result = lax.associative_scan(
        combined, dense, reverse=params["reverse"], axis=params["axis"]
    )
    result[0] = _compat.bind(equation, value.primal)[0]
    return [make(result, shape, dtype)]


def _logaddexp(a: Array, b: Array) -> Array:
    """Returns log(exp a + exp b), shifted by the larger so that nothing overflows."""
    top = lax.stop_gradient(jnp.maximum(a, b))
    top = jnp.where(jnp.isfinite(top), top, 0)
    return top + jnp.log(jnp.exp(a - top) + jnp.exp(b - top))
