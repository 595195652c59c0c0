"""Sums over components: what runs, written out for two tuples of indices, is proved."""

from dataclasses import replace

import pytest
import sympy as sp

import opcompiler as oc
from opcompiler.algebra import families
from opcompiler.ir import Functional, MultiIndex, OperatorSymbol, Site
from opcompiler.planning import Plan, Push, ReadOut, running
from opcompiler.planning.running import Running

X = oc.vector("x", 1000)
i, j = oc.index("i", X), oc.index("j", X)
t = sp.Symbol("t")
u, v = sp.Function("u")(t, X), sp.Function("v")(t, X)

SUMS = {
    "laplacian": oc.Sum(oc.D(u, X[i], 2), i) + oc.D(u, t),
    "weighted": oc.Sum(sp.sin(X[i]) * oc.D(u, X[i], 2) + X[i] ** 2 * oc.D(u, X[i]), i),
    "nonlinear": oc.Sum(oc.D(u, X[i], 2) ** 2 * oc.D(u, X[i]) + oc.D(u, t, X[i]) ** 2, i),
    "mixed": oc.Sum(oc.Sum(X[i] * X[j] * oc.D(u, X[i], X[j]), i), j),
    "biharmonic": oc.Sum(oc.Sum(oc.D(u, X[i], 2, X[j], 2), i), j),
    "time and space": oc.Sum(oc.D(u, t, X[i], 2), i) + oc.D(u, t, 2),
    "third": oc.Sum(oc.D(u, X[i], 3), i) - oc.Sum(oc.D(u, X[i], 2), i),
    "two fields": [oc.Sum(oc.D(u, X[i], 2), i) - v, oc.Sum(oc.D(v, X[i], 4), i) - u],
}  # fmt: skip


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


def pushes(name: str, collapse: bool):
    fields = ["u", "v"] if name == "two fields" else None
    residual = oc.compile(SUMS[name], fields=fields)
    plan = residual.plan
    assert plan.verify()
    for number, push in enumerate(plan.pushes):
        site = residual.operator.sites[push.site]
        if not site.plain and not site.gradient:
            wanted = plan.functionals if collapse else ()
            yield plan, running(plan, number, site, wanted), site


@pytest.mark.parametrize("collapse", [False, True], ids=["each", "summed"])
@pytest.mark.parametrize("name", SUMS)
def test_what_runs_is_proved(name: str, collapse: bool) -> None:
    found = list(pushes(name, collapse))
    assert found
    for plan, run, site in found:
        wide = written_out(plan, run, site)
        assert wide.pushes[0].algebra.size > run.push.algebra.size or not run.channels
        assert wide.verify()
        assert not collapse or run.summed or not run.channels


def test_the_proof_sees_what_runs() -> None:
    """A channel that runs and is taken for one that does not."""
    ((plan, run, site),) = list(pushes("third", False))
    top = max(run.channels)
    wrong = replace(run, channels=run.channels - {top})
    assert not written_out(plan, wrong, site).verify()


def test_a_channel_along_two_running_directions_is_not_run() -> None:
    ((plan, run, site),) = list(pushes("biharmonic", False))
    (first, second) = (k for k in run.channels if run.push.seeds[k])
    seeds = list(run.push.seeds)
    seeds[first] = seeds[first] + seeds[second]
    number = plan.pushes.index(run.push)
    changed = replace(plan, pushes=(
        *plan.pushes[:number], replace(run.push, seeds=tuple(seeds)),
        *plan.pushes[number + 1 :],
    ))  # fmt: skip
    with pytest.raises(oc.OperatorError, match="not a plan of a sum"):
        running(changed, number, site)
