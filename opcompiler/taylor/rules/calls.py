"""Programs inside programs: jit, custom derivative rules, checkpoint."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler import _compat
from opcompiler.algebra.weil import univariate
from opcompiler.taylor.arithmetic import scale, Series
from opcompiler.taylor.composition import composed, should_compose
from opcompiler.taylor.evaluation import evaluate
from opcompiler.taylor.fallback import any_primitive
from opcompiler.taylor.registry import Context, rule
from opcompiler.taylor.rules.linear import jointly_linear
from opcompiler.taylor.value import (
    AlgebraArray,
    coefficients,
    is_active,
    make,
    Value,
)

_BODY = ("call_jaxpr", "jaxpr", "fun_jaxpr", "call", "callee")

_CURVED = frozenset(
    {
        "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "cos", "cosh",
        "digamma", "div", "erf", "erf_inv", "erfc", "exp", "exp2", "expm1", "integer_pow",
        "lgamma", "log", "log1p", "logistic", "pow", "rsqrt", "sin", "sinh", "sqrt",
        "square", "tan", "tanh",
    }
)  # fmt: skip
"""Elementwise primitives whose composition is worth something."""

_SELECTING = frozenset({"clamp", "max", "min", "select_n"})
"""They keep what is not taken from the result; a slope of zero times infinity would not."""

_POINTWISE = _CURVED | {
    "abs", "add", "and", "broadcast_in_dim", "convert_element_type", "copy", "eq", "ge",
    "gt", "is_finite", "le", "lt", "mul", "ne", "neg", "not", "or", "sign",
    "stop_gradient", "sub",
}  # fmt: skip


@rule("jit", "pjit", "closed_call", "call", "core_call", "eval_jaxpr", families=True)
def inlined(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Interprets the body in place; a pointwise body of one value is composed."""
    if is_pointwise(context, equation, inputs):
        return pointwise(context, equation, inputs)
    return evaluate(context, *body(equation), inputs)


@rule("custom_jvp_call", families=True)
def custom_jvp(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Honours the user's rule at every order, by the raise identity."""
    if is_pointwise(context, equation, inputs):
        return pointwise(context, equation, inputs)
    return any_primitive(context, equation, inputs)


@rule("custom_vjp_call", "custom_vjp_call_jaxpr", families=True)
def custom_vjp(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Interprets the body: a reverse rule says nothing of Taylor coefficients."""
    return evaluate(context, *body(equation), inputs)


@rule("composite", "custom_vmap_call", families=True)
def body_alone(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Interprets the body: batching and backend replacements do not concern channels."""
    return evaluate(context, *body(equation), inputs)


@rule("linear_call")
def linear_call(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Maps each channel alike, so that the user's transpose is kept, or the body."""
    first = equation.params["num_callee_consts"] + equation.params["num_res"]
    if any(map(is_active, inputs[:first])):
        return evaluate(context, *body(equation), inputs)
    return jointly_linear(context, equation, inputs, range(first, len(inputs)))


@rule("remat2", "checkpoint", "remat", families=True)
def checkpoint(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Interprets the body under `jax.checkpoint`, with the user's policy."""
    jaxpr, consts = body(equation)
    places = [i for i, value in enumerate(inputs) if is_active(value)]
    active = [inputs[i] for i in places]
    shapes: list[tuple[tuple[int, ...], Any] | None] = []

    def inside(plain: list[Any], channels: list[tuple[Any, ...]]) -> list[Any]:
        operands = list(plain)
        for place, value, series in zip(places, active, channels, strict=True):
            operands[place] = AlgebraArray(value.shape, value.dtype, tuple(series))
        outputs = evaluate(context, jaxpr, consts, operands)
        shapes[:] = [(o.shape, o.dtype) if is_active(o) else None for o in outputs]
        return [o.coefficients if is_active(o) else o for o in outputs]

    plain = [None if i in places else value for i, value in enumerate(inputs)]
    remat = jax.checkpoint(
        inside,
        policy=equation.params.get("policy"),
        prevent_cse=equation.params.get("prevent_cse", True),
    )
    outputs = remat(plain, [value.coefficients for value in active])
    return [
        output if shape is None else make(output, *shape)
        for output, shape in zip(outputs, shapes, strict=True)
    ]


def body(equation: Any) -> tuple[Any, list[Any]]:
    """Returns the jaxpr and constants that an equation calls."""
    for name in _BODY:
        if name in equation.params:
            return _compat.open_jaxpr(equation.params[name])
    raise AssertionError(f"{equation.primitive} has no body among {_BODY}")


# --- pointwise bodies ---------------------------------------------------------------


def is_pointwise(context: Context, equation: Any, inputs: Sequence[Value]) -> bool:
    """Whether a call is an elementwise function of one array, worth composing.

    Then its scalar derivatives are taken once, in one variable, whatever the number of
    channels; `gelu` costs no more products than `tanh`. In an algebra of one direction
    the body itself is as good.
    """
    avals = _compat.output_avals(equation)
    active = [value for value in inputs if is_active(value)]
    if len(active) != 1 or len(avals) != 1 or not should_compose(context):
        return False
    if avals[0].shape != active[0].shape or avals[0].dtype != active[0].dtype:
        return False
    return _is_curved(equation) and is_pointwise_call(equation, avals[0].shape)


def is_pointwise_call(equation: Any, shape: tuple[int, ...]) -> bool:
    """Whether a call holds elementwise equations only.

    A custom rule says itself how tangents are selected; its body may select, too.
    """
    jaxpr, _ = body(equation)
    names = _POINTWISE
    if equation.primitive.name == "custom_jvp_call":
        names = _POINTWISE | _SELECTING
    return all(
        _is_pointwise_equation(inner, shape, names) for inner in jaxpr.eqns
    ) and all(getattr(v.aval, "shape", None) in ((), shape) for v in jaxpr.invars)


def _is_pointwise_equation(
    equation: Any, shape: tuple[int, ...], names: frozenset[str]
) -> bool:
    if any(aval.shape not in ((), shape) for aval in _compat.output_avals(equation)):
        return False
    name = equation.primitive.name
    if name == "custom_jvp_call":
        return _is_curved(equation) and is_pointwise_call(equation, shape)
    if name in ("jit", "pjit"):
        return all(
            _is_pointwise_equation(inner, shape, names)
            for inner in body(equation)[0].eqns
        )
    return name in names


def _is_curved(equation: Any) -> bool:
    """Whether composing is worth something: for logaddexp it is, for relu not."""
    if equation.primitive.name in ("jit", "pjit", "custom_jvp_call"):
        return any(_is_curved(inner) for inner in body(equation)[0].eqns)
    return equation.primitive.name in _CURVED


def pointwise(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Composes the scalar derivatives of a pointwise call with its operand."""
    (aval,) = _compat.output_avals(equation)
    (place,) = (i for i, value in enumerate(inputs) if is_active(value))
    u = inputs[place]
    algebra, shape, dtype = context.algebra, u.shape, u.dtype
    given = [value for i, value in enumerate(inputs) if i != place]
    # One order more, because the derivative of the result is composed too.
    line = Context(univariate(algebra.order + 1), context.apply)

    def scalar(start: Array, *given: Any) -> tuple[Series, Series]:
        one = jnp.ones((1,) * start.ndim, start.dtype)
        tangent = (start, one, *(None,) * (line.algebra.order - 1))
        operands = list(given)
        operands.insert(place, AlgebraArray(shape, dtype, tangent))
        (curve,) = line.apply(line, equation, operands)
        value = list(coefficients(curve, line.algebra))
        slope = [None if c is None else scale(k, c) for k, c in enumerate(value)]
        return value[:-1], slope[1:]

    series = composed(algebra, (u.primal, *u.coefficients[1:]), scalar, given)
    return [make(series, aval.shape, aval.dtype)]
