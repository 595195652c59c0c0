"""Products of vectors, written out or by their general component."""

import sympy as sp

from opcompiler.calculus import components, tensors
from opcompiler.calculus.components import IndexedVector
from opcompiler.calculus.tensors import Value
from opcompiler.edge import public


@public("oc.dot([u, v], [1, 0])")
def dot(a: Value | IndexedVector, b: Value | IndexedVector) -> Value:
    """Returns the product over the last index of `a` and the first of `b`.

    Args:
        a: a column or matrix; or `oc.grad(u, x)` by a vector coordinate.
        b: likewise; beside a gradient by x also an indexed name, or a function of the
            index, `lambda i: sympy.sin(x[i])`.

    Raises:
        OperatorError: for scalars, and numbers of components that do not fit.
    """
    if isinstance(a, IndexedVector) or isinstance(b, IndexedVector):
        return components.dot(a, b)
    return tensors.dot(a, b)


@public("oc.norm([u, v])")
def norm(value: Value | IndexedVector) -> sp.Expr:
    """Returns the Euclidean length; of a tensor the Frobenius norm."""
    if isinstance(value, IndexedVector):
        return sp.sqrt(components.dot(value, value))
    return tensors.norm(value)
