"""Reductions by a user's own function: over axes, and over sliding windows.

The function is associative by contract, so that the reduction may be rewritten as a tree
of array operations; the rewritten program is what is interpreted in the algebra.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.taylor.evaluation import evaluate
from opcompiler.taylor.registry import Context, rule
from opcompiler.taylor.value import is_active, make, primal, type_of, Value

Arrays = tuple[Array, ...]

Reducer = Callable[[Arrays, Arrays], Arrays]
"""Joins two tuples of arrays of equal shapes, entry by entry."""


@rule("reduce")
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

    return _rewritten(context, equation, inputs, tree)


@rule("reduce_window")
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

    return _rewritten(context, equation, inputs, tree)


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


def _rewritten(
    context: Context,
    equation: Any,
    inputs: Sequence[Value],
    function: Callable[..., Arrays],
) -> list[Value]:
    """Interprets a function in an equation's place; plain values stay the equation's."""
    traced = _compat.trace(function, *map(type_of, inputs))
    found = evaluate(context, *traced, inputs)
    plain = _compat.bind(equation, *map(primal, inputs))
    return [
        make([p, *f.coefficients[1:]], f.shape, f.dtype) if is_active(f) else p
        for p, f in zip(plain, found, strict=True)
    ]
