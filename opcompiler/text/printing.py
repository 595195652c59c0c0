"""From a problem back to text: `parse(to_text(problem)) == problem`.

The text is ASCII, with everything spelled out: definitions stay for reference, while the
equations hold them written out, and what `at` and vector operators said is said by
derivatives at points.
"""

import sympy as sp

from opcompiler.edge import public
from opcompiler.text.formulas import Formulas
from opcompiler.text.problem import Coordinate, Field, Problem
from opcompiler.text.scope import Scope


@public("oc.to_text(problem)")
def to_text(problem: Problem) -> str:
    """Returns a problem in the notation; `parse` reads it back to an equal problem.

    Raises:
        OperatorError: if it holds SymPy nodes that the notation has no form for.
    """
    formulas = Formulas(scope_of(problem))
    lines = [
        _parameter(p.name, p.value, p.unknown, formulas) for p in problem.parameters
    ]
    lines += [_coordinate(c, formulas) for c in problem.coordinates]
    lines += [_field(f, formulas) for f in problem.fields]
    for name, value in problem.definitions.items():
        lines.append(f"define {name} = {formulas.value(value)}")
    for name, equation in problem.equations.items():
        lines.append(f"equation {name}: {formulas.sides(equation)}")
    for name, condition in problem.conditions.items():
        lines.append(f"{condition.kind} {name}: {formulas.sides(condition.equation)}")
    return "\n".join(lines) + "\n"


def scope_of(problem: Problem) -> Scope:
    """Returns the names of a problem.

    Raises:
        OperatorError: for anything else.
    """
    scope = Scope(any(f.complex for f in problem.fields))
    scope.parameters |= {p.name: p for p in problem.parameters}
    for coordinate in problem.coordinates:
        scope.add_coordinate(coordinate)
    for declared in problem.fields:
        scope.add_field(declared)
    return scope


def _parameter(
    name: str, value: sp.Expr | None, unknown: bool, formulas: Formulas
) -> str:
    words = f"{'unknown' if unknown else 'parameter'} {name}"
    return words if value is None else f"{words} = {formulas.text(value)}"


def _coordinate(coordinate: Coordinate, formulas: Formulas) -> str:
    words = f"{'time' if coordinate.time else 'coordinates'} {coordinate.name}"
    region = "R" if coordinate.dimension is not None else ""
    if coordinate.interval is not None:
        ends = ", ".join(_end(end, formulas) for end in coordinate.interval)
        region = f"[{ends}]"
    if coordinate.dimension is not None:
        region += f"^{formulas.factor(coordinate.dimension)}"
    return f"{words} in {region}" if region else words


def _end(end: sp.Expr, formulas: Formulas) -> str:
    if end.is_infinite:
        return "-inf" if end == -sp.oo else "inf"
    return formulas.text(end)


def _field(field: Field, formulas: Formulas) -> str:
    kind = "coefficient" if field.known else "field"
    if field.shape is not None:
        return f"{kind} {field.name}[{', '.join(map(formulas.text, field.shape))}]"
    words = f"{'complex ' if field.complex else ''}{kind} {field.name}"
    words += f"({', '.join(field.arguments)})"
    return words if field.components is None else f"{words} in R^{field.components}"
