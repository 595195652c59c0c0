"""Energy natural gradients beside Adam and L-BFGS, at equal time, on five equations.

A step is Jᵀ(J Jᵀ + μ)⁻¹ r with a line search (ENGD-W), or the same with momentum (SPRING);
J Jᵀ comes from `oc.least_squares`, layer by layer. All four start from the same network and
draw the same kind of points at every step (L-BFGS keeps its first ones). In float64.

Run: python -m examples.natural_gradient [--problems poisson kuramoto] [--limit 60]
"""

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import matplotlib.pyplot as plt
import numpy as np
import optax
from matplotlib.figure import Figure

from examples.problems.least_squares import Problem, PROBLEMS
from examples.support import network
from examples.support.least_squares import natural_gradient
from examples.support.run import parser, Run
from examples.support.training import descent, lbfgs, Step

EVERY = 10


def methods(problem: Problem, start: Any) -> dict[str, tuple[Callable[..., Any], Step]]:
    """Returns for each optimiser how a state begins, and its step."""
    squares = lambda key: problem.squares(key, start)
    loss = lambda params, key: squares(key).loss(params)
    first = lambda params, key: loss(params, jax.random.key(1))
    return {
        "Adam": descent(loss, optax.adam(optax.exponential_decay(1e-2, 2000, 0.7))),
        "L-BFGS": lbfgs(first),
        "ENGD-W": natural_gradient(squares),
        "SPRING": natural_gradient(squares, momentum=0.9),
    }


def train(
    problem: Problem, name: str, options: argparse.Namespace, run: Run
) -> tuple[list[tuple[float, float, float]], float]:
    """Trains all windows, for the same seconds each, by the optimiser of a name.

    Returns:
        (seconds, loss, relative L2 error in the present window) of steps; and the error in
        all windows together.
    """
    clock = time.process_time if options.processor_time else time.perf_counter
    now, key, start = jax.block_until_ready, jax.random.key(1), problem.start
    params = network.init(jax.random.key(options.seed), problem.widths, float)

    @jax.jit
    def several(state: Any, keys: Any, start: Any) -> Any:
        return jax.lax.scan(methods(problem, start)[name][1], state, keys)

    begin = methods(problem, start)[name][0]
    keys = jax.random.split(key, EVERY)
    compiled = several.lower(begin(params), keys, start).compile()
    history, gaps, seconds = [], [], 0.0
    for window, values in enumerate(problem.values):
        state, end = begin(params), options.limit * (window + 1) / len(problem.values)
        while seconds < end:
            key, own = jax.random.split(key)
            keys = jax.random.split(own, EVERY)
            with run.turns.alone():
                before = clock()
                state, losses = now(compiled(state, keys, start))
                seconds += clock() - before
            gap = np.linalg.norm(problem.gap(state[0], start, window))
            error = float(gap / np.linalg.norm(values))
            history.append((seconds, float(losses[-1]), error))
        gaps.append(problem.gap(state[0], start, window))
        start = problem.following(state[0], start)
    error = float(np.linalg.norm(gaps) / np.linalg.norm(problem.values))
    run.say(
        f"{problem.title}, {name}: {EVERY * len(history)} steps in {seconds:.0f} s, "
        f"loss {history[-1][1]:.1e}, relative L2 error {error:.1e}"
    )
    return history, error


def draw(found: dict[str, dict[str, Any]]) -> Figure:
    """Draws relative errors and residual norms against seconds, a panel per problem."""
    figure, axes = plt.subplots(
        2, len(found), figsize=(3.2 * len(found) + 0.6, 5.6), layout="constrained",
        squeeze=False, sharex="col",
    )  # fmt: skip
    for (upper, lower), (title, by_name) in zip(axes.T, found.items(), strict=True):
        for name, (history, _) in by_name.items():
            seconds, losses, errors = np.array(history).T
            upper.semilogy(seconds, errors, label=name, lw=1)
            lower.semilogy(seconds, np.sqrt(losses), lw=1)
        upper.set_title(title, fontsize=10)
        lower.set_xlabel("training, seconds")
        upper.grid(alpha=0.3)
        lower.grid(alpha=0.3)
    axes[0, 0].set_ylabel("relative L2 error of u")
    axes[1, 0].set_ylabel("root mean square residual")
    axes[0, 0].legend(frameon=False, fontsize=8)
    figure.suptitle("The same network and seconds, four optimisers: error and residual")
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    options = parser(__doc__, steps=0)
    options.add_argument("--problems", nargs="+", default=[*PROBLEMS], choices=PROBLEMS)
    options.add_argument(
        "--processor-time", action="store_true", help="of the process, if others work"
    )
    options.set_defaults(limit=60.0)
    options = options.parse_args(arguments)
    jax.config.update("jax_enable_x64", True)
    run = Run.of("natural_gradient", options)
    found: dict[str, Any] = {}
    for problem in (PROBLEMS[name]() for name in options.problems):
        found[problem.title] = {
            name: train(problem, name, options, run)
            for name in methods(problem, problem.start)
        }
    run.numbers(seed=options.seed, seconds=options.limit, found=_thinned(found))
    run.figure(lambda: draw(found))
    return found


def _thinned(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Returns some 50 entries of every history, for a file."""
    return {
        title: {
            name: {"error": error, "history": history[:: 1 + len(history) // 50]}
            for name, (history, error) in by_name.items()
        }
        for title, by_name in found.items()
    }


if __name__ == "__main__":
    main()
