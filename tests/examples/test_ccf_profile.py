"""The profile of Córdoba, Córdoba and Fontelos: its transform, its equation, and λ."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

import opcompiler as oc
from examples import ccf_profile as script

VALUE = 1.2
PARAMS = (
    jax.random.normal(jax.random.key(0), (3, 6)) * 0.5 ** jnp.arange(6), VALUE
)  # fmt: skip
theta = jax.jit(lambda z: script.profile(PARAMS, jnp.array([z]))[0])


@pytest.mark.parametrize("y", [0.4, 3.0])
def test_the_second_function_is_the_transform_of_the_first(y: float) -> None:
    """U(y) = 2y/π ∫ (Θ(z) - Θ(y)) / (y² - z²) dz over z > 0, for an even Θ."""
    at = float(theta(y))
    inner = lambda z: (float(theta(z)) - at) / (y**2 - z**2)
    # z = s / (1 - s), in two parts so that the removable point is an end.
    by_s = lambda s: inner(s / (1 - s)) / (1 - s) ** 2
    middle = y / (1 + y)
    whole = sum(quad(by_s, *ends, limit=200)[0] for ends in [(0, middle), (middle, 1)])
    found = script.profile(PARAMS, jnp.array([y]))[1]
    np.testing.assert_allclose(found, 2 * y / np.pi * whole, rtol=1e-6)


def test_the_equation_is_what_it_says() -> None:
    residual = oc.compile(script.EQUATION, fields=["Theta", "U"]).bind(script.profile)
    points = jnp.array([[0.3], [-2.0], [50.0]])

    def by_hand(point: jax.Array) -> jax.Array:
        values, slopes = jax.jvp(
            lambda q: script.profile(PARAMS, q), (point,), (jnp.ones(1),)
        )
        return -VALUE * values[0] + ((1 + VALUE) * point[0] + values[1]) * slopes[0]

    np.testing.assert_allclose(
        residual(PARAMS, points, **{"lambda": VALUE}),
        jax.vmap(by_hand)(points),
        rtol=1e-9,
    )


def test_even_and_odd_and_flat_at_the_origin() -> None:
    at = lambda y: script.profile(PARAMS, jnp.array([y]))
    np.testing.assert_allclose(at(1.7) * jnp.array([1, -1]), at(-1.7), rtol=1e-12)
    np.testing.assert_allclose(at(0.0), 0, atol=1e-14)


def test_the_eigenvalue() -> None:
    """As 24 powers give it, to ten digits, also from other starts (docs/gallery)."""
    params, size, _ = script.solve(8, 1.0, 100)
    assert size < 1e-6
    assert float(params[1]) == pytest.approx(1.1807776629, abs=1e-6)
