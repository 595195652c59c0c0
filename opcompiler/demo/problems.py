"""Equations in SymPy: what the demo trains, what `opcompiler bench` times by default."""

import sympy as sp

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
