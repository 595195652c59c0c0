r"""Values of expressions: a scalar, or a tuple of values: a vector, a matrix by rows.

    u          sp.Expr
    (u, v)     tuple of two
    grad(v)    Jacobian: a tuple of rows that remembers what it is

The gradient of a vector is marked, since papers differ on its rows: $(\nabla v)_{ij}$ is
$\partial_j v_i$ here and $\partial_i v_j$ elsewhere, so that a product with a vector has
two readings. Whatever keeps the rows in place keeps the mark.
"""

from collections.abc import Callable, Iterable

import sympy as sp

Value = sp.Expr | tuple["Value", ...]
"""A scalar, or a tuple of values: a vector, or a matrix by rows."""


class Jacobian(tuple[Value, ...]):
    r"""The matrix $\partial_j v_i$ of a vector, by rows, and what it was made of.

    Attributes:
        of: the words for v, for hints.
    """

    of: str

    def __new__(cls, rows: Iterable[Value], of: str = "v") -> "Jacobian":
        """Marks some rows."""
        made = super().__new__(cls, rows)
        made.of = of
        return made

    @property
    def is_symmetric(self) -> bool:
        """Whether both conventions agree on it."""
        columns = zip(*(row for row in self if isinstance(row, tuple)), strict=True)
        return all(a == b for a, b in zip(self, columns, strict=False))


def each(function: Callable[[sp.Expr], sp.Expr], value: Value) -> Value:
    """Applies a function to every component."""
    if not isinstance(value, tuple):
        return function(value)
    parts = (each(function, part) for part in value)
    return like(value, parts)


def like(value: tuple[Value, ...], parts: Iterable[Value]) -> tuple[Value, ...]:
    """Returns parts that stand in the places of those of `value`."""
    return Jacobian(parts, value.of) if isinstance(value, Jacobian) else tuple(parts)


def shape(value: Value) -> tuple[int, ...]:
    """Returns the numbers of components: () for a scalar, (n,), (n, m)."""
    if not isinstance(value, tuple):
        return ()
    return (len(value), *shape(value[0]))


def named(value: Value, words: str) -> Value:
    """Returns a value; a Jacobian with the words for what it was made of."""
    return Jacobian(value, words) if isinstance(value, Jacobian) else value
