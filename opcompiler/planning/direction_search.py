r"""A search for few integer directions whose powers span given symbols.

The columns are the powers $(v\cdot\xi)^k$ of integer directions with small entries. A
basic solution of the linear system is found by elimination, and then improved: a column
outside comes in for one inside if that makes more weights vanish than appear. Numbers
are taken modulo a large prime, so that a step is cheap; the weights of what is found are
computed exactly by `power_sums.weights`, and so nothing rests on the prime.

Signed permutations of the variables that keep the symbols make the system small: all
directions of an orbit get the same weight, up to the sign that the symbols have.
"""

import math
import random
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations_with_replacement, permutations, product

from opcompiler.core.inverse_system import divided
from opcompiler.core.symbol import OperatorSymbol
from opcompiler.planning.power_sums import (
    direction,
    Places,
    Tangent,
    variables,
)

_PRIME = 2**61 - 1
_COLUMNS = 320
"""Directions in a search; more are taken only where these do not span."""
_ROWS = 130
"""Monomials of a search; symbols of more are left to the closed forms."""
_WORK = 700_000
"""Products that all eliminations of a search may take together, about."""
_STARTS = 12

_Vector = tuple[int, ...]


def within_reach(symbols: Sequence[OperatorSymbol]) -> bool:
    """Returns whether the search takes symbols of so many variables and this order."""
    return is_small(len(variables(symbols)), symbols[0].order)


def is_small(count: int, order: int) -> bool:
    """Returns whether linear systems for so many variables and this order are small."""
    return monomials(count, order) <= _ROWS


def monomials(count: int, order: int) -> int:
    """Returns how many monomials of an order there are in so many variables."""
    return math.comb(count + order - 1, order)


def search(
    symbols: Sequence[OperatorSymbol], free: Collection[Tangent] = ()
) -> list[Tangent]:
    """Returns directions whose powers span the symbols, as few new ones as it finds.

    Args:
        symbols: homogeneous and of the same order; see `within_reach`.
        free: rational directions that cost nothing, and are returned where needed.
    """
    places = variables(symbols)
    order = symbols[0].order
    given = [
        tuple(int(dict(v).get(i, 0)) for i in places)
        for v in free
        if all(i in places for i, _ in v)
    ]
    group = _symmetries(symbols, places)
    found: list[list[_Vector]] = []
    for symmetries in (group, group[:1]) if len(group) > 1 else (group,):
        columns = _columns(len(places), order, symmetries, set(given))
        wanted = _mixed(symbols, places)
        found += filter(None, _solutions(columns, wanted, len(places), order))
    best = min(found, key=lambda vectors: _price(vectors, given))
    return [direction(dict(zip(places, v, strict=True))) for v in best]


def _price(vectors: list[_Vector], given: Collection[_Vector]) -> tuple[int, int]:
    new = [v for v in vectors if v not in given]
    return len(new), sum(abs(c) for v in new for c in v)


@dataclass(frozen=True, slots=True)
class _Column:
    """An orbit of directions with the signs of their weights, and its price."""

    members: tuple[tuple[_Vector, int], ...]
    cost: int


@dataclass(frozen=True, slots=True)
class _Symmetry:
    """A signed permutation, and the sign by which it multiplies the symbols."""

    permutation: tuple[int, ...]
    signs: tuple[int, ...]
    character: int

    def image(self, vector: Sequence[int]) -> _Vector:
        return tuple(
            s * vector[i] for i, s in zip(self.permutation, self.signs, strict=True)
        )


def _symmetries(
    symbols: Sequence[OperatorSymbol], places: tuple[int, ...]
) -> list[_Symmetry]:
    """Returns the signed permutations that multiply all symbols by 1, or all by -1.

    The identity is the first. Above five variables it is the only one looked for.
    """
    count = len(places)
    terms = [
        {tuple(a.exponents[i] for i in places): c for a, c in p.terms} for p in symbols
    ]
    if count > 5:
        return [_Symmetry(tuple(range(count)), (1,) * count, 1)]
    found: list[_Symmetry] = []
    for order in permutations(range(count)):
        moved = [{tuple(a[i] for i in order): c for a, c in p.items()} for p in terms]
        if any(m.keys() != p.keys() for m, p in zip(moved, terms, strict=True)):
            continue
        for signs in product((1, -1), repeat=count):
            ratios = {
                c * math.prod(s**e for s, e in zip(signs, a, strict=True)) / p[a]
                for m, p in zip(moved, terms, strict=True)
                for a, c in m.items()
            }
            if ratios in ({1}, {-1}):
                found.append(_Symmetry(order, signs, int(ratios.pop())))
    return found


def _columns(
    count: int, order: int, group: list[_Symmetry], free: set[_Vector]
) -> list[_Column]:
    """Returns orbits of directions, cheap and simple ones first."""
    columns: list[_Column] = []
    seen: set[_Vector] = set()
    for vector in chain(sorted(free), _directions(count, order)):
        if vector not in seen:
            orbit = _orbit(vector, order, group)
            seen.update(orbit)
            if all(orbit.values()):
                cost = sum(v not in free for v in orbit)
                columns.append(_Column(tuple(orbit.items()), cost))
    return sorted(columns, key=lambda column: column.cost)


def _orbit(vector: _Vector, order: int, group: list[_Symmetry]) -> dict[_Vector, int]:
    """Returns the orbit with the signs of the weights; 0 where both signs occur."""
    orbit: dict[_Vector, int] = {}
    for symmetry in group:
        image = symmetry.image(vector)
        sign = symmetry.character
        if next(c for c in image if c) < 0:
            image = tuple(-c for c in image)
            sign *= (-1) ** order
        orbit[image] = sign if orbit.get(image, sign) == sign else 0
    return orbit


def _directions(count: int, order: int) -> Iterator[_Vector]:
    """Yields primitive integer vectors up to sign: a few simple ones, then a basis.

    The powers of all vectors of non-negative integers that add up to the order are a
    basis of the forms of that order (interpolation on a simplex grid).
    """
    simple: list[_Vector] = []
    for height in range(1, order + 1):
        if (2 * height + 1) ** count > 8 * _COLUMNS:
            break
        simple += [
            v
            for v in product(range(-height, height + 1), repeat=count)
            if max(map(abs, v)) == height
            and next(c for c in v if c) > 0
            and math.gcd(*v) == 1
        ]
    simple.sort(key=lambda v: (sum(c != 0 for c in v), sum(map(abs, v)), v[::-1]))
    yield from simple[:_COLUMNS]
    for chosen in combinations_with_replacement(range(count), order):
        yield _primitive([chosen.count(i) for i in range(count)])


def _primitive(entries: list[int]) -> _Vector:
    divisor = math.gcd(*entries)
    return tuple(c // divisor for c in entries)


def _mixed(
    symbols: Sequence[OperatorSymbol], places: tuple[int, ...]
) -> dict[Places, int]:
    """Returns one generic combination of the symbols, modulo the prime.

    It lies in the span of a set of powers if all symbols do, and for but a few unlucky
    factors only then.
    """
    position = {place: i for i, place in enumerate(places)}
    wanted: dict[Places, int] = defaultdict(int)
    chance = random.Random(len(symbols))
    for symbol in symbols:
        factor = chance.randrange(1, _PRIME)
        for alpha, c in divided(symbol).items():
            residue = c.numerator * pow(c.denominator, -1, _PRIME) * factor
            wanted[tuple(position[i] for i in alpha.slots())] += residue
    return {m: c % _PRIME for m, c in wanted.items()}


def _solutions(
    columns: list[_Column], wanted: dict[Places, int], count: int, order: int
) -> Iterator[list[_Vector] | None]:
    """Yields what the search finds from several starts."""
    factors = list(combinations_with_replacement(range(count), order))
    values = [
        [sum(sign * _at(m, v) for v, sign in column.members) for m in factors]
        for column in columns
    ]
    rows = {
        (*row, wanted.get(m, 0))
        for m, row in zip(factors, zip(*values, strict=True), strict=True)
    }
    work = len(rows) * min(len(rows), len(columns)) * len(columns)
    chance = random.Random(0)
    costs = [column.cost for column in columns]
    for start in range(max(1, min(_STARTS, _WORK // work))):
        sequence = list(range(len(columns)))
        if start:
            # Prices decide, chance among equal ones; every third start without prices.
            chance.shuffle(sequence)
            if start % 3 < 2:
                sequence.sort(key=costs.__getitem__)
        tableau = _Tableau([list(row) for row in sorted(rows)], columns)
        if tableau.reduce(sequence):
            tableau.improve()
            yield tableau.directions()
        else:
            yield None


def _at(monomial: Places, vector: _Vector) -> int:
    return math.prod(vector[i] for i in monomial)


@dataclass
class _Tableau:
    """A linear system in echelon form; its last column is the right-hand side."""

    rows: list[list[int]]
    columns: list[_Column]
    basis: dict[int, int] = field(default_factory=dict[int, int])
    """Row to the column it is solved for."""

    def reduce(self, sequence: Sequence[int]) -> bool:
        """Eliminates columns in this order; returns whether there is a solution."""
        unused = list(range(len(self.rows)))
        for column in sequence:
            found = next((r for r in unused if self.rows[r][column] % _PRIME), None)
            if found is not None:
                unused.remove(found)
                self.pivot(found, column)
            if not unused:
                break
        return not any(self.rows[r][-1] % _PRIME for r in unused)

    def pivot(self, at: int, column: int) -> None:
        """Solves a row for a column."""
        scale = pow(self.rows[at][column], -1, _PRIME)
        top = self.rows[at] = [c * scale % _PRIME for c in self.rows[at]]
        for r, row in enumerate(self.rows):
            if r != at and (factor := row[column] % _PRIME):
                self.rows[r] = [
                    (c - factor * t) % _PRIME for c, t in zip(row, top, strict=True)
                ]
        self.basis[at] = column

    def improve(self) -> None:
        """Exchanges columns for as long as that makes the solution cheaper."""
        for _ in range(len(self.rows)):
            gain, at, column = self._best_exchange()
            if gain <= 0:
                break
            self.pivot(at, column)

    def _best_exchange(self) -> tuple[int, int, int]:
        """Returns what the best exchange saves, its row, and the column to come in."""
        price = {r: self.columns[j].cost for r, j in self.basis.items()}
        inverse = {
            r: pow(self.rows[r][-1], -1, _PRIME)
            for r in self.basis
            if self.rows[r][-1] % _PRIME
        }
        inside = set(self.basis.values())
        best = (0, -1, -1)
        for j, column in enumerate(self.columns):
            if j in inside:
                continue
            lost = column.cost
            saved: dict[int, list[int]] = defaultdict(list)
            for r in self.basis:
                if entry := self.rows[r][j]:
                    if r in inverse:
                        saved[entry * inverse[r] % _PRIME].append(r)
                    else:
                        lost += price[r]
            for rows in saved.values():
                gain = sum(price[r] for r in rows) - lost
                if gain > best[0]:
                    best = (gain, rows[0], j)
        return best

    def directions(self) -> list[_Vector]:
        """Returns all directions with a weight that is not zero."""
        used = [j for r, j in self.basis.items() if self.rows[r][-1]]
        return [v for j in sorted(used) for v, _ in self.columns[j].members]
