"""Running a program on algebra-valued arrays: the loop, and which way an equation goes.

In: a jaxpr and its operands, plain or algebra-valued. Out: its outputs,
plain where no algebra-valued operand reaches them.

    outputs = evaluate(context, jaxpr, consts, operands)

`evaluate` runs the equations in order and gives each to `apply`. An equation that no
algebra-valued operand reaches runs as it is, so what is constant is computed once. Any
other goes by the rule in the table of primitives. Every rule takes families: what it does
to a channel, `value.lift` does to all directions at once.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from opcompiler import _compat
from opcompiler.algebra.families import Folding
from opcompiler.taylor.arithmetic import Series
from opcompiler.taylor.joined import apart, deferred, Joined, multiplied_only
from opcompiler.taylor.places import densified, SparseArray
from opcompiler.taylor.primitives import Context, row_of, Rule
from opcompiler.taylor.rank import has_family, settled
from opcompiler.taylor.support import is_local, spread
from opcompiler.taylor.value import (
    AlgebraArray,
    Coefficient,
    family_axis,
    is_active,
    make,
    type_of,
    Value,
)


def evaluate(
    context: Context,
    jaxpr: Any,
    consts: Sequence[Any],
    operands: Sequence[Value],
    step: Rule | None = None,
) -> list[Value]:
    """Evaluates a jaxpr on algebra-valued operands.

    Values that no operand reaches stay plain arrays and are computed once. Every value
    is forgotten after its last use.

    Args:
        context: the algebra, and how it is laid out.
        jaxpr: the program.
        consts: its constants.
        operands: its arguments.
        step: runs one equation; `apply` by default.
    """
    step = step or apply
    known: dict[Any, Value] = {}
    known.update(zip(jaxpr.constvars, consts, strict=True))
    known.update(zip(jaxpr.invars, operands, strict=True))

    def read(atom: Any) -> Value:
        if isinstance(atom, _compat.Literal):
            return _compat.literal_value(atom)
        return known[atom]

    # For each equation the variables that no later equation reads.
    kept = {v for v in jaxpr.outvars if not isinstance(v, _compat.Literal)}
    last: dict[Any, int] = {}
    for place, equation in enumerate(jaxpr.eqns):
        for atom in (*equation.invars, *equation.outvars):
            if not isinstance(atom, _compat.Literal) and atom not in kept:
                last[atom] = place
    dead: dict[int, list[Any]] = {}
    for variable, place in last.items():
        dead.setdefault(place, []).append(variable)

    summed = multiplied_only(jaxpr) if step is apply else {}
    for place, equation in enumerate(jaxpr.eqns):
        inputs = list(map(read, equation.invars))
        gone = dead.get(place, ())
        inside = context
        if context.reducible:
            # A body may exchange a family if nobody else has it.
            others = (v for name, v in known.items() if name not in gone)
            alone = not any(has_family(context.algebra, v) for v in others)
            inside = replace(context, reducible=alone and row_of(equation).inlined)
        axes = summed.get(equation.outvars[0]) if summed else None
        joined = axes and deferred(equation, inputs, axes)
        outputs = [joined] if joined else step(inside, equation, inputs)
        if context.watch is not None and not row_of(equation).inlined:
            context.watch.ran(equation, inputs, outputs)
        known.update(zip(equation.outvars, outputs, strict=True))
        for variable in gone:
            known.pop(variable, None)
        if context.reducible or context.watch is not None:
            context, changed = settled(
                context, known, equation, jaxpr.eqns[place + 1 :]
            )
            known.update(changed)
    return list(map(read, jaxpr.outvars))


def rewritten(
    context: Context, function: Callable[..., Any], inputs: Sequence[Value]
) -> list[Value]:
    """Evaluates a function of arrays, written in JAX, in an equation's place."""
    with nullcontext() if context.watch is None else context.watch.quiet():
        program = _compat.trace(function, *map(type_of, inputs))
        return evaluate(context, *program, inputs)


def apply(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Runs one equation: its primitive, its rule, or the fallback."""
    if not any(map(is_active, inputs)):
        return _compat.bind(equation, *inputs)
    if any(isinstance(value, Joined) for value in inputs):
        if sum(map(is_active, inputs)) == 1:
            return rewritten(context, *apart(equation, inputs))
        inputs = [_whole(context, value) for value in inputs]
    row = row_of(equation)
    if any(isinstance(value, SparseArray) for value in inputs):
        # A rule for sparse values may decline: places that it cannot follow, too many.
        outputs = row.sparse(context, equation, inputs) if row.sparse else None
        if outputs is not None:
            return outputs
        inputs = [densified(value) for value in inputs]
    if any(map(is_local, inputs)):
        outputs = row.local(context, equation, inputs) if row.local else None
        if outputs is not None:
            return outputs
        inputs = [spread(value) for value in inputs]
    return row.rule(context, equation, inputs)


def _whole(context: Context, value: Value) -> Value:
    """Joins parts that were not joined yet."""
    if not isinstance(value, Joined):
        return value
    (joined,) = apply(context, value.equation, value.parts)
    return joined


# --- families, where a push begins and ends ---------------------------------------------


def unfold(
    folding: Folding, value: Value, wanted: Collection[int] | None = None
) -> Value:
    """Writes a value's families out as single channels.

    Args:
        folding: the folding of the value's algebra.
        value: folded.
        wanted: explicit channels that somebody will read; the others are left zero, so
            that a family without a reader is not cut to pieces. All by default.
    """
    if not isinstance(value, AlgebraArray):
        return value
    series: Series = []
    cut: dict[int, Sequence[Coefficient]] = {}
    for k, (channel, at) in enumerate(folding.places):
        c = value.coefficients[channel]
        count = folding.folded.channels[channel].count
        if c is None or (wanted is not None and k and k not in wanted):
            series.append(None)
        elif count == 1:
            series.append(c)
        else:
            if channel not in cut:
                axis = family_axis(c.ndim - 1)
                pieces = lax.split(c, (1,) * count, axis)
                cut[channel] = [lax.squeeze(piece, (axis,)) for piece in pieces]
            series.append(cut[channel][at])
    return AlgebraArray(value.shape, value.dtype, tuple(series))


def refold(folding: Folding, value: Value) -> Value:
    """Stacks single channels to families again; one of zeros only stays a zero."""
    if not isinstance(value, AlgebraArray):
        return value
    folded: Series = []
    for number, channel in enumerate(folding.folded.channels):
        rows = [value.coefficients[k] for k in folding.members(number)]
        shapes = [c.shape for c in rows if c is not None]
        if channel.count == 1 or not shapes:
            folded.append(rows[0])
            continue
        shape = jnp.broadcast_shapes(*shapes)
        # Seeds that are known stay of numpy: then it is known, too, where they are zero.
        known = all(c is None or isinstance(c, np.ndarray) for c in rows)
        library: Any = np if known else jnp
        full = [
            library.zeros(shape, value.dtype)
            if c is None
            else library.broadcast_to(c, shape)
            for c in rows
        ]
        folded.append(library.stack(full, family_axis(len(shape))))
    return make(folded, value.shape, value.dtype)
