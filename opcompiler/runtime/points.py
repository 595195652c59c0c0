"""Points and parameters as flat arrays, in the dtype of the points.

In: what a call gives, in the shape the user has it. Out: N points as the rows of one array,
parameters as arrays over those rows:

    points (8, 16, 2), nu=0.1, f=<function of the point>
      ->  Points(flat=(128, 2), leading=(8, 16)), {"nu": (), "f": (128,)}

Results get the shape back by `Points.restore`. What does not fit is refused here, by name,
because JAX would broadcast or clip it.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler.errors import OperatorError
from opcompiler.ir import Coordinate, Extent
from opcompiler.runtime.precision import as_precise_as, floating_of, not_numbers
from opcompiler.runtime.tracing import Traced
from opcompiler.taylor.misuse import explained


@dataclass(frozen=True)
class Points:
    """N points as rows.

    Attributes:
        flat: shape (N, D), floating.
        leading: the shape the user gave before the coordinate axis, prod = N.
    """

    flat: Array
    leading: tuple[int, ...]

    def restore(self, values: Any) -> Array:
        """Gives a result of N values, or one that does not depend on the point,
        the shape of the user's points.
        """
        array = as_precise_as(self.flat.dtype, jnp.asarray(values))
        if array.ndim > 1:  # the axes of integrals, summed over
            array = array.reshape(array.shape[-1:])
        return jnp.broadcast_to(array, self.flat.shape[:1]).reshape(self.leading)


def read_points(
    given: Any, columns: Sequence[Coordinate], parameters: Sequence[str] = ()
) -> Points:
    """Reads an array (..., D) in the order of the coordinates, or a dict of (...).

    A vector of d components has d columns, and the shape (..., d) in a dict. Where there
    are too many columns, some of `parameters` may have been meant.

    Raises:
        OperatorError: for a wrong number of columns, unknown or missing coordinates,
            shapes that do not broadcast, or integer points.
    """
    width = sum(column.width for column in columns)
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
    leading = array.shape[:-1]
    return Points(array.reshape((-1, width)), leading)


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
        Arrays of shape () or (N,), in the points' precision.

    Raises:
        OperatorError: for shapes that do not fit.
    """
    found = {}
    for name in names:
        if callable(given[name]):
            array = _of_points(name, given[name], points)
        else:
            array = _numbers(name, given[name])
        array = as_precise_as(points.flat.dtype, array)
        if array.ndim and not callable(given[name]):
            try:
                array = jnp.broadcast_to(array, points.leading).reshape(-1)
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
            jax.vmap(given[name])(points.flat)
            if function
            else _numbers(name, given[name])
        )
        array = as_precise_as(points.flat.dtype, array)
        rank = len(reach[name])
        own = array.shape[array.ndim - rank :] if array.ndim >= rank else None
        leading = array.shape[: array.ndim - rank]
        rows = points.flat.shape[:1]
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
    """Returns a function of the point at all points, (N,)."""
    traced = Traced(given)
    one = points.flat.shape[1:]
    with explained(
        f"parameter {name} cannot be called on one point of shape {one}",
        "a parameter that is a function takes ONE point, all coordinates side by side, "
        "and returns one number",
    ):
        found = traced.result(points.flat)
    shape = getattr(found, "shape", None)
    if shape != ():
        returned = type(found).__name__ if shape is None else f"shape {shape}"
        raise OperatorError(
            f"parameter {name}, a function of the point, returns no number",
            expression=f"{name}(point) of {returned}",
            hint="return one number per point",
        )
    return jnp.asarray(jax.vmap(traced)(points.flat))


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
