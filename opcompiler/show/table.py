"""A plan as text: channels by degree, seeds, read-outs, cost, certificate."""

from typing import TYPE_CHECKING

from opcompiler.ir import linear_text
from opcompiler.planning.plan import Plan
from opcompiler.show.comparison import predicted_costs
from opcompiler.show.words import tangent_text
from opcompiler.visible import plain_text, simple_table

if TYPE_CHECKING:
    from rich.console import RenderableType

_CERTIFICATE = {
    True: "every read-out proved by exact rational arithmetic",
    False: "FAILED, do not use",
    None: "none, the plan is too large to be proved",
}


def plan_table(plan: Plan) -> str:
    """Returns the plan as plain text, without colours, at most 96 columns wide."""
    several = len(plan.pushes) > 1
    pushes = f"{len(plan.pushes)} pushes" if len(plan.pushes) != 1 else "1 push"
    parts: list[RenderableType] = [
        f"plan: strategy {plan.strategy}, {plan.channels} channels in {pushes}"
    ]
    for number, push in enumerate(plan.pushes):
        arguments = plan.sites[push.site]
        fields = dict.fromkeys(
            readout.functional.field
            for readout in plan.readouts
            if any(term[0] == number for term in readout.terms)
        )
        parts.append(
            f"{f'push {number}: ' if several else ''}{', '.join(fields)} at "
            f"({', '.join(arguments)}): {push.summary}"
        )
        channels = simple_table("channel", "degree", "holds", "starts from")
        for k, channel in enumerate(push.algebra.channels):
            start = tangent_text(push, k, arguments) if k else "the point"
            channels.add_row(f"c{k}", str(channel.degree), channel.label, start)
        parts.append(channels)

    readouts = simple_table("functional", "=", "of channels")
    for readout in plan.readouts:
        functional = readout.functional
        arguments = plan.sites[functional.site]
        label = functional.symbol.label(functional.field, arguments)
        terms = linear_text(
            (f"c{channel}@{push}" if several else f"c{channel}", c)
            for push, channel, c in readout.terms
        )
        readouts.add_row(label, "=", terms)
    cost = plan.cost
    parts += [
        "read-outs",
        readouts,
        f"cost: {cost.passes} forward passes, {cost.products} products per "
        f"nonlinearity; nested AD: {cost.nested} forward passes",
    ]

    # One line per site: what `auto` took, and what the others would have cost.
    for choice in plan.choices:
        site = ", ".join(plan.sites[choice.site])
        where = f" at ({site})" if len(plan.choices) > 1 else ""
        costs = sorted(
            predicted_costs(plan, choice).items(), key=lambda entry: entry[1]
        )
        others = ", ".join(f"{name} {time:.1f}" for name, time in costs)
        parts.append(
            f"chosen{where}: {choice.strategy}; predicted training step: {others}"
        )
    return plain_text(*parts, f"certificate: {_CERTIFICATE[plan.proved]}")
