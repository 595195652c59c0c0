r"""Directions that are zero but for one place: coordinate directions, kept sparse.

A family of R directions $e_{j_1}, \dots, e_{j_R}$ in d dimensions is one number per
direction and the place where it stands. As long as a program works entry by entry, cuts,
joins and moves entries, or sums over them, direction r changes the value at a few places
only:

$$ u = u^{(0)} + \sum_r \delta_r , \qquad \delta_r = 0 \text{ away from its places,} $$

where $u^{(0)}$ is the value without the family. So a value is kept as $u^{(0)}$, the
*base*, in full, and for every direction the value *at its place*, with all channels. A
matrix product that sums over the places takes rows of the matrix, one per direction,
instead of multiplying by zeros. Rules that do this are in `rules/sparse*.py`; for all
other primitives the value is written out.

The sum over r above needs that no directions are multiplied by each other, which
`core.families.split` decides.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from opcompiler import _compat
from opcompiler.core.algebra import TaylorAlgebra
from opcompiler.core.errors import OperatorError
from opcompiler.core.families import Split, split
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
class OneHot:
    """Seeds of a family of R directions, each non-zero at one place along an axis.

    Attributes:
        indices: integers (R,), the same at all points, or (N, R), one set for each place
            along the leading axis. Places may repeat. Concrete ones are checked to lie in
            the axis; traced ones outside of it make the result NaN.
        values: broadcasts to the shape of `indices`.
        axis: of the value.
        below: all places are smaller, if it is given: then what the program cuts off
            from there on, a time behind the coordinates say, is known to be untouched.
    """

    indices: Any
    values: Any = 1
    axis: int = -1
    below: int | None = None


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
        patches: what the directions change. Patches add up: where two meet, each tells
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


# --- in and out -----------------------------------------------------------------------


def seeded(
    point: Array, seeds: Sequence[Coefficient | OneHot], algebra: TaylorAlgebra
) -> Value:
    """Builds a value from its seeds, some of them one-hot.

    Raises:
        OperatorError: for one-hot seeds of a channel that is no family of as many
            directions, or of places that are not there.
    """
    hot = {k: seed for k, seed in enumerate(seeds, 1) if isinstance(seed, OneHot)}
    dense = [None if isinstance(seed, OneHot) else seed for seed in seeds]
    if not hot:
        return make((point, *dense), point.shape, point.dtype)
    for k, seed in hot.items():
        _check(seed, point.shape, algebra.channels[k].count)
    parts = split(algebra)
    families = [k for k, c in enumerate(algebra.channels) if c.count > 1]
    if parts is None or any(dense[k - 1] is not None for k in families):
        for k, seed in hot.items():
            dense[k - 1] = _written_out(seed, point.shape, point.dtype)
        return make((point, *dense), point.shape, point.dtype)
    base = make(
        (point, *(dense[k - 1] for k in parts.kept[1:])), point.shape, point.dtype
    )
    groups: dict[Hashable, list[int]] = {}
    for k, seed in hot.items():
        groups.setdefault((id(seed.indices), seed.axis, seed.below), []).append(k)
    patches = []
    for members in groups.values():
        places, _ = _seed_places(hot[members[0]], point.shape, point.dtype)
        series = list(_base_at(parts, base, places, point.shape))
        for k in members:
            series[k] = _seed_places(hot[k], point.shape, point.dtype)[1]
        patches.append(Patch(places, tuple(series)))
    return SparseArray(parts, point.shape, point.dtype, base, tuple(patches))


def _check(seed: OneHot, shape: Shape, count: int) -> None:
    indices = jnp.asarray(seed.indices)
    expression = f"OneHot with indices of shape {indices.shape}"
    if not -len(shape) <= seed.axis < len(shape):
        raise OperatorError(
            f"a value of shape {shape} has no axis {seed.axis}", expression=expression
        )
    lead = (count,), (*shape[: family_axis(len(shape))], count)
    if indices.shape not in lead or not jnp.issubdtype(indices.dtype, jnp.integer):
        raise OperatorError(
            f"the family has {count} directions and the points {shape}, which the "
            "indices do not fit",
            expression=f"{expression}, {indices.dtype}",
            hint=f"give integers of shape {lead[0]}, or {lead[1]} for a set per point",
        )
    if len(indices.shape) == 2 and seed.axis % len(shape) == 0:
        raise OperatorError(
            "the leading axis cannot hold both the points and the places",
            expression=expression,
        )
    size = shape[seed.axis] if seed.below is None else seed.below
    if _compat.is_concrete(indices):
        wrong = [int(i) for i in np.unique(indices) if not 0 <= i < size]
        if wrong:
            raise OperatorError(
                f"a place is not among the first {size} of the axis",
                expression=f"indices {wrong[:5]}",
                hint="places are counted from 0",
            )


def _seed_places(seed: OneHot, shape: Shape, dtype: Any) -> tuple[Places, Array]:
    """Returns the places of a seed and its values there."""
    rank, axis = len(shape), seed.axis % len(shape)
    indices = jnp.asarray(seed.indices)
    values = jnp.broadcast_to(jnp.asarray(seed.values, dtype), indices.shape)
    high = shape[axis] if seed.below is None else seed.below
    if not _compat.is_concrete(indices):
        there = (indices >= 0) & (indices < high)
        values = jnp.where(there, values, jnp.asarray(jnp.nan, dtype))
        indices = jnp.clip(indices, 0, high - 1)
    lead = (1,) * (2 - indices.ndim)
    full = (*lead, *indices.shape, *(1,) * (rank - 1))
    index = Index(indices.reshape(full), axis, object(), 0, 0, high)
    return Places((index,)), values.reshape(full)


def _written_out(seed: OneHot, shape: Shape, dtype: Any) -> Array:
    places, values = _seed_places(seed, shape, dtype)
    return jnp.where(hits(places, shape), values, 0)


def hits(places: Places, shape: Shape) -> Array:
    """Returns whether an entry of a family is at the direction's place."""
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
