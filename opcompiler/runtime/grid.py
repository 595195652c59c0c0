"""Grids: points that are a product of axes, as a user gives them.

In: an array per axis, by the coordinate or the coordinates that run along it. Out: a
`Grid`, which every compiled residual takes in place of points:

    oc.grid(t=ts, x=xs)              (64,) and (128,): 8192 points, values (64, 128)
    oc.grid(t=ts, xy=places)         (64,) and (500, 2): times by scattered places

A grid does not know the equations; `columns` finds its axes among their coordinates, and
refuses what does not fit. `points.py` makes the points of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.ir import Coordinate

Names = str | tuple[str, ...]
"""One name, or several in a row without a space; or a tuple of names."""


@public("oc.grid(t=ts, x=xs)")
@dataclass(frozen=True, eq=False)
class Grid:
    """Points that are the product of axes; `opcompiler.grid` makes them.

    Attributes:
        names: what runs along each axis.
        axes: an array for each, (n,), or (n, w) for w columns.

    Examples:
        >>> grid = oc.grid(t=jnp.linspace(0, 1, 3), x=jnp.linspace(0, 1, 5))
        >>> grid.shape
        (3, 5)
    """

    names: tuple[Names, ...]
    axes: tuple[Any, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what a residual gives there: the lengths of the axes."""
        return tuple(axis.shape[0] for axis in self.axes)

    def columns(
        self, coordinates: Sequence[Coordinate]
    ) -> list[tuple[Array, tuple[int, ...]]]:
        """Returns for each axis its array, (n, w), and the numbers of its coordinates.

        Args:
            coordinates: of the operator, in the order of the points' columns.

        Raises:
            OperatorError: for names that are no coordinates, coordinates that have no axis
                or two, and arrays of another width.
        """
        numbers = {column.name: n for n, column in enumerate(coordinates)}
        found, seen = [], dict[str, Names]()
        for name, axis in zip(self.names, self.axes, strict=True):
            own = _split(name, list(numbers))
            for each in own:
                if each in seen:
                    raise OperatorError(
                        f"{each} runs along two axes of the grid",
                        expression=f"{_text(seen[each])} and {_text(name)}",
                        hint="give every coordinate one axis",
                    )
                seen[each] = name
            width = sum(coordinates[numbers[each]].width for each in own)
            array = axis[:, None] if axis.ndim == 1 else axis
            if array.shape[1] != width:
                wanted = "(n,)" if width == 1 else f"(n, {width})"
                raise OperatorError(
                    f"the axis of {', '.join(own)} has shape {axis.shape}",
                    expression=f"{_text(name)}: {axis.shape}",
                    hint=f"give an array of shape {wanted}, a column for each number",
                )
            found.append((array, tuple(numbers[each] for each in own)))
        missing = [name for name in numbers if name not in seen]
        if missing:
            raise OperatorError(
                f"no axis of the grid is that of {', '.join(missing)}",
                expression=", ".join(map(_text, self.names)),
                hint="give every coordinate an axis: oc.grid("
                + ", ".join(f"{name}=..." for name in numbers)
                + ")",
            )
        return found

    def __repr__(self) -> str:
        parts = (
            f"{_text(n)}: {a.shape}" for n, a in zip(self.names, self.axes, strict=True)
        )
        return f"<Grid {', '.join(parts)}>"


jax.tree_util.register_dataclass(Grid, data_fields=["axes"], meta_fields=["names"])


@public("oc.grid(t=ts, x=xs)")
def grid(axes: Mapping[Any, Any] | None = None, /, **named: Any) -> Grid:
    """Returns points that are the product of axes, to be given in place of points.

    What a network computes from one axis alone is computed along that axis alone: a
    separable network on 100 x 100 x 100 points runs at 300. A network that mixes all
    coordinates at once costs what it costs at all the points.

    Args:
        axes: an array (n,) for each coordinate, by name or symbol; for several coordinates
            that run along one axis, scattered places for example, an array (n, w) by a
            tuple of them, or by a vector's name. The order is that of the values' axes.
        **named: the same by keyword; `xy=places` stands for `("x", "y")` unless a
            coordinate is called so.

    Returns:
        A `Grid`, a pytree of its arrays. `residual(net, grid)` has the shape of the axes'
        lengths; parameters and weights broadcast to it, `nu=array[:, None]` is one number
        for each place of the first of two axes.

    Raises:
        OperatorError: for an axis that is no array (n,) or (n, w) of real numbers; when it
            is used, for names that are no coordinates.

    Example: `residual(net, oc.grid(t=jnp.linspace(0, 1, 64), x=xs))`, values (64, len(xs)).

    Examples:
        >>> grid = oc.grid(t=jnp.linspace(0, 1, 3), x=jnp.linspace(0, 1, 5))
        >>> t, x = sp.symbols("t x")
        >>> slope = oc.compile(sp.Function("u")(t, x).diff(x))
        >>> slope(lambda p: p[0] * p[1], grid).shape
        (3, 5)

    Source: Cho et al., Separable Physics-Informed Neural Networks (NeurIPS 2023), for
    separable networks on tensor grids.
    """
    given = {**(axes or {}), **named}
    if not given:
        raise OperatorError(
            "a grid has an axis for each coordinate, and none is given",
            expression="oc.grid()",
            hint="write oc.grid(t=ts, x=xs)",
        )
    names = [
        tuple(map(str, key)) if isinstance(key, tuple | list) else str(key)
        for key in given
    ]
    arrays = [_axis(name, a) for name, a in zip(names, given.values(), strict=True)]
    dtype = jnp.result_type(*arrays)
    if not jnp.issubdtype(dtype, jnp.floating):
        dtype = jnp.result_type(float)
    made = [
        jax.ShapeDtypeStruct(a.shape, dtype)
        if isinstance(a, jax.ShapeDtypeStruct)
        else a.astype(dtype)
        for a in arrays
    ]
    return Grid(tuple(names), tuple(made))


def _axis(name: Names, given: Any) -> Any:
    """Returns an axis as an array, or as its type if that is given."""
    try:
        array: Any = given if _is_typed(given) else jnp.asarray(given)
        real = jnp.issubdtype(array.dtype, jnp.floating) or array.dtype.kind in "iu"
    except (TypeError, ValueError):
        array, real = given, False
    if not real or array.ndim not in (1, 2):
        raise OperatorError(
            f"the axis of {_text(name)} is no array of real numbers, one after the other",
            expression=f"{_text(name)}={given!r}"[:200],
            hint="give an array (n,) of a coordinate's values, or (n, w) for w coordinates "
            "that run along it together",
        )
    return array


def _is_typed(given: Any) -> bool:
    return isinstance(given, jax.Array | jax.ShapeDtypeStruct)


def _split(name: Names, known: Sequence[str]) -> tuple[str, ...]:
    """Returns the coordinates that a name of an axis stands for."""
    if name in known:
        return (str(name),)
    if isinstance(name, tuple):
        parts = [name] if all(each in known for each in name) else []
    else:
        parts = _readings(name, known)
    if len(parts) == 1:
        return parts[0]
    listed = ", ".join(known)
    if parts:
        raise OperatorError(
            f"{name} may be read as {' or '.join(map(' '.join, parts))}",
            expression=_text(name),
            hint="give the axis by a tuple of coordinates: oc.grid({('x', 'y'): places})",
        )
    raise OperatorError(
        f"there is no coordinate {_text(name)}",
        expression=_text(name),
        hint=f"the coordinates are: {listed}",
    )


def _readings(text: str, known: Sequence[str]) -> list[tuple[str, ...]]:
    """Returns all ways in which names in a row make a text."""
    if not text:
        return [()]
    return [
        (name, *rest)
        for name in known
        if text.startswith(name)
        for rest in _readings(text[len(name) :], known)
    ]


def _text(name: Names) -> str:
    return name if isinstance(name, str) else f"({', '.join(name)})"
