r"""Monomials along complex directions: roots of unity as components.

For exponents $a_0 \le a_1, \dots, a_n$ and $k = |a|$

$$ \xi^a = \frac{a!}{k!\,\prod_{j\ge1}(a_j+1)} \sum_{\zeta_j^{a_j+1} = 1}
   \Bigl(\prod_j \zeta_j\Bigr) \Bigl(\xi_0 + \sum_{j\ge1} \zeta_j \xi_j\Bigr)^k , $$

because the sum keeps the monomials with $\beta_j \equiv a_j \pmod{a_j+1}$ only, and one
larger than $a$ would need $a_j + 1 > a_0$ factors of $\xi_0$ more than there are. The
number of directions, $\prod_{j\ge1}(a_j+1)$, is the complex Waring rank: Carlini,
Catalisano, Geramita, The solution to the Waring problem for monomials, J. Algebra 370
(2012).

No complex arithmetic is needed to evaluate it. The directions of one Galois orbit are
the images of one direction with components in a field $Q(\zeta)$ of as many dimensions
as the orbit has members, and the sum over the orbit is a trace. A jet with coefficients
in that field, written in the basis $1, \zeta, \dots$, has rational seeds and structure
constants: a real Weil algebra with one channel per order and member, so that an orbit
costs as much as its number of real directions would. A conjugate pair is the case of two.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from opcompiler.core.cyclotomic import Cyclotomic, units, zeta
from opcompiler.core.multiindex import MultiIndex
from opcompiler.planning.collapsed_jets import Strand
from opcompiler.planning.power_sums import direction


@dataclass(frozen=True, slots=True)
class Orbit:
    r"""All Galois conjugates of one direction: $\sum_\sigma \sigma(c)\,\sigma(v)^k$.

    Attributes:
        order: $n$ of the field $Q(\zeta_n)$.
        vector: variable and component, zeros left out.
        weight: $c$.
    """

    order: int
    vector: tuple[tuple[int, Cyclotomic], ...]
    weight: Cyclotomic

    @property
    def size(self) -> int:
        """Number of directions, and of channels per order."""
        return len(self.weight.coefficients)

    def members(self) -> list[tuple[tuple[tuple[int, Cyclotomic], ...], Cyclotomic]]:
        """Returns each direction of the orbit with its weight."""
        return [
            (tuple((i, c.image(a)) for i, c in self.vector), self.weight.image(a))
            for a in units(self.order)
        ]

    def strand(self) -> Strand:
        """Returns the jet that carries the whole orbit, in rational numbers."""
        places = range(self.size)
        return Strand(
            seeds=tuple(
                direction({i: c.coefficients[place] for i, c in self.vector})
                for place in places
            ),
            products=tuple(
                tuple(zeta(self.order, a + b).coefficients for b in places)
                for a in places
            ),
        )

    def weights(self) -> tuple[Fraction, ...]:
        r"""Returns what each part of the strand counts: $\mathrm{Tr}(c\,\zeta^j)$."""
        return tuple(
            (self.weight * zeta(self.order, j)).trace for j in range(self.size)
        )


def roots_of_unity(alpha: MultiIndex, factor: Fraction | int = 1) -> list[Orbit]:
    """Writes a monomial, times a factor, as a sum of powers along complex directions.

    Args:
        alpha: of order at least 1.
        factor: a rational factor.
    """
    present = [i for i, e in enumerate(alpha.exponents) if e]
    present.sort(key=lambda i: alpha.exponents[i])
    first, *others = present
    periods = [alpha.exponents[i] + 1 for i in others]
    common = math.lcm(*periods)
    steps = [common // period for period in periods]
    scale = Fraction(factor) * Fraction(
        alpha.factorial, math.factorial(alpha.order) * math.prod(periods)
    )
    orbits: list[Orbit] = []
    seen: set[tuple[int, ...]] = set()
    for turns in product(*map(range, periods)):
        powers = tuple(t * step for t, step in zip(turns, steps, strict=True))
        if powers in seen:
            continue
        seen.update(tuple(a * p % common for p in powers) for a in units(common))
        shared = math.gcd(common, *powers)
        order = common // shared
        vector = [
            (i, zeta(order, p // shared)) for i, p in zip(others, powers, strict=True)
        ]
        weight = zeta(order, sum(powers) // shared) * scale
        orbits.append(Orbit(order, ((first, zeta(order, 0)), *vector), weight))
    return orbits


def count_directions(orbits: list[Orbit]) -> int:
    """Counts directions, which is the cost in real jets of the same order."""
    return sum(orbit.size for orbit in orbits)
