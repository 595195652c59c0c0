"""Strategies side by side: what each would cost for the same functionals."""

from collections.abc import Sequence
from dataclasses import dataclass

from opcompiler.errors import OperatorError
from opcompiler.ir import Functional
from opcompiler.planning import strategies
from opcompiler.planning.plan import Choice, Plan
from opcompiler.visible import plain_text, simple_table

_CHANNELS, _ORDER = 40, 6
"""Beyond these a table does not plan the strategies that cannot win: looking for their
directions and slots takes longer than anybody waits for a line of text."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a strategy makes of some functionals.

    Attributes:
        strategy: its name.
        plan: its plan; `None` if it refuses.
        reason: why it refuses; empty if it does not.
        chosen: whether `auto` takes it.
    """

    strategy: str
    plan: Plan | None
    reason: str = ""
    chosen: bool = False


def compare_strategies(
    functionals: Sequence[Functional], sites: Sequence[tuple[str, ...]]
) -> tuple[Candidate, ...]:
    """Returns what each strategy plans, or why it refuses, in the order of the table."""
    wanted, where = tuple(functionals), tuple(sites)
    taken = {choice.strategy for choice in strategies.make_plan(wanted, where).choices}
    candidates: list[Candidate] = []
    for name in strategies.STRATEGIES:
        try:
            plan = strategies.make_plan(wanted, where, name)
        except OperatorError as refusal:
            reason = f"{refusal.problem}; {refusal.hint}"
            candidates.append(Candidate(name, None, reason))
        else:
            candidates.append(Candidate(name, plan, chosen=name in taken))
    return tuple(candidates)


def predicted_costs(plan: Plan, choice: Choice) -> dict[str, float]:
    """Returns what each strategy would cost where `auto` chose; small plans only.

    `auto` weighs the strategies that can win. The others are planned here, when a table
    of the plan is asked for.
    """
    here = tuple(f for f in plan.functionals if f.site == choice.site)
    channels = sum(p.algebra.size for p in plan.pushes if p.site == choice.site)
    order = max((f.symbol.order for f in here), default=0)
    if channels > _CHANNELS or order > _ORDER or not plan.proved:
        return dict(choice.predicted)
    others = {
        c.strategy: c.plan.cost.time
        for c in compare_strategies(here, plan.sites)
        if c.plan is not None
    }
    return {**others, **dict(choice.predicted)}


def plan_comparison(plan: Plan) -> str:
    """Returns a plain-text table, one row per strategy; `auto` marks the chosen one."""
    numbers = ("pushes", "channels", "products", "cost")
    table = simple_table("strategy", *numbers, "", right=numbers)
    for candidate in compare_strategies(plan.functionals, plan.sites):
        row = ("-", "-", "-", "-")
        note = "<- auto" if candidate.chosen else candidate.reason
        if (made := candidate.plan) is not None:
            counts = (len(made.pushes), made.channels, made.cost.products)
            row = (*map(str, counts), f"{made.cost.time:.1f}")
        table.add_row(candidate.strategy, *row, note)
    return plain_text(table)
