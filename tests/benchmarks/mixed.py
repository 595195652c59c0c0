"""u_xxxy: a mixed derivative of order four."""

import jax.numpy as jnp
import sympy as sp
from jax.experimental.jet import jet

import opcompiler as oc
from tests.benchmarks.navier_stokes import per_point, slope
from tests.benchmarks.network import apply
from tests.benchmarks.timing import Row


def nested(net, z):
    """Four nested jvps."""
    return slope(slope(slope(slope(net, 0), 0), 0), 1)(z)


def stde(net, z):
    """The 9-jet of STDE: slots (2, 3), 1260 u_xxxy + 280 u_yyy at order 9.

    280 u_yyy is removed by a 3-jet along y.
    """
    x, y = jnp.eye(2, dtype=z.dtype)
    zero = jnp.zeros_like(z)
    series = [zero] * 9
    series[1], series[2] = x, y
    _, high = jet(net, (z,), (series,))
    _, low = jet(net, (z,), ([y, zero, zero],))
    return (high[8] - 280 * low[2]) / 1260


def polarised(net, z):
    """xi^3 eta by fourth powers: [(2,1)^4 - (2,-1)^4]/48 - [(1,1)^4 - (1,-1)^4]/24... .

    With q(a) = (a xi + eta)^4 - (a xi - eta)^4 = 8 a^3 xi^3 eta + 8 a xi eta^3, the
    combination q(2) - 2 q(1) is 48 xi^3 eta.
    """
    zero = jnp.zeros_like(z)
    total = 0.0
    for a, weight in ((2.0, 1 / 48), (1.0, -2 / 48)):
        for sign in (1, -1):
            direction = jnp.array([a, sign], z.dtype)
            _, series = jet(net, (z,), ([direction, zero, zero, zero],))
            total = total + sign * weight * series[3]
    return total


def row(hidden: tuple[int, ...]) -> Row:
    x, y = sp.symbols("x y")
    residual = oc.compile(sp.Function("u")(x, y).diff(x, 3, y))
    return Row(
        "u_xxxy", 2, 1, residual.plan.channels,
        {
            "opcompiler": residual.bind(apply),
            "nested jvp": per_point(nested),
            "jax.experimental.jet, polarised": per_point(polarised),
            "STDE 9-jet": per_point(stde),
        },
        hidden,
    )  # fmt: skip
