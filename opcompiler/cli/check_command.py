"""`opcompiler check`: what a text says."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING

import opcompiler as oc
from opcompiler.cli.app import app, errors_reported, examples, say
from opcompiler.cli.options import Json, Notation, numbers, Set
from opcompiler.cli.sources import read_problem, reads_its_points

if TYPE_CHECKING:
    from opcompiler.text import Part


@app.command(
    epilog=examples(
        "opcompiler check burgers.pde",
        "opcompiler check poisson.pde --set d=5 --json",
        "opcompiler check 'coordinates t, x; field u; u_t = u_xx'",
    )
)
def check(file: Notation, parameter: Set = None, json: Json = False) -> None:
    """Reads a problem, compiles its equations and conditions, and says what they are."""
    with errors_reported():
        problem = read_problem(file, numbers(parameter))
        parts = {name: problem.equation(name) for name in problem.equations}
        parts |= {name: problem.condition(name) for name in problem.conditions}
        if not parts:
            raise oc.OperatorError(
                "the text states neither an equation nor a condition",
                expression=file,
                hint="write one: coordinates t, x; field u; heat: u_t = u_xx",
            )
        residuals = {name: oc.compile(part) for name, part in parts.items()}
        channels = {name: r.plan.channels for name, r in residuals.items()}
        if json:
            say(_as_json(problem, channels))
            return
        say(oc.to_text(problem), end="")
        for name, count in channels.items():
            placeless = name in problem.conditions and reads_its_points(residuals[name])
            note = ", no place is fixed: it holds where its points lie" * placeless
            say(f"# {name}: {count} channels{note}")
        for name in problem.unused:
            say(f"# {name} is declared and not used")
        for name, part in parts.items():
            if _compares_reals(part):
                say(
                    f"# {name}: an equality in where(...) holds at exactly equal numbers"
                )


def _compares_reals(part: Part) -> bool:
    """Whether a choice hangs on two numbers being equal, which hardly any two are."""
    import sympy as sp

    sides = [side for equation in part.equations.values() for side in equation.args]
    return any(side.has(sp.Eq, sp.Ne) for side in sides)


def _as_json(problem: oc.Problem, channels: dict[str, int]) -> str:
    data = {
        "coordinates": [str(symbol) for symbol in problem.symbols],
        "fields": [name for field in problem.fields for name in field.names],
        "parameters": [parameter.name for parameter in problem.parameters],
        "unknowns": list(problem.unknowns),
        "equations": {name: channels[name] for name in problem.equations},
        "conditions": {name: channels[name] for name in problem.conditions},
        "unused": list(problem.unused),
    }
    return dumps(data, indent=2)
