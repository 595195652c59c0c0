"""Functions of one number at points where something breaks, with what is true there.

Each entry is a function, a point, and its Taylor coefficients there; `None` where the
coefficient does not exist, because the function is infinite, jumps, or has a kink.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import jax.scipy.special as js
import mpmath as mp
import numpy as np
from jax import lax, nn

Case = tuple[Callable, float, Sequence[float | None]]

INF = jnp.inf
NONE = [None] * 4
PI = math.pi


def flat(value: float, order: int = 10) -> list[float | None]:
    """Coefficients of a function that has become constant."""
    return [value, *[0.0] * order]


@dataclass(frozen=True)
class smooth(Sequence):  # noqa: N801
    """Coefficients of a function that only looks singular, computed when they are read."""

    exact: Callable
    point: float
    order: int = 4

    @functools.cached_property
    def _all(self) -> list[float]:
        with mp.workdps(60):
            found = mp.taylor(self.exact, mp.mpf(self.point), self.order)
            return [float(c) for c in found]

    def __len__(self) -> int:
        return self.order + 1

    def __getitem__(self, place):
        return self._all[place]


def v(*entries):
    return jnp.stack([jnp.asarray(e, jnp.float64) for e in entries])


POWERS: Mapping[str, Case] = {
    "x**0": (lambda x: x**0, 0.0, [1, 0, 0, 0]),
    "x**1": (lambda x: x**1, 0.0, [0, 1, 0, 0]),
    "x**2": (lambda x: x**2, 0.0, [0, 0, 1, 0, 0]),
    "x**3": (lambda x: x**3, 0.0, [0, 0, 0, 1, 0]),
    "x**-1": (lambda x: x**-1, 0.0, NONE),
    "x**2.0": (lambda x: x**2.0, 0.0, [0, 0, 1, 0, 0]),
    "x**3.0 of an array": (lambda x: x ** jnp.array(3.0), 0.0, [0, 0, 0, 1, 0]),
    "x**0.0": (lambda x: x ** jnp.array(0.0), 0.0, [1, 0, 0, 0]),
    "x**1.0": (lambda x: x ** jnp.array(1.0), 0.0, [0, 1, 0, 0]),
    "x**1.5": (lambda x: x**1.5, 0.0, [0, 0, None, None]),
    "x**0.5": (lambda x: x ** jnp.array(0.5), 0.0, [0, None, None]),
    "x**-1.0": (lambda x: x ** jnp.array(-1.0), 0.0, NONE),
    "x**-0.5": (lambda x: x ** jnp.array(-0.5), 0.0, NONE),
    "x**3.0 below 0": (
        lambda x: x ** jnp.array(3.0), -1.5, [-3.375, 6.75, -4.5, 1, 0],
    ),
    "x**2.5 below 0": (lambda x: x ** jnp.array(2.5), -1.5, NONE),
    "x**-2.0 below 0": (
        lambda x: x ** jnp.array(-2.0), -2.0, smooth(lambda x: x**-2, -2),
    ),
    "x**x": (lambda x: x**x, 0.0, [1, None, None]),
    "x**(x + 2)": (lambda x: x ** (x + 2), 0.0, [0, None, None]),
    "x**(2 + 0 x)": (lambda x: x ** (2 + 0 * x), 0.0, [0, 0, 1, 0]),
    "x**(3 + 0 x) below 0": (lambda x: x ** (3 + 0 * x), -1.0, [-1, 3, -3, 1, 0]),
    "(x**2)**(1 + x)": (lambda x: (x * x) ** (1 + x), 0.0, [0, 0, 1, None]),
    "0**x": (lambda x: jnp.array(0.0) ** x, 2.0, [0, 0, 0, 0]),
    "0**x at 0": (lambda x: jnp.array(0.0) ** x, 0.0, [1, None, None]),
    "1**x": (lambda x: jnp.array(1.0) ** x, 0.5, [1, 0, 0, 0]),
    "(-2)**x": (lambda x: jnp.array(-2.0) ** x, 2.0, [4, None, None]),
    "sqrt": (jnp.sqrt, 0.0, [0, None, None]),
    "sqrt below 0": (jnp.sqrt, -1.0, NONE),
    "rsqrt": (lax.rsqrt, 0.0, NONE),
    "cbrt": (jnp.cbrt, 0.0, [0, None, None]),
    "cbrt below 0": (jnp.cbrt, -8.0, smooth(lambda x: -mp.cbrt(-x), -8)),
    "sqrt of x**2": (lambda x: jnp.sqrt(x * x), 0.0, [0, None, None]),
    "sqrt of x**4": (lambda x: jnp.sqrt(x**4), 0.0, [0, 0, 1, 0]),
    "sqrt of a constant 0": (lambda x: jnp.sqrt(0 * x) + x, 0.5, [0.5, 1, 0]),
    "sqrt squared": (lambda x: jnp.sqrt(x) ** 2, 0.0, [0, None, None]),
    "norm": (lambda x: jnp.linalg.norm(v(3 * x, 4 * x)), 0.0, [0, None, None]),
    "norm squared": (
        lambda x: jnp.linalg.norm(v(3 * x, 4 * x)) ** 2, 0.0, [0, 0, 25, 0],
    ),
    "norm of a constant 0": (
        lambda x: jnp.linalg.norm(v(0.0, 0.0) * x) + x, 0.5, [0.5, 1, 0],
    ),
    "hypot": (lambda x: jnp.hypot(x, 2 * x), 0.0, [0, None, None]),
    "hypot of large": (
        lambda x: jnp.hypot(1e200 * x, 1e200), 2.0,
        smooth(lambda x: mp.mpf(10) ** 200 * mp.sqrt(1 + x * x), 2, 3),
    ),
    "hypot at a tie": (
        lambda x: jnp.hypot(x, 1.0), 1.0, smooth(lambda x: mp.sqrt(1 + x * x), 1, 3),
    ),
    "standard deviation of equals": (lambda x: jnp.std(v(x, x)), 1.0, [0, 0, 0]),
    "normalised": (lambda x: x / jnp.linalg.norm(v(x, 0.0)), 0.0, NONE),
}  # fmt: skip

STEPS: Mapping[str, Case] = {
    "abs": (jnp.abs, 0.0, [0, None, 0, 0]),
    "abs cubed": (lambda x: jnp.abs(x) ** 3, 0.0, [0, 0, 0, None]),
    "x abs x": (lambda x: x * jnp.abs(x), 0.0, [0, 0, None, None]),
    "abs of complex": (lambda x: jnp.abs(x + 0j), 0.0, [0, None, None]),
    "abs of i": (lambda x: jnp.abs(x + 1j), 0.0, [1, 0, 0.5, 0, -0.125]),
    "sign": (jnp.sign, 0.0, [0, None, None]),
    "floor": (lambda x: jnp.floor(x) + x, 1.0, [2, None, None]),
    "rem at a jump": (lambda x: lax.rem(x, 0.5), 1.0, [0, None, None]),
    "mod at a jump": (lambda x: jnp.mod(x, 0.5), -1.0, [0, None, None]),
    "max at a tie": (lambda x: jnp.maximum(x, 0.0), 0.0, [0, None, None]),
    "max of itself": (lambda x: jnp.maximum(x, x) ** 2, 0.3, [0.09, 0.6, 1, 0]),
    "max of what touches": (
        lambda x: jnp.maximum(x * x, 0.0) + jnp.minimum(-(x**2), 0.0), 0.0,
        [0, 0, 0, 0],
    ),
    "min at a tie": (lambda x: jnp.minimum(x, -x), 0.0, [0, None, None]),
    "clip at its lower end": (lambda x: jnp.clip(x, 0, 1), 0.0, [0, None, None]),
    "clip at its upper end": (lambda x: jnp.clip(x, 0, 1), 1.0, [1, None, None]),
    "clamp at its end": (lambda x: lax.clamp(0.0, x, 1.0), 1.0, [1, None, None]),
    "relu": (nn.relu, 0.0, [0, None, 0]),
    "relu beyond": (nn.relu, 1.0, [1, 1, 0, 0]),
    "relu squared": (lambda x: nn.relu(x) ** 2, 0.0, [0, 0, None]),
    "relu6 at 6": (nn.relu6, 6.0, [6, None, None]),
    "leaky relu": (nn.leaky_relu, 0.0, [0, None, None]),
    "elu": (nn.elu, 0.0, [0, 1, None, None]),
    "selu": (nn.selu, 0.0, [0, None, None]),
    "hard tanh": (nn.hard_tanh, 1.0, [1, None, None]),
    "hard swish": (nn.hard_swish, 3.0, [3, None, None]),
    "sort at a tie": (lambda x: jnp.sort(v(x, -x))[0], 0.0, [0, None, None]),
    "sum of a sort at a tie": (lambda x: jnp.sum(jnp.sort(v(x, 2 * x))), 0.0, [0, 3, 0]),
    "reduce_max at a tie": (lambda x: jnp.max(v(x, -x)), 0.0, [0, None, None]),
    "pool at a tie": (
        lambda x: lax.reduce_window(v(x, x), -INF, lax.max, (2,), (1,), "VALID")[0],
        0.5, [0.5, 1, 0],
    ),
    "cummax at a tie": (lambda x: lax.cummax(v(x, x, x))[2], 0.5, [0.5, 1, 0]),
    "guarded by where": (
        lambda x: jnp.where(x > 0, jnp.sqrt(x), 0.0), -1.0, [0, 0, 0],
    ),
    "guarded twice": (
        lambda x: jnp.where(x > 0, jnp.sqrt(jnp.where(x > 0, x, 1.0)), 0.0), -1.0,
        [0, 0, 0],
    ),
    "guarded twice, at the edge": (
        lambda x: jnp.where(x > 0, jnp.sqrt(jnp.where(x > 0, x, 1.0)), 0.0), 0.0,
        [0, None, None],
    ),
    "guarded logarithm": (
        lambda x: jnp.where(x > 1, jnp.log(x), x - 1), 0.0, [-1, 1, 0, 0],
    ),
    "guarded division": (
        lambda x: jnp.where(x == 0, 0.0, 1 / x) + x, 0.0, [0, None, None],
    ),
    "product with zeros": (lambda x: jnp.prod(v(x, 2 * x, 3.0)), 0.0, [0, 0, 6, 0]),
    "running product": (lambda x: jnp.cumprod(v(x, x, 3.0))[2], 0.0, [0, 0, 3, 0]),
    "determinant": (lambda x: jnp.linalg.det(jnp.diag(v(x, x))), 0.0, [0, 0, 1, 0]),
    "determinant of rank 2": (
        lambda x: jnp.linalg.det(jnp.diag(v(x, 1.0, 2.0))), 0.0, [0, 2, 0, 0],
    ),
    "equal eigenvalues": (
        lambda x: jnp.sum(jnp.linalg.eigvalsh(x * jnp.eye(2)) ** 2), 1.0, [2, 4, 2],
    ),
    "crossing eigenvalues": (
        lambda x: jnp.linalg.eigvalsh(jnp.diag(v(x, -x)))[1], 0.0, [0, None, None],
    ),
    "singular solve": (
        lambda x: jnp.linalg.solve(x * jnp.eye(2), jnp.ones(2))[0], 0.0, NONE,
    ),
    "cholesky of zero": (
        lambda x: jnp.linalg.cholesky(jnp.diag(v(x, 1.0)))[0, 0], 0.0, [None] * 3,
    ),
    "slogdet of singular": (
        lambda x: jnp.linalg.slogdet(jnp.diag(v(x, 1.0)))[1], 0.0, NONE,
    ),
}  # fmt: skip

LOGARITHMS: Mapping[str, Case] = {
    "log": (jnp.log, 0.0, NONE),
    "log below 0": (jnp.log, -1.0, NONE),
    "log1p": (jnp.log1p, -1.0, NONE),
    "log1p of tiny": (jnp.log1p, 1e-15, [1e-15, 1, -0.5, 1 / 3, -0.25]),
    "expm1 of tiny": (jnp.expm1, 1e-20, [1e-20, 1, 0.5, 1 / 6]),
    "xlogy": (lambda x: js.xlogy(x, x), 0.0, [0, None, None]),
    "xlogy of 0 and x": (lambda x: js.xlogy(0.0, x), 2.0, [0, 0, 0]),
    "xlogy of 0 and 0": (lambda x: js.xlogy(0.0, x), 0.0, [0, None, None]),
    "xlogy of x and 2": (lambda x: js.xlogy(x, 2.0), 0.0, [0, math.log(2), 0, 0]),
    "xlog1py": (lambda x: js.xlog1py(x, x), 0.0, [0, 0, 1, -0.5, 1 / 3]),
    "entropy": (js.entr, 0.0, [0, None, None]),
    "entropy below 0": (js.entr, -1.0, NONE),
    "relative entropy": (lambda x: js.rel_entr(x, 0.5), 0.0, [0, None, None]),
    "logit": (js.logit, 0.0, NONE),
    "1/x": (lambda x: 1 / x, 0.0, NONE),
    "x/x": (lambda x: x / x, 0.0, NONE),
    "0/x": (lambda x: 0.0 / x, 0.0, NONE),
    "x**2/x": (lambda x: x * x / x, 0.0, NONE),
    "1/x far out": (lambda x: 1 / x, 1e100, [1e-100, -1e-200, 1e-300, 0]),
    "atan2(x, x)": (lambda x: jnp.arctan2(x, x), 0.0, [None, None, None]),
    "atan2(x, 1)": (lambda x: jnp.arctan2(x, 1.0), 0.0, [0, 1, 0, -1 / 3, 0]),
    "atan2(x, -1)": (lambda x: jnp.arctan2(x, -1.0), 0.0, [PI, None, None]),
    "atan2(1, x)": (lambda x: jnp.arctan2(1.0, x), 0.0, [PI / 2, -1, 0, 1 / 3, 0]),
    "atan2(-1, x)": (lambda x: jnp.arctan2(-1.0, x), 0.0, [-PI / 2, 1, 0, -1 / 3]),
    "atan2(x, 0)": (lambda x: jnp.arctan2(x, 0.0), 1.0, [PI / 2, 0, 0, 0]),
    "atan2(0, x)": (lambda x: jnp.arctan2(0.0, x), 1.0, [0, 0, 0, 0]),
    "atan2(x, 0) at 0": (lambda x: jnp.arctan2(x, 0.0), 0.0, [None, None, None]),
    "angle": (lambda x: jnp.angle(x + 0j), 0.0, [None, None, None]),
    "complex sqrt": (lambda x: jnp.sqrt(x + 0j).real, 0.0, [0, None, None]),
    "complex log": (lambda x: jnp.log(x + 0j).real, 0.0, NONE),
    "acos": (jnp.arccos, 1.0, [0, None, None]),
    "asin": (jnp.arcsin, -1.0, [-PI / 2, None, None]),
    "acosh": (jnp.arccosh, 1.0, [0, None, None]),
    "atanh": (jnp.arctanh, 1.0, NONE),
    "asinh far out": (jnp.arcsinh, -1e9, smooth(mp.asinh, -1e9)),
    "asinh very far out": (jnp.arcsinh, 1e200, [461.2101657793691, 1e-200, 0, 0]),
    "acosh very far out": (jnp.arccosh, 1e200, [461.2101657793691, 1e-200, 0, 0]),
    "atan very far out": (jnp.arctan, 1e200, flat(PI / 2, 3)),
    "atanh of tiny": (jnp.arctanh, 1e-12, [1e-12, 1, 1e-12, 1 / 3]),
    "lgamma": (lax.lgamma, 0.0, NONE),
    "digamma": (lax.digamma, -1.0, NONE),
    "erf_inv": (lax.erf_inv, 1.0, NONE),
    "erf_inv at 0": (lax.erf_inv, 0.0, smooth(mp.erfinv, 0)),
    "i0": (js.i0, 0.0, [1, 0, 0.25, 0]),
    "i1": (js.i1, 0.0, [0, 0.5, 0, 1 / 16]),
    # From the right, like |x|, so that exp|x| i0e(x) is smooth.
    "i0e": (lax.bessel_i0e, 0.0, [1, -1, 0.75]),
    "i1e": (lax.bessel_i1e, 0.0, [0, 0.5, -0.5]),
    "igamma(1, x)": (lambda x: lax.igamma(1.0, x), 0.0, [0, 1, -0.5, 1 / 6]),
    "igamma(3, x)": (lambda x: lax.igamma(3.0, x), 0.0, [0, 0, 0, 1 / 6]),
    "betainc(2, 1, x)": (lambda x: js.betainc(2.0, 1.0, x), 0.0, [0, 0, 1, 0]),
}  # fmt: skip

SATURATED: Mapping[str, Case] = {
    f"{name} at {point:g}": (fun, point, flat(value))
    for name, fun, low, high in [
        ("tanh", jnp.tanh, -1.0, 1.0),
        ("sigmoid", nn.sigmoid, 0.0, 1.0),
        ("erf", lax.erf, -1.0, 1.0),
        ("erfc", lax.erfc, 2.0, 0.0),
    ]
    for point, value in [(-1e3, low), (1e3, high)]
} | {
    f"{name} at {point:g}": (fun, point, [point * slope, slope, *[0.0] * 9])
    for name, fun in [
        ("softplus", nn.softplus),
        ("gelu", nn.gelu),
        ("exact gelu", lambda x: nn.gelu(x, approximate=False)),
        ("silu", nn.silu),
        ("relu", nn.relu),
        ("mish", nn.mish),
        ("logaddexp", lambda x: jnp.logaddexp(x, 0.3)),
        ("logsumexp", lambda x: nn.logsumexp(v(x, 0.0, -INF))),
    ]
    for point, slope in [(-1e3, 0.0), (1e3, 1.0)]
    if (name, point) != ("logaddexp", -1e3)
}  # fmt: skip

TAILS: Mapping[str, Case] = {
    "logaddexp at -1000": (lambda x: jnp.logaddexp(x, 0.3), -1e3, flat(0.3)),
    "log_sigmoid at -1000": (nn.log_sigmoid, -1e3, [-1e3, 1, *[0] * 9]),
    "log_sigmoid at 1000": (nn.log_sigmoid, 1e3, flat(0.0)),
    "soft sign at 1000": (nn.soft_sign, 1e3, smooth(lambda x: x / (1 + x), 1000, 6)),
    "elu at -1000": (nn.elu, -1e3, flat(-1.0)),
    "tanh at 20": (jnp.tanh, 20.0, flat(1.0)),
    "sigmoid at 40": (nn.sigmoid, 40.0, smooth(lambda x: 1 / (1 + mp.exp(-x)), 40)),
    "sigmoid at -40": (nn.sigmoid, -40.0, smooth(lambda x: 1 / (1 + mp.exp(-x)), -40)),
    "exp at -1000": (jnp.exp, -1e3, flat(0.0)),
    "exp at 800": (jnp.exp, 800.0, NONE),
    "exp2 at -2000": (jnp.exp2, -2e3, flat(0.0)),
    "expm1 at -1000": (jnp.expm1, -1e3, flat(-1.0)),
    "cosh at 800": (jnp.cosh, 800.0, NONE),
    "erf at 5": (lax.erf, 5.0, smooth(mp.erf, 5)),
    "erfc at 20": (lax.erfc, 20.0, smooth(mp.erfc, 20)),
    "log_ndtr at -50": (js.log_ndtr, -50.0, smooth(lambda x: mp.log(mp.ncdf(x)), -50)),
    "ndtr at -30": (js.ndtr, -30.0, smooth(mp.ncdf, -30)),
    "tan near its pole": (jnp.tan, 1.57, smooth(mp.tan, 1.57)),
    "logaddexp with -inf": (lambda x: jnp.logaddexp(x, -INF), 0.3, [0.3, 1, 0, 0]),
    "logaddexp with inf": (lambda x: jnp.logaddexp(x, INF), 0.3, NONE),
    "logaddexp of equals": (
        lambda x: jnp.logaddexp(x, x), 0.3, [0.3 + math.log(2), 1, 0, 0],
    ),
    "logsumexp with -inf": (lambda x: nn.logsumexp(v(x, -INF)), 0.3, [0.3, 1, 0, 0]),
    "logsumexp of large": (
        lambda x: nn.logsumexp(v(x, 1e3 + x)), 1.0, [1001, 1, 0, 0],
    ),
    "logsumexp with a zero weight": (
        lambda x: nn.logsumexp(v(x, 2 * x), b=np.array([1.0, 0.0])), 1.0, [1, 1, 0, 0],
    ),
    "cumlogsumexp with -inf": (
        lambda x: lax.cumlogsumexp(v(-INF, x, 1e3))[1], 0.3, [0.3, 1, 0, 0],
    ),
    "softmax of large": (lambda x: nn.softmax(v(1e3 * x, 0, -1e3))[0], 1.0, flat(1.0)),
    "log_softmax of large": (
        lambda x: nn.log_softmax(v(1e3 + x, 0.0))[1], 1.0, [-1001, -1, 0, 0],
    ),
    "softmax with a mask": (
        lambda x: nn.softmax(v(x, -INF, x))[0], 1.0, [0.5, 0, 0, 0],
    ),
    "sinc": (jnp.sinc, 0.0, [1, 0, -(PI**2) / 6, 0, PI**4 / 120]),
    "softplus at 0": (nn.softplus, 0.0, [math.log(2), 0.5, 0.125, 0, -1 / 192]),
}  # fmt: skip

CASES = {**POWERS, **STEPS, **LOGARITHMS, **SATURATED, **TAILS}
