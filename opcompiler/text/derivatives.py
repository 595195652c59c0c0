"""Derivatives and evaluation points, as SymPy nodes that nothing has evaluated.

In: values of the text notation, and coordinates to differentiate by or to replace. Out: one
`Derivative` whose variables stand in declared order, or a `Subs` of it at a point.

    u_xx, d(d(u, x), x)                 Derivative(u(x), (x, 2))
    u_xx(x=0)                           Subs(Derivative(u(x), (x, 2)), x, 0)

SymPy would evaluate a derivative of a product, and would differentiate after a point is
inserted. These functions build the nodes themselves, so that a text and its printed form
have the same tree, however the derivative was written.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import sympy as sp
from sympy.core.function import AppliedUndef

from opcompiler.ir import HIGHEST_ORDER
from opcompiler.text import limits
from opcompiler.text.mistakes import MeaningError
from opcompiler.text.scope import Scope
from opcompiler.text.values import each, Value

Steps = Sequence[tuple[sp.Expr, int]]
Moves = Mapping[sp.Basic, sp.Expr]


def differentiate(value: Value, steps: Steps, scope: Scope) -> Value:
    """Returns the derivative of a value, of every component of a tuple.

    Raises:
        MeaningError: if it would be zero because a coordinate is missing, or if its
            order is beyond all use.
    """
    return each(lambda part: _differentiated(part, steps, scope), value)


def _differentiated(value: sp.Expr, steps: Steps, scope: Scope) -> sp.Expr:
    for variable, _ in steps:
        _check_dependence(value, variable)
    return held(value, steps, scope)


def slope(value: sp.Expr, variable: sp.Expr, scope: Scope, times: int = 1) -> sp.Expr:
    """Returns a derivative, zero where nothing depends on the variable."""
    if not depends(value, variable):
        return sp.S.Zero
    if times > 1 and isinstance(value, sp.Add):
        # So that the Laplacian of a Laplacian is a sum of derivatives of the field.
        return sp.Add(*(slope(term, variable, scope, times) for term in value.args))
    return held(value, [(variable, times)], scope)


def held(value: sp.Expr, steps: Steps, scope: Scope) -> sp.Expr:
    """Returns the unevaluated derivative, merged with one that `value` already is."""
    counts: dict[sp.Expr, int] = {}
    if isinstance(value, sp.Derivative):
        for variable, count in value.variable_count:
            counts[variable] = counts.get(variable, 0) + int(count)
        value = value.expr
    for variable, count in steps:
        counts[variable] = counts.get(variable, 0) + count
    if sum(counts.values()) + _order(value) > HIGHEST_ORDER:
        raise MeaningError(
            f"a derivative of order {sum(counts.values())}",
            f"orders go up to {HIGHEST_ORDER}",
        )
    ordered = sorted(
        counts, key=lambda v: (scope.rank(v), "" if v.is_Symbol else str(v))
    )
    return _derivative(value, ((v, sp.Integer(counts[v])) for v in ordered))


def _derivative(value: sp.Expr, counts: Iterable[tuple[sp.Basic, sp.Expr]]) -> sp.Expr:
    """Returns `Derivative(..., evaluate=False)`, without collecting free symbols.

    SymPy's constructor does so each time: of a field of n coordinates n of them.
    """
    steps = [sp.Tuple(variable, count) for variable, count in counts]
    return sp.Expr.__new__(sp.Derivative, value, *steps)


def _order(expr: sp.Basic) -> int:
    """The order of the derivatives inside an expression."""
    if not expr.has(sp.Derivative):
        return 0
    own = 0
    if isinstance(expr, sp.Derivative):
        own = sum(int(count) for _, count in expr.variable_count)
        return own + _order(expr.expr)
    return max(_order(argument) for argument in expr.args)


def depends(value: sp.Basic, variable: sp.Expr) -> bool:
    """Whether a value has a coordinate in it, also inside indexed vectors."""
    base = variable.base if isinstance(variable, sp.Indexed) else variable
    if isinstance(value, sp.Derivative):
        return depends(value.expr, variable)
    if isinstance(value, sp.Subs):
        inner = base not in value.variables and depends(value.expr, variable)
        return inner or any(depends(point, variable) for point in value.point)
    if isinstance(value, AppliedUndef):
        return base in _parts(value)
    if value == base:
        return True
    return any(depends(argument, variable) for argument in value.args)


@lru_cache(maxsize=64)
def _parts(field: AppliedUndef) -> frozenset[sp.Basic]:
    """All that stands in a field's arguments, which may be hundreds of coordinates."""
    return frozenset(sp.preorder_traversal(field))


def _check_dependence(value: sp.Expr, variable: sp.Expr) -> None:
    if depends(value, variable):
        return
    fields = sorted({f.func.__name__ for f in value.atoms(AppliedUndef)})
    if isinstance(value, AppliedUndef):
        pinned = any(not isinstance(a, sp.Symbol | sp.IndexedBase) for a in value.args)
        name = fields[0]
        problem = f"{variable} is not among the arguments of {name}, so this is zero"
        if pinned:
            where = ", ".join(map(str, value.args))
            problem = f"{name} stands at ({where}), which does not vary with {variable}"
        raise MeaningError(
            problem,
            f"differentiate first, then pin: d({name}, {variable})({variable}=0)"
            if pinned
            else f"declare the field with it: field {name}(..., {variable})",
        )
    raise MeaningError(
        f"nothing here depends on {variable}, so this derivative is zero",
        f"give a field the argument {variable}, or leave the term out",
    )


def pin(value: Value, moves: Moves) -> Value:
    """Returns a value with coordinates replaced, derivatives being taken before."""
    return each(lambda part: _pin(part, moves), value)


def _pin(expr: sp.Basic, moves: Moves) -> sp.Expr:
    if not moves or not expr.args:
        return moves.get(expr, expr)
    if isinstance(expr, AppliedUndef):
        return expr.func(*(_pin(argument, moves) for argument in expr.args))
    if isinstance(expr, sp.Derivative):
        return _substituted(expr, [], {}, moves)
    if isinstance(expr, sp.Subs):
        points = dict(zip(expr.variables, expr.point, strict=True))
        moved = {v: _pin(p, moves) for v, p in points.items()}
        return _substituted(expr.expr, list(points), moved, moves)
    if isinstance(expr, sp.Sum | sp.Integral):
        bound = [limit[0] for limit in expr.limits]
        inner = {k: v for k, v in moves.items() if k not in bound}
        ends = [(i, *(_pin(end, moves) for end in rest)) for i, *rest in expr.limits]
        return expr.func(_pin(expr.function, inner), *ends)
    parts = [_pin(argument, moves) for argument in expr.args]
    if isinstance(expr, sp.Pow):
        return limits.power(*parts)
    if isinstance(expr, sp.Function):
        for part in parts:
            limits.check_argument(part)
    moved = expr.func(*parts)
    return limits.checked(moved) if isinstance(moved, sp.Expr) else moved


def _substituted(
    body: sp.Expr, bound: list[sp.Basic], moved: dict[sp.Basic, sp.Expr], moves: Moves
) -> sp.Expr:
    """Returns `Subs(body)`: variables of its derivative in the point, others inside."""
    fresh = {k: v for k, v in moves.items() if k not in moved and depends(body, k)}
    held_by = set(bound)
    if isinstance(body, sp.Derivative):
        held_by |= set(body.variables)
    captured = any(v.free_symbols & held_by for v in fresh.values())
    inside = {} if captured else {k: v for k, v in fresh.items() if k not in held_by}
    points = {**moved, **{k: v for k, v in fresh.items() if k not in inside}}
    if isinstance(body, sp.Derivative):
        inner = _pin(body.expr, inside)
        body = _derivative(inner, body.variable_count)
    else:
        body = _pin(body, inside)
    if not points:
        return body
    order = sorted(points, key=str)
    return sp.Subs(body, tuple(order), tuple(points[v] for v in order))
