"""From FILE to a problem, or to what is compiled from it."""

import os
import runpy
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import opcompiler as oc
from opcompiler.cli.options import NAMES
from opcompiler.errors import OperatorError


def is_text(file: str) -> bool:
    """Whether FILE is no name of a file but a text in the notation."""
    return any(sign in file for sign in "=;\n") and not os.path.isfile(file)


def read_problem(file: str, parameters: Mapping[str, float]) -> oc.Problem:
    """Reads a problem from a file, or from the argument itself if it is no name."""
    if is_text(file):
        return oc.parse(file, parameters=parameters, file="<FILE>")
    if Path(file).suffix == ".py":
        raise OperatorError(
            "this command takes a problem in the notation, not a program",
            expression=file,
            hint="write the equations in a .pde file; in Python there is oc.compile",
        )
    return oc.load(file, parameters=parameters)


def read_operator(name: str, parameters: Mapping[str, float]) -> Any:
    """Reads a text, or runs a program: a problem, equations or a residual.

    Raises:
        OperatorError: if there is none, or the program stops.
    """
    file = Path(name)
    if file.suffix != ".py":
        return read_problem(name, parameters)
    if not file.is_file():
        raise OperatorError(f"cannot read {file}", hint="give the name of a file")
    if parameters:
        raise OperatorError(
            "--set sets parameters of a .pde file", hint="set it in the program"
        )
    found = _run(file)
    named = [found[name] for name in NAMES if name in found]
    if not named:
        raise OperatorError(
            f"{file} defines no equations",
            hint=f"assign them to one of the names: {', '.join(NAMES)}",
        )
    return named[0]


def compiled(operator: Any, strategy: str | None = None) -> oc.Residual:
    """Compiles what `read_operator` returned."""
    if not isinstance(operator, oc.Residual):
        return oc.compile(operator, strategy=strategy or "auto")
    if strategy is None:
        return operator
    return oc.Residual(operator.operator, strategy, defaults=operator.defaults)


def labels(operator: Any, residual: oc.Residual) -> list[str]:
    """Returns a name for each equation: its own, or a number."""
    equations = residual.operator.equations
    keys = equations.keys or getattr(operator, "equations", None)
    if keys:
        return [str(key) for key in keys]
    count = len(equations.residuals)
    return ["residual"] if count == 1 else [f"residual {n + 1}" for n in range(count)]


def _run(file: Path) -> dict[str, Any]:
    """Runs a program as Python would, but not as `__main__`; returns its names."""
    # What it prints must not get into our results.
    with on_path(file.resolve().parent), redirect_stdout(sys.stderr):
        try:
            return runpy.run_path(str(file))
        except OperatorError:
            raise
        # Whatever a user's program stops with is the user's to mend.
        except (Exception, SystemExit) as error:
            raise OperatorError(
                f"{place(error, str(file))} stops with {type(error).__name__}: {error}",
                hint=f"it must run by itself: python {file}",
            ) from None


def place(error: BaseException, file: str) -> str:
    """Returns `file, line 3,`: the last line of a file that an error has come through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame.lineno for frame in frames if frame.filename == file]
    return f"{file}, line {own[-1]}," if own else file


@contextmanager
def on_path(folder: Path) -> Iterator[None]:
    """Imports from a folder, as `python` does from that of the program."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
