r"""Elementwise functions of one array: the recurrences of their Taylor coefficients.

Source: Griewank & Walther, *Evaluating Derivatives* (2008), chapter 13; Neidinger,
*Introduction to automatic differentiation* (2010), for the multivariate reading.
"""

import math
from collections.abc import Callable, Sequence

import jax.numpy as jnp
from jax import Array, lax

from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.taylor.arithmetic import (
    add_up,
    divide,
    euler,
    multiply,
    scaled,
    Series,
    square,
    squares,
    sums_of_products,
)
from opcompiler.taylor.composition import elementwise, plain_value
from opcompiler.taylor.rules.powers import power_series
from opcompiler.taylor.value import Coefficient


def solve(
    algebra: TaylorAlgebra,
    u: Sequence[Coefficient],
    y0: Array,
    z0: Array,
    companion: Callable[[Sequence[int], Series, Series], Series],
) -> tuple[Series, Series]:
    """Solves E y = z E u degree by degree; `companion(channels, y, z)` is z's part."""
    y: Series = [y0, *[None] * (algebra.size - 1)]
    z: Series = [z0, *[None] * (algebra.size - 1)]
    for degree in range(1, algebra.order + 1):
        here = algebra.of_degree(degree)
        _put(y, here, euler(algebra, here, u, z))
        _put(z, here, companion(here, y, z))
    return y, z


def _put(series: Series, channels: Sequence[int], found: Series) -> None:
    for k, c in zip(channels, found, strict=True):
        series[k] = c


def _all_scaled(factor: float, series: Series) -> Series:
    return [scaled(factor, c) for c in series]


# --- exponentials -------------------------------------------------------------------


@elementwise("exp")
def _exp(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    return solve(algebra, u, value, value, lambda here, y, z: [y[k] for k in here])


@elementwise("exp2")
def _exp2(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    rate = math.log(2.0)
    first = value * rate
    return solve(
        algebra, u, value, first, lambda here, y, z: [scaled(rate, y[k]) for k in here]
    )


@elementwise("expm1")
def _expm1(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    return solve(algebra, u, value, value + 1, lambda here, y, z: [y[k] for k in here])


@elementwise("logistic")
def _logistic(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    # sigma(u) sigma(-u) does not cancel where sigma saturates at 1.
    first = value * lax.logistic(-plain_value(u))

    def companion(here: Sequence[int], y: Series, z: Series) -> Series:
        taken = _all_scaled(-1, squares(algebra, here, y))
        return [add_up(y[k], c) for k, c in zip(here, taken, strict=True)]

    return solve(algebra, u, value, first, companion)


# --- trigonometric and hyperbolic ---------------------------------------------------


@elementwise("tanh")
def _tanh(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    first = (1 - value) * (1 + value)

    def companion(here: Sequence[int], y: Series, z: Series) -> Series:
        return _all_scaled(-1, squares(algebra, here, y))

    return solve(algebra, u, value, first, companion)


@elementwise("tan")
def _tan(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    first = 1 + value * value
    return solve(algebra, u, value, first, lambda here, y, z: squares(algebra, here, y))


def _pair(
    algebra: TaylorAlgebra,
    u: Sequence[Coefficient],
    value: Array,
    partner: Array,
    signs: tuple[int, int],
) -> tuple[Series, Series]:
    """Solves E y = a z E u, E z = b y E u together; signs are (a, b)."""
    y: Series = [value, *[None] * (algebra.size - 1)]
    z: Series = [partner, *[None] * (algebra.size - 1)]
    for degree in range(1, algebra.order + 1):
        here = algebra.of_degree(degree)
        # Both see the other below this degree only: u has no unit in E u.
        change = euler(algebra, here, u, z), euler(algebra, here, u, y)
        _put(y, here, _all_scaled(signs[0], change[0]))
        _put(z, here, _all_scaled(signs[1], change[1]))
    return y, [scaled(signs[0], c) for c in z]


@elementwise("sin")
def _sin(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    return _pair(algebra, u, value, lax.cos(plain_value(u)), (1, -1))


@elementwise("cos")
def _cos(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    return _pair(algebra, u, value, lax.sin(plain_value(u)), (-1, 1))


@elementwise("sinh")
def _sinh(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    return _pair(algebra, u, value, lax.cosh(plain_value(u)), (1, 1))


@elementwise("cosh")
def _cosh(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    return _pair(algebra, u, value, lax.sinh(plain_value(u)), (1, 1))


# --- inverse type: r E y = E u ------------------------------------------------------


def _inverse_type(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array, r: Series
) -> tuple[Series, Series]:
    r"""Solves r E y = E u: $y_d = (u_d - \frac1d \sum_{s<d} s\, y_s r_{d-s})/r_0$."""
    assert r[0] is not None
    y: Series = [value, *[None] * (algebra.size - 1)]
    weighted: Series = [None] * algebra.size  # E y
    for degree in range(1, algebra.order + 1):
        here = algebra.of_degree(degree)
        taken = sums_of_products(algebra, here, weighted, r)
        for k, part in zip(here, taken, strict=True):
            top = add_up(u[k], scaled(-1 / degree, part))
            if top is not None:
                y[k] = divide(top, r[0])
        _put(weighted, here, _all_scaled(degree, [y[k] for k in here]))
    return y, reciprocal(algebra, r)


def reciprocal(algebra: TaylorAlgebra, r: Sequence[Coefficient]) -> Series:
    """Returns 1/r."""
    first = 1 / plain_value(r)
    z: Series = [first, *[None] * (algebra.size - 1)]
    for degree in range(1, algebra.order + 1):
        here = algebra.of_degree(degree)
        taken = sums_of_products(algebra, here, r, z)
        _put(
            z, here, [None if c is None else multiply(lax.neg(c), first) for c in taken]
        )
    return z


def _one_plus_square(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], one: int, sign: int
) -> Series:
    """One + sign * u * u."""
    series = [scaled(sign, c) for c in square(algebra, u)]
    series[0] = one + jnp.asarray(series[0])
    return series


@elementwise("log")
def _log(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    return _inverse_type(algebra, u, value, list(u))


@elementwise("log1p")
def _log1p(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    return _inverse_type(algebra, u, value, [1 + plain_value(u), *u[1:]])


@elementwise("atan")
def _atan(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    return _inverse_type(algebra, u, value, _one_plus_square(algebra, u, 1, 1))


@elementwise("atanh")
def _atanh(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    r = _one_plus_square(algebra, u, 1, -1)
    r[0] = (1 - plain_value(u)) * (1 + plain_value(u))
    return _inverse_type(algebra, u, value, r)


def _root_type(
    algebra: TaylorAlgebra,
    u: Sequence[Coefficient],
    value: Array,
    radicand: Series,
    sign: int = 1,
) -> tuple[Series, Series]:
    """The functions whose derivative is sign / sqrt(radicand)."""
    start = lax.sqrt(plain_value(radicand))
    root = power_series(algebra, radicand, start, 0.5, 1 / start)
    signed = [scaled(sign, c) for c in root]
    return _inverse_type(algebra, u, value, signed)


@elementwise("asin")
def _asin(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    return _root_type(algebra, u, value, _one_plus_square(algebra, u, 1, -1))


@elementwise("acos")
def _acos(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    return _root_type(algebra, u, value, _one_plus_square(algebra, u, 1, -1), -1)


@elementwise("asinh")
def _asinh(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    v, scale_of_u = _of_order_one(u)
    radicand = square(algebra, v)
    radicand[0] = scale_of_u * scale_of_u + plain_value(radicand)
    return _rescaled(_root_type(algebra, v, value, radicand), scale_of_u)


@elementwise("acosh")
def _acosh(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    v, scale_of_u = _of_order_one(u)
    radicand = square(algebra, v)
    radicand[0] = (plain_value(v) - scale_of_u) * (plain_value(v) + scale_of_u)
    return _rescaled(_root_type(algebra, v, value, radicand), scale_of_u)


def _rescaled(solution: tuple[Series, Series], size: Array) -> tuple[Series, Series]:
    """Turns the slope by s u into that by u."""
    y, slope = solution
    return y, [None if c is None else multiply(size, c) for c in slope]


def _of_order_one(u: Sequence[Coefficient]) -> tuple[Series, Array]:
    """Returns s u and s = 1/max(1, |u_0|), so that squares do not overflow.

    The root of s^2 +- (s u)^2 is s times that of 1 +- u^2, and dy = d(s u) over it.
    """
    size = 1 / jnp.maximum(1, jnp.abs(plain_value(u)))
    return [None if c is None else multiply(size, c) for c in u], size


# --- error function -----------------------------------------------------------------


def _gaussian(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array, factor: float
) -> tuple[Series, Series]:
    r"""The functions whose derivative is $c\, e^{-u^2}$."""
    exponent = [scaled(-1, c) for c in square(algebra, u)]
    start = jnp.exp(jnp.asarray(exponent[0]))
    bell, _ = _exp(algebra, exponent, start)
    slope = [scaled(factor, c) for c in bell]
    y: Series = [value]
    y += euler(algebra, range(1, algebra.size), u, slope)
    return y, slope


@elementwise("erf")
def _erf(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    return _gaussian(algebra, u, value, 2 / math.sqrt(math.pi))


@elementwise("erfc")
def _erfc(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    return _gaussian(algebra, u, value, -2 / math.sqrt(math.pi))
