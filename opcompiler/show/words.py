r"""What channels carry, and how long things are written short: the words of all views.

In: a push with its algebra and seeds. Out: for every channel the operator it carries,

    $$ c_k = \sum_\beta \frac{[(a - x)^\beta]_k}{\beta!}\,\partial^\beta, $$

computed by pushing the arguments' monomials through the algebra, whatever the strategy; the
labels of channels are only what a strategy calls them. In text it is `∂_xx/2 + ∂_yy/2`. A
plan may hold thousands of channels and terms: views show the first ones and the last, and
say between them how many are left out, `… 46 more`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TypeVar

from opcompiler.algebra.quadratic import Exact
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.ir import argument_name, linear_text, MultiIndex
from opcompiler.planning.plan import Push

T = TypeVar("T")

Operator = tuple[tuple[MultiIndex, Exact], ...]
"""Multi-indices with exact coefficients, in the order of `u_xx`, `u_xy`, `u_yy`."""

GLOSSARY = "https://github.com/opcompiler/opcompiler/blob/main/docs/glossary.md"

NOUNS = {
    "functional": "one number that the equations need: a symbol applied to a field at a "
    "site",
    "push": "one evaluation of a network in an algebra, from seeds to channels",
    "algebra": "a graded Weil algebra: which Taylor coefficients a push carries, and how "
    "they multiply",
    "channel": "one basis element of an algebra, and the array that holds its coefficient",
    "degree": "the order of the derivatives that a channel carries",
    "tangent": "the vector of a seed",
    "seed": "what a degree-one channel of an argument starts from",
    "read-out": "the rational combination of channels that gives a functional",
    "family": "channels that differ only in their direction, held as one array with an "
    "axis of directions",
    "strategy": "how a plan is made from functionals",
}
"""The nouns of the views, in the words of `docs/glossary.md`."""


class Elided(str):
    """Stands for items that are left out; as text `… 46 more`."""

    left_out: int

    def __new__(cls, left_out: int) -> "Elided":
        """Makes the mark for a number of items."""
        made = super().__new__(cls, f"… {left_out} more")
        made.left_out = left_out
        return made


def elide(items: Sequence[T], at_most: int, tail: int = 1) -> list[T | Elided]:
    """Returns the items, the middle replaced if they are more than `at_most`.

    Args:
        items: in order.
        at_most: how many entries the result may have, the mark included.
        tail: how many of the last items are kept.
    """
    if len(items) <= at_most:
        return list(items)
    head, end = at_most - tail - 1, len(items) - tail
    return [*items[:head], Elided(end - head), *items[end:]]


def shortened(text: str, at_most: int) -> str:
    """Returns a text cut to some number of characters, with `…` at the end."""
    return text if len(text) <= at_most else f"{text[: at_most - 1].rstrip()}…"


def sum_text(terms: Iterable[tuple[str, Exact]], at_most: int = 7) -> str:
    """Writes a combination as `linear_text` does; long ones as `a + … 46 more + z`."""
    every = list(terms)
    if len(every) <= at_most:
        return linear_text(every)
    *head, mark, last = elide(every, at_most)
    return f"{linear_text(head)} + {mark} + {linear_text([last])}".replace("+ -", "- ")


def tangent_text(push: Push, channel: int, arguments: Sequence[str]) -> str:
    """Writes the tangent that a channel starts from, `e_x - 2*e_y`, or `0`."""
    seed = push.seeds[channel]
    return linear_text((f"e_{argument_name(arguments, i)}", c) for i, c in seed)


def operator_text(operator: Operator, arguments: Sequence[str]) -> str:
    """Writes an operator as `∂_xx/2 + ∂_yy/2`; long ones lose their middle."""
    return sum_text(
        # The bare field name, where there is no derivative, is the identity.
        (alpha.label("∂", arguments) if alpha.order else "1", c)
        for alpha, c in operator
    )


def channel_operators(push: Push, dim: int) -> tuple[Operator, ...]:
    """Returns the operator that each channel of a push carries.

    Args:
        push: with its seeds.
        dim: number of arguments of its site.
    """
    # Per argument the nilpotent part of what it is set to: channel -> component.
    starts: dict[int, dict[int, Exact]] = defaultdict(dict)
    for channel, tangent in enumerate(push.seeds):
        for argument, component in tangent:
            starts[argument][channel] = component
    found: list[dict[MultiIndex, Exact]] = [{} for _ in push.algebra.channels]
    found[0][MultiIndex.zero(dim)] = Fraction(1)
    # Every monomial that is not zero, once: factors are added in ascending order.
    stack = [((argument,), element) for argument, element in starts.items()]
    while stack:
        places, element = stack.pop()
        alpha = MultiIndex.of(dim, Counter(places))
        for channel, c in element.items():
            found[channel][alpha] = c * Fraction(1, alpha.factorial)
        for argument, factor in starts.items():
            if argument >= places[-1]:
                product = _product(push.algebra, element, factor)
                if product:
                    stack.append(((*places, argument), product))
    return tuple(tuple(sorted(terms.items(), reverse=True)) for terms in found)


def _product(
    algebra: TaylorAlgebra, a: dict[int, Exact], b: dict[int, Exact]
) -> dict[int, Exact]:
    result: dict[int, Exact] = {}
    for i, x in a.items():
        for j, y in b.items():
            for k, c in algebra.table.get((i, j), ()):
                result[k] = result.get(k, Fraction(0)) + c * x * y
    return {k: c for k, c in result.items() if c}
