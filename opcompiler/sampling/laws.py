r"""Which sums a random direction estimates: laws by their moments.

For a direction v with independent entries

$$ E\, D^k u[v, \dots, v] = \sum_{|\alpha| = k} \frac{k!}{\alpha!}
   \prod_i E\, v_i^{\alpha_i}\; \partial^\alpha u , $$

which depends on the law's moments $E\,v^m$ alone. A law estimates a sum if this is a
multiple of it, as is worked out here in rationals; perhaps up to pure derivatives
$\sum_i \partial_i^k$, which are then sampled beside. Source: STDE, section 4.4, appendix
K; the entries may be complex, since only $D^k u$ at the real point is extended.

In: the name of a law, the orders of a sum's indices, their number d of values. Out: a
factor, and what is added to it:

    fitted("gaussian", (2, 2), d)      factor 1/3: E D^4 u[v, v, v, v] / 3 is Delta^2 u
    fitted("rademacher", (2, 2), d)    factor 1/3, and 2/3 of the sum of d_i^4 u
    fitted("gaussian", (3,), d)        refused: every odd moment is 0

A law is its moments and its sampler, side by side: `register_law` takes one of a user's.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler.edge import public
from opcompiler.errors import OperatorError

Pattern = tuple[int, ...]
r"""Orders per index: (2,) is $\sum_i \partial_i^2$, (2, 2) $\sum_{ij} \partial_i^2
\partial_j^2 = \Delta^2$, (3,) $\sum_i \partial_i^3$."""

Symmetric = dict[Pattern, Fraction]
"""A symmetric polynomial: the coefficient of the monomials of each partition."""


_ROOTS = "roots_of_unity"

Sampler = Callable[[Array, tuple[int, ...], Any], Array]
"""(key, shape (..., d), dtype) -> the entries of directions."""


@dataclass(frozen=True, slots=True)
class Law:
    r"""A law of random directions: what its moments are, and how it is drawn.

    Attributes:
        name: by which `Dense` and a site's directions call it.
        moments: (order, d) -> $E\,(v \cdot \xi)^k$ as a symmetric polynomial.
        sample: the entries, (..., d); of a complex law (2, ..., d), re and im.
        parts: 1 for a real direction, 2 for a complex one.
    """

    name: str
    moments: Callable[[int, int], Symmetric]
    sample: Sampler
    parts: int = 1

    def draw(self, key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
        """Returns the parts of directions, (parts, *shape)."""
        found = self.sample(key, shape, dtype)
        return found if self.parts > 1 else found[None]


def independent(name: str, moment: Callable[[int], Fraction], sample: Sampler) -> Law:
    """Returns the law of independent entries, all with these moments $E v^m$."""

    def moments(order: int, size: int) -> Symmetric:
        return {
            p: _multinomial(p) * math.prod(map(moment, p))
            for p in partitions(order, size)
        }

    return Law(name, moments, sample)


@public('oc.sampling.register_law(independent("mine", moment, sample))')
def register_law(law: Law) -> Law:
    """Makes a law known to `oc.Dense(..., law.name)`; returns it.

    Raises:
        OperatorError: if there is one of that name.
    """
    if law.name in distributions():
        raise OperatorError(
            f"there is a law {law.name!r} already",
            expression=law.name,
            hint="give yours another name",
        )
    LAWS[law.name] = law
    return law


def law_named(name: str, order: int = 0) -> Law:
    """Returns the law of a name; roots of unity are those of the order at hand."""
    if name == _ROOTS:
        # Of order 2 these are 1 and -1, which are real.
        return LAWS["rademacher"] if order == 2 else _roots(order)
    if name.startswith(f"{_ROOTS}_"):
        return _roots(int(name.rsplit("_", 1)[1]))
    return LAWS[name]


def distributions() -> tuple[str, ...]:
    """Returns the names that `Dense` takes."""
    return (*LAWS, _ROOTS)


def _gaussian(m: int) -> Fraction:
    return Fraction(math.prod(range(1, m, 2)) if m % 2 == 0 else 0)


def _rademacher(m: int) -> Fraction:
    return Fraction(1 - m % 2)


def _golden_moment(m: int) -> Fraction:
    r"""Returns moments of the law on $\varphi$, $-1/\varphi$ with mean 0, variance 1.

    Both values are roots of $v^2 = v + 1$, so $E v^m = E v^{m-1} + E v^{m-2}$: Fibonacci
    numbers, from 1 and 0.
    """
    moment, following = Fraction(1), Fraction(0)
    for _ in range(m):
        moment, following = following, moment + following
    return moment


def _golden(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    """The golden ratio with probability 1/(1 + its square), minus its inverse else."""
    golden = (1 + 5**0.5) / 2
    high = jax.random.bernoulli(key, 1 / (1 + golden**2), shape)
    return jnp.where(high, golden, -1 / golden).astype(dtype)


def _sphere_moments(order: int, size: int) -> Symmetric:
    # A Gaussian's length is independent of its direction: its mean power divides out.
    shrink = Fraction(1, math.prod(size + 2 * n for n in range(order // 2)))
    gaussian = LAWS["gaussian"].moments(order, size)
    return {p: shrink * c for p, c in gaussian.items()}


def _sphere(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    v = jax.random.normal(key, shape, dtype)
    return v / jnp.linalg.norm(v, axis=-1, keepdims=True)


def _roots(order: int) -> Law:
    """Returns the law of the roots of unity of an order k: E v^m = 1 if k divides m."""

    def moments(m: int, size: int) -> Symmetric:
        return {
            p: Fraction(all(e % order == 0 for e in p)) * _multinomial(p)
            for p in partitions(m, size)
        }

    def sample(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
        angle = 2 * jnp.pi * jax.random.randint(key, shape, 0, order) / order
        return jnp.stack([jnp.cos(angle), jnp.sin(angle)]).astype(dtype)

    return Law(f"{_ROOTS}_{order}", moments, sample, parts=2)


LAWS: dict[str, Law] = {}
"""The laws by name; roots of unity are a law for each order."""

for _law in (
    independent("gaussian", _gaussian, jax.random.normal),
    independent("rademacher", _rademacher, jax.random.rademacher),
    independent("skewed", _golden_moment, _golden),
    Law("sphere", _sphere_moments, _sphere),
):
    LAWS[_law.name] = _law


@dataclass(frozen=True, slots=True)
class Fit:
    """What directions of a law say about a sum.

    Attributes:
        law: of the directions.
        factor: what the mean derivative along them is multiplied by.
        corrections: sums of other patterns that are added, with their coefficients.
    """

    law: Law
    factor: Fraction
    corrections: tuple[tuple[Pattern, Fraction], ...] = ()


def fitted(distribution: str, pattern: Pattern, size: int) -> Fit:
    """Returns what directions of a distribution say about a sum of a pattern.

    Args:
        distribution: one of `distributions()`.
        pattern: orders per index.
        size: number of values of each index, d.

    Raises:
        OperatorError: if no moment of the distribution gives the sum, with the reason.
    """
    order = sum(pattern)
    law = law_named(distribution, order)
    wanted = power_sums(pattern, size)
    found = _multiple(law.moments(order, size), wanted, order)
    if found is None:
        raise OperatorError(
            f"directions of the law {distribution!r} do not have the moments of this sum: "
            + _reason(distribution, pattern),
            expression=f"orders per index {pattern}",
            hint=_instead(pattern),
        )
    factor, deficit = found
    return Fit(law, factor, (((order,), deficit),) if deficit else ())


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


def _instead(pattern: Pattern) -> str:
    """Says what samples a sum instead."""
    others = ["oc.Sparse(...), which samples any sum"]
    order, size = sum(pattern), len(pattern) + 2
    for name in distributions():
        mean = law_named(name, order).moments(order, size)
        if _multiple(mean, power_sums(pattern, size), order):
            others.append(f"oc.Dense(..., {name!r})")
    return "take " + ", or ".join(others)
