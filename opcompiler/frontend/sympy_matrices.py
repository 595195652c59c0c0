r"""SymPy's unevaluated matrix expressions, as held tensors.

In: an expression with `Determinant(M)`, `Trace(M)`, entries of `Inverse(M)`, of products,
where every matrix has its entries at hand. Out: the same over elements of held tensors.

    Determinant(Matrix([[u, 1], [1, v]]))        Element(Determinant(Written(...)))

What a user has not let SymPy evaluate is not written out here either. Matrices without
entries, `MatrixSymbol`, stay; they are refused where equations are read.
"""

import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixElement

from opcompiler.frontend.traversal import parts
from opcompiler.held_tensors import (
    Determinant,
    Einsum,
    Element,
    HeldTensor,
    Inverse,
    product,
    read_tensor,
)

_NUMBERS = (sp.Determinant, sp.Trace, MatrixElement)


def has_entries(matrix: sp.Basic) -> bool:
    """Whether a matrix expression can be held: it has known ones of known entries."""
    kinds = (sp.MatrixExpr, sp.MatrixBase)
    return all(
        isinstance(part, _HELD)
        for part in parts(matrix, closed=sp.MatrixBase)
        if isinstance(part, kinds)
    )


_HELD = (
    *(sp.MatrixBase, sp.Inverse, sp.Transpose, sp.MatPow, sp.MatMul, sp.MatAdd),
    *(sp.Identity, sp.ZeroMatrix),
)


def with_held_matrices(expr: sp.Basic) -> sp.Basic:
    """Returns an expression with elements of held tensors for SymPy's matrix nodes."""
    if not any(isinstance(part, _NUMBERS) for part in parts(expr)):
        return expr
    known: dict[sp.Basic, sp.Basic] = {}

    def read(part: sp.Basic) -> sp.Basic:
        if part not in known:
            known[part] = _read(part)
        return known[part]

    def _read(part: sp.Basic) -> sp.Basic:
        if isinstance(part, _NUMBERS) and has_entries(part.args[0]):
            tensor = tensor_of(part.args[0])
            match part:
                case sp.Determinant():
                    return Element(Determinant(tensor))
                case sp.Trace():
                    return Element(Einsum((1, "aa->", tensor)))
            return Element(tensor, *part.args[1:])
        if not part.args or isinstance(part, sp.MatrixBase):
            return part
        if isinstance(part, sp.Derivative):
            return sp.Derivative(read(part.expr), *part.variable_count)
        return part.func(*map(read, part.args))

    return read(expr)


def tensor_of(matrix: sp.Basic) -> HeldTensor:
    """Returns a matrix expression that has its entries as a held tensor."""
    match matrix:
        case sp.MatrixBase():
            return read_tensor(matrix.applyfunc(with_held_matrices))
        case sp.Inverse():
            return Inverse(tensor_of(matrix.arg))
        case sp.MatPow(exp=sp.Integer()) if matrix.exp != 0:
            base, times = tensor_of(matrix.base), int(matrix.exp)
            return product([Inverse(base) if times < 0 else base] * abs(times))
        case sp.Transpose():
            return Einsum((1, "ab->ba", tensor_of(matrix.arg)))
        case sp.MatMul():
            factor, matrices = matrix.as_coeff_matrices()
            found = product([tensor_of(m) for m in matrices])
            return found if factor == 1 else Einsum((factor, "ab->ab", found))
        case sp.MatAdd():
            return Einsum(*((1, "ab->ab", tensor_of(m)) for m in matrix.args))
    return read_tensor(matrix.as_explicit())
