"""Why a plan was taken, in sentences: the prices that `auto` weighed, and what they are.

In: a plan. Out: sentences, made of the numbers that the table of the plan prints.

    plan_reasons(plan)      ("auto took algebra: its price is the lowest, 5.6, ...", ...)

They claim no more than is known. Prices are counts, not measurements; where another
strategy costs the same, or little is gained over nested differentiation, they say so.
"""

from opcompiler.algebra.families import fold
from opcompiler.planning.kinds import DEVICES, Push
from opcompiler.planning.plan import Choice, Plan
from opcompiler.show.comparison import predicted_costs
from opcompiler.show.words import elide, Elided

_CHOICES = 4
_SMALL = 1.5
"""A gain over nested forward mode that is less than this is called small."""


def plan_reasons(plan: Plan) -> tuple[str, ...]:
    """Returns sentences that say why a plan was taken, and what its prices mean."""
    if not plan.pushes:
        return ("No derivative and no field is needed: there is nothing to plan.",)
    sentences = [
        f"{choice} sites, by the same rule."
        if isinstance(choice, Elided)
        else _choice(plan, choice)
        for choice in elide(plan.choices, _CHOICES)
    ]
    chosen = {choice.site for choice in plan.choices}
    if any(push.site not in chosen for push in plan.pushes):
        sentences.append(
            "Nothing was weighed where there is one strategy only: a sum over components "
            "goes by the minimal algebra of one of its terms, a sum of first derivatives "
            "by one reverse pass, and a strategy that the call names is taken."
        )
    if "algebra" in plan.strategy.split("+"):
        sentences.append(
            "No scheme of Taylor coefficients has fewer channels than the minimal algebra."
        )
    alike = max(map(_alike, plan.pushes))
    if alike > 1:
        sentences.append(
            f"{alike} of its directions are alike; where they are many, the engine holds "
            "them as one array, a family."
        )
    cost = plan.cost
    if cost.nested > cost.passes:
        sentences.append(
            f"Nested forward mode takes {cost.nested} forward passes for values alone, "
            f"this plan {cost.passes}."
        )
    price = DEVICES["cpu"]
    sentences.append(
        "Prices are counted, not measured: a training step in forward passes of the "
        f"network, 1 for a channel, {price.product} for a product of channels, "
        f"{price.push} for a push, {price.reverse} for a reverse pass, {price.through} for "
        "a channel that goes through one."
    )
    return tuple(sentences)


def _alike(push: Push) -> int:
    """Returns how many directions of a push differ in nothing else."""
    folding = fold(push.algebra, 2) if push.kind == "taylor" else None
    channels = folding.folded.channels if folding else ()
    return max((channel.count for channel in channels), default=1)


def _choice(plan: Plan, choice: Choice) -> str:
    costs = predicted_costs(plan, choice)
    own = dict(choice.predicted)[choice.strategy]
    others = sorted((t, name) for name, t in costs.items() if name != choice.strategy)
    lower = [f"{name} {time:.1f}" for time, name in others if time < own]
    equal = [name for time, name in others if time == own]
    higher = [f"{name} {time:.1f}" for time, name in others if time > own]
    place = (
        f" at ({', '.join(plan.sites[choice.site])})" if len(plan.choices) > 1 else ""
    )
    text = f"auto took {choice.strategy}{place}"
    if lower:
        weighed = " and ".join(name for name, _ in choice.predicted)
        text += f", {own:.1f}, and weighed {weighed} only: {', '.join(lower)} is lower"
    else:
        text += f": its price is the lowest, {own:.1f}"
    if equal:
        text += f", as is that of {' and '.join(equal)}"
    if higher:
        first, *rest = higher
        text += f"; {', '.join([first.replace(' ', ' costs '), *rest])}"
    if "nested" in costs and choice.strategy != "nested":
        gain = costs["nested"] / own
        few = ", so little is to be gained here" if gain < _SMALL else ""
        text += (
            f". By this count nested forward mode costs {gain:.1f} times as much{few}"
        )
    return f"{text}."
