"""Powers with constant exponents, and the absolute value."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.core.algebra import TaylorAlgebra
from opcompiler.taylor.arithmetic import (
    binomial,
    divide,
    multiply,
    product,
    scale,
    scaled,
    Series,
    total,
    weighted,
)
from opcompiler.taylor.composition import composed, elementwise, plain_value
from opcompiler.taylor.registry import Context, rule
from opcompiler.taylor.value import Coefficient, make, Value


def _power(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array, exponent: float
) -> tuple[Series, Series]:
    """The real power r, and r times the power r - 1."""
    y = power_series(algebra, u, value, exponent)
    below = power_series(algebra, u, value / plain_value(u), exponent - 1)
    return y, [scaled(exponent, c) for c in below]


def power_series(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array, exponent: float
) -> Series:
    r"""Solves u E y = r y E u for the real power r.

    $y_d = \frac{1}{d\,u_0} \sum_{s \ge 1} (r s - (d - s))\, u_s y_{d-s}$.
    """
    y: Series = [value, *[None] * (algebra.size - 1)]
    degree = [channel.degree for channel in algebra.channels]
    for k in range(1, algebra.size):
        terms = []
        if u[k] is not None:
            terms.append(scale(exponent, multiply(u[k], value)))
        for i, j, c in algebra.entries[k]:
            a, b = u[i], y[j]
            if a is not None and b is not None:
                share = (exponent * degree[i] - degree[j]) / degree[k]
                terms.append(weighted(algebra, (i, j, k, c), multiply(a, b), share))
        top = total(terms)
        y[k] = None if top is None else divide(top, plain_value(u))
    return y


@elementwise("sqrt")
def _sqrt(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    return _power(algebra, u, value, 0.5)


@elementwise("rsqrt")
def _rsqrt(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    return _power(algebra, u, value, -0.5)


@elementwise("cbrt")
def _cbrt(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    return _power(algebra, u, value, 1 / 3)


@rule("integer_pow", families=True)
def integer_power(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """x**n by its exact binomial series; nothing is divided for n >= 0."""
    (aval,) = _compat.output_avals(equation)
    (u,) = inputs
    n = equation.params["y"]
    order = context.algebra.order

    def scalar(start: Array) -> tuple[Series, Series]:
        slope = [scaled(n, c) for c in _binomial_series(start, n - 1, order)]
        return _binomial_series(start, n, order), slope

    series = composed(context.algebra, (u.primal, *u.coefficients[1:]), scalar)
    return [make(series, aval.shape, aval.dtype)]


def _binomial_series(x: Array, n: int, order: int) -> Series:
    last = min(n, order) if n >= 0 else order
    return [
        scale(round(binomial(n, k)), lax.integer_pow(x, n - k)) for k in range(last + 1)
    ]


@rule("abs", families=True)
def absolute(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """|u|: the sign times u; of complex u, the root of re^2 + im^2."""
    (aval,) = _compat.output_avals(equation)
    (u,) = inputs
    start = u.primal
    value = _compat.bind(equation, start)[0]
    if jnp.iscomplexobj(start):
        algebra = context.algebra
        conjugate = [None if c is None else lax.conj(c) for c in u.coefficients]
        norm = product(algebra, u.coefficients, conjugate)
        radicand = [None if c is None else lax.real(c) for c in norm]
        series = power_series(algebra, radicand, value, 0.5)
    else:
        # One at zero, as in JAX; so i1(x) = sign(x) i1e(x) exp|x| is smooth there.
        sign = jnp.where(start >= 0, 1, -1).astype(start.dtype)
        series = [None if c is None else multiply(sign, c) for c in u.coefficients]
    series[0] = value
    return [make(series, aval.shape, aval.dtype)]
