r"""Exact numbers of a cyclotomic field $Q(\zeta_n)$, $\zeta_n = e^{2\pi i/n}$.

A number is a polynomial in $\zeta$ modulo the cyclotomic polynomial $\Phi_n$, of degree
below $\varphi(n)$; that form is unique. Washington, Introduction to Cyclotomic Fields,
chapter 2.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from opcompiler.core.quadratic import Quadratic


@dataclass(frozen=True, slots=True)
class Cyclotomic:
    r"""A number $\sum_j c_j \zeta_n^j$.

    Attributes:
        order: $n$.
        coefficients: $c_j$ for $0 \le j < \varphi(n)$.
    """

    order: int
    coefficients: tuple[Fraction, ...]

    def __add__(self, other: "Cyclotomic | Fraction | int") -> "Cyclotomic":
        pairs = zip(self.coefficients, self._same(other), strict=True)
        return Cyclotomic(self.order, tuple(a + b for a, b in pairs))

    __radd__ = __add__

    def __mul__(self, other: "Cyclotomic | Fraction | int") -> "Cyclotomic":
        right = self._same(other)
        product = [Fraction(0)] * (2 * len(right) - 1)
        for i, a in enumerate(self.coefficients):
            for j, b in enumerate(right):
                product[i + j] += a * b
        return Cyclotomic(self.order, _reduced(product, self.order))

    __rmul__ = __mul__

    def _same(self, other: "Cyclotomic | Fraction | int") -> tuple[Fraction, ...]:
        if isinstance(other, Quadratic):
            raise TypeError(f"{other} is of a quadratic field")
        if not isinstance(other, Cyclotomic):
            rest = (Fraction(0),) * (len(self.coefficients) - 1)
            return (Fraction(other), *rest)
        if other.order != self.order:
            raise ValueError(f"roots of unity of order {self.order} and {other.order}")
        return other.coefficients

    def __bool__(self) -> bool:
        return any(self.coefficients)

    def image(self, exponent: int) -> "Cyclotomic":
        r"""Returns the Galois conjugate under $\zeta \mapsto \zeta^a$."""
        total = [Fraction(0)] * self.order
        for j, c in enumerate(self.coefficients):
            total[j * exponent % self.order] += c
        return Cyclotomic(self.order, _reduced(total, self.order))

    @property
    def conjugate(self) -> "Cyclotomic":
        """The complex conjugate."""
        return self.image(-1)

    @property
    def trace(self) -> Fraction:
        """The sum of all Galois conjugates, a rational number."""
        images = (self.image(a) for a in units(self.order))
        return sum((number.coefficients[0] for number in images), Fraction(0))

    @property
    def rational(self) -> Fraction | None:
        """The number, if it is rational."""
        return None if any(self.coefficients[1:]) else self.coefficients[0]


def zeta(order: int, exponent: int = 1) -> Cyclotomic:
    r"""Returns $\zeta_n^a$."""
    series = [Fraction(0)] * order
    series[exponent % order] = Fraction(1)
    return Cyclotomic(order, _reduced(series, order))


def units(order: int) -> list[int]:
    """Returns the numbers below n that are coprime to it: the Galois group."""
    return [a for a in range(1, order + 1) if math.gcd(a, order) == 1]


@lru_cache(maxsize=64)
def cyclotomic_polynomial(order: int) -> tuple[int, ...]:
    r"""Returns the coefficients of $\Phi_n$, the constant first.

    $x^n - 1$ is the product of $\Phi_d$ over all divisors of n.
    """
    rest = [-1, *[0] * (order - 1), 1]
    for d in range(1, order):
        if order % d == 0:
            rest = _quotient(rest, cyclotomic_polynomial(d))
    return tuple(rest)


def _quotient(dividend: list[int], divisor: tuple[int, ...]) -> list[int]:
    rest, size = list(dividend), len(divisor) - 1
    quotient = [0] * (len(dividend) - size)
    for place in reversed(range(len(quotient))):
        quotient[place] = rest[place + size]
        for i, c in enumerate(divisor):
            rest[place + i] -= quotient[place] * c
    return quotient


def _reduced(series: list[Fraction], order: int) -> tuple[Fraction, ...]:
    """Takes a polynomial in zeta modulo the cyclotomic polynomial."""
    modulus = cyclotomic_polynomial(order)
    degree = len(modulus) - 1
    rest = [*series, *[Fraction(0)] * (degree - len(series))]
    for place in reversed(range(degree, len(rest))):
        lead = rest[place]
        for i, c in enumerate(modulus):
            rest[place - degree + i] -= lead * c
    return tuple(rest[:degree])
