"""Strategy `reverse`: all first derivatives of a field by one reverse pass.

A gradient in many coordinates costs one reverse pass per field, whatever the number of
coordinates, where forward mode carries a channel for each. Derivatives of higher order
at the same site go by their minimal algebra beside it.
"""

from collections.abc import Sequence
from fractions import Fraction

from opcompiler.algebra.weil import Channel, Tangent, TaylorAlgebra
from opcompiler.ir import argument_name, Functional, MultiIndex
from opcompiler.planning.algebra import plan_algebra
from opcompiler.planning.joining import joined
from opcompiler.planning.plan import Plan, Push, ReadOut

Sites = Sequence[tuple[str, ...]]


def plan_reverse(functionals: Sequence[Functional], sites: Sites) -> Plan:
    """Plans a reverse pass per site for orders 0 and 1, an algebra for the others."""
    plans: list[Plan] = []
    for site in dict.fromkeys(f.site for f in functionals):
        here = [f for f in functionals if f.site == site]
        low = [f for f in here if f.symbol.order <= 1]
        high = [f for f in here if f.symbol.order > 1]
        if any(f.symbol.order == 1 for f in low):
            plans.append(_gradient(low, site, sites))
        else:  # a value alone needs no reverse pass
            high = here
        if high:
            plans.append(plan_algebra(high, sites))
    return joined(plans, functionals, tuple(sites), "reverse")


def _gradient(functionals: Sequence[Functional], site: int, sites: Sites) -> Plan:
    arguments = sites[site]
    first = [Channel(1, argument_name(arguments, i)) for i in range(len(arguments))]
    seeds: tuple[Tangent, ...] = (
        (), *(((i, Fraction(1)),) for i in range(len(arguments)))
    )  # fmt: skip
    algebra = TaylorAlgebra((Channel(0, "1"), *first), ())
    readouts = tuple(
        ReadOut(f, tuple((0, _channel(alpha), c) for alpha, c in f.symbol.terms))
        for f in functionals
    )
    push = Push(site, algebra, seeds, "reverse")
    return Plan("reverse", tuple(sites), (push,), readouts)


def _channel(alpha: MultiIndex) -> int:
    return alpha.slots()[0] + 1 if alpha.order else 0
