"""`opcompiler emit`: a problem as a Python module of its own."""

from pathlib import Path
from typing import Annotated

import typer

from opcompiler.cli import failures
from opcompiler.cli.app import app, examples, say
from opcompiler.cli.module import module_text
from opcompiler.cli.options import Notation, numbers, Set, Strategy
from opcompiler.cli.reading import read_problem


@app.command(
    epilog=examples(
        "opcompiler emit burgers.pde -o residual.py",
        "opcompiler emit poisson.pde --set d=5 --strategy polarization -o poisson.py",
    )
)
def emit(
    file: Notation,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="the module; on stdout by default"),
    ] = None,
    parameter: Set = None,
    strategy: Strategy = None,
) -> None:
    """Writes a module with the residual functions; it imports jax and opcompiler only.

    The module holds the problem as text, compiles it when it is imported, and shows in
    comments what runs then. The same problem gives the same module, to the byte.
    """
    with failures.told():
        problem = read_problem(file, numbers(parameter))
        text = module_text(problem, strategy or "auto")
        if out is None:
            say(text, end="")
            return
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise failures.unwritable(out, error) from None
        say(f"wrote {out}")
