r"""What SymPy's `diff` makes of moduli, brought to a form that is finite at zero.

For a field that is not declared real, SymPy writes $|w|'$ as
$(\mathrm{Re}\,w\,(\mathrm{Re}\,w)' + \mathrm{Im}\,w\,(\mathrm{Im}\,w)')\,
\mathrm{sign}(w)/w$: 0/0 where w = 0, as on every boundary that a hard constraint is zero
on, and complex by a rounding error elsewhere. It equals
$\mathrm{Re}(s)\,(\mathrm{Re}\,w)' + \mathrm{Im}(s)\,(\mathrm{Im}\,w)'$ with
$s = \mathrm{sign}(w)$, which is 0 there, as JAX has it.
"""

import operator

import sympy as sp

from opcompiler.frontend.traversal import parts

_READ = (sp.Add, sp.Mul, sp.Pow, sp.Function, sp.Piecewise, sp.Max, sp.Min)


def finite_at_zero(expr: sp.Expr) -> sp.Expr:
    """Returns an expression with the derivatives of its moduli rewritten."""
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
    parts = {sp.re(value): sp.re(sign), sp.im(value): sp.im(sign)}
    for factor in factors:
        terms = [_replaced(term, parts) for term in sp.Add.make_args(factor)]
        if None not in terms:
            return sp.Mul(*(f for f in factors if f is not factor), sp.Add(*terms))
    return None


def _replaced(term: sp.Expr, parts: dict[sp.Expr, sp.Expr]) -> sp.Expr | None:
    factors = list(sp.Mul.make_args(term))
    for place, factor in enumerate(factors):
        if factor in parts:
            factors[place] = parts[factor]
            return sp.Mul(*factors)
    return None
