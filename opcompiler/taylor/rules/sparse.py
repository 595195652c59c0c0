"""Entry by entry: functions of sparse values, and programs that take them.

A direction changes its own places only, so the function is evaluated there alone, on one
entry per direction, and once on the base. The ordinary rules do both: a patch is a value
in `Split.alone`, the algebra as one direction sees it.

The other sparse rules: moving entries about in `sparse_shapes.py`, sums over them and
matrix products in `sparse_products.py`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler import _compat
from opcompiler.algebra.families import Split
from opcompiler.algebra.weil import univariate
from opcompiler.taylor.arithmetic import compose
from opcompiler.taylor.evaluation import evaluate
from opcompiler.taylor.registry import Context, KINDS, sparse_rule
from opcompiler.taylor.rules import calls, constant, elementwise, powers, special
from opcompiler.taylor.sparse import (
    assembled,
    has_dense_family,
    meeting,
    Patch,
    Places,
    read_at,
    SparseArray,
    surely_apart,
    take,
    without_family,
)
from opcompiler.taylor.value import (
    Active,
    AlgebraArray,
    Coefficient,
    coefficients,
    make,
    primal,
    type_of,
    Value,
)

MOST = 16
"""Patches of one value; with more it is written out."""

_FILES = (elementwise, powers, special)
_ONE_OPERAND = sorted(
    name
    for name, kind in KINDS.items()
    if any(file.__name__.endswith(f".{kind}") for file in _FILES)
)
_CONSTANT = sorted(n for n, k in KINDS.items() if constant.__name__.endswith(f".{k}"))


def split_of(inputs: Sequence[Value]) -> Split:
    """Returns the split algebra of the sparse value among some values."""
    return next(value.split for value in inputs if isinstance(value, SparseArray))


def on_bases(
    context: Context, equation: Any, inputs: Sequence[Value], parts: Split
) -> list[Value]:
    """Runs an equation without the family."""
    bare = replace(context, algebra=parts.bare, folding=None)
    stripped = [without_family(parts, value) for value in inputs]
    return context.apply(bare, equation, stripped)


def sparse(parts: Split, aval: Any, base: Value, patches: Sequence[Patch]) -> Value:
    """Builds a sparse value; without a patch that changes anything it is its base."""
    changing = tuple(p for p in patches if any(c is not None for c in p.series[1:]))
    if not changing:
        return assembled(parts, base, {}, {})
    return SparseArray(parts, aval.shape, aval.dtype, base, changing)


@sparse_rule(*_CONSTANT)
def steps(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Primitives that see plain values only."""
    return context.apply(context, equation, list(map(primal, inputs)))


@sparse_rule(
    *_ONE_OPERAND, "add", "add_any", "atan2", "clamp", "conj", "convert_element_type",
    "copy", "copy_p", "div", "imag", "max", "min", "mul", "name", "neg",
    "pow", "real", "reduce_precision", "rem", "select_n", "square", "sub",
)  # fmt: skip
def pointwise(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """Functions of one entry of each operand."""
    parts = split_of(inputs)
    if any(has_dense_family(parts, value) for value in inputs):
        return None
    (aval,) = _compat.output_avals(equation)
    (base,) = on_bases(context, equation, inputs, parts)
    if not _compat.differentiable(aval.dtype):
        return [base]
    all_places = apart([
        patch.places for v in inputs if isinstance(v, SparseArray) for patch in v.patches
    ])  # fmt: skip
    if all_places is None:
        return None
    patches = []
    for read, places in all_places:
        columns = [_column(value, read, parts) for value in inputs]
        if any(column is None for column in columns):
            return None
        series = _at_places(context, equation, columns, inputs, parts)
        patches.append(Patch(places, tuple(series)))
    return [sparse(parts, aval, base, patches)]


def apart(found: Sequence[Places]) -> list[tuple[Places, Places]] | None:
    """Lists places once, so that no direction has one of them twice.

    Returns:
        For each the places to read at, and those that are then told: where a direction
        has met the same place before, it is told there. `None`, if that is not known.
    """
    distinct = list({places.key: places for places in found}.values())
    if len(distinct) > MOST:
        return None
    told: list[tuple[Places, Places]] = []
    for n, places in enumerate(distinct):
        mine = places
        for before in distinct[:n]:
            if surely_apart(places, before):
                continue
            both = meeting(places, before)
            if both is None:
                return None
            mine = mine.within(~both, ("apart from", before.key))
        told.append((places, mine))
    return told


_Column = Array | list[Coefficient] | None


def _column(value: Value, places: Places, parts: Split) -> Any:
    """Returns an operand at the places: a plain array or all its channels."""
    if not isinstance(value, Active):
        return take(jnp.asarray(value), places, jnp.ndim(value))
    return read_at(value, places, parts)


def _at_places(
    context: Context,
    equation: Any,
    columns: Sequence[Any],
    inputs: Sequence[Value],
    parts: Split,
) -> list[Coefficient]:
    """Runs an equation on what the operands are at one place per direction."""
    arrays = [a for c in columns for a in (c if isinstance(c, list) else [c])]
    shape = jnp.broadcast_shapes(*(jnp.shape(a) for a in arrays if a is not None))
    operands: list[Value] = []
    for column, value in zip(columns, inputs, strict=True):
        own = shape if jnp.ndim(primal(value)) else ()
        if isinstance(column, list):
            operands.append(make(column, own, value.dtype))
        else:
            operands.append(jnp.broadcast_to(column, own))
    avals = list(map(type_of, operands))
    jaxpr, consts = _compat.trace(lambda *a: _compat.bind(equation, *a)[0], *avals)
    alone = replace(context, algebra=parts.alone, folding=None)
    (output,) = evaluate(alone, jaxpr, consts, operands)
    return list(coefficients(output, parts.alone))


@sparse_rule("device_put", "layout_constraint", "optimization_barrier", "pvary",
             "sharding_constraint")  # fmt: skip
def unchanged(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """Tells the compiler something of the bases, which are large; patches are not."""
    parts = split_of(inputs)
    if any(has_dense_family(parts, value) for value in inputs):
        return None
    bases = on_bases(context, equation, inputs, parts)
    return [
        replace(value, base=base)
        if isinstance(value, SparseArray)
        else assembled(parts, base, {}, {})
        for value, base in zip(inputs, bases, strict=True)
    ]


# --- programs inside programs ----------------------------------------------------------


@sparse_rule("jit", "pjit", "closed_call", "call", "core_call", "eval_jaxpr",
             "custom_vjp_call", "custom_vjp_call_jaxpr", "composite",
             "custom_vmap_call")  # fmt: skip
def inlined(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Interprets the body in place."""
    return evaluate(context, *calls.body(equation), inputs)


@sparse_rule("custom_jvp_call")
def custom_jvp(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """Takes the scalar derivatives of a pointwise call everywhere, composes at places."""
    active = [value for value in inputs if isinstance(value, Active)]
    parts = split_of(inputs)
    (aval, *more) = _compat.output_avals(equation)
    if len(active) > 1 or more or aval.shape != active[0].shape:
        return None
    if aval.dtype != active[0].dtype or not calls.is_pointwise_call(
        equation, aval.shape
    ):
        return None
    (u,) = active
    order = parts.algebra.order
    whole = replace(
        context, algebra=univariate(order), folding=None, compose_upto=order
    )
    one = jnp.ones((1,) * len(u.shape), u.dtype)
    start = AlgebraArray(u.shape, u.dtype, (u.primal, one, *[None] * (order - 1)))
    (curve,) = context.apply(
        whole, equation, [start if value is u else value for value in inputs]
    )
    taylor = coefficients(curve, whole.algebra)
    (base,) = on_bases(context, equation, inputs, parts)
    told = apart([patch.places for patch in u.patches])
    if told is None:
        return None
    patches = []
    for read, places in told:
        slopes = [None if c is None else take(c, read, len(u.shape)) for c in taylor]
        series = read_at(u, read, parts)
        if series is None:
            return None
        patches.append(Patch(places, tuple(compose(parts.alone, series, slopes))))
    return [sparse(parts, aval, base, patches)]


@sparse_rule("remat2", "checkpoint", "remat")
def checkpoint(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Interprets the body under `jax.checkpoint`, with the user's policy."""
    jaxpr, consts = calls.body(equation)
    outer = [_opened(value) for value in inputs]
    forms: list[Any] = []

    def inside(arrays: list[Any]) -> list[Any]:
        operands = [
            close(opened) for (_, close), opened in zip(outer, arrays, strict=True)
        ]
        outputs = [_opened(o) for o in evaluate(context, jaxpr, consts, operands)]
        forms[:] = [close for _, close in outputs]
        return [arrays for arrays, _ in outputs]

    remat = jax.checkpoint(
        inside,
        policy=equation.params.get("policy"),
        prevent_cse=equation.params.get("prevent_cse", True),
    )
    outputs = remat([arrays for arrays, _ in outer])
    return [close(arrays) for close, arrays in zip(forms, outputs, strict=True)]


def _opened(value: Value) -> tuple[Any, Any]:
    """Returns a value's arrays as a pytree, and how to put them together again."""
    if isinstance(value, SparseArray):
        base, close = _opened(value.base)

        def closed(arrays: Any) -> Value:
            return replace(value, base=close(arrays[0]), patches=arrays[1])

        return (base, value.patches), closed
    if isinstance(value, AlgebraArray):
        return value.coefficients, lambda c: replace(value, coefficients=tuple(c))
    return value, lambda array: array
