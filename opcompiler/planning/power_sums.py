r"""Sums of powers of linear forms, and the exact linear algebra that finds weights.

$$ p(\xi) = \sum_r c_r\, (v_r\cdot\xi)^k \quad\Longleftrightarrow\quad
   p(\partial)\,u = \sum_r c_r\, D^k u[v_r, \dots, v_r] $$

Comparing coefficients of $\xi^\alpha$ gives one linear equation per $|\alpha| = k$,
$\sum_r c_r v_r^\alpha = p_\alpha\,\alpha!/k!$.
"""

import math
import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from opcompiler.core.apolar import Tangent
from opcompiler.core.inverse_system import divided
from opcompiler.core.multiindex import MultiIndex
from opcompiler.core.quadratic import Exact, Quadratic
from opcompiler.core.symbol import OperatorSymbol

PowerSum = dict[Tangent, Exact]
"""Directions $v_r$ with their weights $c_r$; the power is that of the symbol."""

Places = tuple[int, ...]
"""A monomial as its factors in order: (0, 0, 2) is the first squared times the third."""


def variables(symbols: Iterable[OperatorSymbol]) -> tuple[int, ...]:
    """Returns the arguments by which the symbols differentiate."""
    return tuple(
        sorted({i for p in symbols for alpha, _ in p.terms for i in alpha.slots()})
    )


def direction(components: Mapping[int, Exact | int]) -> Tangent:
    """Returns a vector in sparse form."""
    sparse = sorted((i, c) for i, c in components.items() if c)
    return tuple((i, Fraction(c) if isinstance(c, int) else c) for i, c in sparse)


def primitive(vector: Tangent) -> tuple[Tangent, Fraction]:
    """Returns coprime integers, the first positive, and the factor that was taken out.

    Parallel rational vectors become one; an irrational vector is returned as it is.
    """
    rational = [c for _, c in vector if isinstance(c, Fraction)]
    if len(rational) < len(vector):
        return vector, Fraction(1)
    common = math.lcm(*(c.denominator for c in rational))
    factor = Fraction(math.gcd(*(int(c * common) for c in rational)), common)
    if rational[0] < 0:
        factor = -factor
    return tuple((i, c / factor) for i, c in vector), factor


def collect(terms: Iterable[tuple[Tangent, Exact]], order: int) -> PowerSum:
    """Adds up weighted powers; parallel rational directions become one."""
    total: PowerSum = defaultdict(Fraction)
    for vector, weight in terms:
        short, factor = primitive(vector)
        total[short] = total[short] + weight * factor**order
    return {vector: weight for vector, weight in total.items() if weight}


def expand(powers: PowerSum, order: int, dim: int) -> dict[MultiIndex, Exact]:
    r"""Returns $\sum_r c_r (v_r\cdot\xi)^k$ as coefficients of $\xi^\alpha$."""
    total: dict[MultiIndex, Exact] = defaultdict(Fraction)
    for vector, weight in powers.items():
        product: dict[MultiIndex, Exact] = {MultiIndex.zero(dim): weight}
        for _ in range(order):
            bigger: dict[MultiIndex, Exact] = defaultdict(Fraction)
            for alpha, c in product.items():
                for place, component in vector:
                    beta = alpha + MultiIndex.unit(dim, place)
                    bigger[beta] = bigger[beta] + c * component
            product = bigger
        for alpha, c in product.items():
            total[alpha] = total[alpha] + c
    return {alpha: c for alpha, c in total.items() if c}


def weights(
    directions: Sequence[Tangent], symbols: Sequence[OperatorSymbol], order: int
) -> list[PowerSum] | None:
    """Writes symbols of one order as powers along given directions, exactly.

    Where directions are dependent, the first ones are used.

    Args:
        directions: rational, or of one quadratic field.
        symbols: homogeneous of this order.
        order: the power.

    Returns:
        One power sum for each symbol; `None` if one of them is not in the span.
    """
    wanted = [
        {alpha.slots(): c / math.factorial(order) for alpha, c in divided(p).items()}
        for p in symbols
    ]
    columns: list[dict[Places, Exact]] = [power(v, order) for v in directions]
    rows = sorted({m for column in (*columns, *wanted) for m in column})
    matrix: list[list[Any]] = [
        [column.get(m, Fraction(0)) for column in (*columns, *wanted)] for m in rows
    ]
    solved = _solve(matrix, len(columns))
    if solved is None:
        return None
    return [
        {directions[j]: row[s] for j, row in solved.items() if row[s]}
        for s in range(len(symbols))
    ]


def power(vector: Tangent, order: int) -> dict[Places, Exact]:
    r"""Returns $v^\alpha$ for every $|\alpha| = k$ where it is not zero."""
    components = dict(vector)
    layer: dict[Places, Exact] = {(): Fraction(1)}
    for _ in range(order):
        layer = {
            (*m, place): c * component
            for m, c in layer.items()
            for place, component in components.items()
            if not m or place >= m[-1]
        }
    return layer


def _solve(matrix: list[list[Any]], columns: int) -> dict[int, list[Exact]] | None:
    """Solves for the first columns; right-hand sides are the others.

    Bareiss' elimination: numbers stay integers, or stay in their field, and every
    division is exact. Bareiss, Math. Comp. 22 (1968).
    """
    divide: Callable[[Any, Any], Any] = operator.truediv
    if not any(isinstance(c, Quadratic) for row in matrix for c in row):
        matrix = [_integers(row) for row in matrix]
        divide = operator.floordiv
    pivots: list[int] = []
    last: Any = 1
    for column in range(columns):
        at = len(pivots)
        found = next((r for r in range(at, len(matrix)) if matrix[r][column]), None)
        if found is None:
            continue
        matrix[at], matrix[found] = matrix[found], matrix[at]
        top = matrix[at]
        for r in range(at + 1, len(matrix)):
            row, lead, factor = matrix[r], top[column], matrix[r][column]
            matrix[r] = [
                divide(lead * c - factor * t, last)
                for c, t in zip(row, top, strict=True)
            ]
        last = top[column]
        pivots.append(column)
    if any(c for row in matrix[len(pivots) :] for c in row[columns:]):
        return None
    return _substitute(matrix, pivots, columns)


def _integers(row: list[Fraction]) -> list[int]:
    common = math.lcm(*(c.denominator for c in row))
    return [int(c * common) for c in row]


def _substitute(
    matrix: list[list[Any]], pivots: list[int], columns: int
) -> dict[int, list[Exact]]:
    """Back substitution; columns without a pivot get no weight."""
    solved: dict[int, list[Exact]] = {}
    for r in reversed(range(len(pivots))):
        row = matrix[r]
        values = [Fraction(c) if isinstance(c, int) else c for c in row[columns:]]
        for j, known in solved.items():
            if row[j]:
                values = [v - row[j] * x for v, x in zip(values, known, strict=True)]
        solved[pivots[r]] = [v / row[pivots[r]] for v in values]
    return solved
