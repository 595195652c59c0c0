r"""The smallest Taylor algebra from which given operators can be read off.

In: symbols, for instance $p = \xi_1^2 + \xi_2^2$. Out: channels, structure constants,
seeds, and each symbol's read-out, a combination of channels:

    basis = ApolarBasis([laplacian], dim=2)
    basis.algebra(("x", "y"))          # channels 1, x, y, (xx + yy)/2; x x and y y feed it
    basis.coordinates(laplacian)       # {3: 2}

A basis of *Macaulay's inverse system*, the span of all derivatives of the symbols, are the
channels; its coproduct are the structure constants. No Taylor-type scheme carries fewer
channels. Polynomials are kept in divided powers, $\xi^{[\alpha]} = \xi^\alpha/\alpha!$:
there a derivative by $\xi_i$ only shifts the index, the coproduct $\xi^{[\alpha]} \mapsto
\sum_{\beta\le\alpha} \xi^{[\beta]} \otimes \xi^{[\alpha-\beta]}$ has coefficients 1, and a
channel holds a Taylor coefficient, not a derivative.

See `docs/theory.md`, section 3; Ishii, arXiv 2106.14153, for Weil algebras.
"""

import math
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from opcompiler.algebra.elimination import Echelon, Number
from opcompiler.algebra.weil import Channel, Tangent, TaylorAlgebra
from opcompiler.ir import linear_text, MultiIndex, OperatorSymbol

Polynomial = dict[MultiIndex, int]
"""A homogeneous polynomial in divided powers: coprime integers, that of
the greatest monomial positive."""


def divided(symbol: OperatorSymbol) -> dict[MultiIndex, Fraction]:
    """Returns a symbol's coefficients of divided powers."""
    return {alpha: c * alpha.factorial for alpha, c in symbol.terms}


class ApolarBasis:
    """A basis of the inverse system of some symbols, numbered as channels.

    Args:
        symbols: homogeneous; what is to be read off.
        dim: number of arguments of the function.

    Attributes:
        elements: the basis, by degree; the first is the unit.
    """

    def __init__(self, symbols: Sequence[OperatorSymbol], dim: int) -> None:
        unit = {MultiIndex.zero(dim): 1}
        self.elements = _inverse_system([unit, *map(divided, symbols)])
        self._echelon: Echelon[MultiIndex, int] = Echelon()
        for channel, element in enumerate(self.elements):
            self._echelon.add(element, {channel: 1})

    def coordinates(self, symbol: OperatorSymbol) -> dict[int, Fraction]:
        """Returns one of the symbols as a combination of channels: its read-out."""
        rest, negative = self._echelon.reduce(divided(symbol), {})
        assert not rest, f"{symbol} is not in the inverse system"
        return {channel: -_fraction(c) for channel, c in sorted(negative.items())}

    def algebra(self, arguments: Sequence[str]) -> TaylorAlgebra:
        r"""Returns the algebra whose structure constants are the basis' coproduct.

        They are the C of $b(\xi+\eta) = \sum_{ij} C_{ij}\, b_i(\xi)\, b_j(\eta)$.
        """
        # What a channel holds is written as partial derivatives: `(xx + yy)/2`.
        channels = []
        for element in self.elements:
            order = max(element).order
            terms = (
                (a.label("", arguments).lstrip("_"), Fraction(c, a.factorial))
                for a, c in element.items()
            )
            held = linear_text(sorted(terms, key=lambda t: t[0])) if order else "1"
            channels.append(Channel(order, held))

        # Every polynomial of the span is known by its coefficients at the pivots, so the
        # all other monomials are left out.
        rows = self._echelon.rows
        products = []
        for k, element in enumerate(self.elements):
            result: dict[tuple[int, int], Number] = defaultdict(int)
            for alpha, c in element.items():
                for beta in alpha.below():
                    rest = alpha - beta
                    if beta.order and rest.order and beta in rows and rest in rows:
                        for i, left in rows[beta][1].items():
                            for j, right in rows[rest][1].items():
                                result[i, j] += c * left * right
            products += [
                (i, j, k, _fraction(c)) for (i, j), c in result.items() if c and i <= j
            ]
        return TaylorAlgebra(tuple(channels), tuple(sorted(products)))

    def seeds(self) -> tuple[Tangent, ...]:
        """Returns the tangent of each degree-one channel; the others start from none."""
        return tuple(
            tuple(sorted((a.slots()[0], Fraction(c)) for a, c in element.items()))
            if max(element).order == 1
            else ()
            for element in self.elements
        )


def _fraction(c: Number) -> Fraction:
    assert isinstance(c, Fraction | int)  # symbols are rational
    return Fraction(c)


def _inverse_system(
    polynomials: Iterable[Mapping[MultiIndex, Fraction | int]],
) -> list[Polynomial]:
    """Returns a sparse basis of the span of all derivatives, degree by degree."""
    generators: dict[int, list[Polynomial]] = defaultdict(list)
    pending = deque(_primitive(p) for p in polynomials if p)
    seen = {frozenset(p.items()) for p in pending}
    while pending:
        polynomial = pending.popleft()
        generators[max(polynomial).order].append(polynomial)
        slopes: dict[int, Polynomial] = defaultdict(dict)
        for alpha, c in polynomial.items():
            for place in alpha.powers:
                slopes[place][alpha - MultiIndex.unit(alpha.dim, place)] = c
        for _, slope in sorted(slopes.items()):
            slope = _primitive(slope)
            if (key := frozenset(slope.items())) not in seen:
                seen.add(key)
                pending.append(slope)
    return [p for d in sorted(generators) for p in _sparse_basis(generators[d])]


def _primitive(polynomial: Mapping[MultiIndex, Number]) -> Polynomial:
    """Scales to coprime integers, that of
    the greatest monomial positive.
    """
    if len(polynomial) == 1:
        return dict.fromkeys(polynomial, 1)
    values = [_fraction(c) for c in polynomial.values()]
    common = math.lcm(*(c.denominator for c in values))
    integers = [c.numerator * (common // c.denominator) for c in values]
    divisor = math.gcd(*integers) * (1 if polynomial[max(polynomial)] > 0 else -1)
    return {a: c // divisor for a, c in zip(polynomial, integers, strict=True)}


def _sparse_basis(generators: Sequence[Polynomial]) -> list[Polynomial]:
    """Chooses the basis with the fewest terms from the candidates at hand.

    Monomials in the span are exactly the echelon rows with one term; they come first.
    Greedy choice by number of terms is optimal among the candidates, because independence
    is a matroid.
    """
    if all(len(generator) == 1 for generator in generators):
        # Nothing to eliminate, and the rule for operators without mixed symbols.
        return [{a: 1} for a in sorted({max(p) for p in generators}, reverse=True)]
    echelon: Echelon[MultiIndex, None] = Echelon()
    for generator in generators:
        echelon.add(generator, {})
    rows = [row for row, _ in echelon.rows.values()]
    monomials = {alpha for row in rows if len(row) == 1 for alpha in row}
    candidates: list[Polynomial] = [{alpha: 1} for alpha in monomials]
    for polynomial in (*generators, *rows):
        kept = {alpha: c for alpha, c in polynomial.items() if alpha not in monomials}
        candidates += [_primitive(kept)] if kept else []
    candidates.sort(key=lambda p: (len(p), max(p)))
    basis: Echelon[MultiIndex, None] = Echelon()
    chosen = [p for p in candidates if basis.add(p, {})]
    chosen.sort(key=max, reverse=True)
    return sorted(chosen, key=lambda p: len(p) > 1)
