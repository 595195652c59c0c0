r"""Pushing a family's directions a few at a time, so that memory stays bounded.

A channel into which a family's directions are summed holds, after any program,

$$ u_k = u_k^{(0)} + \sum_{\text{chunks } c} \bigl(u_k^{(c)} - u_k^{(0)}\bigr) , $$

where (0) is the push without the family and (c) that with the directions of one chunk.
This needs that no two such channels, nor one of them and a family, are multiplied.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
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
    Coefficient,
    coefficients,
    family_axis,
    is_active,
    make,
    Value,
)

_Seeds = dict[int, Array] | tuple[Patch, ...]
"""Families by channel, or the patches of a sparse value; directions come first."""


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
    count = max(channel.count for channel in folding.folded.channels)
    if chunk >= count:
        return evaluate(context, jaxpr, consts, starts)
    pushes = _Pushes(context, folding, jaxpr, consts, starts, chunk, wanted)
    varied = any(isinstance(c, tuple) for *_, c in folding.folded.products)
    totals, families = (pushes.one_by_one if varied else pushes.in_a_loop)(count)
    return pushes.assembled(totals, families, count)


class _Pushes:
    """The pushes of the chunks of one family, and how they are put together."""

    def __init__(
        self,
        context: Context,
        folding: Folding,
        jaxpr: Any,
        consts: Sequence[Any],
        starts: Sequence[Value],
        chunk: int,
        wanted: frozenset[int],
    ) -> None:
        self.context, self.folding, self.chunk = context, folding, chunk
        self.jaxpr, self.consts, self.starts = jaxpr, consts, starts
        channels = folding.folded.channels
        self.family = [k for k, channel in enumerate(channels) if channel.count > 1]
        self.summed = sorted(summed_channels(folding.folded) & wanted)
        self.stacked = [k for k in self.family if k in wanted]
        self.base = self._without_family()

    def _without_family(self) -> list[Value]:
        zero = [
            self._started(start, dict.fromkeys(self.family)) for start in self.starts
        ]
        return evaluate(self.context, self.jaxpr, self.consts, zero)

    @staticmethod
    def _started(start: Value, family: dict[int, Coefficient]) -> Value:
        if isinstance(start, SparseArray):
            return assembled(start.split, start.base, {}, {})
        if not is_active(start):
            return start
        series = [family.get(k, c) for k, c in enumerate(start.coefficients)]
        return make(series, start.shape, start.dtype)

    def _seeds(self) -> list[_Seeds]:
        """Returns each argument's families, the axis of directions first."""
        found: list[_Seeds] = []
        for start in self.starts:
            seeds: dict[int, Array] = {}
            if isinstance(start, SparseArray):
                found.append(unrolled(start))
                continue
            if is_active(start):
                axis = family_axis(len(start.shape))
                for k in self.family:
                    c = start.coefficients[k]
                    if c is not None:
                        seeds[k] = jnp.moveaxis(c, axis, 0)
            found.append(seeds)
        return found

    def _with_directions(
        self, start: Value, seeds: _Seeds, algebra: TaylorAlgebra
    ) -> Value:
        if isinstance(start, SparseArray):
            assert isinstance(seeds, tuple)
            return rolled(start, seeds, algebra)
        axis = family_axis(len(start.shape))
        assert isinstance(seeds, dict)
        return self._started(
            start, {k: jnp.moveaxis(c, 0, axis) for k, c in seeds.items()}
        )

    def _push(
        self, folding: Folding, seeds: Sequence[_Seeds]
    ) -> tuple[list[list[Array]], list[list[Array]]]:
        """Returns what one chunk adds to each output's sums, and its own families."""
        context = replace(self.context, algebra=folding.folded, folding=folding)
        starts = [
            self._with_directions(start, seed, folding.folded)
            for start, seed in zip(self.starts, seeds, strict=True)
        ]
        outputs = evaluate(context, self.jaxpr, self.consts, starts)
        outputs = list(map(densified, outputs))
        sums = [
            [_minus(_channel(o, k), _channel(b, k), o) for k in self.summed]
            for o, b in zip(outputs, self.base, strict=True)
        ]
        families = [[_family(o, k, self.chunk) for k in self.stacked] for o in outputs]
        return sums, families

    def in_a_loop(self, count: int) -> tuple[Any, Any]:
        """Runs the chunks by `lax.scan`; all have the same constants."""
        chunks = -(-count // self.chunk)
        short = chunks * self.chunk - count
        folding = narrowed(self.folding, 0, self.chunk)

        def split(c: Array, masked: bool) -> Array:
            # Directions of zero add nothing, and none that are masked out do.
            mode = "edge" if masked and c.dtype != bool else "constant"
            padded = jnp.pad(c, [(0, short)] + [(0, 0)] * (c.ndim - 1), mode)
            return padded.reshape(chunks, self.chunk, *c.shape[1:])

        items = [
            jax.tree.map(partial(split, masked=isinstance(seeds, tuple)), seeds)
            for seeds in self._seeds()
        ]
        run = jax.checkpoint(lambda seeds: self._push(folding, seeds))
        first = jax.tree.map(lambda c: c[0], items)
        shapes, _ = jax.eval_shape(run, first)
        zeros = jax.tree.map(_compat.zeros, shapes)

        def step(totals: Any, seeds: Any) -> tuple[Any, Any]:
            sums, families = run(seeds)
            return jax.tree.map(lax.add, totals, sums), families

        totals, families = lax.scan(step, zeros, items)
        joined = jax.tree.map(lambda c: c.reshape(-1, *c.shape[2:])[:count], families)
        return totals, joined

    def one_by_one(self, count: int) -> tuple[Any, Any]:
        """Runs the chunks one after the other; each has constants of its own."""
        totals: Any = None
        pieces = []
        for start in range(0, count, self.chunk):
            at = min(start, count - self.chunk)
            folding = narrowed(self.folding, at, at + self.chunk)
            fresh = jnp.arange(at, at + self.chunk) >= start

            def cut(
                c: Array, masked: bool, at: int = at, fresh: Array = fresh
            ) -> Array:
                # The last chunk goes back over directions that are done: zeros there.
                rows = c[at : at + self.chunk]
                if masked and c.dtype != bool:
                    return rows
                return rows * fresh.reshape(-1, *[1] * (c.ndim - 1)).astype(c.dtype)

            seeds = [
                jax.tree.map(partial(cut, masked=isinstance(seeds, tuple)), seeds)
                for seeds in self._seeds()
            ]
            sums, families = jax.checkpoint(
                lambda seeds, folding=folding: self._push(folding, seeds)
            )(seeds)
            totals = sums if totals is None else jax.tree.map(lax.add, totals, sums)
            pieces.append(jax.tree.map(lambda c, s=start - at: c[s:], families))
        joined = jax.tree.map(lambda *parts: jnp.concatenate(parts), *pieces)
        return totals, joined

    def assembled(self, totals: Any, families: Any, count: int) -> list[Value]:
        """Puts sums and families into the outputs of the push without them."""
        del count
        algebra = self.folding.folded
        outputs: list[Value] = []
        for base, sums, rows in zip(self.base, totals, families, strict=True):
            shape = jnp.shape(base) if not is_active(base) else base.shape
            dtype = base.dtype
            series = list(coefficients(base, algebra))
            for k, total in zip(self.summed, sums, strict=True):
                before = series[k]
                series[k] = total if before is None else before + total
            for k, c in zip(self.stacked, rows, strict=True):
                series[k] = jnp.moveaxis(c, 0, family_axis(len(shape)))
            outputs.append(make(series, shape, dtype))
        return outputs


def _channel(value: Value, k: int) -> Coefficient:
    return value.coefficients[k] if isinstance(value, AlgebraArray) else None


def _minus(a: Coefficient, b: Coefficient, like: Value) -> Array:
    """Returns a - b in full shape."""
    zero = jnp.zeros(like.shape, like.dtype)
    a, b = (zero if c is None else jnp.broadcast_to(c, like.shape) for c in (a, b))
    return a - b


def _family(value: Value, k: int, chunk: int) -> Array:
    """Returns a family in full shape, the axis of directions first."""
    c = _channel(value, k)
    if c is None:
        return jnp.zeros((chunk, *value.shape), value.dtype)
    moved = jnp.moveaxis(c, family_axis(len(value.shape)), 0)
    return jnp.broadcast_to(moved, (chunk, *value.shape))
