r"""From a problem to LaTeX: `parse_latex(to_latex(problem)) == problem`."""

import sympy as sp

from opcompiler.notation.latex.formulas import escaped, grouped, LatexFormulas, shown
from opcompiler.notation.printing import scope_of
from opcompiler.notation.problem import Coordinate, Field, Parameter, Problem


def to_latex(problem: Problem) -> str:
    r"""Returns a problem as one `aligned` block, to be put between `\[` and `\]`.

    Declarations, definitions, equations and conditions, one a row, each with its word;
    `parse_latex` reads them back to an equal problem.

    Raises:
        OperatorError: if it holds SymPy nodes that the notation has no form for.
    """
    formulas = LatexFormulas(scope_of(problem))
    rows = [_parameter(p, formulas) for p in problem.parameters]
    rows += [_coordinate(c, formulas) for c in problem.coordinates]
    rows += [_field(f, formulas) for f in problem.fields]
    rows += [
        f"{_words('define')} {shown(name)} = {formulas.value(value)}"
        for name, value in problem.definitions.items()
    ]
    said = {name: ("equation", e) for name, e in problem.equations.items()}
    said |= {name: (c.kind, c.equation) for name, c in problem.conditions.items()}
    for name, (kind, equation) in said.items():
        words = _words(f"{kind} {escaped(name)}:")
        rows.append(f"{words} {formulas.sides(equation)}")
    body = " \\\\\n".join(f"& {row}" for row in rows)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}\n"


def _words(words: str) -> str:
    return f"\\text{{{words} }}"


def _parameter(parameter: Parameter, formulas: LatexFormulas) -> str:
    row = f"{_words('unknown' if parameter.unknown else 'parameter')} "
    row += shown(parameter.name)
    if parameter.value is None:
        return row
    return f"{row} = {formulas.text(parameter.value)}"


def _coordinate(coordinate: Coordinate, formulas: LatexFormulas) -> str:
    row = f"{_words('time' if coordinate.time else 'coordinates')} {shown(coordinate.name)}"
    region = "\\mathbb{R}" if coordinate.dimension is not None else ""
    if coordinate.interval is not None:
        ends = ", ".join(_end(end, formulas) for end in coordinate.interval)
        region = f"\\left[{ends}\\right]"
    if coordinate.dimension is not None:
        region += f"^{{{formulas.text(coordinate.dimension)}}}"
    return f"{row} \\in {region}" if region else row


def _end(end: sp.Expr, formulas: LatexFormulas) -> str:
    if end.is_infinite:
        return "-\\infty" if end == -sp.oo else "\\infty"
    return formulas.text(end)


def _field(field: Field, formulas: LatexFormulas) -> str:
    kind = "coefficient" if field.known else "field"
    row = f"{_words(f'complex {kind}' if field.complex else kind)} {shown(field.name)}"
    if field.shape is not None:
        return f"{row}\\left[{', '.join(map(formulas.text, field.shape))}\\right]"
    row += grouped(", ".join(map(shown, field.arguments)))
    if field.components is None:
        return row
    return f"{row} \\in \\mathbb{{R}}^{{{field.components}}}"
