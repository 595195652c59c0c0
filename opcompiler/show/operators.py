r"""Which operator a channel carries: $\sum_\beta [(a-x)^\beta]_k/\beta!\,\partial^\beta$.

Labels are what a strategy calls its channels; this is what they are, computed by pushing
the arguments' monomials through the algebra, whatever the strategy.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from fractions import Fraction

from opcompiler.algebra.quadratic import Exact
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.ir import MultiIndex
from opcompiler.planning.plan import Push
from opcompiler.show.elision import sum_text

Operator = tuple[tuple[MultiIndex, Exact], ...]
"""Multi-indices with exact coefficients, in the order of `u_xx`, `u_xy`, `u_yy`."""

_Element = dict[int, Exact]


def channel_operators(push: Push, dim: int) -> tuple[Operator, ...]:
    """Returns the operator that each channel of a push carries.

    Args:
        push: with its seeds.
        dim: number of arguments of its site.
    """
    starts: dict[int, _Element] = defaultdict(dict)
    for channel, tangent in enumerate(push.seeds):
        for argument, component in tangent:
            starts[argument][channel] = component
    found: list[dict[MultiIndex, Exact]] = [{} for _ in push.algebra.channels]
    found[0][MultiIndex.zero(dim)] = Fraction(1)
    stack = [((argument,), element) for argument, element in starts.items()]
    while stack:
        places, element = stack.pop()
        counts = Counter(places)
        alpha = MultiIndex.of(dim, counts)
        for channel, c in element.items():
            found[channel][alpha] = c * Fraction(1, alpha.factorial)
        for argument, factor in starts.items():
            if argument >= places[-1]:
                product = _multiply(push.algebra, element, factor)
                if product:
                    stack.append(((*places, argument), product))
    return tuple(tuple(sorted(terms.items(), reverse=True)) for terms in found)


def _multiply(algebra: TaylorAlgebra, a: _Element, b: _Element) -> _Element:
    result: _Element = {}
    for i, x in a.items():
        for j, y in b.items():
            for k, c in algebra.table.get((i, j), ()):
                result[k] = result.get(k, Fraction(0)) + c * x * y
    return {k: c for k, c in result.items() if c}


def operator_text(operator: Operator, arguments: Sequence[str]) -> str:
    """Writes an operator as `∂_xx/2 + ∂_yy/2`; long ones lose their middle."""
    return sum_text(
        # The bare field name, where there is no derivative, is the identity.
        (alpha.label("∂", arguments) if alpha.order else "1", c)
        for alpha, c in operator
    )
