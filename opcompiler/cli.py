"""The `opcompiler` command: thin over the package, results on stdout.

Errors about a user's operator go to stderr, with exit code 1. Benchmarks need the
checkout and stay outside: `python -m tests.benchmarks`, or `make bench`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from opcompiler.core.errors import OperatorError

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def main() -> None:
    """Compiles symbolic differential operators to fast JAX numerics."""


@app.command()
def demo(
    steps: Annotated[int, typer.Option(min=1, help="training steps")] = 16_000,
    out: Annotated[Path, typer.Option(help="where the picture goes")] = Path(
        "burgers.png"
    ),
    seed: Annotated[int, typer.Option(help="of weights and points")] = 0,
) -> None:
    """Compiles two PDEs, checks and times them, trains Burgers' equation, draws it."""
    with _errors_told():
        import_module("opcompiler.demo.story").tell(steps=steps, out=out, seed=seed)


@contextmanager
def _errors_told() -> Iterator[None]:
    """Turns errors that the user can mend into a message and exit code 1."""
    try:
        yield
    except OperatorError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in {"matplotlib", "optax"}:
            raise
        typer.echo(
            f"the demo needs {package}\n"
            "  hint: install it with `pip install 'opcompiler[examples]'`",
            err=True,
        )
        raise typer.Exit(1) from None
