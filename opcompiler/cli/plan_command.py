"""`opcompiler plan`: how an operator will be evaluated."""

from pathlib import Path
from typing import Annotated

import typer

import opcompiler as oc
from opcompiler.cli.app import app, errors_reported, examples, say
from opcompiler.cli.options import Json, numbers, Operator, Set, Strategy
from opcompiler.cli.sources import compiled, read_operator


@app.command(
    epilog=examples(
        "opcompiler plan burgers.pde --compare",
        "opcompiler plan plate.py --html plan.html",
        "opcompiler plan plate.py --view latex",
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
    view: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="print another view: latex, svg, html, or one that your program registers",
        ),
    ] = None,
    parameter: Set = None,
) -> None:
    """Shows how an operator will be evaluated: channels, products, read-outs, cost."""
    with errors_reported():
        residual = compiled(read_operator(file, numbers(parameter)), strategy)
        name = view or ("json" if json else "comparison" if compare else "table")
        if name != "table" or html is None:
            shown = residual.plan.view(name)
            if not isinstance(shown, str):
                raise oc.OperatorError(
                    f"the view {name} is no text, but a {type(shown).__name__}",
                    hint=f"take it in Python: residual.plan.view({name!r})",
                )
            say(shown)
        if html is not None:
            residual.to_html(html)
            say(f"wrote {html}", err=json)
