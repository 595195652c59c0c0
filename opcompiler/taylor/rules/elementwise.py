r"""Elementwise functions of one array.

Each function is given by the recurrence of its Taylor coefficients, written with the
Euler derivation so that it holds in every graded algebra (Griewank & Walther,
*Evaluating Derivatives*, ch. 13; Neidinger 2010 for the multivariate reading):

$$ E y = z\, E u, \qquad z = \sigma'(u) . $$

At low order in several directions it is cheaper to take the scalar derivatives
$\sigma^{(k)}(u_0)/k!$ from the same recurrence in one variable and to compose them with
the nilpotent part of u, because that needs one product per order.

The plain value always comes from the primitive itself.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.core.algebra import TaylorAlgebra, univariate
from opcompiler.taylor.arithmetic import (
    Series,
    binomial,
    compose,
    euler_channel,
    multiply,
    product,
    product_channel,
    scale,
    square,
    square_channel,
    total,
)
from opcompiler.taylor.registry import Context, rule
from opcompiler.taylor.value import Coefficient, Value, instantiate, make

Recurrence = Callable[
    [TaylorAlgebra, Sequence[Coefficient], Array], tuple[Series, Series]
]
"""(algebra, coefficients of u, plain value of y) -> coefficients of y and of z."""


def elementwise(*names: str) -> Callable[[Recurrence], Recurrence]:
    """Registers the recurrence of elementwise primitives of one operand."""

    def register(recurrence: Recurrence) -> Recurrence:
        def by_recurrence(
            context: Context, equation: Any, inputs: Sequence[Value]
        ) -> list[Value]:
            return apply_recurrence(context, equation, inputs, recurrence)

        rule(*names)(by_recurrence)
        return recurrence

    return register


def apply_recurrence(
    context: Context, equation: Any, inputs: Sequence[Value], recurrence: Recurrence
) -> list[Value]:
    """Runs a recurrence in the algebra, or in one variable and composes."""
    (aval,) = _compat.output_avals(equation)
    (u,) = inputs
    algebra = context.algebra

    def in_algebra(series: Sequence[Coefficient]) -> tuple[Series, Series]:
        value = _compat.bind(equation, _primal(series))[0]
        return recurrence(algebra, series, value)

    def in_one_variable(start: Array) -> tuple[Series, Series]:
        line = univariate(algebra.order)
        tangent = [start, jnp.ones((), u.dtype), *[None] * (algebra.order - 1)]
        return recurrence(line, tangent, _compat.bind(equation, start)[0])

    if should_compose(context):
        series = composed(algebra, (u.primal, *u.coefficients[1:]), in_one_variable)
    else:
        series = with_slope(algebra, (u.primal, *u.coefficients[1:]), in_algebra)
    return [make(series, aval.shape, aval.dtype)]


def should_compose(context: Context) -> bool:
    """Whether composing scalar derivatives beats the recurrence in the algebra."""
    return 1 <= context.algebra.order <= context.compose_upto


def composed(
    algebra: TaylorAlgebra,
    u: Sequence[Coefficient],
    scalar: Callable[[Array], tuple[Series, Series]],
) -> Series:
    r"""Composes $\sigma$ with u; `scalar` gives the series of $\sigma, \sigma'$ at u_0."""

    def both(series: Sequence[Coefficient]) -> tuple[Series, Series]:
        value, slope = scalar(_primal(series))
        return compose(algebra, series, value), compose(algebra, series, slope)

    return with_slope(algebra, u, both)


def with_slope(
    algebra: TaylorAlgebra,
    u: Sequence[Coefficient],
    both: Callable[[Sequence[Coefficient]], tuple[Series, Series]],
) -> Series:
    r"""Returns $y = \sigma(u)$ with the derivative $dy = \sigma'(u)\,du$ in the algebra.

    Differentiating the steps of a recurrence or composition one by one costs several
    transposed products per function; the identity costs one.
    """

    @jax.custom_jvp
    def sigma(series: tuple[Coefficient, ...]) -> Series:
        return both(series)[0]

    @sigma.defjvp
    def derivative(primals: Any, tangents: Any) -> tuple[Series, Series]:
        y, slope = both(primals[0])
        change = product(algebra, slope, tangents[0])
        return y, [_like(dy, c) for dy, c in zip(change, y, strict=True)]

    return sigma(tuple(u))


def _like(change: Coefficient, value: Coefficient) -> Coefficient:
    """Gives a tangent the form of its value."""
    return None if value is None else instantiate(change, value.shape, value.dtype)


def _solve(
    algebra: TaylorAlgebra,
    u: Sequence[Coefficient],
    y0: Array,
    z0: Array,
    companion: Callable[[int, Series, Series], Coefficient],
) -> tuple[Series, Series]:
    """Solves E y = z E u degree by degree; `companion(k, y, z)` gives z's channel k."""
    y: Series = [y0, *[None] * (algebra.size - 1)]
    z: Series = [z0, *[None] * (algebra.size - 1)]
    for degree in range(1, algebra.order + 1):
        for k in algebra.of_degree(degree):
            y[k] = euler_channel(algebra, k, u, z)
        for k in algebra.of_degree(degree):
            z[k] = companion(k, y, z)
    return y, z


def _add(*terms: Coefficient) -> Coefficient:
    return total([term for term in terms if term is not None])


def _scaled(c: float, a: Coefficient) -> Coefficient:
    return None if a is None else scale(c, a)


def _square_term(algebra: TaylorAlgebra, k: int, y: Series) -> Coefficient:
    """(y y)_k, the units' terms included."""
    assert y[0] is not None
    head = None if y[k] is None else scale(2, multiply(y[0], y[k]))
    return _add(head, square_channel(algebra, k, y))


# --- exponentials -------------------------------------------------------------------


@elementwise("exp")
def _exp(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    return _solve(algebra, u, value, value, lambda k, y, z: y[k])


@elementwise("exp2")
def _exp2(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    rate = math.log(2.0)
    first = value * rate
    return _solve(algebra, u, value, first, lambda k, y, z: _scaled(rate, y[k]))


@elementwise("expm1")
def _expm1(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    return _solve(algebra, u, value, value + 1, lambda k, y, z: y[k])


@elementwise("logistic")
def _logistic(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    # sigma(u) sigma(-u) does not cancel where sigma saturates at 1.
    first = value * lax.logistic(-_primal(u))

    def companion(k: int, y: Series, z: Series) -> Coefficient:
        return _add(y[k], _scaled(-1, _square_term(algebra, k, y)))

    return _solve(algebra, u, value, first, companion)


# --- trigonometric and hyperbolic ---------------------------------------------------


@elementwise("tanh")
def _tanh(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    first = (1 - value) * (1 + value)

    def companion(k: int, y: Series, z: Series) -> Coefficient:
        return _scaled(-1, _square_term(algebra, k, y))

    return _solve(algebra, u, value, first, companion)


@elementwise("tan")
def _tan(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    first = 1 + value * value
    return _solve(
        algebra, u, value, first, lambda k, y, z: _square_term(algebra, k, y)
    )


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
        for k in algebra.of_degree(degree):
            y[k] = _scaled(signs[0], euler_channel(algebra, k, u, z))
            z[k] = _scaled(signs[1], euler_channel(algebra, k, u, y))
    return y, [_scaled(signs[0], c) for c in z]


@elementwise("sin")
def _sin(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    return _pair(algebra, u, value, lax.cos(_primal(u)), (1, -1))


@elementwise("cos")
def _cos(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    return _pair(algebra, u, value, lax.sin(_primal(u)), (-1, 1))


@elementwise("sinh")
def _sinh(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    return _pair(algebra, u, value, lax.cosh(_primal(u)), (1, 1))


@elementwise("cosh")
def _cosh(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    return _pair(algebra, u, value, lax.sinh(_primal(u)), (1, 1))


# --- inverse type: r E y = E u ------------------------------------------------------


def _inverse_type(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array, r: Series
) -> tuple[Series, Series]:
    r"""Solves r E y = E u: $y_d = (u_d - \frac1d \sum_{s<d} s\, y_s r_{d-s})/r_0$."""
    assert r[0] is not None
    y: Series = [value, *[None] * (algebra.size - 1)]
    weighted: Series = [None] * algebra.size  # E y
    for k in range(1, algebra.size):
        degree = algebra.channels[k].degree
        rest = _scaled(-1 / degree, product_channel(algebra, k, weighted, r))
        top = _add(u[k], rest)
        if top is not None:
            y[k] = jnp.divide(top, r[0])
            weighted[k] = scale(degree, y[k])
    return y, reciprocal(algebra, r)


def reciprocal(algebra: TaylorAlgebra, r: Sequence[Coefficient]) -> Series:
    """Returns 1/r."""
    first = 1 / _primal(r)
    z: Series = [first, *[None] * (algebra.size - 1)]
    for k in range(1, algebra.size):
        head = None if r[k] is None else multiply(r[k], first)
        rest = _add(head, product_channel(algebra, k, r, z))
        z[k] = None if rest is None else multiply(lax.neg(rest), first)
    return z


def _primal(u: Sequence[Coefficient]) -> Array:
    assert u[0] is not None
    return u[0]


def _one_plus_square(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], one: int, sign: int
) -> Series:
    """one + sign * u * u."""
    series = [_scaled(sign, c) for c in square(algebra, u)]
    series[0] = one + jnp.asarray(series[0])
    return series


@elementwise("log")
def _log(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    return _inverse_type(algebra, u, value, list(u))


@elementwise("log1p")
def _log1p(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    return _inverse_type(algebra, u, value, [1 + _primal(u), *u[1:]])


@elementwise("atan")
def _atan(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    return _inverse_type(algebra, u, value, _one_plus_square(algebra, u, 1, 1))


@elementwise("atanh")
def _atanh(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    r = _one_plus_square(algebra, u, 1, -1)
    r[0] = (1 - _primal(u)) * (1 + _primal(u))
    return _inverse_type(algebra, u, value, r)


def _root_type(
    algebra: TaylorAlgebra,
    u: Sequence[Coefficient],
    value: Array,
    radicand: Series,
    sign: int = 1,
) -> tuple[Series, Series]:
    """The functions whose derivative is sign / sqrt(radicand)."""
    root = _power_series(algebra, radicand, lax.sqrt(_primal(radicand)), 0.5)
    signed = [_scaled(sign, c) for c in root]
    return _inverse_type(algebra, u, value, signed)


@elementwise("asin")
def _asin(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    return _root_type(algebra, u, value, _one_plus_square(algebra, u, 1, -1))


@elementwise("acos")
def _acos(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    return _root_type(algebra, u, value, _one_plus_square(algebra, u, 1, -1), -1)


@elementwise("asinh")
def _asinh(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    return _root_type(algebra, u, value, _one_plus_square(algebra, u, 1, 1))


@elementwise("acosh")
def _acosh(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    radicand = _one_plus_square(algebra, u, -1, 1)
    radicand[0] = (_primal(u) - 1) * (_primal(u) + 1)
    return _root_type(algebra, u, value, radicand)


# --- error function -----------------------------------------------------------------


def _gaussian(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array, factor: float
) -> tuple[Series, Series]:
    r"""The functions whose derivative is $c\, e^{-u^2}$."""
    exponent = [_scaled(-1, c) for c in square(algebra, u)]
    start = jnp.exp(jnp.asarray(exponent[0]))
    bell, _ = _exp(algebra, exponent, start)
    slope = [_scaled(factor, c) for c in bell]
    y: Series = [value]
    y += [euler_channel(algebra, k, u, slope) for k in range(1, algebra.size)]
    return y, slope


@elementwise("erf")
def _erf(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    return _gaussian(algebra, u, value, 2 / math.sqrt(math.pi))


@elementwise("erfc")
def _erfc(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    return _gaussian(algebra, u, value, -2 / math.sqrt(math.pi))


# --- powers -------------------------------------------------------------------------


def _power(
    algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array, exponent: float
) -> tuple[Series, Series]:
    """The real power r, and r times the power r - 1."""
    y = _power_series(algebra, u, value, exponent)
    below = _power_series(algebra, u, value / _primal(u), exponent - 1)
    return y, [_scaled(exponent, c) for c in below]


def _power_series(
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
                weight = float(c) * (exponent * degree[i] - degree[j]) / degree[k]
                terms.append(scale(weight, multiply(a, b)))
        top = total(terms)
        y[k] = None if top is None else jnp.divide(top, _primal(u))
    return y


@elementwise("sqrt")
def _sqrt(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    return _power(algebra, u, value, 0.5)


@elementwise("rsqrt")
def _rsqrt(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    return _power(algebra, u, value, -0.5)


@elementwise("cbrt")
def _cbrt(algebra: TaylorAlgebra, u: Sequence[Coefficient], value: Array) -> tuple[Series, Series]:
    return _power(algebra, u, value, 1 / 3)


@rule("integer_pow")
def integer_power(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """x**n by its exact binomial series; nothing is divided for n >= 0."""
    (aval,) = _compat.output_avals(equation)
    (u,) = inputs
    n = equation.params["y"]
    order = context.algebra.order

    def scalar(start: Array) -> tuple[Series, Series]:
        slope = [_scaled(n, c) for c in _binomial_series(start, n - 1, order)]
        return _binomial_series(start, n, order), slope

    series = composed(context.algebra, (u.primal, *u.coefficients[1:]), scalar)
    return [make(series, aval.shape, aval.dtype)]


def _binomial_series(x: Array, n: int, order: int) -> Series:
    last = min(n, order) if n >= 0 else order
    return [
        scale(round(binomial(n, k)), lax.integer_pow(x, n - k)) for k in range(last + 1)
    ]


# --- piecewise linear ---------------------------------------------------------------


@rule("abs")
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
        series = _power_series(algebra, radicand, value, 0.5)
    else:
        sign = lax.sign(start)
        series = [None if c is None else multiply(sign, c) for c in u.coefficients]
    series[0] = value
    return [make(series, aval.shape, aval.dtype)]


# --- any other ----------------------------------------------------------------------


@rule("lgamma", "digamma", "bessel_i0e", "bessel_i1e", "erf_inv")
def by_nested_jvp(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Elementwise primitives without a recurrence: scalar derivatives by nested JVPs."""
    (aval,) = _compat.output_avals(equation)
    (u,) = inputs

    def scalar(start: Array) -> tuple[Series, Series]:
        def fun(x: Array) -> Array:
            return _compat.bind(equation, x)[0]

        derivatives = [fun(start)]
        for _ in range(context.algebra.order + 1):
            fun = _derivative(fun)
            derivatives.append(fun(start))
        return _normalised(derivatives[:-1]), _normalised(derivatives[1:])

    series = composed(context.algebra, (u.primal, *u.coefficients[1:]), scalar)
    return [make(series, aval.shape, aval.dtype)]


def _normalised(derivatives: Sequence[Array]) -> Series:
    return [scale(1 / math.factorial(k), d) for k, d in enumerate(derivatives)]


def _derivative(fun: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return lambda x: jax.jvp(fun, (x,), (jnp.ones_like(x),))[1]

