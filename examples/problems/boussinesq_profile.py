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
far away ∇U, Φ, Ψ vanish. The coordinates are z with y = sinh z, so that a network sees
decay over many decades. The first Taylor coefficient of the second equation at the origin
is $3 + \lambda + 2 \partial_1 U_1(0, 0) = 0$.

Source: Wang, Lai, Gómez-Serrano, Buckmaster, PRL 130, 244002 (2023), arXiv 2201.06780.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import sympy as sp
from jax import Array

import opcompiler as oc

REFERENCE = 1.9205599746927
"""λ of the stable profile (Wang et al., arXiv 2509.14185, 2025)."""

NAMES = ("Omega", "Phi", "Psi", "U1", "U2")
PARITY = (-1, -1, 1, -1, 1)
"""Of the fields under z1 -> -z1."""

z1, z2, lam = sp.symbols("z1 z2 lambda")
Omega, Phi, Psi, U1, U2 = [sp.Function(name)(z1, z2) for name in NAMES]


def d1(field: sp.Expr) -> sp.Expr:
    """Returns the derivative by y1 = sinh z1."""
    return field.diff(z1) / sp.cosh(z1)


def d2(field: sp.Expr) -> sp.Expr:
    """Returns the derivative by y2 = sinh z2."""
    return field.diff(z2) / sp.cosh(z2)


def carried(field: sp.Expr) -> sp.Expr:
    """Returns W·∇ of a field."""
    along1 = ((1 + lam) * sp.sinh(z1) + U1) * d1(field)
    return along1 + ((1 + lam) * sp.sinh(z2) + U2) * d2(field)


residuals = {
    "transport of Omega": Omega + carried(Omega) - Phi,
    "transport of Phi": (2 + d1(U1)) * Phi + carried(Phi) + d1(U2) * Psi,
    "transport of Psi": (2 + d2(U2)) * Psi + carried(Psi) + d2(U1) * Phi,
    "incompressible": d1(U1) + d2(U2),
    "vorticity": Omega - (d1(U2) - d2(U1)),
    "gradient": d1(Psi) - d2(Phi),
}
DECAY = (-1 / 3, -2 / 3, -2 / 3, -1 / 3, -1 / 3, -2 / 3)
"""How the terms of each residual decay, as powers of |y|, at λ = 2."""

eigenvalue = -3 - 2 * U1.diff(z1)
"""λ, at the origin."""
gauge = Omega.diff(z1) + 1
"""Zero at the origin."""


def family(order: int) -> list[sp.Expr]:
    """Returns all residuals and their derivatives by z1 and z2 up to an order."""
    every = residuals.values()
    return [d for r in every for d in oc.sobolev(r, order, [z1, z2])]


def members(order: int) -> int:
    """Returns how many derivatives of one residual `family` has."""
    return (order + 1) * (order + 2) // 2


def distance(point: Array) -> Array:
    """Returns (1 + |y|²)^(1/2) at a point z, (..., 2) -> (...)."""
    return jnp.sqrt(1 + jnp.sum(jnp.sinh(point) ** 2, axis=-1))


def constrained(
    field: Callable[[Any, Array], Array],
) -> Callable[[Any, Array], Array]:
    """Makes any apply(params, point), (2,) -> (5,), obey parity, wall and decay.

    Parity holds to the last bit; U2 vanishes at the wall; the fields are bounded
    functions times the powers of |y| that the equations have far away at λ = 2.
    """
    parity = jnp.array(PARITY)
    power = jnp.array([-1 / 3, -2 / 3, -2 / 3, 2 / 3, 2 / 3])

    def apply(params: Any, point: Array) -> Array:
        mirrored = point * jnp.array([-1.0, 1.0])
        values = (field(params, point) + parity * field(params, mirrored)) / 2
        values = values * distance(point) ** power
        return values.at[4].multiply(jnp.tanh(point[1]))

    return apply


def far_and_near(key: Array, count: int, extent: float) -> Array:
    """Draws points z of [0, extent]², (count, 2), denser at the axes and the origin."""
    return extent * jax.random.uniform(key, (count, 2)) ** 1.5


def around_origin(count: int, radius: float) -> Array:
    """Returns a grid of [0, radius]², (count², 2)."""
    axis = jnp.linspace(0, radius, count)
    return jnp.stack(jnp.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
