"""Operators on residuals, written in SymPy and evaluated when they are compiled."""

from collections.abc import Sequence
from itertools import combinations_with_replacement
from math import factorial, prod

import sympy as sp

from opcompiler.core.edge import public
from opcompiler.core.errors import OperatorError
from opcompiler.operator.symbolic import symbolic


@public("oc.sobolev(residual, 2, [x, y])")
def sobolev(
    residual: sp.Expr | sp.Eq, order: int, wrt: sp.Symbol | Sequence[sp.Symbol]
) -> tuple[sp.Expr, ...]:
    r"""Returns a residual and its derivatives up to an order, for a Sobolev loss.

    They are held: nothing is multiplied out here, and `compile` merges what is alike.
    Compiled together, all of them are one push of the network.

    Args:
        residual: an expression that is to be zero, or an equation.
        order: the highest order m, at least 0.
        wrt: the coordinate, or coordinates, to differentiate by.

    Returns:
        By order, and within it in the order of `wrt`: for one coordinate $R, D_x R,
        \ldots, D_x^m R$; for several $R, R_x, R_y, R_{xx}, R_{xy}, R_{yy}, \ldots$

    Raises:
        OperatorError: for a negative order, no coordinates, or a coordinate twice.

    Source: n-TangentProp, arXiv 2412.09752, section 4 (Sobolev loss).
    """
    return tuple(derivative for derivative, _ in sobolev_terms(residual, order, wrt))


def sobolev_terms(
    residual: sp.Expr | sp.Eq, order: int, wrt: sp.Symbol | Sequence[sp.Symbol]
) -> list[tuple[sp.Expr, tuple[int, int]]]:
    r"""Returns the family of `sobolev`, each with its order and how often it counts.

    Of $|\nabla^j R|^2$, the sum over all j-tuples of coordinates, a derivative that is
    taken $\alpha$ times by them is $j!/\alpha!$ terms.
    """
    coordinates = [wrt] if isinstance(wrt, sp.Basic) else list(symbolic(wrt))
    symbolic(residual)
    if order < 0 or not coordinates or len(set(coordinates)) < len(coordinates):
        raise OperatorError(
            "a Sobolev family needs an order of at least 0 and distinct coordinates",
            expression=f"order={order}, wrt={coordinates}",
            hint="for instance sobolev(residual, 2, x), or sobolev(residual, 2, [x, y])",
        )
    equation = isinstance(residual, sp.Eq)
    value = sp.Add(residual.lhs, -residual.rhs) if equation else residual
    family: list[tuple[sp.Expr, tuple[int, int]]] = [(value, (0, 1))]
    for count in range(1, order + 1):
        for chosen in combinations_with_replacement(coordinates, count):
            steps = [(c, chosen.count(c)) for c in dict.fromkeys(chosen)]
            times = factorial(count) // prod(factorial(k) for _, k in steps)
            family.append((sp.Derivative(value, *steps), (count, times)))
    return family
