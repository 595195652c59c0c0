"""A network trained on a problem's residual: what the scripts in many dimensions share."""

import argparse
import multiprocessing
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import optax
from jax import Array
from jax.flatten_util import ravel_pytree
from matplotlib.figure import Figure

import opcompiler as oc
from examples.problems.problem import Problem
from examples.support import errors, methods, network
from examples.support.methods import Apply, dimension, evaluation, width
from examples.support.run import parser, Run
from examples.support.shared_input import SharedInput
from examples.support.training import descent, train, Trained
from examples.support.words import title

SIDE_WEIGHT = 20.0
"""Of trained values on the boundary, as published."""

ROUNDING = 1e-6
"""An ansatz of a smaller error is the solution: there is nothing to learn."""

Loss = Callable[[Any, Array], Array]
"""(params, key) -> ()"""


class Solved(NamedTuple):
    """A trained network.

    Attributes:
        apply: its form.
        params: of the last iterate, not of the best one.
        trained: the history.
        numbers: settings, errors and costs, ready to be printed.
    """

    apply: Apply
    params: Any
    trained: Trained
    numbers: dict[str, Any]


def arguments(
    about: str | None,
    steps: int,
    dim: int,
    method: str = "exact",
    radial: bool = False,
) -> argparse.ArgumentParser:
    """Returns the options of a script in many dimensions, at its small setting."""
    options = parser(about, steps)
    options.add_argument("--dim", type=int, default=dim)
    options.add_argument("--method", choices=methods.METHODS, default=method)
    options.add_argument(
        "--samples", type=int, default=16, help="terms or directions that are drawn"
    )
    options.add_argument("--points", type=int, default=100, help="per step")
    options.add_argument("--test", type=int, default=20_000, help="test points")
    options.add_argument("--width", type=int, default=128, help="of 3 hidden layers")
    options.add_argument("--rate", type=float, default=1e-3, help="falls to zero")
    options.add_argument("--block", type=int, default=1, help="inputs sharing weights")
    options.add_argument(
        "--radial",
        action=argparse.BooleanOptionalAction,
        default=radial,
        help="give the network |x|^2 too",
    )
    options.add_argument("--chunk", type=int, help="directions pushed at a time")
    options.add_argument(
        "--unbiased", action="store_true", help="two draws for the square"
    )
    options.add_argument(
        "--solve",
        type=int,
        default=0,
        metavar="N",
        help="begin with N Gauss-Newton steps in the last layer",
    )
    options.add_argument(
        "--processor-time", action="store_true", help="of the process, if others work"
    )
    return options


def build(
    problem: Problem, options: argparse.Namespace, key: Array
) -> tuple[Any, Apply]:
    """Returns the parameters and the form of a network in the problem's coordinates.

    Its inputs are x / radius, t, and with `--radial` |x|^2 / radius^2: a network of many
    inputs does not find the radius by itself.
    """
    dim, columns = dimension(problem), width(problem)
    inputs = columns + options.radial

    def scaled(point: Array) -> Array:
        place = point[:dim] / problem.radius
        parts = [place, point[dim:]]
        if options.radial:
            parts.append(jnp.sum(place**2)[None])
        return jnp.concatenate(parts)

    if options.block > 1:
        module = SharedInput(inputs, options.block, options.width, 4, key=key)
        return module, lambda module, point: module(scaled(point))
    params = network.init(key, (inputs, *[options.width] * 3, 1))
    return params, lambda params, point: network.apply(params, scaled(point))


def residual_loss(
    problem: Problem,
    apply: Apply,
    options: argparse.Namespace,
    distribution: str = "rademacher",
) -> Loss:
    """Returns the mean squared residual at fresh points of the problem's domain.

    Values on sides where the problem trains them are added with `SIDE_WEIGHT`. Of an
    estimate, it is the square plus the estimate's variance; with `--unbiased` it is the
    product of two draws.
    """
    evaluate = evaluation(
        problem,
        apply,
        options.method,
        options.samples,
        distribution,
        chunk=options.chunk,
    )

    def loss(params: Any, key: Array) -> Array:
        place, draw = jax.random.split(key)
        points = problem.sample(place, options.points)
        if options.unbiased:
            return jnp.mean(oc.unbiased_square(evaluate, params, points, draw))
        return jnp.mean(evaluate(params, points, draw) ** 2)

    return loss if problem.sides is None else _with_sides(loss, problem, apply, options)


def with_last_layer(
    problem: Problem,
    apply: Apply,
    params: Any,
    options: argparse.Namespace,
    key: Array,
) -> Any:
    """Returns parameters whose last layer makes the residuals of one step small.

    A new network is of size 1, a solution in many dimensions may be of size 1000, and Adam
    moves no weight further than the sum of its rates. The residual of a linear equation
    is linear in the last layer; of others `--solve` Gauss-Newton steps are taken.
    """
    if options.block > 1:
        raise SystemExit("--solve is for networks without shared weights: --block 1")
    evaluate = evaluation(problem, apply, options.method, options.samples)
    *hidden, last = params
    place, draw = jax.random.split(key)
    points = problem.sample(place, options.points)

    @jax.jit
    def improved(hidden: Any, last: Any) -> Any:
        flat, shaped = ravel_pytree(last)
        at = lambda flat: evaluate([*hidden, shaped(flat)], points, draw)
        change, *_ = jnp.linalg.lstsq(jax.jacrev(at)(flat), -at(flat), rcond=1e-6)
        return shaped(flat + change)

    for _ in range(options.solve):
        last = improved(hidden, last)
    return [*hidden, last]


def _with_sides(
    loss: Loss, problem: Problem, apply: Apply, options: argparse.Namespace
) -> Loss:
    assert problem.sides is not None
    sides = problem.sides

    def both(params: Any, key: Array) -> Array:
        first, second = jax.random.split(key)
        points = sides(second, options.points)
        inner = jax.vmap(apply, (None, 0))(params, points)
        gap = problem.placed(points, N=inner) - problem.exact(points)
        return loss(params, first) + SIDE_WEIGHT * jnp.mean(gap**2)

    return both


def fit(
    loss: Loss,
    params: Any,
    options: argparse.Namespace,
    key: Array,
    run: Run,
    watch: Callable[[Any], float] | None = None,
) -> Trained:
    """Minimises by Adam with a rate that falls linearly to zero.

    Args:
        loss: of parameters and a key.
        params: to begin with.
        options: those of the script.
        key: of everything that steps draw.
        run: receives checkpoints.
        watch: params -> an error, for the history.
    """
    rate = optax.linear_schedule(options.rate, 0.0, options.steps)
    begin, step = descent(loss, optax.adam(rate))
    every = max(1, min(50, options.steps // 20))
    return train(
        step,
        begin(params),
        options.steps,
        key,
        run,
        every,
        limit=options.limit,
        clock=time.process_time if options.processor_time else time.perf_counter,
        watch=None if watch is None or run.bare else lambda state: watch(state[0]),
    )


def costs(trained: Trained, start: float) -> dict[str, Any]:
    """Returns what training cost and did to the loss, ready to be printed.

    Args:
        trained: the history.
        start: `time.process_time()` at the script's beginning.
    """
    steps = int(trained.at[-1]) if len(trained.at) else 0
    device = jax.local_devices()[0]
    cores = f"{multiprocessing.cpu_count()} CPU cores"
    return {
        "steps_done": steps,
        "first_loss": float(trained.losses[0]),
        "last_loss": float(trained.losses[-1]),
        "steps_per_second": steps / max(trained.seconds, 1e-9),
        "steps_per_second_at_best": 1 / trained.fastest,
        "peak_megabytes": trained.megabytes,
        "device": cores if device.platform == "cpu" else device.device_kind,
        "compile_seconds": trained.compiling,
        "cpu_seconds": time.process_time() - start,
        "history": {
            "steps": trained.at.tolist(),
            "seconds": trained.times.tolist(),
            "losses": trained.losses.tolist(),
            "errors": trained.watched.tolist(),
        },
    }


def solve(
    problem: Problem,
    options: argparse.Namespace,
    run: Run,
    distribution: str = "rademacher",
) -> Solved:
    """Trains on the residual alone and measures against the solution."""
    start = time.process_time()
    weights, test, steps = jax.random.split(jax.random.key(options.seed), 3)
    params, apply = build(problem, options, weights)
    begin = time.perf_counter()
    if options.solve:
        again = jax.random.fold_in(steps, options.steps)  # no step of Adam draws by it
        params = with_last_layer(problem, apply, params, options, again)
        params = jax.block_until_ready(params)
    solving = time.perf_counter() - begin
    loss = residual_loss(problem, apply, options, distribution)
    watch = errors.watcher(problem, apply, jax.random.key(17))
    begun = watch(params)
    trained = fit(loss, params, options, steps, run, watch)
    params = trained.state[0]
    error = errors.measure(problem, apply, params, test, options.test)
    numbers = {
        "problem": problem.name,
        "dim": options.dim,
        "method": options.method,
        "samples": options.samples,
        "seed": options.seed,
        "steps": options.steps,
        "relative_l1": error.l1,
        "relative_l2": error.l2,
        "trivial_l2": error.trivial,
        "test_points": error.points,
        "solving_seconds": solving,
        "relative_l2_at_the_start": begun,
        **costs(trained, start),
    }
    return Solved(apply, params, trained, numbers)


def picture(numbers: dict[str, Any], trivial: str) -> Figure:
    """Returns loss and error against seconds, beside an ansatz that has learnt nothing.

    Args:
        numbers: of a run, as its JSON holds them.
        trivial: the ansatz with the best number for a network, in words.
    """
    told = numbers["dim"], numbers["method"], numbers["samples"]
    return histories(
        title(numbers["problem"], *told),
        numbers["history"],
        "relative L2 error",
        ("network", numbers["relative_l2"]),
        (trivial, numbers["trivial_l2"]),
    )


def histories(
    heading: str,
    history: dict[str, list[float]],
    what: str,
    last: tuple[str, float],
    beside: tuple[str, float],
) -> Figure:
    """Returns the loss and an error against seconds of training, compilation apart.

    Args:
        heading: of the figure.
        history: of `costs`.
        what: the error's name.
        last: what is trained, and its error in the end, at all test points.
        beside: what has learnt nothing, and its error.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    seconds = history["seconds"]
    left.semilogy(seconds, history["losses"], color="C0", lw=1)
    left.set(title="Loss while training", ylabel="mean squared residual")
    right.semilogy(seconds, history["errors"], color="C0", label=_named(last))
    if beside[1] > ROUNDING:
        right.axhline(beside[1], color="0.4", ls="--", label=_named(beside))
    right.set_ylabel(what)
    # Above the axes, where no line runs.
    right.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)
    for axis in (left, right):
        axis.set_xlabel("training, seconds")
        axis.grid(alpha=0.3)
    figure.suptitle(heading)
    return figure


def _named(entry: tuple[str, float]) -> str:
    return f"{entry[0]}: {100 * entry[1]:.3g} %"
