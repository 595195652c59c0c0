"""Plans for operators with templates: their directions may run, their algebra does not.

A push of a template is run once for all tuples of indices: what differs from one tuple to
the next is a family. `Running` says which channels those are, and is what the run uses;
`written_out` writes two tuples out as a plan of its own, so that what runs can be proved.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from opcompiler.algebra import families
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.errors import OperatorError
from opcompiler.ir import Functional, MultiIndex, OperatorSymbol, Site
from opcompiler.planning.joining import joined
from opcompiler.planning.plan import Plan, Push, ReadOut
from opcompiler.planning.strategies import make_plan

_OWN = ("auto", "algebra")


def plan_functionals(
    functionals: Sequence[Functional],
    sites: Sequence[Site],
    strategy: str,
) -> Plan:
    """Plans functionals; those of templates by their algebra, or one reverse pass.

    A template stands for all values of its indices, so one plan, and one proof, does.

    Raises:
        OperatorError: for a strategy that templates do not have.
    """
    labels = tuple(site.labels for site in sites)
    if all(site.plain for site in sites):
        return make_plan(tuple(functionals), labels, strategy)
    if strategy not in _OWN:
        raise OperatorError(
            f"strategy {strategy!r} does not apply to sums over many components",
            hint="leave it out, or write a vector of at most 10 components",
        )
    plans = []
    plain = tuple(f for f in functionals if sites[f.site].plain)
    if plain:
        plans.append(make_plan(plain, labels, strategy))
    for number, site in enumerate(sites):
        here = tuple(f for f in functionals if f.site == number)
        if here and not site.plain:
            name = "reverse" if site.gradient else "algebra"
            plans.append(make_plan(here, labels, name))
    names = dict.fromkeys(plan.strategy for plan in plans)
    choices = tuple(choice for plan in plans for choice in plan.choices)
    return joined(plans, functionals, labels, "+".join(names), choices)


@dataclass(frozen=True)
class Running:
    """What of a push runs with the indices of a template.

    Attributes:
        push: of a template's site.
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
    factors = {k for i, j, _, _ in push.algebra.products for k in (i, j)}
    kept = {
        k
        for r in readouts
        for _, k, _ in r.terms
        if r.functional not in collapsed
        or any(
            c not in found or c in factors or push.algebra.channels[c].degree == 1
            for _, c, _ in r.terms
        )
    }
    read = {k for r in readouts for _, k, _ in r.terms}
    return Running(push, readouts, frozenset(found), frozenset(read - kept))


def written_out(plan: Plan, run: Running, site: Site) -> Plan:
    """Writes two tuples of indices out: what is run, as a plan that can be proved.

    A functional that runs becomes two, in directions of their own; one that is summed
    becomes the sum of these. Two tuples stand for any number: the engine treats the
    directions of a family alike.
    """
    folding = families.written_out(run.algebra(2))
    names = plan.sites[run.push.site]
    moving = [n for n, direction in enumerate(site.directions) if direction.runs]
    copies = {n: (n, len(names) + place) for place, n in enumerate(moving)}
    channel = {place: k for k, place in enumerate(folding.places)}
    seeds = tuple(
        tuple((copies[n][at] if n in copies else n, c) for n, c in run.push.seeds[k])
        for k, at in folding.places
    )

    def symbol(readout: ReadOut, at: int) -> OperatorSymbol:
        terms = {}
        for alpha, c in readout.functional.symbol.terms:
            moved = [0] * (len(names) + len(moving))
            for n, power in enumerate(alpha.exponents):
                moved[copies[n][at] if n in copies else n] = power
            terms[MultiIndex(tuple(moved))] = c
        return OperatorSymbol.of(terms)

    readouts: dict[OperatorSymbol, ReadOut] = {}
    for readout in run.readouts:
        both = [symbol(readout, at) for at in (0, 1)]
        read = {k for _, k, _ in readout.terms}
        wanted = both if read & run.channels else both[:1]
        if run.is_summed(readout):
            wanted = [OperatorSymbol.of({**dict(both[0].terms), **dict(both[1].terms)})]
        for at, one in enumerate(wanted):
            terms = tuple(
                (0, channel.get((k, at), channel[k, 0]), c) for _, k, c in readout.terms
            )
            functional = Functional(readout.functional.field, 0, one)
            readouts[one] = ReadOut(functional, terms)
    labels = (*names, *(f"{names[n]}'" for n in moving))
    push = Push(0, folding.explicit, seeds)
    return Plan("written out", (labels,), (push,), tuple(readouts.values()))
