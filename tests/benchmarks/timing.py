"""Medians of contestants that run in turns, so that the machine is the same for all."""

import random
import statistics
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from tests.benchmarks import network

Evaluate = Callable[[Any, Any], Any]
"""(network parameters, points) -> residuals, an array with the points last."""

REPEATS = 31
WARM_SECONDS = 5e-3


@dataclass(frozen=True)
class Row:
    """One operator and everybody who can evaluate it.

    Attributes:
        name: as it stands in the table.
        dim, fields: the network's inputs and outputs.
        channels: Taylor channels of our plan, for the matmul floor; 0 for a network that
            is no perceptron, which has no floor unless `floor` is given.
        contestants: ours first.
        hidden: widths of the hidden layers, none if the name says what the network is.
        points: how many.
        floor: what is measured instead of all matrix products of all channels.
        repeats: of every measurement.
        drawn: contestants whose numbers are estimates: they need not agree.
        plain: the network alone at one point; the perceptron by default.
        scene: gives parameters and points; those of the perceptron by default.
    """

    name: str
    dim: int
    fields: int
    channels: int
    contestants: Mapping[str, Evaluate]
    hidden: tuple[int, ...] = (128,) * 4
    points: int = 256
    floor: Evaluate | None = None
    repeats: int = REPEATS
    drawn: Collection[str] = ()
    plain: Evaluate = network.apply
    scene: Callable[[], tuple[Any, Any]] | None = None

    @property
    def title(self) -> str:
        """The row's name with its network."""
        widths = "-".join(map(str, self.hidden))
        return ", ".join(filter(None, (self.name, widths, f"{self.points} points")))

    def setting(self) -> tuple[Any, Any]:
        """Returns parameters and points."""
        if self.scene is not None:
            return self.scene()
        return network.setting(self.dim, self.fields, self.hidden, self.points)


@dataclass(frozen=True)
class Measurement:
    """Milliseconds, medians; compilation in seconds; memory in MiB.

    Attributes:
        memory: what the gradient's program needs beside arguments and results, at most,
            as the compiler has planned it.
        difference: largest relative difference of the values to ours; none for references.
    """

    row: str
    contestant: str
    evaluation: float
    gradient: float
    compile_evaluation: float
    compile_gradient: float
    memory: float
    difference: float | None


def measure(row: Row, params: Any, points: Any) -> list[Measurement]:
    """Checks that all contestants agree, then times values and parameter gradients.

    Beside them, in the same turns: the plain network, and the floor, which is the matrix
    products of all our channels and nothing else.
    """
    references = {"(plain network)": jax.vmap(row.plain, (None, 0))}
    if row.floor or row.channels:
        name = f"(floor: matmuls of {row.channels} channels)"
        references[name] = row.floor or matmuls(row.channels)
    everybody = {**row.contestants, **references}
    values, slopes, compiling, memory = {}, {}, {}, {}
    for name, evaluate in everybody.items():
        values[name], first = compiled(evaluate, params, points)
        slopes[name], second = compiled(jax.grad(_loss(evaluate)), params, points)
        compiling[name] = (first, second)
        planned = slopes[name].memory_analysis()
        memory[name] = planned.temp_size_in_bytes / 2**20
    differences = _agree(row, values, params, points)
    evaluation = race(values, params, points, row.repeats)
    gradient = race(slopes, params, points, row.repeats)
    return [
        Measurement(
            row.title, name, evaluation[name], gradient[name], *compiling[name],
            memory[name], differences.get(name),
        )
        for name in everybody
    ]  # fmt: skip


def _loss(evaluate: Evaluate) -> Evaluate:
    return lambda params, points: jnp.mean(evaluate(params, points) ** 2)


def matmuls(channels: int) -> Evaluate:
    """Multiplies (channels x points) rows through all layers, without activations."""

    def evaluate(params: Any, points: Any) -> Any:
        rows = jnp.tile(points, (channels, 1))
        for weights, _ in params:
            rows = rows @ weights
        return rows

    return evaluate


def compiled(function: Evaluate, params: Any, points: Any) -> tuple[Any, float]:
    """Returns the compiled function and the seconds it took."""
    start = time.perf_counter()
    program = jax.jit(function).lower(params, points).compile()
    return program, time.perf_counter() - start


def _agree(
    row: Row, values: Mapping[str, Any], params: Any, points: Any
) -> dict[str, float]:
    # One program at a time: several that call LAPACK can wait for each other forever
    # where XLA has two threads.
    found = {
        name: jax.block_until_ready(values[name](params, points))
        for name in row.contestants
        if name not in row.drawn
    }
    if not found:
        return {}
    ours = next(iter(found.values()))
    scale = jnp.max(jnp.abs(ours))
    differences = {
        n: float(jnp.max(jnp.abs(v - ours)) / scale) for n, v in found.items()
    }
    wrong = {n: d for n, d in differences.items() if not d < 1e-3}
    if wrong:
        raise AssertionError(f"{row.name}: contestants disagree: {wrong}")
    return differences


def race(
    functions: Mapping[str, Any], params: Any, points: Any, repeats: int
) -> dict[str, float]:
    """Returns medians in milliseconds, functions taking turns.

    The last call of a turn counts, as in a training loop: the first find the caches, the
    allocator and the threads as the one before has left them. What follows a program of
    many megabytes is slower by up to a third for some calls, so the order is another one
    in each round, too.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    orders = random.Random(0)
    for _ in range(repeats):
        for name in orders.sample(list(functions), len(functions)):
            begin = time.perf_counter()
            while True:
                start = time.perf_counter()
                jax.block_until_ready(functions[name](params, points))
                end = time.perf_counter()
                if start - begin > WARM_SECONDS:
                    break
            times[name].append(1e3 * (end - start))
    return {name: statistics.median(taken) for name, taken in times.items()}
