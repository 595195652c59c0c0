"""The `opcompiler` command: thin over the package, results on stdout.

The package is imported by the commands that need it, so that `--help` is quick.

Errors about a user's operator go to stderr, with exit code 1. Benchmarks need the
checkout and stay outside: `python -m tests.benchmarks`, or `make bench`.
"""

import runpy
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from json import dumps
from pathlib import Path
from typing import Annotated, Any

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


_NAMES = ("equations", "residual", "operator", "problem")
_SET = typer.Option("--set", metavar="NAME=VALUE", help="value of a parameter")


@app.command()
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="a .pde file, or a text")],
    parameter: Annotated[list[str] | None, _SET] = None,
    json: Annotated[bool, typer.Option("--json", help="tell it as JSON")] = False,
) -> None:
    """Reads a problem, compiles its equations and conditions, and says what they are."""
    with _errors_told():
        package = import_module("opcompiler")
        problem = _read(file, _assignments(parameter))
        parts = {name: problem.equation(name) for name in problem.equations}
        parts |= {name: problem.condition(name) for name in problem.conditions}
        residuals = {name: package.compile(part) for name, part in parts.items()}
        if json:
            typer.echo(_as_json(problem, residuals))
            return
        typer.echo(package.to_text(problem), nl=False)
        for name, residual in residuals.items():
            typer.echo(f"# {name}: {residual.plan.channels} channels")


def _as_json(problem: Any, residuals: dict[str, Any]) -> str:
    channels = {name: residual.plan.channels for name, residual in residuals.items()}
    told = {
        "coordinates": [str(symbol) for symbol in problem.symbols],
        "fields": [name for field in problem.fields for name in field.names],
        "parameters": [parameter.name for parameter in problem.parameters],
        "unknowns": list(problem.unknowns),
        "equations": {name: channels[name] for name in problem.equations},
        "conditions": {name: channels[name] for name in problem.conditions},
    }
    return dumps(told, indent=2)


def _assignments(given: list[str] | None) -> dict[str, float]:
    """Reads `nu=0.01` from the command line."""
    values: dict[str, float] = {}
    for assignment in given or []:
        name, _, number = assignment.partition("=")
        try:
            # An integer stays one: it may be a dimension.
            values[name] = int(number) if number.isdecimal() else float(number)
        except ValueError:
            raise OperatorError(
                f"{assignment!r} sets no parameter", hint="write --set nu=0.01"
            ) from None
    return values


def _read(file: str, parameters: dict[str, float]) -> Any:
    """Reads a problem from a file, or from the argument itself if it is no name."""
    package = import_module("opcompiler")
    if any(sign in file for sign in "=;\n"):
        return package.parse(file, parameters=parameters)
    return package.load(file, parameters=parameters)


@app.command()
def plan(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="a .pde file in the notation, or a text in it, or your own Python "
            "program (.py), which is RUN; it assigns SymPy equations (one, a list or a "
            "dict), a problem or a compiled residual to one of: " + ", ".join(_NAMES),
        ),
    ],
    strategy: Annotated[
        str | None,
        typer.Option(help="a strategy's name; auto, or the residual's own, by default"),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="write a page about the plan here")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="print the plan as JSON, and nothing else")
    ] = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="print every strategy side by side")
    ] = False,
    parameter: Annotated[list[str] | None, _SET] = None,
) -> None:
    """Shows how an operator will be evaluated: channels, products, read-outs, cost."""
    with _errors_told():
        residual = _load(file, strategy, _assignments(parameter))
        chosen = residual.plan
        if json:
            typer.echo(chosen.to_json())
        elif compare:
            typer.echo(chosen.comparison())
        elif html is None:
            typer.echo(str(chosen))
        if html is not None:
            _write_page(residual, html)
            typer.echo(f"wrote {html}", err=json)


def _write_page(residual: Any, path: Path) -> None:
    try:
        residual.to_html(path)
    except OSError as error:
        raise OperatorError(
            f"cannot write {path}: {error.strerror}",
            hint="give the name of a file in a folder that exists",
        ) from None


def _load(name: str, strategy: str | None, parameters: dict[str, float]) -> Any:
    """Reads a text, or runs a user's program, and returns its operator, compiled."""
    package = import_module("opcompiler")
    file = Path(name)
    if file.suffix != ".py":
        problem = _read(name, parameters)
        return package.compile(problem, strategy=strategy or "auto")
    if not file.is_file():
        raise OperatorError(f"cannot read {file}", hint="give the name of a file")
    if parameters:
        raise OperatorError(
            "--set sets parameters of a .pde file", hint="set it in the program"
        )
    found = _run(file)
    named = [found[name] for name in _NAMES if name in found]
    if not named:
        raise OperatorError(
            f"{file} defines no equations",
            hint=f"assign them to one of the names: {', '.join(_NAMES)}",
        )
    if not isinstance(named[0], package.Residual):
        return package.compile(named[0], strategy=strategy or "auto")
    if strategy is None:
        return named[0]
    return package.Residual(named[0].operator, strategy)


def _run(file: Path) -> dict[str, Any]:
    """Runs a program as Python would, but not as `__main__`; returns its names."""
    folder = str(file.resolve().parent)
    sys.path.insert(0, folder)
    try:
        # What it prints must not get into our results.
        with redirect_stdout(sys.stderr):
            return runpy.run_path(str(file))
    except OperatorError:
        raise
    # Whatever a user's program stops with is the user's to mend, not a defect of ours.
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame.lineno for frame in frames if frame.filename == str(file)]
        where = f"{file}, line {own[-1]}," if own else f"{file}"
        raise OperatorError(
            f"{where} stops with {type(error).__name__}: {error}",
            hint=f"it must run by itself: python {file}",
        ) from None
    finally:
        sys.path.remove(folder)


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
