"""What a command line names: an operator, values of its parameters, a network.

In: FILE, `--set name=value`, `--net module:function`, as the user wrote them. Out: a
problem or a compiled residual, what it is called with beside a network and points, and the
network. Programs and modules are RUN, as Python would run them; what they stop with is the
user's to mend, and what they print does not get into our results.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer

import opcompiler as oc
from opcompiler.cli.options import NAMES, strategy_names
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
    """Compiles what `read_operator` returned.

    Raises:
        typer.BadParameter: if there is no such strategy. That is known only now, because
            the program that was read may have registered it.
    """
    if strategy is not None and strategy not in strategy_names():
        known = ", ".join(strategy_names())
        raise typer.BadParameter(
            f"there is no strategy {strategy!r}; choose from {known}",
            param_hint="--strategy",
        )
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


def reads_its_points(residual: oc.Residual) -> bool:
    """Whether the fields of a condition stand at the points themselves."""
    return all(site.names is not None for site in residual.operator.sites)


def _run(file: Path) -> dict[str, Any]:
    """Runs a program as Python would, but not as `__main__`; returns its names."""
    # What it prints must not get into our results.
    with _on_path(file.resolve().parent), redirect_stdout(sys.stderr):
        try:
            return runpy.run_path(str(file))
        except OperatorError:
            raise
        # Whatever a user's program stops with is the user's to mend.
        except (Exception, SystemExit) as error:
            raise OperatorError(
                f"{_place(error, str(file))} stops with {type(error).__name__}: {error}",
                hint=f"it must run by itself: python {file}",
            ) from None


def _place(error: BaseException, file: str) -> str:
    """Returns `file, line 3,`: the last line of a file that an error has come through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame.lineno for frame in frames if frame.filename == file]
    return f"{file}, line {own[-1]}," if own else file


@contextmanager
def _on_path(folder: Path) -> Iterator[None]:
    """Imports from a folder, as `python` does from that of the program."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def parameters(
    operator: Any, residual: oc.Residual, named: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the values of all parameters: those named, and first guesses of unknowns.

    Raises:
        OperatorError: for a parameter without a value, and one that there is not.
    """
    wanted = residual.parameters
    problem = getattr(operator, "problem", operator)
    guesses = problem.unknowns if isinstance(problem, oc.Problem) else {}
    values = {n: v for n, v in guesses.items() if n in wanted and v is not None}
    values |= named
    for name in values:
        if name not in wanted:
            raise OperatorError(
                f"there is no parameter {name}",
                expression=f"--set {name}=...",
                hint=f"the parameters are: {', '.join(wanted) or 'none'}",
            )
    for name in wanted:
        if name not in values and name not in residual.defaults:
            array = name not in residual.operator.parameters
            raise OperatorError(
                f"the parameter {name} has no value",
                hint=f"--set {name}={'array.npy' if array else '1.0'}",
            )
    return values


def quadrature(residual: oc.Residual, nodes: int) -> dict[str, Any] | None:
    """Returns a Gauss-Legendre rule for every integration variable."""
    rule = oc.gauss_legendre(nodes)
    return {name: rule for name, _, _ in residual.operator.axes} or None


def columns(residual: oc.Residual) -> list[str]:
    """Returns the names of the points' columns."""
    names: list[str] = []
    for column in residual.operator.columns:
        if column.size is None:
            names.append(column.name)
        else:
            names += [f"{column.name}[{n}]" for n in range(column.size)]
    return names


@dataclass(frozen=True)
class UserCode:
    """Where a network comes from.

    Attributes:
        module, name: as they were written, `module:name`.
    """

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"

    def network(self) -> Any:
        """Imports the module, which runs it, and returns the network.

        Raises:
            OperatorError: if there is no such module, or nothing of that name in it, or
                it stops, or what it has is no network.
        """
        found = self._attribute(self._imported())
        networks = found.values() if isinstance(found, Mapping) else [found]
        if not all(map(callable, networks)):
            raise OperatorError(
                f"{self} is no network",
                expression=repr(found)[:200],
                hint="give a function of one point, or a dict of such functions by field",
            )
        return found

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Imports from the current folder, and reports errors of the user's functions.

        Whatever passes through the module on its way is the user's to mend; other errors
        are defects of ours.
        """
        # What it prints must not get into our results.
        with _on_path(Path.cwd()), redirect_stdout(sys.stderr):
            try:
                yield
            except OperatorError:
                raise
            except Exception as error:
                file = getattr(sys.modules.get(self.module), "__file__", None)
                where = _place(error, str(file))
                if file is None or where == str(file):
                    raise
                raise OperatorError(
                    f"{self} stops with {type(error).__name__}",
                    expression=f"{_shown(where)} {_first_line(error)}".rstrip(),
                    hint="a network is a JAX function of ONE point; it is traced, so "
                    "no value decides what it does",
                ) from None

    def _imported(self) -> Any:
        try:
            return importlib.import_module(self.module)
        except OperatorError:
            raise
        except (Exception, SystemExit) as error:
            missing = error.name if isinstance(error, ModuleNotFoundError) else None
            if missing and f"{self.module}.".startswith(f"{missing}."):
                plain = self.module.removesuffix(".py")
                folder = "run the command in the folder that holds it"
                file = f"a module, not a file: {plain}:{self.name}"
                raise OperatorError(
                    f"there is no module {missing}",
                    expression=str(self),
                    hint=folder if plain == self.module else file,
                ) from None
            raise OperatorError(
                f"importing {self.module} stops with {type(error).__name__}: {error}",
                hint=f"it must be importable here: python -c 'import {self.module}'",
            ) from None

    def _attribute(self, module: Any) -> Any:
        if not hasattr(module, self.name):
            known = [name for name in vars(module) if not name.startswith("_")]
            close = get_close_matches(self.name, known, n=1)
            raise OperatorError(
                f"{self.module} has no {self.name}",
                expression=str(self),
                hint=f"did you mean {close[0]}?"
                if close
                else f"it has: {', '.join(sorted(known)) or 'nothing'}",
            )
        return getattr(module, self.name)


def _shown(place: str) -> str:
    """Returns a place in the current folder as the user would write it."""
    return place.removeprefix(f"{Path.cwd()}/")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0]


def read_name(text: str) -> UserCode:
    """Reads `module:name`.

    Raises:
        typer.BadParameter: if it is not of this form.
    """
    module, colon, name = text.partition(":")
    parts = [*module.split("."), name]
    if not colon or not all(part.isidentifier() for part in parts):
        raise typer.BadParameter(
            f"{text!r} is not module:function; network:apply is", param_hint="--net"
        )
    return UserCode(module, name)
