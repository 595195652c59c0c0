"""Exact numbers as JSON data, and back: `"-1/2"`, `{"a": "0", "b": "1/2", "sqrt": 3}`.

A new kind of exact number gets a case in `number_json` and one in `read_number`.
"""

import math
import re
from fractions import Fraction
from typing import Any

from opcompiler.algebra.quadratic import Exact, Quadratic

_RATIONAL = re.compile(r"(-?[0-9]{1,1000})(?:/([1-9][0-9]{0,999}))?")
_LARGEST_RADICAND = 1_000_000


def number_json(number: Exact | int) -> Any:
    """Returns an exact number as JSON data, `"p/q"` or `{a, b, sqrt}`.

    Raises:
        AssertionError: for a number that is not exact; no plan may hold one.
    """
    if isinstance(number, Quadratic):
        parts = number.rational, number.irrational
        return {"a": str(parts[0]), "b": str(parts[1]), "sqrt": number.radicand}
    assert isinstance(number, Fraction | int), f"not an exact number: {number!r}"
    return str(number)


def read_number(data: Any) -> Exact | None:
    """Returns the number that `number_json` wrote; `None` if it is none."""
    if not isinstance(data, dict):
        return _read_rational(data)
    if data.keys() != {"a", "b", "sqrt"}:
        return None
    a, b, radicand = _read_rational(data["a"]), _read_rational(data["b"]), data["sqrt"]
    # One number, one form: otherwise equality of forms would not be that of numbers.
    if a is None or not b or type(radicand) is not int or not _squarefree(radicand):
        return None
    return Quadratic(a, b, radicand)


def _read_rational(data: Any) -> Fraction | None:
    # Strict on purpose: `Fraction` itself would also take `1e999999999`.
    match = _RATIONAL.fullmatch(data) if isinstance(data, str) else None
    return Fraction(int(match[1]), int(match[2] or 1)) if match else None


def _squarefree(n: int) -> bool:
    if not 2 <= n <= _LARGEST_RADICAND:
        return False
    return all(n % (k * k) for k in range(2, math.isqrt(n) + 1))
