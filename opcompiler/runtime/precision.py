"""Numbers in the precision of the points; what cannot be one of them is refused.

The points decide the dtype of everything: parameters, the numbers of a program, the values
that come out. In: Python's numbers, NumPy's and JAX's arrays of any dtype. Out: arrays of
the points' dtype, or complex ones of its precision, that are the same numbers to rounding.

    finite(10**39, float32)  ->  OperatorError: 1e+39 is no float32 number

Nothing passes through JAX as an integer: unless double precision is on, JAX makes `10**10`
an int32, and then it is another number.
"""

import cmath
from functools import cache
from numbers import Number
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from opcompiler._compat import is_concrete
from opcompiler.errors import OperatorError

HOST = (Number, np.generic, np.ndarray, list, tuple)
"""Numbers and arrays of Python and NumPy."""


def complex_of(dtype: Any) -> Any:
    """Returns the complex dtype of the precision of a real or complex one."""
    double = jnp.finfo(dtype).bits == 64
    return jnp.dtype(jnp.complex128 if double else jnp.complex64)


def as_precise_as(dtype: Any, array: Array) -> Array:
    """Casts to a dtype's precision; complex stays complex."""
    if jnp.issubdtype(array.dtype, jnp.complexfloating):
        return array.astype(complex_of(dtype))
    return array.astype(dtype)


def as_real(dtype: Any, value: Any, what: str, hint: str) -> Array:
    """Casts to a real dtype; refuses what is complex, for an imaginary part would go."""
    array = jnp.asarray(value)
    if jnp.issubdtype(array.dtype, jnp.complexfloating):
        raise OperatorError(f"{what} is complex", expression=array.dtype, hint=hint)
    return array.astype(dtype)


def finite(value: complex, dtype: Any, name: str | None = None) -> complex:
    """Returns a number as a float or complex, if the dtype has it.

    Args:
        value: an integer, fraction, float or complex number.
        dtype: of the points.
        name: what it is the value of, for the message.

    Raises:
        OperatorError: for a value that is infinite or NaN in the dtype, and for a value
            other than 0 that becomes 0 there.
    """
    try:
        given = complex(value) if isinstance(value, complex) else float(value)
    except OverflowError:
        given = cmath.inf
    least, largest = _limits(dtype)
    for part in (given.real, given.imag):
        if not abs(part) <= largest or 0 < abs(part) < least:
            raise OperatorError(
                f"{name or 'a number of the equation'} is no finite {dtype} number",
                expression=f"{name.split()[-1]} = {_shown(value)}"
                if name
                else _shown(value),
                hint=f"numbers at points of {dtype} are 0, or between {least:.2g} and "
                f"{largest:.2g} in size: scale the equation, or give points of higher "
                "precision",
            )
    return given


def _shown(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > _LONG:
        return f"an integer of {value.bit_length()} bits"
    return str(value)


_LONG = 256
"""Bits of an integer that is not shown whole; Python refuses to write very long ones."""


@cache
def _limits(dtype: Any) -> tuple[float, float]:
    """Returns the least and the largest size of the numbers of a dtype."""
    limits = jnp.finfo(dtype)
    # Processors flush what is less than normal to zero; of float16 they do not.
    least = limits.smallest_subnormal if limits.maxexp < 20 else limits.tiny
    return float(least), float(limits.max)


def literal(value: complex, dtype: Any) -> np.ndarray:
    """Returns a number of a program as an array of one number, of the dtype's precision.

    Nan, the value of a `Piecewise` where none of its cases holds, stays.
    """
    given = value if value != value else finite(value, dtype)
    wide = isinstance(given, complex)
    return np.asarray(given, complex_of(dtype) if wide else dtype)


def from_host(name: str, value: Any, dtype: Any) -> Any:
    """Returns a number or array of Python or NumPy in a dtype's precision.

    Functions and JAX's arrays stay what they are; but an array of higher precision, whose
    values are known, must fit too.
    """
    if callable(value):
        return value
    if not isinstance(value, HOST):
        if not hasattr(value, "dtype") and not hasattr(value, "__jax_array__"):
            raise not_numbers(name, value)
        return _cast(name, value, dtype) if _is_wider(value, dtype) else value
    if getattr(value, "shape", None) == ():
        value = value.item()
    if is_number(value):
        return literal(finite(value, dtype, name), dtype)
    try:
        array = np.asarray(value)
        if array.dtype == object:  # integers of more than 64 bits
            array = array.astype(np.float64)
    except OverflowError:
        raise _too_large(name, "an integer", dtype) from None
    except (TypeError, ValueError):
        return value  # perhaps a list of JAX's arrays, that are read later
    if array.dtype.kind not in "biufc":
        raise not_numbers(name, value)
    return _cast(name, array, dtype)


def not_numbers(name: str, given: Any) -> OperatorError:
    """Returns the error about a parameter that is none."""
    return OperatorError(
        f"{name} is not a number",
        expression=f"{name.split()[-1]} = {given!r}"[:200],
        hint="give a scalar, an array over the points, or a function of the point",
    )


def _cast(name: str, given: Any, dtype: Any) -> np.ndarray:
    """Casts an array, and refuses it if what was finite is so no longer."""
    array = np.asarray(given)
    wanted = complex_of(dtype) if array.dtype.kind == "c" else jnp.dtype(dtype)
    if array.dtype == wanted:
        return array
    with np.errstate(over="ignore"):
        cast = array.astype(wanted)
    lost = np.isfinite(array) & ~np.isfinite(cast)
    if lost.any():
        raise _too_large(name, array[lost][0], dtype)
    return cast


def _too_large(name: str, value: Any, dtype: Any) -> OperatorError:
    return OperatorError(
        f"{name} holds numbers that are no finite {dtype} numbers",
        expression=f"{name.split()[-1]}: {value}",
        hint=f"numbers at points of {dtype} go up to {_limits(dtype)[1]:.2g}: scale the "
        "equation, or give points of higher precision",
    )


def is_number(value: Any) -> bool:
    """Whether a value is a number of Python or NumPy."""
    return isinstance(value, Number)


def is_integer(value: Any) -> bool:
    """Whether a value is an integer of the host, or an array of such."""
    return isinstance(value, HOST) and np.asarray(value).dtype.kind in "iuO"


def _is_wider(value: Any, dtype: Any) -> bool:
    """Whether a JAX array, its values known, may hold larger numbers than a dtype."""
    if not isinstance(value, jax.Array) or not is_concrete(value):
        return False
    kind = jnp.finfo if jnp.issubdtype(value.dtype, jnp.inexact) else jnp.iinfo
    known = jnp.issubdtype(value.dtype, jnp.number) and value.is_fully_addressable
    return known and float(kind(value.dtype).max) > float(jnp.finfo(dtype).max)
