"""All derivatives 0...n of a function of one variable (n-TangentProp's figure)."""

import jax.numpy as jnp
import sympy as sp
from jax.experimental.jet import jet

import opcompiler as oc
from tests.benchmarks.navier_stokes import per_point, slope
from tests.benchmarks.network import apply
from tests.benchmarks.timing import Row


def nested(order):
    """Each derivative by its own nest of jvps."""

    def residual(net, z):
        derivatives, fun = [net(z)], net
        for _ in range(order):
            fun = slope(fun, 0)
            derivatives.append(fun(z))
        return jnp.stack(derivatives)

    return residual


def univariate(order):
    """One jet."""

    def residual(net, z):
        series = [jnp.ones_like(z)] + [jnp.zeros_like(z)] * (order - 1)
        value, derivatives = jet(net, (z,), (series,))
        return jnp.stack([value, *derivatives])

    return residual


def row(order: int, hidden: tuple[int, ...] = (128,) * 3, points: int = 1024) -> Row:
    x = sp.Symbol("x")
    u = sp.Function("u")(x)
    residual = oc.compile([u, *(u.diff(x, k) for k in range(1, order + 1))])
    bound = residual.bind(apply)
    return Row(
        f"derivatives 0...{order}", 1, 1, residual.plan.channels,
        {
            "opcompiler": lambda params, points: jnp.stack(bound(params, points)),
            "nested jvp": per_point(nested(order)),
            "jax.experimental.jet": per_point(univariate(order)),
        },
        hidden, points,
    )  # fmt: skip
