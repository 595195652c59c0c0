"""Expressions of `sympy.vector`, as components over plain symbols."""

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.vector import (
    BaseScalar,
    CoordSys3D,
    Curl,
    Divergence,
    Gradient,
    Laplacian,
    Vector,
)

from opcompiler.calculus.operators import cross, curl, div, dot, grad, laplacian
from opcompiler.calculus.systems import System
from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.frontend.symbolic import symbolic


@public("oc.from_sympy_vector(expr, frame, x, y, z)")
def from_sympy_vector(
    expr: sp.Basic, frame: CoordSys3D, *symbols: sp.Symbol
) -> sp.Basic:
    """Returns an expression of `sympy.vector` over plain symbols.

    Base scalars become the symbols, vectors columns of components, and `Gradient`,
    `Divergence`, `Curl`, `Laplacian`, `Dot` and `Cross`, also unevaluated ones, the
    operators of this package in the frame's own coordinates, curvilinear ones too.

    Args:
        expr: a scalar or vector expression, or an equation of scalars.
        frame: the coordinate system that it is written in.
        *symbols: three, for the frame's base scalars in their order.

    Raises:
        OperatorError: for another frame's scalars, fields of plain symbols, zero, or a
            wrong number of symbols.

    Examples:
        >>> from sympy.vector import CoordSys3D
        >>> N = CoordSys3D("N")
        >>> x, y, z = sp.symbols("x y z")
        >>> oc.from_sympy_vector(N.x * N.i + N.y * N.j, N, x, y, z).T
        Matrix([[x, y, 0]])
    """
    if len(symbols) != 3:
        raise OperatorError(
            "a frame has three coordinates",
            expression=str(symbols),
            hint="give three symbols, in the order of frame.base_scalars()",
        )
    if not isinstance(expr, sp.Basic) or expr in (sp.S.Zero, Vector.zero):
        raise OperatorError(
            "this is no expression of sympy.vector, or zero",
            expression=str(expr),
            hint="SymPy takes derivatives of plain symbols, u(x, y), for zero: write "
            "u(frame.x, frame.y)",
        )
    symbolic(symbols)
    _refuse_plain(expr, symbols)
    scalars = dict(zip(frame.base_scalars(), symbols, strict=True))
    scales = tuple(h.xreplace(scalars) for h in frame.lame_coefficients())
    return _Reading(frame, scalars, System(symbols, scales)).read(expr)


def _refuse_plain(expr: sp.Basic, symbols: tuple[sp.Symbol, ...]) -> None:
    """Refuses fields of plain symbols, but where an operator is held around them."""
    if isinstance(expr, Gradient | Divergence | Curl | Laplacian):
        return
    if isinstance(expr, AppliedUndef) and expr.has(*symbols):
        raise OperatorError(
            f"{expr} is a field of plain symbols, whose derivatives sympy.vector has taken "
            "for zero",
            expression=expr,
            hint="write u(frame.x, frame.y), or hold the operator: Gradient(u(x, y))",
        )
    for argument in expr.args:
        _refuse_plain(argument, symbols)


_OPERATORS = (
    (Gradient, grad), (Divergence, div), (Curl, curl), (Laplacian, laplacian)
)  # fmt: skip


class _Reading:
    def __init__(
        self, frame: CoordSys3D, scalars: dict[BaseScalar, sp.Symbol], system: System
    ) -> None:
        self._frame, self._scalars, self._system = frame, scalars, system

    def read(self, expr: sp.Basic) -> sp.Basic:
        if isinstance(expr, BaseScalar):
            if expr not in self._scalars:
                raise OperatorError(
                    f"{expr} belongs to another frame",
                    expression=expr,
                    hint="write everything in one frame: sympy.vector.express",
                )
            return self._scalars[expr]
        for kind, operator in _OPERATORS:
            if isinstance(expr, kind):
                return operator(self.read(expr.args[0]), self._system)
        name = type(expr).__name__
        if name in ("Dot", "Cross"):
            left, right = map(self.read, expr.args)
            return dot(left, right) if name == "Dot" else cross(left, right)
        if isinstance(expr, Vector):
            return self._vector(expr)
        if not expr.args or not expr.has(
            BaseScalar, Vector, *(kind for kind, _ in _OPERATORS)
        ):
            return expr
        arguments = [self.read(argument) for argument in expr.args]
        if isinstance(expr, sp.Derivative):
            return sp.Derivative(*arguments, evaluate=False)
        if isinstance(expr, sp.Add) and any(
            isinstance(a, sp.MatrixBase) for a in arguments
        ):
            return sp.MatAdd(*arguments).doit()
        return expr.func(*arguments)

    def _vector(self, expr: Vector) -> sp.Matrix:
        """Returns the components of a vector, held operators among its terms too."""
        total = sp.zeros(3, 1)
        terms = expr.args if expr.func.__name__ == "VectorAdd" else (expr,)
        for term in terms:
            if term.func.__name__ == "VectorMul":
                factors = [self.read(f) for f in term.args]
                vectors = [f for f in factors if isinstance(f, sp.MatrixBase)]
                scalars = [f for f in factors if not isinstance(f, sp.MatrixBase)]
                total += vectors[0] * sp.Mul(*scalars)
            elif term in self._frame.base_vectors():
                place = self._frame.base_vectors().index(term)
                total[place] += sp.S.One
            elif term != Vector.zero:
                if isinstance(term, Gradient | Curl):
                    total += self.read(term)
                else:
                    raise OperatorError(
                        f"{term} belongs to another frame",
                        expression=term,
                        hint="write everything in one frame: sympy.vector.express",
                    )
        return total
