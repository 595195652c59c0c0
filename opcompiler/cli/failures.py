"""Errors that the user can mend become a message on stderr and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from opcompiler.cli.app import say
from opcompiler.errors import OperatorError

WRONG_INPUT = 1
"""The exit code where an operator, a file or a network is wrong; 2 is click's own."""


@contextmanager
def told() -> Iterator[None]:
    """Tells errors of the user's; whatever else is raised is a defect of ours."""
    try:
        yield
    except OperatorError as error:
        say(str(error), err=True)
        raise typer.Exit(WRONG_INPUT) from None
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in {"matplotlib", "optax"}:
            raise
        say(
            f"the demo needs {package}\n"
            "  hint: install it with `pip install 'opcompiler[examples]'`",
            err=True,
        )
        raise typer.Exit(WRONG_INPUT) from None


def unwritable(path: object, error: OSError) -> OperatorError:
    """Returns the error about a file that cannot be written."""
    return OperatorError(
        f"cannot write {path}: {error.strerror}",
        hint="give the name of a file in a folder that exists",
    )
