"""Polynomials as networks: the basis against NumPy, degrees raised without a change."""

import jax
import numpy as np

from examples.support import polynomials
from tests.draws import normal


def test_chebyshev_is_numpys() -> None:
    x, degrees = np.linspace(-1, 1, 7), (1, 2, 5, 8, 13)
    each = jax.jit(jax.vmap(lambda x: [polynomials.chebyshev(x, n) for n in degrees]))
    for degree, found in zip(degrees, each(x), strict=True):
        expected = np.polynomial.chebyshev.chebvander(x, degree)
        np.testing.assert_allclose(found, expected, atol=1e-12, err_msg=str(degree))


def test_a_higher_degree_holds_the_same_polynomial() -> None:
    weights = normal(0, (len(polynomials.exponents(5)), 2))

    @jax.jit
    def both(point):
        before = polynomials.half_disc(point, 5) @ weights
        after = polynomials.half_disc(point, 9) @ polynomials.raised(weights, 5, 9)
        return before, after

    np.testing.assert_allclose(*both(np.array([0.3, 0.6])), rtol=1e-12)
