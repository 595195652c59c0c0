"""`opcompiler check`: what a text says."""

from json import dumps

import typer

import opcompiler as oc
from opcompiler.cli import failures
from opcompiler.cli.app import app, examples
from opcompiler.cli.options import Json, Notation, numbers, Set
from opcompiler.cli.reading import read_problem


@app.command(
    epilog=examples(
        "opcompiler check burgers.pde",
        "opcompiler check poisson.pde --set d=5 --json",
        "opcompiler check 'coordinates t, x; field u; u_t = u_xx'",
    )
)
def check(file: Notation, parameter: Set = None, json: Json = False) -> None:
    """Reads a problem, compiles its equations and conditions, and says what they are."""
    with failures.told():
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
            typer.echo(_as_json(problem, channels))
            return
        typer.echo(oc.to_text(problem), nl=False)
        for name, count in channels.items():
            placeless = name in problem.conditions and _reads_all(residuals[name])
            note = ", no place is fixed: it holds where its points lie" * placeless
            typer.echo(f"# {name}: {count} channels{note}")


def _reads_all(residual: oc.Residual) -> bool:
    """Whether the fields of a condition stand at the points themselves."""
    return all(site.names is not None for site in residual.operator.sites)


def _as_json(problem: oc.Problem, channels: dict[str, int]) -> str:
    told = {
        "coordinates": [str(symbol) for symbol in problem.symbols],
        "fields": [name for field in problem.fields for name in field.names],
        "parameters": [parameter.name for parameter in problem.parameters],
        "unknowns": list(problem.unknowns),
        "equations": {name: channels[name] for name in problem.equations},
        "conditions": {name: channels[name] for name in problem.conditions},
    }
    return dumps(told, indent=2)
