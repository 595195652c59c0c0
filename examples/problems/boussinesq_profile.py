r"""The self-similar blow-up of the Boussinesq equations with a wall, in 2D.

Vorticity Ω, velocity (U1, U2) and temperature gradient (Φ, Ψ) on the half-plane y2 >= 0,
and the number λ. With $W = (1+\lambda) y + U$,

    transport of Ω    Ω + W·∇Ω - Φ = 0
    transport of Φ    (2 + ∂1 U1) Φ + W·∇Φ + ∂1 U2 Ψ = 0
    transport of Ψ    (2 + ∂2 U2) Ψ + W·∇Ψ + ∂2 U1 Φ = 0
    incompressible    ∂1 U1 + ∂2 U2 = 0
    vorticity         Ω - (∂1 U2 - ∂2 U1) = 0
    gradient          ∂1 Ψ - ∂2 Φ = 0

U1, Ω, Φ are odd in y1, U2 and Ψ even; U2 = 0 at the wall; ∂1 Ω(0, 0) = -1 fixes the scale;
far away ∇U, Φ, Ψ vanish.

Two functions are enough. With U = (-∂2 ψ, ∂1 ψ), Ω = Δψ, and (Φ, Ψ) = ∇ρ the last three
equations hold, and the second and the third are the gradient of one. What is left is
`reduced`, of order three:

    Δψ + W·∇Δψ - ∂1 ρ = 0
    W·∇ρ - (λ - 1) ρ = 0

What is known of a smooth solution, from the first Taylor coefficients at the origin:

* $\partial_1 U_1(0, 0) = -(3+\lambda)/2$, else Φ has no linear part; so all of W points
  away from the origin, at the rates (λ-1)/2 along the wall and (5+3λ)/2 across;
* ∂1 Φ(0, 0) = -(1+λ)/2, from the gauge;
* along the axis y1 = 0 the second equation leaves a power of y2 that is not smooth, so ρ
  has the factor y1²;
* far away y·∇ balances: ∇ψ ~ r^(1-p), ρ ~ r^(1-2p), p = 1/(1+λ), and what follows are
  powers of r^-p.

Source: Wang, Lai, Gómez-Serrano, Buckmaster, PRL 130, 244002 (2023), arXiv 2201.06780. The
reduction to two functions and its Taylor coefficients: derived here.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax import Array

import opcompiler as oc

REFERENCE = 1.9205599746927
"""λ of the stable profile (Wang et al., arXiv 2509.14185, 2025)."""

NAMES = ("Omega", "Phi", "Psi", "U1", "U2")
PARITY = (-1, -1, 1, -1, 1)
"""Of the fields under y1 -> -y1."""

y1, y2, lam = sp.symbols("y1 y2 lambda")
Omega, Phi, Psi, U1, U2 = [sp.Function(name)(y1, y2) for name in NAMES]
psi, rho = [sp.Function(name)(y1, y2) for name in ("psi", "rho")]


def carried(field: sp.Expr, first: sp.Expr, second: sp.Expr) -> sp.Expr:
    """Returns W·∇ of a field, for the velocity (first, second)."""
    along1 = ((1 + lam) * y1 + first) * field.diff(y1)
    return along1 + ((1 + lam) * y2 + second) * field.diff(y2)


residuals = {
    "transport of Omega": Omega + carried(Omega, U1, U2) - Phi,
    "transport of Phi": (2 + U1.diff(y1)) * Phi
    + carried(Phi, U1, U2)
    + U2.diff(y1) * Psi,
    "transport of Psi": (2 + U2.diff(y2)) * Psi
    + carried(Psi, U1, U2)
    + U1.diff(y2) * Phi,
    "incompressible": U1.diff(y1) + U2.diff(y2),
    "vorticity": Omega - (U2.diff(y1) - U1.diff(y2)),
    "gradient": Psi.diff(y1) - Phi.diff(y2),
}

by_potentials = {
    Omega: psi.diff(y1, 2) + psi.diff(y2, 2),
    Phi: rho.diff(y1),
    Psi: rho.diff(y2),
    U1: -psi.diff(y2),
    U2: psi.diff(y1),
}
"""The five fields, from two."""

_velocity = by_potentials[U1], by_potentials[U2]
reduced = {
    "transport of Omega": by_potentials[Omega]
    + carried(by_potentials[Omega], *_velocity)
    - by_potentials[Phi],
    "transport of rho": carried(rho, *_velocity) - (lam - 1) * rho,
}

eigenvalue = -3 - 2 * U1.diff(y1)
"""λ, at the origin."""
gauge = Omega.diff(y1) + 1
"""Zero at the origin."""


def family(order: int) -> list[sp.Expr]:
    """Returns all residuals and their derivatives by y1 and y2 up to an order."""
    every = residuals.values()
    return [d for r in every for d in oc.sobolev(r, order, [y1, y2])]


def members(order: int) -> int:
    """Returns how many derivatives of one residual `family` has."""
    return (order + 1) * (order + 2) // 2


LENGTHS = (1.0, 8.0)
"""Along the wall and away from it; far from the wall, the solution's layer along the axis
y1 = 0 has about this ratio."""


def radius(point: Array) -> Array:
    """Returns R = (1 + y1²/l1² + y2²/l2²)^(1/2), (2,) -> ()."""
    return jnp.sqrt(1 + jnp.sum((point / jnp.array(LENGTHS)) ** 2))


def disc(point: Array, lam: Array) -> Array:
    """Maps the half-plane onto half of the unit disc, (2,) -> (2,).

    y goes to (y1/l1, y2/l2) (1 - R^-p/2)/R: smooth and odd at the origin, and far away the
    distance from the circle is R^-p/2, in whose powers the solution goes on.
    """
    r = radius(point)
    return point / jnp.array(LENGTHS) * (1 - r ** (-1 / (1 + lam)) / 2) / r


def constrained(
    field: Callable[[Any, Array], Array],
) -> Callable[[tuple[Any, Array], Array], Array]:
    """Makes any field(weights, place), (2,) -> (2,), obey what is known.

    ψ = y1 y2 R^-p P, ρ = y1² R^(-1-2p) Q, with P = (3+λ)/2 and Q = -(1+λ)/4 at the origin,
    and P, Q even in y1. λ is free: no branch with Φ = 0 satisfies this, nor does any bound
    enter.

    Args:
        field: even in its first variable, on the half disc, or any function of the squares.

    Returns:
        apply((weights, λ), point), (2,) -> (ψ, ρ).
    """

    def apply(params: tuple[Any, Array], point: Array) -> Array:
        weights, lam = params
        given = jnp.stack([(3 + lam) / 2, -(1 + lam) / 4])
        change = field(weights, disc(point, lam)) - field(weights, jnp.zeros(2))
        r = radius(point)
        s = r ** (-1 / (1 + lam))
        growth = jnp.stack([point[0] * point[1] * s, point[0] ** 2 * s**2 / r])
        return growth * (given + change)

    return apply


def scales(point: Array, lam: Array) -> Array:
    """Returns the size of the terms of both `reduced` equations at a point, (2,).

    With what all of a residual's terms have as a factor: y1 and y1², and the powers of R.
    """
    r = radius(point)
    s = r ** (-1 / (1 + lam))
    across = point[0] / r
    return jnp.stack([across * s, across**2 * r * s**2])


def collocation(along: int, around: int, nearest: float = 1e-3) -> np.ndarray:
    """Returns points of the quarter-plane as the disc sees it, (along·around, 2).

    In the angle, and in σ with R^-1/3 = 1 - σ², which runs from the origin to R^-1/3 =
    2·nearest: |y| is about 1e8 there. They are one half of Gauss's points of an interval
    twice as long, so that they are dense where polynomials on the half disc are steep, at
    the wall and far away, and not at the origin and the axis y1 = 0, which lie inside.
    Gauss's points of the intervals themselves are as many and too few between: a fit of
    degree 80 that is exact to 1e-8 at them is wrong by 1e-5 elsewhere.
    """
    half = lambda count: np.polynomial.legendre.leggauss(2 * count)[0][count:]
    s = 1 - (half(along) * (1 - nearest)) ** 2
    angle = np.pi / 2 * (1 - half(around))
    r = np.sqrt(s**-6 - 1)[:, None]
    places = np.stack([r * np.cos(angle), r * np.sin(angle)], axis=-1)
    return (places * np.array(LENGTHS)).reshape(-1, 2)
