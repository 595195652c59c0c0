"""The command `opcompiler`, to which the others are added, and what it prints by.

Names, labels and files may hold anything: whatever goes to the terminal passes `say` as
text and `cell` in tables, and errors of the command line pass `_Commands`.
"""

from typing import Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from opcompiler.visible import visible

# Of the click that typer brings along, or of the package, as its version has it.
_UsageError: Any = typer.BadParameter.__base__


class _Commands(TyperGroup):
    """The commands; what is wrong with a command line is told without its escapes."""

    def invoke(self, ctx: Any) -> Any:
        """Runs a command."""
        try:
            return super().invoke(ctx)
        except _UsageError as error:
            error.message = visible(error.message)
            raise

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the command line up to the command."""
        try:
            return super().parse_args(ctx, args)
        except _UsageError as error:
            error.message = visible(error.message)
            raise


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=True,
    epilog="Exit codes: 0, all is well; 1, the operator, a file or a network is wrong; "
    "2, the command line is wrong.",
)


@app.callback()
def main() -> None:
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
