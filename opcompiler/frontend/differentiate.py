r"""The chain rule on expressions over leaves, along one coordinate.

In: an expression, and what the derivative of each leaf is. Out: the derivative.

    total_derivative(u*sin(u), x, ...)  ->  u_x*sin(u) + u*cos(u)*u_x

SymPy's own `diff` is not used on expressions that hold fields: it turns composite
arguments into `Subs` over dummies, differentiates `Abs` through real and imaginary
parts, and sets a held mixed derivative equal to nothing it knows. Here a field's
derivative is a leaf (a symbol), and

$$ D_s\, F = \sum_a \frac{\partial F}{\partial a}\, D_s a . $$

Where a user has let SymPy differentiate, `finite_at_zero` mends what it made of moduli.
"""

import operator
from collections.abc import Callable

import sympy as sp
from sympy.core.function import ArgumentIndexError

from opcompiler.errors import OperatorError
from opcompiler.frontend.traversal import parts
from opcompiler.functions import entry_of, Quadrature, reciprocal_gamma, untranslated
from opcompiler.held_tensors import Element, HeldTensor

LeafDerivative = Callable[[sp.Expr, sp.Expr], sp.Expr]
"""(leaf, symbol or component, coordinate) -> its derivative along the coordinate."""


def total_derivative(
    expr: sp.Expr, coordinate: sp.Expr, of_symbol: LeafDerivative
) -> sp.Expr:
    """Returns the derivative of `expr` by `coordinate`, fields differentiated along."""
    known: dict[sp.Basic, sp.Expr] = {}

    def derive(node: sp.Expr) -> sp.Expr:
        if node not in known:
            known[node] = by_kind(node)
        return known[node]

    def by_kind(node: sp.Expr) -> sp.Expr:
        match node:
            case sp.Symbol() | sp.Indexed():
                return of_symbol(node, coordinate)
            case _ if not node.args:
                return sp.S.Zero
            case sp.Add():
                return sp.Add(*map(derive, node.args))
            case sp.Mul():
                return _product_rule(node, derive)
            case sp.Pow():
                return _power_rule(node, derive)
            case sp.Piecewise():
                return sp.Piecewise(*((derive(v), when) for v, when in node.args))
            case Quadrature():  # limits are constant on the reference interval
                slope = derive(node.args[0])
                return Quadrature(slope, *node.args[1:]) if slope != 0 else sp.S.Zero
            case Element():
                return node.slope(derive)
            case sp.Function() | sp.Max() | sp.Min():
                return _function_rule(node, derive)
        raise OperatorError(
            f"no derivative is known for {type(node).__name__}",
            expression=node,
            hint="write it by elementary functions, or outside the Derivative",
        )

    return derive(expr)


Derive = Callable[[sp.Expr], sp.Expr]


def _product_rule(node: sp.Mul, derive: Derive) -> sp.Expr:
    terms = []
    for place, factor in enumerate(node.args):
        slope = derive(factor)
        if slope != 0:
            others = node.args[:place] + node.args[place + 1 :]
            terms.append(sp.Mul(*others, slope))
    return sp.Add(*terms)


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
    entry = entry_of(node)
    if all(slope == 0 for slope in slopes):
        return sp.S.Zero
    if entry.along is not None:
        return entry.along(*node.args, *slopes)
    if entry.by_identity and entry.identity is not None:
        written = entry.identity(*node.args)
        if written is None:  # it cannot be evaluated, so nor can its derivative
            raise untranslated(node)
        return derive(written)
    rates = [
        _rate(node, place) if slope != 0 else 0 for place, slope in enumerate(slopes)
    ]
    return sp.Add(*(r * s for r, s in zip(rates, slopes, strict=True)))


def _rate(node: sp.Expr, place: int) -> sp.Expr:
    """Returns the partial derivative of a function by one of its arguments."""
    rate = entry_of(node).rate
    if rate is not None and place == len(node.args) - 1:
        return rate(*node.args)
    try:
        found = node.fdiff(place + 1)
    except ArgumentIndexError:
        found = None
    if found is None or found.has(sp.Derivative, sp.Subs):
        raise OperatorError(
            f"SymPy knows no derivative of {node.func.__name__} by argument {place + 1}",
            expression=node,
            hint="write it by elementary functions, or pass it as a field",
        )
    return found


# --- What SymPy's `diff` makes of moduli -------------------------------------------------

_READ = (
    *(sp.Add, sp.Mul, sp.Pow, sp.Function, sp.Piecewise, sp.Max, sp.Min),
    *(Element, HeldTensor, sp.Tuple),
)


def finite_at_zero(expr: sp.Expr) -> sp.Expr:
    r"""Returns an expression in which derivatives of moduli are finite at zero.

    For a field that is not declared real, SymPy writes $|w|'$ as
    $(\mathrm{Re}\,w\,(\mathrm{Re}\,w)' + \mathrm{Im}\,w\,(\mathrm{Im}\,w)')\,
    \mathrm{sign}(w)/w$: 0/0 where w = 0, as on every boundary that a hard constraint is
    zero on, and complex by a rounding error elsewhere. It equals
    $\mathrm{Re}(s)\,(\mathrm{Re}\,w)' + \mathrm{Im}(s)\,(\mathrm{Im}\,w)'$ with
    $s = \mathrm{sign}(w)$, which is 0 there, as JAX has it.
    """
    if not any(isinstance(part, sp.sign) for part in parts(expr)):
        return expr
    return _finite(expr, {})


def _finite(expr: sp.Expr, known: dict[sp.Basic, sp.Expr]) -> sp.Expr:
    if not isinstance(expr, _READ):
        return expr
    if expr not in known:
        inner = [_finite(argument, known) for argument in expr.args]
        unchanged = all(map(operator.is_, inner, expr.args))
        known[expr] = _product(expr if unchanged else expr.func(*inner))
    return known[expr]


def _product(expr: sp.Expr) -> sp.Expr:
    for factor in expr.args if isinstance(expr, sp.Mul) else ():
        if isinstance(factor, sp.sign):
            rewritten = _rewritten(expr, factor)
            if rewritten is not None:
                return rewritten
    return expr


def _rewritten(product: sp.Mul, sign: sp.Expr) -> sp.Expr | None:
    """Returns a product with sign(w)/w multiplied into its sum over the parts of w."""
    value = sign.args[0]
    used = {sign, *sp.Mul.make_args(1 / value)}
    factors = [f for f in product.args if f not in used]
    if len(factors) + len(used) != len(product.args):
        return None
    of_sign = {sp.re(value): sp.re(sign), sp.im(value): sp.im(sign)}
    for factor in factors:
        terms = [_replaced(term, of_sign) for term in sp.Add.make_args(factor)]
        if None not in terms:
            return sp.Mul(*(f for f in factors if f is not factor), sp.Add(*terms))
    return None


def _replaced(term: sp.Expr, new: dict[sp.Expr, sp.Expr]) -> sp.Expr | None:
    """Returns a product with the first factor that is a key of `new` replaced."""
    factors = list(sp.Mul.make_args(term))
    for place, factor in enumerate(factors):
        if factor in new:
            factors[place] = new[factor]
            return sp.Mul(*factors)
    return None
