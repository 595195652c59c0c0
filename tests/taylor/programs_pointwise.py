"""Programs that act entry by entry, with a second implementation in mpmath."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special as js
import mpmath as mp
import numpy as np
from jax import lax, nn
from jax.ad_checkpoint import checkpoint_name

from tests.taylor.programs import Program

KEY = np.array([0.7, -0.4, 1.3])

CLOSED: dict[str, tuple[Callable, Callable, float, float]] = {
    # Name: JAX's function and that of mpmath, and where they are started.
    "acos": (lax.acos, mp.acos, -0.7, 0.7),
    "acosh": (lax.acosh, mp.acosh, 1.5, 3.0),
    "asin": (lax.asin, mp.asin, -0.7, 0.7),
    "asinh": (lax.asinh, mp.asinh, -2.0, 2.0),
    "atan": (lax.atan, mp.atan, -2.0, 2.0),
    "atanh": (lax.atanh, mp.atanh, -0.6, 0.6),
    "bessel_i0e": (
        lax.bessel_i0e, lambda x: mp.besseli(0, x) * mp.exp(-x), 0.3, 3.0,
    ),
    "bessel_i1e": (
        lax.bessel_i1e, lambda x: mp.besseli(1, x) * mp.exp(-x), 0.3, 3.0,
    ),
    "cbrt": (lax.cbrt, mp.cbrt, 0.5, 2.0),
    "cos": (lax.cos, mp.cos, -3.0, 3.0),
    "cosh": (lax.cosh, mp.cosh, -2.0, 2.0),
    "digamma": (lax.digamma, mp.digamma, 0.7, 3.0),
    "erf": (lax.erf, mp.erf, -2.0, 2.0),
    "erf_inv": (lax.erf_inv, mp.erfinv, -0.6, 0.6),
    "erfc": (lax.erfc, mp.erfc, -2.0, 2.0),
    "exp": (lax.exp, mp.exp, -2.0, 2.0),
    "exp2": (lax.exp2, lambda x: mp.mpf(2) ** x, -2.0, 2.0),
    "expm1": (lax.expm1, mp.expm1, -2.0, 2.0),
    "integer_pow 5": (lambda x: x**5, lambda x: x**5, -2.0, 2.0),
    "integer_pow 12": (lambda x: x**12, lambda x: x**12, -1.0, 1.0),
    "integer_pow -3": (lambda x: x**-3, lambda x: x**-3, 0.7, 2.0),
    "lgamma": (lax.lgamma, mp.loggamma, 0.7, 3.0),
    "log": (lax.log, mp.log, 0.5, 3.0),
    "log1p": (lax.log1p, mp.log1p, -0.4, 2.0),
    "logistic": (lax.logistic, lambda x: 1 / (1 + mp.exp(-x)), -3.0, 3.0),
    "log_ndtr": (js.log_ndtr, lambda x: mp.log(mp.ncdf(x)), -1.5, 1.5),
    "pow 2.5": (lambda x: x**2.5, lambda x: x**2.5, 0.5, 2.0),
    "pow of 3": (lambda x: 3.0**x, lambda x: mp.mpf(3) ** x, -1.0, 1.0),
    "pow of itself": (lambda x: x**x, lambda x: x**x, 0.5, 2.0),
    "rsqrt": (lax.rsqrt, lambda x: 1 / mp.sqrt(x), 0.5, 2.0),
    "sin": (lax.sin, mp.sin, -3.0, 3.0),
    "sinc": (jnp.sinc, mp.sincpi, 0.2, 1.5),
    "sinh": (lax.sinh, mp.sinh, -2.0, 2.0),
    "softplus": (nn.softplus, lambda x: mp.log1p(mp.exp(x)), -3.0, 3.0),
    "gelu": (
        lambda x: nn.gelu(x, approximate=False), lambda x: x * mp.ncdf(x), -2.0, 2.0,
    ),
    "sqrt": (lax.sqrt, mp.sqrt, 0.5, 2.0),
    "square": (lax.square, lambda x: x * x, -2.0, 2.0),
    "tan": (lax.tan, mp.tan, -1.0, 1.0),
    "tanh": (lax.tanh, mp.tanh, -1.0, 1.0),
    "entropy": (js.entr, lambda x: -x * mp.log(x), 0.5, 2.0),
    "xlogy": (lambda x: js.xlogy(x, x + 1), lambda x: x * mp.log(x + 1), 0.5, 2.0),
    "exp of sin": (lambda x: jnp.exp(jnp.sin(x)), lambda x: mp.exp(mp.sin(x)), -1, 1),
}  # fmt: skip

ENTIRE = frozenset({
    "bessel_i0e", "bessel_i1e", "cos", "cosh", "erf", "erfc", "exp", "exp2", "expm1",
    "gelu", "integer_pow 5", "integer_pow 12", "sin", "sinh", "square", "tanh",
    "pow of 3", "exp of sin",
})  # fmt: skip
"""Taken to order 10; the others, which have singularities nearby, to order 6."""


def _parts(function: Callable[[Any], Any], phase: complex = 0.3 + 0.8j) -> Callable:
    """Returns a function of complex numbers, started from real ones."""
    return lambda x: function(x * (1 + phase) + phase)


def _stair(x: jax.Array) -> jax.Array:
    """Everything whose derivative is zero, as a weight of what is not constant."""
    steps = lax.sign(x) + lax.floor(3 * x) + lax.ceil(2 * x) + lax.round(5 * x)
    whole = (steps + 11).astype(jnp.int32)
    bits = (whole << 2) ^ (whole | 5) & ~(whole >> 1)
    bits += lax.clz(whole) + lax.population_count(whole)
    bits += lax.shift_right_logical(whole, jnp.int32(1)) + lax.mulhi(whole, whole)
    near = lax.nextafter(lax.stop_gradient(x), jnp.ones_like(x))
    raw = lax.bitcast_convert_type(x, jnp.int64) >> 60
    tested = (x > 0.1) | (x <= -0.1) & (x != 0.5) | ~(x >= 0.2) ^ (x == 0.3) | (x < 0)
    finite = jnp.isfinite(x) & tested
    best = jnp.argmax(x) + 2 * jnp.argmin(x) + lax.iota(jnp.int32, 3)
    return jnp.sin(x) * (bits + near + raw + finite + best)


def _lex(x: jax.Array) -> jax.Array:
    """Sorts by complex keys, which compares in the total order."""
    return lax.sort(lax.complex(jnp.round(x), x)).imag


def _total_order(x: jax.Array) -> jax.Array:
    """The comparisons inside of a sort."""
    before = lax.lt_to_p.bind(x, x[::-1]) | lax.eq_to_p.bind(x, x[::-1])
    return x * x * (1 + before + 2 * lax.le_to_p.bind(x, x))


PLAIN = {
    "abs": Program(lambda x: jnp.abs(jnp.sin(3 * x))),
    "abs of complex": Program(_parts(jnp.abs)),
    "acos complex": Program(_parts(jnp.arccos), order=4),
    "add": Program(lambda x: x + jnp.sin(x) + 1 - x[0]),
    "add_any": Program(lambda x: jax.grad(lambda y: jnp.sum(y * jnp.sin(y)))(x)),
    "angle": Program(_parts(jnp.angle)),
    "atan2": Program(lambda x: jnp.arctan2(x, 1 + x[::-1] ** 2)),
    "atan2 behind": Program(lambda x: jnp.arctan2(x, -2 + jnp.cos(x))),
    "atan2 of a constant": Program(lambda x: jnp.arctan2(KEY, x) * x - jnp.arctan2(x, KEY)),
    "clamp": Program(lambda x: lax.clamp(-0.5, x, 0.4) * x),
    "clamp moving": Program(
        lambda x: lax.clamp(x[::-1] - 1, 3 * jnp.sin(x), x * x + 0.1)
    ),
    "complex": Program(lambda x: lax.complex(x, jnp.sin(x)) * lax.complex(x * x, x)),
    "complex conj": Program(_parts(lambda z: jnp.conj(z) * z**2)),
    "complex cosh": Program(_parts(jnp.cosh)),
    "complex div": Program(_parts(lambda z: (z + 2j) / (z * z - 4))),
    "complex exp": Program(_parts(jnp.exp)),
    "complex log": Program(_parts(jnp.log)),
    "complex pow": Program(_parts(lambda z: z ** (1.5 + 0.2j))),
    "complex pow traced": Program(_parts(lambda z: (z + 3) ** z), order=4),
    "complex sin": Program(_parts(jnp.sin)),
    "complex sqrt": Program(_parts(jnp.sqrt)),
    "complex tanh": Program(_parts(jnp.tanh)),
    "complex log1p": Program(_parts(jnp.log1p)),
    "complex expm1": Program(_parts(jnp.expm1)),
    "complex sign": Program(lambda x: jnp.real(jnp.sign(x + 0.3j)), order=4),
    "copy": Program(lambda x: jnp.array(x, copy=True) ** 2),
    "convert": Program(lambda x: (x.astype(jnp.complex128) * x).real + x.astype(int)),
    "div": Program(lambda x: jnp.sin(x) / (2 + x[::-1])),
    "div by a constant": Program(lambda x: x * x / KEY),
    "div of a constant": Program(lambda x: KEY / (2 + x)),
    "eq_to": Program(_total_order),
    "sort of complex numbers": Program(_lex, 0.6, 3.4, (5,)),
    "hypot": Program(lambda x: jnp.hypot(x, 1 + x[0])),
    "igamma": Program(lambda x: lax.igamma(1.5, x), 0.5, 2.0),
    "igammac": Program(lambda x: lax.igammac(jnp.asarray(KEY + 1), x), 0.5, 2.0),
    "igamma in a": Program(lambda x: lax.igamma(x, 0.7), 0.5, 2.0, order=1),
    "betainc": Program(lambda x: js.betainc(1.5, 2.5, x), 0.2, 0.8, order=5),
    "polygamma": Program(lambda x: js.polygamma(2, x), 0.7, 2.0),
    "zeta": Program(lambda x: js.zeta(2.5, x), 0.7, 2.0),
    "exponential integral": Program(js.expi, 0.5, 2.0),
    "bessel i0": Program(lambda x: js.i0(x) + js.i1(2 * x)),
    "log-add-exp": Program(lambda x: jnp.logaddexp(x, jnp.sin(x[::-1]))),
    "log-add-exp 2": Program(lambda x: jnp.logaddexp2(x, 0.3)),
    "max": Program(lambda x: jnp.maximum(x, jnp.sin(3 * x[::-1]))),
    "max of a constant": Program(lambda x: jnp.maximum(0.1, x) * x),
    "min": Program(lambda x: jnp.minimum(x * x, x[0])),
    "mod": Program(lambda x: jnp.mod(5 * x, 1 + x[0] ** 2)),
    "mul": Program(lambda x: x * x[::-1] * KEY * 2),
    "name": Program(lambda x: checkpoint_name(x * x, "square") * x),
    "neg": Program(lambda x: -x * jnp.exp(-x)),
    "nan_to_num": Program(lambda x: jnp.nan_to_num(x * x)),
    "polar": Program(lambda x: jnp.exp(1j * x) * x),
    "pow": Program(lambda x: (1 + x * x) ** jnp.sin(x[::-1])),
    "pow of an array of exponents": Program(lambda x: (x + 2) ** KEY),
    "pow of integers": Program(lambda x: x ** jnp.array([0, 1, 3])),
    "polynomials": Program(lambda x: jnp.polyval(KEY, x) + x**2 * (1 - x) ** 3),
    "real and imag": Program(lambda x: jnp.real(jnp.exp(1j * x)) * jnp.imag((x + 1j) ** 3)),
    "reduce_precision": Program(
        lambda x: lax.reduce_precision(jnp.sin(x), exponent_bits=11, mantissa_bits=52)
    ),
    "rem": Program(lambda x: lax.rem(7 * x, 1 + x[0] ** 2)),
    "rem of a constant": Program(lambda x: lax.rem(2.3, 1.5 + x) + lax.rem(9 * x, 0.7)),
    "select_n": Program(lambda x: jnp.where(x > 0, x * x, jnp.sin(x))),
    "select_n of three": Program(
        lambda x: lax.select_n(jnp.array([0, 2, 1]), x, x * x, jnp.sin(x))
    ),
    "stairs": Program(_stair),
    "sub": Program(lambda x: 1 - x - jnp.sin(x) - (x - 2)),
    "swish, celu, elu, selu": Program(
        lambda x: nn.silu(x) + nn.celu(x) + nn.elu(2 * x) + nn.selu(x) + nn.hard_tanh(x)
    ),
    "mish, squareplus, log_sigmoid": Program(
        lambda x: nn.mish(x) + nn.squareplus(x) + nn.log_sigmoid(x) + nn.soft_sign(x)
    ),
}  # fmt: skip

POINTWISE = PLAIN | {
    name: Program(fun, low, high) for name, (fun, _, low, high) in CLOSED.items()
}
