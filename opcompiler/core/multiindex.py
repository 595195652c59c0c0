r"""Multi-indices: which partial derivative, $\partial^\alpha$."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from opcompiler.core.errors import OperatorError

HIGHEST_ORDER = 24
"""Of a derivative of a field or a residual, all coordinates together.

One limit for SymPy, text and Sobolev families. Taylor coefficients of order 24 still carry
a derivative in double precision; an algebra in several directions is far too large before.
"""


def check_order(order: int, expression: object) -> None:
    """Refuses derivatives of an order beyond `HIGHEST_ORDER`."""
    if order > HIGHEST_ORDER:
        raise OperatorError(
            f"a derivative of order {order}",
            expression=expression,
            hint=f"orders go up to {HIGHEST_ORDER}",
        )


@dataclass(frozen=True, slots=True, order=True)
class MultiIndex:
    r"""Exponents $\alpha$ of $\partial^\alpha$, one per argument of the field.

    The entry $\alpha_i$ counts derivatives by the i-th *argument* of the field, in the
    order in which the field's arguments are written, whatever stands at that place.
    """

    exponents: tuple[int, ...]

    @classmethod
    def zero(cls, dim: int) -> Self:
        """Returns the multi-index of the field itself, with `dim` arguments."""
        return cls((0,) * dim)

    @classmethod
    def unit(cls, dim: int, place: int) -> Self:
        """Returns the first derivative by argument `place`."""
        return cls(tuple(int(i == place) for i in range(dim)))

    @property
    def dim(self) -> int:
        """Number of arguments."""
        return len(self.exponents)

    @property
    def order(self) -> int:
        r"""Total order $|\alpha|$."""
        return sum(self.exponents)

    @property
    def factorial(self) -> int:
        r"""$\alpha! = \prod_i \alpha_i!$."""
        return math.prod(map(math.factorial, self.exponents))

    def __add__(self, other: "MultiIndex") -> "MultiIndex":
        pairs = zip(self.exponents, other.exponents, strict=True)
        return MultiIndex(tuple(a + b for a, b in pairs))

    def __sub__(self, other: "MultiIndex") -> "MultiIndex":
        pairs = zip(self.exponents, other.exponents, strict=True)
        return MultiIndex(tuple(a - b for a, b in pairs))

    def below(self) -> Iterator["MultiIndex"]:
        r"""Yields every $\beta \le \alpha$, zero and $\alpha$ included."""
        for choice in itertools.product(*(range(a + 1) for a in self.exponents)):
            yield MultiIndex(choice)

    def slots(self) -> tuple[int, ...]:
        """Returns the places repeated by their exponents: (2, 1) gives (0, 0, 1)."""
        return tuple(i for i, a in enumerate(self.exponents) for _ in range(a))

    def label(self, field: str, arguments: Sequence[str]) -> str:
        """Returns the subscript notation, `u_xxy`, or `u_{x1,x1}` for long names.

        Where an argument is not a plain name, subscripts are argument numbers and the
        evaluation point is written out: `u_{2}(t, x - 1)`.
        """
        plain = all(argument.isidentifier() for argument in arguments)
        point = "" if plain or not field else f"({', '.join(arguments)})"
        names = [argument_name(arguments, i) for i in self.slots()]
        if not names:
            return f"{field}{point}"
        short = plain and all(len(name) == 1 for name in names)
        subscript = "".join(names) if short else f"{{{','.join(names)}}}"
        return f"{field}_{subscript}{point}"


def argument_name(arguments: Sequence[str], place: int) -> str:
    """Returns an argument's name, its number where some argument is not a name."""
    if all(argument.isidentifier() for argument in arguments):
        return arguments[place]
    return str(place + 1)
