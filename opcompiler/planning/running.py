"""What of a push runs with the indices of a sum over components.

At a site in directions that run, a push is run once for all tuples of indices: what
differs from one tuple to the next is a family. `running` says which channels those are:

    running(plan, 0, site).channels          # sum_i u_{ii}: e_i and its square
    running(plan, 0, site, all).summed       # the square, if only its sum over i is wanted

The run uses nothing else; `tests/trust/test_plan_sums.py` writes two tuples of indices out
as a plan of its own, which is proved.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.errors import OperatorError
from opcompiler.ir import Functional, Site
from opcompiler.planning.kinds import Push, ReadOut
from opcompiler.planning.plan import Plan


@dataclass(frozen=True)
class Running:
    """What of a push runs with the indices of a sum.

    Attributes:
        push: of a site whose directions run.
        readouts: those of the push.
        channels: that differ from one tuple of indices to the next.
        summed: of these, the ones whose sum over all tuples is taken as it arises.
    """

    push: Push
    readouts: tuple[ReadOut, ...]
    channels: frozenset[int]
    summed: frozenset[int]

    def algebra(self, count: int) -> TaylorAlgebra:
        """Returns the algebra with families of `count` directions."""
        family = self.channels - self.summed
        channels = tuple(
            replace(channel, count=count) if k in family else channel
            for k, channel in enumerate(self.push.algebra.channels)
        )
        return TaylorAlgebra(channels, self.push.algebra.products)

    def is_summed(self, readout: ReadOut) -> bool:
        """Whether a read-out is the sum over all tuples; else it is one number each."""
        return any(channel in self.summed for _, channel, _ in readout.terms)


def running(
    plan: Plan, number: int, site: Site, collapsed: Collection[Functional] = ()
) -> Running:
    """Says what of a push runs.

    Args:
        plan: holds the push and the read-outs.
        number: of the push.
        site: its site.
        collapsed: functionals of which only the sum with one weight is wanted.

    Raises:
        OperatorError: if a channel starts from several directions that run, or read-outs
            take from several pushes: such plans are not run.
    """
    push = plan.pushes[number]
    readouts = tuple(r for r in plan.readouts if number in {p for p, _, _ in r.terms})
    moving = {n for n, direction in enumerate(site.directions) if direction.runs}
    found = {k for k, seed in enumerate(push.seeds) if moving & {a for a, _ in seed}}
    alone = all(len(push.seeds[k]) == 1 for k in found)
    if not alone or any(p != number for r in readouts for p, _, _ in r.terms):
        raise OperatorError(
            "this is not a plan of a sum over components",
            expression=f"push {number}",
            hint="a channel starts from one direction that runs, and a read-out takes "
            "from one push",
        )
    for i, j, k, _ in sorted(push.algebra.products, key=lambda p: p[2]):
        if {i, j} & found:
            found.add(k)
    # A channel is summed if nobody asks for its members and all that it feeds is summed
    # and takes them one by one, times what does not run.
    summed = {k for k in found if push.algebra.channels[k].degree > 1}
    summed -= {
        k for r in readouts if r.functional not in collapsed for _, k, _ in r.terms
    }
    while True:
        single = {
            factor
            for i, j, k, _ in push.algebra.products
            for factor, other in ((i, j), (j, i))
            if factor in summed and (other in found or k not in summed)
        }
        for readout in readouts:
            channels = {k for _, k, _ in readout.terms}
            if not channels <= summed - single:
                single |= channels & summed
        if not single:
            return Running(push, readouts, frozenset(found), frozenset(summed))
        summed -= single
