r"""The normal derivative `dn(u)`: $n\cdot\nabla u$ on the boundary.

The components of the outward normal are parameters `normal_x`, `normal_y`, ... that are
given at call time, as arrays over the points. Where a condition fixes one coordinate at
an end of its declared interval the normal is known, and they are not needed.
"""

import sympy as sp

from opcompiler.text import limits
from opcompiler.text.derivatives import Moves, slope
from opcompiler.text.scope import NORMAL, Scope
from opcompiler.text.values import each, Value


def derivative(value: Value, scope: Scope) -> Value:
    """Returns the derivative along the outward normal, of every component."""
    return each(lambda part: _along(part, scope), value)


def _along(value: sp.Expr, scope: Scope) -> sp.Expr:
    terms = []
    for x in scope.space:
        rate = slope(value, x, scope)
        if rate != 0:
            terms.append(limits.product(component(x), rate))
    return limits.total(terms)


def component(x: sp.Expr) -> sp.Symbol:
    """Returns the parameter that holds the normal's component along a coordinate."""
    return sp.Symbol(f"{NORMAL}{x}")


def known(moves: Moves, scope: Scope) -> dict[sp.Basic, sp.Expr]:
    """Returns the normal's components where a condition is pinned to a known face."""
    ends = {
        s: c.interval
        for c in scope.coordinates.values()
        if c.written_out and c.interval is not None
        for s in c.symbols
    }
    faces = {
        x: [sp.Integer(-1), sp.Integer(1)][ends[x].index(value)]
        for x, value in moves.items()
        if x in scope.space and x in ends and value in ends[x]
    }
    if len(faces) != 1:
        return {}
    return {component(x): faces.get(x, sp.S.Zero) for x in scope.space}
