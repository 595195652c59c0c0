r"""Macaulay's inverse system: the span of all derivatives of the wanted symbols.

Polynomials are kept in divided powers, $\xi^{[\alpha]} = \xi^\alpha/\alpha!$, so that
their coproduct $\xi^{[\alpha]} \mapsto \sum_{\beta\le\alpha} \xi^{[\beta]} \otimes
\xi^{[\alpha-\beta]}$ has coefficients 1 and a channel holds a Taylor coefficient, not a
derivative. A derivative by $\xi_i$ only shifts the index.
"""

import math
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TypeVar

from opcompiler.ir import MultiIndex, OperatorSymbol

_K = TypeVar("_K")

Polynomial = dict[MultiIndex, Fraction]
"""Coefficients of divided powers, zeros left out."""


def divided(symbol: OperatorSymbol) -> Polynomial:
    """Returns a symbol in divided powers."""
    return {alpha: c * alpha.factorial for alpha, c in symbol.terms}


class Span:
    """A space of polynomials of one degree in reduced row echelon form.

    Each row remembers how it is made of the polynomials that were added, so that
    coordinates in those can be read off.
    """

    def __init__(self) -> None:
        self.rows: dict[MultiIndex, Polynomial] = {}
        self._made_of: dict[MultiIndex, dict[int, Fraction]] = {}
        # By monomial the pivots of the rows that have held it: few of many.
        self._holding: dict[MultiIndex, set[MultiIndex]] = defaultdict(set)
        self._count = 0

    def add(self, polynomial: Polynomial) -> bool:
        """Adds a polynomial; returns whether it was independent of the others."""
        row, made_of = self._reduce(polynomial)
        if not row:
            return False
        made_of[self._count] = Fraction(1)
        self._count += 1
        pivot = max(row)
        if row[pivot] != 1:
            scale = 1 / row[pivot]
            row = {alpha: c * scale for alpha, c in row.items()}
            made_of = {place: c * scale for place, c in made_of.items()}
        changed = [other for other in self._holding[pivot] if pivot in self.rows[other]]
        for other in changed:
            c = self.rows[other][pivot]
            _subtract(self.rows[other], row, c)
            _subtract(self._made_of[other], made_of, c)
        for alpha in row:
            self._holding[alpha].update((pivot, *changed))
        self.rows[pivot] = row
        self._made_of[pivot] = made_of
        return True

    def _reduce(self, polynomial: Polynomial) -> tuple[Polynomial, dict[int, Fraction]]:
        row = dict(polynomial)
        made_of: dict[int, Fraction] = {}
        for pivot in polynomial:
            if pivot in self.rows and (c := row.get(pivot)):
                _subtract(row, self.rows[pivot], c)
                _subtract(made_of, self._made_of[pivot], c)
        return row, made_of

    def coordinates(self, pivot: MultiIndex) -> dict[int, Fraction]:
        """Returns what a coefficient 1 at `pivot` contributes to each coordinate."""
        return self._made_of.get(pivot, {})


def _subtract(into: dict[_K, Fraction], row: dict[_K, Fraction], c: Fraction) -> None:
    for key, value in row.items():
        rest = into.get(key, Fraction(0)) - c * value
        if rest:
            into[key] = rest
        else:
            into.pop(key, None)


def inverse_system(polynomials: Iterable[Polynomial]) -> dict[int, list[Polynomial]]:
    """Returns a sparse basis of the span of all derivatives, degree by degree.

    Monomials that lie in the span come first; the rest of each degree is filled from
    the polynomials, their derivatives and the echelon rows, the shortest first.
    """
    by_degree: dict[int, list[Polynomial]] = {}
    pending = deque(primitive(p) for p in polynomials if p)
    seen = {_key(p) for p in pending}
    while pending:
        polynomial = pending.popleft()
        by_degree.setdefault(_degree(polynomial), []).append(polynomial)
        for slope in map(primitive, _derivatives(polynomial)):
            if _key(slope) not in seen:
                seen.add(_key(slope))
                pending.append(slope)
    return {d: _sparse_basis(by_degree[d]) for d in sorted(by_degree)}


def _key(polynomial: Polynomial) -> frozenset[tuple[MultiIndex, Fraction]]:
    return frozenset(polynomial.items())


def _degree(polynomial: Polynomial) -> int:
    return next(iter(polynomial)).order


def _derivatives(polynomial: Polynomial) -> list[Polynomial]:
    """Returns the derivatives that are not zero, by place."""
    by_place: dict[int, Polynomial] = defaultdict(dict)
    for alpha, c in polynomial.items():
        for place in alpha.powers:
            by_place[place][alpha - MultiIndex.unit(alpha.dim, place)] = c
    return [by_place[place] for place in sorted(by_place)]


def primitive(polynomial: Polynomial) -> Polynomial:
    """Scales to coprime integers, the leading one positive."""
    if not polynomial:
        return {}
    values = polynomial.values()
    common = math.lcm(*(c.denominator for c in values))
    divisor = math.gcd(*(c.numerator * (common // c.denominator) for c in values))
    scale = Fraction(common, divisor)
    if polynomial[max(polynomial)] < 0:
        scale = -scale
    if scale == 1:
        return polynomial
    return {alpha: c * scale for alpha, c in polynomial.items()}


def _sparse_basis(generators: Sequence[Polynomial]) -> list[Polynomial]:
    """Chooses the basis with the fewest terms from the candidates at hand.

    Monomials in the span are exactly the echelon rows with one term. Greedy choice by
    number of terms is optimal among the candidates, because independence is a matroid.
    """
    echelon = Span()
    for generator in generators:
        echelon.add(generator)
    monomials = {pivot for pivot, row in echelon.rows.items() if len(row) == 1}
    candidates = [
        primitive({alpha: c for alpha, c in p.items() if alpha not in monomials})
        for p in (*generators, *echelon.rows.values())
    ]
    candidates = [{m: Fraction(1)} for m in monomials] + [p for p in candidates if p]
    candidates.sort(key=lambda p: (len(p), max(p)))
    basis = Span()
    chosen = [p for p in candidates if basis.add(p)]
    chosen.sort(key=max, reverse=True)
    return sorted(chosen, key=lambda p: len(p) > 1)
