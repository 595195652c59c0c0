"""The command `opcompiler`, to which the others are added; how it prints and how it fails.

Names, labels and files may hold anything: whatever goes to the terminal passes `say` as
text and `cell` in tables, and errors of the command line pass `_Commands`. Errors that the
user can mend become a message on stderr and an exit code by `errors_reported`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from opcompiler import __version__
from opcompiler.errors import OperatorError
from opcompiler.visible import visible

# Of the click that typer brings along, or of the package, as its version has it.
_UsageError: Any = typer.BadParameter.__base__


class _Commands(TyperGroup):
    """The commands; messages about a command line show what it holds, and run nothing."""

    def invoke(self, ctx: Any) -> Any:
        """Runs a command."""
        with _visible_usage():
            return super().invoke(ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the command line up to the command."""
        with _visible_usage():
            return super().parse_args(ctx, args)


@contextmanager
def _visible_usage() -> Iterator[None]:
    try:
        yield
    except _UsageError as error:
        error.message = visible(error.message)
        raise


_WRONG_INPUT = 1
"""The exit code where an operator, a file or a network is wrong; 2 is click's own."""

app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=True,
    epilog="Exit codes: 0, all is well; 1, the operator, a file or a network is wrong; "
    "2, the command line is wrong.",
)


def _version(asked: bool) -> None:
    if asked:
        say(f"opcompiler {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="print the version"
        ),
    ] = False,
) -> None:
    """Compiles symbolic differential operators to fast JAX numerics."""


def say(text: str, err: bool = False, end: str = "\n") -> None:
    """Prints a text, on stderr if it is no result."""
    typer.echo(visible(text) + end, err=err, nl=False)


def cell(text: str) -> Text:
    """Returns a text for a table: what it says, no markup."""
    return Text(visible(text))


def examples(*lines: str) -> str:
    """Returns the end of a command's help: command lines to copy."""
    # Typer keeps apart only what stands in paragraphs of its own.
    return "\n\n".join(("Examples:", *lines))


@contextmanager
def errors_reported() -> Iterator[None]:
    """Prints errors that the user can mend; what else is raised is a defect of ours."""
    try:
        yield
    except OperatorError as error:
        say(str(error), err=True)
        raise typer.Exit(_WRONG_INPUT) from None
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in {"folx", "matplotlib", "optax"}:
            raise
        say(
            f"the demo needs {package}\n"
            "  hint: install it with `pip install 'opcompiler[demo]'`",
            err=True,
        )
        raise typer.Exit(_WRONG_INPUT) from None


def unwritable(path: object, error: OSError) -> OperatorError:
    """Returns the error about a file that cannot be written."""
    return OperatorError(
        f"cannot write {path}: {error.strerror}",
        hint="give the name of a file in a folder that exists",
    )
