"""Entry by entry: functions of sparse values.

A direction changes its own places only, so the function is evaluated there alone, on one
entry per direction, and once on the base. The ordinary rules do both: a patch is a value
in `Split.alone`, the algebra as one direction sees it.

The other sparse rules: moving entries about in `moves.py`, sums over them and matrix
products in `sparse_sums.py`. For a primitive without one the value is written out.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax.numpy as jnp

from opcompiler import _compat
from opcompiler.algebra.families import Split
from opcompiler.taylor.interpret import apply, rewritten
from opcompiler.taylor.places import (
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
from opcompiler.taylor.primitives import Context
from opcompiler.taylor.value import Active, coefficients, make, primal, Value

MOST = 16
"""Patches of one value; with more it is written out."""


def split_of(inputs: Sequence[Value]) -> Split:
    """Returns the split algebra of the sparse value among some values."""
    return next(value.split for value in inputs if isinstance(value, SparseArray))


def on_bases(
    context: Context, equation: Any, inputs: Sequence[Value], parts: Split
) -> list[Value]:
    """Runs an equation without the family."""
    bare = replace(context, algebra=parts.bare, folding=None)
    stripped = [without_family(parts, value) for value in inputs]
    return apply(bare, equation, stripped)


def sparse(parts: Split, aval: Any, base: Value, patches: Sequence[Patch]) -> Value:
    """Builds a sparse value; without a patch that changes anything it is its base."""
    changing = tuple(p for p in patches if any(c is not None for c in p.series[1:]))
    if not changing:
        return assembled(parts, base, {}, {})
    return SparseArray(parts, aval.shape, aval.dtype, base, changing)


def steps(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Primitives that see plain values only."""
    return apply(context, equation, list(map(primal, inputs)))


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
    # Where a direction has one place in two operands, both change there together: reading
    # each place once, and keeping its change once, counts their product correctly.
    all_places = apart([
        patch.places for v in inputs if isinstance(v, SparseArray) for patch in v.patches
    ])  # fmt: skip
    if all_places is None:
        return None
    alone = replace(context, algebra=parts.alone, folding=None)
    patches = []
    for read, places in all_places:
        # What each operand is at the places: a plain array, or all its channels.
        columns: list[Any] = [
            read_at(value, read, parts)
            if isinstance(value, Active)
            else take(jnp.asarray(value), read, jnp.ndim(value))
            for value in inputs
        ]
        if any(column is None for column in columns):
            return None
        arrays = [a for c in columns for a in (c if isinstance(c, list) else [c])]
        shape = jnp.broadcast_shapes(*(jnp.shape(a) for a in arrays if a is not None))
        operands: list[Value] = []
        for column, value in zip(columns, inputs, strict=True):
            own = shape if jnp.ndim(primal(value)) else ()
            if isinstance(column, list):
                operands.append(make(column, own, value.dtype))
            else:
                operands.append(jnp.broadcast_to(column, own))
        (output,) = rewritten(alone, lambda *a: _compat.bind(equation, *a)[0], operands)
        patches.append(Patch(places, tuple(coefficients(output, parts.alone))))
    return [sparse(parts, aval, base, patches)]


def apart(found: Sequence[Places]) -> list[tuple[Places, Places]] | None:
    """Lists places once, so that no direction has one of them twice.

    Returns:
        For each the places to read at, and those whose change is kept: where a direction
        has met the same place before, its change is kept there. `None`, if that is not
        known.
    """
    distinct = list({places.key: places for places in found}.values())
    if len(distinct) > MOST:
        return None
    kept: list[tuple[Places, Places]] = []
    for n, places in enumerate(distinct):
        mine = places
        for before in distinct[:n]:
            if surely_apart(places, before):
                continue
            both = meeting(places, before)
            if both is None:
                return None
            mine = mine.within(~both, ("apart from", before.key))
        kept.append((places, mine))
    return kept


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
