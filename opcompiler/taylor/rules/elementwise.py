r"""Elementwise functions of one array: the recurrences of their Taylor coefficients.

In: the channels of u. Out: those of $\sigma(u)$ and of $\sigma'(u)$, by which a gradient
goes. Most functions solve $D y = z\, D u$ beside an equation for $z = \sigma'(u)$, degree
by degree; `composition.py` says where that happens. Steps, which see plain values only,
come first.

Source: Griewank & Walther, *Evaluating Derivatives* (2008), chapter 13; Neidinger,
*Introduction to automatic differentiation* (2010), for the multivariate reading;
Abramowitz & Stegun, *Handbook of Mathematical Functions*: 6.4 (polygamma), 7.1 (error
function), 9.6.10 and 9.6.26 (modified Bessel functions).
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.taylor.arithmetic import (
    add_up,
    binomial,
    derived,
    divide,
    multiply,
    product,
    scale,
    scaled,
    Series,
    square,
    squares,
    sums_of_products,
)
from opcompiler.taylor.primitives import Context, one_output, primitive
from opcompiler.taylor.rules import local, sparse_entries
from opcompiler.taylor.rules.composition import (
    by_derivatives,
    Channels,
    Curve,
    elementwise,
    plain_value,
)
from opcompiler.taylor.value import primal, Value

# --- steps: the derivative is zero wherever it exists -----------------------------------


@primitive("and", "eq", "ge", "gt", "is_finite", "le", "lt", "ne", "not", "or", "sign",
           "stop_gradient", kind="constant", entries="flat",
           sparse=sparse_entries.steps, local=local.plainly)  # fmt: skip
@primitive("argmax", "argmin", "axis_index", "bitcast_convert_type", "ceil", "clz",
           "eq_to", "floor", "iota", "le_to", "lt_to", "mulhi", "population_count",
           "random_bits", "random_clone", "random_fold_in", "random_seed",
           "random_split", "random_unwrap", "random_wrap", "rng_bit_generator",
           "rng_uniform", "round", "shift_left", "shift_right_arithmetic",
           "shift_right_logical", "threefry2x32", "xor",
           kind="constant", sparse=sparse_entries.steps,
           local=local.plainly)  # fmt: skip
def constant(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Runs the primitive on the plain values."""
    del context
    return _compat.bind(equation, *map(primal, inputs))


# --- solving D y = z D u ----------------------------------------------------------------


def solve(
    algebra: TaylorAlgebra,
    u: Channels,
    y0: Array,
    z0: Array,
    companion: Callable[[Sequence[int], Series, Series], Series],
) -> Curve:
    """Solves D y = z D u degree by degree; `companion(channels, y, z)` is z's part."""
    y: Series = [y0, *[None] * (algebra.size - 1)]
    z: Series = [z0, *[None] * (algebra.size - 1)]
    for degree in range(1, algebra.order + 1):
        here = algebra.of_degree(degree)
        _put(y, here, derived(algebra, here, u, z))
        _put(z, here, companion(here, y, z))
    return y, z


def _put(series: Series, channels: Sequence[int], found: Series) -> None:
    for k, c in zip(channels, found, strict=True):
        series[k] = c


def _all_scaled(factor: float, series: Series) -> Series:
    return [scaled(factor, c) for c in series]


# --- exponentials -------------------------------------------------------------------


@elementwise("exp", steep=True)
def exponential(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    """D y = y D u."""
    return solve(algebra, u, value, value, lambda here, y, z: [y[k] for k in here])


@elementwise("exp2", steep=True)
def _exp2(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    rate = math.log(2.0)
    first = value * rate
    return solve(
        algebra, u, value, first, lambda here, y, z: [scaled(rate, y[k]) for k in here]
    )


@elementwise("expm1", steep=True)
def _expm1(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    return solve(algebra, u, value, value + 1, lambda here, y, z: [y[k] for k in here])


def _riccati(equation: Any, start: Array, order: int) -> Curve:
    r"""The solutions of $t' = s$, $s = m - t^2$, hence $s' = -2 t s$: powers of s alone.

    $\tanh$ has m = 1, and the logistic function less 1/2 has m = 1/4. The coefficients of
    odd orders are s P(s) and those of even orders t s P(s). Each is evaluated by itself,
    because XLA computes it anew in every channel that it enters.
    """
    value = _compat.bind(equation, start)[0]
    if equation.primitive.name == "tanh":
        t, s, m = value, (1 - value) * (1 + value), Fraction(1)
    else:
        # sigma(u) sigma(-u) does not cancel where sigma saturates at 1.
        t, s, m = value - 0.5, value * lax.logistic(-start), Fraction(1, 4)
    y = [value]
    for k, (*lower, last) in enumerate(_riccati_powers(m, order + 1), 1):
        found = float(last)
        for c in reversed(lower):
            found = found * s + float(c)
        y.append((s if k % 2 else t * s) * found)
    return y[:-1], [scale(k, c) for k, c in enumerate(y) if k]


@cache
def _riccati_powers(m: Fraction, order: int) -> tuple[tuple[Fraction, ...], ...]:
    """Returns the coefficients of P for the orders 1, 2, ..., the constant one first."""
    found = [(Fraction(1),)]
    for k in range(2, order + 1):
        grown = [Fraction(0)] * (len(found[-1]) + k % 2)
        for power, c in enumerate(found[-1]):
            # s^(p + 1) gives -2 (p + 1) t s^(p + 1); t s^(p + 1) gives, with t^2 = m - s,
            # s^(p + 2) - 2 (p + 1) (m - s) s^(p + 1).
            slope = -2 * (power + 1) * c / k
            grown[power] += slope * (m if k % 2 else 1)
            if k % 2:
                grown[power + 1] += c / k - slope
        found.append(tuple(grown))
    return tuple(found)


@elementwise("logistic", closed=_riccati)
def _logistic(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    # sigma(u) sigma(-u) does not cancel where sigma saturates at 1.
    first = value * lax.logistic(-plain_value(u))

    def companion(here: Sequence[int], y: Series, z: Series) -> Series:
        taken = squares(algebra, here, y, -1)
        return [add_up(y[k], c) for k, c in zip(here, taken, strict=True)]

    return solve(algebra, u, value, first, companion)


# --- trigonometric and hyperbolic ---------------------------------------------------


@elementwise("tanh", closed=_riccati)
def _tanh(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    first = (1 - value) * (1 + value)

    def companion(here: Sequence[int], y: Series, z: Series) -> Series:
        return squares(algebra, here, y, -1)

    return solve(algebra, u, value, first, companion)


@elementwise("tan", steep=True)
def _tan(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    first = 1 + value * value
    return solve(algebra, u, value, first, lambda here, y, z: squares(algebra, here, y))


def _pair(
    algebra: TaylorAlgebra,
    u: Channels,
    value: Array,
    partner: Array,
    signs: tuple[int, int],
) -> Curve:
    """Solves D y = a z D u, D z = b y D u together; signs are (a, b)."""
    y: Series = [value, *[None] * (algebra.size - 1)]
    z: Series = [partner, *[None] * (algebra.size - 1)]
    for degree in range(1, algebra.order + 1):
        here = algebra.of_degree(degree)
        # Both see the other below this degree only: u has no unit in D u.
        change = derived(algebra, here, u, z), derived(algebra, here, u, y)
        _put(y, here, _all_scaled(signs[0], change[0]))
        _put(z, here, _all_scaled(signs[1], change[1]))
    return y, [scaled(signs[0], c) for c in z]


@elementwise("sin")
def _sin(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    return _pair(algebra, u, value, lax.cos(plain_value(u)), (1, -1))


@elementwise("cos")
def _cos(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    return _pair(algebra, u, value, lax.sin(plain_value(u)), (-1, 1))


@elementwise("sinh", steep=True)
def _sinh(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    return _pair(algebra, u, value, lax.cosh(plain_value(u)), (1, 1))


@elementwise("cosh", steep=True)
def _cosh(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    return _pair(algebra, u, value, lax.sinh(plain_value(u)), (1, 1))


# --- inverse type: r D y = D u ------------------------------------------------------


def _inverse_type(
    algebra: TaylorAlgebra, u: Channels, value: Array, r: Series
) -> Curve:
    r"""Solves r D y = D u: $y_k = (u_k - \sum_{i<k} (w_i/w_k)\, y_i r_j)/r_0$."""
    assert r[0] is not None
    y: Series = [value, *[None] * (algebra.size - 1)]
    for here in map(algebra.of_degree, range(1, algebra.order + 1)):
        known = derived(algebra, here, y, r)
        for k, part in zip(here, known, strict=True):
            top = add_up(u[k], scaled(-1, part))
            y[k] = None if top is None else divide(top, r[0])
    return y, reciprocal(algebra, r)


def reciprocal(algebra: TaylorAlgebra, r: Channels) -> Series:
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
    algebra: TaylorAlgebra, u: Channels, one: int, sign: int
) -> Series:
    """One + sign * u * u."""
    series = [scaled(sign, c) for c in square(algebra, u)]
    series[0] = one + jnp.asarray(series[0])
    return series


@elementwise("log", steep=True)
def logarithm(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    """U D y = D u."""
    return _inverse_type(algebra, u, value, list(u))


@elementwise("log1p", steep=True)
def _log1p(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    return _inverse_type(algebra, u, value, [1 + plain_value(u), *u[1:]])


@elementwise("atan")
def _atan(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    return _inverse_type(algebra, u, value, _one_plus_square(algebra, u, 1, 1))


@elementwise("atanh", steep=True)
def _atanh(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    r = _one_plus_square(algebra, u, 1, -1)
    r[0] = (1 - plain_value(u)) * (1 + plain_value(u))
    return _inverse_type(algebra, u, value, r)


def _root_type(
    algebra: TaylorAlgebra,
    u: Channels,
    value: Array,
    radicand: Series,
    sign: int = 1,
) -> Curve:
    """The functions whose derivative is sign / sqrt(radicand)."""
    start = lax.sqrt(plain_value(radicand))
    root = power_series(algebra, radicand, start, 0.5, 1 / start)
    signed = [scaled(sign, c) for c in root]
    return _inverse_type(algebra, u, value, signed)


@elementwise("asin", steep=True)
def _asin(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    return _root_type(algebra, u, value, _one_plus_square(algebra, u, 1, -1))


@elementwise("acos", steep=True)
def _acos(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    return _root_type(algebra, u, value, _one_plus_square(algebra, u, 1, -1), -1)


@elementwise("asinh")
def _asinh(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    v, scale_of_u = _of_order_one(u)
    radicand = square(algebra, v)
    radicand[0] = scale_of_u * scale_of_u + plain_value(radicand)
    return _rescaled(_root_type(algebra, v, value, radicand), scale_of_u)


@elementwise("acosh", steep=True)
def _acosh(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    v, scale_of_u = _of_order_one(u)
    radicand = square(algebra, v)
    radicand[0] = (plain_value(v) - scale_of_u) * (plain_value(v) + scale_of_u)
    return _rescaled(_root_type(algebra, v, value, radicand), scale_of_u)


def _rescaled(solution: Curve, size: Array) -> Curve:
    """Turns the slope by s u into that by u."""
    y, slope = solution
    return y, [None if c is None else multiply(size, c) for c in slope]


def _of_order_one(u: Channels) -> tuple[Series, Array]:
    """Returns s u and s = 1/max(1, |u_0|), so that squares do not overflow.

    The root of s^2 +- (s u)^2 is s times that of 1 +- u^2, and dy = d(s u) over it.
    """
    size = 1 / jnp.maximum(1, jnp.abs(plain_value(u)))
    return [None if c is None else multiply(size, c) for c in u], size


# --- error function -----------------------------------------------------------------


def _gaussian(
    algebra: TaylorAlgebra, u: Channels, value: Array, factor: float
) -> Curve:
    r"""The functions whose derivative is $c\, e^{-u^2}$."""
    exponent = [scaled(-1, c) for c in square(algebra, u)]
    start = jnp.exp(jnp.asarray(exponent[0]))
    bell, _ = exponential(algebra, exponent, start)
    slope = [scaled(factor, c) for c in bell]
    y: Series = [value]
    y += derived(algebra, range(1, algebra.size), u, slope)
    return y, slope


@elementwise("erf")
def _erf(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    return _gaussian(algebra, u, value, 2 / math.sqrt(math.pi))


@elementwise("erfc")
def _erfc(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    return _gaussian(algebra, u, value, -2 / math.sqrt(math.pi))


@elementwise("erf_inv", steep=True)
def _erf_inv(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    r"""$D y = z D u$, $D z = z D(y^2)$ with $z = \frac{\sqrt\pi}2 e^{y^2}$."""
    first = math.sqrt(math.pi) / 2 * jnp.exp(value * value)
    squared: Series = [value * value, *[None] * (algebra.size - 1)]

    def companion(here: Sequence[int], y: Series, z: Series) -> Series:
        for k, c in zip(here, squares(algebra, here, y), strict=True):
            squared[k] = c
        return derived(algebra, here, squared, z)

    return solve(algebra, u, value, first, companion)


# --- powers with constant exponents, and the absolute value ----------------------------


def _power(
    algebra: TaylorAlgebra,
    u: Channels,
    value: Array,
    exponent: float,
    below: Array,
) -> Curve:
    """The real power r, and r times the power r - 1; see `power_series`."""
    y = power_series(algebra, u, value, exponent, below)
    lower = below / plain_value(u)
    slope = power_series(algebra, u, below, exponent - 1, lower)
    return y, [scaled(exponent, c) for c in slope]


def power_series(
    algebra: TaylorAlgebra,
    u: Channels,
    value: Array,
    exponent: float,
    below: Array,
) -> Series:
    r"""Solves u D y = r y D u for the real power r.

    $$ y_k = r\,u_0^{r-1} u_k
       + \frac1{u_0} \sum_{1 \le i, j < k} \frac{r w_i - w_j}{w_k}\, u_i y_j . $$

    Args:
        algebra: the algebra.
        u: the base.
        value: $u_0^r$.
        exponent: r.
        below: $u_0^{r-1}$: where u_0 is 0, it is infinite, and value / u_0 unknown.
    """
    y: Series = [value, *[None] * (algebra.size - 1)]
    above: Series = [None] * algebra.size  # y without its unit

    def share(i: int, j: int, k: int) -> float:
        return exponent * float(algebra.share(i, k)) - float(algebra.share(j, k))

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


@elementwise("sqrt", steep=True)
def _sqrt(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    return _power(algebra, u, value, 0.5, 1 / value)


@elementwise("rsqrt", steep=True)
def _rsqrt(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    return _power(algebra, u, value, -0.5, value / plain_value(u))


@elementwise("cbrt", steep=True)
def _cbrt(algebra: TaylorAlgebra, u: Channels, value: Array) -> Curve:
    return _power(algebra, u, value, 1 / 3, 1 / (value * value))


@by_derivatives("integer_pow", steep=True)
def _integer_pow(equation: Any, start: Array, order: int) -> Curve:
    """x**n by its exact binomial series; nothing is divided for n >= 0."""
    n = equation.params["y"]
    slope = [scaled(n, c) for c in _binomial_series(start, n - 1, order)]
    return _binomial_series(start, n, order), slope


def _binomial_series(x: Array, n: int, order: int) -> Series:
    last = min(n, order) if n >= 0 else order
    return [
        scale(round(binomial(n, k)), lax.integer_pow(x, n - k)) for k in range(last + 1)
    ]


@primitive("abs", kind="elementwise", entries="flat", kink=True,
           sparse=sparse_entries.pointwise, local=local.entrywise)  # fmt: skip
@one_output
def absolute(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
    """|u|: the sign times u; of complex u, the root of re^2 + im^2."""
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
    return series


# --- gamma and modified Bessel functions: derivatives in closed form ---------------------


@by_derivatives("lgamma", "digamma", steep=True)
def _gamma(equation: Any, start: Array, order: int) -> Curve:
    """The derivatives are digamma and the polygamma functions."""
    derivatives = [_compat.bind(equation, start)[0]]
    if equation.primitive.name == "lgamma":
        derivatives.append(lax.digamma(start))
    for n in range(1, order + 3 - len(derivatives)):
        derivatives.append(lax.polygamma(jnp.full_like(start, n), start))
    return _normalised(derivatives)


def _normalised(derivatives: Sequence[Array]) -> Curve:
    """Returns the Taylor coefficients of a function and of its derivative."""
    value, slope = derivatives[:-1], derivatives[1:]
    value, slope = (
        [scale(1 / math.factorial(k), d) for k, d in enumerate(column)]
        for column in (value, slope)
    )
    return value, slope


_SMALL = 8.0
_TERMS = 30
r"""Of $\sum_m (u^2/4)^m/(m!\,(m+n)!)$, all positive; enough for float64 up to `_SMALL`."""


@by_derivatives("bessel_i0e", "bessel_i1e")
def _bessel(equation: Any, start: Array, order: int) -> Curve:
    r"""$I_n^{(k)} = 2^{-k} \sum_j \binom kj I_{n-k+2j}$, times the series of $e^{-|u|}$."""
    n = 0 if equation.primitive.name == "bessel_i0e" else 1
    bessels = _scaled_bessels(start, n + order + 1)
    sign = jnp.where(start >= 0, -1, 1).astype(start.dtype)
    derivatives = [_compat.bind(equation, start)[0]]
    pure = [_derivative_of_bessel(bessels, n, k) for k in range(order + 2)]
    for k in range(1, order + 2):
        derivatives.append(
            sum(math.comb(k, j) * pure[j] * sign ** (k - j) for j in range(k + 1))
        )
    return _normalised(derivatives)


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
