"""`opcompiler emit`: a problem as a Python module, compiled when the module is imported.

The body of a compiled function is shown and not generated. What the module runs is what
`opcompiler.compile` returns for the text it holds, with the checks of networks, points and
shapes that go with it, and a plan whose proof can be asked for.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterator
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

import opcompiler as oc
from opcompiler.cli.app import app, errors_reported, examples, say, unwritable
from opcompiler.cli.options import Notation, numbers, Set, Strategy
from opcompiler.cli.sources import columns, read_problem

_OWN_NAMES = ("jax", "oc", "problem", "PROBLEM", "residual", "loss")
_NOT_GIVEN = frozenset(
    (*_OWN_NAMES, *dir(builtins), *keyword.kwlist, *keyword.softkwlist)
)
"""Names that no function for a condition is given: `loss` needs Python's `sum`."""

_SHOWN_COLUMNS = 8

_LOSS = '''
def loss(net, points, /, **arguments) -> jax.Array:
    """Returns the mean squares of all residuals, added up."""
    values = jax.tree.leaves(residual(net, points, **arguments))
    return sum((abs(value) ** 2).mean() for value in values)
'''.rstrip()


@app.command(
    epilog=examples(
        "opcompiler emit burgers.pde -o residual.py",
        "opcompiler emit poisson.pde --set d=5 --strategy polarization -o poisson.py",
    )
)
def emit(
    file: Notation,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="the module; on stdout by default"),
    ] = None,
    parameter: Set = None,
    strategy: Strategy = None,
) -> None:
    """Writes a module with the residual functions; it imports jax and opcompiler only.

    The module holds the problem as text, compiles it when it is imported, and shows in
    comments what runs then. The same problem gives the same module, to the byte.
    """
    with errors_reported():
        problem = read_problem(file, numbers(parameter))
        text = module_text(problem, strategy or "auto")
        if out is None:
            say(text, end="")
            return
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise unwritable(out, error) from None
        say(f"wrote {out}")


def module_text(problem: oc.Problem, strategy: str = "auto") -> str:
    """Returns the module, the same for equal problems.

    Args:
        problem: of which every equation and condition becomes a function.
        strategy: a name of a strategy, or `auto`.

    Raises:
        OperatorError: if the problem cannot be compiled, or has no equation.
    """
    residual = oc.compile(problem, strategy=strategy)
    option = "" if strategy == "auto" else f', strategy="{strategy}"'
    parts = [
        f'"""{_summary(problem, residual)}"""',
        "import jax\n\nimport opcompiler as oc",
        f'PROBLEM = """\n{escaped(oc.to_text(problem))}"""',
        "problem = oc.parse(PROBLEM)",
        f"residual = oc.compile(problem{option})\n{_comment(residual)}",
    ]
    for name, label in _functions(problem):
        condition = oc.compile(problem.condition(label), strategy=strategy)
        call = f"oc.compile(problem.condition({dumps(label)}){option})"
        parts.append(f"{name} = {call}\n{_comment(condition)}")
    parts.append(_LOSS)
    return "\n\n".join(parts) + "\n"


def _summary(problem: oc.Problem, residual: oc.Residual) -> str:
    names = columns(residual)
    if len(names) > _SHOWN_COLUMNS:
        names = [*names[:3], "...", names[-1]]
    asked = [n for n in residual.parameters if n not in residual.defaults]
    given = "".join(f", {name}=..." for name in asked)
    lines = [
        f"Residuals of: {', '.join(problem.equations)}. Written by `opcompiler emit`.",
        "",
        f"    residual(net, points{given}) -> {{{_keys(problem)}}}",
        "",
        f"    net     a JAX function of one point that gives {', '.join(residual.fields)}, "
        "or a dict of such functions",
        f"    points  (..., {len(columns(residual))}), the columns {', '.join(names)}",
    ]
    for name, value in residual.defaults.items():
        lines.append(f"    {name:<7} {value!r} if it is not given")
    if residual.operator.axes:
        axes = ", ".join(f'"{name}": rule' for name, _, _ in residual.operator.axes)
        lines += ["", f"Integrals ask for quadrature={{{axes}}} too, with",
                  "rule = oc.gauss_legendre(16)."]  # fmt: skip
    return "\n".join(lines) + "\n"


def _keys(problem: oc.Problem) -> str:
    return ", ".join(f'"{label}": (...)' for label in problem.equations)


def _functions(problem: oc.Problem) -> Iterator[tuple[str, str]]:
    """Yields a name in Python for each condition, and its label."""
    taken: set[str] = set()
    for label in problem.conditions:
        stem = re.sub(r"\W", "_", label)
        if not stem.isidentifier() or stem.startswith("__") or stem in _NOT_GIVEN:
            stem = f"condition_{stem}"
        name, number = stem, 2
        while name in taken:
            name, number = f"{stem}_{number}", number + 1
        taken.add(name)
        yield name, label


def _comment(residual: oc.Residual) -> str:
    return "\n".join(f"# {line}".rstrip() for line in residual.source().splitlines())


def escaped(text: str) -> str:
    """Returns a text that may stand between three quotation marks."""
    return text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
