"""The command `opcompiler`, to which the others are added."""

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    epilog="Exit codes: 0, all is well; 1, the operator, a file or a network is wrong; "
    "2, the command line is wrong.",
)


@app.callback()
def main() -> None:
    """Compiles symbolic differential operators to fast JAX numerics."""


def examples(*lines: str) -> str:
    """Returns the end of a command's help: command lines to copy."""
    # Typer keeps apart only what stands in paragraphs of its own.
    return "\n\n".join(("Examples:", *lines))
