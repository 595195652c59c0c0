"""What a user may hand in: one residual, or several in a list, tuple, dict or matrix.

In: SymPy expressions or equations. Out: `Equations`, a tuple of residuals and the form in
which the values go back to the user.

    read_equations(sp.Eq(u.diff(x), u))         # residuals (u_x - u,), a single one
    read_equations({"a": u.diff(x), "b": u})    # residuals (u_x, u), keys ("a", "b")

All later passes see residuals only. An object that no pass can read (an inequality, an
infinite number, an unevaluated matrix) is refused here, where the user's own form of it is
still at hand for the message.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp
from sympy.core.function import AppliedUndef, UndefinedFunction
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanAtom
from sympy.matrices.expressions.matexpr import MatrixElement

from opcompiler.errors import OperatorError
from opcompiler.frontend.sympy_matrices import (
    has_entries,
    tensor_of,
    with_held_matrices,
)
from opcompiler.frontend.traversal import parts
from opcompiler.held_tensors import elements

MOST_ARGUMENTS = 2000
"""Of a field, each a coordinate by itself; a vector is one argument."""


@dataclass(frozen=True, slots=True)
class Equations:
    """Residuals, each to be zero, and the form in which values are handed back.

    Attributes:
        residuals: one SymPy expression per equation.
        keys: the dict keys; `None` for a sequence or a single equation.
        single: whether the user gave one bare equation.
    """

    residuals: tuple[sp.Expr, ...]
    keys: tuple[object, ...] | None = None
    single: bool = False


def read_equations(given: object) -> Equations:
    """Returns the residuals of a SymPy expression, `Eq`, list, tuple, dict or Matrix."""
    if isinstance(given, Mapping):
        residuals = tuple(_residual(equation) for equation in given.values())
        return Equations(_not_empty(residuals, given), keys=tuple(given))
    matrices = sp.MatrixBase | sp.MatrixExpr
    if isinstance(given, sp.Equality) and isinstance(given.lhs, matrices):
        given = given.lhs - given.rhs
    if isinstance(given, sp.MatrixExpr) and has_entries(given):
        given = elements(tensor_of(given))
    if isinstance(given, sp.MatrixBase):
        given = list(given)
    if isinstance(given, sp.NDimArray):
        given = sp.flatten(given)
    if isinstance(given, Sequence) and not isinstance(given, str):
        residuals = tuple(_residual(equation) for equation in given)
        return Equations(_not_empty(residuals, given))
    return Equations((_residual(given),), single=True)


def _not_empty(residuals: tuple[sp.Expr, ...], given: object) -> tuple[sp.Expr, ...]:
    if not residuals:
        raise OperatorError(
            "there is no equation to compile",
            expression=given,
            hint="hand in at least one SymPy expression or Eq",
        )
    return residuals


def _residual(equation: object) -> sp.Expr:
    """Returns `lhs - rhs` of an equation; refuses other objects."""
    if isinstance(equation, sp.Equality):
        return _expression(sp.Add(equation.lhs, -equation.rhs))
    if isinstance(equation, bool | BooleanAtom):
        raise OperatorError(
            "an equation has become a plain truth value",
            expression=equation,
            hint="Eq of equal sides, and ==, are decided at once; "
            "hand in lhs - rhs or sympy.Eq(lhs, rhs, evaluate=False)",
        )
    if isinstance(equation, Relational):
        raise OperatorError(
            "an inequality is not a residual",
            expression=equation,
            hint="write the complementarity as Max/Min, or hand in an Eq",
        )
    return _expression(equation)


def _how_to_hand_in(equation: object) -> str:
    """Returns how to hand in what is no expression."""
    if isinstance(equation, str):
        return (
            "text is read by oc.parse(text), files by oc.load(path): compile the result"
        )
    if hasattr(equation, "equations"):  # a problem, or a part of one, among others
        return "compile each problem by itself"
    if hasattr(equation, "equation"):  # a condition of a problem, taken by itself
        return "compile problem.condition(name), which knows the problem's coordinates"
    if hasattr(equation, "plan"):
        return "it is compiled: residual(net, points)"
    if isinstance(equation, Iterable):
        return "hand in a list, tuple or dict of SymPy expressions or Eq"
    return "hand in a SymPy expression or Eq, or a list, tuple or dict of them"


def _expression(equation: object) -> sp.Expr:
    if isinstance(equation, UndefinedFunction):
        raise OperatorError(
            "a field stands without its arguments",
            expression=equation,
            hint=f"apply it to its coordinates: {equation}(t, x)",
        )
    if isinstance(equation, int | float):
        return sp.Number(equation)
    if isinstance(equation, _classes("sympy.vector.basisdependent", "BasisDependent")):
        raise OperatorError(
            "a vector of sympy.vector is no list of equations",
            expression=equation,
            hint="oc.from_sympy_vector(expr, frame, x, y, z) writes its components",
        )
    if not isinstance(equation, sp.Expr):
        raise OperatorError(
            f"{type(equation).__name__} is not a SymPy expression",
            expression=repr(equation)[:200],
            hint=_how_to_hand_in(equation),
        )
    for part in parts(equation, closed=AppliedUndef):
        _check_arguments(part)  # before anything walks through them
    equation = with_held_matrices(equation)
    held = _refuse_unread(equation)
    if held & {sp.nan, sp.zoo}:
        raise OperatorError(
            "the residual is undefined before any network is called",
            expression=equation,
            hint="look for a division by zero or infinity - infinity",
        )
    if held & {sp.oo, -sp.oo}:
        _refuse_infinite(equation)
    return equation


def _refuse_infinite(expr: sp.Basic) -> None:
    """Refuses an infinite number, but as the end of an integral or sum: see there."""
    if expr in (sp.oo, -sp.oo):
        raise OperatorError(
            "an infinite number stands in the equation",
            expression=expr,
            hint="numbers are finite: take the limit before compiling",
        )
    bounded = isinstance(expr, sp.Integral | sp.Sum | sp.Product)
    for argument in expr.args[:1] if bounded else expr.args:
        _refuse_infinite(argument)


def _check_arguments(part: sp.Basic) -> None:
    if isinstance(part, AppliedUndef) and len(part.args) > MOST_ARGUMENTS:
        raise _too_many_arguments(part)


def _refuse_unread(equation: sp.Expr) -> set[sp.Basic]:
    """Refuses what belongs to SymPy's other languages: matrices, arrays, frames.

    Integrands and bodies of sums are looked at too.

    Returns:
        The infinite and undefined numbers in the equation.
    """
    arrays = _classes("sympy.tensor.array.expressions", "ArraySymbol", "ArrayElement")
    kinds = (sp.MatrixSymbol, MatrixElement, *arrays)
    frame_coordinate = _classes("sympy.vector", "BaseScalar")
    special = (sp.nan, sp.zoo, sp.oo, -sp.oo)
    found: set[sp.Basic] = set()
    for part in parts(equation):
        _check_arguments(part)
        if part in special:
            found.add(part)
        if isinstance(part, frame_coordinate):
            raise OperatorError(
                "the coordinates of a sympy.vector frame are no symbols",
                expression=equation,
                hint="oc.from_sympy_vector(expr, frame, x, y, z) puts symbols for them",
            )
        if isinstance(part, kinds):
            raise OperatorError(
                f"{part} is a symbol of a matrix or array",
                expression=part,
                hint='a coordinate of many components is x = oc.vector("x", d), with '
                "x[i] and oc.D(u, x[i]); other arrays are sympy.IndexedBase",
            )
        if isinstance(part, sp.MatrixExpr | sp.MatrixBase | sp.Trace | sp.Determinant):
            raise OperatorError(
                f"a {type(part).__name__} that is not evaluated stands in the equation",
                expression=part,
                hint="write it by matrices that have their entries, Matrix(...), with "
                "inverses, transposes, powers, products and sums",
            )
    return found


def _classes(module: str, *names: str) -> tuple[type, ...]:
    """Returns classes of a part of SymPy that `import sympy` does not load.

    Returns no class if that part has not been imported: then no object is of its classes.
    """
    part = sys.modules.get(module)
    return () if part is None else tuple(getattr(part, name) for name in names)


def _too_many_arguments(applied: AppliedUndef) -> OperatorError:
    name, count = applied.func.__name__, len(applied.args)
    return OperatorError(
        f"the field {name} has {count} arguments",
        expression=f"{name}({applied.args[0]}, ..., {applied.args[-1]})",
        hint=f"up to {MOST_ARGUMENTS} are planned one by one; a coordinate of many "
        f'components is one argument: x = oc.vector("x", {count}), {name}(x), with x[i], '
        "oc.Sum, oc.laplacian",
    )
