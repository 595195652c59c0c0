"""Natural gradients: equations, references that have converged, and a few steps."""

import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import opcompiler as oc
from examples.problems import least_squares as problems
from examples.problems.least_squares import Problem, PROBLEMS
from examples.support import network
from examples.support.least_squares import natural_gradient
from opcompiler.demo import burgers
from tests.draws import layers, uniform
from tests.shares import only

# --- references ---------------------------------------------------------------------------


def test_the_reference_has_converged() -> None:
    """Kuramoto-Sivashinsky on twice as many modes, in twice the steps."""
    beta, gamma, alpha = 100 / 16**2, 100 / 16**4, 100 / 16

    def at(count: int, steps: int) -> np.ndarray:
        found = problems.spectral(
            lambda x: np.cos(x) * (1 + np.sin(x)), 2 * np.pi, 6,
            lambda k: (beta * k**2 - gamma * k**4) / 20, 2, -alpha / 40, steps,
            count=count,
        )  # fmt: skip
        return found[..., :: count // 128]

    np.testing.assert_allclose(at(512, 500), at(256, 1000), atol=1e-6)


def test_a_wave_is_moved_as_it_should_be() -> None:
    """u_t = u_xx + ... without its nonlinear term: every mode falls by its own rate."""
    found = problems.spectral(
        lambda x: np.sin(3 * x), 2 * np.pi, 1, lambda k: -(k**2), 3, 0.0, 100, count=32
    )
    wave = np.sin(3 * 2 * np.pi * np.arange(32) / 32)
    np.testing.assert_allclose(found[0, -1], np.exp(-9) * wave, atol=1e-12)


def nested(problem: Problem, params, start, points):
    """Returns what derivatives of the network are made of, by nested `jax.grad`."""
    u = lambda *z: problem.apply(params, jnp.stack(z), start)
    each = lambda f: jax.vmap(f)(*points.T)

    def along(axis: int, order: int):
        f = u
        for _ in range(order):
            f = jax.grad(f, axis)
        return each(f)

    return each(u), along


ALPHA, BETA, GAMMA = 100 / 16, 100 / 16**2, 100 / 16**4


def helmholtz_source(z):
    """Of u = sin(14x + 3) cos(16y + 1) + sin(20y - 4x) / 2, divided by k²."""
    x, y = z.T
    first = jnp.sin(14 * x + 3) * jnp.cos(16 * y + 1)
    second = jnp.sin(20 * y - 4 * x) / 2
    k = 20.25
    return ((k**2 - 14**2 - 16**2) * first + (k**2 - 20**2 - 4**2) * second) / k**2


EQUATIONS = {
    "poisson": lambda z, u, d: (
        sum(d(n, 2) for n in range(5)) + np.pi**2 * jnp.cos(np.pi * z).sum(1)
    ),
    "helmholtz": lambda z, u, d: (
        (d(0, 2) + d(1, 2)) / 20.25**2 + u - helmholtz_source(z)
    ),
    "burgers": lambda z, u, d: d(0, 1) + u * d(1, 1) - burgers.NU * d(1, 2),
    "allen-cahn": lambda z, u, d: (
        d(0, 1) - (1e-4 * d(1, 2) + 5 * u - 5 * u**3) / 4
    ),
    "kuramoto": lambda z, u, d: (
        d(0, 1) + (ALPHA * u * d(1, 1) + BETA * d(1, 2) + GAMMA * d(1, 4)) / 20
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROBLEMS)
def test_an_equation_is_what_it_says(name: str) -> None:
    problem = PROBLEMS[name]()
    bound = problem.residual.bind(lambda p, z: problem.apply(p, z, problem.start))

    params = layers(0, (problem.widths[0], 8, 8, 1))

    @jax.jit
    def both(params, points):
        by_hand = EQUATIONS[name](
            points, *nested(problem, params, problem.start, points)
        )
        return bound(params, points), by_hand

    dim = problem.points.shape[1]
    found, wanted = both(params, uniform(1, (20, dim)))
    scale = np.max(np.abs(wanted))
    np.testing.assert_allclose(found, wanted, atol=1e-10 * scale)


@pytest.mark.parametrize("name", ["poisson", "helmholtz"])
def test_a_known_solution_solves(name: str) -> None:
    """Points of conditions lie on all sides, and the values there are the solution's."""
    problem = PROBLEMS[name]()
    still = [
        (np.zeros(sizes), np.zeros(sizes[1]))
        for sizes in itertools.pairwise(problem.widths)
    ]

    @jax.jit
    def evaluated(key):
        ((gap, points, weight),) = problem.conditions(key)
        return points, weight, -jax.vmap(gap, (None, 0))(still, problem.points)

    points, weight, solution = map(np.asarray, evaluated(jax.random.key(0)))
    low = problem.points.min().round()
    ends = np.sum((points == low) | (points == 1.0), axis=1)
    assert np.all(ends == 1)
    assert weight > 0
    np.testing.assert_allclose(solution, problem.values[0], atol=1e-12)


# --- windows ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["allen-cahn", "kuramoto"])
def test_windows_follow_one_another(name: str) -> None:
    problem = PROBLEMS[name]()
    assert problem.start is not None
    assert problem.line is not None
    functions, ends = problem.line
    params = layers(0, problem.widths)
    begins = jnp.asarray(ends).at[:, 0].set(0.0)
    found = jax.jit(jax.vmap(problem.apply, (None, 0, None)))(
        params, begins, problem.start
    )
    np.testing.assert_allclose(found, functions @ problem.start, atol=1e-12)
    # The start is the solution's, and a window of the reference ends where the next begins.
    count = len(ends)
    rms = np.sqrt(np.mean((found - problem.values[0, :count]) ** 2))
    assert rms < 1e-3
    np.testing.assert_array_equal(
        problem.values[:-1, -count:], problem.values[1:, :count]
    )
    still = jax.tree.map(jnp.zeros_like, params)
    np.testing.assert_allclose(
        problem.following(still, problem.start), problem.start, atol=1e-12
    )


# --- steps --------------------------------------------------------------------------------


def small(name: str) -> Problem:
    """Returns a problem with fewer points and a smaller network."""
    problem = PROBLEMS[name]()
    return replace(
        problem,
        widths=(problem.widths[0], 8, 1),
        sample=lambda key: problem.sample(key)[::8],
        conditions=lambda key: [
            (gap, points[::4], weight)
            for gap, points, weight in problem.conditions(key)
        ],
    )


@pytest.mark.parametrize(
    ("name", "momentum"),
    only(
        [("poisson", 0.0), ("kuramoto", 0.8)], itertools.product(PROBLEMS, (0.0, 0.8))
    ),
)
def test_a_few_steps_lower_the_loss(name: str, momentum: float) -> None:
    problem = small(name)
    params = layers(0, problem.widths)
    begin, step = natural_gradient(
        lambda key: problem.squares(key, problem.start), momentum
    )
    state, keys = begin(params), jax.random.split(jax.random.key(1), 20)
    state, losses = jax.jit(lambda s, k: jax.lax.scan(step, s, k))(state, keys)
    assert losses[-1] < 0.7 * losses[0]
    assert np.all(np.isfinite(problem.gap(state[0], problem.start, 0)))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_momentum_never_leaves_the_numbers(dtype) -> None:
    """J Jᵀ has no inverse where a point is there three times, and r comes close to 0."""
    at = np.tile(np.linspace(-1, 1, 8, dtype=dtype), 3)[:, None]
    params = layers(0, (1, 8, 1), dtype)
    gap = lambda params, point: network.apply(params, point) - jnp.tanh(point[0])
    squares = oc.least_squares([(gap, at)])
    begin, step = natural_gradient(lambda key: squares, momentum=0.9, damping=0.0)
    state, keys = begin(params), jax.random.split(jax.random.key(1), 200)
    (params, _, mu), losses = jax.jit(lambda s, k: jax.lax.scan(step, s, k))(
        state, keys
    )
    assert np.all(np.isfinite(losses))
    assert np.all(np.diff(losses) <= 0)
    assert np.isfinite(mu)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(params))
