"""Strategy `auto`: at each evaluation site the cheapest of all the others."""

from collections.abc import Callable, Mapping, Sequence

from opcompiler.core.errors import OperatorError
from opcompiler.core.symbol import Functional
from opcompiler.planning.joining import joined
from opcompiler.planning.plan import Choice, Plan

Strategy = Callable[[Sequence[Functional], Sequence[tuple[str, ...]]], Plan]
"""(functionals, arguments of each site as text) -> plan; pure."""

_SEARCHED = 40
"""Above so many channels of the minimal algebra no other strategy is asked: they carry
more, and looking for their directions and slots would take longer than compiling."""


_HIGHEST = 6
"""Above this order likewise: nested mode alone would write out 2^order channels."""


def plan_auto(
    functionals: Sequence[Functional],
    sites: Sequence[tuple[str, ...]],
    strategies: Mapping[str, Strategy],
) -> Plan:
    """Plans each site by every strategy, and joins the cheapest into one plan.

    Args:
        functionals: what is wanted.
        sites: the arguments of each site, as text.
        strategies: by name; `algebra`, the first choice among equals, among them.
    """
    plans: list[Plan] = []
    choices: list[Choice] = []
    for site in dict.fromkeys(f.site for f in functionals):
        here = tuple(f for f in functionals if f.site == site)
        asked = _candidates(here, sites, strategies)
        best = min(asked, key=lambda name: (asked[name].cost.time, name != "algebra"))
        plans.append(asked[best])
        predicted = tuple((name, plan.cost.time) for name, plan in asked.items())
        choices.append(Choice(site, best, predicted))
    taken = dict.fromkeys(choice.strategy for choice in choices)
    name = "+".join(taken) or "algebra"
    return joined(plans, functionals, tuple(sites), name, tuple(choices))


def _candidates(
    functionals: tuple[Functional, ...],
    sites: Sequence[tuple[str, ...]],
    strategies: Mapping[str, Strategy],
) -> dict[str, Plan]:
    least = strategies["algebra"](functionals, sites)
    order = max(f.symbol.order for f in functionals)
    if least.channels > _SEARCHED or order > _HIGHEST:
        return {"algebra": least}
    plans = {"algebra": least}
    for name, strategy in strategies.items():
        if name not in plans:
            try:
                plans[name] = strategy(functionals, sites)
            except OperatorError:  # it refuses; the others remain
                continue
    return plans
