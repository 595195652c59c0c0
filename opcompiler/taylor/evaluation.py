"""The loop over a jaxpr."""

from collections.abc import Sequence
from typing import Any

from opcompiler import _compat
from opcompiler.taylor.registry import Context
from opcompiler.taylor.value import Value


def evaluate(
    context: Context, jaxpr: Any, consts: Sequence[Any], operands: Sequence[Value]
) -> list[Value]:
    """Evaluates a jaxpr on algebra-valued operands.

    Values that no operand reaches stay plain arrays and are computed once. Every value
    is forgotten after its last use.
    """
    known: dict[Any, Value] = {}
    known.update(zip(jaxpr.constvars, consts, strict=True))
    known.update(zip(jaxpr.invars, operands, strict=True))
    last = _last_uses(jaxpr)
    for place, equation in enumerate(jaxpr.eqns):
        inputs = [_read(known, atom) for atom in equation.invars]
        outputs = context.apply(context, equation, inputs)
        known.update(zip(equation.outvars, outputs, strict=True))
        for variable in last.get(place, ()):
            known.pop(variable, None)
    return [_read(known, atom) for atom in jaxpr.outvars]


def _read(known: dict[Any, Value], atom: Any) -> Value:
    if isinstance(atom, _compat.Literal):
        return _compat.literal_value(atom)
    return known[atom]


def _last_uses(jaxpr: Any) -> dict[int, list[Any]]:
    """Returns, for each equation, the variables that nobody reads after it."""
    kept = {v for v in jaxpr.outvars if not isinstance(v, _compat.Literal)}
    last: dict[Any, int] = {}
    for place, equation in enumerate(jaxpr.eqns):
        for atom in (*equation.invars, *equation.outvars):
            if not isinstance(atom, _compat.Literal) and atom not in kept:
                last[atom] = place
    uses: dict[int, list[Any]] = {}
    for variable, place in last.items():
        uses.setdefault(place, []).append(variable)
    return uses
