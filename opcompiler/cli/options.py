"""Arguments and options that several commands take, and what TAB completes them to.

`opcompiler --install-completion` installs the latter; a press takes as long as the package
to load, about two seconds.
"""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from opcompiler.visible import visible

NAMES = ("equations", "residual", "operator", "problem")
"""What a Python program may call its operator."""


def _strategies(incomplete: str) -> list[str]:
    """Offers the names of strategies."""
    return [name for name in strategy_names() if name.startswith(incomplete)]


def _files(*suffixes: str) -> Callable[[str], list[str]]:
    """Returns what offers files of some kinds, and the folders on the way to them."""

    def offer(incomplete: str) -> list[str]:
        folder, start = os.path.split(incomplete)
        return sorted(_fitting(folder, start, suffixes))

    return offer


def _fitting(folder: str, start: str, suffixes: tuple[str, ...]) -> Iterable[str]:
    try:
        found = list(Path(folder or ".").iterdir())
    except OSError:
        return
    for path in found:
        if not path.name.startswith(start) or (path.name[0] == "." and not start):
            continue
        # The folder stays as the user wrote it.
        name = os.path.join(folder, path.name)
        if path.is_dir():
            yield f"{name}/"
        elif path.suffix in suffixes:
            yield name


Notation = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="a .pde file in the notation, or a text in it",
        autocompletion=_files(".pde"),
    ),
]

Operator = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="a .pde file in the notation, or a text in it, or your own Python "
        "program (.py), which is RUN; it assigns SymPy equations (one, a list or a "
        "dict), a problem or a compiled residual to one of: " + ", ".join(NAMES),
        autocompletion=_files(".pde", ".py"),
    ),
]

Json = Annotated[bool, typer.Option("--json", help="print JSON, and nothing else")]


def strategy_names() -> tuple[str, ...]:
    """Returns what `--strategy` takes now; a program may register more when it runs."""
    from opcompiler.planning import STRATEGIES

    return ("auto", *sorted(STRATEGIES))


Strategy = Annotated[
    str | None,
    typer.Option(
        help="a strategy's name; auto, or the residual's own, by default",
        autocompletion=_strategies,
    ),
]


def _assignments(given: list[str] | None) -> list[str] | None:
    for assignment in given or []:
        if not assignment.partition("=")[2]:
            raise typer.BadParameter(f"{assignment!r} sets no parameter; nu=0.01 would")
    return given


def _set(help: str) -> Any:
    return typer.Option("--set", metavar="NAME=VALUE", help=help, callback=_assignments)


Set = Annotated[list[str] | None, _set("value of a parameter")]
SetArrays = Annotated[
    list[str] | None,
    _set(
        "value of a parameter: a number, or an .npy file with a number for every point or "
        "with an array"
    ),
]


def numbers(given: list[str] | None) -> dict[str, float]:
    """Reads what `--set nu=0.01` said."""
    return {name: _number(name, text) for name, text in _split(given).items()}


def numbers_and_files(
    given: list[str] | None,
) -> tuple[dict[str, float], dict[str, Path]]:
    """Reads what `--set nu=0.01 --set c=speeds.npy` said."""
    found = _split(given)
    files = {n: Path(text) for n, text in found.items() if text.endswith(".npy")}
    return {n: _number(n, t) for n, t in found.items() if n not in files}, files


def _split(given: list[str] | None) -> dict[str, str]:
    pairs = (assignment.partition("=") for assignment in given or [])
    return {name: text for name, _, text in pairs}


def _number(name: str, text: str) -> float:
    try:
        # An integer stays one: it may be a dimension.
        value = int(text) if text.isdecimal() else float(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no number", param_hint=visible(f"--set {name}")
        ) from None
    if value == 0 and re.search("[1-9]", text.lower().partition("e")[0]):
        raise typer.BadParameter(
            f"{text!r} is too small for a floating-point number",
            param_hint=f"--set {name}",
        )
    return value
