"""The demo from beginning to end, on the terminal."""

import time
from pathlib import Path
from typing import Any

import jax
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

from opcompiler.demo import burgers, contest, figure, perceptron, training


def tell(
    *, steps: int, out: Path, seed: int, console: Console | None = None
) -> dict[str, Any]:
    """Compiles, checks, times, trains and draws; prints what it finds.

    Returns:
        The numbers: of each case, and of the trained network.
    """
    console = console or Console(highlight=False)
    table, cases = _show_cases(console)
    console.print(table)
    params = _train(console, steps, seed)
    error = _judge(console, params, out)
    return {"cases": cases, "steps": steps, "seed": seed, "relative L2 error": error}


def _show_cases(console: Console) -> tuple[Table, dict[str, Any]]:
    """Prints the plan of every case; returns checks and times, as a table and as data."""
    table = Table(
        title="opcompiler against nested jax.jvp by hand, both jitted, on "
        f"{jax.devices()[0].platform}\nMLP 4×128 tanh, {contest.POINTS} points; "
        f"times are medians of {contest.ROUNDS} in float32",
        title_style="bold",
    )
    table.add_column("equations")
    for column in ("difference\nin float64", "task", "opcompiler", "nested", "ratio"):
        table.add_column(column, justify="left" if column == "task" else "right")
    cases: dict[str, Any] = {}
    for case in contest.CASES:
        residual = case.compile()
        console.rule(f"[bold]{case.name}")
        console.out(f"{case.text()}\n\n{residual.plan}\n", highlight=False)
        error = contest.difference(case, residual)
        cases[case.name] = {"difference": error, "seconds": {}}
        for task, (ours, theirs) in contest.seconds(case, residual).items():
            speed = (f"{1e3 * s:.2f} ms" for s in (ours, theirs))
            ratio = f"{theirs / ours:.1f}×"
            table.add_row(case.name, f"{error:.1e}", task, *speed, ratio)
            times = {"opcompiler": ours, "nested": theirs}
            cases[case.name]["seconds"][task] = times
        table.add_section()
    return table, cases


def _train(console: Console, steps: int, seed: int) -> perceptron.Params:
    console.rule("[bold]training: u_t + u u_x = nu u_xx")
    console.print(
        "u(0, x) = -sin(pi x) and u(t, ±1) = 0 by construction, "
        f"nu = 0.01/pi = {burgers.NU:.5f}\n"
        f"MLP 3×32 tanh, {training.POINTS} points, Adam, {steps} steps, seed {seed}",
        soft_wrap=True,
    )
    columns = (
        "{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        "steps",
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    start = time.perf_counter()
    with jax.enable_x64(False), Progress(*columns, console=console) as progress:
        task = progress.add_task("loss", total=steps)

        def report(done: int, loss: float) -> None:
            progress.update(task, completed=done, description=f"loss {loss:.2e}")

        params = training.train(steps, seed, report)
    console.print(
        f"trained in {time.perf_counter() - start:.0f} s, compilation included"
    )
    return params


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
