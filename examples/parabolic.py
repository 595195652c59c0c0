"""Semilinear heat, Allen-Cahn and Sine-Gordon equations backwards from t = T, at x = 0.

    u_t + Lap u + f(u) = 0,   u(x, T) = g(x),

trained along Brownian paths from x = 0 (STDE, appendix I.2) and compared at x = 0, t = 0
with values of multilevel Picard schemes. Smooth g is built in, u = (T - t) N + g;
arctan(max_i x_i) has kinks and is trained. Beside the error stands that of
E g(sqrt(2 T) W), which leaves out f.

Small:  python -m examples.parabolic --equation heat
Paper:  python -m examples.parabolic --equation heat --dim 10000 --width 1024 --samples 10
"""

import argparse
import time
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from matplotlib.figure import Figure

from examples.problems.parabolic import HORIZON, PROBLEMS, TerminalProblem
from examples.support.run import Run
from examples.support.solve import (
    arguments,
    build,
    costs,
    fit,
    histories,
    Loss,
    residual_loss,
)
from examples.support.words import title

TERMINAL_WEIGHT = 20.0
AT = float(HORIZON)


def options() -> argparse.ArgumentParser:
    """Returns the options of the script."""
    found = arguments(__doc__, steps=2000, dim=100, method="sparse", radial=True)
    found.add_argument("--equation", choices=PROBLEMS, default="heat")
    found.set_defaults(rate=3e-3)
    return found


def main(given: argparse.Namespace) -> dict:
    """Returns the numbers that the run says."""
    start = time.process_time()
    problem = PROBLEMS[given.equation](given.dim)
    run = Run.of(f"parabolic_{given.equation}_{given.method}", given)
    weights, steps, walks = jax.random.split(jax.random.key(given.seed), 3)
    params, apply = build(problem.problem, given, weights)
    loss = residual_loss(problem.problem, apply, given)
    if not problem.smooth:
        loss = with_terminal(loss, problem, apply, given.points)

    @jax.jit
    def start_of(params: Any) -> Array:
        points = jnp.zeros((1, given.dim + 1))
        inner = jax.vmap(apply, (None, 0))(params, points)
        return problem.problem.placed(points, N=inner)[0]

    reference = problem.reference.get(given.dim)
    watch = None
    if reference is not None:
        watch = lambda params: abs(float(start_of(params)) / reference - 1)
    trained = fit(loss, params, given, steps, run, watch)
    value = float(start_of(trained.state[0]))
    numbers: dict[str, Any] = {
        "equation": given.equation,
        "dim": given.dim,
        "method": given.method,
        "samples": given.samples,
        "seed": given.seed,
        "steps": given.steps,
        "value_at_origin": value,
    }
    if reference is not None:
        linear = float(jnp.mean(problem.terminal(ends(walks, given.dim))))
        numbers |= {
            "reference": reference,
            "relative_error": abs(value / reference - 1),
            "relative_error_without_reaction": abs(linear / reference - 1),
        }
    numbers |= costs(trained, start)
    if reference is not None:
        run.figure(lambda: picture(numbers))
    run.numbers(**numbers)
    return numbers


def ends(key: Array, dim: int, count: int = 2000) -> Array:
    """Returns where Brownian paths from 0 are at time T, (count, dim)."""
    return jnp.sqrt(2 * AT) * jax.random.normal(key, (count, dim))


def with_terminal(loss: Loss, problem: TerminalProblem, apply, points: int) -> Loss:
    """Adds the mean squared error at t = T."""

    def both(params: Any, key: Array) -> Array:
        first, second = jax.random.split(key)
        dim = problem.problem.coordinates[0].shape[0]
        place = ends(second, int(dim), points)
        at = jnp.concatenate([place, jnp.full((points, 1), AT)], axis=1)
        gap = jax.vmap(apply, (None, 0))(params, at) - problem.terminal(place)
        return loss(params, first) + TERMINAL_WEIGHT * jnp.mean(gap**2)

    return both


def picture(numbers: dict[str, Any]) -> Figure:
    """Returns loss and error at the origin against seconds, beside the heat equation's."""
    told = numbers["dim"], numbers["method"], numbers["samples"]
    return histories(
        f"{title(numbers['equation'], *told)}, backwards in time",
        numbers["history"],
        "relative error of u(0, 0)",
        ("network", numbers["relative_error"]),
        ("without the reaction", numbers["relative_error_without_reaction"]),
    )


if __name__ == "__main__":
    main(options().parse_args())
