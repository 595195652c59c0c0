r"""Waring decompositions: a symbol as a sum of few powers of linear forms.

Closed forms where the best is known, Sylvester's method in two variables, a search over
integer directions for the rest, and a signed sum that always exists.

| symbol                    | directions            | source                          |
|---------------------------|-----------------------|---------------------------------|
| order 2                   | its rank              | Lagrange, completing squares    |
| $\xi^a\eta^b$             | $a + b$               | `binary_forms`                  |
| $\Delta^m$ in the plane   | $m + 1$               | regular polygon; Reznick        |
| $\Delta^2$ in space       | 6                     | icosahedron; Reznick            |
| $\Delta^2$ in d dimensions | $d^2$ at most        | pairs of axes; Reznick          |

Reznick: Sums of Even Powers of Real Linear Forms, Memoirs AMS 463 (1992). The formulas
are proved by expansion in `tests/planning/test_polarization.py`.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache, partial
from itertools import combinations, product

from opcompiler.core.multiindex import MultiIndex
from opcompiler.core.quadratic import Exact, quadratic
from opcompiler.core.symbol import OperatorSymbol
from opcompiler.planning.binary_forms import decompose_binary
from opcompiler.planning.direction_search import search, within_reach
from opcompiler.planning.power_sums import (
    collect,
    direction,
    PowerSum,
    Tangent,
    variables,
    weights,
)

_HALF = Fraction(1, 2)
_ROOT3 = quadratic(0, 1, 3)
_GOLDEN = quadratic(_HALF, _HALF, 5)


@lru_cache(maxsize=1024)
def decompose(symbol: OperatorSymbol) -> PowerSum:
    """Writes a homogeneous symbol of order at least 1 as a sum of few powers.

    Symbols in separate variables are decomposed one by one.
    """
    parts = list(_separate(symbol))
    if symbol.order == 1:
        scale = next(c for _, c in symbol.terms)
        vector = direction({a.slots()[0]: c / scale for a, c in symbol.terms})
        return collect([(vector, scale)], 1)
    if len(parts) > 1:
        terms = (term for part in parts for term in decompose(part).items())
        return collect(terms, symbol.order)
    places = variables([symbol])
    if len(places) == 1:
        return {direction({places[0]: 1}): symbol.terms[0][1]}
    if symbol.order == 2:
        return _squares(symbol)
    if len(symbol.terms) == 1 and symbol != _pattern(symbol):
        return term_by_term(symbol)
    return min(_candidates(symbol, places), key=len)


def needs_search(symbol: OperatorSymbol) -> bool:
    """Returns whether `decompose` has to look for directions, which takes time."""
    parts = _separate(symbol)
    return symbol.order > 2 and any(len(variables([part])) > 2 for part in parts)


def _candidates(symbol: OperatorSymbol, places: tuple[int, ...]) -> Iterator[PowerSum]:
    """Yields decompositions; the first among the shortest is taken."""
    known = _laplacian_power(symbol, places)
    if known is not None:
        yield known
        if len(places) <= 3:
            return
    if len(places) == 2:
        yield decompose_binary(symbol, *places)
        return
    if within_reach([symbol]):
        found = weights(search([symbol]), [symbol], symbol.order)
        if found:
            yield found[0]
    if len(symbol.terms) > 1:
        yield term_by_term(symbol)
    elif not within_reach([symbol]):
        for alpha, c in symbol.terms:
            yield signed_sum(alpha, c)


def _separate(symbol: OperatorSymbol) -> Iterator[OperatorSymbol]:
    """Yields the parts of a symbol that have no variable in common."""
    parts: list[tuple[set[int], dict[MultiIndex, Fraction]]] = []
    for alpha, c in symbol.terms:
        joint, terms = set(alpha.slots()), {alpha: c}
        apart: list[tuple[set[int], dict[MultiIndex, Fraction]]] = []
        for places, others in parts:
            if places & joint:
                joint |= places
                terms |= others
            else:
                apart.append((places, others))
        parts = [*apart, (joint, terms)]
    for _, terms in parts:
        yield OperatorSymbol.of(terms)


def _squares(symbol: OperatorSymbol) -> PowerSum:
    r"""A quadratic form as squares, as many as its rank: Lagrange's reduction."""
    form: dict[tuple[int, int], Fraction] = defaultdict(Fraction)
    for alpha, c in symbol.terms:
        i, j = alpha.slots()
        form[i, j] += c / 2
        form[j, i] += c / 2
    terms: list[tuple[dict[int, Fraction], Fraction]] = []
    places = variables([symbol])
    while rest := {pair: c for pair, c in form.items() if c}:
        row = partial(_row, rest, places)
        filled = Counter(i for i, _ in rest)
        # Squares before products, and of those the ones with the fewest terms.
        i, j = min((i != j, filled[i], (i, j)) for i, j in rest)[-1]
        c = rest[i, j]
        if i == j:
            new = [({k: a / c for k, a in row(i).items()}, c)]
        else:
            # No squares: c (A B + B A) with A = row j / c, B = row i / c.
            a, b = row(j), row(i)
            new = [
                ({k: (a[k] + s * b[k]) / c for k in places}, s * c / 2) for s in (1, -1)
            ]
        for vector, weight in new:
            for p, q in product(places, repeat=2):
                form[p, q] -= weight * vector[p] * vector[q]
        terms += new
    return collect(((direction(v), w) for v, w in terms), 2)


def _row(
    form: dict[tuple[int, int], Fraction], places: tuple[int, ...], i: int
) -> dict[int, Fraction]:
    return {k: form.get((i, k), Fraction(0)) for k in places}


def _laplacian_power(
    symbol: OperatorSymbol, places: tuple[int, ...]
) -> PowerSum | None:
    """Returns the textbook decomposition of a multiple of a power of the Laplacian."""
    power, odd = divmod(symbol.order, 2)
    count = len(places)
    coefficients = dict(symbol.terms)
    if odd or len(coefficients) != math.comb(power + count - 1, power):
        return None
    scale = coefficients.get(_pure(symbol, places[0]), Fraction(0))
    for alpha, c in coefficients.items():
        half = MultiIndex(tuple(e // 2 for e in alpha.exponents))
        ways = math.factorial(power) // half.factorial
        if c != scale * ways or any(e % 2 for e in alpha.exponents):
            return None
    found: PowerSum | None = None
    if count == 2:
        found = regular_polygon(power, *places)
    elif power == 2:
        found = icosahedron(*places) if count == 3 else pairs_of_axes(places)
    return found and {vector: scale * weight for vector, weight in found.items()}


def _pure(symbol: OperatorSymbol, place: int) -> MultiIndex:
    exponents = [0] * symbol.dim
    exponents[place] = symbol.order
    return MultiIndex(tuple(exponents))


def regular_polygon(power: int, x: int = 0, y: int = 1) -> PowerSum | None:
    r"""$\Delta^m$ in the plane: $m + 1$ directions at equal angles.

    For unit vectors $v_r$ at angles $\pi r/(m+1)$ all weights are
    $\frac{4^m}{m+1} / \binom{2m}{m}$; here they are stretched so that the numbers become
    simple. `None` where the angles are not of a quadratic field.
    """
    quarter: list[tuple[Exact | int, Exact | int]] = {
        1: [(1, 0), (0, 1)],
        2: [(1, 0), (1, _ROOT3), (1, -_ROOT3)],
        3: [(1, 0), (0, 1), (1, 1), (1, -1)],
        5: [(1, 0), (0, 1), (1, _ROOT3), (1, -_ROOT3), (_ROOT3, 1), (_ROOT3, -1)],
    }.get(power, [])
    weight = Fraction(4**power, (power + 1) * math.comb(2 * power, power))
    return {
        direction({x: a, y: b}): weight / (a * a + b * b) ** power for a, b in quarter
    } or None


def icosahedron(x: int = 0, y: int = 1, z: int = 2) -> PowerSum:
    r"""$\Delta^2$ in space: the 6 axes through the corners of an icosahedron.

    With $v = (0, 1, \pm\varphi)$ and its rotations all weights are
    $1/(6\varphi^2) = (3 - \sqrt 5)/12$.
    """
    weight = 1 / (6 * _GOLDEN**2)
    return {
        direction({i: 1, j: sign * _GOLDEN}): weight
        for i, j in ((x, y), (y, z), (z, x))
        for sign in (1, -1)
    }


def pairs_of_axes(places: tuple[int, ...]) -> PowerSum:
    r"""$\Delta^2 = \frac16 \sum_{i<j} [(e_i \pm e_j)^4] - \frac{d-4}{3} \sum_i e_i^4$."""
    terms: list[tuple[Tangent, Exact]] = [
        (direction({i: 1, j: sign}), Fraction(1, 6))
        for i, j in combinations(places, 2)
        for sign in (1, -1)
    ]
    axis = Fraction(4 - len(places), 3)
    return collect([*terms, *((direction({i: 1}), axis) for i in places)], 4)


def term_by_term(symbol: OperatorSymbol) -> PowerSum:
    """Decomposes each monomial; directions that they share count once."""
    terms: list[tuple[Tangent, Exact]] = []
    for alpha, c in symbol.terms:
        places = _ranked(alpha)
        pattern = _pattern(OperatorSymbol.partial(alpha))
        for vector, weight in decompose(pattern).items():
            moved = direction({places[i]: component for i, component in vector})
            terms.append((moved, weight * c))
    return collect(terms, symbol.order)


def _ranked(alpha: MultiIndex) -> list[int]:
    """Returns the variables of a monomial, by exponent."""
    places = [i for i, e in enumerate(alpha.exponents) if e]
    return sorted(places, key=lambda i: alpha.exponents[i])


def _pattern(monomial: OperatorSymbol) -> OperatorSymbol:
    """Returns the monomial with the same exponents in order, and the factor 1."""
    alpha = next(a for a, _ in monomial.terms)
    exponents = tuple(alpha.exponents[i] for i in _ranked(alpha))
    return OperatorSymbol.partial(MultiIndex(exponents))


def signed_sum(alpha: MultiIndex, factor: Fraction | int = 1) -> PowerSum:
    r"""One monomial, by polarisation; it always exists.

    $$ \xi^\alpha = \frac{1}{2^k k!} \sum_{0\le j\le\alpha} (-1)^{|j|} \binom{\alpha}{j}
       \bigl((\alpha - 2j)\cdot\xi\bigr)^k $$
    """
    order = alpha.order
    common = Fraction(factor) / (2**order * math.factorial(order))
    terms: list[tuple[Tangent, Exact]] = []
    for shift in alpha.below():
        pairs = list(zip(alpha.exponents, shift.exponents, strict=True))
        vector = direction({i: a - 2 * j for i, (a, j) in enumerate(pairs)})
        ways = math.prod(math.comb(a, j) for a, j in pairs)
        if vector:
            terms.append((vector, (-1) ** shift.order * ways * common))
    return collect(terms, order)
