"""Natural gradients: references that have converged, and a few steps."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from examples.problems import least_squares as problems
from examples.support import network
from examples.support.least_squares import natural_gradient


def test_the_reference_has_converged() -> None:
    """Kuramoto-Sivashinsky on twice as many modes, in twice the steps."""
    beta, gamma, alpha = 100 / 16**2, 100 / 16**4, 100 / 16

    def at(modes: int, steps: int) -> np.ndarray:
        line = 2 * np.pi * np.arange(modes) / modes
        linear = lambda k: (beta * k**2 - gamma * k**4) / 10
        start = np.cos(line) * (1 + np.sin(line))
        found = problems.spectral(
            line, 2 * np.pi, start, 1, linear, 2, -alpha / 20, steps
        )
        return found[-1][:: modes // 128]

    np.testing.assert_allclose(at(256, 1000), at(512, 2000), atol=1e-5)


def test_a_wave_is_moved_as_it_should_be() -> None:
    """u_t = u_xx - ... without its nonlinear term: every mode falls by its own rate."""
    line = 2 * np.pi * np.arange(32) / 32
    found = problems.spectral(
        line, 2 * np.pi, np.sin(3 * line), 1, lambda k: -(k**2), 3, 0.0, 100
    )
    np.testing.assert_allclose(found[-1], np.exp(-9) * np.sin(3 * line), atol=1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_a_few_steps_lower_the_loss(momentum: float) -> None:
    whole = problems.PROBLEMS["poisson"]()
    # A tenth of the points: a step takes a matrix with a row for each.
    term, points, weight = whole.conditions(jax.random.key(2))[0]
    problem = replace(
        whole,
        sample=lambda key: whole.sample(key)[:60],
        conditions=lambda key: [(term, points[:20], weight)],
    )
    params = network.init(jax.random.key(0), (5, 8, 8, 1), float)
    begin, step = natural_gradient(problem.squares, momentum=momentum)
    state, keys = begin(params), jax.random.split(jax.random.key(1), 40)
    state, losses = jax.jit(lambda s, k: jax.lax.scan(step, s, k))(state, keys)
    assert losses[-1] < 0.8 * losses[0]
    assert np.isfinite(problem.error(state[0]))


def test_windows_follow_one_another() -> None:
    """The next window begins with what the network says at the end of the last."""
    problem = problems.PROBLEMS["kuramoto"]()
    params = network.init(jax.random.key(0), problem.widths, float)
    after = problem.following(params)
    ((_, (points, values), _),) = after.conditions(jax.random.key(0))
    ends = points.at[:, 0].set(1.0)
    found = jax.vmap(problem.apply, (None, 0))(params, ends)
    np.testing.assert_allclose(found, values, rtol=1e-12)
    first, second = (p._here()[0] for p in (problem, after))
    np.testing.assert_allclose(first, second, atol=1e-12)
    np.testing.assert_allclose(problem._here()[1][-128:], after._here()[1][:128])
    assert jnp.all(points[:, 0] == 0)
