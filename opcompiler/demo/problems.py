"""The equations of the demo twice: in SymPy, and by hand in nested forward mode.

By hand, nothing is taken from opcompiler. Each function evaluates the residuals at one
point, for a network (d,) -> () or (m,). What can be shared is shared: one `jvp` serves all
outputs, and the second derivative along a direction brings the value and the first
derivative with it.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import sympy as sp
from jax import Array
from sympy.core.function import AppliedUndef

Field = Callable[[Array], Array]

t, x, y, nu = sp.symbols("t x y nu")


def burgers() -> sp.Expr:
    """Returns the viscous Burgers equation u_t + u u_x - nu u_xx."""
    u = sp.Function("u")(t, x)
    return u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2)


def burgers_with_slope() -> dict[str, sp.Expr]:
    """Returns Burgers' equation and u_x beside it, which costs no channel more."""
    u = sp.Function("u")(t, x)
    return {"residual": burgers(), "slope": u.diff(x)}


def navier_stokes() -> dict[str, sp.Expr]:
    """Returns the incompressible Navier-Stokes equations in 2D, for u, v and p."""
    u, v, p = (sp.Function(name)(t, x, y) for name in "uvp")

    def momentum(w: sp.Expr, gradient: sp.Expr) -> sp.Expr:
        transport = w.diff(t) + u * w.diff(x) + v * w.diff(y)
        return transport + gradient - nu * (w.diff(x, 2) + w.diff(y, 2))

    return {
        "continuity": u.diff(x) + v.diff(y),
        "momentum x": momentum(u, p.diff(x)),
        "momentum y": momentum(v, p.diff(y)),
    }


def short(expr: sp.Expr) -> str:
    """Returns an equation as text with subscripts, `u_xx` for a derivative of u."""
    names: dict[sp.Basic, sp.Symbol] = {}
    for derivative in expr.atoms(sp.Derivative):
        below = "".join(str(p.args[0]) * p.args[1] for p in derivative.variable_count)
        names[derivative] = sp.Symbol(f"{derivative.expr.func}_{below}")
    names |= {field: sp.Symbol(str(field.func)) for field in expr.atoms(AppliedUndef)}
    return str(expr.xreplace(names))


def burgers_by_hand(field: Field, point: Array, nu: float | Array) -> Array:
    """Evaluates u_t + u u_x - nu u_xx."""
    e_t, e_x = jnp.eye(2, dtype=point.dtype)
    _, u_t = jax.jvp(field, (point,), (e_t,))
    u, u_x, u_xx = _second(field, point, e_x)
    return u_t + u * u_x - nu * u_xx


def navier_stokes_by_hand(
    field: Field, point: Array, nu: float | Array
) -> dict[str, Array]:
    """Evaluates continuity and both momentum equations, for a network of (u, v, p)."""
    e_t, e_x, e_y = jnp.eye(3, dtype=point.dtype)
    _, w_t = jax.jvp(field, (point,), (e_t,))
    w, w_x, w_xx = _second(field, point, e_x)
    _, w_y, w_yy = _second(field, point, e_y)
    momentum = w_t + w[0] * w_x + w[1] * w_y - nu * (w_xx + w_yy)
    return {
        "continuity": w_x[0] + w_y[1],
        "momentum x": momentum[0] + w_x[2],
        "momentum y": momentum[1] + w_y[2],
    }


def _second(field: Field, point: Array, v: Array) -> tuple[Array, Array, Array]:
    """Returns the value and the first two derivatives along `v`."""

    def first(z: Array) -> tuple[Array, Array]:
        return jax.jvp(field, (z,), (v,))

    (value, d), (_, dd) = jax.jvp(first, (point,), (v,))
    return value, d, dd
