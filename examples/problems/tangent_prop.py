"""A function that is known at a few points, with or without its derivatives there.

Simard, Victorri, LeCun, Denker, "Tangent Prop", NIPS 4 (1991): what a network learns of a
function can be its values, or values and derivatives. Here any order.
"""

import jax.numpy as jnp
import sympy as sp
from jax import Array

import opcompiler as oc

x = sp.Symbol("x")
u = sp.Function("u")(x)
target = sp.sin(2 * x) + sp.cos(5 * x) / 3
SAMPLES = (-1.6, -0.8, 0.1, 0.8, 1.5)
DOMAIN = (-2.0, 2.0)


def constraints(order: int) -> tuple[sp.Expr, ...]:
    """Returns what is to vanish at the samples: u - f and its derivatives to an order."""
    return oc.sobolev(u - target, order, x)


def samples() -> Array:
    """Returns the points where the target is known, (5, 1)."""
    return jnp.array(SAMPLES)[:, None]


def exact(points: Array) -> Array:
    """Evaluates the target, any shape."""
    return jnp.sin(2 * points) + jnp.cos(5 * points) / 3
