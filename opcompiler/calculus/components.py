r"""The same operators over a vector coordinate: sums over its components, held.

The gradient by $x \in R^d$ is an `IndexedVector`, its general component; products with it
are sums.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.frontend.symbolic import symbolic


@dataclass(frozen=True)
class IndexedVector:
    """A vector of d components by its general one.

    Attributes:
        size: d.
        at: the component as a function of the index.
    """

    size: int
    at: Callable[[sp.Expr], sp.Expr]

    def __mul__(self, factor: sp.Expr) -> "IndexedVector":
        """Scales every component."""
        return IndexedVector(self.size, lambda i: factor * self.at(i))

    __rmul__ = __mul__

    def __add__(self, other: Any) -> "IndexedVector":
        """Adds component by component."""
        right = read_vector(other, self.size)
        return IndexedVector(self.size, lambda i: self.at(i) + right.at(i))


def read_vector(value: Any, size: int) -> IndexedVector:
    """Returns a vector of d components: an indexed name, a vector, or a function of i.

    Raises:
        OperatorError: for anything else, or another size.
    """
    if isinstance(value, sp.IndexedBase):
        base = value
        known = int(base.shape[0]) if base.shape else size
        value = IndexedVector(known, lambda i: base[i])
    if callable(value) and not isinstance(value, IndexedVector):
        function = value
        value = IndexedVector(size, lambda i: symbolic(function(i)))
    if not isinstance(value, IndexedVector) or value.size != size:
        raise OperatorError(
            f"this is no vector of {size} components",
            expression=str(value),
            hint="give oc.grad(u, x), an indexed name, or a function of the index: "
            "lambda i: sympy.sin(x[i])",
        )
    return value


def total(size: int, body: Callable[[sp.Expr], sp.Expr]) -> sp.Sum:
    """Returns a sum over an index of its own."""
    index = sp.Dummy("i", integer=True)
    return sp.Sum(body(index), (index, 0, size - 1))


def _size(x: sp.IndexedBase) -> int:
    if x.shape is None:
        raise OperatorError(
            f"the number of components of {x} is not known",
            expression=x,
            hint=f'declare {x} = oc.vector("{x}", 100)',
        )
    return int(x.shape[0])


def grad(value: sp.Expr, x: sp.IndexedBase) -> IndexedVector:
    """Returns the gradient by a vector coordinate."""
    symbolic(value)
    return IndexedVector(_size(x), lambda i: sp.Derivative(value, x[i], evaluate=False))


def div(value: Any, x: sp.IndexedBase) -> sp.Expr:
    """Returns the divergence by a vector coordinate."""
    vector = read_vector(value, _size(x))
    return total(
        vector.size, lambda i: sp.Derivative(vector.at(i), x[i], evaluate=False)
    )


def dot(a: Any, b: Any) -> sp.Expr:
    """Returns the product of two vectors, at least one of them an `IndexedVector`."""
    size = a.size if isinstance(a, IndexedVector) else b.size
    left, right = read_vector(a, size), read_vector(b, size)
    return total(size, lambda i: left.at(i) * right.at(i))


def laplacian(value: sp.Expr, x: sp.IndexedBase) -> sp.Expr:
    """Returns the Laplacian by a vector coordinate."""
    symbolic(value)
    return total(_size(x), lambda i: sp.Derivative(value, (x[i], 2), evaluate=False))


def biharmonic(value: sp.Expr, x: sp.IndexedBase) -> sp.Expr:
    """Returns the bilaplacian by a vector coordinate."""
    return laplacian(laplacian(value, x), x)


@public('oc.trace_hessian(u, x, sympy.IndexedBase("sigma", shape=(d, m)))')
def trace_hessian(value: sp.Expr, x: sp.IndexedBase, sigma: sp.IndexedBase) -> sp.Expr:
    r"""Returns $\mathrm{tr}(\sigma \sigma^T \nabla^2 u)$, along the columns of $\sigma$.

    Args:
        value: u.
        x: a vector coordinate of d components.
        sigma: `sympy.IndexedBase("sigma", shape=(d, m))`, a parameter: an array (d, m),
            (..., d, m), or a function of the point.

    Raises:
        OperatorError: for a matrix of another shape.
    """
    size = _size(x)
    symbolic([value, sigma])
    if sigma.shape is None or len(sigma.shape) != 2 or sigma.shape[0] != size:
        raise OperatorError(
            f"sigma has one row for each of the {size} components of {x}",
            expression=f"{sigma} of shape {sigma.shape}",
            hint=f'declare it by sympy.IndexedBase("{sigma}", shape=({size}, m))',
        )
    second = lambda i, j: sp.Derivative(value, x[i], x[j], evaluate=False)
    return total(
        int(sigma.shape[1]),
        lambda m: total(
            size,
            lambda i: total(size, lambda j: sigma[i, m] * sigma[j, m] * second(i, j)),
        ),
    )
