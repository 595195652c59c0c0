r"""Multi-indices: which partial derivative, $\partial^\alpha$."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
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


@dataclass(frozen=True, slots=True, order=True, init=False, repr=False)
class MultiIndex:
    r"""Exponents $\alpha$ of $\partial^\alpha$, one per argument of the field.

    The entry $\alpha_i$ counts derivatives by the i-th *argument* of the field, in the
    order in which the field's arguments are written, whatever stands at that place.
    Only the entries that are not zero are kept: a derivative by a few of very many
    arguments costs what these few cost. They are ordered as lists of exponents are.

    Args:
        exponents: all entries, zeros too.
    """

    # (-place, exponent), by place: so compared, an earlier place is the greater index.
    _kept: tuple[tuple[int, int], ...]
    dim: int
    """Number of arguments."""

    def __init__(self, exponents: Sequence[int]) -> None:
        kept = tuple((-i, a) for i, a in enumerate(exponents) if a)
        object.__setattr__(self, "_kept", kept)
        object.__setattr__(self, "dim", len(exponents))

    def __repr__(self) -> str:
        return f"MultiIndex({self.exponents})"

    @classmethod
    def of(cls, dim: int, powers: Mapping[int, int]) -> Self:
        """Returns a multi-index by its powers: exponents by place, others zero."""
        made = object.__new__(cls)
        kept = tuple((-i, powers[i]) for i in sorted(powers) if powers[i])
        object.__setattr__(made, "_kept", kept)
        object.__setattr__(made, "dim", dim)
        return made

    @classmethod
    def zero(cls, dim: int) -> Self:
        """Returns the multi-index of the field itself, with `dim` arguments."""
        return cls.of(dim, {})

    @classmethod
    def unit(cls, dim: int, place: int) -> Self:
        """Returns the first derivative by argument `place`."""
        return cls.of(dim, {place: 1})

    @property
    def powers(self) -> dict[int, int]:
        """The exponents that are not zero, by place, in order."""
        return {-i: a for i, a in self._kept}

    @property
    def exponents(self) -> tuple[int, ...]:
        """All exponents, zeros too."""
        powers = self.powers
        return tuple(powers.get(i, 0) for i in range(self.dim))

    @property
    def order(self) -> int:
        r"""Total order $|\alpha|$."""
        return sum(a for _, a in self._kept)

    @property
    def factorial(self) -> int:
        r"""$\alpha! = \prod_i \alpha_i!$."""
        return math.prod(math.factorial(a) for _, a in self._kept)

    def __add__(self, other: "MultiIndex") -> "MultiIndex":
        return self._moved(other, 1)

    def __sub__(self, other: "MultiIndex") -> "MultiIndex":
        return self._moved(other, -1)

    def _moved(self, other: "MultiIndex", sign: int) -> "MultiIndex":
        if self.dim != other.dim:
            raise ValueError(f"multi-indices of {self.dim} and {other.dim} arguments")
        powers = self.powers
        for i, a in other.powers.items():
            powers[i] = powers.get(i, 0) + sign * a
        return MultiIndex.of(self.dim, powers)

    def below(self) -> Iterator["MultiIndex"]:
        r"""Yields every $\beta \le \alpha$, zero and $\alpha$ included."""
        powers = self.powers
        for choice in itertools.product(*(range(a + 1) for a in powers.values())):
            yield MultiIndex.of(self.dim, dict(zip(powers, choice, strict=True)))

    def slots(self) -> tuple[int, ...]:
        """Returns the places repeated by their exponents: (2, 1) gives (0, 0, 1)."""
        return tuple(-i for i, a in self._kept for _ in range(a))

    def label(self, field: str, arguments: Sequence[str]) -> str:
        """Returns the subscript notation, `u_xxy`, or `u_{x1,x1}` for long names.

        Where an argument is not a plain name, subscripts are argument numbers and the
        evaluation point is written out: `u_{2}(t, x - 1)`.
        """
        plain = all_names(tuple(arguments))
        point = "" if plain or not field else f"({', '.join(arguments)})"
        names = [argument_name(arguments, i) for i in self.slots()]
        if not names:
            return f"{field}{point}"
        short = plain and all(len(name) == 1 for name in names)
        subscript = "".join(names) if short else f"{{{','.join(names)}}}"
        return f"{field}_{subscript}{point}"


@lru_cache(maxsize=64)
def all_names(arguments: tuple[str, ...]) -> bool:
    """Whether all arguments are plain names."""
    return all(argument.isidentifier() for argument in arguments)


def argument_name(arguments: Sequence[str], place: int) -> str:
    """Returns an argument's name, its number where some argument is not a name."""
    if all_names(tuple(arguments)):
        return arguments[place]
    return str(place + 1)
