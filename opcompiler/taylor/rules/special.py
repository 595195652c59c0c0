r"""Special functions of one array.

Source: Abramowitz & Stegun, *Handbook of Mathematical Functions*: 6.4 (polygamma),
9.6.10 and 9.6.26 (modified Bessel functions), 7.1 (error function).
"""

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.taylor.arithmetic import euler, scale, Series, squares
from opcompiler.taylor.composition import composed, elementwise
from opcompiler.taylor.registry import Context, rule
from opcompiler.taylor.rules.elementwise import solve
from opcompiler.taylor.value import Coefficient, make, Value


@elementwise("erf_inv")
def _erf_inv(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array
) -> tuple[Series, Series]:
    r"""$E y = z E u$, $E z = z E(y^2)$ with $z = \frac{\sqrt\pi}2 e^{y^2}$."""
    first = math.sqrt(math.pi) / 2 * jnp.exp(value * value)
    squared: Series = [value * value, *[None] * (algebra.size - 1)]

    def companion(here: Sequence[int], y: Series, z: Series) -> Series:
        for k, c in zip(here, squares(algebra, here, y), strict=True):
            squared[k] = c
        return euler(algebra, here, squared, z)

    return solve(algebra, u, value, first, companion)


# --- gamma --------------------------------------------------------------------------


@rule("lgamma", families=True)
def log_gamma(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Its derivatives are digamma and the polygamma functions."""
    return _composed(context, equation, inputs, [None, lax.digamma])


@rule("digamma", families=True)
def digamma(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Its derivatives are the polygamma functions."""
    return _composed(context, equation, inputs, [None])


def _composed(
    context: Context, equation: Any, inputs: Sequence[Value], first: Sequence[Any]
) -> list[Value]:
    """Composes derivatives that go over into polygamma functions."""
    (aval,) = _compat.output_avals(equation)
    (u,) = inputs
    order = context.algebra.order + 1

    def scalar(start: Array) -> tuple[Series, Series]:
        derivatives = [_compat.bind(equation, start)[0]]
        derivatives += [function(start) for function in first[1:]]
        for n in range(1, order + 2 - len(derivatives)):
            derivatives.append(lax.polygamma(jnp.full_like(start, n), start))
        return _normalised(derivatives)

    series = composed(context.algebra, (u.primal, *u.coefficients[1:]), scalar)
    return [make(series, aval.shape, aval.dtype)]


def _normalised(derivatives: Sequence[Array]) -> tuple[Series, Series]:
    """Returns the Taylor coefficients of a function and of its derivative."""
    value, slope = derivatives[:-1], derivatives[1:]
    value, slope = (
        [scale(1 / math.factorial(k), d) for k, d in enumerate(column)]
        for column in (value, slope)
    )
    return value, slope


# --- modified Bessel functions ------------------------------------------------------

_SMALL = 8.0
_TERMS = 30
r"""Of $\sum_m (u^2/4)^m/(m!\,(m+n)!)$, all positive; enough for float64 up to `_SMALL`."""


@rule("bessel_i0e", "bessel_i1e", families=True)
def bessel(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    r"""$I_n^{(k)} = 2^{-k} \sum_j \binom kj I_{n-k+2j}$, times the series of $e^{-|u|}$."""
    (aval,) = _compat.output_avals(equation)
    (u,) = inputs
    n = 0 if equation.primitive.name == "bessel_i0e" else 1
    order = context.algebra.order + 1

    def scalar(start: Array) -> tuple[Series, Series]:
        bessels = _scaled_bessels(start, n + order)
        sign = jnp.where(start >= 0, -1, 1).astype(start.dtype)
        derivatives = [_compat.bind(equation, start)[0]]
        pure = [_derivative_of_bessel(bessels, n, k) for k in range(order + 1)]
        for k in range(1, order + 1):
            derivatives.append(
                sum(math.comb(k, j) * pure[j] * sign ** (k - j) for j in range(k + 1))
            )
        return _normalised(derivatives)

    series = composed(context.algebra, (u.primal, *u.coefficients[1:]), scalar)
    return [make(series, aval.shape, aval.dtype)]


def _derivative_of_bessel(bessels: Sequence[Array], n: int, k: int) -> Array:
    terms = [math.comb(k, j) * bessels[abs(n - k + 2 * j)] for j in range(k + 1)]
    return sum(terms[1:], start=terms[0]) / 2**k


def _scaled_bessels(u: Array, last: int) -> list[Array]:
    r"""Returns $e^{-|u|} I_n(u)$ for n = 0 ... last.

    By its power series for small u; for larger u upwards, which is stable while n is
    below u and loses nothing that matters to a derivative of moderate order above.
    """
    size = jnp.abs(u)
    small = jnp.minimum(size, _SMALL)
    large = jnp.maximum(size, _SMALL)
    quarter = small * small / 4
    upward = [lax.bessel_i0e(large), lax.bessel_i1e(large)]
    for n in range(1, last):
        upward.append(upward[n - 1] - 2 * n / large * upward[n])
    found = []
    for n in range(last + 1):
        total = jnp.ones_like(u)
        for m in range(_TERMS, 0, -1):
            total = 1 + total * quarter / (m * (m + n))
        powers = (small / 2) ** n / math.factorial(n) * jnp.exp(-small)
        even = jnp.where(size <= _SMALL, total * powers, upward[n])
        found.append(even if n % 2 == 0 else jnp.where(u < 0, -even, even))
    return found
