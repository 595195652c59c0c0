r"""Symbols of operators: the polynomial $p(\xi)$ of a linear operator $p(\partial)$."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from opcompiler.core.multiindex import MultiIndex


@dataclass(frozen=True, slots=True)
class OperatorSymbol:
    r"""A polynomial $p(\xi) = \sum_\alpha p_\alpha \xi^\alpha$ with rational $p_\alpha$.

    It stands for the operator $p(\partial) = \sum_\alpha p_\alpha \partial^\alpha$.
    Terms are sorted and non-zero, so that equality is equality of operators.
    """

    terms: tuple[tuple[MultiIndex, Fraction], ...]

    @classmethod
    def of(cls, terms: Mapping[MultiIndex, Fraction | int]) -> Self:
        """Builds a symbol from its coefficients; zeros are dropped."""
        kept = ((a, Fraction(c)) for a, c in terms.items() if c)
        return cls(tuple(sorted(kept, reverse=True)))

    @classmethod
    def partial(cls, alpha: MultiIndex) -> Self:
        r"""The symbol $\xi^\alpha$ of one partial derivative."""
        return cls(((alpha, Fraction(1)),))

    @property
    def dim(self) -> int:
        """Number of arguments of the field; 0 for the zero symbol."""
        return self.terms[0][0].dim if self.terms else 0

    @property
    def order(self) -> int:
        """The highest order of a term."""
        return max((alpha.order for alpha, _ in self.terms), default=0)

    @property
    def homogeneous(self) -> bool:
        """Whether all terms have the same order."""
        return len({alpha.order for alpha, _ in self.terms}) <= 1

    def derivative(self, place: int) -> "OperatorSymbol":
        r"""Returns $\partial p / \partial \xi_i$."""
        terms: dict[MultiIndex, Fraction] = {}
        for alpha, c in self.terms:
            power = alpha.powers.get(place)
            if power:
                terms[alpha - MultiIndex.unit(alpha.dim, place)] = c * power
        return OperatorSymbol.of(terms)

    def scaled(self, factor: Fraction | int) -> "OperatorSymbol":
        r"""Returns $c\,p$."""
        return OperatorSymbol.of({a: c * factor for a, c in self.terms})

    def label(self, field: str, arguments: Sequence[str]) -> str:
        """Returns `u_xx + 2*u_yy`."""
        return linear_text((a.label(field, arguments), c) for a, c in self.terms)


def linear_text(terms: Iterable[tuple[str, Fraction]]) -> str:
    """Writes a rational combination, `a - 2*b + c/3`; `0` if it is empty."""
    text = ""
    for name, c in terms:
        sign = "-" if c < 0 else "+"
        size = abs(c)
        factor = "" if size.numerator == 1 else f"{size.numerator}*"
        below = "" if size.denominator == 1 else f"/{size.denominator}"
        piece = f"{factor}{name}{below}"
        text += f" {sign} {piece}" if text else (f"-{piece}" if c < 0 else piece)
    return text or "0"


def variables(symbols: Iterable[OperatorSymbol]) -> tuple[int, ...]:
    """Returns the arguments by which symbols differentiate."""
    return tuple(
        sorted({i for p in symbols for alpha, _ in p.terms for i in alpha.slots()})
    )


@dataclass(frozen=True, slots=True)
class Functional:
    r"""One number the shell needs: $p(\partial) u$ at one evaluation site.

    Attributes:
        field: name of the field `u`.
        site: number of the evaluation site, an index into the operator's sites.
        symbol: the homogeneous rational symbol $p$.
    """

    field: str
    site: int
    symbol: OperatorSymbol
