"""Writing families out and folding them back, for rules that do not take them."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from opcompiler.algebra.families import Folding, written_out
from opcompiler.taylor.registry import Context, Rule
from opcompiler.taylor.value import AlgebraArray, Coefficient, family_axis, make, Value


def without_families(
    context: Context, rule: Rule, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Runs a rule in the algebra as it was before folding."""
    folding = context.folding
    if context.algebra.has_families and (
        folding is None or folding.folded is not context.algebra
    ):
        folding = written_out(context.algebra)
    if folding is None:
        return rule(context, equation, inputs)
    explicit = replace(context, algebra=folding.explicit, folding=None)
    outputs = rule(explicit, equation, [unfold(folding, value) for value in inputs])
    return [refold(folding, value) for value in outputs]


def unfold(
    folding: Folding, value: Value, wanted: Collection[int] | None = None
) -> Value:
    """Writes a value's families out as single channels.

    Args:
        folding: the folding of the value's algebra.
        value: folded.
        wanted: explicit channels that somebody will read; the others are left zero, so
            that a family nobody reads is not cut to pieces. All by default.
    """
    if not isinstance(value, AlgebraArray):
        return value
    series: list[Coefficient] = []
    cut: dict[int, Sequence[Coefficient]] = {}
    for k, (channel, at) in enumerate(folding.places):
        c = value.coefficients[channel]
        if c is None or (wanted is not None and k and k not in wanted):
            series.append(None)
        elif folding.folded.channels[channel].count == 1:
            series.append(c)
        else:
            if channel not in cut:
                cut[channel] = _rows(c, folding.folded.channels[channel].count)
            series.append(cut[channel][at])
    return AlgebraArray(value.shape, value.dtype, tuple(series))


def _rows(c: Array, count: int) -> list[Array]:
    axis = family_axis(c.ndim - 1)
    return [lax.squeeze(p, (axis,)) for p in lax.split(c, (1,) * count, axis)]


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
