"""Points and parameters as arrays, in the dtype of the points.

In: what a call gives, in the shape the user has it. Out: N points as the rows of one array,
or the axes of a grid, each on an axis of its own; parameters as arrays that broadcast with
them:

    points (8, 16, 2), nu=0.1, f=<function of the point>
      ->  Points(parts=[(128, 2)], leading=(8, 16)), {"nu": (), "f": (128,)}

    oc.grid(t=ts, x=xs), nu=0.1, f=array (8, 1)
      ->  Points(parts=[(8, 1, 1), (1, 16, 1)], leading=(8, 16)), {"nu": (), "f": (8, 1)}

Everything between here and the results broadcasts, as NumPy does: what depends on t alone
has shape (8, 1) all along. `Points.map` calls networks along those axes alone that they
depend on. Results get the shape back by `Points.restore`. What does not fit is refused
here, by name, because JAX would broadcast or clip it.
"""

import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from opcompiler.errors import OperatorError
from opcompiler.ir import Coordinate, Extent
from opcompiler.runtime.grid import Grid
from opcompiler.runtime.host import floating_of
from opcompiler.runtime.over import Over
from opcompiler.runtime.precision import as_precise_as, not_numbers
from opcompiler.runtime.tracing import Traced
from opcompiler.taylor.misuse import explained
from opcompiler.taylor.product import over_product, Piece


@dataclass(frozen=True)
class Points:
    """N points: as rows, or as the product of axes.

    Attributes:
        parts: columns side by side that vary along the same axes, (*axes, w), floating, of
            length 1 along the axes on which they do not vary. Rows are one part, (N, D).
        columns: the numbers of each part's columns, sorted.
        leading: the shape the user gave before the coordinate axis, prod = N.
        more: how many of the columns, the last ones, are no coordinates, but what networks
            take besides.
        last: how many of the last dimensions of `leading` the last axis stands for.
    """

    parts: tuple[Array, ...]
    columns: tuple[tuple[int, ...], ...]
    leading: tuple[int, ...]
    more: int = 0
    last: int = 1

    @classmethod
    def rows(cls, array: Array) -> "Points":
        """Returns points, (N, D), as rows."""
        return cls((array,), (tuple(range(array.shape[1])),), array.shape[:1])

    @classmethod
    def beside(cls, arrays: Sequence[Array], more: int = 0) -> "Points":
        """Returns points whose columns, (*axes, w) in their order, are given.

        What varies along the same axes becomes one part. If all that vary at all do so
        along the same axes, there is one part: nothing is won by keeping numbers apart.
        What is besides, the last `more` columns, is a part of its own.
        """
        rank = max(array.ndim for array in arrays)
        arrays = [array.reshape((1,) * (rank - array.ndim) + array.shape)
                  for array in arrays]  # fmt: skip
        groups: dict[tuple[int, ...], list[int]] = {}
        own = len(arrays) - bool(more)
        for number, array in enumerate(arrays[:own]):
            axes = tuple(a for a, n in enumerate(array.shape[:-1]) if n != 1)
            groups.setdefault(axes, []).append(number)
        if len(groups.keys() - {()}) <= 1:
            groups = {(): list(range(own))}
        numbered = [*groups.values(), *([[own]] if more else [])]
        ends = np.cumsum([0, *(array.shape[-1] for array in arrays)])
        parts, columns = [], []
        for numbers in numbered:
            group = [arrays[n] for n in numbers]
            shape = jnp.broadcast_shapes(*(array.shape[:-1] for array in group))
            wide = [jnp.broadcast_to(a, (*shape, a.shape[-1])) for a in group]
            parts.append(jnp.concatenate(wide, axis=-1))
            columns.append(
                tuple(k for n in numbers for k in range(ends[n], ends[n + 1]))
            )
        found = cls(tuple(parts), tuple(columns), (), more)
        return replace(found, leading=found.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of all axes; of rows (N,)."""
        return jnp.broadcast_shapes(*(part.shape[:-1] for part in self.parts))

    @property
    def count(self) -> int:
        """N."""
        return math.prod(self.shape)

    @property
    def width(self) -> int:
        """D, the number of columns."""
        return sum(map(len, self.columns))

    @property
    def dtype(self) -> Any:
        """That of all parts."""
        return self.parts[0].dtype

    @property
    def flat(self) -> Array:
        """All points as rows, (N, D)."""
        if len(self.parts) == 1:
            (part,) = self.parts
            return part.reshape(-1, part.shape[-1])
        shape = self.shape
        wide = [jnp.broadcast_to(p, (*shape, p.shape[-1])) for p in self.parts]
        order = np.argsort([k for own in self.columns for k in own])
        return jnp.concatenate(wide, axis=-1)[..., order].reshape(-1, self.width)

    @property
    def shaped(self) -> "Points":
        """The same points, for values that keep the axes as they are."""
        return replace(self, leading=self.shape, last=1)

    @property
    def as_rows(self) -> "Points":
        """The same points as rows."""
        columns = (tuple(range(self.width)),)
        return replace(self, parts=(self.flat,), columns=columns)

    @property
    def like(self) -> Any:
        """The type of all points as rows."""
        return jax.eval_shape(lambda: self.flat)

    @property
    def one(self) -> Any:
        """The type of one point, (D,)."""
        return jax.eval_shape(lambda: self.flat.sum(axis=0))

    def column(self, first: int, width: int) -> Array:
        """Returns consecutive columns that vary along the same axes, (*axes, width)."""
        for part, own in zip(self.parts, self.columns, strict=True):
            if first in own:
                start = own.index(first)
                return part[..., start : start + width]
        raise AssertionError(f"there is no column {first}")

    @property
    def besides(self) -> list[Array]:
        """What networks take besides coordinates, (*axes, more); nothing, or one array."""
        return [self.column(self.width - self.more, self.more)] if self.more else []

    def only(self, columns: Sequence[int]) -> "Points":
        """Returns some of the coordinates, and what is besides; axes of others go."""
        if self.mapped and not self.more:
            return Points.beside([self.parts[0][..., list(columns)]])
        single = [self.column(number, 1) for number in columns]
        return Points.beside([*single, *self.besides], self.more)

    @property
    def coordinates(self) -> "Points":
        """The points without what is besides."""
        if not self.more:
            return self
        own = [self.column(number, 1) for number in range(self.width - self.more)]
        return Points.beside(own)

    def along(self, array: Array) -> Array:
        """Gives an array over the points, that broadcasts to `leading`, their axes.

        Raises:
            ValueError: if it does not broadcast.
        """
        wide = jnp.broadcast_shapes(array.shape, self.leading)
        if wide != self.leading:
            raise ValueError(f"{array.shape} does not broadcast to {self.leading}")
        if len(self.parts) == 1:
            return jnp.broadcast_to(array, self.leading).reshape(self.shape)
        # As long as the array itself along each axis, and 1 along those of integration
        # variables, which stand before the last axis. Rows are one axis, whatever shape
        # the user gave them.
        own = (1,) * (len(self.leading) - array.ndim) + array.shape
        head, tail = own[: len(own) - self.last], own[len(own) - self.last :]
        if any(n != 1 for n in tail):
            rest = self.leading[len(own) - self.last :]
            array = jnp.broadcast_to(array.reshape(own), (*head, *rest))
            tail = rest
        extra = len(self.shape) - len(head) - 1
        return array.reshape(*head, *(1,) * extra, math.prod(tail))

    def restore(self, values: Any) -> Array:
        """Gives values that broadcast to the axes the shape of the user's points."""
        array = as_precise_as(self.dtype, jnp.asarray(values))
        shape = self.shape
        # The axes of integrals are summed over.
        array = array.reshape(array.shape[max(array.ndim - len(shape), 0) :])
        return jnp.broadcast_to(array, shape).reshape(self.leading)

    # Functions of one point, at all points.

    @property
    def starts(self) -> tuple[Array, ...]:
        """What a function `over` the points takes: (n, w) of each part."""
        return tuple(part.reshape(-1, part.shape[-1]) for part in self.parts)

    @property
    def mapped(self) -> bool:
        """Whether a function `over` the points is a `jax.vmap` over rows."""
        return len(self.parts) == 1

    def over(self, function: Callable[[Array], Any]) -> Callable[..., Any]:
        """Returns a function of `starts` that gives a function of one point at all points.

        `unrolled` gives what it returns the points' axes.
        """
        if self.mapped and self.count == 1:
            return _at_one(function)
        if self.mapped:
            return jax.vmap(function)
        first = self.width - self.more
        pieces = [
            Piece(own, tuple(a for a, n in enumerate(part.shape[:-1]) if n != 1),
                  kind=int(own[0] >= first))
            for own, part in zip(self.columns, self.parts, strict=True)
        ]  # fmt: skip
        return over_product(function, pieces, self.shape)

    def seed(self, row: Any) -> Any:
        """Returns a direction, (D,) of numpy, as a tangent of `starts`; `None` for zero."""
        if row is None:
            return None
        parts = [row[list(own)] for own in self.columns]
        return tuple(part[None, :] if part.any() else None for part in parts)

    def unrolled(self, values: Array) -> Array:
        """Returns what a function `over` the points gives, with the points' axes first.

        They have length 1 where it does not depend on them.
        """
        if not self.mapped:
            return values
        return values.reshape(*self.shape, *values.shape[1:])

    def map(self, function: Callable[[Array], Any]) -> Any:
        """Returns a function of one point at all points, a pytree of (*axes, ...)."""
        found = self.over(function)(*self.starts)
        return jax.tree.map(self.unrolled, found)


def _at_one(function: Callable[[Array], Any]) -> Callable[[Array], Any]:
    """Returns a function of one row, (1, D), that has no axis of points inside.

    Programs that call a residual at one point (jinns, jaxpi) map it over points.
    An axis of length 1 beside theirs would cost a copy of every channel in the gradient:
    matrix products that sum over two axes have to lay them out anew.
    """

    def at_row(row: Array) -> Any:
        found = function(row.reshape(row.shape[1:]))
        return jax.tree.map(lambda value: jnp.asarray(value)[None], found)

    return at_row


def read_points(
    given: Any,
    columns: Sequence[Coordinate],
    parameters: Sequence[str] = (),
    rank: int | None = None,
) -> Points:
    """Reads an array (..., D) in the order of the coordinates, a dict of (...), or a grid.

    A vector of d components has d columns, and the shape (..., d) in a dict. Where there
    are too many columns, some of `parameters` may have been meant.

    Args:
        given: the points.
        columns: the coordinates.
        parameters: names of the parameters.
        rank: how many integration variables have axes; `None`, if a grid must be rows.

    Raises:
        OperatorError: for a wrong number of columns, unknown or missing coordinates,
            shapes that do not broadcast, or integer points.
    """
    width = sum(column.width for column in columns)
    if isinstance(given, Over):
        return _from_over(given, columns, parameters, rank)
    if isinstance(given, Grid):
        return _from_grid(given, columns, rank)
    if isinstance(given, Mapping):
        array = _from_columns(given, columns)
    else:
        array = _array(given, "points")
        if array.ndim == 0 or array.shape[-1] != width:
            raise OperatorError(
                f"points of shape {array.shape} do not have one column for each of "
                f"the {width} coordinates",
                expression=f"points {array.shape}",
                hint=f"give an array of shape (..., {width}) with the columns "
                f"{', '.join(map(_columns_text, columns))}, or a dict of them"
                + _meant(array, width, parameters),
            )
    if not jnp.issubdtype(array.dtype, jnp.floating):
        raise OperatorError(
            f"points of dtype {array.dtype} cannot be differentiated by",
            expression=f"points {array.dtype}{array.shape}",
            hint="give real floating-point points, e.g. points.astype(float)",
        )
    return replace(Points.rows(array.reshape((-1, width))), leading=array.shape[:-1])


def _from_grid(given: Grid, columns: Sequence[Coordinate], rank: int | None) -> Points:
    """Reads a grid: each axis on an axis of its own.

    Integration variables have axes before the last one of the points. So what programs
    compute broadcasts, and sums over nodes are over the same axis as of rows.
    """
    ends = np.cumsum([0, *(column.width for column in columns)])
    axes = given.columns(columns)
    parts, numbers, lengths = [], [], [len(array) for array, _ in axes]
    for number, (array, named) in enumerate(axes):
        own = [k for n in named for k in range(ends[n], ends[n + 1])]
        if own != sorted(own):
            array = array[:, np.argsort(own)]
        shape = [1] * len(axes)
        shape[number] = lengths[number]
        shape[-1:-1] = [1] * (rank or 0)
        parts.append(array.reshape(*shape, len(own)))
        numbers.append(tuple(sorted(own)))
    found = Points(tuple(parts), tuple(numbers), tuple(lengths))
    return found if rank is not None and len(parts) > 1 else found.as_rows


def _from_over(
    given: Over,
    columns: Sequence[Coordinate],
    parameters: Sequence[str],
    rank: int | None,
) -> Points:
    """Reads functions beside points: along the same axis, or on one of their own."""
    where = read_points(given.points, columns, parameters, rank)
    rows, width = given.columns(where.dtype), where.width
    numbers = (*where.columns, tuple(range(width, width + rows.shape[1])))
    more = rows.shape[1]
    if given.paired:
        if not where.mapped or len(rows) != where.count:
            raise OperatorError(
                f"{len(rows)} functions do not belong to points of shape {where.leading}",
                expression=f"functions {rows.shape}, points {where.leading}",
                hint="give a function for each of the points, (N, ...) for (N, D); all "
                "functions at all points are oc.over(functions, points)",
            )
        both = Points(
            (where.flat, rows), numbers, where.leading, more, len(where.leading)
        )
        return both if rank == 0 else both.as_rows
    parts, last = where.parts, where.last
    if where.mapped:
        # The axes of integration variables stand before the last one of the points.
        array = where.flat.reshape(*(1,) * (rank or 0), where.count, width)
        parts, last = (array,), len(where.leading)
    axes = parts[0].ndim - 1
    own = rows.reshape(len(rows), *(1,) * axes, more)
    leading = (len(rows), *where.leading)
    found = Points((*(part[None] for part in parts), own), numbers, leading, more, last)
    return found if rank is not None else found.as_rows


def _meant(array: Array, width: int, parameters: Sequence[str]) -> str:
    if not parameters or array.ndim == 0 or array.shape[-1] <= width:
        return ""
    names = ", ".join(parameters)
    return (
        f"; if {names} should be a column, no field stands at it alone: say "
        "compile(..., coordinates=[...])"
    )


def _array(given: Any, name: str) -> Array:
    try:
        return jnp.asarray(given)
    except (TypeError, ValueError) as error:
        raise OperatorError(
            f"{name} are no array of numbers"
            if name == "points"
            else f"{name} is no array",
            expression=repr(given)[:200],
            hint="the network comes first: residual(net, points)"
            if callable(given)
            else "give an array of floating-point numbers",
        ) from error


def _columns_text(column: Coordinate) -> str:
    if column.size is None:
        return column.name
    return f"{column.name}[0], ..., {column.name}[{column.size - 1}]"


def _from_columns(given: Mapping[Any, Any], columns: Sequence[Coordinate]) -> Array:
    arrays = {str(name): _array(column, str(name)) for name, column in given.items()}
    names = [column.name for column in columns]
    check_names("coordinate", arrays, names, required=names)
    for column in columns:
        if column.size is not None and arrays[column.name].shape[-1:] != (column.size,):
            raise OperatorError(
                f"{column.name} has {column.size} components",
                expression=f"{column.name}: {arrays[column.name].shape}",
                hint=f"give an array of shape (..., {column.size})",
            )
    dtype = floating_of(arrays)
    if dtype is not None:  # a column of integers beside others
        arrays = {name: as_precise_as(dtype, array) for name, array in arrays.items()}
    parts = [
        arrays[c.name] if c.size is not None else arrays[c.name][..., None]
        for c in columns
    ]
    try:
        leading = jnp.broadcast_shapes(*(part.shape[:-1] for part in parts))
    except ValueError as error:
        shapes = ", ".join(f"{n}: {arrays[n].shape}" for n in names)
        raise OperatorError(
            "the coordinates' arrays do not broadcast",
            expression=shapes,
            hint="give every coordinate an array of the same shape (...)",
        ) from error
    wide = [jnp.broadcast_to(p, (*leading, p.shape[-1])) for p in parts]
    return jnp.concatenate(wide, axis=-1)


def read_parameters(
    given: Mapping[str, Any], names: Sequence[str], points: Points
) -> dict[str, Array]:
    """Reads parameters: scalars, arrays over the points, or functions of the point.

    Returns:
        Arrays of shape (), or (*axes), in the points' precision.

    Raises:
        OperatorError: for shapes that do not fit.
    """
    found = {}
    for name in names:
        if callable(given[name]):
            array = _of_points(name, given[name], points)
        else:
            array = _numbers(name, given[name])
        array = as_precise_as(points.dtype, array)
        if array.ndim and not callable(given[name]):
            try:
                array = points.along(array)
            except ValueError:
                raise OperatorError(
                    f"parameter {name} of shape {array.shape} does not fit points of shape "
                    f"{points.leading}",
                    expression=name,
                    hint=f"give a scalar, or an array of shape {points.leading}",
                ) from None
        found[name] = array
    return found


def read_arrays(
    given: Mapping[str, Any],
    arrays: Sequence[tuple[str, tuple[int, ...] | None]],
    reach: Mapping[str, Sequence[Sequence[Extent]]],
    points: Points,
) -> dict[str, Array]:
    """Reads parameters with axes of their own: arrays, or functions of the point.

    Args:
        given: by name.
        arrays: names with their declared shapes, if any.
        reach: by name and axis the places that are read.
        points: the points.

    Returns:
        Arrays of the given shape, or with one axis of N points in front.

    Raises:
        OperatorError: for shapes that do not fit, and arrays that are too short.
    """
    found: dict[str, Array] = {}
    for name, shape in arrays:
        if name not in reach:  # a sum of no terms
            continue
        function = callable(given[name])
        array = (
            jax.vmap(given[name])(points.coordinates.flat)
            if function
            else _numbers(name, given[name])
        )
        array = as_precise_as(points.dtype, array)
        rank = len(reach[name])
        own = array.shape[array.ndim - rank :] if array.ndim >= rank else None
        leading = array.shape[: array.ndim - rank]
        rows = (points.count,)
        per_point = (rows,) if function else (points.leading, rows, ())
        if own is None or (shape and own != shape) or leading not in per_point:
            wanted = shape or ("...",) * rank
            raise OperatorError(
                f"parameter {name} of shape {array.shape} does not fit",
                expression=name,
                hint=f"give an array of shape {wanted}, perhaps with that of the points, "
                f"{points.leading}, in front, or a function of the point",
            )
        # JAX would read the last place instead of one beyond the end.
        for axis, (size, extents) in enumerate(zip(own, reach[name], strict=True)):
            for first, last in extents:
                if last >= size:
                    along = f" along axis {axis}" if len(own) > 1 else ""
                    raise OperatorError(
                        f"parameter {name} of shape {own} is too short{along}",
                        expression=f"{name}: places {first} to {last} are read, counted "
                        "from 0",
                        hint=f"give it {last + 1} places at least, or let the sum end at "
                        f"{size - 1}",
                    )
        found[name] = array.reshape(-1, *own) if leading else array
    return found


def _numbers(name: str, given: Any) -> Array:
    try:
        return jnp.asarray(given)
    except (TypeError, ValueError) as error:  # ValueError: None
        raise not_numbers(f"parameter {name}", given) from error


def _of_points(name: str, given: Callable[[Array], Any], points: Points) -> Array:
    """Returns a function of the point at all points, (*axes)."""
    traced = Traced(given)
    points = points.coordinates
    one = (points.width,)
    with explained(
        f"parameter {name} cannot be called on one point of shape {one}",
        "a parameter that is a function takes ONE point, all coordinates side by side, "
        "and returns one number",
    ):
        found = traced.result(points.like)
    shape = getattr(found, "shape", None)
    if shape != ():
        returned = type(found).__name__ if shape is None else f"shape {shape}"
        raise OperatorError(
            f"parameter {name}, a function of the point, returns no number",
            expression=f"{name}(point) of {returned}",
            hint="return one number per point",
        )
    return jnp.asarray(points.map(traced))


def check_names(
    kind: str, given: Iterable[str], known: Sequence[str], required: Sequence[str]
) -> None:
    """Refuses names that are not known, and required ones that are missing."""
    given = list(given)
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(str(name), known, n=1)
            guess = f"did you mean {close[0]}? " if close else ""
            listed = ", ".join(known) if known else "none"
            raise OperatorError(
                f"there is no {kind} {name}",
                expression=str(name),
                hint=f"{guess}the {kind}s are: {listed}",
            )
    for name in required:
        if name not in given:
            raise OperatorError(
                f"{kind} {name} has no value",
                expression=name,
                hint=f"the {kind}s are: {', '.join(known)}; give each of them",
            )
