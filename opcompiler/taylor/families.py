"""Writing families out and folding them back, for rules that do not take them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
from jax import lax

from opcompiler.core.families import Folding
from opcompiler.taylor.registry import Context, Rule
from opcompiler.taylor.value import AlgebraArray, Coefficient, family_axis, make, Value


def without_families(
    context: Context, rule: Rule, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Runs a rule in the algebra as it was before folding."""
    folding = context.folding
    if folding is None:
        return rule(context, equation, inputs)
    explicit = replace(context, algebra=folding.explicit, folding=None)
    outputs = rule(explicit, equation, [unfold(folding, value) for value in inputs])
    return [refold(folding, value) for value in outputs]


def unfold(folding: Folding, value: Value) -> Value:
    """Writes a value's families out as single channels."""
    if not isinstance(value, AlgebraArray):
        return value
    rows: list[Sequence[Coefficient]] = []
    for c, channel in zip(value.coefficients, folding.folded.channels, strict=True):
        if c is None or channel.count == 1:
            rows.append([c] * channel.count)
        else:
            axis = family_axis(c.ndim - 1)
            pieces = lax.split(c, (1,) * channel.count, axis)
            rows.append([lax.squeeze(piece, (axis,)) for piece in pieces])
    series = [rows[channel][at] for channel, at in folding.places]
    return make(series, value.shape, value.dtype)


def refold(folding: Folding, value: Value) -> Value:
    """Stacks single channels to families again."""
    if not isinstance(value, AlgebraArray):
        return value
    series = fold_series(folding, value.coefficients, value.dtype)
    return make(series, value.shape, value.dtype)


def fold_series(
    folding: Folding, series: Sequence[Coefficient], dtype: Any
) -> list[Coefficient]:
    """Stacks the coefficients of every family; one of zeros only stays a zero."""
    folded: list[Coefficient] = []
    for number, channel in enumerate(folding.folded.channels):
        rows = [series[k] for k in folding.members(number)]
        shapes = [c.shape for c in rows if c is not None]
        if channel.count == 1 or not shapes:
            folded.append(rows[0])
            continue
        shape = jnp.broadcast_shapes(*shapes)
        full = [
            jnp.zeros(shape, dtype) if c is None else jnp.broadcast_to(c, shape)
            for c in rows
        ]
        folded.append(jnp.stack(full, family_axis(len(shape))))
    return folded
