r"""A narrow layer ends the dimension: fewer directions behind a bottleneck.

In: a value that alone carries a family of R directions on, as E numbers of each. Out: the
same value with E directions, and the algebra for the rest of the program.

    context, changed = settled(context, known, following)
    # a family (1, 2000, 64) is (1, 64, 64) in `changed`, if the rest is worth it

Where a network takes 2000 coordinates to 64 numbers, all that follows sees of the
directions $v_r$ are the rows $V_r$ of a matrix, (R, E). If an operator uses the family in
sums of products only, as the Laplacian does, it depends on them through

$$ \sum_r V_r^T V_r = V^T V = T^T T , $$

and any T with this property, (E, E) say, gives the same numbers, exactly. Where the square
of a direction counts with a sign, as in a wave operator, the directions of each sign are
exchanged by themselves. T is the Cholesky factor of the small matrix $V^T V$ with pivots as
large as there are, which needs no full rank: what is rounded is $V^T V$, by a few units of
its largest entry. Where only some entries of the family vary (a tangent that is the same at
all points), E counts these.

Source: `docs/theory.md`, "A narrow layer ends the dimension".
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cached_property, lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.taylor.places import family_place
from opcompiler.taylor.price import EIGEN, operations
from opcompiler.taylor.primitives import Context
from opcompiler.taylor.support import is_local
from opcompiler.taylor.value import (
    Active,
    AlgebraArray,
    Coefficient,
    family_axis,
    Value,
)


def weights_of(algebra: TaylorAlgebra) -> Any:
    """Returns what the square of each direction counts, if only sums of squares count.

    A product of two families that is a family again knows its directions one by one, and
    so does one into a sum whose weights are unlike those of another sum.

    Returns:
        One or several numbers; `None` if an algebra uses its families otherwise.
    """
    count = [channel.count for channel in algebra.channels]
    found: set[tuple[Fraction, ...]] = set()
    for i, j, k, c in algebra.products:
        if min(count[i], count[j]) > 1:
            if count[k] > 1:
                return None
            found.add(c if isinstance(c, tuple) else ())
        elif isinstance(c, tuple):
            return None
    if len(found) != 1:
        return None
    (weights,) = found
    return np.array([float(w) for w in weights] or 1.0)


def settled(
    context: Context,
    known: Mapping[Any, Value],
    equation: Any,
    following: Sequence[Any],
) -> tuple[Context, dict[Any, Value]]:
    """Returns what changes behind an equation: the algebra, and one value.

    Args:
        context: whose `reducible` is set.
        known: all values that are still read, by variable.
        equation: the equation.
        following: the equations that are still to come.
    """
    carrying = {v: x for v, x in known.items() if has_family(context.algebra, x)}
    arrays = [x for x in carrying.values() if isinstance(x, AlgebraArray)]
    dense = [x for x in arrays if not is_local(x)]
    if dense and context.reducible:
        # A program inside of this one may have passed a bottleneck.
        context = with_directions(context, _directions(context, dense[0]))
    watch = context.watch
    if watch is not None:
        sizes = [c.size for x in arrays for c in _families(context.algebra, x).values()]
        watch.largest = max(watch.largest, *sizes, 0)
    if len(carrying) != 1 or not dense or not context.reducible:
        return context, {}
    ((variable, value),) = carrying.items()
    families = _Families(context, value, variable)
    if not families.pays(following):
        return context, {}
    context, value = families.reduced()
    if watch is not None:
        watch.exchanged(equation, families.count, families.fewest)
    return context, {variable: value}


def has_family(algebra: TaylorAlgebra, value: Value) -> bool:
    """Whether a value depends on the directions of a family one by one."""
    if isinstance(value, AlgebraArray):
        return bool(_families(algebra, value))
    return isinstance(value, Active)


def with_directions(context: Context, count: int) -> Context:
    """Returns the context of an algebra whose families have so many directions."""
    if all(channel.count in (1, count) for channel in context.algebra.channels):
        return context
    return replace(context, algebra=_resized(context.algebra, count), folding=None)


@lru_cache(maxsize=256)
def _resized(algebra: TaylorAlgebra, count: int) -> TaylorAlgebra:
    channels = tuple(
        replace(channel, count=count) if channel.count > 1 else channel
        for channel in algebra.channels
    )
    # What a direction's square counts has become a factor of the direction, but the sign.
    signs = _signs(weights_of(algebra), count)
    constant = tuple(map(Fraction, signs)) if -1 in signs else Fraction(1)
    products = tuple(
        (i, j, k, constant if isinstance(c, tuple) else c)
        for i, j, k, c in algebra.products
    )
    return TaylorAlgebra(channels, products)


def _signs(weights: Any, count: int) -> list[int]:
    """Returns the sign of each direction, where `count` are left of those with weights.

    Behind E entries there are at most E directions of either sign, those with + first. So
    their number tells how many there are of each.
    """
    negative = int(np.sum(weights < 0))
    positive = np.size(weights) - negative
    if not negative or not np.ndim(weights):
        return [1] * count
    fewer = min(positive, negative, count // 2)
    plus, minus = (fewer, count - fewer)[:: 1 if positive < negative else -1]
    return [1] * plus + [-1] * minus


def _families(algebra: TaylorAlgebra, value: AlgebraArray) -> dict[int, Array]:
    channels = zip(value.coefficients, algebra.channels, strict=True)
    return {
        k: c
        for k, (c, channel) in enumerate(channels)
        if c is not None and channel.count > 1
    }


def _directions(context: Context, value: AlgebraArray) -> int:
    axis = family_axis(len(value.shape))
    return max(c.shape[axis] for c in _families(context.algebra, value).values())


class _Families:
    """The families of the one value that has any, as matrices of one row per direction.

    Args:
        context: of the value.
        value: the value.
        variable: its name in the program.
    """

    def __init__(self, context: Context, value: AlgebraArray, variable: Any) -> None:
        self.context, self.value = context, value
        self.weights = weights_of(context.algebra)
        self.axis = family_axis(len(value.shape))
        self.count = _directions(context, value)
        found = _families(context.algebra, value)
        # Points do not see each other: each may have directions of its own. Where all
        # have the same ones, that is where the axis of points is narrow, one will do.
        points = context.points.axis(variable) if context.points is not None else None
        own = None if points is None else family_place(points, len(value.shape))
        if own is None or all(c.shape[own] == 1 for c in found.values()):
            self.lead, self.copies = [self.axis], 1
        else:
            self.lead, self.copies = [own, self.axis], value.shape[points]
        self.moved = {
            k: jnp.moveaxis(c, self.lead, range(len(self.lead)))
            for k, c in found.items()
        }
        self.is_complex = jnp.issubdtype(value.dtype, jnp.complexfloating)

    @property
    def entries(self) -> int:
        """Numbers of one direction, at one point if points have directions of their own."""
        rest = [math.prod(c.shape[len(self.lead) :]) for c in self.moved.values()]
        return sum(rest) * (2 if self.is_complex else 1)

    def pays(self, following: Sequence[Any]) -> bool:
        """Whether the rest of a program saves more than $V^T V$ and its roots cost."""
        saved = self.count - self.fewest
        return saved > 0 and saved * operations(following) > self.price

    @property
    def fewest(self) -> int:
        """Directions that are left: for each sign as many as there are entries."""
        sizes = [min(len(group), self.entries) for group in self.groups]
        return max(sum(sizes), 2)

    @cached_property
    def groups(self) -> list[Any]:
        """The numbers of the directions of each sign."""
        every = np.arange(self.count)
        negative = np.broadcast_to(self.weights < 0, self.count)
        found = [every[~negative], every[negative]]
        return [group for group in found if len(group)]

    @property
    def price(self) -> int:
        """Operations of $V^T V$, E^2 sums over the directions, and of its roots."""
        square, root = 2 * self.count * self.entries**2, EIGEN * self.entries**3
        return self.copies * (square + len(self.groups) * root)

    def reduced(self) -> tuple[Context, AlgebraArray]:
        """Returns the value with as few directions as its families have entries."""
        depth = len(self.lead)
        lead = (self.copies, self.count)[2 - depth :]
        columns = [
            jnp.broadcast_to(c, (*lead, *c.shape[depth:])).reshape(*lead, -1)
            for c in self.moved.values()
        ]
        # sum v v^T of complex v needs the real and the imaginary parts of v, no more.
        if self.is_complex:
            columns = [part(c) for c in columns for part in (jnp.real, jnp.imag)]
        rows = jnp.concatenate(columns, -1)
        scale = np.sqrt(np.abs(self.weights))
        rows = rows * jnp.asarray(scale.reshape(-1, 1), rows.dtype)
        parts = [rows]
        if len(self.groups) > 1:
            parts = [rows[..., group, :] for group in self.groups]
        parts = [
            _root(part)[0] if part.shape[-2] > self.entries else part for part in parts
        ]
        rows = jnp.concatenate(parts, -2)
        # A family has two directions or more; one of zeros adds nothing.
        count = self.fewest
        short = [(0, 0)] * rows.ndim
        short[-2] = (0, count - rows.shape[-2])
        rows = jnp.pad(rows, short)
        series: list[Coefficient] = list(self.value.coefficients)
        start = 0

        def cut(size: int) -> Array:
            nonlocal start
            start += size
            return rows[..., start - size : start]

        for k, c in self.moved.items():
            shape = c.shape[depth:]
            piece = cut(math.prod(shape))
            if self.is_complex:
                piece = lax.complex(piece, cut(math.prod(shape)))
            piece = piece.reshape(*rows.shape[:-1], *shape)
            series[k] = jnp.moveaxis(piece, range(depth), self.lead)
        value = replace(self.value, coefficients=tuple(series))
        return with_directions(self.context, count), value


class Points:
    """Where the axis of points stands in each value of a program.

    A program that is mapped over points treats them alike, but an axis of them may stand
    anywhere in a value. The same program of one point more has the same equations, and is
    longer just there.

    Args:
        jaxpr: the program.
        longer: returns the same program of one point more.
    """

    def __init__(self, jaxpr: Any, longer: Callable[[], Any]) -> None:
        self._jaxpr, self._longer = jaxpr, longer

    def axis(self, variable: Any) -> int | None:
        """Returns the axis; `None` for a variable of an inner program, or without one."""
        return self._axes.get(variable)

    @cached_property
    def _axes(self) -> dict[Any, int]:
        longer = self._longer()
        if len(longer.eqns) != len(self._jaxpr.eqns):
            return {}
        found: dict[Any, int] = {}
        for mine, other in zip(self._jaxpr.eqns, longer.eqns, strict=True):
            for v, w in zip(mine.outvars, other.outvars, strict=True):
                sizes = zip(v.aval.shape, w.aval.shape, strict=True)
                differ = [a for a, (m, n) in enumerate(sizes) if m != n]
                if len(differ) == 1:
                    found[v] = differ[0]
        return found


# --- fewer rows with the same squares ---------------------------------------------------


_exactly = partial(jnp.matmul, precision="highest")


@jax.custom_jvp
def _root(rows: Array) -> tuple[Array, Array]:
    """Returns T, (..., E, E), with $T^T T = V^T V$ for rows V, (..., R, E); and 1 / T."""
    return _factored(_exactly(rows.mT, rows))


@partial(jnp.vectorize, signature="(e,e)->(e,e),(e,e)")
def _factored(squares: Array) -> tuple[Array, Array]:
    """Returns T with T^T T = S, one row for each pivot, the largest first; and 1 / T.

    Rounding leaves of a row that is zero a few units of the largest pivot. Such a row is
    its pivot alone, so that no rounding is divided by rounding; and the pivot is at least a
    unit, so that nothing is divided by zero. Neither changes S more than rounding did.
    """
    size, number = len(squares), jnp.finfo(squares.dtype)
    place, one = jnp.arange(size), jnp.eye(size, dtype=squares.dtype)
    unit = number.eps * jnp.max(jnp.diagonal(squares))
    noise, least = size / 8 * unit, jnp.maximum(unit, number.tiny)

    # Row by row, in JAX: what is left of a row of S, and of the row of 1, is what the rows
    # in front do not account for. The eigenvalues, or the Cholesky factors, of LAPACK would
    # do; but its threads wait for those of XLA, which still look for work after the
    # product in front: 35 ms on two cores for what takes two.
    def step(i: Any, carry: Any) -> Any:
        pivots, rows, solved = carry
        k = jnp.argmax(pivots)
        here, free = place == k, pivots > -jnp.inf
        length = jnp.sqrt(jnp.maximum(pivots[k], least))
        before = rows[:, k]
        row = (squares[k] - _exactly(before, rows)) / length
        row = jnp.where(free & ~here & (pivots[k] > noise), row, 0)
        pivots = jnp.where(here, -jnp.inf, pivots - row * row)
        rows = rows.at[i].set(jnp.where(here, length, row))
        solved = solved.at[i].set((one[k] - _exactly(before, solved)) / length)
        return pivots, rows, solved

    start = jnp.diagonal(squares), jnp.zeros_like(squares), jnp.zeros_like(squares)
    _, rows, solved = lax.fori_loop(0, size, step, start)
    return rows, solved.mT


# T is determined up to a rotation of its rows, of which nothing that is computed with it
# depends. So any derivative will do that is one of V^T V: dT = Q^T dV with Q = V / T,
# because then dT^T T + T^T dT = dV^T V + V^T dV. Which pivots were taken does not come in,
# and a rank below E does no harm.
@_root.defjvp
def _root_jvp(primals: Any, tangents: Any) -> tuple[Any, Any]:
    (rows,), (change,) = primals, tangents
    root, inverse = _root(rows)
    moved = inverse.mT @ _exactly(rows.mT, change)
    return (root, inverse), (moved, -inverse @ moved @ inverse)
