"""Polynomials as networks: linear in their parameters, so that Newton's method is at home.

To the compiler they are functions of parameters and a point like any other.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array


def chebyshev(x: Array, degree: int) -> Array:
    """Returns T_0 ... T_degree at one number, () -> (degree + 1,).

    By T_{m+j} = 2 T_m T_j - T_{m-j}, which doubles the list, so that a push through it
    compiles as fast as one through a few layers.
    """
    values = jnp.stack([jnp.ones_like(x), x])
    while (last := len(values) - 1) < degree:
        above = 2 * values[last] * values[1:] - values[last - 1 :: -1]
        values = jnp.concatenate([values, above])
    return values[: degree + 1]


def exponents(degree: int) -> np.ndarray:
    """Returns all (i, j) with 2i + j <= degree, (count, 2)."""
    pairs = [(i, j) for i in range(degree // 2 + 1) for j in range(degree + 1 - 2 * i)]
    return np.array(pairs)


def half_disc(point: Array, degree: int) -> Array:
    """Returns a basis of polynomials on half of the unit disc, even in the first variable.

    The products T_i(2a² - 1) T_j(2b - 1) of `exponents(degree)` at a point (a, b), b >= 0.
    """
    i, j = exponents(degree).T
    across = chebyshev(2 * point[0] ** 2 - 1, max(degree // 2, 1))
    return across[i] * chebyshev(2 * point[1] - 1, max(degree, 1))[j]


def raised(weights: Array, before: int, degree: int) -> Array:
    """Returns weights of the same polynomials in the basis of a higher degree.

    Args:
        weights: of the basis of degree `before`, (count, fields).
        before: that degree.
        degree: the new one.
    """
    places = {tuple(pair): n for n, pair in enumerate(exponents(degree))}
    where = np.array([places[tuple(pair)] for pair in exponents(before)])
    return jnp.zeros((len(places), weights.shape[1])).at[where].set(weights)
