"""`opcompiler bench`: times a residual against what JAX has itself.

In: a problem or a program, and the size of the network. Out: a table, or JSON.

    opcompiler bench kdv.pde --points 1024 --width 64 --depth 3

The command reads the operator and prints; `demo/contest.py` runs and measures.
"""

from __future__ import annotations

from collections.abc import Iterator
from json import dumps
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

import opcompiler as oc
from opcompiler.cli.app import app, cell, errors_reported, examples, say
from opcompiler.cli.options import Json, numbers, Operator, Set, Strategy
from opcompiler.cli.sources import (
    columns,
    compiled,
    is_text,
    parameters,
    quadrature,
    read_operator,
)

if TYPE_CHECKING:
    from opcompiler.demo.contest import Box, Lane, Size

    Entry = tuple[str, oc.Residual, dict[str, Any], Box]

_NODES = 16
_OTHERWISE = (-1.0, 1.0)


@app.command(
    epilog=examples(
        "opcompiler bench",
        "opcompiler bench kdv.pde --points 1024 --width 64 --depth 3",
        "opcompiler bench poisson.pde --set d=5 --json",
    )
)
def bench(
    file: Operator = "",
    points: Annotated[int, typer.Option(min=1, help="how many points")] = 256,
    width: Annotated[int, typer.Option(min=1, help="of each hidden layer")] = 128,
    depth: Annotated[int, typer.Option(min=1, help="number of hidden layers")] = 4,
    rounds: Annotated[int, typer.Option(min=1, help="medians are taken over")] = 30,
    parameter: Set = None,
    strategy: Strategy = None,
    json: Json = False,
) -> None:
    """Times a residual, value and gradient, against nested jvp and JAX's own jets.

    Without FILE, the Navier-Stokes and Burgers equations. The network is a
    tanh perceptron in float32; points are drawn in the declared intervals, else in [-1, 1].
    """
    from opcompiler.demo.contest import contest, Size

    size = Size(points, width, depth, rounds)
    results = {}
    with errors_reported():
        for name, *what in _entries(file, numbers(parameter), strategy):
            results[name] = contest(*what, size)
    if json:
        say(_as_json(results, size))
    else:
        console = Console(highlight=False)
        for name, lanes in results.items():
            console.print(_table(name, lanes, size))


def _entries(
    file: str, given: dict[str, float], strategy: str | None
) -> Iterator[Entry]:
    """Yields what is timed: name, residual, parameters, intervals of the points."""
    if not file:
        from opcompiler.demo.problems import burgers, navier_stokes

        for name, equations, fields in (
            ("2D Navier-Stokes, velocity and pressure", navier_stokes(), "uvp"),
            ("viscous Burgers", burgers(), "u"),
        ):
            residual = compiled(oc.compile(equations, fields=[*fields]), strategy)
            yield name, residual, {"nu": 0.01}, _box(None, residual)
        return
    text = not file.endswith(".py")
    operator = read_operator(file, given if text else {})
    residual = compiled(operator, strategy)
    chosen = parameters(operator, residual, {} if text else given)
    rules = quadrature(residual, _NODES)
    if rules is not None:
        chosen["quadrature"] = rules
    name = "residual" if is_text(file) else Path(file).name
    yield name, residual, chosen, _box(operator, residual)


def _box(operator: Any, residual: oc.Residual) -> Box:
    """Returns an interval for each column: the declared one, where there is one."""
    if not isinstance(operator, oc.Problem):
        return [_OTHERWISE] * len(columns(residual))
    box = []
    for coordinate in operator.coordinates:
        ends = coordinate.interval or ()
        finite = bool(ends) and all(end.is_number and end.is_finite for end in ends)
        low, high = (float(end) for end in ends) if finite else _OTHERWISE
        count = int(coordinate.dimension) if coordinate.dimension is not None else 1
        box += [(low, high)] * count
    return box


def _table(name: str, lanes: list[Lane], size: Size) -> Table:
    import jax

    table = Table(
        title=cell(
            f"{name}\nMLP {size.depth}×{size.width} tanh, {size.points} points, "
            f"float32 on {jax.devices()[0].platform}, medians of {size.rounds}"
        ),
        title_style="bold",
    )
    table.add_column("route", no_wrap=True)
    for column in ("value", "ratio", "gradient", "ratio", "difference\nin float64"):
        table.add_column(column, justify="right")
    present = [lane for lane in lanes if lane.reason is None]
    for lane in present:
        table.add_row(lane.name, *_cells(lane, lanes[0]))
    absent = [lane for lane in lanes if lane.reason is not None]
    table.caption = cell("\n".join(f"no {lane.name}: {lane.reason}" for lane in absent))
    return table


def _cells(lane: Lane, ours: Lane) -> list[str]:
    return [
        f"{1e3 * lane.evaluation:.2f} ms",
        f"{lane.evaluation / ours.evaluation:.1f}×",
        f"{1e3 * lane.gradient:.2f} ms",
        f"{lane.gradient / ours.gradient:.1f}×",
        f"{lane.difference:.1e}",
    ]


def _as_json(results: dict[str, list[Lane]], size: Size) -> str:
    import jax

    data = {
        "device": jax.devices()[0].platform,
        "jax": jax.__version__,
        "points": size.points,
        "width": size.width,
        "depth": size.depth,
        "rounds": size.rounds,
        "operators": {
            name: [_lane(lane) for lane in lanes] for name, lanes in results.items()
        },
    }
    return dumps(data, indent=2)


def _lane(lane: Lane) -> dict[str, Any]:
    if lane.reason is not None:
        return {"route": lane.name, "reason": lane.reason}
    return {
        "route": lane.name,
        "seconds": {"value": lane.evaluation, "gradient": lane.gradient},
        # JSON has no NaN.
        "difference": lane.difference if isfinite(lane.difference) else None,
    }
