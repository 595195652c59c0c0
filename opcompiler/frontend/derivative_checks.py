"""Refusals of derivatives, `Subs` and integrals, each with a hint what to write instead.

In: an expression that `expand.py` is about to read. Out: nothing, or an `OperatorError`.

    oc.compile(oc.D(v, X[7]))           # X has 3 components
    # OperatorError: x[7] reaches number 7: there are 3, counted from 0

The checks stand apart so that `expand.py` reads as the meaning of a derivative alone.
Without them some input would be compiled to a wrong operator; no other input would change.
"""

import re
from collections.abc import Callable, Mapping, Sequence

import sympy as sp
from sympy.core.function import AppliedUndef

from opcompiler.errors import OperatorError
from opcompiler.frontend.held import Held, Leaf
from opcompiler.frontend.naming import printable
from opcompiler.frontend.ranges import check_component
from opcompiler.frontend.signature import Signature

_PARTS = (sp.re, sp.im, sp.conjugate, sp.arg, sp.Abs, sp.sign)


def kind_of_step(expr: sp.Derivative, variable: sp.Basic, count: sp.Basic) -> None:
    """Refuses derivatives by what is no symbol, field or component, or of no order."""
    kinds = AppliedUndef | sp.Derivative | sp.Symbol | sp.Indexed
    if not isinstance(variable, kinds):
        raise OperatorError(
            f"a derivative is taken by {variable}, which is not a coordinate",
            expression=expr,
            hint="differentiate by a symbol that is an argument of the field",
        )
    if not isinstance(count, sp.Integer):
        raise OperatorError(
            f"the order {count} of a derivative is not a number",
            expression=expr,
            hint=f"put an integer for {count} before compiling: expr.subs({count}, 2)",
        )


def variable(
    expr: sp.Derivative,
    by: sp.Symbol | sp.Indexed,
    bound: Sequence[sp.Symbol],
    signature: Signature,
    places: Callable[[AppliedUndef], Mapping[sp.Basic, object]],
) -> None:
    """Refuses a derivative of a field by what its arguments do not hold.

    Args:
        expr: the derivative.
        by: its variable.
        bound: the variables that `Subs` and integrals around it bind.
        signature: of the equations.
        places: which symbols the arguments of an applied field hold.
    """
    if isinstance(by, sp.Indexed):
        _component(expr, by, signature)
        return
    lone = expr.expr
    while isinstance(lone, sp.Derivative):
        lone = lone.expr
    applied = isinstance(lone, AppliedUndef)
    if not applied and not lone.has(AppliedUndef):
        return
    if re.search(r"\w ?[*+/-] ?\w", by.name):
        raise OperatorError(
            "SymPy's chain rule has made a symbol of an expression, and loses its way",
            expression=expr,
            hint="hold the derivative: oc.D(u(x*t, x + t), x, t)",
        )
    # SymPy writes u_x at the parameter s as a derivative by s, Derivative(u(t, s), s).
    if by not in (*signature.coordinates, *bound) and by not in _placed(expr.expr):
        raise OperatorError(
            f"a field is differentiated by {by}, "
            "which is a parameter and not a coordinate",
            expression=expr,
            hint=f"make {by} an argument of the field, or differentiate "
            f"the compiled residual by it with jax.grad",
        )
    if applied and by not in places(lone):
        raise OperatorError(
            f"{by} is not among the arguments of {lone}, "
            "so this derivative would be zero",
            expression=expr,
            hint=f"give the field the argument {by}; for the derivative at "
            f"a pinned point write Subs(Derivative(u({by}), {by}), "
            f"{by}, value)",
        )


def _placed(expr: sp.Basic) -> set[sp.Basic]:
    """Returns the symbols that say where fields stand: in arguments, or put by `Subs`."""
    places = [a for applied in expr.atoms(AppliedUndef) for a in applied.args]
    places += [value for moved in expr.atoms(sp.Subs) for value in moved.point]
    return {symbol for place in places for symbol in place.free_symbols}


def _component(expr: sp.Derivative, by: sp.Indexed, signature: Signature) -> None:
    size = signature.sizes.get(by.base)
    if size is None or len(by.indices) != 1:
        raise OperatorError(
            f"a derivative is taken by {printable(by)}, which is no component of "
            "a vector coordinate",
            expression=printable(expr),
            hint=f"make {by.base} an argument of the field, "
            f"u({by.base}), or write the coordinates out as separate symbols",
        )
    if by.indices[0].is_Integer:
        number = int(by.indices[0])
        check_component(by, (number, number), size)


def by_field(
    expr: sp.Derivative, under: sp.Expr, symbol: sp.Symbol, leaf: Leaf, held: Held
) -> None:
    """Refuses a derivative by a field of a body with a sum, or with the field's parts."""
    behind = list(held.behind(under))
    sums = any(held.sum(s) for expr in behind for s in expr.free_symbols)
    kinds = () if symbol.is_extended_real else _PARTS
    parts = (part for expr in behind if kinds for part in expr.atoms(*kinds))
    if sums or any(part.has(symbol) for part in parts):
        raise OperatorError(
            f"this is differentiated by {leaf.readable}, and "
            + ("a sum stands in it" if sums else "by its parts or modulus"),
            expression=expr,
            hint="differentiate the terms of the sum"
            if sums
            else f"declare the field real: Function('{leaf.field}', real=True)",
        )


def one_reading(expr: sp.Subs) -> None:
    """Refuses a point that holds a variable replaced after it.

    SymPy writes one `Subs` inside of another as a single one, and then nothing tells
    whether the variables are replaced at once or one after the other.
    """
    for place, value in enumerate(expr.point):
        for later in expr.variables[place + 1 :]:
            if value.has(later):
                raise OperatorError(
                    f"{later} is replaced too, and stands in what is put for "
                    f"{expr.variables[place]}",
                    expression=expr,
                    hint="SymPy merges nested Subs, and then this has two readings; write "
                    "one Subs whose values hold none of its variables",
                )


def whole_vectors(expr: sp.Subs) -> None:
    """Refuses values of single components of a vector that stays whole."""
    for replaced in expr.variables:
        if isinstance(replaced, sp.Indexed | sp.IndexedBase):
            raise OperatorError(
                f"{replaced} alone is replaced in a vector of many components",
                expression=printable(expr),
                hint="write the components out: declare the vector with up to 10 "
                "components; or give the residual points where they have that value",
            )


def integrand(expr: sp.Integral, inner: sp.Expr, held: Held) -> None:
    """Refuses what runs with the components of a vector under an integral."""
    symbols = {s for part in held.behind(inner) for s in part.free_symbols}
    for symbol in symbols:
        leaf = held.leaf(symbol)
        vector = leaf and any(isinstance(a, sp.IndexedBase) for a in leaf.arguments)
        if vector or held.sum(symbol):
            raise OperatorError(
                "an integral of a field of a vector of many components",
                expression=printable(expr),
                hint="write the components out: declare the vector with up to 10 "
                "components, or separate symbols",
            )
