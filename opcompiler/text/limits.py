"""Bounds that keep hostile text from costing time or memory.

They are far above what an operator needs; SymPy has none of its own (`9**9**9**9` is
computed at once, and fills the memory).
"""

from collections.abc import Sequence

import sympy as sp
from sympy.core.function import AppliedUndef

from opcompiler.text.mistakes import MeaningError

LONGEST_TEXT = 60_000
"""Characters of a text."""

MOST_TOKENS = 20_000
LONGEST_NAME = 100
"""Characters of a name with its subscript, and of a row of primes."""

LONGEST_NUMBER = 1_300
"""Characters of a numeral; those of the longest number within `MOST_BITS`."""

LARGEST_EXPONENT = 1_000
"""Of powers and of ten in numerals; the numerals' own bound is 400."""

LARGEST_DECIMAL_EXPONENT = 400
MOST_SLOPES = 2_048
"""Derivatives that one vector operator writes out."""

LONGEST_SUM = 1_000
"""Terms of a sum that is written out."""

MOST_TERMS = 25_000
"""Nodes of all equations together, after definitions and sums are written out."""

MOST_COMPONENTS = 16
"""Components of a vector coordinate that become symbols of their own."""

MOST_BITS = 4_096
"""Of the numerator or the denominator of a rational number."""

LARGEST_ARGUMENT = 700
"""Modulus of a constant handed to a function; exp(710) is beyond a double."""


def checked(value: sp.Expr) -> sp.Expr:
    """Returns `value` if it is defined and its numbers are of a reasonable size."""
    # What went in was checked, so what is undefined stands at the top.
    if any(part in (sp.nan, sp.zoo) for part in (value, *value.args)):
        raise MeaningError(
            "this is undefined", "look for a division by zero or infinity - infinity"
        )
    for number in (value.as_coeff_Mul(rational=True)[0], value.as_coeff_Add()[0]):
        if isinstance(number, sp.Rational) and _bits(number) > MOST_BITS:
            raise MeaningError(
                "this number is too large", "numbers go up to about 1e308"
            )
    return value


def total(terms: Sequence[sp.Expr]) -> sp.Expr:
    """Returns the sum; numbers that multiply the same thing are bounded as they add."""
    numbers: dict[sp.Expr, sp.Expr] = {}
    for value in terms:
        for term in sp.Add.make_args(value):
            number, rest = term.as_coeff_Mul(rational=True)
            numbers[rest] = checked(sp.Add(numbers.get(rest, sp.S.Zero), number))
    return checked(sp.Add(*terms))


def product(left: sp.Expr, right: sp.Expr) -> sp.Expr:
    """Returns `left * right`."""
    return checked(sp.Mul(left, right))


def quotient(above: sp.Expr, below: sp.Expr) -> sp.Expr:
    """Returns `above / below`."""
    return product(above, power(below, sp.S.NegativeOne))


def power(base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
    """Returns `base ** exponent`, whose numbers SymPy computes at once."""
    if isinstance(exponent, sp.Rational):
        size = max(abs(int(exponent.p)), int(exponent.q))
        inner = base.exp if isinstance(base, sp.Pow) else sp.S.One
        if isinstance(inner, sp.Rational):
            size *= max(abs(int(inner.p)), int(inner.q))
        number = base.as_coeff_Mul(rational=True)[0]
        bits = _bits(number) if isinstance(number, sp.Rational) else 1
        if size > LARGEST_EXPONENT or bits * abs(float(exponent)) > MOST_BITS:
            raise _exponent_error()
        if base.is_number and not base.is_Rational and size > 64:
            raise _exponent_error()
    elif exponent.is_number and not abs(complex(exponent.evalf())) <= LARGEST_EXPONENT:
        raise _exponent_error()
    return checked(sp.Pow(base, exponent))


def _exponent_error() -> MeaningError:
    return MeaningError(
        "this power is too large",
        f"exponents go up to {LARGEST_EXPONENT}, constants to about 1e308",
    )


def check_argument(value: sp.Expr) -> None:
    """Refuses constants on which a function would overflow, or take SymPy long."""
    if value.free_symbols or not value.is_number:
        return
    if not abs(complex(value.evalf(15))) <= LARGEST_ARGUMENT:
        raise MeaningError(
            "this constant is too large for a function",
            f"constants handed to functions go up to {LARGEST_ARGUMENT}",
        )


def size(expr: sp.Basic, most: int = MOST_TERMS) -> int:
    """Returns the number of nodes, counting what is shared each time; stops at `most`.

    A field at its coordinates is one node, however many they are, and so is `∂_x`.
    """
    count, pending = 0, [expr]
    while pending and count <= most:
        count += 1
        node = pending.pop()
        if isinstance(node, AppliedUndef):
            pending += (part for part in node.args if not part.is_Symbol)
        elif isinstance(node, sp.Derivative):
            pending.append(node.expr)
        else:
            pending += node.args
    return count


def _bits(number: sp.Rational) -> int:
    return max(int(number.p).bit_length(), int(number.q).bit_length())
