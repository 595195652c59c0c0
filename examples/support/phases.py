"""Adam, then L-BFGS, then Levenberg and Marquardt's method on one sum of squares."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import jax
import optax
from matplotlib.axes import Axes

from examples.support.least_squares import levenberg_marquardt, Rows, sum_of_squares
from examples.support.run import Run
from examples.support.training import descent, lbfgs, train, Trained


def add_options(
    options: argparse.ArgumentParser, lbfgs: int, levenberg: int, rate: float
) -> None:
    """Adds the steps of the later phases, and Adam's rate; 0 steps leave a phase out."""
    options.add_argument("--lbfgs", type=int, default=lbfgs, help="steps of L-BFGS")
    options.add_argument(
        "--levenberg", type=int, default=levenberg, help="and of Levenberg-Marquardt"
    )
    options.add_argument("--rate", type=float, default=rate, help="Adam's first rate")


def minimise(
    blocks: Sequence[Rows],
    params: Any,
    options: argparse.Namespace,
    run: Run,
    title: str,
    every: int = 10,
    report: Callable[[Any], str] = lambda params: "",
    adam_blocks: Sequence[Rows] | None = None,
) -> tuple[Any, dict[str, Trained]]:
    """Lowers the sum of squares through all phases.

    Args:
        blocks: whose squares are summed.
        params: to begin with.
        options: `steps`, `lbfgs`, `levenberg`, `rate`, `seed`.
        run: for the log and the checkpoints.
        title: of the log's lines and the checkpoints.
        every: steps between entries of the history.
        report: what else to say of the parameters after each phase.
        adam_blocks: what Adam lowers, if it is something else.

    Returns:
        The last parameters, and each phase's history.
    """

    def loss_of(blocks: Sequence[Rows]) -> Callable[[Any, Any], Any]:
        return lambda params, key: sum_of_squares(blocks, params)

    rate = optax.cosine_decay_schedule(options.rate, max(options.steps, 1))
    phases = {
        "Adam": (
            descent(loss_of(adam_blocks or blocks), optax.adam(rate)),
            options.steps,
        ),
        "L-BFGS": (lbfgs(loss_of(blocks)), options.lbfgs),
        "Levenberg": (levenberg_marquardt(blocks), options.levenberg),
    }
    done: dict[str, Trained] = {}
    for name, ((begin, step), steps) in phases.items():
        if not steps:
            continue
        found = train(
            step, begin(params), steps, jax.random.key(options.seed), run,
            every=every, title=f"{title}, {name}", limit=options.limit,
        )  # fmt: skip
        params, done[name] = found.state[0], found
        run.say(
            f"{title}, {name}: {steps} steps in {found.seconds:.1f} s (compiled in "
            f"{found.compiling:.1f} s), loss {found.losses[-1]:.2e}{report(params)}"
        )
    return params, done


def seconds(phases: dict[str, Trained]) -> float:
    """Returns the seconds of training in all phases, without compilation."""
    return sum(phase.seconds for phase in phases.values())


def draw_losses(axis: Axes, phases: dict[str, Trained]) -> None:
    """Draws the loss against the time of training, a colour per phase."""
    start = 0.0
    for name, phase in phases.items():
        if phase.at.size:
            time = start + phase.seconds * phase.at / phase.at[-1]
            axis.semilogy(time, phase.losses, label=name, lw=1)
        start += phase.seconds
    axis.set(xlabel="seconds of training", ylabel="loss")
    axis.grid(alpha=0.3)
    axis.legend(frameon=False)
