"""Powers with constant exponents, and the absolute value."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.taylor.arithmetic import (
    add_up,
    binomial,
    divide,
    multiply,
    product,
    scale,
    scaled,
    Series,
    sums_of_products,
)
from opcompiler.taylor.composition import composed, elementwise, plain_value
from opcompiler.taylor.registry import Context, rule
from opcompiler.taylor.value import Coefficient, make, Value


def _power(
    algebra: TaylorAlgebra,
    u: Sequence[Coefficient],
    value: Array,
    exponent: float,
    below: Array,
) -> tuple[Series, Series]:
    """The real power r, and r times the power r - 1; see `power_series`."""
    y = power_series(algebra, u, value, exponent, below)
    lower = below / plain_value(u)
    slope = power_series(algebra, u, below, exponent - 1, lower)
    return y, [scaled(exponent, c) for c in slope]


def power_series(
    algebra: TaylorAlgebra,
    u: Sequence[Coefficient],
    value: Array,
    exponent: float,
    below: Array,
) -> Series:
    r"""Solves u E y = r y E u for the real power r.

    $$ y_d = r\,u_0^{r-1} u_d
       + \frac{1}{d\,u_0} \sum_{1 \le s < d} (r s - (d - s))\, u_s y_{d-s} . $$

    Args:
        algebra: the algebra.
        u: the base.
        value: $u_0^r$.
        exponent: r.
        below: $u_0^{r-1}$: where u_0 is 0, it is infinite, and value / u_0 unknown.
    """
    y: Series = [value, *[None] * (algebra.size - 1)]
    above: Series = [None] * algebra.size  # y without its unit
    degree = [channel.degree for channel in algebra.channels]

    def share(i: int, j: int, k: int) -> float:
        return (exponent * degree[i] - degree[j]) / degree[k]

    for here in map(algebra.of_degree, range(1, algebra.order + 1)):
        rests = sums_of_products(algebra, here, u, above, share)
        for k, rest in zip(here, rests, strict=True):
            y[k] = add_up(
                None if u[k] is None else scale(exponent, multiply(u[k], below)),
                None if rest is None else divide(rest, plain_value(u)),
            )
        for k in here:
            above[k] = y[k]
    return y


@elementwise("sqrt")
def _sqrt(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    return _power(algebra, u, value, 0.5, 1 / value)


@elementwise("rsqrt")
def _rsqrt(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    return _power(algebra, u, value, -0.5, value / plain_value(u))


@elementwise("cbrt")
def _cbrt(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    return _power(algebra, u, value, 1 / 3, 1 / (value * value))


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
        series = power_series(algebra, radicand, value, 0.5, 1 / value)
        # Its slope is zero at zero, as in JAX.
        unit = lax.conj(start) / jnp.where(value == 0, 1, value).astype(start.dtype)
        for k in algebra.of_degree(1):
            c = u.coefficients[k]
            series[k] = None if c is None else lax.real(multiply(unit, c))
    else:
        # One at zero, as in JAX; so i1(x) = sign(x) i1e(x) exp|x| is smooth there.
        sign = jnp.where(start >= 0, 1, -1).astype(start.dtype)
        series = [None if c is None else multiply(sign, c) for c in u.coefficients]
    series[0] = value
    return [make(series, aval.shape, aval.dtype)]
