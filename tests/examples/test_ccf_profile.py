"""The profiles of Córdoba, Córdoba and Fontelos' equation: transform, equation, both λ."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import opcompiler as oc
from examples import ccf_profile as script

VALUE = 0.9
S = script.grid(800)
BUMP = 0.3 * np.exp(-((S - 0.4) ** 2))
# Not a solution: p = 1.8 at the origin and a bump on the way.
ANY = script.start(800, VALUE)
DRIFT = np.asarray(ANY.drift)
ANY = ANY._replace(drift=DRIFT + (VALUE / 1.8 - DRIFT[0]) / (1 + np.exp(2 * S)) + BUMP)
profile = jax.jit(lambda z: script.profile(ANY, jnp.array([z])))
theta = lambda z: profile(z)[0]


@pytest.mark.parametrize("y", [0.4, 3.0])
def test_the_second_function_is_the_transform_of_the_first(y: float) -> None:
    """U(y) = 2y/π ∫ (Θ(z) - Θ(y)) / (y² - z²) dz over z > 0, for an even Θ."""
    from scipy.integrate import quad

    at = float(theta(y))
    inner = lambda z: (float(theta(z)) - at) / (y**2 - z**2)
    # z = w / (1 - w), in two parts so that the removable point is an end.
    by_w = lambda w: inner(w / (1 - w)) / (1 - w) ** 2
    middle = y / (1 + y)
    whole = sum(quad(by_w, *ends, limit=200)[0] for ends in [(0, middle), (middle, 1)])
    _, found = profile(y)
    np.testing.assert_allclose(found, 2 * y / np.pi * whole, rtol=1e-6)


def test_the_equation_is_what_it_says() -> None:
    residual = oc.compile(script.EQUATION, fields=["Theta", "U"]).bind(script.profile)

    def by_hand(point: jax.Array) -> jax.Array:
        values, slopes = jax.jvp(
            lambda q: script.profile(ANY, q), (point,), (jnp.ones(1),)
        )
        return -VALUE * values[0] + ((1 + VALUE) * point[0] + values[1]) * slopes[0]

    both = jax.jit(
        lambda points: (
            residual(ANY, points, **{"lambda": VALUE}),
            jax.vmap(by_hand)(points),
        )
    )
    np.testing.assert_allclose(*both(np.array([[0.3], [2.0], [50.0]])), rtol=1e-9)


def test_the_exponent_at_the_origin_and_far_away() -> None:
    growth = jax.jit(lambda z: z * jax.grad(theta)(z) / theta(z))
    np.testing.assert_allclose(growth(1e-9), 1.8, rtol=1e-9)
    np.testing.assert_allclose(growth(1e12), VALUE / (1 + VALUE), rtol=1e-6)


def test_the_stable_profile() -> None:
    """λ as finer grids give it (docs/gallery), and the equation between the points."""
    found, _ = script.newton(script.start(600, 1.1), script.smooth)
    assert float(found.value) == pytest.approx(1.1807776629, abs=1e-9)
    assert script.check(found, 100) < 1e-6


@pytest.mark.slow
def test_the_unstable_profile() -> None:
    stable, _ = script.newton(script.start(900, 1.1), script.smooth)
    last = script.family(stable, np.arange(1.14, 0.59, -0.04).tolist())[-1]
    found, _ = script.newton(script.finer(last, 2000), script.smooth)
    assert float(found.value) == pytest.approx(0.6057337, abs=1e-4)
