"""Sums and products over plain indices, whose bounds are numbers: written out.

A range that runs backwards has SymPy's meaning, Karr's: the sum from a to b and the sum
from b + 1 to c make the sum from a to c, whatever the order of a, b and c. So

    Sum(f(n), (n, 5, 1)) = -(f(2) + f(3) + f(4)),    Sum(f(n), (n, 5, 4)) = 0.

Source: Karr, *Summation in finite terms*, J. ACM 28 (1981) 305, section 1.4.
"""

from collections.abc import Sequence

import sympy as sp

from opcompiler.errors import OperatorError

_LARGEST_SUM = 10_000


def written_out(expr: sp.Sum | sp.Product) -> sp.Expr:
    """Writes out a sum or product whose bounds are numbers.

    By substitution into the body, never by `doit`: SymPy pulls derivatives by indexed
    coordinates out of sums, silently and wrongly.
    """
    terms: list[sp.Expr] = [expr.function]
    sign = 1
    for index, lower, upper in expr.limits:
        first, last, direction = bounds(expr, lower, upper)
        _check_index(expr, index, len(terms) * (last - first + 1))
        values = [sp.Integer(k) for k in range(first, last + 1)]
        terms = [t.xreplace({index: k}) for t in terms for k in values]
        sign *= direction
    return put_together(expr, terms, sign)


def bounds(expr: sp.Expr, lower: sp.Expr, upper: sp.Expr) -> tuple[int, int, int]:
    """Returns the first and the last index of a sum or product, and its sign.

    The sign is -1 for a range that runs backwards. One of no terms ends before it begins.

    Raises:
        OperatorError: if the bounds are no numbers.
    """
    if not (lower.is_Integer and upper.is_Integer):
        raise OperatorError(
            "a sum with symbolic bounds cannot be compiled",
            expression=expr,
            hint=f"put integers for the bounds {lower} and {upper}",
        )
    first, last = int(lower), int(upper)
    return (first, last, 1) if last >= first - 1 else (last + 1, first - 1, -1)


def put_together(
    expr: sp.Sum | sp.Product, terms: Sequence[sp.Expr], sign: int
) -> sp.Expr:
    """Returns the sum, or the product, of its terms."""
    if isinstance(expr, sp.Sum):
        return sign * sp.Add(*terms)
    return sp.Mul(*terms) ** sign


def _check_index(expr: sp.Sum | sp.Product, index: sp.Symbol, count: int) -> None:
    if count > _LARGEST_SUM:
        raise OperatorError(
            f"a sum of {count} terms is too long to write out",
            expression=expr,
            hint=f"write sums of up to {_LARGEST_SUM} terms",
        )
    for derivative in _derivatives(expr.function):
        if any(variable.has(index) for variable, _ in derivative.variable_count):
            raise OperatorError(
                f"a derivative by an indexed coordinate cannot be compiled: {index} "
                "counts coordinates",
                expression=derivative,
                hint="write the coordinates out as separate symbols",
            )


def _derivatives(expr: sp.Basic) -> Sequence[sp.Derivative]:
    return sorted(expr.atoms(sp.Derivative), key=sp.default_sort_key)
