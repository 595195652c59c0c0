r"""The chain rule on expressions over leaves, along one coordinate.

SymPy's own `diff` is not used on expressions that hold fields: it turns composite
arguments into `Subs` over dummies, differentiates `Abs` through real and imaginary
parts, and sets a held mixed derivative equal to nothing it knows. Here a field's
derivative is a leaf (a symbol), and

$$ D_s\, F = \sum_a \frac{\partial F}{\partial a}\, D_s a . $$
"""

from collections.abc import Callable
from typing import Any

import sympy as sp
from sympy.codegen.cfunctions import Cbrt
from sympy.core.function import ArgumentIndexError

from opcompiler.errors import OperatorError
from opcompiler.frontend.functions import (
    differentiated_as,
    MeanOfCosh,
    reciprocal_gamma,
)
from opcompiler.frontend.integrals import Quadrature

LeafDerivative = Callable[[sp.Expr, sp.Expr], sp.Expr]
"""(leaf, symbol or component, coordinate) -> its derivative along the coordinate."""

# Constant between jumps; JAX differentiates them the same way.
_STEPS = (sp.Heaviside, sp.floor, sp.ceiling, sp.KroneckerDelta)

# Where SymPy's own derivative divides zero by zero, or digits cancel.
_RATES: dict[type[sp.Basic], Callable[..., sp.Expr]] = {
    sp.asin: lambda x: 1 / sp.sqrt((1 - x) * (1 + x)),
    sp.acos: lambda x: -1 / sp.sqrt((1 - x) * (1 + x)),
    sp.atanh: lambda x: 1 / ((1 - x) * (1 + x)),
    sp.acoth: lambda x: 1 / ((1 - x) * (1 + x)),
    sp.asec: lambda x: 1 / (sp.Abs(x) * sp.sqrt((x - 1) * (x + 1))),
    sp.acsc: lambda x: -1 / (sp.Abs(x) * sp.sqrt((x - 1) * (x + 1))),
    sp.asech: lambda x: -1 / (x * sp.sqrt((1 - x) * (1 + x))),
    sp.acsch: lambda x: -1 / (sp.Abs(x) * sp.sqrt(1 + x**2)),
    sp.tanh: lambda x: sp.sech(x) ** 2,
    sp.coth: lambda x: -(sp.csch(x) ** 2),
    Cbrt: lambda x: 1 / (3 * Cbrt(x) ** 2),
    sp.Si: lambda x: sp.sinc(x),
    sp.Shi: lambda x: MeanOfCosh(0, x),
    sp.LambertW: lambda x, *branch: (
        sp.exp(-sp.LambertW(x, *branch)) / (1 + sp.LambertW(x, *branch))
    ),
    sp.jn: lambda n, x: (
        (n * sp.jn(n - 1, x) - (n + 1) * sp.jn(n + 1, x)) / (2 * n + 1)
        if n != 0
        else -sp.jn(1, x)
    ),
}


def total_derivative(
    expr: sp.Expr, coordinate: sp.Expr, of_symbol: LeafDerivative
) -> sp.Expr:
    """Returns the derivative of `expr` by `coordinate`, fields differentiated along."""
    known: dict[sp.Basic, sp.Expr] = {}

    def derive(node: sp.Expr) -> sp.Expr:
        if node not in known:
            known[node] = _derive(node)
        return known[node]

    def _derive(node: sp.Expr) -> sp.Expr:
        if isinstance(node, sp.Symbol | sp.Indexed):
            return of_symbol(node, coordinate)
        if not node.args:
            return sp.S.Zero
        for kind, by_rule in _RULES:
            if isinstance(node, kind):
                return by_rule(node, derive)
        raise OperatorError(
            f"no derivative is known for {type(node).__name__}",
            expression=node,
            hint="write it by elementary functions, or outside the Derivative",
        )

    return derive(expr)


Derive = Callable[[sp.Expr], sp.Expr]


def _sum_rule(node: sp.Add, derive: Derive) -> sp.Expr:
    return sp.Add(*map(derive, node.args))


def _piecewise_rule(node: sp.Piecewise, derive: Derive) -> sp.Expr:
    return sp.Piecewise(*((derive(value), when) for value, when in node.args))


def _product_rule(node: sp.Mul, derive: Derive) -> sp.Expr:
    terms = []
    for place, factor in enumerate(node.args):
        slope = derive(factor)
        if slope != 0:
            others = node.args[:place] + node.args[place + 1 :]
            terms.append(sp.Mul(*others, slope))
    return sp.Add(*terms)


def _quadrature_rule(node: Quadrature, derive: Derive) -> sp.Expr:
    """Limits are constant on the reference interval."""
    slope = derive(node.args[0])
    return Quadrature(slope, *node.args[1:]) if slope != 0 else sp.S.Zero


def _power_rule(node: sp.Pow, derive: Derive) -> sp.Expr:
    base, exponent = node.base, node.exp
    smooth = reciprocal_gamma(base, exponent)
    if smooth is not None:
        return derive(smooth)
    by_base, by_exponent = derive(base), derive(exponent)
    result = exponent * base ** (exponent - 1) * by_base if by_base != 0 else sp.S.Zero
    if by_exponent != 0:
        result += node * sp.log(base) * by_exponent
    return result


def _function_rule(node: sp.Function, derive: Derive) -> sp.Expr:
    slopes = [derive(argument) for argument in node.args]
    if all(slope == 0 for slope in slopes) or isinstance(node, _STEPS):
        return sp.S.Zero
    written = differentiated_as(node)
    if written != node:
        return derive(written)
    if isinstance(node, sp.conjugate | sp.re | sp.im):
        # Real-linear, not holomorphic; coordinates are real.
        return node.func(slopes[0])
    if isinstance(node, sp.Abs):
        return _modulus_slope(node.args[0], slopes[0])
    if isinstance(node, sp.sign):
        return _sign_slope(node.args[0], slopes[0])
    if isinstance(node, sp.arg):
        return sp.im(slopes[0] / node.args[0])
    if isinstance(node, sp.Mod):
        # u - floor(u/w) w, the quotient constant between its jumps.
        return slopes[0] - sp.floor(node.args[0] / node.args[1]) * slopes[1]
    if isinstance(node, sp.frac):
        return slopes[0]
    rates = [
        _rate(node, place) if slope != 0 else 0 for place, slope in enumerate(slopes)
    ]
    return sp.Add(*(r * s for r, s in zip(rates, slopes, strict=True)))


def _rate(node: sp.Expr, place: int) -> sp.Expr:
    """Returns the partial derivative of a function by one of its arguments."""
    if type(node) in _RATES and place == len(node.args) - 1:
        return _RATES[type(node)](*node.args)
    try:
        rate = node.fdiff(place + 1)
    except ArgumentIndexError:
        rate = None
    if rate is None or rate.has(sp.Derivative, sp.Subs):
        raise OperatorError(
            f"SymPy knows no derivative of {node.func.__name__} by argument {place + 1}",
            expression=node,
            hint="write it by elementary functions, or pass it as a field",
        )
    return rate


def _modulus_slope(value: sp.Expr, slope: sp.Expr) -> sp.Expr:
    r"""$|w|' = \mathrm{Re}(\overline{w}\, w')/|w|$, for real w $\mathrm{sign}(w) w'$."""
    if value.is_extended_real:
        return sp.sign(value) * slope
    return sp.re(sp.conjugate(sp.sign(value)) * slope)


def _sign_slope(value: sp.Expr, slope: sp.Expr) -> sp.Expr:
    """How the direction w/|w| turns; of a real w it jumps at 0, and is flat elsewhere."""
    if value.is_extended_real:
        return sp.S.Zero
    change = slope - sp.sign(value) * _modulus_slope(value, slope)
    at_zero = (sp.S.Zero, sp.Eq(value, 0))
    return sp.Piecewise(at_zero, (change / sp.Abs(value), True))


_RULES: tuple[tuple[Any, Callable[[Any, Derive], sp.Expr]], ...] = (
    (sp.Add, _sum_rule),
    (sp.Mul, _product_rule),
    (sp.Pow, _power_rule),
    (sp.Piecewise, _piecewise_rule),
    (Quadrature, _quadrature_rule),
    ((sp.Function, sp.Max, sp.Min), _function_rule),
)
