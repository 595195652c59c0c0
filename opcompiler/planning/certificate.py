r"""The proof that a plan is right.

A push maps the i-th argument to $a_i = x_i + \sum_b s_{b,i}\,\varepsilon_b$. If the
algebra is commutative and associative, a smooth function's value at $a$ is its Taylor
polynomial there, whatever program computes it; so it is enough to push monomials:

$$ \sum_b r_b \bigl[(a - x)^\beta\bigr]_b = p(\partial)\,\xi^\beta\big|_0
   = \beta!\; p_\beta \qquad\text{for all } \beta . $$

Only $|\beta|$ up to the algebra's order can be non-zero on the left. Numbers are rational
or of a quadratic field, and are compared exactly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING

from opcompiler.core.algebra import dual_numbers, TaylorAlgebra
from opcompiler.core.quadratic import Exact, Quadratic

if TYPE_CHECKING:
    from opcompiler.planning.plan import Plan, Push, ReadOut

Element = dict[int, Exact]
"""The nilpotent part of an algebra element: channel to coefficient, zeros left out."""

_EXACT = (Fraction, Quadratic, int)

Places = tuple[int, ...]
"""A monomial as its factors in order: (0, 0, 2) is the first squared times the third."""


def check_plan(plan: Plan) -> bool:
    """Returns whether every read-out equals its functional, exactly."""
    numbers = chain(
        (c for readout in plan.readouts for _, _, c in readout.terms),
        (c for push in plan.pushes for tangent in push.seeds for _, c in tangent),
        (c for push in plan.pushes for *_, c in push.algebra.products),
    )
    if not all(type(number) in _EXACT for number in numbers):
        return False
    if not all(is_associative(push.algebra) for push in plan.pushes):
        return False
    if not all(_runs_as_it_says(plan, number) for number in range(len(plan.pushes))):
        return False
    reached = [dict(_monomials(push)) for push in plan.pushes]
    return all(_check_readout(plan, readout, reached) for readout in plan.readouts)


def _runs_as_it_says(plan: Plan, number: int) -> bool:
    """Whether a push is of a form that the way it is run gives.

    Our engine runs any algebra; a reverse pass gives values and first derivatives; nested
    `jax.jvp` is in dual numbers, and only the last channel is read.
    """
    push = plan.pushes[number]
    if push.kind == "reverse":
        return push.algebra.order <= 1
    if push.kind != "nested":
        return push.kind == "taylor"
    order = push.algebra.order
    last = push.algebra.size - 1
    read = {k for readout in plan.readouts for p, k, _ in readout.terms if p == number}
    return (
        push.algebra.products == dual_numbers(order).products
        and not any(push.seeds[order + 1 :])
        and read <= {last}
    )


def _check_readout(
    plan: Plan, readout: ReadOut, reached: list[dict[Places, Element]]
) -> bool:
    if any(plan.pushes[p].site != readout.functional.site for p, _, _ in readout.terms):
        return False
    found: dict[Places, Exact] = defaultdict(Fraction)
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
    times = Multiplication(push.algebra)
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
                ((*monomial, argument), times(element, factor))
                for argument, factor in starts.items()
                if argument >= monomial[-1]
            )


class Multiplication:
    """The product of nilpotent elements, exactly.

    Args:
        algebra: without families.
    """

    def __init__(self, algebra: TaylorAlgebra) -> None:
        self.table = algebra.table
        self.partners: dict[int, list[int]] = defaultdict(list)
        for i, j in self.table:
            self.partners[i].append(j)

    def __call__(self, a: Element, b: Element) -> Element:
        """Returns the product of two elements."""
        result: Element = defaultdict(Fraction)
        for i, x in a.items():
            for j in self.partners.get(i, ()):
                if j in b:
                    for k, c in self.table[i, j]:
                        result[k] += c * x * b[j]
        return {k: c for k, c in result.items() if c}


def is_associative(algebra: TaylorAlgebra) -> bool:
    """Returns whether the algebra is graded and associative; it commutes by form."""
    degree = [channel.degree for channel in algebra.channels]
    if any(degree[i] + degree[j] != degree[k] for i, j, k, _ in algebra.products):
        return False
    times = Multiplication(algebra)
    one = [{k: Fraction(1)} for k in range(algebra.size)]
    for (i, j), terms in times.table.items():
        # For all other k both sides vanish: nothing on them multiplies.
        reached = {k for middle, _ in terms for k in times.partners.get(middle, ())}
        for k in reached.union(times.partners[j]):
            left = times(times(one[i], one[j]), one[k])
            if left != times(one[i], times(one[j], one[k])):
                return False
    return True
