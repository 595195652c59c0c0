"""Along an axis: order, extrema, products, and reductions by a user's function.

In: a value. Out: the channels of what is left along the axis. Which entry is picked is
decided by plain values; every channel then follows the same choice, and at a tie JAX's own
first derivative decides: the mean for `reduce_max`. What joins entries is associative, so
it is *rewritten* as a tree of array operations, and that program is interpreted.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.taylor.arithmetic import Series
from opcompiler.taylor.interpret import rewritten
from opcompiler.taylor.primitives import Context, one_output, primitive, Rule
from opcompiler.taylor.rules.local import along
from opcompiler.taylor.value import (
    AlgebraArray,
    instantiate,
    is_active,
    lift,
    make,
    primal,
    Value,
)

# --- picked by plain values -------------------------------------------------------------


@primitive("sort", kind="structure", kink=True, local=along("dimension"))
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


@primitive("top_k", kind="structure", local=along("axis"))
@primitive("approx_top_k", kind="structure", local=along("reduction_dimension"))
def top_k(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Channels follow the indices of the largest entries."""
    (value,) = inputs
    values, places = _compat.bind(equation, value.primal)
    axis = equation.params.get("axis", equation.params.get("reduction_dimension", -1))
    return [_follow(value, values, places, axis % len(value.shape)), places]


def _follow(value: AlgebraArray, plain: Array, places: Array, axis: int) -> Value:
    rank = plain.ndim

    def picked(c: Array) -> Array:
        full = instantiate(c, value.shape, value.dtype)
        return jnp.take_along_axis(full, places, axis)

    series: Series = [plain]
    for c in value.coefficients[1:]:
        series.append(None if c is None else lift(picked, rank, (c, rank)))
    return make(series, plain.shape, value.dtype)


@primitive("reduce_max", "reduce_min", kind="structure", local=along("axes"))
@one_output
def extremum(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
    """Takes the mean of the channels over the entries that attain the extremum."""
    (value,) = inputs
    axes = tuple(equation.params["axes"])
    start = value.primal
    best = _compat.bind(equation, start)[0]
    attained = (start == jnp.expand_dims(best, axes)).astype(value.dtype)
    share = attained / jnp.sum(attained, axes, keepdims=True)

    def mean(c: Array) -> Array:
        return jnp.sum(instantiate(c, value.shape, value.dtype) * share, axes)

    rank = len(value.shape)
    series: Series = [best]
    for c in value.coefficients[1:]:
        series.append(None if c is None else lift(mean, best.ndim, (c, rank)))
    return series


@primitive("cummax", "cummin", kind="structure", local=along("axis"))
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


def _rewriting(name: str, kind: str) -> Callable[[Rule], Rule]:
    """Declares a rule that takes families in lanes as well: what it rewrites to does."""
    return lambda rule: primitive(name, kind=kind, local=rule)(rule)


# --- products and sums of exponentials --------------------------------------------------


@_rewriting("reduce_prod", kind="structure")
def reduce_product(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Multiplies halves until one entry is left: exact zeros stay harmless."""

    def tree(a: Array) -> list[Array]:
        for axis in sorted(equation.params["axes"], reverse=True):
            while (size := a.shape[axis]) > 1:
                half = size // 2
                cut = partial(lax.slice_in_dim, a, axis=axis)
                joined = lax.mul(cut(0, half), cut(half, 2 * half))
                odd = [cut(2 * half, size)] if size % 2 else []
                a = lax.concatenate([joined, *odd], axis)
            rest = (*a.shape[:axis], *a.shape[axis + 1 :])
            a = lax.squeeze(a, (axis,)) if size else jnp.ones(rest, a.dtype)
        return [a]

    return _joined(context, equation, inputs, tree)


@_rewriting("cumprod", kind="structure")
def running_product(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """An associative scan of products."""
    return _joined(context, equation, inputs, partial(_scan, lax.mul, equation.params))


@_rewriting("cumlogsumexp", kind="structure")
def running_logsumexp(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """An associative scan of `logaddexp`."""
    tree = partial(_scan, _logaddexp, equation.params)
    return _joined(context, equation, inputs, tree)


def _scan(op: Callable[[Array, Array], Array], params: Any, a: Array) -> list[Array]:
    return [lax.associative_scan(op, a, params["reverse"], params["axis"])]


def _logaddexp(a: Array, b: Array) -> Array:
    """Returns log(exp a + exp b), shifted by the larger so that nothing overflows."""
    top = lax.stop_gradient(jnp.maximum(a, b))
    top = jnp.where(jnp.isfinite(top), top, 0)
    return top + jnp.log(jnp.exp(a - top) + jnp.exp(b - top))


# --- a user's function ------------------------------------------------------------------


Arrays = tuple[Array, ...]

Reducer = Callable[[Arrays, Arrays], Arrays]
"""Joins two tuples of arrays of equal shapes, entry by entry."""


@_rewriting("reduce", kind="windows")
def reduce(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """`jax.lax.reduce` by halves."""
    axes = equation.params["dimensions"]
    joined = _reducer(*_compat.open_jaxpr(equation.params["jaxpr"]))

    def tree(*arrays: Array) -> Arrays:
        operands, starts = _halves(arrays)
        last = tuple(range(-len(axes), 0))
        flat = tuple(
            jnp.moveaxis(a, axes, last).reshape(
                *(n for i, n in enumerate(a.shape) if i not in axes), -1
            )
            for a in operands
        )
        return joined(_like(starts, flat), _fold_last(joined, flat))

    return _joined(context, equation, inputs, tree)


@_rewriting("reduce_window", kind="windows")
def reduce_window(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """`jax.lax.reduce_window`: one slice per place in the window, joined by halves."""
    params = equation.params
    jaxpr, consts = _compat.open_jaxpr(params["jaxpr"])
    joined = _reducer(jaxpr, [*consts, *params["consts"]])
    holes = [
        (low, high, dilation - 1)
        for (low, high), dilation in zip(
            params["padding"], params["base_dilation"], strict=True
        )
    ]

    def tree(*arrays: Array) -> Arrays:
        operands, starts = _halves(arrays)
        padded = [lax.pad(a, s, holes) for a, s in zip(operands, starts, strict=True)]
        offsets = itertools.product(*map(range, params["window_dimensions"]))
        pieces = [tuple(_place(a, at, params) for a in padded) for at in offsets]
        stacked = tuple(jnp.stack(column, -1) for column in zip(*pieces, strict=True))
        return joined(_like(starts, stacked), _fold_last(joined, stacked))

    return _joined(context, equation, inputs, tree)


def _place(a: Array, offset: Sequence[int], params: dict[str, Any]) -> Array:
    """Returns what stands at one place of all windows."""
    starts, limits = [], []
    for axis, at in enumerate(offset):
        dilation = params["window_dilation"][axis]
        reach = (params["window_dimensions"][axis] - 1) * dilation
        starts.append(at * dilation)
        limits.append(a.shape[axis] - reach + at * dilation)
    return lax.slice(a, starts, limits, params["window_strides"])


def _reducer(jaxpr: Any, consts: Sequence[Any]) -> Reducer:
    def joined(a: Arrays, b: Arrays) -> Arrays:
        shape = a[0].shape
        scalar = jax.vmap(lambda *pair: _compat.run(jaxpr, consts, *pair))
        flat = scalar(*_compat.vary_alike(*(c.reshape(-1) for c in (*a, *b))))
        return tuple(c.reshape(shape) for c in flat)

    return joined


def _fold_last(joined: Reducer, arrays: Arrays) -> Arrays:
    """Joins neighbours along the last axis until one entry is left."""
    while (size := arrays[0].shape[-1]) > 1:
        even = size - size % 2
        pairs = joined(
            tuple(a[..., 0:even:2] for a in arrays),
            tuple(a[..., 1:even:2] for a in arrays),
        )
        rest = (a[..., even:] for a in arrays)
        arrays = tuple(
            jnp.concatenate([p, r], -1) for p, r in zip(pairs, rest, strict=True)
        )
    return tuple(a[..., 0] for a in arrays)


def _halves(arrays: Arrays) -> tuple[Arrays, Arrays]:
    """Returns operands and start values."""
    return arrays[: len(arrays) // 2], arrays[len(arrays) // 2 :]


def _like(starts: Arrays, arrays: Arrays) -> Arrays:
    return tuple(
        jnp.broadcast_to(s, a.shape[:-1]) for s, a in zip(starts, arrays, strict=True)
    )


def _joined(
    context: Context,
    equation: Any,
    inputs: Sequence[Value],
    function: Callable[..., Sequence[Array]],
) -> list[Value]:
    """Interprets a function in an equation's place; plain values stay the equation's."""
    found = rewritten(context, function, inputs)
    plain = _compat.bind(equation, *map(primal, inputs))
    return [
        replace(f, coefficients=(p, *f.coefficients[1:])) if is_active(f) else p
        for p, f in zip(plain, found, strict=True)
    ]
