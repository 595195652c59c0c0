"""Tangent Prop: five samples of a function, with 0, 1, 2, ... derivatives at each.

The same network is fitted to the values alone and to values and derivatives of higher and
higher order, from the same random weights. Problem: examples/problems/tangent_prop.py.

Run: python -m examples.tangent_prop [--orders 0 1 2 4] [--networks 5] [--seed 0]
"""

import argparse
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
from jax import Array
from matplotlib.figure import Figure

import opcompiler as oc
from examples.problems import tangent_prop as problem
from examples.support import network, phases
from examples.support.least_squares import Rows
from examples.support.run import parser, Run

WIDTHS = (1, 32, 32, 1)
PAPER = {"steps": 20_000, "networks": 10}


class Fits(NamedTuple):
    """All networks of one order.

    Attributes:
        order: of the derivatives that were fitted.
        params: the networks, stacked.
        losses: first and last, summed over the networks.
        error: relative L2 error on the domain, mean over the networks.
    """

    order: int
    params: Any
    losses: tuple[float, float]
    error: float


def fit(order: int, options: argparse.Namespace, run: Run) -> Fits:
    """Fits all networks at once; derivatives enter divided by their factorials."""
    bound = oc.compile(problem.constraints(order)).bind(network.apply)
    scale = jnp.array([1 / math.factorial(j) for j in range(order + 1)])

    def rows(every: Any, point: Array) -> Array:
        values = jax.vmap(lambda params: jnp.stack(bound(params, point)))(every)
        return (scale * values).reshape(-1)

    keys = jax.random.split(jax.random.key(options.seed), options.networks)
    every = jax.vmap(lambda key: network.init(key, WIDTHS))(keys)
    params, done = phases.minimise(
        (Rows(rows, problem.samples()),), every, options, run, f"order {order}"
    )
    losses = done["Adam"].losses
    x = jnp.linspace(*problem.DOMAIN, 401)
    errors = jax.vmap(lambda values: values - problem.exact(x))(curves(params, x))
    error = jnp.linalg.norm(errors, axis=1) / jnp.linalg.norm(problem.exact(x))
    return Fits(
        order, params, (float(losses[0]), float(losses[-1])), float(jnp.mean(error))
    )


def curves(params: Any, x: Array) -> Array:
    """Evaluates every network, (N,) -> (networks, N)."""
    return jax.vmap(jax.vmap(network.apply, (None, 0)), (0, None))(params, x[:, None])


def draw(found: Sequence[Fits]) -> Figure:
    """Draws a panel per order."""
    figure, axes = plt.subplots(
        1, len(found), figsize=(3.1 * len(found), 3.2), sharey=True,
        layout="constrained", squeeze=False,
    )  # fmt: skip
    x = jnp.linspace(*problem.DOMAIN, 401)
    places = problem.samples()[:, 0]
    for axis, fits in zip(axes[0], found, strict=True):
        axis.plot(x, problem.exact(x), "k", lw=1.5, label="function")
        for values in curves(fits.params, x):
            axis.plot(x, values, "C1", lw=0.9, alpha=0.8)
        axis.plot([], [], "C1", label="networks")
        axis.plot(places, problem.exact(places), "ko", ms=5)
        title = "values alone" if fits.order == 0 else f"derivatives 0...{fits.order}"
        axis.set(title=f"{title}: error {100 * fits.error:.2g} %", ylim=(-2, 2))
        axis.set_xlabel("x")
    axes[0, 0].legend(frameon=False, loc="lower right")
    axes[0, 0].set_ylabel("u")
    figure.suptitle("Five networks that agree at five samples with derivatives")
    return figure


def main(arguments: Sequence[str] | None = None) -> list[Fits]:
    options = parser(__doc__, steps=3000)
    phases.add_options(options, lbfgs=0, levenberg=0, rate=5e-3)
    options.add_argument("--orders", type=int, nargs="+", default=[0, 1, 2, 4])
    options.add_argument("--networks", type=int, default=5, help="random weights")
    options.add_argument("--paper", action="store_true", help=f"{PAPER}")
    options = options.parse_args(arguments)
    if options.paper:
        vars(options).update(PAPER)
    jax.config.update("jax_enable_x64", True)
    run = Run.of("tangent_prop", options)
    found = [fit(order, options, run) for order in options.orders]
    for fits in found:
        run.say(f"order {fits.order}: mean relative L2 error {100 * fits.error:.3g} %")
    run.numbers(
        seed=options.seed, orders=options.orders, errors=[f.error for f in found],
        first_losses=[f.losses[0] for f in found],
        last_losses=[f.losses[1] for f in found],
    )  # fmt: skip
    run.figure(lambda: draw(found))
    return found


if __name__ == "__main__":
    main()
