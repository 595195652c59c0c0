"""Weights of a loss, by point and by equation.

In: what a call gives, one of these forms. Out: one weight per equation, a number or an
array over the points:

    0.5                                  of all equations, at all points
    array of the shape of the points     of all equations
    (1.0, array)                         one for each of two equations
    {"mass": 1.0, "momentum": array}     for equations that were given as a dict
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
from jax import Array

from opcompiler.errors import OperatorError
from opcompiler.runtime.host import floating_of
from opcompiler.runtime.points import Points
from opcompiler.runtime.precision import as_real, from_host, HOST


def weights_from_host(
    given: Any, keys: Sequence[object] | None, count: int, points: Any
) -> list[Any]:
    """Returns a weight per equation, those of Python and NumPy in the points' precision.

    To be called before `jax.jit` sees them.

    Args:
        given: in one of the forms above; 1, if `None`.
        keys: of equations that were given as a dict; `None` of others.
        count: of equations; 0, if there is one and it stands alone.
        points: as the call gives them.

    Raises:
        OperatorError: for weights that are not one for each equation, and for what is no
            number.
    """
    if given is None:
        return [None] * max(count, 1)
    each: Sequence[Any] = [given] * max(count, 1)
    if isinstance(given, Mapping):
        if keys is None or set(given) != set(keys):
            raise _not_one_each(given, keys, count)
        each = [given[key] for key in keys]
    elif count and isinstance(given, tuple | list):
        if keys is not None or len(given) != count:
            raise _not_one_each(given, keys, count)
        each = given
    dtype = floating_of(points) or jnp.result_type(float)
    for weight in each:
        if callable(weight) or not (
            isinstance(weight, HOST) or hasattr(weight, "dtype")
        ):
            raise OperatorError(
                "a weight of the loss is not a number",
                expression=f"weights={given!r}"[:200],
                hint="give a number, or an array over the points",
            )
    return [from_host("a weight of the loss", weight, dtype) for weight in each]


def _not_one_each(
    given: Any, keys: Sequence[object] | None, count: int
) -> OperatorError:
    if keys is not None:
        form = f"a dict with the keys {', '.join(map(repr, keys))}, "
    else:
        form = f"a tuple of {count}, " if count else ""
    return OperatorError(
        f"the weights are not one for each of {count} equations"
        if count
        else "there is one equation, and the weights are those of several",
        expression=f"weights={given!r}"[:200],
        hint=f"give {form}a number, or an array over the points",
    )


def read_weight(given: Any, points: Points) -> Array:
    """Returns a weight of one equation, () or (*axes), in the points' precision.

    Raises:
        OperatorError: for a shape that does not fit, and for complex weights.
    """
    weight = as_real(
        points.dtype,
        1.0 if given is None else given,
        "a weight of the loss",
        "a loss is real: give real weights",
    )
    if not weight.ndim:
        return weight
    try:
        return points.along(weight)
    except ValueError:
        raise OperatorError(
            f"a weight of shape {weight.shape} does not fit points of shape "
            f"{points.leading}",
            expression="weights",
            hint=f"give a number, or an array of shape {points.leading}; for several "
            "equations a tuple or a dict of these",
        ) from None
