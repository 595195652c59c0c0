"""What a residual is called with, beside a network and points."""

from collections.abc import Mapping
from typing import Any

import opcompiler as oc
from opcompiler.errors import OperatorError


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
