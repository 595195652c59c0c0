"""Control flow: scan, while and cond, rebuilt with JAX's public functions.

The body is interpreted on algebra-valued arrays inside `jax.lax.scan`, `while_loop` and
`switch`. A carry may gain channels from one step to the next; which ones it has in the
end is a fixpoint over shapes alone, found before the loop is built. Predicates, counters
and keys are plain values.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.errors import OperatorError
from opcompiler.taylor.evaluation import evaluate
from opcompiler.taylor.misuse import LOOPS
from opcompiler.taylor.packing import (
    Form,
    forms_of,
    pack_all,
    Packed,
    Pattern,
    pattern_of,
    union,
    unpack_all,
)
from opcompiler.taylor.registry import Context, rule
from opcompiler.taylor.value import primal, Value


def _fixpoint(
    start: Sequence[Pattern], step: Callable[[list[Pattern]], list[Pattern]]
) -> list[Pattern]:
    """Grows the carries' patterns until a step adds no channel."""
    current = list(start)
    while (grown := union(current, step(current))) != current:
        current = grown
    return current


def _body(closed: Any) -> tuple[Any, list[Any]]:
    return _compat.open_jaxpr(closed)


@rule("scan")
def scan(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """`jax.lax.scan` over packed carries; consts are closed over."""
    params = equation.params
    jaxpr, jaxpr_consts = _body(params["jaxpr"])
    first, carries = _compat.scan_partition(params)
    consts, start, slices = (
        inputs[:first], inputs[first : first + carries], inputs[first + carries :],
    )  # fmt: skip
    avals = [v.aval for v in jaxpr.invars]
    slice_forms = forms_of(
        [v.aval for v in equation.invars[first + carries :]],
        list(map(pattern_of, slices)),
    )
    item_forms = forms_of(avals[first + carries :], [f.pattern for f in slice_forms])
    packed_slices = pack_all(slice_forms, slices)
    out_patterns: list[Pattern] = []

    def body(forms: list[Form]) -> Callable[..., tuple[list[Packed], list[Packed]]]:
        def step(carry: list[Packed], items: list[Packed]) -> tuple[Any, Any]:
            values = unpack_all(forms, carry, context.algebra)
            values += unpack_all(item_forms, items, context.algebra)
            outputs = evaluate(context, jaxpr, jaxpr_consts, [*consts, *values])
            out_patterns[:] = map(pattern_of, outputs)
            results = forms_of([v.aval for v in jaxpr.outvars], out_patterns)
            return (
                pack_all(forms, outputs[:carries]),
                pack_all(results[carries:], outputs[carries:]),
            )

        return step

    def grow(patterns: list[Pattern]) -> list[Pattern]:
        forms = forms_of(avals[first : first + carries], patterns)
        items = [tuple(c[0] for c in packed) for packed in packed_slices]
        jax.eval_shape(body(forms), pack_all(forms, start), items)
        return out_patterns[:carries]

    if params["length"] == 0:
        outputs = _compat.bind(equation, *map(primal, inputs))
        return [*start, *outputs[carries:]]
    patterns = _fixpoint(list(map(pattern_of, start)), grow)
    forms = forms_of(avals[first : first + carries], patterns)
    carry, stacked = lax.scan(
        body(forms), pack_all(forms, start), packed_slices,
        length=params["length"], reverse=params["reverse"], unroll=params["unroll"],
    )  # fmt: skip
    results = forms_of(_compat.output_avals(equation)[carries:], out_patterns[carries:])
    return [
        *unpack_all(forms, carry, context.algebra),
        *unpack_all(results, stacked, context.algebra),
    ]


@rule("while")
def while_loop(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """`jax.lax.while_loop`; the condition sees plain values only.

    Under `vmap` the condition may have one answer per lane: then the loop runs while any
    lane does, and a lane that is done keeps its values.
    """
    params = equation.params
    condition, condition_consts = _body(params["cond_jaxpr"])
    jaxpr, jaxpr_consts = _body(params["body_jaxpr"])
    first = params["cond_nconsts"]
    second = first + params["body_nconsts"]
    tested, consts, start = inputs[:first], inputs[first:second], inputs[second:]
    avals = [v.aval for v in jaxpr.outvars]
    found: list[Pattern] = []

    def step(forms: list[Form]) -> Callable[[list[Packed]], list[Packed]]:
        def run(carry: list[Packed]) -> list[Packed]:
            values = unpack_all(forms, carry, context.algebra)
            outputs = evaluate(context, jaxpr, jaxpr_consts, [*consts, *values])
            found[:] = map(pattern_of, outputs)
            renewed = pack_all(forms, outputs)
            lanes = tests(carry)
            if lanes.ndim == 0:
                return renewed
            return jax.tree.map(partial(_where_running, lanes), renewed, carry)

        return run

    def tests(carry: list[Packed]) -> Array:
        plain = [*map(primal, tested), *(packed[0] for packed in carry)]
        return evaluate(context, condition, condition_consts, plain)[0]

    def grow(patterns: list[Pattern]) -> list[Pattern]:
        forms = forms_of(avals, patterns)
        jax.eval_shape(step(forms), pack_all(forms, start))
        return list(found)

    forms = forms_of(avals, _fixpoint(list(map(pattern_of, start)), grow))
    carry = lax.while_loop(
        lambda carry: jnp.any(tests(carry)), step(forms), pack_all(forms, start)
    )
    carry = jax.tree.map(_forward_only, carry)
    return unpack_all(forms, carry, context.algebra)


def _forward_only(array: Array) -> Array:
    if not _compat.differentiable(array.dtype):
        return array
    return _compat.forward_only(array, _refuse)


def _refuse() -> None:
    raise OperatorError(
        "a loop that runs until a condition holds has no reverse mode",
        expression="jax.lax.while_loop inside a network, under jax.grad",
        hint=LOOPS,
    )


def _where_running(lanes: Array, new: Array, old: Array) -> Array:
    """Lanes stand on the leading axes."""
    mask = lanes.reshape(lanes.shape + (1,) * (new.ndim - lanes.ndim))
    return jnp.where(mask, new, old)


@rule("cond")
def cond(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """`jax.lax.switch`; a branch that lacks a channel of another gives zeros."""
    index, operands = primal(inputs[0]), inputs[1:]
    avals = _compat.output_avals(equation)
    branches = [_body(branch) for branch in equation.params["branches"]]
    forms = forms_of(
        [v.aval for v in equation.invars[1:]], list(map(pattern_of, operands))
    )
    packed = pack_all(forms, operands)

    def run(branch: tuple[Any, list[Any]], packed: list[Packed]) -> list[Value]:
        return evaluate(context, *branch, unpack_all(forms, packed, context.algebra))

    patterns: list[Pattern] = [()] * len(avals)
    for branch in branches:
        found: list[Pattern] = []

        def look(packed: list[Packed], branch: Any = branch) -> None:
            found[:] = map(pattern_of, run(branch, packed))  # noqa: B023 - used at once

        jax.eval_shape(look, packed)
        patterns = union(patterns, found)
    results = forms_of(avals, patterns)
    chosen = lax.switch(
        index,
        [lambda packed, b=b: pack_all(results, run(b, packed)) for b in branches],
        packed,
    )
    return unpack_all(results, chosen, context.algebra)
