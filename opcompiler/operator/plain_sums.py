"""Sums and products over plain indices, whose bounds are numbers: written out."""

from collections.abc import Sequence

import sympy as sp

from opcompiler.core.errors import OperatorError

_LARGEST_SUM = 10_000


def written_out(expr: sp.Sum | sp.Product) -> sp.Expr:
    """Writes out a sum or product whose bounds are numbers.

    By substitution into the body, never by `doit`: SymPy pulls derivatives by indexed
    coordinates out of sums, silently and wrongly.
    """
    terms: list[sp.Expr] = [expr.function]
    for index, lower, upper in expr.limits:
        if not (lower.is_Integer and upper.is_Integer):
            raise OperatorError(
                "a sum with symbolic bounds cannot be compiled",
                expression=expr,
                hint=f"put integers for the bounds {lower} and {upper}",
            )
        span = range(int(lower), int(upper) + 1)
        _check_index(expr, index, len(terms) * len(span))
        terms = [t.xreplace({index: sp.Integer(k)}) for t in terms for k in span]
    return sp.Add(*terms) if isinstance(expr, sp.Sum) else sp.Mul(*terms)


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
