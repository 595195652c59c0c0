"""The constants of an equation as doubles: `as_number`.

In: a SymPy expression without symbols, `pi/4`, `(-2)**Rational(1, 3)`, `10**400/10**399`.
Out: the nearest double, or complex number of doubles. What has none is refused here, where
it is written: infinite, undefined, too large or too small for a double.

A constant is evaluated whole, by SymPy and with more digits than a double has: written out
as steps of a program it would be rounded, or overflow, at each of them.
"""

import math

import sympy as sp

from opcompiler.errors import OperatorError
from opcompiler.functions import entry_of, TABLE

_DIGITS = 20
"""Three more than a double has."""

_CUT = tuple(kind for kind, entry in TABLE.items() if entry.cut)
"""Functions that SymPy and NumPy continue to different sides of their branch cuts."""


def as_number(expr: sp.Basic) -> float | complex | None:
    """Returns the value of a constant.

    Returns:
        A float, or a complex number if the value is not real; `None` for an expression
        with symbols, and for a function that SymPy cannot evaluate.

    Raises:
        OperatorError: for a number that is no finite double.
    """
    if not isinstance(expr, sp.Expr) or not expr.is_number:
        return None
    if expr.is_Rational:
        return _double(expr, expr)
    for function in expr.atoms(*_CUT):
        _refuse_branch_cut(function)
    try:
        value = expr.evalf(_DIGITS)
    except (ValueError, ZeroDivisionError):  # mpmath, outside of a function's domain
        value = sp.nan
    real, imaginary = value.as_real_imag()
    if not (real.is_Number and imaginary.is_Number):
        if value.has(sp.nan, sp.oo, -sp.oo, sp.zoo):
            raise _no_number(expr)
        return None
    parts = _double(real, expr), _double(imaginary, expr)
    return complex(*parts) if parts[1] else parts[0]


def _double(value: sp.Expr, expr: sp.Basic) -> float:
    if value.is_Float and value._prec == 1:
        return 0.0  # rounding may have made every digit of it
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or (number == 0) != (value == 0):
        raise _no_number(expr)
    return number


def _no_number(expr: sp.Basic) -> OperatorError:
    return OperatorError(
        "this number has no floating-point value",
        expression=expr.evalf(6) if expr.is_Rational else expr,
        hint="numbers must be 0, or between 4.9e-324 and 1.8e308 in size; scale the "
        "equation",
    )


def _refuse_branch_cut(function: sp.Expr) -> None:
    """Refuses `asin(2)`, whose imaginary part has the sign that a library gives it."""
    argument, cut = function.args[0], entry_of(function).cut
    if argument.is_real and cut and cut(argument) == True:  # noqa: E712 - SymPy's true
        raise OperatorError(
            f"{function} is not real, and libraries differ in the sign of its imaginary "
            "part",
            expression=function,
            hint="its argument lies on a branch cut: write the real or complex number "
            f"that you mean; SymPy has {function.evalf(6)}",
        )
