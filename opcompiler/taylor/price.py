"""What a program costs: its arithmetic, counted.

In: the equations of a jaxpr. Out: a number of operations:

    operations(jaxpr.eqns)     # (N, D) @ (D, W): 2 N D W; tanh of it: N W more

It is for comparisons of programs of one kind: of what is left of a program with fewer
directions, of an exact sum with a draw. Memory and launches are not in it.
"""

import math
from collections.abc import Iterable
from typing import Any

from opcompiler import _compat

EIGEN = 30
"""Operations for E^3, of the eigenvalues of a matrix of E rows."""

_FACTORS = {"eigh": EIGEN, "svd": EIGEN, "eig": EIGEN, "schur": EIGEN}
"""Operations per row and number of a factor; of the other factorisations 1."""

_ROWS = {"cholesky", "lu", "qr", "householder_product", "triangular_solve", *_FACTORS}
"""Primitives that take about as many operations for each number as a matrix has rows."""


def operations(equations: Iterable[Any]) -> int:
    """Estimates the arithmetic of a program.

    A loop of unknown length counts once; of a branch all cases count.
    """
    total = 0
    for equation in equations:
        inner = [operations(jaxpr.eqns) for jaxpr in _compat.bodies(equation)]
        if inner:
            total += equation.params.get("length", 1) * sum(inner)
            continue
        sizes = [math.prod(aval.shape) for aval in _compat.output_avals(equation)]
        total += _each(equation) * sum(sizes)
    return total


def _each(equation: Any) -> int:
    """Returns how many operations one number of the result takes."""
    name = equation.primitive.name
    if name == "dot_general":
        (contract, _), _ = equation.params["dimension_numbers"]
        return 2 * math.prod(equation.invars[0].aval.shape[a] for a in contract)
    if name == "conv_general_dilated":
        kernel = equation.invars[1].aval.shape
        features = kernel[equation.params["dimension_numbers"].rhs_spec[0]]
        return 2 * math.prod(kernel) // features
    if name in _ROWS:
        return equation.invars[0].aval.shape[-1] * _FACTORS.get(name, 1)
    return 1
