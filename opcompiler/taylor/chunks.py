r"""Pushing a family's directions a few at a time, so that memory stays bounded.

In: a jaxpr, its operands, and how many directions to push at a time. Out: the outputs that
one push of all directions would give (`interpret.evaluate`). A channel into which the
directions of a family are summed holds, after any program,

$$ u_k = u_k^{(0)} + \sum_{\text{chunks } c} \bigl(u_k^{(c)} - u_k^{(0)}\bigr) , $$

where (0) is the push without the family and (c) that with the directions of one chunk.
This needs that no two such channels, nor one of them and a family, are multiplied, which
`summed_channels` checks. Chunks are pushed in a `lax.scan`, or one after the other where
directions have constants of their own; a gradient evaluates every chunk a second time.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.algebra.families import Folding, narrowed, summed_channels, written_out
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.taylor.interpret import evaluate
from opcompiler.taylor.places import (
    assembled,
    densified,
    Patch,
    rolled,
    SparseArray,
    unrolled,
)
from opcompiler.taylor.primitives import Context
from opcompiler.taylor.value import (
    AlgebraArray,
    coefficients,
    family_axis,
    make,
    Value,
)

_Seeds = dict[int, Array] | tuple[Patch, ...]
"""Families by channel, or the patches of a sparse value; directions come first."""

_Push = Callable[[Folding, Sequence[_Seeds]], tuple[Any, Any]]
"""(algebra of a chunk, seeds) -> what it adds to the sums, and its families."""


def evaluate_in_chunks(
    context: Context,
    jaxpr: Any,
    consts: Sequence[Any],
    starts: Sequence[Value],
    chunk: int,
    wanted: frozenset[int],
) -> list[Value]:
    """Evaluates a jaxpr as `evaluate`, `chunk` directions of the family at a time.

    Args:
        context: of an algebra with families.
        jaxpr: the program.
        consts: its constants.
        starts: its arguments.
        chunk: number of directions.
        wanted: the folded channels that are read; the others may come back as zeros.

    Raises:
        OperatorError: if the operator does not split into a sum over its directions.
    """
    folding = context.folding or written_out(context.algebra)
    channels = folding.folded.channels
    count = max(channel.count for channel in channels)
    if chunk >= count:
        return evaluate(context, jaxpr, consts, starts)
    family = [k for k, channel in enumerate(channels) if channel.count > 1]
    summed = sorted(summed_channels(folding.folded) & wanted)
    stacked = [k for k in family if k in wanted]
    # The push without the family: every chunk computes it again inside, so each counts only
    # its difference from this base, else the base would enter once per chunk.
    none = [_with_directions(start, {}, folding.folded) for start in starts]
    base = evaluate(context, jaxpr, consts, none)

    def push(folding: Folding, seeds: Sequence[_Seeds]) -> tuple[Any, Any]:
        narrow = replace(context, algebra=folding.folded, folding=folding)
        values = [
            _with_directions(start, seed, folding.folded)
            for start, seed in zip(starts, seeds, strict=True)
        ]
        outputs = list(map(densified, evaluate(narrow, jaxpr, consts, values)))
        sums = [
            [_channel(o, k, o) - _channel(b, k, o) for k in summed]
            for o, b in zip(outputs, base, strict=True)
        ]
        return sums, [[_family(o, k, chunk) for k in stacked] for o in outputs]

    seeds = [_directions(start, family) for start in starts]
    varied = any(isinstance(c, tuple) for *_, c in folding.folded.products)
    run = _one_by_one if varied else _in_a_loop
    totals, families = run(push, folding, seeds, chunk, count)

    outputs: list[Value] = []
    for value, sums, rows in zip(base, totals, families, strict=True):
        shape = value.shape
        series = list(coefficients(value, folding.folded))
        for k, total in zip(summed, sums, strict=True):
            before = series[k]
            series[k] = total if before is None else before + total
        for k, c in zip(stacked, rows, strict=True):
            series[k] = jnp.moveaxis(c, 0, family_axis(len(shape)))
        outputs.append(make(series, shape, value.dtype))
    return outputs


def _in_a_loop(
    push: _Push, folding: Folding, seeds: Sequence[_Seeds], chunk: int, count: int
) -> tuple[Any, Any]:
    """Runs the chunks by `lax.scan`; all have the same constants."""
    chunks = -(-count // chunk)
    narrow = narrowed(folding, 0, chunk)

    def cut(c: Array, is_masked: bool) -> Array:
        # The directions are padded to whole chunks. A direction of zero adds nothing. A
        # patch is padded with copies of its last direction instead, because a place has
        # to exist; the mask, padded with False, keeps the copies from adding anything.
        mode = "edge" if is_masked and c.dtype != bool else "constant"
        short = chunks * chunk - count
        padded = jnp.pad(c, [(0, short)] + [(0, 0)] * (c.ndim - 1), mode)
        return padded.reshape(chunks, chunk, *c.shape[1:])

    items = [_each(cut, seed) for seed in seeds]
    run = jax.checkpoint(lambda seeds: push(narrow, seeds))
    shapes, _ = jax.eval_shape(run, jax.tree.map(lambda c: c[0], items))
    zeros = jax.tree.map(_compat.zeros, shapes)

    def step(totals: Any, seeds: Any) -> tuple[Any, Any]:
        sums, families = run(seeds)
        return jax.tree.map(lax.add, totals, sums), families

    totals, families = lax.scan(step, zeros, items)
    joined = jax.tree.map(lambda c: c.reshape(-1, *c.shape[2:])[:count], families)
    return totals, joined


def _one_by_one(
    push: _Push, folding: Folding, seeds: Sequence[_Seeds], chunk: int, count: int
) -> tuple[Any, Any]:
    """Runs the chunks one after the other; each has constants of its own."""
    totals: Any = None
    pieces = []
    for start in range(0, count, chunk):
        # The last chunk goes back over directions that are done: zeros there.
        at = min(start, count - chunk)
        narrow = narrowed(folding, at, at + chunk)
        fresh = jnp.arange(at, at + chunk) >= start

        def cut(c: Array, is_masked: bool, at: int = at, fresh: Array = fresh) -> Array:
            rows = c[at : at + chunk]
            if is_masked and c.dtype != bool:
                return rows
            return rows * fresh.reshape(-1, *[1] * (c.ndim - 1)).astype(c.dtype)

        run = jax.checkpoint(lambda seeds, narrow=narrow: push(narrow, seeds))
        sums, families = run([_each(cut, seed) for seed in seeds])
        totals = sums if totals is None else jax.tree.map(lax.add, totals, sums)
        pieces.append(jax.tree.map(lambda c, s=start - at: c[s:], families))
    joined = jax.tree.map(lambda *parts: jnp.concatenate(parts), *pieces)
    return totals, joined


def _each(cut: Callable[[Array, bool], Array], seeds: _Seeds) -> _Seeds:
    """Cuts all arrays of seeds; those of patches have a mask beside them."""
    return jax.tree.map(lambda c: cut(c, isinstance(seeds, tuple)), seeds)


def _directions(start: Value, family: Sequence[int]) -> _Seeds:
    """Returns an argument's families, the axis of directions first."""
    if isinstance(start, SparseArray):
        return unrolled(start)
    if not isinstance(start, AlgebraArray):
        return {}
    axis, series = family_axis(len(start.shape)), start.coefficients
    found = {k: series[k] for k in family}
    return {k: jnp.moveaxis(c, axis, 0) for k, c in found.items() if c is not None}


def _with_directions(start: Value, seeds: _Seeds, algebra: TaylorAlgebra) -> Value:
    """Returns an argument with other directions, as `_directions` gave them, or none."""
    if isinstance(start, SparseArray):
        if isinstance(seeds, tuple):
            return rolled(start, seeds, algebra)
        return assembled(start.split, start.base, {}, {})
    if not isinstance(start, AlgebraArray):
        return start
    assert isinstance(seeds, dict)
    axis = family_axis(len(start.shape))
    series = [
        c if channel.count == 1 else None
        for c, channel in zip(start.coefficients, algebra.channels, strict=True)
    ]
    for k, c in seeds.items():
        series[k] = jnp.moveaxis(c, 0, axis)
    return make(series, start.shape, start.dtype)


def _channel(value: Value, k: int, like: Value) -> Array:
    """Returns a channel in full shape."""
    c = value.coefficients[k] if isinstance(value, AlgebraArray) else None
    return jnp.broadcast_to(jnp.zeros((), like.dtype) if c is None else c, like.shape)


def _family(value: Value, k: int, count: int) -> Array:
    """Returns a family in full shape, the axis of directions first."""
    if isinstance(value, AlgebraArray):
        return value.family(k, count)
    return jnp.zeros((count, *value.shape), value.dtype)
