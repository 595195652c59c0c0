"""Polynomials as networks: the basis against NumPy, degrees raised without a change."""

import jax
import jax.numpy as jnp
import numpy as np

from examples.support import polynomials
from tests.draws import normal


def test_chebyshev_is_numpys() -> None:
    x = jnp.linspace(-1, 1, 7)
    for degree in (1, 2, 5, 8, 13):
        found = jax.jit(jax.vmap(lambda x: polynomials.chebyshev(x, degree)))(x)  # noqa: B023
        expected = np.polynomial.chebyshev.chebvander(x, degree)
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_higher_degree_holds_the_same_polynomial() -> None:
    point = jnp.array([0.3, 0.6])
    weights = normal(0, (len(polynomials.exponents(5)), 2))
    before = polynomials.half_disc(point, 5) @ weights
    after = polynomials.half_disc(point, 9) @ polynomials.raised(weights, 5, 9)
    np.testing.assert_allclose(before, after, rtol=1e-12)
