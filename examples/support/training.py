"""The training loop: compiled apart, a progress bar, a history, checkpoints."""

import resource
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from examples.support.run import Run

Step = Callable[[Any, Array], tuple[Any, Array]]
"""(state, key) -> (next state, loss)"""


class Trained(NamedTuple):
    """What training gives back.

    Attributes:
        state: the last one, not the best one.
        at, losses: the history, one entry for every `every` steps.
        times: seconds of steps until each entry.
        watched: what `watch` said at each entry; empty without it.
        seconds: of the steps alone, those before a checkpoint included.
        compiling: seconds of compilation alone.
        fastest: seconds per step of the fastest `every` steps, for a busy machine.
        megabytes: the most memory until the last step.
    """

    state: Any
    at: np.ndarray
    losses: np.ndarray
    times: np.ndarray
    watched: np.ndarray
    seconds: float
    compiling: float
    fastest: float
    megabytes: float


def train(
    step: Step,
    state: Any,
    steps: int,
    key: Array,
    run: Run,
    every: int = 50,
    save_every: float = 60.0,
    title: str = "training",
    limit: float = np.inf,
    watch: Callable[[Any], float] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Trained:
    """Repeats a step, `every` of them in one compiled loop.

    Args:
        step: pure; the key of step i is `fold_in(key, i)`, so that a resumed run is the
            run that was not interrupted.
        state: a pytree of arrays.
        steps: in all, those of a checkpoint included.
        key: of everything that steps draw.
        run: receives checkpoints; `run.resume` goes on from one.
        every: steps between entries of the history.
        save_every: seconds between checkpoints; the last state is always saved.
        title: of the progress bar and the checkpoint.
        limit: seconds of steps after which no more are taken.
        watch: state -> a number of the history, an error; its time does not count.
        clock: counts the seconds of steps; `time.process_time` where others work beside.
    """

    @partial(jax.jit, donate_argnums=0)
    def several(state: Any, start: Array, stop: Array) -> tuple[Any, Array]:
        def one(count: Array, carry: tuple[Any, Array]) -> tuple[Any, Array]:
            state, loss = step(carry[0], jax.random.fold_in(key, count))
            return state, loss.astype(carry[1].dtype)

        return jax.lax.fori_loop(start, stop, one, (state, jnp.zeros(())))

    saved = run.restore(_checkpoint(state, 0, 0.0, 0.0), title)
    state, done, seconds = saved["state"], int(saved["done"]), float(saved["seconds"])
    loss = float(saved["loss"])
    entries = [(done, loss, seconds)] if done else []
    watched = [watch(state)] if done and watch else []

    def history() -> tuple[np.ndarray, ...]:
        at, losses, times = np.array(entries).reshape(-1, 3).T
        return at.astype(int), losses, times, np.array(watched)

    if done >= steps:
        return Trained(state, *history(), seconds, 0.0, np.nan, peak_megabytes())
    state = jax.tree.map(jnp.copy, state)  # donated; the caller's own is not
    run.turns.prepare()
    begin = time.perf_counter()
    compiled = several.lower(state, jnp.asarray(0), jnp.asarray(0)).compile()
    compiling = time.perf_counter() - begin
    last_save, fastest = time.perf_counter(), np.inf
    with run.turns.alone(), progress() as bar:
        task = bar.add_task(title, total=steps, completed=done, loss=np.nan)
        while done < steps and seconds < limit:
            ahead = (
                every if limit == np.inf else _within(limit - seconds, seconds, done)
            )
            stop = min(steps, done + min(ahead, every))
            begin = clock()
            state, loss = compiled(state, jnp.asarray(done), jnp.asarray(stop))
            loss = float(loss)
            taken = clock() - begin
            seconds, fastest = seconds + taken, min(fastest, taken / (stop - done))
            done = stop
            entries.append((done, loss, seconds))
            if watch:
                watched.append(watch(state))
            bar.update(task, completed=done, loss=loss)
            if time.perf_counter() - last_save > save_every:
                run.save(_checkpoint(state, done, seconds, loss), title)
                last_save = time.perf_counter()
    megabytes = peak_megabytes()
    run.save(_checkpoint(state, done, seconds, loss), title)
    return Trained(state, *history(), seconds, compiling, fastest, megabytes)


def _within(left: float, seconds: float, done: int) -> int:
    """Returns how many steps fit into what is left, going by those that are done."""
    return max(1, int(left * done / seconds)) if seconds else 1


def peak_megabytes() -> float:
    """Returns the most memory so far: of the device, or of the process on a CPU."""
    process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    told = jax.local_devices()[0].memory_stats() or {}
    return told.get("peak_bytes_in_use", process) / 2**20


def _checkpoint(state: Any, done: int, seconds: float, loss: float) -> dict[str, Any]:
    numbers = {"done": done, "seconds": seconds, "loss": loss}
    return {"state": state, **{n: jnp.asarray(v) for n, v in numbers.items()}}


def progress() -> Progress:
    """Returns a progress bar that shows the loss; `loss` is a field of its tasks."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3g}"),
        TimeRemainingColumn(),
    )


def descent(
    loss: Callable[[Any, Array], Array], optimizer: optax.GradientTransformation
) -> tuple[Callable[[Any], Any], Step]:
    """Returns how a state begins, and the step, of a first-order optimiser.

    Args:
        loss: (params, key) -> ().
        optimizer: of optax.

    Returns:
        `begin(params)` gives the state (params, state of the optimiser).
    """

    def begin(params: Any) -> Any:
        return params, optimizer.init(params)

    def step(state: Any, key: Array) -> tuple[Any, Array]:
        params, memory = state
        value, slope = jax.value_and_grad(loss)(params, key)
        change, memory = optimizer.update(slope, memory, params)
        return (optax.apply_updates(params, change), memory), value

    return begin, step


def lbfgs(
    loss: Callable[[Any, Array], Array], memory: int = 30
) -> tuple[Callable[[Any], Any], Step]:
    """Returns how a state begins, and the step, of L-BFGS with a line search (optax).

    Args:
        loss: (params, key) -> (), the same for all keys.
        memory: pairs of steps and slopes that are kept.

    Returns:
        `begin(params)` gives the state (params, state of the optimiser).
    """
    optimizer = optax.lbfgs(memory_size=memory)

    def begin(params: Any) -> Any:
        return params, optimizer.init(params)

    def step(state: Any, key: Array) -> tuple[Any, Array]:
        params, kept = state
        here = lambda params: loss(params, key)
        value, slope = optax.value_and_grad_from_state(here)(params, state=kept)
        change, kept = optimizer.update(
            slope, kept, params, value=value, grad=slope, value_fn=here
        )
        return (optax.apply_updates(params, change), kept), value

    return begin, step
