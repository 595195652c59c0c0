"""The emitted function as readable Python: what runs, line by line."""

from opcompiler.core.program import Operand, Program, Step
from opcompiler.core.symbol import linear_text
from opcompiler.operator import Operator
from opcompiler.planning import Plan

_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
_INDENT = "    "


def source_text(operator: Operator, plan: Plan) -> str:
    """Writes coordinates, sites, pushes, read-outs and shell as one function.

    The text is for reading. What runs is the same plan and the same program; nothing
    generated is ever executed as text.
    """
    names = [*operator.parameters, *(["quadrature"] if operator.axes else [])]
    parameters = "".join(f", {name}" for name in names)
    star = ", *" if parameters else ""
    lines = [f"def residual(net, points{star}{parameters}):"]
    lines += [_INDENT + line for line in _body(operator, plan)]
    return "\n".join(lines) + "\n"


def _body(operator: Operator, plan: Plan) -> list[str]:
    lines = [
        f"{name} = points[..., {place}]"
        for place, name in enumerate(c.name for c in operator.coordinates)
    ]
    lines += [
        f'{nodes}, {weights} = quadrature["{name}"]'
        for name, nodes, weights in operator.axes
    ]
    for number, push in enumerate(plan.pushes):
        site = operator.sites[push.site]
        arguments = ", ".join(_site_arguments(site.program))
        degrees = " ".join(map(str, push.algebra.degrees))
        lines.append(f"# {push.algebra.size} channels, by degree {degrees}")
        lines += _step_lines(site.program)
        seeds = ", ".join(
            f"c{channel}={linear_text((f'e{i}', c) for i, c in tangent)}"
            for channel, tangent in enumerate(push.seeds)
            if tangent
        )
        lines.append(
            f"c{number} = taylor.push(net, ({arguments}{_comma(arguments)})"
            f"{', ' if seeds else ''}{seeds})"
        )
    lines += _readouts(operator, plan)
    lines += _step_lines(operator.program)
    outputs = ", ".join(map(_text, operator.program.outputs))
    several = len(operator.program.outputs) > 1
    return [*lines, f"return {f'({outputs})' if several else outputs}"]


def _comma(arguments: str) -> str:
    return "" if "," in arguments else ","


def _site_arguments(program: Program) -> list[str]:
    return [_text(output) for output in program.outputs]


def _readouts(operator: Operator, plan: Plan) -> list[str]:
    names = dict(zip(operator.functionals, operator.names, strict=True))
    lines = []
    for readout in plan.readouts:
        functional = readout.functional
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
    return f"{step.function}({', '.join(operands)})"


def _text(operand: Operand) -> str:
    return operand if isinstance(operand, str) else repr(operand)
