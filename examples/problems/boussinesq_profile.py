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

BOUNDS = (1.5, 2.5)
"""The interval in which λ is sought; it leaves out the unstable profiles."""
SLOWNESS = 20

NAMES = ("Omega", "Phi", "Psi", "U1", "U2")
PARITY = (-1, -1, 1, -1, 1)
"""Of the fields under z1 -> -z1."""
FIXED_AT_ORIGIN = (1, 0, 0, 1, 1)
"""Fields whose first Taylor coefficient at the origin is given."""

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


def position(point: Array) -> Array:
    """Returns y = sinh z, odd to the last bit, which `jnp.sinh` is not; any shape."""
    return (jnp.sinh(point) - jnp.sinh(-point)) / 2


def distance(point: Array) -> Array:
    """Returns (1 + |y|²)^(1/2) at a point z, (..., 2) -> (...)."""
    return jnp.sqrt(1 + jnp.sum(position(point) ** 2, axis=-1))


def features(point: Array, decay: Array) -> Array:
    """Returns (r^-decay, (y1/r)², y2/r), r = (1 + |y|²)^(1/2), at z: (2,) -> (3,).

    They are even in y1, to the last bit, and so is every function of them. A smooth one
    has gradients of size 1/r, as the solution has, and a limit in every direction; one of
    z alone varies across the axes however far away.
    """
    r = distance(point)
    across, up = position(point) / r
    return jnp.array([r**-decay, across**2, up])


def eigenvalue_of(raw: Array) -> Array:
    """Maps any real number into `BOUNDS`, 0 to their middle.

    Slowly, so that a damped step moves the fields rather than λ while they are far off.
    """
    low, high = BOUNDS
    return low + (high - low) * jax.nn.sigmoid(raw / SLOWNESS)


def constrained(
    field: Callable[[Any, Array], Array],
) -> Callable[[tuple[Any, Array], Array], Array]:
    """Makes any field(weights, features), (3,) -> (5,), obey what is known.

    The fields are smooth functions of `features` times the powers of r that balance
    y·∇ far away: Ω and ∇U decay like r^-p, Φ and Ψ like r^-2p, p = 1/(1 + λ), and what
    follows are powers of r^-p. Parity holds to the last bit; U2 vanishes at the wall; the
    velocity begins with -(3 + λ)/2 y1 at the origin for a λ in `BOUNDS`, which leaves out
    the branches Φ = Ψ = 0; and the vorticity with -y1.

    Returns:
        apply((weights, raw λ), point), (2,) -> (5,).
    """

    def apply(params: tuple[Any, Array], point: Array) -> Array:
        lam = eigenvalue_of(params[1])
        decay = 1 / (1 + lam)
        given = jnp.stack([-1, 0, 0, -(3 + lam) / 2, (3 + lam) / 2])
        origin = field(params[0], jnp.array([1.0, 0.0, 0.0]))
        even = field(params[0], features(point, decay))
        even = even - origin * jnp.array(FIXED_AT_ORIGIN) + given
        across, up = position(point) / distance(point)
        odd = jnp.array([across, across, 1, across, up])
        power = jnp.stack([-decay, -2 * decay, -2 * decay, 1 - decay, 1 - decay])
        return even * odd * distance(point) ** power

    return apply


def far_and_near(key: Array, count: int, extent: float) -> Array:
    """Draws points z with |y| < sinh(extent), (count, 2), more of them near the origin.

    Angles are uniform, and so is the square root of asinh |y|.
    """
    keys = jax.random.split(key)
    radius = jnp.sinh(extent * jax.random.uniform(keys[0], (count,)) ** 2)
    angle = jnp.pi / 2 * jax.random.uniform(keys[1], (count,))
    plane = jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)
    return jnp.arcsinh(radius[:, None] * plane)


def around_origin(count: int, radius: float) -> Array:
    """Returns a grid of [0, radius]², (count², 2)."""
    axis = jnp.linspace(0, radius, count)
    return jnp.stack(jnp.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
