"""The algebra-valued array: one array per channel.

In: a plain value, and per channel a coefficient or `None`. Out: an `AlgebraArray`, or the
plain array where no channel above the unit is there.

    make([x, ones, None], x.shape, x.dtype)  # x + 1 e_1 in an algebra of three channels

Three things keep it small. A structural zero costs nothing. A coefficient may have length 1
along an axis on which it does not change: a coordinate direction is one row for all points.
And a *family*, channels that differ only in their direction, is one array with an axis
more. That axis is the second one (`family_axis`), or the only one of a number: a family of
arrays (n, m) is (n, R, m), of vectors (n,) it is (n, R), of numbers (R,).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler.algebra.weil import TaylorAlgebra

Coefficient = Array | None
"""One channel; `None` is a structural zero."""


class Active:
    """A value that has channels: an `AlgebraArray`, or one of another layout.

    Attributes:
        shape: the shape of the value.
        dtype: the dtype of every channel.
    """

    shape: tuple[int, ...]
    dtype: Any

    @property
    def primal(self) -> Array:
        """The plain value, in full shape."""
        raise NotImplementedError


@dataclass(frozen=True)
class AlgebraArray(Active):
    """A value of shape `shape` in a Taylor algebra.

    Attributes:
        shape: the shape of the value.
        dtype: the dtype of every channel.
        coefficients: one per channel, normalised (the coefficient of the basis element,
            not a derivative). Each is an array that *broadcasts* to `shape`: an axis
            along which it does not change may have length 1, so that tangents that are
            the same at all points are stored once. A family's coefficient has one more
            axis for its directions, see `family_axis`. `None` is a structural zero.
        support: says of which directions families are, if not of all: then their axis
            has a lane for each direction that an element depends on, see `support.py`.
            Only the rules of `rules/local.py` see such values.
    """

    shape: tuple[int, ...]
    dtype: Any
    coefficients: tuple[Coefficient, ...]
    support: Any = None

    @property
    def primal(self) -> Array:
        """The plain value, in full shape."""
        return self.dense(0)

    def dense(self, channel: int) -> Array:
        """Returns a channel as an array of full shape, zeros written out.

        A family that is not zero has its axis of directions.
        """
        return instantiate(self.coefficients[channel], self.shape, self.dtype)

    def family(self, channel: int, count: int) -> Array:
        """Returns a family's channel in full shape, the axis of directions first."""
        full = instantiate(self.coefficients[channel], self.shape, self.dtype, count)
        return jnp.moveaxis(full, family_axis(len(self.shape)), 0)


Value = Any
"""A plain array (constant in the algebra) or an `Active` value."""


def type_of(value: Value) -> Any:
    """Returns the type of a value's plain part, to trace a program with."""
    return jax.typeof(primal(value))


def instantiate(
    coefficient: Coefficient, shape: tuple[int, ...], dtype: Any, count: int = 1
) -> Array:
    """Returns a coefficient in full shape, zeros written out.

    Args:
        coefficient: may be a family: then the result has its axis too.
        shape: of the value.
        dtype: of the value.
        count: directions of the channel: zeros for a family need to be told.
    """
    axis = family_axis(len(shape))
    is_family = count > 1
    if coefficient is not None and coefficient.ndim > len(shape):
        is_family, count = True, coefficient.shape[axis]
    if is_family:
        shape = (*shape[:axis], count, *shape[axis:])
    if coefficient is None:
        return jnp.zeros(shape, dtype)
    if coefficient.shape != shape:
        return jnp.broadcast_to(coefficient, shape)
    return coefficient


def present(coefficient: Coefficient) -> Array:
    """Returns a coefficient that is known not to be a structural zero."""
    assert coefficient is not None
    return coefficient


def is_active(value: Value) -> bool:
    """Whether a value has channels."""
    return isinstance(value, Active)


def primal(value: Value) -> Any:
    """Returns the plain value."""
    return value.primal if isinstance(value, Active) else value


def make(
    coefficients: Sequence[Coefficient], shape: Sequence[int], dtype: Any
) -> Value:
    """Builds a value; with no nilpotent part it is a plain array."""
    shape = tuple(shape)
    if all(c is None for c in coefficients[1:]):
        return instantiate(coefficients[0], shape, dtype)
    return AlgebraArray(shape, dtype, tuple(coefficients))


def coefficients(value: Value, algebra: TaylorAlgebra) -> tuple[Coefficient, ...]:
    """Returns all channels of a value, of a constant one too."""
    if isinstance(value, AlgebraArray):
        return value.coefficients
    return (jnp.asarray(value), *(None,) * (algebra.size - 1))


def map_channels(
    function: Callable[[Array], Array], value: AlgebraArray
) -> list[Coefficient]:
    """Applies a linear function to each non-zero channel."""
    return [None if c is None else function(c) for c in value.coefficients]


def family_axis(rank: int) -> int:
    """Returns where the axis of directions stands in a family of arrays of a rank.

    Second, behind the points: on CPU, sums over a leading axis cost half as much again.
    """
    return min(rank, 1)


def lift(
    function: Callable[..., Any],
    rank: int | Sequence[int],
    *operands: tuple[Array, int],
) -> Any:
    """Applies a function of arrays direction by direction, where some are families.

    A rule is written for channels without a family axis; here is the only place where it
    meets one.

    Args:
        function: of arrays without a family axis; returns an array, or a list of them.
        rank: of its result, or one for each result.
        operands: (array, rank without the family axis).

    Returns:
        What the function returns; with a family axis, if an operand has one.
    """
    # A family has one axis more than its value, in every array and at the same place: so
    # that is all that says which operands are families.
    axes = [family_axis(r) if array.ndim > r else None for array, r in operands]
    arrays = [array for array, _ in operands]
    if all(axis is None for axis in axes):
        return function(*arrays)
    out = family_axis(rank) if isinstance(rank, int) else list(map(family_axis, rank))
    try:
        return jax.vmap(function, tuple(axes), out)(*arrays)
    except NotImplementedError:
        return _in_a_loop(function, axes, out, arrays)


def lifted(
    function: Callable[..., Any], rank: int | Sequence[int], *ranks: int
) -> Callable[..., Any]:
    """Returns a function that `lift` applies to operands of these ranks."""
    return lambda *arrays: lift(function, rank, *zip(arrays, ranks, strict=True))


def _in_a_loop(
    function: Callable[..., Any],
    axes: Sequence[int | None],
    out: int | list[int],
    arrays: Sequence[Array],
) -> Any:
    """Applies a function that JAX cannot batch to one direction after the other.

    The program holds the function once, however many directions there are.
    """
    families = {n: axis for n, axis in enumerate(axes) if axis is not None}

    def one(rows: list[Array]) -> Any:
        operands = list(arrays)
        for n, row in zip(families, rows, strict=True):
            operands[n] = row
        return function(*operands)

    rows = [jnp.moveaxis(arrays[n], axis, 0) for n, axis in families.items()]
    found = jax.lax.map(one, rows)
    if isinstance(out, int):
        return jnp.moveaxis(found, 0, out)
    return [jnp.moveaxis(c, 0, axis) for c, axis in zip(found, out, strict=True)]


def raised(value: Value, shape: Sequence[int]) -> Value:
    """Gives a number's channels the axes of an array that it stands beside.

    JAX lets a value of rank 0 meet an array in an elementwise operation. A family of
    such a value has one axis, which must not be taken for the array's.
    """
    rank = len(shape)
    if not isinstance(value, AlgebraArray) or value.shape or not rank:
        return value
    ones = (1,) * (rank - 1)
    series = map_channels(
        lambda c: c.reshape((1, *c.shape, *ones)[: rank + c.ndim]), value
    )
    return AlgebraArray(tuple(shape), value.dtype, tuple(series))


def resized(value: Value, size: int) -> Value:
    """Cuts or pads a value to the first `size` channels of its algebra."""
    if not isinstance(value, AlgebraArray):
        return value
    kept = value.coefficients[:size]
    padded = (*kept, *(None,) * (size - len(kept)))
    return make(padded, value.shape, value.dtype)
