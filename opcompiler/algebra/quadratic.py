r"""Exact numbers of a real quadratic field, $a + b\sqrt n$ with rational $a$, $b$.

Regular polygons and the icosahedron have such coordinates ($\sqrt 3$, the golden ratio),
and the best decompositions of powers of the Laplacian stand on them. A result that is
rational comes back as `Fraction`, so a number has one form only, and equality of forms
is equality of numbers.
"""

import math
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True, eq=True)
class Quadratic:
    r"""An irrational number $a + b\sqrt n$.

    Made by arithmetic or `quadratic`; those return a `Fraction` where $b = 0$.

    Attributes:
        rational: $a$.
        irrational: $b$, not zero.
        radicand: $n$, squarefree and above 1.

    Raises:
        ValueError: for $b = 0$, or where numbers of two different fields meet.
    """

    rational: Fraction
    irrational: Fraction
    radicand: int

    def __post_init__(self) -> None:
        if not self.irrational or self.radicand < 2:
            raise ValueError("a rational number is a Fraction, not a Quadratic")

    def _parts(self, other: "Exact | int") -> tuple[Fraction, Fraction]:
        """Returns another number's parts in this field."""
        if not isinstance(other, Quadratic):
            return Fraction(other), Fraction(0)
        if other.radicand != self.radicand:
            raise ValueError(f"{self} and {other} lie in different fields")
        return other.rational, other.irrational

    def __add__(self, other: "Exact | int") -> "Exact":
        a, b = self._parts(other)
        return quadratic(self.rational + a, self.irrational + b, self.radicand)

    __radd__ = __add__

    def __neg__(self) -> "Quadratic":
        return Quadratic(-self.rational, -self.irrational, self.radicand)

    def __sub__(self, other: "Exact | int") -> "Exact":
        return self + (-other)

    def __rsub__(self, other: "Exact | int") -> "Exact":
        return -self + other

    def __mul__(self, other: "Exact | int") -> "Exact":
        a, b = self._parts(other)
        rational = self.rational * a + self.irrational * b * self.radicand
        irrational = self.rational * b + self.irrational * a
        return quadratic(rational, irrational, self.radicand)

    __rmul__ = __mul__

    @property
    def conjugate(self) -> "Quadratic":
        r"""$a - b\sqrt n$."""
        return Quadratic(self.rational, -self.irrational, self.radicand)

    @property
    def norm(self) -> Fraction:
        r"""$a^2 - n b^2$, never zero."""
        return self.rational**2 - self.radicand * self.irrational**2

    def __truediv__(self, other: "Exact | int") -> "Exact":
        return self * inverse(other)

    def __rtruediv__(self, other: "Exact | int") -> "Exact":
        return inverse(self) * other

    def __pow__(self, power: int) -> "Exact":
        base = self if power >= 0 else inverse(self)
        result: Exact = Fraction(1)
        for _ in range(abs(power)):
            result = result * base
        return result

    def _sign(self) -> int:
        a, b = self.rational, self.irrational
        if a * b >= 0:
            return 1 if a + b > 0 else -1
        larger = a if self.norm > 0 else b
        return 1 if larger > 0 else -1

    def __lt__(self, other: "Exact | int") -> bool:
        difference = self - other
        if isinstance(difference, Quadratic):
            return difference._sign() < 0
        return difference < 0

    def __gt__(self, other: "Exact | int") -> bool:
        return -self < -other

    def __abs__(self) -> "Quadratic":
        return self if self._sign() > 0 else -self

    def __float__(self) -> float:
        root = math.sqrt(self.radicand)
        if self.rational * self.irrational >= 0:
            return float(self.rational) + float(self.irrational) * root
        # a + b sqrt(n) would cancel; its conjugate does not, and the norm is exact.
        return float(self.norm) / (float(self.rational) - float(self.irrational) * root)

    @property
    def denominator(self) -> int:
        """The least positive integer that clears both denominators."""
        return math.lcm(self.rational.denominator, self.irrational.denominator)

    @property
    def numerator(self) -> "Quadratic":
        """The number times its denominator."""
        d = self.denominator
        return Quadratic(self.rational * d, self.irrational * d, self.radicand)

    def __str__(self) -> str:
        top = self.numerator
        b = top.irrational
        size = "" if abs(b) == 1 else f"{abs(b)}*"
        text = f"{size}sqrt({self.radicand})"
        if top.rational:
            text = f"({top.rational} {'-' if b < 0 else '+'} {text})"
        elif b < 0:
            text = f"-{text}"
        return text if self.denominator == 1 else f"{text}/{self.denominator}"


Exact = Fraction | Quadratic
"""A number without rounding."""


def quadratic(a: Fraction | int, b: Fraction | int, radicand: int) -> Exact:
    r"""Returns $a + b\sqrt n$, a `Fraction` where $b = 0$; $n$ must be squarefree."""
    if not b:
        return Fraction(a)
    return Quadratic(Fraction(a), Fraction(b), radicand)


def inverse(number: Exact | int) -> Exact:
    """Returns 1 over a number."""
    if isinstance(number, Quadratic):
        # The conjugate over the norm.
        return number.conjugate * (1 / number.norm)
    return 1 / Fraction(number)
