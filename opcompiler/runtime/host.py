"""What a call gives on the host, Python's and NumPy's numbers, as JAX may see it.

In: points, and parameters of any kind. Out: the same, with numbers of the host in the
precision of the points. It is done before `jax.jit` sees them, because it would make an
int32 of `10**10`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from opcompiler.runtime.grid import Grid
from opcompiler.runtime.over import Over
from opcompiler.runtime.precision import from_host, is_integer, is_number


def parameters_from_host(parameters: Mapping[str, Any], points: Any) -> dict[str, Any]:
    """Returns parameters, those of Python and NumPy in the precision of the points.

    To be called before `jax.jit` sees them, which would make int32 of integers.

    Raises:
        OperatorError: for numbers that are none of that precision.
    """
    dtype = floating_of(points) or jnp.result_type(float)
    return {
        name: from_host(f"parameter {name}", value, dtype)
        for name, value in parameters.items()
    }


def columns_from_host(points: Any) -> Any:
    """Returns points, the columns of a dict that are integers of NumPy as floats."""
    if isinstance(points, Over):
        return replace(points, points=columns_from_host(points.points))
    dtype = floating_of(points)
    if dtype is None or not isinstance(points, Mapping):
        return points
    return {
        name: from_host(str(name), column, dtype) if is_integer(column) else column
        for name, column in points.items()
    }


def floating_of(points: Any) -> Any | None:
    """Returns the dtype that points have, an array, columns or a grid, if it is real
    and floating.
    """
    if isinstance(points, Over):
        return floating_of(points.points)
    columns: Any = points.values() if isinstance(points, Mapping) else (points,)
    if isinstance(points, Grid):
        columns = points.axes
    try:
        dtype = jnp.result_type(*(_typed(column) for column in columns))
    except (TypeError, ValueError):  # no points: reading them refuses them
        return None
    return dtype if jnp.issubdtype(dtype, jnp.floating) else None


def _typed(column: Any) -> Any:
    typed = hasattr(column, "dtype") or is_number(column)
    return column if typed else np.asarray(column)
