r"""Which sums a random direction estimates: laws and their moments.

A direction v of a law estimates $\sum \partial^{2} \cdots$ if the moments of order k,
$E\,v_{i_1} \cdots v_{i_k}$, are a multiple of the sum's symbol: then
$c\,E\,D^k u[v, \dots, v]$ is the sum. Source: STDE, section 4.4 and appendix K.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

from opcompiler.core.errors import OperatorError

Pattern = tuple[int, ...]
r"""Orders per index: (2,) is $\sum_i \partial_i^2$, (2, 2) $\sum_{ij} \partial_i^2
\partial_j^2 = \Delta^2$, (3,) $\sum_i \partial_i^3$."""


@dataclass(frozen=True, slots=True)
class Law:
    """How a direction is drawn, and what its derivative is worth.

    Attributes:
        name: of the sampler.
        factor: c.
        corrections: sums of other patterns that are added, with their coefficients.
    """

    name: str
    factor: Fraction
    corrections: tuple[tuple[Pattern, Fraction], ...] = ()


def choose_law(distribution: str, pattern: Pattern, size: int) -> Law:
    """Returns what directions of a distribution say about a sum of a pattern.

    Args:
        distribution: a name.
        pattern: orders per index.
        size: number of values of the index, d.

    Raises:
        OperatorError: if no moment of the distribution gives the sum, with the reason.
    """
    power = len(pattern)
    if all(order == 2 for order in pattern):
        if distribution == "gaussian":
            return Law(distribution, Fraction(1, _double_factorial(power)))
        if distribution == "sphere":
            rising = math.prod(size + 2 * n for n in range(power))
            return Law(distribution, Fraction(rising, _double_factorial(power)))
        if distribution == "rademacher" and power == 1:
            return Law(distribution, Fraction(1))
        if distribution == "rademacher" and power == 2:
            return Law(distribution, Fraction(1, 3), (((4,), Fraction(2, 3)),))
    raise OperatorError(
        f"directions of the law {distribution!r} do not have the moments of this sum",
        expression=f"orders per index {pattern}",
        hint="take oc.Sparse, which samples any sum",
    )


def _double_factorial(power: int) -> int:
    """Returns (2m - 1)!!."""
    return math.prod(range(1, 2 * power, 2))
