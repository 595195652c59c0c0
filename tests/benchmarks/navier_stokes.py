"""2D Navier-Stokes: {t, x, y, Laplacian} of three fields on one network."""

import folx
import jax
import jax.numpy as jnp
from jax.experimental.jet import jet

import opcompiler as oc
from opcompiler.demo.problems import navier_stokes
from tests.benchmarks.network import apply
from tests.benchmarks.timing import Row

NU = 0.01


def equations(f, f_t, f_x, f_y, laplacian):
    """The residuals from the derivatives of (u, v, p)."""
    flow = f_t + f[0] * f_x + f[1] * f_y - NU * laplacian
    return jnp.stack([flow[0] + f_x[2], flow[1] + f_y[2], f_x[0] + f_y[1]])


def per_point(residual):
    """Maps a residual of one point over all."""
    return lambda params, points: (
        jax.vmap(lambda z: residual(lambda z: apply(params, z), z))(points).T
    )


def unit(axis, like):
    return jnp.zeros_like(like).at[axis].set(1)


def slope(fun, axis):
    return lambda z: jax.jvp(fun, (z,), (unit(axis, z),))[1]


def nested(net, z):
    """Forward over forward; values and first derivatives fall out of the second."""
    f, f_t = jax.jvp(net, (z,), (unit(0, z),))
    seconds = []
    for axis in (1, 2):
        seconds.append(jax.jvp(slope(net, axis), (z,), (unit(axis, z),)))
    (f_x, f_xx), (f_y, f_yy) = seconds
    return equations(f, f_t, f_x, f_y, f_xx + f_yy)


def univariate(net, z):
    """Two jets of order 2, one of order 1."""
    f, (f_t,) = jet(net, (z,), ((unit(0, z),),))
    zero = jnp.zeros_like(z)
    _, (f_x, f_xx) = jet(net, (z,), ((unit(1, z), zero),))
    _, (f_y, f_yy) = jet(net, (z,), ((unit(2, z), zero),))
    return equations(f, f_t, f_x, f_y, f_xx + f_yy)


def forward_laplacian(net, z):
    """folx over (x, y), which also gives their Jacobian; t by one jvp."""
    f_t = slope(net, 0)(z)
    plane = folx.forward_laplacian(lambda xy: net(jnp.concatenate([z[:1], xy])))
    found = plane(z[1:])
    f_x, f_y = found.jacobian.dense_array
    return equations(found.x, f_t, f_x, f_y, found.laplacian)


def row() -> Row:
    given = navier_stokes()
    residual = oc.compile(
        [given[k] for k in ("momentum x", "momentum y", "continuity")],
        fields=["u", "v", "p"],
    )
    bound = residual.bind(apply)
    return Row(
        "Navier-Stokes 2D", 3, 3, residual.plan.channels,
        {
            "opcompiler": lambda params, points: jnp.stack(bound(params, points, nu=NU)),
            "nested jvp": per_point(nested),
            "jax.experimental.jet": per_point(univariate),
            "folx": per_point(forward_laplacian),
        },
    )  # fmt: skip
