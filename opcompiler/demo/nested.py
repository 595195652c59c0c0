"""The same equations by hand: nested forward mode, nothing taken from opcompiler.

Each function evaluates the residuals at one point, for a network (d,) -> () or (m,).
What can be shared is shared: one `jvp` serves all outputs, and the second derivative
along a direction brings the value and the first derivative with it.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

Field = Callable[[Array], Array]


def burgers(field: Field, point: Array, nu: float | Array) -> Array:
    """Evaluates u_t + u u_x - nu u_xx."""
    e_t, e_x = jnp.eye(2, dtype=point.dtype)
    _, u_t = jax.jvp(field, (point,), (e_t,))
    u, u_x, u_xx = second(field, point, e_x)
    return u_t + u * u_x - nu * u_xx


def navier_stokes(field: Field, point: Array, nu: float | Array) -> dict[str, Array]:
    """Evaluates continuity and both momentum equations, for a network of (u, v, p)."""
    e_t, e_x, e_y = jnp.eye(3, dtype=point.dtype)
    _, w_t = jax.jvp(field, (point,), (e_t,))
    w, w_x, w_xx = second(field, point, e_x)
    _, w_y, w_yy = second(field, point, e_y)
    momentum = w_t + w[0] * w_x + w[1] * w_y - nu * (w_xx + w_yy)
    return {
        "continuity": w_x[0] + w_y[1],
        "momentum x": momentum[0] + w_x[2],
        "momentum y": momentum[1] + w_y[2],
    }


def second(field: Field, point: Array, v: Array) -> tuple[Array, Array, Array]:
    """Returns the value and the first two derivatives along `v`."""

    def first(z: Array) -> tuple[Array, Array]:
        return jax.jvp(field, (z,), (v,))

    (value, d), (_, dd) = jax.jvp(first, (point,), (v,))
    return value, d, dd
