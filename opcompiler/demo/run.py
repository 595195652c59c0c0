"""The demo in order: compile, show, check, time, train, draw."""

import math
import time
from pathlib import Path

from rich.console import Console

from opcompiler.api import compile as compile_operator
from opcompiler.demo.burgers import train
from opcompiler.demo.check import Route, compare, nested_burgers, nested_navier_stokes
from opcompiler.demo.picture import draw
from opcompiler.demo.problems import BURGERS, NAVIER_STOKES
from opcompiler.lowering import Residual

VISCOSITY = 0.01 / math.pi


def run_demo(out: Path, steps: int, seed: int, console: Console) -> float:
    """Runs the demo; returns the relative L2 error of the trained solution."""
    navier_stokes = compile_operator(NAVIER_STOKES)
    burgers = compile_operator(BURGERS)
    _show("2D Navier-Stokes", navier_stokes, nested_navier_stokes, console)
    _show("viscous Burgers", burgers, nested_burgers, console)
    console.rule("training Burgers, ν = 0.01/π")
    start = time.perf_counter()
    solution = train(burgers, VISCOSITY, steps, seed)
    seconds = time.perf_counter() - start
    draw(solution, VISCOSITY, out)
    console.print(f"{steps} steps of Adam in {seconds:.0f} s; picture: {out}")
    console.print(f"relative L2 error against Cole-Hopf: {100 * solution.error:.2f} %")
    return solution.error


def _show(name: str, residual: Residual, nested: Route, console: Console) -> None:
    console.rule(name)
    console.print(
        str(residual.plan), markup=False, highlight=False, soft_wrap=True
    )
    found = compare(residual, nested)
    console.print(f"against nested AD, float64: {found.difference:.1e} relative")
    for what, (ours, theirs) in (
        ("evaluation", found.evaluation),
        ("parameter gradient", found.gradient),
    ):
        console.print(
            f"{what}, MLP 4x128, 256 points: {ours:.2f} ms, nested AD "
            f"{theirs:.2f} ms: {theirs / ours:.1f}x"
        )
