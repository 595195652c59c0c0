"""Values of expressions: a scalar, or a tuple of values: a vector, a matrix by rows."""

from collections.abc import Callable, Iterable

import sympy as sp

Value = sp.Expr | tuple["Value", ...]
"""A scalar, or a tuple of values: a vector, or a matrix by rows."""


class Jacobian(tuple[Value, ...]):
    r"""The matrix $\partial_j v_i$ of a vector, by rows, and what it was made of.

    Papers differ on its rows, so that its product with a vector has two readings. Whatever
    keeps the rows in place keeps the mark.

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


def flat(value: Value) -> list[sp.Expr]:
    """Returns the components in reading order."""
    if isinstance(value, tuple):
        return [part for row in value for part in flat(row)]
    return [value]
