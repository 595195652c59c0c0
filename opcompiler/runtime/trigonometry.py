r"""Sine and cosine of many single-precision numbers on a CPU, together.

XLA calls the C library there, one number at a time: 4.8 ns each on this project's machine,
where a tanh takes 0.3 ns. Polynomials after reduction to $[-\pi/4, \pi/4]$ are vectorised,
and the compiler finds that the sine and the cosine of one number share them. Sums over very
many components spend their time in sines. (A GPU's own sine is quicker than these.)
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

_QUARTER = (1.5703125, 4.835128784179685e-04, 3.1385570764541626e-07)
"""Summing to pi / 2; the first two have few digits, so that multiples are exact."""

_SINE = (-1.951083817e-04, 8.332131488e-03, -1.666665423e-01)
r"""Of $(\sin r / r - 1) / r^2$ in $r^2$, falling: least largest error in $|r| < 0.793$,
a little more than pi / 4, because quarters of large numbers are known so well only."""

_COSINE = (2.443120321e-05, -1.388730603e-03, 4.166664565e-02)
r"""Of $(\cos r - 1 + r^2 / 2) / r^4$ in $r^2$, falling: of least largest error, too."""


@jax.custom_jvp
def sine(x: Array) -> Array:
    """Returns sin x of float32 to 1.2e-7; large arguments as well as they are known."""
    return _after_quarters(x, 0)


@jax.custom_jvp
def cosine(x: Array) -> Array:
    """Returns cos x of float32 to 1.2e-7: the sine, a quarter of a turn later."""
    return _after_quarters(x, 1)


@sine.defjvp
def _sine_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    return sine(*primals), cosine(*primals) * tangents[0]


@cosine.defjvp
def _cosine_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    return cosine(*primals), -sine(*primals) * tangents[0]


def _after_quarters(x: Array, more: int) -> Array:
    """Returns the sine of x and so many quarters of a turn more."""
    quarters = jnp.round(x * (2 / jnp.pi))
    r = x
    for part in _QUARTER:
        r = r - quarters * part
    # Beyond 2^24 a float32 does not say where in a turn it is; stay bounded.
    r = jnp.clip(r, -0.8, 0.8)
    square = r * r
    sine = r + r * square * _horner(_SINE, square)
    cosine = 1 - 0.5 * square + square * square * _horner(_COSINE, square)
    turned = quarters.astype(jnp.int32) + more
    value = jnp.where(turned & 1 == 0, sine, cosine)
    return jnp.where(turned & 2 == 0, value, -value)


def _horner(coefficients: tuple[float, ...], square: Array) -> Array:
    series = jnp.full((), coefficients[0], square.dtype)
    for coefficient in coefficients[1:]:
        series = series * square + coefficient
    return series


def _single(fast: Callable[[Array], Array], plain: Callable[[Any], Array]) -> Any:
    def function(x: Any) -> Array:
        return fast(x) if jnp.result_type(x) == jnp.float32 else plain(x)

    return function


VECTORISED: dict[str, Callable[..., Any]] = {
    "jnp.sin": _single(sine, jnp.sin),
    "jnp.cos": _single(cosine, jnp.cos),
}
"""Functions of programs, by name; see `shell.run_program`."""
