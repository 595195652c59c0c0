"""Sums over places, and matrix products: one row of the matrix per direction."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.taylor.evaluation import evaluate
from opcompiler.taylor.registry import Context, sparse_rule
from opcompiler.taylor.rules.sparse import on_bases, sparse
from opcompiler.taylor.sparse import (
    assembled,
    changes,
    family_place,
    Patch,
    Places,
    SparseArray,
    take,
)
from opcompiler.taylor.value import (
    Active,
    coefficients,
    family_axis,
    instantiate,
    lift,
    type_of,
    Value,
)

Shape = tuple[int, ...]
Changes = dict[int, Array]
"""What each direction adds to an output, channel by channel."""


def collected(
    value: SparseArray,
    aval: Any,
    base: Value,
    found: Sequence[tuple[Places | None, Changes]],
) -> list[Value] | None:
    """Builds the output of a linear operation.

    Args:
        value: the operand.
        aval: of the output.
        base: the output without the family.
        found: for each patch where it stands in the output and what it adds there;
            `None` for everywhere.
    """
    parts, rank = value.split, len(aval.shape)
    everywhere = [changed for places, changed in found if places is None]
    if len(everywhere) == len(found):
        families: dict[int, list[Array]] = {}
        sums: dict[int, list[Array]] = {}
        for changed in everywhere:
            for k, c in changed.items():
                if parts.algebra.channels[k].count > 1:
                    families.setdefault(k, []).append(c)
                else:
                    sums.setdefault(k, []).append(jnp.sum(c, family_axis(rank)))
        return [assembled(parts, base, families, sums)]
    if everywhere:
        return None
    known = dict(zip(parts.kept, coefficients(base, parts.bare), strict=True))
    patches = []
    for places, changed in found:
        assert places is not None
        series = []
        for k in range(parts.algebra.size):
            c, added = known.get(k), changed.get(k)
            there = None if c is None else take(c, places, rank)
            series.append(
                there if added is None else added if there is None else there + added
            )
        patches.append(Patch(places, tuple(series)))
    return [sparse(parts, aval, base, patches)]


def varies_along(places: Places, axes: Sequence[int], rank: int) -> bool:
    """Whether directions stand at different places along axes without an index."""
    arrays = [i.array for i in places.indices]
    arrays += [] if places.inside is None else [places.inside]
    return any(a.shape[family_place(axis, rank)] > 1 for a in arrays for axis in axes)


# --- sums -------------------------------------------------------------------------------


@sparse_rule("reduce_sum")
def reduce_sum(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """Sums over places leave one number per direction."""
    (value,) = inputs
    (aval,) = _compat.output_avals(equation)
    axes = tuple(equation.params["axes"])
    (base,) = on_bases(context, equation, inputs, value.split)
    found = []
    for patch in value.patches:
        left = _after_sum(patch.places, axes, value.shape)
        if left is not None and varies_along(
            patch.places, [a for a in axes if a not in patch.places.axes],
            len(value.shape),
        ):  # fmt: skip
            return None
        carry = partial(_sum, axes, value.shape, patch.places.axes)
        added = {
            k: lift(carry, len(aval.shape), (c, len(value.shape)))
            for k, c in changes(value, patch).items()
        }
        found.append((left, added))
    return collected(value, aval, base, found)


def _sum(axes: Shape, full: Shape, placed: Shape, c: Array) -> Array:
    """Sums an array that is narrow along axes with places, and perhaps along others."""
    copies = math.prod(
        full[a] for a in axes if a not in placed and c.shape[a] != full[a]
    )
    summed = jnp.sum(c, axis=axes, dtype=c.dtype)
    return summed if copies == 1 else summed * copies


def _after_sum(places: Places, axes: Sequence[int], full: Shape) -> Places | None:
    """Returns the places along the axes that are left; `None` if there are none."""
    rank, left = len(full), len(full) - len(axes)
    kept = [i for i in places.indices if i.axis not in axes]
    if not kept:
        return None

    def carry(c: Array) -> Array:
        return lift(lambda a: jnp.squeeze(a, tuple(axes)), left, (c, rank))

    indices = tuple(
        replace(i, array=carry(i.array), axis=i.axis - sum(a < i.axis for a in axes))
        for i in kept
    )
    inside = None if places.inside is None else carry(places.inside)
    return Places(indices, inside, places.mask)


# --- matrix products --------------------------------------------------------------------


@sparse_rule("dot_general")
def dot_general(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """Takes rows of a constant matrix; a product without free axes is a sum."""
    contract, batch = equation.params["dimension_numbers"]
    ranks = [len(_shape(value)) for value in inputs]
    sides = [side for side in (0, 1) if isinstance(inputs[side], Active)]
    if all(len(contract[s]) + len(batch[s]) == rank for s, rank in enumerate(ranks)):
        return _as_sum(context, equation, inputs)
    if len(sides) == 2 or batch[0] or equation.params.get("out_sharding") is not None:
        return None
    (side,) = sides
    value, matrix = inputs[side], jnp.asarray(inputs[1 - side])
    (aval,) = _compat.output_avals(equation)
    (base,) = on_bases(context, equation, inputs, value.split)
    found = []
    for patch in value.patches:
        layer = _Rows(patch.places, ranks[side], matrix, contract[side],
                      contract[1 - side], side)  # fmt: skip
        if varies_along(patch.places, layer.others, ranks[side]):
            return None
        added = {
            k: layer.of(c, value.shape).astype(aval.dtype)
            for k, c in changes(value, patch).items()
        }
        found.append((layer.places(), added))
    return collected(value, aval, base, found)


def _shape(value: Value) -> Shape:
    return value.shape if isinstance(value, Active) else jnp.shape(value)


def _as_sum(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Multiplies entry by entry and sums, which is the same without free axes."""
    contract, batch = equation.params["dimension_numbers"]
    (aval,) = _compat.output_avals(equation)
    last = tuple(range(len(batch[0]), len(batch[0]) + len(contract[0])))

    def product(x: Array, w: Array) -> Array:
        x = lax.transpose(x, (*batch[0], *contract[0])).astype(aval.dtype)
        w = lax.transpose(w, (*batch[1], *contract[1])).astype(aval.dtype)
        return jnp.sum(x * w, axis=last)

    traced = _compat.trace(product, *map(type_of, inputs))
    return evaluate(context, *traced, inputs)


class _Rows:
    """The product of what stands at places with a matrix: rows at these places."""

    def __init__(
        self,
        places: Places,
        rank: int,
        matrix: Array,
        axes: Sequence[int],
        against: Sequence[int],
        side: int,
    ) -> None:
        pairs = dict(zip(axes, against, strict=True))
        index = {i.axis: i for i in places.indices}
        self.before, self.rank, self.side = places, rank, side
        self.taken = [a for a in axes if a in index]
        self.others = [a for a in axes if a not in index]
        self.free = matrix.ndim - len(axes)
        order = [pairs[a] for a in (*self.taken, *self.others)]
        order += [b for b in range(matrix.ndim) if b not in order]
        self.rows = lax.transpose(matrix, order)
        if self.taken:
            where = tuple(index[a].array for a in self.taken)
            self.rows = self.rows.at[where].get(mode="clip")

    def _without_sums(self, c: Array) -> Array:
        """Drops the axes that are summed over, of length 1."""
        gone = [family_place(a, self.rank) for a in (*self.taken, *self.others)]
        return lax.squeeze(c, gone)

    def of(self, c: Array, full: Shape) -> Array:
        """Returns a channel's product, a family."""
        at = [family_place(a, self.rank) for a in self.others]
        shape = list(c.shape)
        for place, axis in zip(at, self.others, strict=True):
            shape[place] = full[axis]
        c = instantiate(c, tuple(shape), c.dtype)
        if not self.taken:
            product = jnp.tensordot(c, self.rows, (at, list(range(len(at)))))
            return self._arranged(product, c.ndim - len(at))
        # (places' axes, summed axes, free axes)
        order = [a for a in range(c.ndim) if a not in at] + at
        entries = lax.transpose(c, order)
        entries = lax.squeeze(entries, [
            order.index(family_place(a, self.rank)) for a in self.taken
        ])  # fmt: skip
        gone = [family_place(a, self.rank) for a in (*self.taken, *self.others)]
        rows = lax.squeeze(self.rows, gone)
        left = entries.ndim - len(at)
        entries = entries.reshape(*entries.shape, *(1,) * self.free)
        product = entries * rows
        product = (
            jnp.sum(product, tuple(range(left, left + len(at)))) if at else product
        )
        return self._arranged(product, left)

    def _arranged(self, product: Array, left: int) -> Array:
        """Puts the matrix's axes where they belong, and the family's in its place."""
        gone = sorted(family_place(a, self.rank) for a in (*self.taken, *self.others))
        family = family_axis(self.rank)
        at = family - sum(a < family for a in gone)
        order = [a for a in range(product.ndim) if a != at]
        if self.side == 1:
            order = [a for a in order if a >= left] + [a for a in order if a < left]
        order.insert(family_axis(len(order)), at)
        return lax.transpose(product, order)

    def places(self) -> Places | None:
        """Returns the places in the product; `None` if there are none left."""
        summed = (*self.taken, *self.others)
        kept = [i for i in self.before.indices if i.axis not in summed]
        if not kept:
            return None
        offset = self.free if self.side == 1 else 0
        left = self.rank - len(summed)

        def carry(c: Array) -> Array:
            c = self._without_sums(c)
            return self._arranged(c.reshape(*c.shape, *(1,) * self.free), left + 1)

        indices = tuple(
            replace(
                i, array=carry(i.array),
                axis=i.axis - sum(a < i.axis for a in summed) + offset,
            )
            for i in kept
        )  # fmt: skip
        inside = self.before.inside
        return Places(
            indices, None if inside is None else carry(inside), self.before.mask
        )
