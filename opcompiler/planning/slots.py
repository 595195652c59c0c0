r"""Univariate jets along curves with tangent slots, and what their coefficients hold.

A jet of order $n$ pushes the curve $x + \sum_s v_s\,\varepsilon^s$, $s \le n$, through
the field. By Faà di Bruno's formula the coefficient of $\varepsilon^k$ is

$$ \sum_{\sum_s s\,p_s = k}\ \prod_s \frac{(v_s\cdot\partial)^{p_s}}{p_s!}\; u , $$

one term for each partition of $k$ into slots. With a coordinate $e_i$ in slot $s_i$ this
is $\sum \partial^\beta u/\beta!$ over all $\beta$ with $\sum_i \beta_i s_i = k$.

Coefficients are normalised; the source has $v_s/s!$ for $v_s$ and $k!$ times the
coefficient, and prints the formula with one $1/s!$ too many.

Source: Shi, Hu, Lin, Kawaguchi, Stochastic Taylor Derivative Estimator, NeurIPS 2024,
section 4.1 and appendix F.2.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from opcompiler.algebra.elimination import Echelon
from opcompiler.algebra.inverse_system import divided
from opcompiler.algebra.quadratic import Exact
from opcompiler.algebra.weil import Tangent
from opcompiler.ir import OperatorSymbol

Places = tuple[int, ...]
"""A partial derivative as its arguments in order: (0, 0, 2) is twice the first."""

Row = Mapping[Places, Fraction | int]
r"""A combination of $\partial^\beta/\beta!$, zeros left out."""

_Series = dict[int, Fraction | int]
r"""A polynomial in $\varepsilon$: power to coefficient."""

Term = tuple[int, int]
"""A coefficient: the number of its jet, and its order."""

ReadOff = dict[Term, Fraction]
"""A combination of coefficients."""

Curve = tuple[tuple[int, Tangent], ...]
"""The tangent in each slot, by slot; slots without one are left out."""


@dataclass(frozen=True, slots=True, order=True)
class Jet:
    """A curve, and up to which order it is pushed.

    Attributes:
        curve: the tangents, rational.
        order: the highest coefficient that is carried.
    """

    curve: Curve
    order: int

    @property
    def channels(self) -> int:
        """Number of Taylor channels, the value included."""
        return self.order + 1


Jets = dict[Curve, int]
"""The order to which each curve is pushed; a jet gives all lower orders too."""


def line(tangent: Tangent) -> Curve:
    """Returns the straight line along a tangent."""
    return ((1, tangent),)


def axis(coordinate: int) -> Curve:
    """Returns the straight line along a coordinate."""
    return line(((coordinate, Fraction(1)),))


def one_hot(slots: Mapping[int, int], signs: Mapping[int, int] | None = None) -> Curve:
    """Returns the curve with each coordinate in one slot.

    Args:
        slots: coordinate to slot; coordinates of equal slot share a dense tangent.
        signs: coordinate to component, 1 where left out.
    """
    tangents: dict[int, list[tuple[int, Fraction]]] = defaultdict(list)
    for coordinate, slot in sorted(slots.items()):
        component = Fraction((signs or {}).get(coordinate, 1))
        tangents[slot].append((coordinate, component))
    return tuple((slot, tuple(tangent)) for slot, tangent in sorted(tangents.items()))


def restricted_partitions(
    parts: Sequence[int], total: int
) -> Iterator[tuple[int, ...]]:
    r"""Yields all $\beta \ge 0$ with $\sum_i \beta_i\,p_i = $ `total`.

    A branch is entered only if the parts behind it divide what is left, so that the
    last multiplicity is a division and not a loop.

    Args:
        parts: positive, in any order; equal ones count as different.
        total: not negative.
    """
    divisors = [math.gcd(*parts[i:]) for i in range(len(parts))]

    def extend(place: int, left: int) -> Iterator[tuple[int, ...]]:
        if place == len(parts):
            if not left:
                yield ()
        elif left % divisors[place] == 0:
            last = place == len(parts) - 1
            most = left // parts[place]
            for count in (most,) if last else range(most, -1, -1):
                for rest in extend(place + 1, left - count * parts[place]):
                    yield (count, *rest)

    return extend(0, total)


@lru_cache(maxsize=4096)
def contents(jet: Jet) -> tuple[Row, ...]:
    r"""Returns what each coefficient of a jet holds, from order 0 to the jet's own.

    The factor of $\partial^\beta/\beta!$ is the coefficient of $\varepsilon^k$ in the
    product of the coordinates' series; each product extends one by one factor.
    """
    series: dict[int, _Series] = defaultdict(dict)
    for slot, tangent in jet.curve:
        for coordinate, component in tangent:
            series[coordinate][slot] = _plain(component)
    rows: list[dict[Places, Fraction | int]] = [{} for _ in range(jet.order + 1)]
    stack: list[tuple[Places, _Series]] = [((), {0: 1})]
    while stack:
        monomial, powers = stack.pop()
        for k, c in powers.items():
            rows[k][monomial] = c
        for coordinate, factor in series.items():
            if powers and (not monomial or coordinate >= monomial[-1]):
                longer = (*monomial, coordinate)
                stack.append((longer, _product(powers, factor, jet.order)))
    return tuple(rows)


def _product(powers: _Series, factor: _Series, order: int) -> _Series:
    product: _Series = defaultdict(int)
    for k, c in powers.items():
        for slot, component in factor.items():
            if k + slot <= order:
                product[k + slot] += c * component
    return {k: c for k, c in product.items() if c}


def _plain(component: Exact) -> Fraction | int:
    assert isinstance(component, Fraction), "slots are for rational tangents"
    # Integers are ten times faster than fractions, and nearly all tangents are.
    return int(component) if component.denominator == 1 else component


def canonical(curve: Curve) -> Curve:
    r"""Returns the same curve for a curve and its reverse.

    $\varepsilon \mapsto -\varepsilon$ only changes the signs of odd coefficients.
    """
    odd = next((tangent for slot, tangent in curve if slot % 2), None)
    if odd is None or odd[0][1] > 0:
        return curve
    return tuple(
        (slot, tuple((i, -c) for i, c in tangent) if slot % 2 else tangent)
        for slot, tangent in curve
    )


def moved(jet: Jet, coordinates: Sequence[int]) -> Jet:
    """Renames the coordinates 0, 1, ... of a jet."""
    curve = tuple(
        (slot, tuple(sorted((coordinates[i], c) for i, c in tangent)))
        for slot, tangent in jet.curve
    )
    return Jet(canonical(curve), jet.order)


def merged(jets: Iterable[Jet]) -> Jets:
    """Joins jets along the same curve: the highest order counts."""
    orders: Jets = {}
    for jet in jets:
        curve = canonical(jet.curve)
        orders[curve] = max(jet.order, orders.get(curve, 0))
    return orders


def separate(orders: Jets) -> tuple[Jet, ...]:
    """Returns the jets, the shortest first."""
    jets = (Jet(curve, order) for curve, order in orders.items())
    return tuple(sorted(jets, key=lambda jet: (jet.order, jet.curve)))


def price(jets: Iterable[Jet]) -> tuple[int, int, int, int]:
    """Returns what jets cost, to be compared.

    Channels first. Among equal ones the lower highest order, because the work of a
    nonlinearity and the rounding errors grow with it; then fewer jets, then fewer
    components.
    """
    several = tuple(jets)
    return (
        sum(jet.channels for jet in several),
        max((jet.order for jet in several), default=0),
        len(several),
        sum(len(tangent) for jet in several for _, tangent in jet.curve),
    )


def row(symbol: OperatorSymbol) -> Row:
    r"""Returns a symbol as a combination of $\partial^\beta/\beta!$."""
    return {alpha.slots(): c for alpha, c in divided(symbol).items()}


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
    rows = {
        (k, j): r for j, jet in enumerate(jets) for k, r in enumerate(contents(jet))
    }
    # Partial derivatives that few coefficients hold make the better pivots: unlike jets
    # have few in common, and rows stay sparse.
    counts = Counter(m for r in rows.values() for m in r)
    echelon: Echelon[Places, Term] = Echelon(rank=lambda m: (-counts[m], m))
    for k, j in sorted(rows):
        echelon.add(rows[k, j], {(j, k): 1})
    found: list[ReadOff] = []
    for symbol in symbols:
        rest, negative = echelon.reduce(row(symbol), {})
        if rest:
            return None
        found.append({term: -Fraction(c) for term, c in sorted(negative.items())})
    return found
