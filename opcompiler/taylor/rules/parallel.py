"""Devices: placement, sharding, collectives and `shard_map`, linear in every channel.

Channels are written out in full first, because a sharding names axes of full length.
"""

from collections.abc import Sequence
from typing import Any

import jax

from opcompiler import _compat
from opcompiler.taylor.evaluation import evaluate
from opcompiler.taylor.packing import (
    forms_of,
    pack_all,
    Packed,
    Pattern,
    pattern_of,
    unpack_all,
)
from opcompiler.taylor.registry import Context, rule
from opcompiler.taylor.rules.linear import jointly_linear
from opcompiler.taylor.value import is_active, make, primal, Value


@rule("all_gather", "all_gather_invariant", "all_gather_reduced", "all_to_all",
      "copy_to_host", "layout_constraint", "pbroadcast", "ppermute", "preduced", "psum",
      "psum_invariant", "pvary", "ragged_all_to_all", "reduce_scatter",
      "reduced_vary_cast_p", "reshard", "sharding_constraint", "unreduced_psum",
      "unreduced_reduce_scatter", "vary_unreduced_cast_p")  # fmt: skip
def one_operand(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Sends each channel where the value goes."""
    places = [i for i, value in enumerate(inputs) if is_active(value)]
    return jointly_linear(context, equation, inputs, places)


@rule("device_put", "optimization_barrier")
def in_step(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Passes several values on unchanged: output n is operand n, channel by channel."""
    outputs = _compat.bind(equation, *map(primal, inputs))
    columns = [[output] for output in outputs]
    for k in range(1, context.algebra.size):
        channel = [
            value.dense(k)
            if is_active(value) and value.coefficients[k] is not None
            else None
            for value in inputs
        ]
        passed: list[Any] = [None] * len(inputs)
        if any(c is not None for c in channel):
            operands = [
                primal(value) if c is None else c
                for value, c in zip(inputs, channel, strict=True)
            ]
            moved = _compat.bind(equation, *operands)
            passed = [
                None if c is None else m for c, m in zip(channel, moved, strict=True)
            ]
        for column, c in zip(columns, passed, strict=True):
            column.append(c)
    avals = _compat.output_avals(equation)
    return [
        make(column, aval.shape, aval.dtype) if is_active(value) else column[0]
        for column, aval, value in zip(columns, avals, inputs, strict=True)
    ]


@rule("shard_map")
def shard_map(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """The same map over the mesh; every channel is split as its value is."""
    params = equation.params
    jaxpr, consts = _compat.open_jaxpr(params["jaxpr"])
    patterns = list(map(pattern_of, inputs))
    whole = forms_of([v.aval for v in equation.invars], patterns)
    local = forms_of([v.aval for v in jaxpr.invars], patterns)
    found: list[Pattern] = []

    def body(*packed: Packed) -> list[Packed]:
        values = unpack_all(local, packed, context.algebra)
        outputs = evaluate(context, jaxpr, consts, values)
        found[:] = map(pattern_of, outputs)
        return pack_all(forms_of([v.aval for v in jaxpr.outvars], found), outputs)

    mapped = jax.shard_map(
        body,
        mesh=params["mesh"],
        in_specs=tuple(params["in_specs"]),
        out_specs=list(params["out_specs"]),
        axis_names=params["newly_manual_axes"],
        check_vma=params["check_vma"],
    )
    outputs = mapped(*pack_all(whole, inputs))
    forms = forms_of(_compat.output_avals(equation), found)
    return unpack_all(forms, outputs, context.algebra)
