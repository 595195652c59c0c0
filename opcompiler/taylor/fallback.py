r"""What has no rule of its own: any primitive, or custom function, with a JVP.

Two routes. The *raise identity* needs one trace of the JVP and polynomial work:

$$ d\,[f(x)]_d = \bigl[\mathrm{jvp} f(x, E x)\bigr]_d , $$

where $E$ multiplies degree d by d. The tangent E x has no degree 0, so the part of the
JVP that depends on x alone is needed to order K - 1 only, and the recursion ends.

*Polarisation* expands the Taylor series of f over the channels and takes every
directional derivative by nested `jax.jvp` of f alone:

$$ f(x_0 + n) = \sum_{m} \sum_{i_1 \le \dots \le i_m} \frac{1}{\prod_c r_c!}\,
   D^m f(x_0)[n_{i_1},\dots,n_{i_m}]\; \varepsilon_{i_1} \cdots \varepsilon_{i_m}, $$

$r_c$ the multiplicities. It needs nothing but nested JVPs, and is exponential in K.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler import _compat
from opcompiler.algebra.weil import Constant, TaylorAlgebra
from opcompiler.errors import OperatorError
from opcompiler.taylor.arithmetic import scale, Series, times_constant, total
from opcompiler.taylor.interpret import apply, evaluate
from opcompiler.taylor.primitives import ANY, Context, primitive, TABLE
from opcompiler.taylor.value import (
    AlgebraArray,
    is_active,
    lift,
    make,
    primal,
    resized,
    type_of,
    Value,
)


@primitive("accum_grad_in_ref", "addupdate", "box_set", "log_extend", "swap",
           kind="refused")  # fmt: skip
def kept_outside(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Refuses to write to a state that lives on after the network has been called."""
    name = equation.primitive.name
    raise OperatorError(
        f"the network hands a value that depends on its input to {name}, which keeps "
        "it outside, so that its derivative would be lost",
        expression=f"{name} at {_compat.source_line(equation)}",
        hint="return the value from the network, or wrap what is stored in "
        "jax.lax.stop_gradient",
    )


@primitive(ANY, kind="fallback", steep=True)
def any_primitive(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Evaluates an equation that has a JVP but no rule.

    Raises:
        OperatorError: if JAX cannot differentiate the primitive.
    """
    if not any(_compat.differentiable(a.dtype) for a in _compat.output_avals(equation)):
        return _compat.bind(equation, *map(primal, inputs))
    try:
        return _by_jvp(context, equation, inputs)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise OperatorError(
            f"the network uses {equation.primitive.name}, which JAX cannot "
            "differentiate here",
            expression=f"{equation.primitive.name} at {_compat.source_line(equation)}: "
            f"{type(error).__name__}: {str(error).splitlines()[0]}",
            hint="use a differentiable operation, wrap it in jax.lax.stop_gradient, or "
            "give it a rule with jax.custom_jvp",
        ) from error


def _by_jvp(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    fun, active = _of_active_inputs(equation, inputs)
    shapes = list(map(type_of, active))

    def jvp(values: list[Array], tangents: list[Array]) -> list[Array]:
        return jax.jvp(fun, tuple(values), tuple(tangents))[1]

    jaxpr, consts = _compat.trace(jvp, shapes, shapes)
    reached = _compat.reached_by(jaxpr, jaxpr.invars[len(active) :])
    moving = [e for e in jaxpr.eqns if any(v in reached for v in e.outvars)]
    # Only equations that touch a tangent are evaluated up to the top order. Each of them
    # must have a rule: without one it would come back here at the same order, for ever.
    if not all(map(_has_rule, moving)):
        return polarised(context, equation, inputs)
    above = _raise(context, jaxpr, consts, reached, active)
    return _above_values(equation, inputs, above)


def _has_rule(equation: Any) -> bool:
    """Whether an equation, and all inside of it, has a rule."""
    name = equation.primitive.name
    if name.startswith("custom_") or name not in TABLE:
        return False
    bodies = [v for v in equation.params.values() if hasattr(v, "eqns")]
    return all(
        _has_rule(inner)
        for body in bodies
        for inner in _compat.open_jaxpr(body)[0].eqns
    )


def _of_active_inputs(
    equation: Any, inputs: Sequence[Value]
) -> tuple[Callable[..., list[Array]], list[AlgebraArray]]:
    """Returns the equation as a function of its active inputs, float outputs only."""
    places = [i for i, value in enumerate(inputs) if is_active(value)]
    constants = list(map(primal, inputs))
    floats = [_compat.differentiable(a.dtype) for a in _compat.output_avals(equation)]

    def fun(*values: Array) -> list[Array]:
        operands = list(constants)
        for place, value in zip(places, values, strict=True):
            operands[place] = value
        outputs = _compat.bind(equation, *operands)
        return [o for o, is_float in zip(outputs, floats, strict=True) if is_float]

    return fun, [inputs[place] for place in places]


# --- the raise identity -------------------------------------------------------------


def _raise(
    context: Context,
    jaxpr: Any,
    consts: Sequence[Any],
    reached: set[Any],
    active: Sequence[AlgebraArray],
) -> list[Series]:
    """Returns what is above the values: jvp f(x, E x), each degree divided by itself.

    What is free of tangents is evaluated to one order less.
    """
    algebra = context.algebra
    # Values of two algebras stand side by side here, which a watch cannot tell apart.
    context = replace(context, watch=None)
    lower = context.truncated(algebra.order - 1)

    def step(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
        if not any(variable in reached for variable in equation.outvars):
            return apply(lower, equation, inputs)
        inputs = [resized(value, algebra.size) for value in inputs]
        return apply(context, equation, inputs)

    degree = [channel.degree for channel in algebra.channels]
    cut = [resized(value, lower.algebra.size) for value in active]
    slopes = [_each(value, lambda k, c: scale(degree[k], c)) for value in active]
    # E x has no degree 0, so every product with it raises the degree: the values beside it
    # are needed to order K - 1 only, and each level of the recursion has a lower order.
    moving = [
        AlgebraArray(value.shape, value.dtype, (None, *slope))
        for value, slope in zip(active, slopes, strict=True)
    ]
    outputs = evaluate(context, jaxpr, consts, [*cut, *moving], step)
    divided = lambda k, c: scale(Fraction(1, degree[k]), c)
    return [_each(resized(output, algebra.size), divided) for output in outputs]


def _each(value: Value, function: Callable[[int, Array], Array]) -> Series:
    """Applies a function to the channels above the unit; a plain value has none."""
    if not isinstance(value, AlgebraArray):
        return []
    above = enumerate(value.coefficients[1:], 1)
    return [None if c is None else function(k, c) for k, c in above]


def _above_values(
    equation: Any, inputs: Sequence[Value], above: Sequence[Series]
) -> list[Value]:
    """Puts the primitive's own values below the channels of its float outputs."""
    channels = iter(above)
    return [
        make([output, *next(channels)], aval.shape, aval.dtype)
        if _compat.differentiable(aval.dtype)
        else output
        for output, aval in zip(
            _compat.bind(equation, *map(primal, inputs)),
            _compat.output_avals(equation),
            strict=True,
        )
    ]


# --- polarisation -------------------------------------------------------------------


def polarised(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """Evaluates an equation by nested `jax.jvp` of its primitive alone."""
    algebra = context.algebra
    fun, active = _of_active_inputs(equation, inputs)
    start = tuple(value.primal for value in active)
    living = [
        k
        for k in range(1, algebra.size)
        if any(v.coefficients[k] is not None for v in active)
    ]
    tangents = {
        k: tuple(
            (_compat.vary(v.dense(k), _compat.varying(x)), len(v.shape))
            for v, x in zip(active, start, strict=True)
        )
        for k in living
    }
    avals = _compat.output_avals(equation)
    ranks = [len(a.shape) for a in avals if _compat.differentiable(a.dtype)]
    parts: dict[int, list[list[Array]]] = {}
    for channels, element in _multisets(algebra, living):

        def slope(*rows: Array, order: int = len(channels)) -> list[Array]:
            # D^m f(x)[t_1, ..., t_m] by m nested JVPs.
            nested = fun
            for m in range(order):
                nested = _one_more(nested, rows[m * len(start) : (m + 1) * len(start)])
            return [jnp.asarray(o) for o in nested(*start)]

        # Of the products of families only those of one direction with itself are not zero,
        # so all families that take part go through their directions together.
        slopes = lift(slope, ranks, *(t for k in channels for t in tangents[k]))
        weight = math.prod(map(math.factorial, Counter(channels).values()))
        count = max(algebra.channels[k].count for k in channels)
        for k, c in element.items():
            summed = count > 1 and algebra.channels[k].count == 1
            terms = [times_constant(c, s, Fraction(1, weight), summed) for s in slopes]
            parts.setdefault(k, []).append(terms)
    above = [
        [total([term[n] for term in parts.get(k, ())]) for k in range(1, algebra.size)]
        for n in range(len(ranks))
    ]
    return _above_values(equation, inputs, above)


def _multisets(
    algebra: TaylorAlgebra, living: list[int]
) -> Iterator[tuple[tuple[int, ...], dict[int, Constant]]]:
    """Yields non-decreasing tuples of channels with their product, if not zero.

    The product of families is that of one direction's channels, with one constant per
    direction where they differ.
    """
    stack: list[tuple[tuple[int, ...], dict[int, Constant]]] = [
        ((k,), {k: Fraction(1)}) for k in living
    ]
    while stack:
        channels, element = stack.pop()
        yield channels, element
        for k in living:
            if k >= channels[-1]:
                longer: dict[int, Constant] = {}
                for i, x in element.items():
                    for out, c in algebra.table.get((i, k), ()):
                        longer[out] = _plus(longer.get(out, Fraction(0)), x, c)
                longer = {out: c for out, c in longer.items() if _is_something(c)}
                if longer:
                    stack.append(((*channels, k), longer))


def _plus(total: Constant, a: Constant, b: Constant) -> Constant:
    """Returns total + a b, direction by direction where one of them is a tuple."""
    given = (total, a, b)
    counts = [len(c) for c in given if isinstance(c, tuple)]
    if not counts:
        return total + a * b
    rows = (c if isinstance(c, tuple) else (c,) * counts[0] for c in given)
    return tuple(t + p * q for t, p, q in zip(*rows, strict=True))


def _is_something(c: Constant) -> bool:
    return any(c) if isinstance(c, tuple) else bool(c)


def _one_more(
    fun: Callable[..., list[Array]], tangent: tuple[Array, ...]
) -> Callable[..., list[Array]]:
    return lambda *values: jax.jvp(fun, values, tangent)[1]
