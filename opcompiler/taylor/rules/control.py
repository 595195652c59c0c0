"""Control flow: scan, while and cond, rebuilt with JAX's public functions.

The body is interpreted on algebra-valued arrays inside `jax.lax.scan`, `while_loop` and
`switch`. A carry may gain channels from one step to the next; which ones it has in the
end is a fixpoint over shapes alone, found before the loop is built. Predicates, counters
and keys are plain values.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.core.algebra import TaylorAlgebra
from opcompiler.taylor.evaluation import evaluate
from opcompiler.taylor.registry import Context, rule
from opcompiler.taylor.value import AlgebraArray, make, primal, Value

Pattern = tuple[int, ...]
"""The channels, above the unit, that a value has."""

Packed = tuple[Any, ...]
"""The plain value and the channels of a pattern, all in full shape."""


@dataclass(frozen=True)
class _Form:
    """Shape, dtype and pattern of a loop variable."""

    shape: tuple[int, ...]
    dtype: Any
    pattern: Pattern

    def pack(self, value: Value) -> Packed:
        plain = primal(value)
        if _compat.differentiable(self.dtype):
            plain = jnp.asarray(plain, self.dtype)
        if not self.pattern:
            return (plain,)
        if not isinstance(value, AlgebraArray):
            zero = jnp.zeros(self.shape, self.dtype)
            return (plain, *(zero for _ in self.pattern))
        return (plain, *(value.dense(k) for k in self.pattern))

    def unpack(self, packed: Packed, algebra: TaylorAlgebra) -> Value:
        plain, *channels = packed
        if not self.pattern:
            return plain
        series: list[Array | None] = [plain, *[None] * (algebra.size - 1)]
        for k, channel in zip(self.pattern, channels, strict=True):
            series[k] = channel
        return make(series, self.shape, self.dtype)


def _pattern(value: Value) -> Pattern:
    if not isinstance(value, AlgebraArray):
        return ()
    return tuple(k for k, c in enumerate(value.coefficients) if k and c is not None)


def _forms(avals: Sequence[Any], patterns: Sequence[Pattern]) -> list[_Form]:
    return [_Form(a.shape, a.dtype, p) for a, p in zip(avals, patterns, strict=True)]


def _union(a: Sequence[Pattern], b: Sequence[Pattern]) -> list[Pattern]:
    return [tuple(sorted({*p, *q})) for p, q in zip(a, b, strict=True)]


def _fixpoint(
    start: Sequence[Pattern], step: Callable[[list[Pattern]], list[Pattern]]
) -> list[Pattern]:
    """Grows the carries' patterns until a step adds no channel."""
    current = list(start)
    while (grown := _union(current, step(current))) != current:
        current = grown
    return current


def _pack_all(forms: Sequence[_Form], values: Sequence[Value]) -> list[Packed]:
    return [form.pack(value) for form, value in zip(forms, values, strict=True)]


def _unpack_all(
    forms: Sequence[_Form], packed: Sequence[Packed], algebra: TaylorAlgebra
) -> list[Value]:
    return [f.unpack(p, algebra) for f, p in zip(forms, packed, strict=True)]


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
    slice_forms = _forms(
        [v.aval for v in equation.invars[first + carries :]],
        list(map(_pattern, slices)),
    )
    item_forms = _forms(avals[first + carries :], [f.pattern for f in slice_forms])
    packed_slices = _pack_all(slice_forms, slices)
    out_patterns: list[Pattern] = []

    def body(forms: list[_Form]) -> Callable[..., tuple[list[Packed], list[Packed]]]:
        def step(carry: list[Packed], items: list[Packed]) -> tuple[Any, Any]:
            values = _unpack_all(forms, carry, context.algebra)
            values += _unpack_all(item_forms, items, context.algebra)
            outputs = evaluate(context, jaxpr, jaxpr_consts, [*consts, *values])
            out_patterns[:] = map(_pattern, outputs)
            results = _forms([v.aval for v in jaxpr.outvars], out_patterns)
            return (
                _pack_all(forms, outputs[:carries]),
                _pack_all(results[carries:], outputs[carries:]),
            )

        return step

    def grow(patterns: list[Pattern]) -> list[Pattern]:
        forms = _forms(avals[first : first + carries], patterns)
        items = [tuple(c[0] for c in packed) for packed in packed_slices]
        jax.eval_shape(body(forms), _pack_all(forms, start), items)
        return out_patterns[:carries]

    if params["length"] == 0:
        return _compat.bind(equation, *map(primal, inputs))
    patterns = _fixpoint(list(map(_pattern, start)), grow)
    forms = _forms(avals[first : first + carries], patterns)
    carry, stacked = lax.scan(
        body(forms), _pack_all(forms, start), packed_slices,
        length=params["length"], reverse=params["reverse"], unroll=params["unroll"],
    )  # fmt: skip
    results = _forms(_compat.output_avals(equation)[carries:], out_patterns[carries:])
    return [
        *_unpack_all(forms, carry, context.algebra),
        *_unpack_all(results, stacked, context.algebra),
    ]


@rule("while")
def while_loop(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """`jax.lax.while_loop`; the condition sees plain values only."""
    params = equation.params
    condition, condition_consts = _body(params["cond_jaxpr"])
    jaxpr, jaxpr_consts = _body(params["body_jaxpr"])
    first = params["cond_nconsts"]
    second = first + params["body_nconsts"]
    tested, consts, start = inputs[:first], inputs[first:second], inputs[second:]
    avals = [v.aval for v in jaxpr.outvars]
    found: list[Pattern] = []

    def step(forms: list[_Form]) -> Callable[[list[Packed]], list[Packed]]:
        def run(carry: list[Packed]) -> list[Packed]:
            values = _unpack_all(forms, carry, context.algebra)
            outputs = evaluate(context, jaxpr, jaxpr_consts, [*consts, *values])
            found[:] = map(_pattern, outputs)
            return _pack_all(forms, outputs)

        return run

    def goes_on(carry: list[Packed]) -> Array:
        plain = [*map(primal, tested), *(packed[0] for packed in carry)]
        return evaluate(context, condition, condition_consts, plain)[0]

    def grow(patterns: list[Pattern]) -> list[Pattern]:
        forms = _forms(avals, patterns)
        jax.eval_shape(step(forms), _pack_all(forms, start))
        return list(found)

    forms = _forms(avals, _fixpoint(list(map(_pattern, start)), grow))
    carry = lax.while_loop(goes_on, step(forms), _pack_all(forms, start))
    return _unpack_all(forms, carry, context.algebra)


@rule("cond")
def cond(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """`jax.lax.switch`; a branch that lacks a channel of another gives zeros."""
    index, operands = primal(inputs[0]), inputs[1:]
    avals = _compat.output_avals(equation)
    branches = [_body(branch) for branch in equation.params["branches"]]
    forms = _forms([v.aval for v in equation.invars[1:]], list(map(_pattern, operands)))
    packed = _pack_all(forms, operands)

    def run(branch: tuple[Any, list[Any]], packed: list[Packed]) -> list[Value]:
        return evaluate(context, *branch, _unpack_all(forms, packed, context.algebra))

    patterns: list[Pattern] = [()] * len(avals)
    for branch in branches:
        found: list[Pattern] = []

        def look(packed: list[Packed], branch: Any = branch) -> None:
            found[:] = map(_pattern, run(branch, packed))  # noqa: B023 - used at once

        jax.eval_shape(look, packed)
        patterns = _union(patterns, found)
    results = _forms(avals, patterns)
    chosen = lax.switch(
        index,
        [lambda packed, b=b: _pack_all(results, run(b, packed)) for b in branches],
        packed,
    )
    return _unpack_all(results, chosen, context.algebra)
