r"""Values that a family's directions change at a few places only.

A family of R directions $e_{j_1}, \dots, e_{j_R}$ in d dimensions is one number per
direction and the place where it stands. As long as a program works entry by entry, cuts,
joins and moves entries, or sums over them, direction r changes the value at a few places
only:

$$ u = u^{(0)} + \sum_r \delta_r , \qquad \delta_r = 0 \text{ away from its places,} $$

where $u^{(0)}$ is the value without the family. So a value is kept as $u^{(0)}$, the
*base*, in full, and for every direction the value *at its place*, with all channels. A
matrix product that sums over the places takes rows of the matrix, one per direction,
instead of multiplying by zeros. Rules that do this are in `rules/sparse*.py` and
`rules/moves.py`; for all other primitives the value is written out.

The sum over r above needs that no directions are multiplied by each other, which
`algebra.families.split` decides.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from opcompiler.algebra.families import Split, split
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.taylor.value import (
    Active,
    AlgebraArray,
    Coefficient,
    coefficients,
    family_axis,
    instantiate,
    make,
    Value,
)

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Index:
    """Where every direction stands along one axis.

    Attributes:
        array: integers, of the value's rank and a family's axis more. Of length 1 along
            axes that have an index; masked directions may have any number.
        axis: of the value.
        origin: indices of equal origins differ by their shifts, and by nothing else.
        shift: as above.
        low: no place is smaller.
        high: all places are smaller.
    """

    array: Array
    axis: int
    origin: Hashable
    shift: int
    low: int
    high: int

    @property
    def key(self) -> Hashable:
        """Equal keys mean equal arrays."""
        return self.axis, self.origin, self.shift

    def shifted(self, by: int) -> "Index":
        """Returns the places moved up."""
        return replace(
            self, array=self.array + by, shift=self.shift + by,
            low=self.low + by, high=self.high + by,
        )  # fmt: skip


@dataclass(frozen=True)
class Places:
    """One place per direction.

    Attributes:
        indices: one for each axis along which a direction stands at one place, by axis.
        inside: like an index, false for directions that change nothing; `None`, if all do.
        mask: equal ones mean equal `inside`, where the indices are equal.
    """

    indices: tuple[Index, ...]
    inside: Array | None = None
    mask: Hashable = None

    @property
    def key(self) -> Hashable:
        """Equal keys mean equal places."""
        return self.mask, *(index.key for index in self.indices)

    @property
    def axes(self) -> Shape:
        """The axes that have an index."""
        return tuple(index.axis for index in self.indices)

    def within(self, inside: Array, why: Hashable) -> "Places":
        """Returns the same places with fewer directions."""
        both = inside if self.inside is None else self.inside & inside
        return replace(self, inside=both, mask=(self.mask, why))


@dataclass(frozen=True)
class Patch:
    """The value at one place per direction.

    Attributes:
        places: where.
        series: all channels there, in `Split.alone`: arrays of the value's rank and a
            family's axis more, of length 1 along the axes that have an index, and
            perhaps along others.
    """

    places: Places
    series: tuple[Coefficient, ...]


jax.tree_util.register_dataclass(
    Index, ["array"], ["axis", "origin", "shift", "low", "high"]
)
jax.tree_util.register_dataclass(Places, ["indices", "inside"], ["mask"])
jax.tree_util.register_dataclass(Patch, ["places", "series"], [])


@dataclass(frozen=True)
class SparseArray(Active):
    """A value that a family's directions change at a few places only.

    Attributes:
        split: of the algebra.
        shape: the shape of the value.
        dtype: the dtype of every channel.
        base: the value without the family, in `split.bare`; perhaps a plain array.
        patches: what the directions change. Patches add up: where two meet, each holds
            its own change of the base.
    """

    split: Split
    shape: Shape
    dtype: Any
    base: Value
    patches: tuple[Patch, ...]

    @property
    def primal(self) -> Array:
        """The plain value, in full shape."""
        return self.base.primal if isinstance(self.base, Active) else self.base


# --- out -------------------------------------------------------------------------------


def hits(places: Places, shape: Shape) -> Array:
    """Returns whether an entry of a family is at the direction's place."""
    # Index arrays have length 1 along axes with an index: comparing one with the counter
    # of its axis spreads it out again, true where the direction stands.
    rank = len(shape)
    found: Array | None = places.inside
    for index in places.indices:
        at = family_place(index.axis, rank)
        line = [1] * (rank + 1)
        line[at] = shape[index.axis]
        here = lax.broadcasted_iota(index.array.dtype, line, at) == index.array
        found = here if found is None else found & here
    assert found is not None
    return found


def family_place(axis: int, rank: int) -> int:
    """Returns where an axis of a value of this rank stands in a family's array."""
    return axis + (axis >= family_axis(rank))


def densified(value: Value) -> Value:
    """Writes a sparse value out as full families and sums."""
    if not isinstance(value, SparseArray):
        return value
    families, sums = {}, {}
    for patch in value.patches:
        where = hits(patch.places, value.shape)
        for k, change in changes(value, patch).items():
            spread = jnp.where(where, change, 0)
            if value.split.algebra.channels[k].count > 1:
                families.setdefault(k, []).append(spread)
            else:
                spread = jnp.sum(spread, family_axis(len(value.shape)))
                sums.setdefault(k, []).append(spread)
    return assembled(value.split, value.base, families, sums)


def assembled(
    parts: Split,
    base: Value,
    families: dict[int, list[Array]],
    sums: dict[int, list[Array]],
) -> Value:
    """Adds up a base, what each direction changes, and what they change together."""
    series: list[Coefficient] = [None] * parts.algebra.size
    for k, c in zip(parts.kept, coefficients(base, parts.bare), strict=True):
        series[k] = c
    for k, terms in (families | sums).items():
        for term in terms:
            before = series[k]
            series[k] = term if before is None else before + term
    return make(series, jnp.shape(base) if not isinstance(base, Active) else base.shape,
                base.dtype)  # fmt: skip


# --- reading ---------------------------------------------------------------------------


def take(c: Array, places: Places, rank: int) -> Array:
    """Reads a coefficient of a value of this rank at each direction's place."""
    if not rank:
        return c
    c = jnp.expand_dims(c, family_axis(rank))
    for index in sorted(
        places.indices, key=lambda i: -c.shape[family_place(i.axis, rank)]
    ):
        axis = family_place(index.axis, rank)
        if c.shape[axis] > 1:
            c = jnp.take_along_axis(c, index.array, axis, mode="clip")
    return c


def _base_at(
    parts: Split, base: Value, places: Places, shape: Shape
) -> Iterator[Coefficient]:
    """Yields all channels of a base at the places; families are zero."""
    known = dict(zip(parts.kept, coefficients(base, parts.bare), strict=True))
    for k in range(parts.algebra.size):
        c = known.get(k)
        yield None if c is None else take(c, places, len(shape))


def base_at(value: SparseArray, places: Places) -> list[Coefficient]:
    """Returns all channels of a value's base at the places."""
    return list(_base_at(value.split, value.base, places, value.shape))


def changes(value: SparseArray, patch: Patch) -> dict[int, Array]:
    """Returns what each direction adds to the base at its place, channel by channel.

    The family's axis has its full length; what is masked is zero.
    """
    parts, rank = value.split, len(value.shape)
    known = dict(zip(parts.kept, coefficients(value.base, parts.bare), strict=True))
    axis = family_axis(rank)
    found: dict[int, Array] = {}
    for k in sorted(parts.touched):
        c, before = patch.series[k], known.get(k)
        if before is not None:
            there = take(before, patch.places, rank)
            c = -there if c is None else c - there
        if c is None:
            continue
        if patch.places.inside is not None:
            c = jnp.where(patch.places.inside, c, 0)
        shape = list(c.shape)
        shape[axis] = parts.count
        found[k] = instantiate(c, tuple(shape), c.dtype)
    return found


def surely_apart(p: Places, q: Places) -> bool:
    """Whether no direction has the same place in both."""
    pairs = zip(p.indices, q.indices, strict=True) if p.axes == q.axes else ()
    return any(
        (a.origin == b.origin and a.shift != b.shift)
        or a.high <= b.low
        or b.high <= a.low
        for a, b in pairs
    )


def meeting(p: Places, q: Places) -> Array | None:
    """Returns where directions have the same place in both, as an `inside`.

    `None`, if one's directions fill an axis along which the other's stand at a place.
    """
    if p.axes != q.axes:
        return None
    found = jnp.ones((1,) * p.indices[0].array.ndim, bool)
    for a, b in zip(p.indices, q.indices, strict=True):
        found = found & (a.array == b.array)
    for inside in (p.inside, q.inside):
        found = found if inside is None else found & inside
    return found


def read_at(value: Value, places: Places, parts: Split) -> list[Coefficient] | None:
    """Returns all channels of a value without dense families at the places.

    `None`, if the value has patches that cross the places.
    """
    if not isinstance(value, SparseArray):
        shape = value.shape if isinstance(value, Active) else jnp.shape(value)
        stripped = without_family(parts, value)
        return list(_base_at(parts, stripped, places, shape))
    # A direction may stand at several places. What it is at these ones is what a patch
    # there says, or the base; and what every other patch changes where the two meet.
    same = [patch for patch in value.patches if patch.places.key == places.key]
    series = list(same[0].series) if same else base_at(value, places)
    for patch in value.patches:
        if patch.places.key == places.key or surely_apart(patch.places, places):
            continue
        both = meeting(patch.places, places)
        if both is None:
            return None
        for k, change in changes(value, patch).items():
            added = jnp.where(both, change, 0)
            before = series[k]
            series[k] = added if before is None else before + added
    return series


def without_family(parts: Split, value: Value) -> Value:
    """Returns a value in the algebra without families."""
    if isinstance(value, SparseArray):
        return value.base
    if not isinstance(value, AlgebraArray):
        return value
    series = [value.coefficients[k] for k in parts.kept]
    return make(series, value.shape, value.dtype)


def has_dense_family(parts: Split, value: Value) -> bool:
    """Whether a value has a family that is written out, or sums over one."""
    return isinstance(value, AlgebraArray) and any(
        value.coefficients[k] is not None and channel.count > 1
        for k, channel in enumerate(parts.algebra.channels)
    )


# --- a few directions at a time ---------------------------------------------------------


def unrolled(value: SparseArray) -> tuple[Patch, ...]:
    """Returns the patches with the axis of directions first in all arrays, in full."""
    axis, count = family_axis(len(value.shape)), value.split.count

    def along(c: Array) -> Array:
        moved = jnp.moveaxis(c, axis, 0)
        return jnp.broadcast_to(moved, (count, *moved.shape[1:]))

    return jax.tree.map(along, tuple(map(_masked, value.patches)))


def _masked(patch: Patch) -> Patch:
    places = patch.places
    if places.inside is not None:
        return patch
    everywhere = jnp.ones_like(places.indices[0].array, bool)
    return replace(patch, places=places.within(everywhere, "everywhere"))


def rolled(
    value: SparseArray, patches: tuple[Patch, ...], algebra: TaylorAlgebra
) -> Value:
    """Returns a value with some of its directions, as `unrolled` gave them."""
    axis, parts = family_axis(len(value.shape)), split(algebra)
    assert parts is not None
    patches = jax.tree.map(lambda c: jnp.moveaxis(c, 0, axis), patches)
    return replace(value, split=parts, patches=patches)
