r"""Special functions that `jax.scipy.special` lacks, or has with fewer digits.

* `bessel_jn` of JAX is NaN at 0, wrong beyond 50, and its slope loses its digits near 0.
* `beta` of JAX has 8 digits for large arguments.
* `erf` and `erfc` of JAX take no complex values.
* `expi` and `expn` of JAX loop for ever on numbers of both signs.
* the slope of `spence` of JAX is NaN at places.

Derivatives are by recurrences, so that each is as good as the value. Orders are fixed
integers. Source: Abramowitz & Stegun 9.1.10, 9.1.21, 9.2.5, 9.6.10, 9.6.19 (Bessel),
10.1.2, 10.1.19 (spherical); DLMF 4.13 (Lambert W), 7.6.1 (error function).
"""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
import numpy as np
from jax import Array


def _real(x: Any) -> Array:
    x = jnp.asarray(x)
    if jnp.iscomplexobj(x):
        raise TypeError("a function of real numbers")
    return (
        x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.result_type(float))
    )


def _real_or_complex(x: Any) -> Array:
    return jnp.asarray(x) if jnp.iscomplexobj(x) else _real(x)


def _with_slope(
    slope: Callable[..., Array],
    orders: int = 0,
    number: Callable[[Any], Array] = _real,
) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
    """Gives a function a derivative by its last argument.

    Args:
        slope: of the function's arguments and its value there, the derivative.
        orders: how many arguments before the last one are fixed integers.
        number: makes an array of the last argument.

    Returns:
        A decorator of the function.
    """

    def declared(function: Callable[..., Array]) -> Callable[..., Array]:
        own = jax.custom_jvp(function, nondiff_argnums=tuple(range(orders)))

        @own.defjvp
        def _jvp(*given: Any) -> tuple[Array, Array]:
            *fixed, (x,), (along,) = given
            value = own(*fixed, x)
            return value, slope(*fixed, x, value) * along

        called = lambda *given: own(*given[:-1], number(given[-1]))
        called.__doc__ = function.__doc__
        return called

    return declared


def _by_order(
    function: Callable[..., Array], number: Callable[[Any], Array] = _real
) -> Callable[..., Array]:
    """Makes a function of (n, x), an n-th derivative, whose slope is that of n + 1."""
    slope = lambda n, x, _: called(n + 1, x)
    called = _with_slope(slope, 1, number)(function)
    return called


_analytic_by_order = partial(_by_order, number=_real_or_complex)


def _series(x: Array, order: int, sign: int, terms: int) -> Array:
    r"""$(x/2)^n \sum_k (\pm x^2/4)^k / (k!\,(n+k)!)$."""
    square = sign * x * x / 4
    total = jnp.zeros_like(x)
    for k in reversed(range(terms)):
        total = 1 + total * square / ((k + 1) * (order + k + 1))
    return total * (x / 2) ** order / float(math.factorial(order))


# --- Bessel functions of the first kind ---------------------------------------------


def _bessel_j_slope(n: int, x: Array, _: Array) -> Array:
    return (bessel_j(n - 1, x) - bessel_j(n + 1, x)) / 2


@_with_slope(_bessel_j_slope, 1)
def bessel_j(order: int, x: Array) -> Array:
    """Returns J_n(x) of real x: a series, an integral over a period, an expansion."""
    if order < 0:
        return (-1) ** order * bessel_j(-order, x)
    size = jnp.abs(x)
    close, far = 2 * math.sqrt(3 * (order + 1)), 30 + order**2 / 2
    near = _series(jnp.where(size < close, size, 1.0), order, -1, 16 + order)
    middle = _period(order, jnp.where(size < far, size, 1.0), far)
    distant = _hankel(order, jnp.where(size < far, far, size))
    value = jnp.where(size < close, near, jnp.where(size < far, middle, distant))
    return value if order % 2 == 0 else jnp.sign(x) * value


def _period(order: int, x: Array, bound: float) -> Array:
    r"""$\frac1\pi\int_0^\pi \cos(n\theta - x\sin\theta)\,d\theta$ by the midpoint rule.

    Exact to rounding up to `bound`: the error is $J_{2m-n}(x)$, m the number of nodes.
    """
    nodes = math.ceil(0.8 * bound) + order + 20
    angles = (jnp.arange(nodes, dtype=x.dtype) + 0.5) * (math.pi / nodes)
    angles = angles.reshape((1,) * x.ndim + (nodes,))
    return jnp.mean(jnp.cos(order * angles - x[..., None] * jnp.sin(angles)), axis=-1)


def _hankel(order: int, x: Array) -> Array:
    r"""$\sqrt{2/\pi x}\,(P\cos\chi - Q\sin\chi)$ with $\chi = x - (n/2 + 1/4)\pi$."""
    parts = [jnp.ones_like(x), jnp.zeros_like(x)]
    term = jnp.ones_like(x)
    for k in range(1, 24 + order):
        term = term * (4 * order**2 - (2 * k - 1) ** 2) / (8 * k * x)
        parts[k % 2] = parts[k % 2] + (-1) ** (k // 2) * term
    angle = x - (order / 2 + 0.25) * math.pi
    wave = parts[0] * jnp.cos(angle) - parts[1] * jnp.sin(angle)
    return jnp.sqrt(2 / (math.pi * x)) * wave


# --- modified Bessel functions ------------------------------------------------------


def _bessel_i_slope(n: int, x: Array, _: Array) -> Array:
    return (bessel_i(n - 1, x) + bessel_i(n + 1, x)) / 2


@_with_slope(_bessel_i_slope, 1)
def bessel_i(order: int, x: Array) -> Array:
    """Returns I_n(x) of real x."""
    order = abs(order)
    if order < 2:
        return jsp.i1(x) if order else jsp.i0(x)
    size = jnp.abs(x)
    near = _series(jnp.where(size < 20, size, 1.0), order, 1, 48)
    angles = (jnp.arange(160 + order, dtype=x.dtype) + 0.5) * (math.pi / (160 + order))
    angles = angles.reshape((1,) * x.ndim + angles.shape)
    decay = jnp.exp(size[..., None] * (jnp.cos(angles) - 1))
    far = jnp.exp(size) * jnp.mean(decay * jnp.cos(order * angles), axis=-1)
    value = jnp.where(size < 20, near, far)
    return value if order % 2 == 0 else jnp.sign(x) * value


# --- spherical Bessel functions -----------------------------------------------------


def _spherical_slope(n: int, x: Array, _: Array) -> Array:
    before = n * spherical_j(n - 1, x) if n else 0
    return (before - (n + 1) * spherical_j(n + 1, x)) / (2 * n + 1)


@_with_slope(_spherical_slope, 1)
def spherical_j(order: int, x: Array) -> Array:
    """Returns j_n(x) of real x, n at least 0: a series, or upwards from sin(x)/x."""
    if order == 0:
        return jnp.sinc(x / math.pi)
    size = jnp.abs(x)
    bound = order + 2.0
    small = jnp.where(size < bound, x, 1.0)
    square, total = -small * small / 2, jnp.zeros_like(x)
    for k in reversed(range(24 + order)):
        total = 1 + total * square / ((k + 1) * (2 * order + 2 * k + 3))
    near = total * small**order / float(math.prod(range(1, 2 * order + 2, 2)))
    large = jnp.where(size < bound, bound, x)
    before, far = jnp.cos(large) / large, jnp.sin(large) / large
    for k in range(order):
        before, far = far, (2 * k + 1) / large * far - before
    return jnp.where(size < bound, near, far)


# --- Lambert's W --------------------------------------------------------------------

_AT_THE_BRANCH_POINT = [
    226287557 / 37623398400, -1963 / 204120, 680863 / 43545600, -221 / 8505,
    769 / 17280, -43 / 540, 11 / 72, -1 / 3, 1,
]  # fmt: skip
r"""Of $W + 1$ by powers of $\sqrt{2(ex + 1)}$, the highest first."""


@_with_slope(lambda branch, x, w: jnp.exp(-w) / (1 + w), 1)
def lambert_w(branch: int, x: Array) -> Array:
    """Returns W_0(x), x at least -1/e, or W_{-1}(x), x from there to 0; NaN elsewhere."""
    high = np.asarray(math.exp(-1), x.dtype)  # x + 1/e keeps its digits in two steps
    low = float(Fraction("0.36787944117144232159552377016146") - Fraction(float(high)))
    root = jnp.sqrt(jnp.maximum(2 * math.e * ((x + high) + low), 0))
    root = root if branch == 0 else -root
    edge = -1 + root * jnp.polyval(jnp.asarray(_AT_THE_BRANCH_POINT, x.dtype), root)
    if branch == 0:
        log = jnp.log1p(jnp.maximum(x, -0.2))
        away = log * (1 - jnp.log1p(log) / (2 + log))
        w, inside = jnp.where(x < -0.2, edge, away), x >= -math.exp(-1)
    else:
        log = jnp.log(jnp.where(x < 0, -x, 0.1))
        away = log - jnp.log(-log) + jnp.log(-log) / log
        w, inside = jnp.where(x < -0.25, edge, away), (x >= -math.exp(-1)) & (x < 0)
    for _ in range(5):  # Halley: digits are trebled
        excess = w - x * jnp.exp(-w)
        below = w + 1
        step = excess / (below - excess * (w + 2) / jnp.where(below == 0, 1, 2 * below))
        w = w - jnp.where(below == 0, 0, step)
    w = jnp.where(jnp.abs(root) < 0.03, edge, w)
    w = jnp.where(jnp.isposinf(x), x, w) if branch == 0 else w
    return jnp.where(inside, w, jnp.nan)


# --- error functions ----------------------------------------------------------------


def erf(z: Any) -> Array:
    """Returns erf z, real or complex."""
    return _complex_erf(z) if jnp.iscomplexobj(z) else jsp.erf(z)


def erfc(z: Any) -> Array:
    """Returns 1 - erf z, real or complex."""
    return _complex_erfc(z) if jnp.iscomplexobj(z) else jsp.erfc(z)


def erfi(z: Any) -> Array:
    """Returns erf(i z)/i, real or complex."""
    if jnp.iscomplexobj(z):
        return -1j * _complex_erf(1j * z)
    z = _real(z)
    return 2 / math.sqrt(math.pi) * jnp.exp(z * z) * jsp.dawsn(z)


def erfcinv(x: Any) -> Array:
    """Returns the inverse of erfc, with all digits near 0 too."""
    return -jsp.ndtri(_real(x) / 2) / math.sqrt(2)


_ERF_SLOPE = 2 / math.sqrt(math.pi)


@_with_slope(lambda z, _: _ERF_SLOPE * jnp.exp(-z * z), number=_real_or_complex)
def _complex_erf(z: Array) -> Array:
    small = jnp.where(jnp.abs(z) < 1, z, 0)
    total = jnp.zeros_like(z)
    for k in reversed(range(20)):
        total = (-1) ** k / (math.factorial(k) * (2 * k + 1)) + small * small * total
    value = jnp.where(z.real < 0, _tail(-z) - 1, 1 - _tail(z))
    near = 2 / math.sqrt(math.pi) * small * total
    return jnp.where(jnp.abs(z) < 1, near, value)


@_with_slope(lambda z, _: -_ERF_SLOPE * jnp.exp(-z * z), number=_real_or_complex)
def _complex_erfc(z: Array) -> Array:
    away = jnp.where(z.real < 0, 2 - _tail(-z), _tail(z))
    return jnp.where(jnp.abs(z) < 1, 1 - _complex_erf(z), away)


def _tail(z: Array) -> Array:
    """Returns erfc z in the right half-plane, by the Faddeeva function."""
    right = jnp.where(z.real < 0, 1, z)
    return jnp.exp(-right * right) * jsp.wofz(1j * right)


# --- gamma and its relatives --------------------------------------------------------


def _alike(*numbers: Any) -> list[Array]:
    # A Python number takes the precision of what it stands beside.
    dtype = jnp.result_type(*numbers)
    return [_real(jnp.asarray(number, dtype)) for number in numbers]


@_by_order
def sin_pi(order: int, x: Array) -> Array:
    """Returns a derivative of sin(pi x), which is 0 at whole numbers."""
    whole = jnp.round(x)
    sign = 1 - 2 * (whole % 2)
    return math.pi**order * sign * _wave(order, math.pi * (x - whole))


@_by_order
def polygamma(order: int, x: Array) -> Array:
    r"""Returns a derivative of digamma; left of 0 by that of $\pi\cot\pi x$."""
    if order == 0:
        return jsp.digamma(x)
    left = x <= 0
    right = jsp.polygamma(order, jnp.where(left, 1 - x, x))
    turn = math.pi * (x - jnp.round(x))
    slope = np.polynomial.Polynomial([0.0, 1.0])
    for _ in range(order):
        slope = np.polynomial.Polynomial([-1.0, 0.0, -1.0]) * slope.deriv()
    cot = jnp.where(left, jnp.cos(turn) / jnp.sin(turn), 1)
    poles = jnp.polyval(jnp.asarray(slope.coef[::-1], x.dtype), cot)
    reflected = (-1) ** order * right - math.pi ** (order + 1) * poles
    return jnp.where(left, reflected, right)


@_by_order
def eta(order: int, s: Array) -> Array:
    r"""Returns a derivative of $\sum_k (-1)^{k-1} k^{-s}$; NaN below -4.

    Source: Borwein, *An efficient algorithm for the Riemann zeta function* (2000).
    """
    terms = 32 if jnp.finfo(s.dtype).bits > 32 else 16
    parts = [
        math.factorial(terms + k - 1) * 4**k / math.factorial(terms - k)
        / math.factorial(2 * k)
        for k in range(terms + 1)
    ]  # fmt: skip
    sums = np.cumsum(parts)
    k = np.arange(1, terms + 1)
    weights = (-1.0) ** (k - 1) * (1 - sums[:-1] / sums[-1]) * (-np.log(k)) ** order
    powers = jnp.exp(-s[..., None] * jnp.asarray(np.log(k), s.dtype))
    value = jnp.sum(jnp.asarray(weights, s.dtype) * powers, axis=-1)
    return jnp.where(s < -4, jnp.nan, value)


# --- means from 0 to x --------------------------------------------------------------


def _mean(
    order: int,
    x: Array,
    integrand: Callable[[int, Array], Array],
    antiderivative: Callable[[Array], Array],
    near: Array,
) -> Array:
    r"""Returns a derivative of $M(x) = G(x)/x = \int_0^1 g(x t)\,dt$, g = G', G(0) = 0.

    Where x is `near` 0 by Gauss' rule for $\int_0^1 t^n g^{(n)}(x t)\,dt$, in which
    nothing cancels; elsewhere from $x M^{(n)} + n M^{(n-1)} = g^{(n-1)}$.
    """
    away = jnp.where(x == 0 if order == 0 else near, 1, x)
    far = antiderivative(away) / away
    if order == 0:
        return jnp.where(x == 0, integrand(0, x), far)
    for n in range(1, order + 1):
        far = (integrand(n - 1, away) - n * far) / away
    nodes, weights = np.polynomial.legendre.leggauss(24 + 2 * order)
    t = (nodes + 1) / 2
    weights = jnp.asarray(weights / 2 * t**order, x.dtype)
    close = jnp.where(near, x, 0)[..., None] * jnp.asarray(t, x.dtype)
    return jnp.where(near, jnp.sum(weights * integrand(order, close), axis=-1), far)


def _wave(order: int, x: Array) -> Array:
    """A derivative of the sine."""
    return (1, 1, -1, -1)[order % 4] * (jnp.cos(x) if order % 2 else jnp.sin(x))


@_analytic_by_order
def mean_of_cos(order: int, x: Array) -> Array:
    """Returns a derivative of sin(x)/x."""
    near = jnp.abs(x) < order + 4
    return _mean(order, x, lambda n, z: _wave(n + 1, z), jnp.sin, near)


@_analytic_by_order
def mean_of_cosh(order: int, x: Array) -> Array:
    """Returns a derivative of sinh(x)/x."""
    near = jnp.abs(x) < 2 * order + 4
    slope = lambda n, z: jnp.sinh(z) if n % 2 else jnp.cosh(z)
    return _mean(order, x, slope, jnp.sinh, near)


@_by_order
def mean_of_pole(order: int, x: Array) -> Array:
    """Returns a derivative of -log(1 - x)/x."""
    near = (x > -4) & (x < 0.75)
    slope = lambda n, z: float(math.factorial(n)) / (1 - z) ** (n + 1)
    return _mean(order, x, slope, lambda z: -jnp.log1p(-z), near)


def exponential_integral(order: int, x: Any) -> Array:
    """Returns E_n(x) of real x, n at least 0; NaN below 0.

    That of JAX is wrong at 0, and loops for ever on numbers of both signs.
    """
    x = _real(x)
    return _exponential_integral(order, x) if order else jnp.exp(-x) / x


@_with_slope(lambda n, x, _: -exponential_integral(n - 1, x), 1)
def _exponential_integral(order: int, x: Array) -> Array:
    far = x >= 2
    large, small = jnp.where(far, x, 2), jnp.where(far, 1, x)
    fraction = large + order + 100
    for k in reversed(range(50)):  # Lentz's fraction, from its end
        fraction = large + order + 2 * k - (k + 1) * (order + k) / fraction
    decay = jnp.exp(-small)
    value = -np.euler_gamma - jnp.log(small) - _entire_part(-small)
    for n in range(1, order):
        value = (decay - jnp.where(small == 0, 0, small * value)) / n
    value = jnp.where(far, jnp.exp(-large) / fraction, value)
    return jnp.where(x < 0, jnp.nan, value)


def _entire_part(x: Array) -> Array:
    r"""$\mathrm{Ei}(x) - \gamma - \ln|x| = \sum_k x^k/(k\,k!)$, with the sign of x."""
    total = jnp.zeros_like(x)
    for k in reversed(range(1, 140)):
        total = (1 / k + total) * x / k
    return total


@_with_slope(lambda x, _: jnp.exp(x) / x)
def ei(x: Array) -> Array:
    """Returns Ei(x) of real x, the principal value right of 0."""
    left, far = x <= -1, x > 40
    near = jnp.where(left | far, 1, x)
    value = np.euler_gamma + jnp.log(jnp.abs(near)) + _entire_part(near)
    large = jnp.where(far, x, 41)
    total = jnp.ones_like(x)
    for k in reversed(range(1, 41)):
        total = 1 + total * k / large
    value = jnp.where(
        far, jnp.where(x == jnp.inf, x, jnp.exp(large) / large * total), value
    )
    behind = jnp.where(left, -x, 1)
    return jnp.where(left, -_exponential_integral(1, behind), value)


@_with_slope(lambda x, _: mean_of_cos(0, x))
def sine_integral(x: Array) -> Array:
    """Returns Si(x) of real x."""
    return jsp.sici(x)[0]


@_with_slope(lambda x, _: jnp.cos(x) / x)
def cosine_integral(x: Array) -> Array:
    """Returns Ci(x) of real x > 0."""
    return jsp.sici(x)[1]


@_with_slope(lambda x, _: mean_of_cosh(0, x))
def sinh_integral(x: Array) -> Array:
    """Returns Shi(x) of real x."""
    size = jnp.abs(x)
    small, large = jnp.where(size < 8, x, 0), jnp.where(size < 8, 8, size)
    total = jnp.zeros_like(x)
    for k in reversed(range(24)):
        step = (2 * k + 1) / ((2 * k + 3) ** 2 * (2 * k + 2))
        total = 1 + total * small * small * step
    far = jnp.sign(x) * (ei(large) + exponential_integral(1, large)) / 2
    return jnp.where(size < 8, small * total, far)


@_with_slope(lambda x, _: jnp.cosh(x) / x)
def cosh_integral(x: Array) -> Array:
    """Returns Chi(x) of real x > 0."""
    inside = jnp.where(x > 0, x, 1)
    return jnp.where(x > 0, (ei(inside) - exponential_integral(1, inside)) / 2, jnp.nan)


def fresnel_s(x: Any) -> Array:
    """Returns S(x), the integral of sin(pi x^2/2)."""
    return jsp.fresnel(x)[0]


def fresnel_c(x: Any) -> Array:
    """Returns C(x), the integral of cos(pi x^2/2)."""
    return jsp.fresnel(x)[1]


@_with_slope(lambda x, _: mean_of_pole(0, x))
def dilogarithm(x: Array) -> Array:
    """Returns Li_2(x) of real x up to 1."""
    small = jnp.where(jnp.abs(x) < 0.5, x, 0)
    total = jnp.zeros_like(x)
    for k in reversed(range(1, 50)):
        total = small * (total + 1 / k**2)
    away = jsp.spence(1 - jnp.where(jnp.abs(x) < 0.5, 0.5, x))
    return jnp.where(jnp.abs(x) < 0.5, total, away)


def lower_gamma(s: Any, x: Any) -> Array:
    """Returns the incomplete gamma function from 0 to x, of s > 0."""
    s, x = _alike(s, x)
    return jsp.gammainc(s, x) * jsp.gamma(s)


def upper_gamma(s: Any, x: Any) -> Array:
    """Returns the incomplete gamma function from x on, of s > 0."""
    s, x = _alike(s, x)
    return jsp.gammaincc(s, x) * jsp.gamma(s)
