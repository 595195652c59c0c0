r"""The smallest Taylor algebra from which given operators can be read off.

A basis of the inverse system numbered as channels, its coproduct as structure constants,
and read-outs as coordinates. See `docs/theory.md`; Ishii, arXiv 2106.14153.
"""

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction

from opcompiler.algebra.inverse_system import divided, inverse_system, Polynomial, Span
from opcompiler.algebra.quadratic import Exact
from opcompiler.algebra.weil import Channel, TaylorAlgebra
from opcompiler.ir import linear_text, MultiIndex, OperatorSymbol

Tangent = tuple[tuple[int, Exact], ...]
"""A sparse vector over a function's arguments: (argument, component), zeros left out."""


class ApolarBasis:
    """A basis of the inverse system of some symbols, numbered as channels.

    Args:
        symbols: homogeneous; what is to be read off.
        dim: number of arguments of the function.
    """

    def __init__(self, symbols: Sequence[OperatorSymbol], dim: int) -> None:
        polynomials = [divided(symbol) for symbol in symbols]
        unit: Polynomial = {MultiIndex.zero(dim): Fraction(1)}
        by_degree = inverse_system([unit, *polynomials])
        self._elements = [p for d in sorted(by_degree) for p in by_degree[d]]
        self._spans: dict[int, Span] = {}
        self._first: dict[int, int] = {}
        for place, element in enumerate(self._elements):
            degree = max(element).order
            self._first.setdefault(degree, place)
            self._spans.setdefault(degree, Span()).add(element)

    def coordinates(self, symbol: OperatorSymbol) -> dict[int, Fraction]:
        """Returns one of the symbols as a combination of channels: its read-out."""
        result: dict[int, Fraction] = defaultdict(Fraction)
        for alpha, c in divided(symbol).items():
            for channel, share in self._share(alpha):
                result[channel] += c * share
        return {k: c for k, c in sorted(result.items()) if c}

    def _share(self, alpha: MultiIndex) -> list[tuple[int, Fraction]]:
        """What a coefficient 1 at `alpha` gives to each channel; none off the pivots."""
        span = self._spans[alpha.order]
        first = self._first[alpha.order]
        return [(first + i, c) for i, c in span.coordinates(alpha).items()]

    def algebra(self, arguments: Sequence[str]) -> TaylorAlgebra:
        """Returns the algebra whose structure constants are the basis' coproduct."""
        channels = tuple(
            Channel(max(e).order, _label(e, arguments)) for e in self._elements
        )
        products = [
            (i, j, k, c)
            for k, element in enumerate(self._elements)
            for (i, j), c in self._coproduct(element).items()
            if i <= j
        ]
        return TaylorAlgebra(channels, tuple(sorted(products)))

    def _coproduct(self, element: Polynomial) -> dict[tuple[int, int], Fraction]:
        r"""Reads $b(\xi+\eta) = \sum_{ij} C_{ij} b_i(\xi) b_j(\eta)$ off the pivots."""
        result: dict[tuple[int, int], Fraction] = defaultdict(Fraction)
        for alpha, c in element.items():
            for beta in alpha.below():
                if 0 < beta.order < alpha.order:
                    rest = self._share(alpha - beta)
                    for i, left in self._share(beta) if rest else ():
                        for j, right in rest:
                            result[i, j] += c * left * right
        return {pair: c for pair, c in result.items() if c}

    def seeds(self) -> tuple[Tangent, ...]:
        """Returns the tangent of each degree-one channel; the others start from none."""
        return tuple(
            tuple(sorted((alpha.slots()[0], c) for alpha, c in element.items()))
            if max(element).order == 1
            else ()
            for element in self._elements
        )


def _label(element: Polynomial, arguments: Sequence[str]) -> str:
    """Writes what a channel holds as partial derivatives: `(xx + yy)/2`."""
    if max(element).order == 0:
        return "1"
    terms = (
        (a.label("", arguments).lstrip("_"), c / a.factorial)
        for a, c in element.items()
    )
    return linear_text(sorted(terms, key=lambda term: term[0]))
