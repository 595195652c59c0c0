"""What the order of a Sobolev loss buys, and what it costs.

Burgers' first self-similar profile (k = 0, λ = 1/2) with its unknown λ is trained as in
`burgers_profiles.py`, with derivatives 2 ... m of the residual around the origin, for
m = 2, 3, ...; m = 3 is the first order that tells λ (examples/problems/burgers_profile.py).
The time of a step of Adam (its fastest ten) is compared with nested forward mode, up to
order `--nested`.

Run: python -m examples.sobolev_study [--orders 2 3 4 5] [--seed 0]
"""

import argparse
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import optax
from matplotlib.figure import Figure

from examples import burgers_profiles
from examples.support import network, phases
from examples.support.least_squares import sum_of_squares
from examples.support.run import parser, Run
from examples.support.training import descent, train

K = 0
PAPER = {"steps": 15_000, "lbfgs": 5000, "orders": list(range(2, 11)), "nested": 8}
TIMED_STEPS = 200


class Outcome(NamedTuple):
    """Of one order: errors after training, seconds of training, ms of a step of Adam."""

    order: int
    eigenvalue_error: float
    profile_error: float
    seconds: float
    taylor: float
    nested: float | None


def study(order: int, options: argparse.Namespace, run: Run) -> Outcome:
    """Trains with one order, and times nested differentiation."""
    params = _start(options.seed)
    rows = burgers_profiles.loss_rows("taylor", K, order)
    params, done = phases.minimise(rows, params, options, run, f"order {order}")
    found = burgers_profiles.Profile(K, "taylor", params, done)
    other = nested_time(order, options, run) if order <= options.nested else None
    return Outcome(
        order, found.error, found.profile_error(), found.seconds,
        1e3 * done["Adam"].fastest, other,
    )  # fmt: skip


def _start(seed: int) -> tuple[network.Params, jax.Array]:
    return network.init(jax.random.key(seed), burgers_profiles.WIDTHS), jnp.zeros(())


def nested_time(order: int, options: argparse.Namespace, run: Run) -> float:
    """Returns the milliseconds of a step of Adam with nested differentiation."""
    rows = burgers_profiles.loss_rows("nested", K, order)
    begin, step = descent(lambda p, key: sum_of_squares(rows, p), optax.adam(1e-3))
    timed = train(
        step, begin(_start(options.seed)), TIMED_STEPS, jax.random.key(0), run,
        every=10, title=f"timing order {order}",
    )  # fmt: skip
    return 1e3 * timed.fastest


def draw(found: Sequence[Outcome]) -> Figure:
    """Draws accuracy and time against the order."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    orders = [o.order for o in found]
    left.semilogy(orders, [o.eigenvalue_error for o in found], "o-", label="error of λ")
    left.semilogy(
        orders, [o.profile_error for o in found], "s-", label="relative error of U"
    )
    right.plot(orders, [o.taylor for o in found], "o-", label="opcompiler")
    timed = [o for o in found if o.nested is not None]
    right.plot(
        [o.order for o in timed], [o.nested for o in timed], "s-", label="nested jvp"
    )
    left.set(title="Accuracy after training", ylabel="error")
    right.set(title="Time of one step of Adam", ylabel="milliseconds")
    right.set_ylim(bottom=0)
    for axis in (left, right):
        axis.set(xlabel="order m of the residual's derivatives", xticks=orders)
        axis.grid(alpha=0.3)
        axis.legend(frameon=False)
    figure.suptitle("Burgers' profile k = 0, Sobolev losses of order m")
    return figure


def main(arguments: Sequence[str] | None = None) -> list[Outcome]:
    options = parser(__doc__, steps=1000)
    phases.add_options(options, lbfgs=0, levenberg=150, rate=3e-3)
    options.add_argument("--orders", type=int, nargs="+", default=[2, 3, 4, 5])
    options.add_argument(
        "--nested", type=int, default=5, help="highest order of nesting"
    )
    options.add_argument("--paper", action="store_true", help=f"{PAPER}")
    options = options.parse_args(arguments)
    if options.paper:
        vars(options).update(PAPER)
    jax.config.update("jax_enable_x64", True)
    run = Run.of("sobolev_study", options)
    found = [study(order, options, run) for order in options.orders]
    for outcome in found:
        run.say(outcome)
    run.numbers(seed=options.seed, outcomes=[o._asdict() for o in found])
    run.figure(lambda: draw(found))
    return found


if __name__ == "__main__":
    main()
