"""Programs inside programs: calls, custom derivative rules, control flow, device maps.

In: an equation that holds a jaxpr, and its operands. Out: what the jaxpr gives on them. A
call is interpreted in place. What has to stay a call of JAX, so that memory, loops and
devices behave as the user wrote them, is rebuilt with JAX's public function around the
interpreted body: `jax.checkpoint`, `lax.scan`, `while_loop`, `switch`, `jax.shard_map`.

    forms = forms_of(algebra, avals, patterns)  # what crosses: shape, dtype, channels
    packed = pack_all(forms, values)            # a tuple of full arrays per value
    values = unpack_all(forms, packed)

Values cross such a boundary as full arrays, one per channel that they have; which these are
is their *pattern*. A carry may gain channels from one step of a loop to the next: what it
has in the end is a fixpoint over shapes alone, found before the loop is built. Predicates,
counters and keys are plain values.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.algebra.weil import TaylorAlgebra, univariate
from opcompiler.errors import OperatorError
from opcompiler.taylor.arithmetic import compose
from opcompiler.taylor.fallback import any_primitive
from opcompiler.taylor.interpret import apply, evaluate
from opcompiler.taylor.misuse import LOOPS
from opcompiler.taylor.places import Patch, read_at, SparseArray, take
from opcompiler.taylor.primitives import Context, primitive
from opcompiler.taylor.rules.composition import (
    is_pointwise,
    is_pointwise_call,
    pointwise,
)
from opcompiler.taylor.rules.linear import jointly_linear
from opcompiler.taylor.rules.local import entrywise
from opcompiler.taylor.rules.sparse_entries import apart, on_bases, sparse, split_of
from opcompiler.taylor.value import (
    Active,
    AlgebraArray,
    coefficients,
    family_axis,
    instantiate,
    is_active,
    lift,
    make,
    primal,
    Value,
)

_call = partial(primitive, kind="calls")


def body_alone(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Interprets the body in place: how else it may be run does not concern channels.

    A reverse rule says nothing of Taylor coefficients, batching and replacements of a
    backend neither. Sparse values pass as they are.
    """
    return evaluate(context, *_compat.body(equation), inputs)


_call("composite", "custom_vjp_call", "custom_vjp_call_jaxpr", "custom_vmap_call",
      sparse=body_alone, local=body_alone, inlined=True)(body_alone)  # fmt: skip


def composed_in_lanes(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """Takes a function that acts entry by entry on one array for what it is."""
    active = [value for value in inputs if isinstance(value, Active)]
    avals = _compat.output_avals(equation)
    if len(active) != 1 or len(avals) != 1 or avals[0].shape != active[0].shape:
        return None
    if not is_pointwise_call(equation, avals[0].shape):
        return None
    return entrywise(context, equation, inputs)


def inlined_in_lanes(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Interprets the body in place, lane by lane where it acts entry by entry."""
    if is_pointwise(context, equation, inputs):
        return entrywise(context, equation, inputs)
    return body_alone(context, equation, inputs)


@_call("jit", "pjit", "closed_call", "call", "core_call", "eval_jaxpr",
       sparse=body_alone, local=inlined_in_lanes, inlined=True)  # fmt: skip
def inlined(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Interprets the body in place; a pointwise body of one value is composed."""
    if is_pointwise(context, equation, inputs):
        return pointwise(context, equation, inputs)
    return body_alone(context, equation, inputs)


@primitive("linear_call", kind="calls")
def linear_call(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Maps each channel alike, so that the user's transpose is kept, or the body."""
    first = equation.params["num_callee_consts"] + equation.params["num_res"]
    if any(map(is_active, inputs[:first])):
        return body_alone(context, equation, inputs)
    return jointly_linear(context, equation, inputs, range(first, len(inputs)))


# --- custom derivative rules ------------------------------------------------------------


def composed_at_places(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value] | None:
    """Takes the scalar derivatives of a pointwise call everywhere, composes at places."""
    active = [value for value in inputs if isinstance(value, Active)]
    parts = split_of(inputs)
    (aval, *more) = _compat.output_avals(equation)
    if len(active) > 1 or more or aval.shape != active[0].shape:
        return None
    if aval.dtype != active[0].dtype or not is_pointwise_call(equation, aval.shape):
        return None
    (u,) = active
    order = parts.algebra.order
    whole = replace(
        context, algebra=univariate(order), folding=None, compose_upto=order
    )
    one = jnp.ones((1,) * len(u.shape), u.dtype)
    start = AlgebraArray(u.shape, u.dtype, (u.primal, one, *[None] * (order - 1)))
    (curve,) = apply(
        whole, equation, [start if value is u else value for value in inputs]
    )
    taylor = coefficients(curve, whole.algebra)
    (base,) = on_bases(context, equation, inputs, parts)
    kept = apart([patch.places for patch in u.patches])
    if kept is None:
        return None
    patches = []
    for read, places in kept:
        slopes = [None if c is None else take(c, read, len(u.shape)) for c in taylor]
        series = read_at(u, read, parts)
        if series is None:
            return None
        patches.append(Patch(places, tuple(compose(parts.alone, series, slopes))))
    return [sparse(parts, aval, base, patches)]


@_call("custom_jvp_call", kink=True, sparse=composed_at_places, local=composed_in_lanes)
def custom_jvp(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Honours the user's rule at every order, by the raise identity."""
    if is_pointwise(context, equation, inputs):
        return pointwise(context, equation, inputs)
    return any_primitive(context, equation, inputs)


# --- checkpoints ------------------------------------------------------------------------


def checkpoint(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Interprets the body under `jax.checkpoint`, with the user's policy."""
    jaxpr, consts = _compat.body(equation)
    outer = [_opened(value) for value in inputs]
    forms: list[Any] = []

    def inside(arrays: list[Any]) -> list[Any]:
        operands = [
            close(opened) for (_, close), opened in zip(outer, arrays, strict=True)
        ]
        outputs = [_opened(o) for o in evaluate(context, jaxpr, consts, operands)]
        forms[:] = [close for _, close in outputs]
        return [arrays for arrays, _ in outputs]

    remat = jax.checkpoint(
        inside,
        policy=equation.params.get("policy"),
        prevent_cse=equation.params.get("prevent_cse", True),
    )
    outputs = remat([arrays for arrays, _ in outer])
    return [close(arrays) for close, arrays in zip(forms, outputs, strict=True)]


def _opened(value: Value) -> tuple[Any, Any]:
    """Returns a value's arrays as a pytree, and how to put them together again.

    The function that puts them together outlives the trace of the body, so it must not
    hold the value, whose arrays belong to that trace.
    """
    if isinstance(value, SparseArray):
        base, close = _opened(value.base)
        patches = value.patches
        bare = replace(value, base=None, patches=())
        return (base, patches), lambda arrays: replace(
            bare, base=close(arrays[0]), patches=arrays[1]
        )
    if isinstance(value, AlgebraArray):
        arrays, bare = value.coefficients, replace(value, coefficients=())
        return arrays, lambda c: replace(bare, coefficients=tuple(c))
    return value, lambda array: array


_call(
    "remat2", "checkpoint", "remat", sparse=checkpoint, local=checkpoint, inlined=True
)(checkpoint)

# --- values as tuples of full arrays ----------------------------------------------------


Pattern = tuple[int, ...]
"""The channels, above the unit, that a value has."""

Packed = tuple[Any, ...]
"""The plain value and the channels of a pattern, all in full shape."""

FIRST, LAST = 0, -1
"""Where families that cross a boundary may have their axis of directions."""


@dataclass(frozen=True)
class Form:
    """Shape, dtype and pattern of a value.

    Attributes:
        algebra: of the value.
        shape: the shape of the value.
        dtype: the dtype of every channel.
        pattern: the channels that it has.
        varying: the axes of a `shard_map` along which all of them count as varying.
        directions: where a packed family has its axis of directions; where a value has
            it, if `None`.
    """

    algebra: TaylorAlgebra
    shape: tuple[int, ...]
    dtype: Any
    pattern: Pattern
    varying: frozenset[Any] = frozenset()
    directions: int | None = None

    def pack(self, value: Value) -> Packed:
        """Writes a value out; channels that it lacks are zeros."""
        plain = primal(value)
        if _compat.differentiable(self.dtype):
            plain = jnp.asarray(plain, self.dtype)
        packed = [plain]
        for k in self.pattern:
            c = value.coefficients[k] if isinstance(value, AlgebraArray) else None
            count = self.algebra.channels[k].count
            full = instantiate(c, self.shape, self.dtype, count)
            if count > 1 and self.directions is not None:
                full = jnp.moveaxis(full, family_axis(len(self.shape)), self.directions)
            packed.append(full)
        return tuple(_compat.vary(array, self.varying) for array in packed)

    def unpack(self, packed: Packed) -> Value:
        """Returns the value; structural zeros outside the pattern."""
        plain, *channels = packed
        if not self.pattern:
            return plain
        series: list[Array | None] = [plain, *[None] * (self.algebra.size - 1)]
        for k, c in zip(self.pattern, channels, strict=True):
            if self.algebra.channels[k].count > 1 and self.directions is not None:
                c = jnp.moveaxis(c, self.directions, family_axis(len(self.shape)))
            series[k] = c
        return make(series, self.shape, self.dtype)


def pattern_of(value: Value) -> Pattern:
    """Returns the channels of a value that are not structural zeros."""
    if not isinstance(value, AlgebraArray):
        return ()
    return tuple(k for k, c in enumerate(value.coefficients) if k and c is not None)


def forms_of(
    algebra: TaylorAlgebra,
    avals: Sequence[Any],
    patterns: Sequence[Pattern],
    directions: int | None = None,
) -> list[Form]:
    """Joins avals and patterns."""
    return [
        Form(algebra, a.shape, a.dtype, p, _compat.varying(a), directions)
        for a, p in zip(avals, patterns, strict=True)
    ]


def union(a: Sequence[Pattern], b: Sequence[Pattern]) -> list[Pattern]:
    """Returns patterns that hold both, value by value."""
    return [tuple(sorted({*p, *q})) for p, q in zip(a, b, strict=True)]


def pack_all(forms: Sequence[Form], values: Sequence[Value]) -> list[Packed]:
    """Packs a list of values."""
    return [form.pack(value) for form, value in zip(forms, values, strict=True)]


def unpack_all(forms: Sequence[Form], packed: Sequence[Packed]) -> list[Value]:
    """Unpacks a list of values."""
    return [form.unpack(p) for form, p in zip(forms, packed, strict=True)]


# --- control flow -----------------------------------------------------------------------


def _fixpoint(
    start: Sequence[Pattern], step: Callable[[list[Pattern]], list[Pattern]]
) -> list[Pattern]:
    """Grows the carries' patterns until a step adds no channel."""
    current = list(start)
    while (grown := union(current, step(current))) != current:
        current = grown
    return current


@primitive("scan", kind="control")
def scan(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """`jax.lax.scan` over packed carries; consts are closed over."""
    params = equation.params
    jaxpr, jaxpr_consts = _compat.open_jaxpr(params["jaxpr"])
    first, carries = _compat.scan_partition(params)
    consts, start, slices = (
        inputs[:first], inputs[first : first + carries], inputs[first + carries :],
    )  # fmt: skip
    avals = [v.aval for v in jaxpr.invars]
    # The stacked arrays have the axis of the loop first and a family's second; so what is
    # left of a family in one step has its directions first.
    forms_in = partial(forms_of, context.algebra)
    slice_forms = forms_in(
        [v.aval for v in equation.invars[first + carries :]],
        list(map(pattern_of, slices)),
    )
    item_forms = forms_in(
        avals[first + carries :], [f.pattern for f in slice_forms], FIRST
    )
    packed_slices = pack_all(slice_forms, slices)
    out_patterns: list[Pattern] = []

    def body(forms: list[Form]) -> Callable[..., tuple[list[Packed], list[Packed]]]:
        def step(carry: list[Packed], items: list[Packed]) -> tuple[Any, Any]:
            values = unpack_all(forms, carry)
            values += unpack_all(item_forms, items)
            outputs = evaluate(context, jaxpr, jaxpr_consts, [*consts, *values])
            out_patterns[:] = map(pattern_of, outputs)
            results = forms_in([v.aval for v in jaxpr.outvars], out_patterns, FIRST)
            return (
                pack_all(forms, outputs[:carries]),
                pack_all(results[carries:], outputs[carries:]),
            )

        return step

    def grow(patterns: list[Pattern]) -> list[Pattern]:
        forms = forms_in(avals[first : first + carries], patterns)
        items = [tuple(c[0] for c in packed) for packed in packed_slices]
        jax.eval_shape(body(forms), pack_all(forms, start), items)
        return out_patterns[:carries]

    if params["length"] == 0:
        outputs = _compat.bind(equation, *map(primal, inputs))
        return [*start, *outputs[carries:]]
    patterns = _fixpoint(list(map(pattern_of, start)), grow)
    forms = forms_in(avals[first : first + carries], patterns)
    carry, stacked = lax.scan(
        body(forms), pack_all(forms, start), packed_slices,
        length=params["length"], reverse=params["reverse"], unroll=params["unroll"],
    )  # fmt: skip
    results = forms_in(_compat.output_avals(equation)[carries:], out_patterns[carries:])
    return [
        *unpack_all(forms, carry),
        *unpack_all(results, stacked),
    ]


@primitive("while", kind="control")
def while_loop(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """`jax.lax.while_loop`; the condition sees plain values only.

    Under `vmap` the condition may have one answer per lane: then the loop runs while any
    lane does, and a lane that is done keeps its values.
    """
    params = equation.params
    condition, condition_consts = _compat.open_jaxpr(params["cond_jaxpr"])
    jaxpr, jaxpr_consts = _compat.open_jaxpr(params["body_jaxpr"])
    first = params["cond_nconsts"]
    second = first + params["body_nconsts"]
    tested, consts, start = inputs[:first], inputs[first:second], inputs[second:]
    avals = [v.aval for v in jaxpr.outvars]
    found: list[Pattern] = []

    def step(forms: list[Form]) -> Callable[[list[Packed]], list[Packed]]:
        def run(carry: list[Packed]) -> list[Packed]:
            values = unpack_all(forms, carry)
            outputs = evaluate(context, jaxpr, jaxpr_consts, [*consts, *values])
            found[:] = map(pattern_of, outputs)
            renewed = pack_all(forms, outputs)
            lanes = tests(carry)
            if lanes.ndim == 0:
                return renewed
            running = partial(_where_running, lanes)
            return list(map(running, forms, renewed, carry))

        return run

    def tests(carry: list[Packed]) -> Array:
        plain = [*map(primal, tested), *(packed[0] for packed in carry)]
        return evaluate(context, condition, condition_consts, plain)[0]

    def grow(patterns: list[Pattern]) -> list[Pattern]:
        forms = forms_of(context.algebra, avals, patterns)
        jax.eval_shape(step(forms), pack_all(forms, start))
        return list(found)

    patterns = _fixpoint(list(map(pattern_of, start)), grow)
    forms = forms_of(context.algebra, avals, patterns)
    carry = lax.while_loop(
        lambda carry: jnp.any(tests(carry)), step(forms), pack_all(forms, start)
    )
    carry = jax.tree.map(_forward_only, carry)
    return unpack_all(forms, carry)


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


def _where_running(lanes: Array, form: Form, new: Packed, old: Packed) -> Packed:
    """Returns the new value in lanes that run; lanes stand on the leading axes."""
    rank = len(form.shape)
    mask = lanes.reshape(lanes.shape + (1,) * (rank - lanes.ndim))

    def chosen(a: Array, b: Array) -> Array:
        return jnp.where(mask, a, b)

    return tuple(
        lift(chosen, rank, (a, rank), (b, rank)) for a, b in zip(new, old, strict=True)
    )


@primitive("cond", kind="control")
def cond(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """`jax.lax.switch`; a branch that lacks a channel of another gives zeros."""
    index, operands = primal(inputs[0]), inputs[1:]
    avals = _compat.output_avals(equation)
    branches = [_compat.open_jaxpr(branch) for branch in equation.params["branches"]]
    forms = forms_of(
        context.algebra,
        [v.aval for v in equation.invars[1:]],
        list(map(pattern_of, operands)),
    )
    packed = pack_all(forms, operands)

    def run(branch: tuple[Any, list[Any]], packed: list[Packed]) -> list[Value]:
        return evaluate(context, *branch, unpack_all(forms, packed))

    patterns: list[Pattern] = [()] * len(avals)
    for branch in branches:
        found: list[Pattern] = []

        def look(packed: list[Packed], branch: Any = branch) -> None:
            found[:] = map(pattern_of, run(branch, packed))  # noqa: B023 - used at once

        jax.eval_shape(look, packed)
        patterns = union(patterns, found)
    results = forms_of(context.algebra, avals, patterns)
    chosen = lax.switch(
        index,
        [lambda packed, b=b: pack_all(results, run(b, packed)) for b in branches],
        packed,
    )
    return unpack_all(results, chosen)


@primitive("shard_map", kind="parallel")
def shard_map(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """The same map over the mesh; every channel is split as its value is.

    A family crosses with its directions last: there a spec, which names leading axes,
    leaves them together.
    """
    params = equation.params
    jaxpr, consts = _compat.open_jaxpr(params["jaxpr"])
    patterns = list(map(pattern_of, inputs))
    forms_in = partial(forms_of, context.algebra, directions=LAST)
    whole = forms_in([v.aval for v in equation.invars], patterns)
    local = forms_in([v.aval for v in jaxpr.invars], patterns)
    found: list[Pattern] = []

    def body(*packed: Packed) -> list[Packed]:
        values = unpack_all(local, packed)
        outputs = evaluate(context, jaxpr, consts, values)
        found[:] = map(pattern_of, outputs)
        return pack_all(forms_in([v.aval for v in jaxpr.outvars], found), outputs)

    mapped = jax.shard_map(
        body,
        mesh=params["mesh"],
        in_specs=tuple(params["in_specs"]),
        out_specs=list(params["out_specs"]),
        axis_names=params["newly_manual_axes"],
        check_vma=params["check_vma"],
    )
    outputs = mapped(*pack_all(whole, inputs))
    forms = forms_in(_compat.output_avals(equation), found)
    return unpack_all(forms, outputs)
