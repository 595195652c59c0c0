"""Strategy `auto`: at each evaluation site the cheapest plan of those that can be."""

from collections.abc import Callable, Iterator, Sequence

from opcompiler.ir import Functional
from opcompiler.planning.algebra import plan_algebra
from opcompiler.planning.cost import DEVICES
from opcompiler.planning.joining import joined
from opcompiler.planning.plan import Choice, Plan
from opcompiler.planning.reverse import plan_reverse

Strategy = Callable[[Sequence[Functional], Sequence[tuple[str, ...]]], Plan]
"""(functionals, arguments of each site as text) -> plan; pure."""


def plan_auto(
    functionals: Sequence[Functional], sites: Sequence[tuple[str, ...]]
) -> Plan:
    """Plans each site by the strategies that can win, and joins the cheapest plans.

    No Taylor-type scheme carries fewer channels than the minimal algebra; a reverse pass
    is none. So these two are planned; the others only for people who want to compare.

    Args:
        functionals: what is wanted.
        sites: the arguments of each site, as text.
    """
    plans: list[Plan] = []
    choices: list[Choice] = []
    for site in dict.fromkeys(f.site for f in functionals):
        here = tuple(f for f in functionals if f.site == site)
        asked = dict(_candidates(here, sites))
        best = min(asked, key=lambda name: (asked[name].cost.time, name != "algebra"))
        plans.append(asked[best])
        predicted = tuple((name, plan.cost.time) for name, plan in asked.items())
        choices.append(Choice(site, best, predicted))
    taken = dict.fromkeys(choice.strategy for choice in choices)
    name = "+".join(taken) or "algebra"
    return joined(plans, functionals, tuple(sites), name, tuple(choices))


def _candidates(
    functionals: tuple[Functional, ...], sites: Sequence[tuple[str, ...]]
) -> Iterator[tuple[str, Plan]]:
    yield "algebra", plan_algebra(functionals, sites)
    # A reverse pass per field stands in for the channels of first derivatives. These
    # are at most as many as first derivatives are asked for: the bound on what it saves.
    slopes = [f for f in functionals if f.symbol.order == 1]
    saved = len({f.symbol for f in slopes})
    if saved > DEVICES["cpu"].reverse * len({f.field for f in slopes}):
        yield "reverse", plan_reverse(functionals, sites)
