"""Arguments and options that several commands take."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from opcompiler.cli import completion
from opcompiler.visible import visible

NAMES = ("equations", "residual", "operator", "problem")
"""What a Python program may call its operator."""

Notation = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="a .pde file in the notation, or a text in it",
        autocompletion=completion.files(".pde"),
    ),
]

Operator = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="a .pde file in the notation, or a text in it, or your own Python "
        "program (.py), which is RUN; it assigns SymPy equations (one, a list or a "
        "dict), a problem or a compiled residual to one of: " + ", ".join(NAMES),
        autocompletion=completion.files(".pde", ".py"),
    ),
]

Json = Annotated[bool, typer.Option("--json", help="print JSON, and nothing else")]


def _known_strategy(name: str | None) -> str | None:
    if name is not None and name not in completion.STRATEGY_NAMES:
        known = ", ".join(completion.STRATEGY_NAMES)
        raise typer.BadParameter(f"there is no strategy {name!r}; choose from {known}")
    return name


Strategy = Annotated[
    str | None,
    typer.Option(
        help="a strategy's name; auto, or the residual's own, by default",
        autocompletion=completion.strategies,
        callback=_known_strategy,
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
