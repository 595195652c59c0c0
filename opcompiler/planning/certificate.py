r"""The proof that a plan is right.

A push maps the i-th argument to $a_i = x_i + \sum_b s_{b,i}\,\varepsilon_b$. If the
algebra is commutative and associative, a smooth function's value at $a$ is its Taylor
polynomial there, whatever program computes it; so it is enough to push monomials:

$$ \sum_b r_b \bigl[(a - x)^\beta\bigr]_b = p(\partial)\,\xi^\beta\big|_0
   = \beta!\; p_\beta \qquad\text{for all } \beta . $$

Only $|\beta|$ up to the algebra's order can be non-zero on the left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from opcompiler.core.algebra import TaylorAlgebra

if TYPE_CHECKING:
    from opcompiler.planning.plan import Plan, Push, ReadOut

Element = dict[int, Fraction]
"""The nilpotent part of an algebra element: channel to coefficient, zeros left out."""

Places = tuple[int, ...]
"""A monomial as its factors in order: (0, 0, 2) is the first squared times the third."""


def check_plan(plan: Plan) -> bool:
    """Returns whether every read-out equals its functional, exactly."""
    if not all(_is_exact(readout) for readout in plan.readouts):
        return False
    if not all(is_associative(push.algebra) for push in plan.pushes):
        return False
    reached = [dict(_monomials(push)) for push in plan.pushes]
    return all(_check_readout(plan, readout, reached) for readout in plan.readouts)


def _is_exact(readout: ReadOut) -> bool:
    return all(type(c) is Fraction for _, _, c in readout.terms)


def _check_readout(
    plan: Plan, readout: ReadOut, reached: list[dict[Places, Element]]
) -> bool:
    if any(plan.pushes[p].site != readout.functional.site for p, _, _ in readout.terms):
        return False
    found: dict[Places, Fraction] = defaultdict(Fraction)
    for push, channel, c in readout.terms:
        if channel == 0:
            found[()] += c
        for monomial, element in reached[push].items():
            if channel in element:
                found[monomial] += c * element[channel]
    wanted = {
        alpha.slots(): c * alpha.factorial
        for alpha, c in readout.functional.symbol.terms
    }
    return {m: c for m, c in found.items() if c} == wanted


def _monomials(push: Push) -> Iterator[tuple[Places, Element]]:
    """Yields every non-vanishing monomial of the arguments' nilpotent parts."""
    starts: dict[int, Element] = defaultdict(dict)
    for channel, tangent in enumerate(push.seeds):
        for argument, component in tangent:
            starts[argument][channel] = component
    stack: list[tuple[Places, Element]] = [
        ((argument,), element) for argument, element in starts.items()
    ]
    while stack:
        monomial, element = stack.pop()
        if element:
            yield monomial, element
            stack.extend(
                ((*monomial, argument), multiply(push.algebra, element, factor))
                for argument, factor in starts.items()
                if argument >= monomial[-1]
            )


def multiply(algebra: TaylorAlgebra, a: Element, b: Element) -> Element:
    """Returns the product of two nilpotent elements, exactly."""
    table = algebra.table
    result: Element = defaultdict(Fraction)
    for i, x in a.items():
        for j, y in b.items():
            for k, c in table.get((i, j), ()):
                result[k] += c * x * y
    return {k: c for k, c in result.items() if c}


def is_associative(algebra: TaylorAlgebra) -> bool:
    """Returns whether the algebra is graded and associative; it commutes by form."""
    degree = [channel.degree for channel in algebra.channels]
    if any(degree[i] + degree[j] != degree[k] for i, j, k, _ in algebra.products):
        return False
    one = Fraction(1)
    for i, j in algebra.table:
        for k in range(1, algebra.size):
            if degree[i] + degree[j] + degree[k] > algebra.order:
                break
            left = multiply(algebra, multiply(algebra, {i: one}, {j: one}), {k: one})
            right = multiply(algebra, {i: one}, multiply(algebra, {j: one}, {k: one}))
            if left != right:
                return False
    return True
