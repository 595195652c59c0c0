r"""Binary forms as sums of few powers: Sylvester's method.

A form $p$ of degree $k$ in two variables is a combination of $(v_s\cdot\xi)^k$,
$s = 1\dots r$, exactly if $g(\partial)\,p = 0$ for the form $g$ whose roots are the
$v_s$, if these are distinct. Such $g$ make up the kernel of a Hankel matrix, so the
search is for a $g$ of least degree in it with enough roots in the field:

$$ p = \sum_i \binom{k}{i} a_i\,\xi^{k-i}\eta^i, \qquad
   \sum_{j=0}^{r} a_{i+j}\, g_j = 0 \quad (0 \le i \le k-r), \qquad
   g(v_s) = \sum_j g_j\, x_s^{r-j} y_s^{j} = 0 . $$

For $r = k$ the kernel has dimension $k$; prescribe $k-1$ rational roots and the last is
rational too. So $k$ rational directions always suffice, and for a monomial
$\xi^a\eta^b$ with $a, b \ge 1$ fewer real ones never do: Boij, Carlini, Geramita,
Monomials as sums of powers: the real binary case, Proc. AMS 139 (2011).

Source: Sylvester (1851); Iarrobino & Kanev, Power Sums, Gorenstein Algebras, and
Determinantal Loci (1999), section 1.3.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import combinations, islice

from opcompiler.core.multiindex import MultiIndex
from opcompiler.core.quadratic import Exact, Quadratic, root
from opcompiler.core.symbol import OperatorSymbol
from opcompiler.planning.power_sums import direction, PowerSum, weights

Point = tuple[Exact, Exact]
"""A direction in the plane, up to length: (1, 0) or (x, 1) or small integers."""

_PRESCRIBED = tuple(
    (Fraction(x), Fraction(y))
    for x, y in (
        *((1, 0), (0, 1), (1, 1), (1, -1), (2, 1), (2, -1), (1, 2), (1, -2)),
        *((3, 1), (3, -1), (1, 3), (1, -3), (3, 2), (3, -2), (2, 3), (2, -3)),
    )
)
_CHOICES = 30
"""Sets of prescribed roots tried for each degree of $g$ and each pool of points."""

_ENOUGH = 12
"""So many decompositions are compared."""

_RADICANDS = 30
"""The largest number under a root that is still of use as a coordinate."""


def decompose_binary(symbol: OperatorSymbol, x: int, y: int) -> PowerSum:
    """Returns a symbol in two variables as a sum of few powers.

    Args:
        symbol: homogeneous of order at least 1.
        x: number of the one variable.
        y: number of the other.
    """
    order = symbol.order
    coefficients = dict(symbol.terms)
    series = [
        coefficients[alpha] * Fraction(alpha.factorial)
        if (alpha := _monomial(symbol.dim, x, order - i, y, i)) in coefficients
        else Fraction(0)
        for i in range(order + 1)
    ]
    for count in range(1, order + 1):
        points = _best_roots(kernel(series, count), count)
        if points:
            vectors = [direction({x: a, y: b}) for a, b in points]
            found = weights(vectors, [symbol], order)
            if found:
                return found[0]
    raise AssertionError(f"{symbol} has no decomposition into {order} powers")


def _monomial(dim: int, x: int, a: int, y: int, b: int) -> MultiIndex:
    exponents = [0] * dim
    exponents[x], exponents[y] = a, b
    return MultiIndex(tuple(exponents))


def kernel(series: Sequence[Fraction], count: int) -> list[list[Fraction]]:
    """Returns a basis of the forms g of degree `count` with g(d) p = 0.

    Args:
        series: the coefficients $a_i$ up to a common factor.
        count: the degree r.
    """
    rows = [list(series[i : i + count + 1]) for i in range(len(series) - count)]
    return null_space(rows, count + 1)


def null_space(rows: list[list[Fraction]], size: int) -> list[list[Fraction]]:
    """Returns a basis of the vectors that all rows annihilate."""
    pivots: dict[int, list[Fraction]] = {}
    for row in rows:
        for column, pivot in pivots.items():
            if row[column]:
                row = [a - row[column] * b for a, b in zip(row, pivot, strict=True)]
        lead = next((j for j, c in enumerate(row) if c), None)
        if lead is not None:
            row = [c / row[lead] for c in row]
            for column, other in pivots.items():
                if c := other[lead]:
                    pivots[column] = [
                        a - c * b for a, b in zip(other, row, strict=True)
                    ]
            pivots[lead] = row
    basis: list[list[Fraction]] = []
    for free in (j for j in range(size) if j not in pivots):
        vector = [Fraction(int(j == free)) for j in range(size)]
        for column, row in pivots.items():
            vector[column] = -row[free]
        basis.append(vector)
    return basis


def _best_roots(basis: list[list[Fraction]], degree: int) -> list[Point] | None:
    """Returns the simplest set of distinct roots that a form in the span has."""
    splits = (split(form, degree) for form in _members(basis, degree))
    found = list(islice((s for s in splits if s is not None), _ENOUGH))
    return min(found, key=_size) if found else None


def _members(basis: list[list[Fraction]], degree: int) -> Iterator[list[Fraction]]:
    """Yields forms of the span with prescribed roots, as many as it has room for."""
    if not basis:
        return
    values = {p: [_value(g, p, degree) for g in basis] for p in _PRESCRIBED}
    for chosen in _choices(len(basis) - 1):
        solutions = null_space([values[p] for p in chosen], len(basis))
        if len(solutions) == 1:
            (shares,) = solutions
            yield [
                sum((s * g[j] for s, g in zip(shares, basis, strict=True)), Fraction(0))
                for j in range(degree + 1)
            ]


@lru_cache(maxsize=16)
def _choices(count: int) -> tuple[tuple[Point, ...], ...]:
    """Returns sets of prescribed roots, simple ones first.

    A form may have a coordinate axis as a double root of all its apolar forms, so each
    axis is left out in some of the sets.
    """
    without = (lambda p: True, lambda p: p[0], lambda p: p[1], lambda p: p[0] and p[1])
    pools = [[p for p in _PRESCRIBED if allowed(p)] for allowed in without]
    ranked = [
        sorted(combinations(range(len(pool)), count), key=lambda c: (sum(c), c))
        for pool in pools
    ]
    return tuple(
        dict.fromkeys(
            tuple(pool[i] for i in places[n])
            for n in range(_CHOICES)
            for pool, places in zip(pools, ranked, strict=True)
            if n < len(places)
        )
    )


def _value(form: Sequence[Fraction], point: Point, degree: int) -> Fraction:
    x, y = point
    assert isinstance(x, Fraction)
    assert isinstance(y, Fraction)
    return sum((c * x ** (degree - j) * y**j for j, c in enumerate(form)), Fraction(0))


def split(form: Sequence[Fraction], degree: int) -> list[Point] | None:
    """Returns the roots of a form; `None` unless they are distinct and in our fields.

    Small integer roots are divided out; at most a quadratic form may be left, and its
    roots may be those of a quadratic field.
    """
    points: list[Point] = []
    rest = list(form)
    for point in _PRESCRIBED:
        if len(rest) > 1 and not _value(rest, point, len(rest) - 1):
            points.append(point)
            rest = _divided(rest, point)
    if len(rest) > 3 or not any(rest):
        return None
    points += _last_roots(rest)
    distinct = {x / y if y else None for x, y in points}
    return points if len(distinct) == degree else None


def _divided(form: Sequence[Fraction], point: Point) -> list[Fraction]:
    """Divides by the linear form that vanishes at a point."""
    x, y = point
    assert isinstance(x, Fraction)
    assert isinstance(y, Fraction)
    if not y:
        # The form has no term without a factor y; drop that factor.
        return list(form[1:])
    quotient: list[Fraction] = []
    carry = Fraction(0)
    for c in form[:-1]:
        carry = c + carry * x / y
        quotient.append(carry)
    return quotient


def _last_roots(form: Sequence[Fraction]) -> list[Point]:
    """Returns the roots of a form of degree 0, 1 or 2 that lie in our fields."""
    one = Fraction(1)
    if len(form) < 3 or not form[0]:
        infinite: list[Point] = [(one, Fraction(0))] if len(form) == 3 else []
        *_, a, b = (Fraction(0), *form)
        if len(form) == 1:
            return []
        return [*infinite, (-b / a, one)] if a else [(one, Fraction(0))]
    a, b, c = form
    square = b * b - 4 * a * c
    distance = root(square, _RADICANDS) if square > 0 else None
    if distance is None:
        return []
    return [((-b + distance) / (2 * a), one), ((-b - distance) / (2 * a), one)]


def _size(points: list[Point]) -> tuple[int, int]:
    """How unwieldy directions are: irrational ones count first, then large numbers."""
    slopes = [x / y if y else Fraction(0) for x, y in points]
    heights = [
        abs(q.rational.numerator) + q.denominator + abs(q.irrational.numerator)
        if isinstance(q, Quadratic)
        else abs(q.numerator) + q.denominator
        for q in slopes
    ]
    return sum(isinstance(q, Quadratic) for q in slopes), sum(heights)
