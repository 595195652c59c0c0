"""Medians of contestants that run in turns, so that the machine is the same for all."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from tests.benchmarks.network import apply

Evaluate = Callable[[Any, Any], Any]
"""(network parameters, points) -> residuals, an array with the points last."""

REPEATS = 31


@dataclass(frozen=True)
class Row:
    """One operator and everybody who can evaluate it.

    Attributes:
        name: as it stands in the table.
        dim, fields: the network's inputs and outputs.
        channels: Taylor channels of our plan, for the matmul floor.
        contestants: ours first.
        hidden: widths of the hidden layers; points: how many.
        floor: what is measured instead of all matrix products of all channels.
        repeats: of every measurement.
        same_numbers: whether contestants must agree; estimators draw on their own.
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
    same_numbers: bool = True

    @property
    def title(self) -> str:
        """The row's name with its network."""
        return f"{self.name}, {'-'.join(map(str, self.hidden))}, {self.points} points"


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
    references = {
        "(plain network)": jax.vmap(apply, (None, 0)),
        f"(floor: matmuls of {row.channels} channels)": row.floor
        or matmuls(row.channels),
    }
    everybody = {**row.contestants, **references}
    values, slopes, compiling, memory = {}, {}, {}, {}
    for name, evaluate in everybody.items():
        values[name], first = compiled(evaluate, params, points)
        slopes[name], second = compiled(jax.grad(_loss(evaluate)), params, points)
        compiling[name] = (first, second)
        planned = slopes[name].memory_analysis()
        memory[name] = planned.temp_size_in_bytes / 2**20
    differences = _agree(row, values, params, points) if row.same_numbers else {}
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
    found = {name: values[name](params, points) for name in row.contestants}
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

    Each is called twice in its turn and the second call counts, as in a training loop:
    the first finds the caches, and the allocator, as the one before has left them.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            jax.block_until_ready(function(params, points))
            start = time.perf_counter()
            jax.block_until_ready(function(params, points))
            times[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(taken) for name, taken in times.items()}
