"""The demo from beginning to end, on the terminal."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

from opcompiler.demo import burgers, figure, perceptron, races, training

RACES = (races.plate, races.laplacian, races.derivatives)


def tell(
    *, steps: int, out: Path, seed: int, console: Console | None = None
) -> dict[str, Any]:
    """Races, trains and draws; prints what it finds.

    Returns:
        The numbers: of each race, and of the trained network.
    """
    console = console or Console(highlight=False)
    results = _race(console)
    console.print(_table(results))
    params = _train(console, steps, seed)
    error = _judge(console, params, out)
    numbers = {name: [asdict(r) for r in found] for name, (_, found) in results.items()}
    return {"races": numbers, "steps": steps, "seed": seed, "relative L2 error": error}


Results = dict[str, tuple[str, list[races.Result]]]
"""By operator, its network in words and what everybody took."""


def _race(console: Console) -> Results:
    console.rule("[bold]a step of training: the loss and its gradient")
    results: Results = {}
    with jax.enable_x64(False), _progress(console, "races") as progress:
        task = progress.add_task("", total=len(RACES))
        for make in RACES:
            race = make()
            report = lambda text: progress.update(task, description=text)
            results[race.name] = race.scene, races.measure(race, report)
            progress.advance(task)
        progress.update(task, description="raced")
    return results


def _table(results: Results) -> Table:
    differences = [r.difference or 0.0 for _, found in results.values() for r in found]
    table = Table(
        title=f"Jitted, in float32 on {jax.devices()[0].platform}, medians, in turns; "
        f"all gradients agree to {max(differences):.0e}",
        title_style="bold",
    )
    table.add_column("contestant", no_wrap=True)
    for column in ("compile", "step", "to ours"):
        table.add_column(column, justify="right")
    for name, (scene, found) in results.items():
        table.add_row(f"[bold]{name}\n[dim]{scene}")
        for result in found:
            style = "" if result.style == races.OURS else f"[dim], {result.style}"
            table.add_row(
                f"  {result.contestant}{style}",
                f"{result.compile_seconds:.1f} s",
                f"{1e3 * result.step_seconds:.1f} ms",
                f"{result.step_seconds / found[0].step_seconds:.1f}×",
            )
        table.add_section()
    return table


def _train(console: Console, steps: int, seed: int) -> perceptron.Params:
    console.rule("[bold]training: u_t + u u_x = nu u_xx")
    console.print(
        "u(0, x) = -sin(pi x) and u(t, ±1) = 0 by construction, "
        f"nu = 0.01/pi = {burgers.NU:.5f}\n"
        f"MLP 3×32 tanh, {training.POINTS} points, Muon, {steps} steps, seed {seed}",
        soft_wrap=True,
    )
    start = time.perf_counter()
    with jax.enable_x64(False), _progress(console, "steps") as progress:
        task = progress.add_task("loss", total=steps)

        def report(done: int, loss: float) -> None:
            progress.update(task, completed=done, description=f"loss {loss:.2e}")

        params = training.train(steps, seed, report)
    console.print(
        f"trained in {time.perf_counter() - start:.0f} s, compilation included"
    )
    return params


@contextmanager
def _progress(console: Console, of_what: str) -> Iterator[Progress]:
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        of_what,
        TimeRemainingColumn(elapsed_when_finished=True),
        "{task.description}",
    )
    with Progress(*columns, console=console) as progress:
        yield progress


def _judge(console: Console, params: perceptron.Params, out: Path) -> float:
    with jax.enable_x64(False):
        result = burgers.compare(params)
    error = f"relative L2 error {result.relative_error:.2%}"
    front = r"Burgers' equation, $\nu = 0.01/\pi$"
    figure.draw(result, f"{front}: {error}", out)
    console.print(
        f"[bold]{error}[/] against the Cole-Hopf solution; picture in {out}",
        soft_wrap=True,
    )
    return float(result.relative_error)
