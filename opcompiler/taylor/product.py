r"""A function of one point, at points that are a product of axes.

In: a JAX function of one point, and the columns of the points in *pieces*: columns that
vary along the same axes. Out: a function of the pieces that gives its value at all points,
and computes what depends on some axes along those alone:

    u(t, x) = sum_r a_r(t) b_r(x),  64 times, 128 places:
        a 64 times,  b 128 times,  one matrix product for u

The function is traced at one point and run, one equation at a time, on these values:

| value | what it is | where it comes from |
|---|---|---|
| an array | the same at all points | parameters |
| `Rows` | one row for each point of some of the axes | a function of one piece |
| `Mixed` | parts side by side that vary along different axes | the point itself |
| `Factors` | a product, not yet multiplied out, of rows along different axes | a(t) b(x) |

What moves entries, or acts on each alone, keeps the parts of a mixed value apart: a point
may be scaled before it is taken to pieces. A matrix product over its parts is a sum over
parts, so the first layer of a network that mixes all columns runs along each axis alone. A
sum of a product is a matrix product. Everything else runs at the points of all axes that
its operands vary along, by `jax.vmap`: never more than all points would cost.

The result is an ordinary program: `push.py` takes it to an algebra as it takes any other,
and a direction along t has no channel in what depends on x.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from opcompiler import _compat
from opcompiler._compat import Equation
from opcompiler.taylor.primitives import row_of
from opcompiler.taylor.rules.composition import is_pointwise_call

Axes = tuple[int, ...]
"""Numbers of axes of the product, sorted."""


@dataclass(frozen=True)
class Piece:
    """Columns of the points that vary along the same axes.

    Attributes:
        columns: their numbers.
        axes: along which they vary.
        kind: pieces of two kinds are kept apart, also where they vary along the same axes:
            what no derivative goes by stays without channels.
    """

    columns: tuple[int, ...]
    axes: Axes
    kind: int = 0


@dataclass(frozen=True)
class Rows:
    """A value at all points of some axes.

    Attributes:
        axes: of the product, at least one.
        array: (points of these axes, *shape), the last axis fastest.
        kind: of the piece, if it is one or a part of one.
    """

    axes: Axes
    array: Array
    kind: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the value at one point."""
        return self.array.shape[1:]


@dataclass(frozen=True)
class Mixed:
    """Parts that vary along different axes, side by side in one dimension.

    Attributes:
        shape: of the value at one point.
        dim: the dimension.
        parts: (the places along it, what stands there); together all places.
    """

    shape: tuple[int, ...]
    dim: int
    parts: tuple[tuple[np.ndarray, Any], ...]


@dataclass
class Factors:
    """The product of rows along different axes.

    Attributes:
        shape: of the value at one point, and of every factor.
        factors: no one's axes hold another one's.
        product: the value, once somebody needed it.
    """

    shape: tuple[int, ...]
    factors: tuple[Rows, ...]
    product: Rows | None = field(default=None, repr=False)


def over_product(
    function: Callable[[Array], Any], pieces: Sequence[Piece], lengths: Sequence[int]
) -> Callable[..., Any]:
    """Returns a function of pieces that gives a function at all points of a product.

    Args:
        function: of one point, (d,), a pytree of arrays out.
        pieces: which columns each array holds; together all d.
        lengths: of the axes of the product.

    Returns:
        A function of one array (n, w) for each piece: its w columns at the n points of its
        axes. What it gives has the axes of the product in front, of length 1 where the
        function does not depend on them.
    """
    width = sum(len(piece.columns) for piece in pieces)

    def mapped(*arrays: Array) -> Any:
        dtype = jnp.result_type(*arrays)
        axes = frozenset[Any]().union(*map(_compat.varying, arrays))
        one = jax.eval_shape(lambda: _compat.vary(jnp.zeros((width,), dtype), axes))
        closed, result = jax.make_jaxpr(function, return_shape=True)(one)
        run = _Run(tuple(lengths))
        outputs = run.program(*_compat.open_jaxpr(closed), [run.point(pieces, arrays)])
        return jax.tree.unflatten(
            jax.tree.structure(result), [run.unrolled(output) for output in outputs]
        )

    return mapped


@dataclass(frozen=True)
class _Run:
    """Runs programs at the points of a product.

    Attributes:
        lengths: of the axes.
    """

    lengths: tuple[int, ...]

    def size(self, axes: Axes) -> int:
        """Returns the number of points of some axes."""
        return math.prod(self.lengths[a] for a in axes)

    def point(self, pieces: Sequence[Piece], arrays: Sequence[Array]) -> Any:
        """Returns the point, (d,), of which these are the columns."""
        values = [
            Rows(piece.axes, array, piece.kind) if piece.axes else array[0]
            for piece, array in zip(pieces, arrays, strict=True)
        ]
        places = [np.asarray(piece.columns) for piece in pieces]
        width = sum(map(len, places))
        return self.joined((width,), 0, list(zip(places, values, strict=True)))

    def program(
        self, jaxpr: Any, consts: Sequence[Any], operands: Sequence[Any]
    ) -> list[Any]:
        """Evaluates a jaxpr; its operands and outputs are values of any kind."""
        known = dict(zip(jaxpr.constvars, consts, strict=True))
        known |= dict(zip(jaxpr.invars, operands, strict=True))

        def read(atom: Any) -> Any:
            if isinstance(atom, _compat.Literal):
                return _compat.literal_value(atom)
            return known[atom]

        for equation in jaxpr.eqns:
            outputs = self.equation(equation, list(map(read, equation.invars)))
            known.update(zip(equation.outvars, outputs, strict=True))
        return list(map(read, jaxpr.outvars))

    def equation(self, equation: Equation, operands: list[Any]) -> list[Any]:
        """Evaluates one equation."""
        if not any(map(_varies, operands)):
            return _constant(equation, operands)
        name, row = equation.primitive.name, row_of(equation)
        if row.inlined and not name.startswith("custom_"):
            return self.program(*_compat.body(equation), operands)
        if name in _RULES:
            found = _RULES[name](self, equation, operands)
        elif any(isinstance(v, Mixed) for v in operands):
            found = self.entrywise(equation, operands)
        else:
            found = None
        return found or self.at_all(equation, operands)

    # Values of one kind from those of another.

    def whole(self, value: Any) -> Any:
        """Returns a value as rows, or as an array that is the same at all points."""
        if isinstance(value, Factors):
            if value.product is None:
                by_size = sorted(value.factors, key=lambda f: self.size(f.axes))
                value.product = reduce(self.times, by_size)
            return value.product
        if not isinstance(value, Mixed):
            return value
        axes = _union(part for _, part in value.parts)
        arrays = [self.widened(part, axes) for _, part in value.parts]
        order = np.argsort(np.concatenate([places for places, _ in value.parts]))
        array = jnp.concatenate(arrays, axis=1 + value.dim)
        return Rows(axes, _take(array, 1 + value.dim, order))

    def widened(self, value: Any, axes: Axes) -> Array:
        """Returns rows, or an array that does not vary, at all points of more axes."""
        own, array = (
            (value.axes, value.array) if isinstance(value, Rows) else ((), value[None])
        )
        if own == axes:
            return array
        shape = array.shape[1:]
        short = [self.lengths[a] if a in own else 1 for a in axes]
        long = [self.lengths[a] for a in axes]
        wide = jnp.broadcast_to(array.reshape(*short, *shape), (*long, *shape))
        return wide.reshape(-1, *shape)

    def unrolled(self, value: Any) -> Array:
        """Returns a value with an axis for each of the product, of length 1 or all."""
        value = self.whole(value)
        axes = value.axes if isinstance(value, Rows) else ()
        array = value.array if isinstance(value, Rows) else jnp.asarray(value)
        shape = [n if a in axes else 1 for a, n in enumerate(self.lengths)]
        return array.reshape(*shape, *(array.shape[1:] if axes else array.shape))

    def joined(self, shape: Any, dim: int, parts: list[tuple[np.ndarray, Any]]) -> Any:
        """Returns parts side by side; those of one kind along the same axes become one."""
        groups: dict[tuple[Axes, int], list[tuple[np.ndarray, Any]]] = {}
        for places, part in parts:
            if len(places):
                kind = part.kind if isinstance(part, Rows) else 0
                groups.setdefault((_axes(part), kind), []).append((places, part))
        made: list[tuple[np.ndarray, Any]] = []
        for (axes, kind), group in groups.items():
            places = np.concatenate([p for p, _ in group])
            order = np.argsort(places)
            arrays = [v.array if axes else jnp.asarray(v) for _, v in group]
            along = dim + bool(axes)
            array = arrays[0] if len(arrays) == 1 else jnp.concatenate(arrays, along)
            array = _take(array, along, order)
            made.append((places[order], Rows(axes, array, kind) if axes else array))
        if len(made) == 1:
            return made[0][1]
        return Mixed(tuple(shape), dim, tuple(made))

    def taken(self, value: Any, dim: int, places: np.ndarray) -> Any:
        """Returns a value at some places along a dimension."""
        if isinstance(value, Mixed) and value.dim == dim:
            parts = []
            for own, part in value.parts:
                inside = np.isin(places, own)
                at = np.searchsorted(own, places[inside])
                parts.append((np.flatnonzero(inside), self.taken(part, dim, at)))
            shape = _replaced(value.shape, dim, len(places))
            return self.joined(shape, dim, parts)
        value = self.whole(value)
        if isinstance(value, Rows):
            return Rows(value.axes, _take(value.array, 1 + dim, places), value.kind)
        return _take(jnp.asarray(value), dim, places)

    # Equations.

    def at_all(self, equation: Equation, operands: Sequence[Any]) -> list[Any]:
        """Runs an equation at the points of all axes that an operand varies along."""
        operands = [self.whole(value) for value in operands]
        axes = _union(operands)
        arrays = [self.widened(v, axes) if isinstance(v, Rows) else v for v in operands]
        places = [0 if isinstance(v, Rows) else None for v in operands]
        run = jax.vmap(lambda *rows: _compat.bind(equation, *rows), places)
        return [Rows(axes, array) for array in run(*arrays)]

    def entrywise(self, equation: Equation, operands: Sequence[Any]) -> Any:
        """Runs an equation that acts on each entry alone, on each part of mixed values."""
        (aval, *more) = _compat.output_avals(equation)
        entries = bool(row_of(equation).entries) and "broadcast" not in str(
            equation.primitive.name
        )
        fits = _broadcasts if entries else lambda one, to: one in ((), to)
        if more or not all(fits(_shape(v), aval.shape) for v in operands):
            return None
        if not entries and not (
            equation.primitive.name == "custom_jvp_call"
            and is_pointwise_call(equation, aval.shape)
        ):
            return None
        mixed = [v for v in operands if isinstance(v, Mixed)]
        dim = mixed[0].dim
        if any(v.dim != dim for v in mixed):
            return None
        parts = []
        for places in _common([[own for own, _ in v.parts] for v in mixed]):
            # A primitive runs on some of the entries as it does on all. What has a body
            # runs on all: on those of the part, as often as it takes.
            fill = places
            if not entries:
                fill = np.resize(places, aval.shape[dim])
            own = [
                self.taken(v, dim, fill)
                if _shape(v) and _shape(v)[dim] == aval.shape[dim]
                else v
                for v in operands
            ]
            if any(isinstance(v, Mixed) for v in own):
                return None
            if any(map(_varies, own)):
                (part,) = self.at_all(equation, own)
            else:
                (part,) = _compat.bind(equation, *own)
            if not entries:
                part = self.taken(part, dim, np.arange(len(places)))
            parts.append((places, part))
        return [self.joined(aval.shape, dim, parts)]

    def times(self, left: Any, right: Any) -> Any:
        """Multiplies rows, at the points of all their axes."""
        axes = _union((left, right))
        return Rows(axes, self.widened(left, axes) * self.widened(right, axes))

    def dot(
        self, left: Any, right: Any, dimensions: Any, options: dict[str, Any]
    ) -> Any:
        """Returns `lax.dot_general` of rows or arrays, at the points of all their axes.

        Axes that both vary along are batched; an axis of one operand alone is one more
        dimension of it that is kept. Points come first in what is returned.
        """
        if not isinstance(left, Rows):
            swapped = tuple(pair[::-1] for pair in dimensions)
            found = self.dot(right, left, swapped, options)
            count = len(dimensions[1][0])
            kept = [
                jnp.ndim(left) - len(dimensions[0][0]) - count,
                len(right.shape) - len(dimensions[0][1]) - count,
            ]
            first = 1 + count
            order = [
                *range(first),
                *range(first + kept[1], first + kept[1] + kept[0]),
                *range(first, first + kept[1]),
            ]
            return Rows(found.axes, _transposed(found.array, order))
        (lsum, rsum), (lbatch, rbatch) = dimensions
        other = right.axes if isinstance(right, Rows) else ()
        both = tuple(a for a in left.axes if a in other)
        mine = tuple(a for a in left.axes if a not in other)
        theirs = tuple(a for a in other if a not in left.axes)
        l, before = self._axes_first(left, both, mine)
        r, after = self._axes_first(right, both, theirs)
        shift_l, shift_r = len(before), len(after)
        moved = (
            (
                [d + shift_l for d in lsum],
                [d + shift_r for d in rsum],
            ),
            (
                [*range(bool(both)), *(d + shift_l for d in lbatch)],
                [*range(bool(both)), *(d + shift_r for d in rbatch)],
            ),
        )
        found = lax.dot_general(l, r, moved, **options)
        # (both, batch, mine, kept of left, theirs, kept of right)
        batch = len(lbatch)
        kept_l = l.ndim - shift_l - len(lsum) - batch
        kept_r = r.ndim - shift_r - len(rsum) - batch
        at = iter(range(found.ndim))
        take = lambda n: [next(at) for _ in range(n)]
        shared, batched, own = take(bool(both)), take(batch), take(bool(mine))
        first, others, second = take(kept_l), take(bool(theirs)), take(kept_r)
        order = [*shared, *own, *others, *batched, *first, *second]
        return self._sorted(_transposed(found, order), (*both, *mine, *theirs),
                            len(batched) + len(first) + len(second))  # fmt: skip

    def _axes_first(self, value: Any, both: Axes, own: Axes) -> tuple[Array, list[int]]:
        """Returns the array with one axis for the shared points, one for its own."""
        if not isinstance(value, Rows):
            return jnp.asarray(value), []
        order = [*both, *own]
        split = value.array.reshape(
            *(self.lengths[a] for a in value.axes), *value.shape
        )
        rest = range(len(order), split.ndim)
        split = _transposed(split, [*(value.axes.index(a) for a in order), *rest])
        front = [self.size(axes) for axes in (both, own) if axes]
        return split.reshape(*front, *value.shape), front

    def _sorted(self, array: Array, axes: Axes, rank: int) -> Rows:
        """Returns rows of an array whose axes of the product are in another order."""
        shape = array.shape[array.ndim - rank :]
        split = array.reshape(*(self.lengths[a] for a in axes), *shape)
        order = sorted(range(len(axes)), key=axes.__getitem__)
        split = _transposed(split, [*order, *range(len(axes), split.ndim)])
        return Rows(tuple(sorted(axes)), split.reshape(-1, *shape))


# What values are made of ----------------------------------------------------------------


def _varies(value: Any) -> bool:
    return isinstance(value, Rows | Mixed | Factors)


def _shape(value: Any) -> tuple[int, ...]:
    return value.shape if _varies(value) else jnp.shape(value)


def _broadcasts(one: Sequence[int], to: Sequence[int]) -> bool:
    """Whether a primitive of entries takes a shape beside one of what it returns."""
    return not one or (
        len(one) == len(to) and all(n in (1, m) for n, m in zip(one, to, strict=True))
    )


def _spread(rows: Rows, shape: tuple[int, ...]) -> Rows:
    """Returns rows whose value has a shape that theirs broadcasts to."""
    if rows.shape == shape:
        return rows
    count = len(rows.array)
    line = rows.array.reshape(count, *(rows.shape or (1,) * len(shape)))
    return Rows(rows.axes, jnp.broadcast_to(line, (count, *shape)), rows.kind)


def _axes(value: Any) -> Axes:
    return value.axes if isinstance(value, Rows) else ()


def _union(values: Any) -> Axes:
    return tuple(sorted({axis for value in values for axis in _axes(value)}))


def _replaced(shape: Sequence[int], dim: int, size: int) -> tuple[int, ...]:
    return (*shape[:dim], size, *shape[dim + 1 :])


def _take(array: Array, axis: int, places: np.ndarray) -> Array:
    """Returns an array at some places of an axis; a slice, if they are in a row."""
    size = array.shape[axis]
    if len(places) == size and np.array_equal(places, np.arange(size)):
        return array
    if len(places) and np.array_equal(places, places[0] + np.arange(len(places))):
        return lax.slice_in_dim(array, places[0], places[0] + len(places), axis=axis)
    return jnp.take(array, places, axis=axis)


def _transposed(array: Array, order: Sequence[int]) -> Array:
    return array if list(order) == list(range(array.ndim)) else array.transpose(order)


def _common(partitions: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
    """Returns the coarsest partition that refines all given ones."""
    found = list(partitions[0])
    for other in partitions[1:]:
        found = [np.intersect1d(a, b) for a in found for b in other]
    return [places for places in found if len(places)]


_SMALL = 2**16
"""Entries up to which constants are computed when a program is traced."""


def _constant(equation: Equation, operands: Sequence[Any]) -> list[Any]:
    """Runs an equation that no column reaches; numbers that are known stay known."""
    small = all(math.prod(a.shape) <= _SMALL for a in _compat.output_avals(equation))
    if small and all(map(_compat.is_concrete, operands)):
        with jax.ensure_compile_time_eval():
            return _compat.bind(equation, *operands)
    return _compat.bind(equation, *operands)


# Rules: an equation's outputs, or `None` if it has to run at all points ------------------


def _moved(run: _Run, equation: Equation, operands: Sequence[Any]) -> Any:
    """What moves entries: each of a mixed value's goes where its number goes."""
    value, *indices = operands
    if not isinstance(value, Mixed):
        return None
    if any(_varies(i) or not _compat.is_concrete(i) for i in indices):
        return None
    numbers = np.arange(value.shape[value.dim]).reshape(
        [-1 if d == value.dim else 1 for d in range(len(value.shape))]
    )
    with jax.ensure_compile_time_eval():
        sources = _compat.bind(
            equation, jnp.broadcast_to(numbers, value.shape), *indices
        )
    outputs = []
    for aval, source in zip(_compat.output_avals(equation), sources, strict=True):
        source = np.asarray(source)
        dim = _only_dimension(source)
        if dim is None:
            return None
        line = np.moveaxis(source, dim, 0).reshape(source.shape[dim], -1)[:, 0]
        parts = []
        for own, part in value.parts:
            places = np.flatnonzero(np.isin(line, own))
            if not len(places):
                continue
            # The part at all places: what is not its own is not read.
            fill = np.zeros(value.shape[value.dim], int)
            fill[own] = np.arange(len(own))
            full = run.taken(part, value.dim, fill)
            number = len(outputs)
            if _varies(full):
                moved = run.at_all(equation, [full, *indices])[number]
            else:
                moved = _compat.bind(equation, full, *indices)[number]
            parts.append((places, run.taken(moved, dim, places)))
        if sum(len(places) for places, _ in parts) != len(line):
            return None  # filled from outside
        outputs.append(run.joined(aval.shape, dim, parts))
    return outputs


def _only_dimension(numbers: np.ndarray) -> int | None:
    """Returns the one dimension along which numbers differ; any, if there is none."""
    if not numbers.size or not numbers.ndim:
        return None
    for dim in range(numbers.ndim):
        line = np.moveaxis(numbers, dim, 0).reshape(numbers.shape[dim], -1)
        if (line == line[:, :1]).all():
            return dim
    return None


def _concatenated(run: _Run, equation: Equation, operands: Sequence[Any]) -> Any:
    return [_side_by_side(run, equation, operands, equation.params["dimension"])]


def _stacked(run: _Run, equation: Equation, operands: Sequence[Any]) -> Any:
    """Values side by side in a dimension of their own."""
    dim = equation.params["axis"]
    lines: list[Any] = []
    for value in map(run.whole, operands):
        if isinstance(value, Rows):
            array = jnp.expand_dims(value.array, 1 + dim)
            lines.append(Rows(value.axes, array, value.kind))
        else:
            lines.append(jnp.expand_dims(value, dim))
    return [_side_by_side(run, equation, lines, dim)]


def _side_by_side(
    run: _Run, equation: Equation, operands: Sequence[Any], dim: int
) -> Any:
    """Returns operands, one after the other along a dimension."""
    (aval,) = _compat.output_avals(equation)
    start, parts = 0, []
    for value in operands:
        size = _shape(value)[dim]
        places = np.arange(start, start + size)
        if isinstance(value, Mixed) and value.dim == dim:
            parts += [(places[own], part) for own, part in value.parts]
        else:
            parts.append((places, run.whole(value)))
        start += size
    return run.joined(aval.shape, dim, parts)


def _multiplied(run: _Run, equation: Equation, operands: Sequence[Any]) -> Any:
    if any(isinstance(v, Mixed) for v in operands):
        return run.entrywise(equation, operands)
    (aval,) = _compat.output_avals(equation)
    if not all(_broadcasts(_shape(v), aval.shape) for v in operands):
        return None
    return [_product(run, aval.shape, operands)]


def _product(run: _Run, shape: tuple[int, ...], values: Sequence[Any]) -> Any:
    """Returns the product of values of a shape, or numbers, some of which vary."""
    constants = [value for value in values if not _varies(value)]
    factors: list[Rows] = []
    for value in values:
        if not _varies(value):
            continue
        for factor in value.factors if isinstance(value, Factors) else (value,):
            # Where the axes of one hold those of another, nothing is won by waiting.
            own, kept = _spread(factor, shape), factors
            while near := [f for f in kept if _nested(f.axes, own.axes)]:
                kept = [f for f in kept if f is not near[0]]
                own = run.times(near[0], own)
            factors = [*kept, own]
    least = min(factors, key=lambda f: run.size(f.axes))
    for constant in constants:
        scaled = Rows(least.axes, least.array * constant)
        factors = [scaled if f is least else f for f in factors]
        least = scaled
    return factors[0] if len(factors) == 1 else Factors(shape, tuple(factors))


def _nested(some: Axes, others: Axes) -> bool:
    return set(some) <= set(others) or set(some) >= set(others)


def _summed(run: _Run, equation: Equation, operands: Sequence[Any]) -> Any:
    (value,), axes = operands, equation.params["axes"]
    if isinstance(value, Factors) and axes:
        # The factor along most points waits for the others; the sum is a matrix product.
        last = max(value.factors, key=lambda f: run.size(f.axes))
        others = [f for f in value.factors if f is not last]
        left = run.whole(Factors(value.shape, tuple(others)))
        kept = tuple(d for d in range(len(value.shape)) if d not in axes)
        options: dict[str, Any] = {"precision": lax.Precision.HIGHEST}
        return [run.dot(left, last, ((axes, axes), (kept, kept)), options)]
    return _reduced(run, equation, operands)


def _reduced(run: _Run, equation: Equation, operands: Sequence[Any]) -> Any:
    """A sum, product, or extremum over dimensions, part by part of a mixed value."""
    (value,), axes = operands, equation.params["axes"]
    if not isinstance(value, Mixed):
        return None
    (aval,) = _compat.output_avals(equation)
    name = equation.primitive.name
    one = lambda part, over: _JAX_REDUCTIONS[name](part, over)
    parts = [
        Rows(part.axes, one(part.array, tuple(a + 1 for a in axes)))
        if isinstance(part, Rows)
        else one(part, tuple(axes))
        for _, part in value.parts
    ]
    if value.dim not in axes:
        dim = value.dim - sum(a < value.dim for a in axes)
        places = [places for places, _ in value.parts]
        return [run.joined(aval.shape, dim, list(zip(places, parts, strict=True)))]
    if name == "reduce_prod":
        return [_product(run, aval.shape, parts)]
    axes_of_all = _union(parts)
    arrays = [run.widened(part, axes_of_all) for part in parts]
    return [Rows(axes_of_all, reduce(_JAX_PAIRS[name], arrays))]


_JAX_REDUCTIONS: dict[str, Callable[..., Array]] = {
    "reduce_sum": jnp.sum,
    "reduce_prod": jnp.prod,
    "reduce_max": jnp.max,
    "reduce_min": jnp.min,
}

_JAX_PAIRS: dict[str, Callable[..., Array]] = {
    "reduce_sum": jnp.add,
    "reduce_max": jnp.maximum,
    "reduce_min": jnp.minimum,
}


def _dotted(run: _Run, equation: Equation, operands: Sequence[Any]) -> Any:
    """A matrix product: part by part of a mixed value, otherwise `_Run.dot`."""
    dimensions = equation.params["dimension_numbers"]
    options = {
        name: equation.params[name] for name in ("precision", "preferred_element_type")
    }
    return [_dot(run, list(operands), dimensions, options)]


def _dot(
    run: _Run, operands: list[Any], dimensions: Any, options: dict[str, Any]
) -> Any:
    for side in (0, 1):
        value, other = operands[side], operands[1 - side]
        if not isinstance(value, Mixed):
            continue
        (sums, batches) = dimensions
        found = []
        for places, part in value.parts:
            own = list(operands)
            own[side] = part
            for pair in (sums, batches):
                if value.dim in pair[side]:
                    matching = pair[1 - side][list(pair[side]).index(value.dim)]
                    own[1 - side] = run.taken(other, matching, places)
            found.append((places, _dot(run, own, dimensions, options)))
        if value.dim in sums[side]:
            return reduce(lambda a, b: _plus(run, a, b), (part for _, part in found))
        # The dimension stays: where it stands among those of the result.
        if value.dim in batches[side]:
            dim = list(batches[side]).index(value.dim)
        else:
            gone = {*sums[side], *batches[side]}
            dim = len(batches[0]) + sum(d not in gone for d in range(value.dim))
            if side:
                dim += len(_shape(operands[0])) - len(sums[0]) - len(batches[0])
        if any(isinstance(part, Mixed) for _, part in found):
            found = [(places, run.whole(part)) for places, part in found]
        shape = list(_shape(found[0][1]))
        shape[dim] = value.shape[value.dim]
        return run.joined(shape, dim, found)
    left, right = map(run.whole, operands)
    if not isinstance(left, Rows) and not isinstance(right, Rows):
        return lax.dot_general(left, right, dimensions, **options)
    return run.dot(left, right, dimensions, options)


def _plus(run: _Run, left: Any, right: Any) -> Any:
    left, right = run.whole(left), run.whole(right)
    axes = _union((left, right))
    if not axes:
        return left + right
    return Rows(axes, run.widened(left, axes) + run.widened(right, axes))


_MOVES = (
    "reshape", "transpose", "squeeze", "broadcast_in_dim", "expand_dims", "rev", "slice",
    "split", "unstack", "dynamic_slice", "gather", "copy",
)  # fmt: skip

_RULES: dict[str, Callable[[_Run, Equation, Sequence[Any]], Any]] = {
    **dict.fromkeys(_MOVES, _moved),
    **dict.fromkeys(("reduce_prod", "reduce_max", "reduce_min"), _reduced),
    "concatenate": _concatenated,
    "stack": _stacked,
    "dot_general": _dotted,
    "mul": _multiplied,
    "reduce_sum": _summed,
}
