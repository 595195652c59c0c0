r"""Matrices of expressions: inverses, determinants, traces and products, held.

In: matrices whose entries hold coordinates, parameters and fields. Out: matrices and
expressions for SymPy, each of them an element of one held tensor.

    F = sp.eye(3) + oc.grad(u, X)            a deformation
    inverse(F).T                             a matrix of nine elements of one inverse
    det(oc.hessian(w, X))                    one expression, whatever the dimension

SymPy's own `F.inv()` and `F.det()` write the polynomials out: in five dimensions a
determinant takes it 20 seconds. Its unevaluated `Inverse(F)` and `Determinant(F)` mean the
same as these functions, and `compile` holds them too.
"""

from itertools import pairwise

import sympy as sp

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.frontend.symbolic import symbolic
from opcompiler.held_tensors import (
    Determinant,
    Einsum,
    elements,
    HeldTensor,
    Inverse,
    product,
    read_tensor,
    Written,
)


def _read(value: sp.MatrixBase, what: str, square: bool = True) -> HeldTensor:
    symbolic(value)
    matrix = value
    if isinstance(value, list | tuple):
        try:
            matrix = sp.Matrix(value)
        except (TypeError, ValueError):
            matrix = None
    if not isinstance(matrix, sp.MatrixBase) or not all(matrix.shape):
        raise OperatorError(
            f"{what} of what is no matrix",
            expression=value,
            hint="give a SymPy matrix, or rows of equal length: [[u, 1], [1, v]]",
        )
    rows, columns = matrix.shape
    if square and rows != columns:
        raise OperatorError(
            f"{what} of a matrix of {rows} by {columns}",
            expression=value,
            hint="it needs as many rows as columns",
        )
    return read_tensor(matrix)


@public("oc.inverse(sympy.Matrix([[1 + u, v], [v, 1]]))")
def inverse(matrix: sp.MatrixBase) -> sp.Matrix:
    r"""Returns the inverse of a matrix, held: it is never written out.

    Its derivatives are $-M^{-1}\, \partial M\, M^{-1}$. Where the matrix is singular the
    values are infinite or NaN.

    Args:
        matrix: n by n, of expressions in coordinates, fields and parameters.

    Returns:
        n by n, of expressions; `.doit()` writes one out.

    Raises:
        OperatorError: for what is no square matrix.

    Example: `oc.inverse(F).T`, the transposed inverse.

    Examples:
        >>> a = sp.Symbol("a")
        >>> oc.inverse(sp.diag(a, 2))[0, 0].doit()
        1/a
    """
    return elements(Inverse(_read(matrix, "the inverse")))


@public("oc.det(oc.hessian(u, [x, y, z]))")
def det(matrix: sp.MatrixBase) -> sp.Expr:
    r"""Returns the determinant of a matrix, held: it is never written out.

    It is evaluated as a polynomial up to 10 rows, so values and derivatives of all orders
    are right at singular matrices too; beyond by `jax.numpy.linalg.det`.

    Args:
        matrix: n by n, of expressions in coordinates, fields and parameters.

    Returns:
        An expression; `.doit()` writes it out.

    Raises:
        OperatorError: for what is no square matrix.

    Example: `oc.det(oc.hessian(u, [x, y, z])) - f`, Monge and Ampère's equation.

    Examples:
        >>> a = sp.Symbol("a")
        >>> oc.det(sp.diag(a, 2)).doit()
        2*a
    """
    return elements(Determinant(_read(matrix, "the determinant")))


@public("oc.trace(oc.matmul(A, B))")
def trace(matrix: sp.MatrixBase) -> sp.Expr:
    """Returns the sum of the diagonal of a matrix, held as one node where the matrix is.

    Args:
        matrix: n by n, of expressions.

    Returns:
        An expression.

    Raises:
        OperatorError: for what is no square matrix.

    Example: `oc.trace(oc.matmul(oc.inverse(g), T))`.

    Examples:
        >>> a = sp.Symbol("a")
        >>> oc.trace(sp.diag(a, 2)).doit()
        a + 2
    """
    tensor = _read(matrix, "the trace")
    if isinstance(tensor, Written):
        size = tensor.shape[0]
        return sp.Add(*tensor.elements[:: size + 1])
    return elements(Einsum((1, "aa->", tensor)))


@public("oc.matmul(A, B)")
def matmul(*matrices: sp.MatrixBase) -> sp.Matrix:
    """Returns the product of matrices, held: it is not multiplied out.

    Args:
        *matrices: n by m, m by k, ...; of expressions.

    Returns:
        n by k, of expressions; `.doit()` writes one out.

    Raises:
        OperatorError: for what is no matrix, and sizes that do not fit.

    Example: `oc.matmul(F.T, F)`.

    Examples:
        >>> a = sp.Symbol("a")
        >>> oc.matmul(sp.diag(a, 2), sp.diag(a, 3))[0, 0].doit()
        a**2
    """
    if not matrices:
        raise OperatorError("a product of no matrices", hint="give one or more")
    factors = [_read(m, "a product", square=False) for m in matrices]
    for left, right in pairwise(factors):
        if left.shape[1] != right.shape[0]:
            sizes = (" by ".join(map(str, m.shape)) for m in (left, right))
            raise OperatorError(
                f"a product of matrices of {' and '.join(sizes)}",
                expression=f"{left}, {right}",
                hint="the first has as many columns as the second has rows",
            )
    return elements(product(factors))
