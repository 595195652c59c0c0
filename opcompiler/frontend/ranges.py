"""Which components of an array an expression reads, by the ranges of its indices.

In: an expression in indices, and the first and the last value of each index. Out: for
every component the least and the greatest place of each axis. A case of a `Piecewise` is
read only where it is taken, so its conditions narrow the ranges:

    x[i + 1],  i in 0...9                                 reads x[1] ... x[10]
    Piecewise((x[i + 1], i < 9), (0, True)),  i in 0...9  reads x[1] ... x[9]

Comparisons of indices are solved for the ends of the ranges. A condition on anything else
narrows nothing: it may hold for every index.

Bounds of sums, and places such as `i + 2`, are read here too.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

import sympy as sp
from sympy.core.relational import Relational

from opcompiler.errors import OperatorError
from opcompiler.frontend.naming import printable

Range = tuple[int, int]
"""The first and the last value, both included."""

Ranges = Mapping[sp.Basic, Range]

_ROUNDS = 3
"""Comparisons of two indices narrow each other; this often."""


def reads(
    expr: sp.Basic, ranges: Ranges
) -> Iterator[tuple[sp.Indexed, tuple[Range | None, ...]]]:
    """Yields components that are read, and per axis their places; `None` if not known."""
    if isinstance(expr, sp.Indexed):
        yield expr, tuple(places(number, ranges) for number in expr.indices)
    elif isinstance(expr, sp.Piecewise):
        for value, when in expr.args:
            yield from reads(when, ranges)
            taken = narrowed(ranges, when)
            if taken is not None:
                yield from reads(value, taken)
            left = narrowed(ranges, sp.Not(when))
            if left is None:
                return
            ranges = left
    elif not isinstance(expr, sp.IndexedBase):
        for argument in expr.args:
            yield from reads(argument, ranges)


def hull(first: Range | None, second: Range | None) -> Range | None:
    """Returns the shortest range that holds two."""
    if first is None or second is None:
        return first or second
    return min(first[0], second[0]), max(first[1], second[1])


def places(number: sp.Expr, ranges: Ranges) -> Range | None:
    """Returns the least and the greatest value of `i + 2`; `None` if it is not known."""
    read = _affine(number, ranges)
    if read is None:
        return None
    least, greatest = _extremes(*read, ranges)
    return math.floor(least), math.ceil(greatest)


def narrowed(ranges: Ranges, when: sp.Basic) -> Ranges | None:
    """Returns the ranges in which a condition may hold; `None` if it cannot hold.

    Exact for comparisons of one index with a number, other than "not equal".
    """
    if when is sp.false:
        return None
    if isinstance(when, sp.And):
        known: Ranges | None = ranges
        for condition in when.args * _ROUNDS:
            known = None if known is None else narrowed(known, condition)
        return known
    if isinstance(when, sp.Or):
        found = [n for c in when.args if (n := narrowed(ranges, c)) is not None]
        if not found:
            return None
        return {i: _over(n[i] for n in found) for i in ranges}
    if isinstance(when, sp.Not) and isinstance(when.args[0], sp.And | sp.Or):
        inner = when.args[0]
        turned = sp.Or if isinstance(inner, sp.And) else sp.And
        return narrowed(ranges, turned(*map(sp.Not, inner.args)))
    return _compared(ranges, when) if isinstance(when, Relational) else ranges


def _over(found: Iterator[Range]) -> Range:
    firsts, lasts = zip(*found, strict=True)
    return min(firsts), max(lasts)


_Affine = tuple[dict[sp.Basic, Fraction], Fraction]
"""Coefficients of indices, and what is added."""


def _affine(expr: sp.Basic, ranges: Ranges) -> _Affine | None:
    """Reads a sum of multiples of indices and a number; `None` for anything else."""
    factors: dict[sp.Basic, Fraction] = {}
    rest = Fraction(0)
    for term, c in sp.expand(expr).as_coefficients_dict().items():
        if not c.is_Rational and not c.is_Float:
            return None
        exact = Fraction(int(c.p), int(c.q)) if c.is_Rational else Fraction(float(c))
        if term == 1:
            rest += exact
        elif term in ranges:
            factors[term] = exact
        else:
            return None
    return factors, rest


def _extremes(
    factors: Mapping[sp.Basic, Fraction], rest: Fraction, ranges: Ranges
) -> tuple[Fraction, Fraction]:
    least = greatest = rest
    for index, c in factors.items():
        ends = sorted(c * end for end in ranges[index])
        least, greatest = least + ends[0], greatest + ends[1]
    return least, greatest


def _compared(ranges: Ranges, when: Relational) -> Ranges | None:
    """Narrows by one comparison."""
    if not isinstance(when.lhs, sp.Expr) or not isinstance(when.rhs, sp.Expr):
        return ranges
    read = _affine(when.lhs - when.rhs, ranges)
    if read is None:
        return ranges
    factors, rest = read
    if isinstance(when, sp.Ne):
        return _unequal(factors, rest, ranges)
    signs = [1] if isinstance(when, sp.Ge | sp.Gt) else [-1]
    if isinstance(when, sp.Eq):
        signs = [1, -1]
    strict = isinstance(when, sp.Gt | sp.Lt)
    known: Ranges | None = ranges
    for sign in signs:
        turned = {index: sign * c for index, c in factors.items()}
        known = None if known is None else _at_least(turned, sign * rest, strict, known)
    return known


def _at_least(
    factors: Mapping[sp.Basic, Fraction], rest: Fraction, strict: bool, ranges: Ranges
) -> Ranges | None:
    """Narrows by sum of factors times indices + rest >= 0, or > 0."""
    _, greatest = _extremes(factors, rest, ranges)
    if greatest < 0 or (strict and greatest == 0):
        return None
    found = dict(ranges)
    for index, c in factors.items():
        first, last = ranges[index]
        others = greatest - max(c * first, c * last)
        end = -others / c  # c i >= -others
        if c > 0:
            first = max(first, math.floor(end) + 1 if strict else math.ceil(end))
        else:
            last = min(last, math.ceil(end) - 1 if strict else math.floor(end))
        if last < first:
            return None
        found[index] = (first, last)
    return found


def _unequal(
    factors: Mapping[sp.Basic, Fraction], rest: Fraction, ranges: Ranges
) -> Ranges | None:
    """Narrows by an end of a range that is excluded."""
    if not factors:
        return None if rest == 0 else ranges
    if len(factors) > 1:
        return None if _extremes(factors, rest, ranges) == (0, 0) else ranges
    ((index, c),) = factors.items()
    first, last = ranges[index]
    excluded = -rest / c
    first, last = first + (excluded == first), last - (excluded == last)
    return None if last < first else {**ranges, index: (first, last)}


# Bounds and places ---------------------------------------------------------------------


def bounds(expr: sp.Expr, lower: sp.Expr, upper: sp.Expr) -> tuple[int, int, int]:
    """Returns the first and the last index of a sum or product, and its sign.

    The sign is -1 for a range that runs backwards. One of no terms ends before it begins.

    Raises:
        OperatorError: if the bounds are no numbers.
    """
    if not (lower.is_Integer and upper.is_Integer):
        raise OperatorError(
            "a sum with symbolic bounds cannot be compiled",
            expression=expr,
            hint=f"put integers for the bounds {lower} and {upper}",
        )
    first, last = int(lower), int(upper)
    return (first, last, 1) if last >= first - 1 else (last + 1, first - 1, -1)


def place_of(number: sp.Expr, indices: Sequence[sp.Symbol]) -> tuple[int | None, int]:
    """Reads `i + 2` as (number of i, 2), `3` as (None, 3).

    Raises:
        OperatorError: for any other expression.
    """
    if number.is_Integer:
        return None, int(number)
    for place, index in enumerate(indices):
        shift = number - index
        if shift.is_Integer:
            return place, int(shift)
    raise OperatorError(
        "a component's index must be a number, or an index of the sum plus a number",
        expression=printable(number),
        hint="write x[i], x[i + 1], x[3]",
    )


def check_component(
    expr: sp.Expr, span: Range, size: int | None, written: str | None = None
) -> None:
    """Refuses components that are not there, of an array whose size may not be known."""
    for number in span:
        if number < 0 or (size is not None and number >= size):
            there = "they are" if size is None else f"there are {size},"
            raise OperatorError(
                f"{written or printable(expr)} reaches number {number}: {there} counted "
                "from 0",
                expression=printable(expr),
                hint="let the sum run from and to where shifted components exist: "
                "oc.Sum(..., (i, 0, d - 2)) for x[i + 1]; of d components the last is "
                "x[d - 1]",
            )


def size_of(base: sp.IndexedBase, axis: int) -> int | None:
    """Returns the declared number of places along an axis, if it is a number."""
    size = base.shape[axis] if base.shape else None
    return int(size) if size is not None and size.is_Integer else None
