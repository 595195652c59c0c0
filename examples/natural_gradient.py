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
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from matplotlib.figure import Figure

from examples.problems.least_squares import Problem, PROBLEMS
from examples.support import network
from examples.support.least_squares import natural_gradient
from examples.support.run import parser, Run
from examples.support.training import descent, lbfgs

EVERY = 10


def methods(problem: Problem) -> dict[str, tuple[Callable[[Any], Any], Any]]:
    """Returns for each optimiser how a state begins, and its step."""
    loss = lambda params, key: problem.squares(key).loss(params)
    first = lambda params, key: loss(params, jax.random.key(1))
    return {
        "Adam": descent(loss, optax.adam(optax.exponential_decay(1e-2, 2000, 0.7))),
        "L-BFGS": lbfgs(first),
        "ENGD-W": natural_gradient(problem.squares),
        "SPRING": natural_gradient(problem.squares, momentum=0.8),
    }


def train(
    problem: Problem, start: Any, pair: Any, limit: float, run: Run
) -> tuple[Any, list[tuple[float, float, float]]]:
    """Trains for some seconds; returns parameters, and (seconds, loss, error) of steps."""
    begin, step = pair
    state, key, seconds, history = begin(start), jax.random.key(1), 0.0, []
    several = jax.jit(
        lambda state, keys: jax.lax.scan(step, state, keys), donate_argnums=0
    )
    state = jax.tree.map(jnp.copy, state)
    compiled = several.lower(state, jax.random.split(key, EVERY)).compile()
    while seconds < limit:
        key, own = jax.random.split(key)
        now = jax.block_until_ready
        with run.turns.alone():
            before = time.perf_counter()
            state, losses = now(compiled(state, jax.random.split(own, EVERY)))
            seconds += time.perf_counter() - before
        history.append((seconds, float(losses[-1]), problem.error(state[0])))
    return state[0], history


def solve(problem: Problem, options: argparse.Namespace, run: Run) -> dict[str, Any]:
    """Trains all windows of a problem by all optimisers, for the same seconds."""
    found: dict[str, Any] = {}
    for name in methods(problem):
        at, total, histories = problem, 0.0, []
        for window in range(problem.windows):
            start = network.init(jax.random.key(options.seed), problem.widths, float)
            share = options.limit / problem.windows
            params, history = train(at, start, methods(at)[name], share, run)
            histories += [(total + s, loss, e) for s, loss, e in history]
            total = histories[-1][0]
            if window + 1 < problem.windows:
                at = at.following(params)
        found[name] = histories
        steps = EVERY * len(histories)
        run.say(
            f"{problem.name}, {name}: {steps} steps in {total:.0f} s, "
            f"loss {histories[-1][1]:.1e}, relative L2 error {histories[-1][2]:.1e}"
        )
    return found


def draw(found: dict[str, dict[str, Any]]) -> Figure:
    """Draws relative errors against seconds, a panel per problem."""
    figure, axes = plt.subplots(
        1, len(found), figsize=(3.2 * len(found) + 0.6, 3.2), layout="constrained",
        squeeze=False,
    )  # fmt: skip
    for axis, (problem, by_name) in zip(axes[0], found.items(), strict=True):
        for name, history in by_name.items():
            seconds, _, errors = np.array(history).T
            axis.semilogy(seconds, errors, label=name, lw=1)
        axis.set(title=problem, xlabel="seconds")
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("relative L2 error")
    axes[0, 0].legend(frameon=False)
    return figure


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    options = parser(__doc__, steps=0)
    options.add_argument("--problems", nargs="+", default=[*PROBLEMS], choices=PROBLEMS)
    options.set_defaults(limit=60.0)
    options = options.parse_args(arguments)
    jax.config.update("jax_enable_x64", True)
    run = Run.of("natural_gradient", options)
    found = {name: solve(PROBLEMS[name](), options, run) for name in options.problems}
    last = {n: {m: h[-1] for m, h in by.items()} for n, by in found.items()}
    run.numbers(seed=options.seed, last=last)
    run.figure(lambda: draw(found))
    return found


if __name__ == "__main__":
    main()
