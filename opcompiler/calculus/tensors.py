r"""Scalars, vectors and tensors by components, and their products.

A vector is a SymPy column, a tensor a square matrix; inside, a value of any rank is a dict
from index tuples to expressions. Conventions: $(\nabla v)_{ij} = \nabla_j v_i$ and
$(\nabla \cdot T)_i = \sum_j \nabla_j T_{ij}$.
"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import sympy as sp

from opcompiler.calculus.systems import System
from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.frontend.symbolic import symbolic

Value = Any
"""A scalar expression, a column or sequence of components, a matrix."""

Components = dict[tuple[int, ...], sp.Expr]


def rank(value: Value) -> int:
    """Returns 0 for a scalar, 1 for a vector, 2 for a tensor."""
    if isinstance(value, sp.MatrixBase):
        return 1 if value.shape[1] == 1 else 2
    if isinstance(value, list | tuple):
        return 1
    return 0


def read(value: Value, size: int | None = None, what: str = "this") -> Components:
    """Returns the components of a value.

    Args:
        value: scalar, vector or tensor.
        size: components that a vector must have.
        what: names it in a message.

    Raises:
        OperatorError: for another number of components.
    """
    symbolic(value)
    if isinstance(value, list | tuple):
        value = sp.Matrix(list(value))
    if not isinstance(value, sp.MatrixBase):
        return {(): sp.S(value) if isinstance(value, int | float) else value}
    rows, columns = value.shape
    if size is not None and (rows != size or columns not in (1, size)):
        raise OperatorError(
            f"{what} has {rows} by {columns} components in {size} coordinates",
            expression=value,
            hint=f"give a column of {size} components, or a {size} by {size} matrix",
        )
    if columns == 1:
        return {(i,): value[i, 0] for i in range(rows)}
    return {(i, j): value[i, j] for i in range(rows) for j in range(columns)}


def written(components: Components) -> Value:
    """Returns components as a scalar, a column or a matrix."""
    order = len(next(iter(components)))
    if order == 0:
        return components[()]
    size = 1 + max(index[0] for index in components)
    if order == 1:
        return sp.Matrix([components[i,] for i in range(size)])
    width = 1 + max(index[1] for index in components)
    return sp.Matrix(size, width, lambda i, j: components[i, j])


def dot(a: Value, b: Value) -> Value:
    """Returns the product over the last index of `a` and the first of `b`."""
    left, right = read(a), read(b)
    if rank(a) == 0 or rank(b) == 0:
        raise OperatorError(
            "dot of a scalar", expression=a, hint="multiply by a scalar with *"
        )
    sizes = {i[-1] for i in left}, {i[0] for i in right}
    if sizes[0] != sizes[1]:
        raise OperatorError(
            f"dot of {len(sizes[0])} and {len(sizes[1])} components",
            expression=f"{a}, {b}",
            hint="give vectors of equal length",
        )
    heads = sorted({i[:-1] for i in left})
    tails = sorted({i[1:] for i in right})
    return written(
        {
            (*h, *t): sp.Add(*(left[*h, k] * right[k, *t] for k in sorted(sizes[0])))
            for h, t in product(heads, tails)
        }
    )


@public("oc.cross([u, v, w], [1, 0, 0])")
def cross(a: Value, b: Value) -> Value:
    """Returns the cross product: a vector in 3 dimensions, a scalar in 2."""
    u, v = ([c for _, c in sorted(read(x).items())] for x in (a, b))
    if len(u) == len(v) == 2:
        return u[0] * v[1] - u[1] * v[0]
    if len(u) == len(v) == 3 and rank(a) == rank(b) == 1:
        pairs = ((1, 2), (2, 0), (0, 1))
        return sp.Matrix([u[i] * v[j] - u[j] * v[i] for i, j in pairs])
    raise OperatorError(
        "cross takes two vectors of 3 components, or two of 2",
        expression=f"{a}, {b}",
        hint="dot and outer take vectors of any length",
    )


@public("oc.outer([u, v], [u, v])")
def outer(a: Value, b: Value) -> sp.Matrix:
    """Returns the tensor of products $a_i b_j$."""
    return written(
        {(*i, *j): p * q for i, p in read(a).items() for j, q in read(b).items()}
    )


def norm(value: Value) -> sp.Expr:
    """Returns the Euclidean length; of a tensor the Frobenius norm."""
    return sp.sqrt(sp.Add(*(c**2 for c in read(value).values())))


def each(function: Callable[[sp.Expr], sp.Expr], value: Value) -> Value:
    """Applies a function to every component."""
    return written({i: function(c) for i, c in read(value).items()})


@public('oc.VectorField("u v", x, y)')
def VectorField(  # noqa: N802 - a kind of object, in Python's eyes
    names: str | Sequence[str], *arguments: sp.Expr | System
) -> sp.Matrix:
    """Returns a column of unknown fields of the same arguments.

    Args:
        names: "u v w", or a sequence of names; one field per component.
        *arguments: t, x, y, ..., as of any field; a system stands for its coordinates.
    """
    parts = names.replace(",", " ").split() if isinstance(names, str) else list(names)
    if not parts or not arguments:
        raise OperatorError(
            "a vector field has a name for each component, and arguments",
            expression=f"VectorField({names!r}, {', '.join(map(str, arguments))})",
            hint='for instance oc.VectorField("u v", t, x, y)',
        )
    for argument in arguments:
        if not isinstance(argument, System | sp.Basic):
            raise OperatorError(
                f"an argument of a field is no {type(argument).__name__}",
                expression=argument,
                hint='give the coordinates one by one: oc.VectorField("u v", t, x, y)',
            )
    places = [a.coordinates if isinstance(a, System) else (a,) for a in arguments]
    flat = symbolic([place for group in places for place in group])
    return sp.Matrix([sp.Function(name)(*flat) for name in parts])
