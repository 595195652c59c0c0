r"""Which sums a random direction estimates: laws by their moments.

For a direction v with independent entries

$$ E\, D^k u[v, \dots, v] = \sum_{|\alpha| = k} \frac{k!}{\alpha!}
   \prod_i E\, v_i^{\alpha_i}\; \partial^\alpha u , $$

which depends on the law's moments $E\,v^m$ alone. A law estimates a sum if this is a
multiple of it, as is worked out here in rationals; perhaps up to pure derivatives
$\sum_i \partial_i^k$, which are then sampled beside. Source: STDE, section 4.4, appendix
K; the entries may be complex, since only $D^k u$ at the real point is extended.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from opcompiler.errors import OperatorError

Pattern = tuple[int, ...]
r"""Orders per index: (2,) is $\sum_i \partial_i^2$, (2, 2) $\sum_{ij} \partial_i^2
\partial_j^2 = \Delta^2$, (3,) $\sum_i \partial_i^3$."""

Symmetric = dict[Pattern, Fraction]
"""A symmetric polynomial: the coefficient of the monomials of each partition."""


@dataclass(frozen=True, slots=True)
class Law:
    """How a direction is drawn, and what its derivative is worth.

    Attributes:
        name: of the sampler.
        factor: what the mean derivative is multiplied by.
        corrections: sums of other patterns that are added, with their coefficients.
        parts: 1 for a real direction, 2 for a complex one.
    """

    name: str
    factor: Fraction
    corrections: tuple[tuple[Pattern, Fraction], ...] = ()
    parts: int = 1


def _gaussian(m: int) -> Fraction:
    return Fraction(math.prod(range(1, m, 2)) if m % 2 == 0 else 0)


def _rademacher(m: int) -> Fraction:
    return Fraction(1 - m % 2)


_TWO_POINTS: dict[int, Fraction] = {0: Fraction(1), 1: Fraction(0), 2: Fraction(1)}


def _skewed(m: int) -> Fraction:
    r"""Returns moments of the law on $\varphi$, $-1/\varphi$ with mean 0, variance 1.

    Both values are roots of $v^2 = v + 1$, so $E v^m = E v^{m-1} + E v^{m-2}$.
    """
    for n in range(3, m + 1):
        _TWO_POINTS[n] = _TWO_POINTS[n - 1] + _TWO_POINTS[n - 2]
    return _TWO_POINTS[m]


MOMENTS: dict[str, Callable[[int], Fraction]] = {
    "gaussian": _gaussian,
    "rademacher": _rademacher,
    "skewed": _skewed,
}
"""Moments of the laws with independent real entries."""

DISTRIBUTIONS = (*MOMENTS, "sphere", "roots_of_unity")


def choose_law(distribution: str, pattern: Pattern, size: int) -> Law:
    """Returns what directions of a distribution say about a sum of a pattern.

    Args:
        distribution: one of `DISTRIBUTIONS`.
        pattern: orders per index.
        size: number of values of each index, d.

    Raises:
        OperatorError: if no moment of the distribution gives the sum, with the reason.
    """
    mean = moments(distribution, sum(pattern), size)
    wanted = power_sums(pattern, size)
    found = _multiple(mean, wanted, sum(pattern))
    if found is None:
        raise OperatorError(
            f"directions of the law {distribution!r} do not have the moments of this sum: "
            + _reason(distribution, pattern),
            expression=f"orders per index {pattern}",
            hint=_way_out(pattern),
        )
    factor, deficit = found
    corrections = (((sum(pattern),), deficit),) if deficit else ()
    if distribution != "roots_of_unity":
        return Law(distribution, factor, corrections)
    order = sum(pattern)
    if order == 2:  # 1 and -1
        return Law("rademacher", factor, corrections)
    return Law(f"roots_of_unity_{order}", factor, corrections, parts=2)


def moments(distribution: str, order: int, size: int) -> Symmetric:
    r"""Returns $E\,(v \cdot \xi)^k$ as a symmetric polynomial in $\xi_1 \dots \xi_d$."""
    if distribution == "roots_of_unity":
        # Of the k-th roots, for the order k at hand: E v^m = 1 if k divides m.
        return {p: Fraction(p == (order,)) for p in partitions(order, size)}
    entries = MOMENTS["gaussian" if distribution == "sphere" else distribution]
    shrink = Fraction(1)
    if distribution == "sphere":  # a Gaussian's length is independent of its direction
        shrink = Fraction(1, math.prod(size + 2 * n for n in range(order // 2)))
    return {
        p: shrink * _multinomial(p) * math.prod(map(entries, p))
        for p in partitions(order, size)
    }


def power_sums(pattern: Pattern, size: int) -> Symmetric:
    r"""Returns $\prod_s \sum_i \xi_i^{p_s}$ as a symmetric polynomial."""
    order = sum(pattern)
    found: Symmetric = dict.fromkeys(partitions(order, size), Fraction(0))
    for partition in found:
        # Ways to give each factor one variable so that this monomial comes out.
        for places in product(range(len(partition)), repeat=len(pattern)):
            exponents: Counter[int] = Counter()
            for place, power in zip(places, pattern, strict=True):
                exponents[place] += power
            if all(exponents[n] == e for n, e in enumerate(partition)):
                found[partition] += 1
    return found


def partitions(order: int, most: int, largest: int | None = None) -> Iterator[Pattern]:
    """Yields the partitions of a number into at most `most` parts, descending."""
    if order == 0:
        yield ()
    elif most > 0:
        for first in range(min(order, largest or order), 0, -1):
            for rest in partitions(order - first, most - 1, first):
                yield (first, *rest)


def _multinomial(partition: Pattern) -> Fraction:
    below = math.prod(map(math.factorial, partition))
    return Fraction(math.factorial(sum(partition)), below)


def _multiple(
    mean: Symmetric, wanted: Symmetric, order: int
) -> tuple[Fraction, Fraction] | None:
    """Returns factor and deficit: wanted = factor * mean + deficit * pure powers."""
    ratios = {
        wanted[p] / mean[p] for p in mean if mean[p] and (len(p) > 1 or len(mean) == 1)
    }
    if any(wanted[p] and not mean[p] for p in mean if len(p) > 1) or len(ratios) > 1:
        return None
    if not ratios or ratios == {0}:
        # Nothing mixed is wanted: the pure powers must be all there is.
        pure = all(not mean[p] for p in mean if len(p) > 1)
        return (
            (wanted[order,] / mean[order,], Fraction(0))
            if pure and mean[order,]
            else None
        )
    (factor,) = ratios
    return factor, wanted[order,] - factor * mean[order,]


def _reason(distribution: str, pattern: Pattern) -> str:
    order = sum(pattern)
    if order % 2 and distribution in ("gaussian", "rademacher", "sphere"):
        return "the law is symmetric, so every derivative of odd order has the mean 0"
    if len(pattern) == 1 and order > 2:
        return (
            f"one real direction used {order} times has E v_i^2 v_j^2 > 0 and holds mixed "
            "derivatives too"
        )
    return "it holds other derivatives than are wanted"


def _way_out(pattern: Pattern) -> str:
    others = ["oc.Sparse(...), which samples any sum"]
    for name in DISTRIBUTIONS:
        mean = moments(name, sum(pattern), len(pattern) + 2)
        if _multiple(mean, power_sums(pattern, len(pattern) + 2), sum(pattern)):
            others.append(f"oc.Dense(..., {name!r})")
    return "take " + ", or ".join(others)
