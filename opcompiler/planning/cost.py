"""What a plan costs, in forward passes of the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opcompiler.planning.plan import Plan


@dataclass(frozen=True, slots=True)
class Cost:
    """Forward-pass equivalents.

    Attributes:
        passes: channels; each goes once through every linear layer.
        products: non-zero structure constants, the work of one nonlinearity.
        nested: the passes of nested forward mode, 2^k per partial of order k.
    """

    passes: int
    products: int
    nested: int


def plan_cost(plan: Plan) -> Cost:
    """Counts the channels and products of a plan, and those of nested forward mode.

    Nested forward mode evaluates each distinct partial derivative by itself; the value
    and the lower derivatives that fall out of a higher one are not counted again.
    """
    partials = {
        (functional.site, alpha)
        for functional in plan.functionals
        for alpha, _ in functional.symbol.terms
    }
    covered = {
        (site, below)
        for site, alpha in partials
        for below in alpha.below()
        if below != alpha
    }
    products = sum(
        len(entries)
        for push in plan.pushes
        for entries in push.algebra.entries.values()
    )
    nested = sum(2**alpha.order for site, alpha in partials - covered)
    return Cost(passes=plan.channels, products=products, nested=nested)
