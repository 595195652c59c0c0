"""A residual as text to read: the emitted function, and how its sums are evaluated.

In: an operator with its plan, or with its estimator. Out: lines of text.

    source_text(operator, plan)         the function that runs, line by line, as Python
    sum_lines(operator, estimator)      per sum its terms, its draw, its variance

The text is printed from the data that the run interprets, so it cannot differ from what
runs. It is never executed: no code of this package is generated as text and then run.
"""

from collections.abc import Collection, Iterator
from math import prod

from opcompiler.ir import (
    Body,
    Combination,
    Direction,
    Gather,
    linear_text,
    Operand,
    Operator,
    Program,
    Random,
    Site,
    Step,
    Sum,
)
from opcompiler.planning import Plan, Push
from opcompiler.sampling import Estimator

_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
_INDENT = "    "


def source_text(operator: Operator, plan: Plan) -> str:
    """Writes coordinates, sites, pushes, read-outs and shell as one function.

    The text is for reading. What runs is the same plan and the same program; nothing
    generated is ever executed as text.
    """
    named = list(operator.given)
    named += ["quadrature"] if operator.axes else []
    parameters = "".join(f", {name}" for name in named)
    star = ", *" if parameters else ""
    lines = [f"def residual(net, points{star}{parameters}):"]
    lines += [_INDENT + line for line in _body(operator, plan)]
    return "\n".join(lines) + "\n"


def _body(operator: Operator, plan: Plan) -> list[str]:
    lines = [*_columns(operator)]
    lines += [
        f'{nodes}, {weights} = quadrature["{name}"]'
        for name, nodes, weights in operator.axes
    ]
    for stage in operator.stages:
        for number, push in enumerate(plan.pushes):
            if push.site in stage:
                lines += _push_lines(number, push, operator.sites[push.site])
        lines += _readouts(operator, plan, stage)
    for item in operator.sums:
        lines += _sum_lines(item)
    lines += [f"{g.name} = {_gathered(g)}" for g in operator.gathers]
    lines += _step_lines(operator.program)
    outputs = ", ".join(map(_text, operator.program.outputs))
    several = len(operator.program.outputs) > 1
    return [*lines, f"return {f'({outputs})' if several else outputs}"]


def _push_lines(number: int, push: Push, site: Site) -> list[str]:
    lines = [*_step_lines(site.program), *_directions(site)]
    arguments = ", ".join(_site_arguments(site))
    lines.append(f"# {push.summary}")
    labels = [f"e{n}" for n in range(len(site.labels))]
    if not site.plain:
        labels = [_direction(d) for d in site.directions]
    seeds = ", ".join(
        f"c{channel}={linear_text((labels[i], c) for i, c in tangent)}"
        for channel, tangent in enumerate(push.seeds)
        if tangent
    )
    lines.append(
        f"c{number} = taylor.push(net, ({arguments}{_comma(arguments)})"
        f"{', ' if seeds else ''}{seeds})"
    )
    return lines


def _columns(operator: Operator) -> Iterator[str]:
    start = 0
    for column in operator.columns:
        stop = start + column.width
        for place, name in enumerate(column.components):
            yield f"{name} = points[..., {start + place}]"
        if not column.components:
            where = f"{start}:{stop}" if column.size is not None else f"{start}"
            yield f"{column.name} = points[..., {where}]"
        start = stop


_LETTERS = "ijklmnpqrs"


def _directions(site: Site) -> list[str]:
    """Writes the indices of a site, and directions that are computed."""
    names = _LETTERS[: len(site.extents)]
    ranges = (f"{a}...{b}" for a, b in site.extents)
    lines = [f"# over {', '.join(names)} in {', '.join(ranges)}"] if names else []
    for direction in site.directions:
        if isinstance(direction, Combination):
            lines += _body_lines(direction.body)
            (output,) = direction.body.program.outputs
            (name,) = (n for k, n in direction.body.indices if k == direction.index)
            first, last = direction.extent
            lines.append(
                f"{direction.label} = [{_text(output)} for {name} in {first}...{last}]"
            )
    return lines


def _direction(direction: Direction) -> str:
    if isinstance(direction, Combination):
        return direction.label
    if isinstance(direction, Random):
        return f"{direction.law}()"
    return f"e[{direction.label}]"


def _sum_lines(item: Sum) -> list[str]:
    names = ", ".join(_LETTERS[: len(item.extents)])
    factor = "" if item.factor == 1 else f"{item.factor:.17g} * "
    if item.body is None:
        ((_, name),) = item.functionals
        return [f"{item.names[0]} = {factor}sum[{names}]({name})"]
    lines = _body_lines(item.body)
    for name, output in zip(item.names, item.body.program.outputs, strict=True):
        lines.append(f"{name} = {factor}sum[{names}]({_text(output)})")
    return lines


def _body_lines(body: Body) -> list[str]:
    return [
        *(f"{g.name} = {_gathered(g)}" for g in body.gathers if g.name != _gathered(g)),
        *_step_lines(body.program),
    ]


def _gathered(gather: Gather) -> str:
    places = (
        str(shift) if n is None else _LETTERS[n] + (f" + {shift}" if shift else "")
        for n, shift in gather.places
    )
    return f"{gather.array}[{', '.join(places)}]".replace("+ -", "- ")


def _comma(arguments: str) -> str:
    return "" if "," in arguments else ","


def _site_arguments(site: Site) -> list[str]:
    outputs = iter(site.program.outputs)
    return [_text(next(outputs)) if v is None else v for v in site.vectors]


def _readouts(operator: Operator, plan: Plan, stage: Collection[int]) -> list[str]:
    names = dict(operator.named)
    lines = []
    for readout in plan.readouts:
        functional = readout.functional
        if functional.site not in stage:
            continue
        terms = (
            (f"c{push}[{channel}].{functional.field}", c)
            for push, channel, c in readout.terms
        )
        label = functional.symbol.label(
            functional.field, operator.sites[functional.site].labels
        )
        name = names[functional]
        note = "" if name == label else f"  # {label}"
        lines.append(f"{name} = {linear_text(terms)}{note}")
    return lines


def _step_lines(program: Program) -> list[str]:
    return [f"{step.name} = {_step(step)}" for step in program.steps]


def _step(step: Step) -> str:
    operands = [_text(operand) for operand in step.operands]
    if step.function in _INFIX:
        return f" {_INFIX[step.function]} ".join(operands)
    if step.function == "neg":
        return f"-{operands[0]}"
    if step.function == "lax.integer_pow":
        return f"{operands[0]}**{operands[1]}"
    if step.function in ("linalg.add", "linalg.sub"):
        return f" {_INFIX[step.function[-3:]]} ".join(operands[1:])
    if step.function == "linalg.einsum":
        axes = ["".join(map(chr, o)) for o in step.operands if isinstance(o, tuple)]
        tensors = operands[len(axes) :]
        spec = f"{','.join(axes[:-1])}->{axes[-1]}"
        return f'linalg.einsum("{spec}", {", ".join(tensors)})'
    return f"{step.function}({', '.join(operands)})"


def _text(operand: Operand) -> str:
    return operand if isinstance(operand, str) else repr(operand)


def sum_lines(operator: Operator, estimator: Estimator | None) -> list[str]:
    """Returns a line per sum over components: its terms, its draw, its variance."""
    return [line for item in operator.sums for line in _how(item, operator, estimator)]


def _how(item: Sum, operator: Operator, estimator: Estimator | None) -> Iterator[str]:
    terms = prod(last - first + 1 for first, last in item.extents)
    what = ", ".join(item.names)
    if item.site is None:
        yield f"{what}: all {terms} terms, no derivatives"
        return
    site = operator.sites[item.site]
    of = ", ".join(name for _, name in item.functionals)
    if site.gradient:
        yield f"{what}: all {terms} terms of {of}, from one reverse pass"
    elif estimator is None:
        yield f"{what}: all {terms} terms of {of}"
    else:
        yield f"{what}: {of}, {estimator.describe(site, terms)}"
