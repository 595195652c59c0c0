"""Reading operators off the coefficients of jets: sparse elimination over the integers.

Every coefficient of every jet is a row, a combination of partial derivatives. An operator
can be read off exactly if it lies in the span of the rows. Rows of unlike jets have few
partial derivatives in common, so they are kept sparse; numbers stay integers, and a row
is divided by its content.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TypeVar

from opcompiler.algebra.inverse_system import divided
from opcompiler.ir import OperatorSymbol
from opcompiler.planning.slots import contents, Jet, Places, Row

Term = tuple[int, int]
"""A coefficient: the number of its jet, and its order."""

ReadOff = dict[Term, Fraction]
"""A combination of coefficients."""

_K = TypeVar("_K")


def read_off(
    jets: Sequence[Jet], symbols: Sequence[OperatorSymbol]
) -> list[ReadOff] | None:
    """Writes symbols as combinations of the coefficients of jets, exactly.

    Where there are several ways, low orders of the first jets are preferred.

    Args:
        jets: with rational tangents.
        symbols: of any order, the constant one too.

    Returns:
        One combination for each symbol; `None` if one of them is not in the span.
    """
    wanted = [row(symbol) for symbol in symbols]
    rows = _useful(
        {(j, k): r for j, jet in enumerate(jets) for k, r in enumerate(contents(jet))},
        {m for target in wanted for m in target},
    )
    echelon = _Echelon(m for r in rows.values() for m in r)
    for term in sorted(rows, key=lambda term: (term[1], term[0])):
        echelon.add(term, rows[term])
    found: list[ReadOff] = []
    for target in wanted:
        combination = echelon.express(target)
        if combination is None:
            return None
        found.append(combination)
    return found


def row(symbol: OperatorSymbol) -> Row:
    r"""Returns a symbol as a combination of $\partial^\beta/\beta!$."""
    return {alpha.slots(): c for alpha, c in divided(symbol).items()}


def _useful(rows: dict[Term, Row], wanted: set[Places]) -> dict[Term, Row]:
    """Drops rows that cannot take part.

    A row with a partial derivative that no other row has, and that nobody wants, has no
    part in any combination; without it others may become such rows.
    """
    rows = _connected(rows, wanted)
    counts = Counter(m for r in rows.values() for m in r)
    holders: dict[Places, set[Term]] = {m: set() for m in counts}
    for term, r in rows.items():
        for m in r:
            holders[m].add(term)
    alone = [m for m, count in counts.items() if count == 1 and m not in wanted]
    while alone:
        monomial = alone.pop()
        for term in holders[monomial]:
            for m in rows.pop(term):
                counts[m] -= 1
                if m != monomial:
                    holders[m].discard(term)
                    if counts[m] == 1 and m not in wanted:
                        alone.append(m)
        holders[monomial] = set()
    return rows


def _connected(rows: dict[Term, Row], wanted: set[Places]) -> dict[Term, Row]:
    """Keeps the rows that share partial derivatives with what is wanted, step by step."""
    holders: dict[Places, list[Term]] = defaultdict(list)
    for term, r in rows.items():
        for m in r:
            holders[m].append(term)
    kept: dict[Term, Row] = {}
    stack = list(wanted)
    seen = set(stack)
    while stack:
        for term in holders[stack.pop()]:
            if term not in kept:
                kept[term] = rows[term]
                fresh = rows[term].keys() - seen
                seen |= fresh
                stack += fresh
    return kept


class _Echelon:
    """Rows in echelon form; each remembers how it is made of those that were added.

    Args:
        monomials: of all rows, with repetitions; rare ones make the better pivots.
    """

    def __init__(self, monomials: Iterable[Places]) -> None:
        self._rank = {m: i for i, (m, _) in enumerate(Counter(monomials).most_common())}
        self._pivots: list[Places] = []
        self._number: dict[Places, int] = {}
        self._rows: list[tuple[dict[Places, int], dict[Term, int]]] = []
        self._scale: dict[Term, int] = {}

    def add(self, term: Term, values: Row) -> None:
        """Adds a row."""
        self._scale[term] = scale = _denominator(values)
        rest, combination, factor = self._reduce(_times(values, scale))
        if rest:
            made_of = {term: factor} | {k: -c for k, c in combination.items()}
            pivot = max(rest, key=self._rank.__getitem__)
            self._number[pivot] = len(self._rows)
            self._pivots.append(pivot)
            self._rows.append((rest, made_of))

    def express(self, target: Row) -> ReadOff | None:
        """Returns a target as a combination of the rows; `None` if it is none."""
        if not target.keys() <= self._rank.keys():
            return None
        scale = _denominator(target)
        rest, combination, factor = self._reduce(_times(target, scale))
        if rest:
            return None
        return {
            term: Fraction(c * self._scale[term], factor * scale)
            for term, c in sorted(combination.items())
        }

    def _reduce(
        self, rest: dict[Places, int]
    ) -> tuple[dict[Places, int], dict[Term, int], int]:
        """Returns `(rest, combination, factor)`: factor * row = rest + combination."""
        combination: dict[Term, int] = {}
        factor = 1
        done = -1
        while pivots := [n for m in rest if (n := self._number.get(m, -1)) > done]:
            # A pivot's row has no earlier pivots in it, so one pass forward is enough.
            done = min(pivots)
            values, made_of = self._rows[done]
            pivot = self._pivots[done]
            common = math.gcd(values[pivot], rest[pivot])
            keep, take = values[pivot] // common, rest[pivot] // common
            rest = _combined(rest, keep, values, -take)
            combination = _combined(combination, keep, made_of, take)
            factor *= keep
            content = math.gcd(factor, *rest.values(), *combination.values())
            if content > 1:
                rest = {m: c // content for m, c in rest.items()}
                combination = {k: c // content for k, c in combination.items()}
                factor //= content
        return rest, combination, factor


def _combined(
    left: Mapping[_K, int], a: int, right: Mapping[_K, int], b: int
) -> dict[_K, int]:
    total = {key: a * c for key, c in left.items()} if a != 1 else dict(left)
    for key, c in right.items():
        new = total.get(key, 0) + b * c
        if new:
            total[key] = new
        else:
            del total[key]
    return total


def _denominator(values: Row) -> int:
    return math.lcm(*(c.denominator for c in values.values()))


def _times(values: Row, scale: int) -> dict[Places, int]:
    return {m: int(c * scale) for m, c in values.items()}
