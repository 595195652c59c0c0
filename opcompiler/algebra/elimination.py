r"""Exact sparse elimination; the only one of the package.

In: vectors as dictionaries from keys to exact numbers, zeros left out, each with a
*companion*, a vector of other keys. Out: a basis in reduced row echelon form. Whatever is
done to a vector is done to its companion too:

    echelon = Echelon()
    echelon.add({"x": 2, "y": 2}, {0: 1})        # 2x + 2y, vector number 0
    echelon.reduce({"x": 1, "y": 1}, {})         # -> ({}, {0: -1/2}): half of number 0

So a companion $\{n: 1\}$ for the n-th vector says how others are made of those that were
added (the inverse system's coordinates, the read-outs of jets), and the companion p of a
read-out r says whether r = 0 implies p = 0 (the proof). The vectors are few and long but
nearly all their entries are zero, and one basis is extended many times: that is why this
is not a matrix.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from fractions import Fraction
from typing import Any, Generic, TypeVar

from opcompiler.algebra.quadratic import inverse, Quadratic

K = TypeVar("K", bound=Hashable)
T = TypeVar("T", bound=Hashable)

Number = int | Fraction | Quadratic
"""An exact number. Integers stay `int` in here: they are ten times faster."""


def plain(c: Number) -> Number:
    """Returns an integer as an `int`."""
    return c.numerator if isinstance(c, Fraction) and c.denominator == 1 else c


class Echelon(Generic[K, T]):
    """Independent vectors in reduced row echelon form, each with its companion.

    Args:
        rank: the pivot of a row is its key of the greatest rank; by default the greatest
            key.
        spend: called with both rows before one is subtracted from the other; it may raise.

    Attributes:
        rows: by pivot the row, 1 there and 0 at all other pivots, and its companion.
    """

    def __init__(
        self,
        rank: Callable[[K], Any] = lambda key: key,
        spend: Callable[[Mapping[Any, Number], Mapping[Any, Number]], None]
        | None = None,
    ) -> None:
        self.rows: dict[K, tuple[dict[K, Number], dict[T, Number]]] = {}
        self._rank = rank
        self._spend = spend
        # By key the pivots of the rows that have held it: few of many.
        self._holding: dict[K, set[K]] = defaultdict(set)

    def reduce(
        self, vector: Mapping[K, Number], companion: Mapping[T, Number]
    ) -> tuple[dict[K, Number], dict[T, Number]]:
        """Returns what is left of a vector, and of its companion, without the pivots."""
        rest, others = dict(vector), dict(companion)
        # Rows are zero at the pivots of other rows: no row that is subtracted here brings a
        # pivot back, and the order does not matter.
        for key in vector:
            if key in self.rows and key in rest:
                self._subtract(rest, others, key, rest[key])
        return rest, others

    def add(
        self, vector: Mapping[K, Number], companion: Mapping[T, Number]
    ) -> tuple[dict[K, Number], dict[T, Number]] | None:
        """Adds a vector; returns its row, or `None` if it depends on the others."""
        rest, others = self.reduce(vector, companion)
        if not rest:
            return None
        pivot = max(rest, key=self._rank)
        scale = inverse(rest[pivot])
        row = (
            {key: plain(c * scale) for key, c in rest.items()},
            {key: plain(c * scale) for key, c in others.items()},
        )
        self.rows[pivot] = row
        changed = [p for p in self._holding[pivot] if pivot in self.rows[p][0]]
        for other in changed:
            into = self.rows[other]
            self._subtract(*into, pivot, into[0][pivot])
        for key in row[0]:
            self._holding[key].update((pivot, *changed))
        return row

    def _subtract(
        self, values: dict[K, Number], others: dict[T, Number], pivot: K, c: Number
    ) -> None:
        """Subtracts c times the row of a pivot."""
        row = self.rows[pivot]
        if self._spend:
            self._spend(values, row[0])
            self._spend(others, row[1])
        _subtract(values, row[0], c)
        _subtract(others, row[1], c)


def _subtract(into: dict[Any, Number], row: Mapping[Any, Number], c: Number) -> None:
    for key, value in row.items():
        rest = into.get(key, 0) - c * value
        if rest:
            into[key] = plain(rest)
        else:
            into.pop(key, None)
