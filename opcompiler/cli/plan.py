"""`opcompiler plan`: how an operator will be evaluated."""

from pathlib import Path
from typing import Annotated

import typer

import opcompiler as oc
from opcompiler.cli import failures
from opcompiler.cli.app import app, examples, say
from opcompiler.cli.options import Json, numbers, Operator, Set, Strategy
from opcompiler.cli.reading import compiled, read_operator


@app.command(
    epilog=examples(
        "opcompiler plan burgers.pde --compare",
        "opcompiler plan plate.py --html plan.html",
        "opcompiler plan poisson.pde --set d=5 --strategy partition --json",
    )
)
def plan(
    file: Operator,
    strategy: Strategy = None,
    html: Annotated[
        Path | None, typer.Option(help="write a page about the plan here")
    ] = None,
    json: Json = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="print every strategy side by side")
    ] = False,
    parameter: Set = None,
) -> None:
    """Shows how an operator will be evaluated: channels, products, read-outs, cost."""
    with failures.told():
        residual = compiled(read_operator(file, numbers(parameter)), strategy)
        chosen = residual.plan
        if json:
            say(chosen.to_json())
        elif compare:
            say(chosen.comparison())
        elif html is None:
            say(str(chosen))
        if html is not None:
            _write_page(residual, html)
            say(f"wrote {html}", err=json)


def _write_page(residual: oc.Residual, path: Path) -> None:
    try:
        residual.to_html(path)
    except OSError as error:
        raise failures.unwritable(path, error) from None
