r"""Matrix algebra over Taylor algebras, for rules that solve matrix equations.

A factorisation is defined by polynomial equations in matrices. In channel k they read

$$ \text{(linear in the unknown } Y_k) = A_k - \sum_{i,j \ge 1} C^k_{ij} X_i Y_j , $$

the linear part being the same for all k: the derivative of the factorisation at the
plain value. So one plain factorisation and a solve per channel do for any order.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.taylor.arithmetic import Series, sums_of_products
from opcompiler.taylor.value import AlgebraArray, Coefficient, instantiate, make, Value

matmul = partial(jnp.matmul, precision=lax.Precision.HIGHEST)
"""The product of stacks of matrices, in full precision on every device."""


def transpose(a: Array) -> Array:
    """Returns the transposed matrices of a stack."""
    return jnp.swapaxes(a, -1, -2)


def adjoint(a: Array) -> Array:
    """Returns the conjugate transposed matrices of a stack."""
    return jnp.conj(transpose(a))


def diagonal(a: Array) -> Array:
    """Returns the diagonals of a stack of matrices."""
    return jnp.diagonal(a, axis1=-2, axis2=-1)


def from_diagonal(a: Array) -> Array:
    """Returns the diagonal matrices of a stack of vectors."""
    eye = jnp.eye(a.shape[-1], dtype=a.dtype)
    return a[..., None] * eye.reshape((1,) * (a.ndim - 1) + eye.shape)


def dense_series(value: Value, algebra: TaylorAlgebra) -> Series:
    """Returns all channels of a value in full shape; structural zeros stay."""
    if not isinstance(value, AlgebraArray):
        return [jnp.asarray(value), *[None] * (algebra.size - 1)]
    return [
        None if c is None else instantiate(c, value.shape, value.dtype)
        for c in value.coefficients
    ]


def mapped(function: Callable[[Array], Array], series: Sequence[Coefficient]) -> Series:
    """Applies a linear or conjugate-linear function to every channel."""
    return [None if c is None else function(c) for c in series]


def mixed(
    algebra: TaylorAlgebra,
    k: int,
    x: Sequence[Coefficient],
    y: Sequence[Coefficient],
    op: Callable[[Array, Array], Array] = matmul,
) -> Array | float:
    """Returns the part of (x y)_k in which neither factor is a unit; 0 if empty."""
    left, right = ([None, *z[1:k], *[None] * (algebra.size - k)] for z in (x, y))
    (found,) = sums_of_products(algebra, (k,), left, right, op=op)
    return 0.0 if found is None else found


def remainder(a: Coefficient, *parts: Array | float) -> Coefficient:
    """Returns a - b - ... with structural zeros kept."""
    arrays = [part for part in parts if not isinstance(part, float)]
    if a is None and not arrays:
        return None
    rest = a
    for part in arrays:
        rest = -part if rest is None else rest - part
    return rest


def value_of(series: Sequence[Coefficient], aval: Any) -> Value:
    """Returns the value of a shape and dtype that has these channels."""
    return make(series, aval.shape, aval.dtype)
