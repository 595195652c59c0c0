"""A plan as text: channels by degree, seeds, read-outs, cost, certificate."""

from rich.console import RenderableType
from rich.table import Table

from opcompiler.ir import argument_name, linear_text
from opcompiler.planning.plan import Plan, Push
from opcompiler.show.comparison import predicted_costs
from opcompiler.visible import plain_text, simple_table


def plan_table(plan: Plan) -> str:
    """Returns the plan as plain text, without colours, at most 96 columns wide."""
    parts: list[RenderableType] = [_headline(plan)]
    for number, push in enumerate(plan.pushes):
        parts.append(_push_title(plan, number))
        parts.append(_channels(plan, push))
    parts.append("read-outs")
    parts.append(_readouts(plan))
    parts.append(_cost(plan))
    parts.extend(_choices(plan))
    parts.append(_certificate(plan))
    return plain_text(*parts)


def _headline(plan: Plan) -> str:
    pushes = "1 push" if len(plan.pushes) == 1 else f"{len(plan.pushes)} pushes"
    return f"plan: strategy {plan.strategy}, {plan.channels} channels in {pushes}"


def _push_title(plan: Plan, number: int) -> str:
    push = plan.pushes[number]
    degrees = " ".join(map(str, push.algebra.degrees))
    fields = dict.fromkeys(
        readout.functional.field
        for readout in plan.readouts
        if any(term[0] == number for term in readout.terms)
    )
    name = f"push {number}: " if len(plan.pushes) > 1 else ""
    where = ", ".join(plan.sites[push.site])
    return (
        f"{name}{', '.join(fields)} at ({where}): "
        f"{push.algebra.size} channels, by degree {degrees}"
    )


def _channels(plan: Plan, push: Push) -> Table:
    arguments = plan.sites[push.site]
    table = simple_table("channel", "degree", "holds", "starts from")
    for number, channel in enumerate(push.algebra.channels):
        tangent = linear_text(
            (f"e_{argument_name(arguments, i)}", c) for i, c in push.seeds[number]
        )
        start = tangent if number else "the point"
        table.add_row(f"c{number}", str(channel.degree), channel.label, start)
    return table


def _readouts(plan: Plan) -> Table:
    table = simple_table("functional", "=", "of channels")
    several = len(plan.pushes) > 1
    for readout in plan.readouts:
        functional = readout.functional
        arguments = plan.sites[functional.site]
        label = functional.symbol.label(functional.field, arguments)
        terms = (
            (f"c{channel}" + (f"@{push}" if several else ""), c)
            for push, channel, c in readout.terms
        )
        table.add_row(label, "=", linear_text(terms))
    return table


def _cost(plan: Plan) -> str:
    cost = plan.cost
    return (
        f"cost: {cost.passes} forward passes, {cost.products} products per "
        f"nonlinearity; nested AD: {cost.nested} forward passes"
    )


def _choices(plan: Plan) -> list[str]:
    """One line per site: what was taken, and what the others would have cost."""
    lines = []
    for choice in plan.choices:
        where = (
            ""
            if len(plan.choices) == 1
            else f" at ({', '.join(plan.sites[choice.site])})"
        )
        costs = sorted(
            predicted_costs(plan, choice).items(), key=lambda entry: entry[1]
        )
        others = ", ".join(f"{name} {time:.1f}" for name, time in costs)
        lines.append(
            f"chosen{where}: {choice.strategy}; predicted training step: {others}"
        )
    return lines


def _certificate(plan: Plan) -> str:
    words = {
        True: "every read-out proved by exact rational arithmetic",
        False: "FAILED, do not use",
        None: "none, the plan is too large to be proved",
    }
    return f"certificate: {words[plan.proved]}"
