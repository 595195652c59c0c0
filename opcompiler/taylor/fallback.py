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
from collections.abc import Callable, Collection, Iterator, Sequence
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler import _compat
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.errors import OperatorError
from opcompiler.taylor.arithmetic import scale, total
from opcompiler.taylor.families import without_families
from opcompiler.taylor.registry import Context, FAMILY_RULES, RULES
from opcompiler.taylor.value import (
    AlgebraArray,
    is_active,
    make,
    primal,
    resized,
    type_of,
    Value,
)

_OUTSIDE = frozenset(
    {"accum_grad_in_ref", "addupdate", "box_set", "log_extend", "swap"}
)
"""Primitives that write to a state which lives on after the network has been called."""


def any_primitive(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """Evaluates an equation that has a JVP but no rule.

    Raises:
        OperatorError: if JAX cannot differentiate the primitive.
    """
    name = equation.primitive.name
    if name in _OUTSIDE:
        raise OperatorError(
            f"the network hands a value that depends on its input to {name}, which keeps "
            "it outside, so that its derivative would be lost",
            expression=f"{name} at {_compat.source_line(equation)}",
            hint="return the value from the network, or wrap what is stored in "
            "jax.lax.stop_gradient",
        )
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
    traced = _trace_jvp(fun, active)
    if not _has_rules(traced, RULES):
        return without_families(context, polarised, equation, inputs)

    def raised(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
        _, active = _of_active_inputs(equation, inputs)
        slopes = _raise(context, traced, active)
        return _integrate(context, equation, inputs, slopes)

    if _has_rules(traced, FAMILY_RULES, everywhere=True):
        return raised(context, equation, inputs)
    return without_families(context, raised, equation, inputs)


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

Traced = tuple[Any, list[Any], set[Any]]
"""The jaxpr of a JVP, its constants, and the variables that depend on tangents."""


def _trace_jvp(fun: Callable[..., list[Array]], active: list[AlgebraArray]) -> Traced:
    shapes = list(map(type_of, active))

    def jvp(values: list[Array], tangents: list[Array]) -> list[Array]:
        return jax.jvp(fun, tuple(values), tuple(tangents))[1]

    jaxpr, consts = _compat.trace(jvp, shapes, shapes)
    return jaxpr, consts, _compat.reached_by(jaxpr, jaxpr.invars[len(active) :])


def _has_rules(
    traced: Traced, rules: Collection[str], everywhere: bool = False
) -> bool:
    """Whether what touches a tangent, or all of a JVP, goes by the given rules."""
    jaxpr, _, reached = traced
    return all(
        _goes_by(equation, rules)
        for equation in jaxpr.eqns
        if everywhere or any(variable in reached for variable in equation.outvars)
    )


def _goes_by(equation: Any, rules: Collection[str]) -> bool:
    if equation.primitive.name.startswith("custom_"):
        return False
    bodies = [v for v in equation.params.values() if hasattr(v, "eqns")]
    return equation.primitive.name in rules and all(
        _goes_by(inner, rules)
        for body in bodies
        for inner in _compat.open_jaxpr(body)[0].eqns
    )


def _raise(context: Context, traced: Traced, active: list[AlgebraArray]) -> list[Value]:
    """Evaluates jvp f(x, E x): what is free of tangents to one order less."""
    jaxpr, consts, reached = traced
    algebra = context.algebra
    lower = context.truncated(algebra.order - 1)
    known: dict[Any, Value] = dict(zip(jaxpr.constvars, consts, strict=True))
    slopes = [_euler(algebra, value) for value in active]
    cut = [resized(value, lower.algebra.size) for value in active]
    known.update(zip(jaxpr.invars, [*cut, *slopes], strict=True))

    def read(atom: Any) -> Value:
        if isinstance(atom, _compat.Literal):
            return _compat.literal_value(atom)
        return known[atom]

    for equation in jaxpr.eqns:
        inputs = [read(atom) for atom in equation.invars]
        where = lower
        if any(variable in reached for variable in equation.outvars):
            where = context
            inputs = [resized(value, algebra.size) for value in inputs]
        outputs = context.apply(where, equation, inputs)
        known.update(zip(equation.outvars, outputs, strict=True))
    return [resized(read(atom), algebra.size) for atom in jaxpr.outvars]


def _euler(algebra: TaylorAlgebra, value: AlgebraArray) -> AlgebraArray:
    coefficients = [None] + [
        None if c is None else scale(algebra.channels[k].degree, c)
        for k, c in enumerate(value.coefficients)
        if k
    ]
    return AlgebraArray(value.shape, value.dtype, tuple(coefficients))


def _integrate(
    context: Context, equation: Any, inputs: Sequence[Value], slopes: list[Value]
) -> list[Value]:
    """Divides each degree by itself and puts the primitive's own value below."""
    outputs = _compat.bind(equation, *map(primal, inputs))
    pending = iter(slopes)
    result: list[Value] = []
    for output, aval in zip(outputs, _compat.output_avals(equation), strict=True):
        slope = next(pending) if _compat.differentiable(aval.dtype) else None
        if not isinstance(slope, AlgebraArray):
            result.append(output)
            continue
        channels = context.algebra.channels
        coefficients = [output] + [
            None if c is None else scale(Fraction(1, channels[k].degree), c)
            for k, c in enumerate(slope.coefficients)
            if k
        ]
        result.append(make(coefficients, aval.shape, aval.dtype))
    return result


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
            _compat.vary(v.dense(k), _compat.varying(x))
            for v, x in zip(active, start, strict=True)
        )
        for k in living
    }
    parts: dict[int, list[list[Array]]] = {}
    for channels, element in _multisets(algebra, living):
        slope = _directional(fun, start, [tangents[k] for k in channels])
        weight = math.prod(map(math.factorial, Counter(channels).values()))
        for k, c in element.items():
            parts.setdefault(k, []).append([scale(c / weight, s) for s in slope])
    outputs = _compat.bind(equation, *map(primal, inputs))
    return _assemble(algebra, equation, outputs, parts)


def _assemble(
    algebra: TaylorAlgebra,
    equation: Any,
    outputs: list[Array],
    parts: dict[int, list[list[Array]]],
) -> list[Value]:
    result: list[Value] = []
    place = 0
    for output, aval in zip(outputs, _compat.output_avals(equation), strict=True):
        if not _compat.differentiable(aval.dtype):
            result.append(output)
            continue
        coefficients = [output] + [
            total([term[place] for term in parts.get(k, ())])
            for k in range(1, algebra.size)
        ]
        result.append(make(coefficients, aval.shape, aval.dtype))
        place += 1
    return result


def _multisets(
    algebra: TaylorAlgebra, living: list[int]
) -> Iterator[tuple[tuple[int, ...], dict[int, Fraction]]]:
    """Yields non-decreasing tuples of channels with their product, if not zero."""
    stack = [((k,), {k: Fraction(1)}) for k in living]
    while stack:
        channels, element = stack.pop()
        yield channels, element
        for k in living:
            if k >= channels[-1]:
                longer: dict[int, Fraction] = {}
                for i, x in element.items():
                    for out, c in algebra.table.get((i, k), ()):
                        longer[out] = longer.get(out, Fraction(0)) + c * x
                longer = {out: c for out, c in longer.items() if c}
                if longer:
                    stack.append(((*channels, k), longer))


def _directional(
    fun: Callable[..., list[Array]],
    start: tuple[Array, ...],
    tangents: Sequence[tuple[Array, ...]],
) -> list[Array]:
    r"""Returns $D^m f(x)[t_1, \dots, t_m]$ by m nested JVPs."""
    nested = fun
    for tangent in tangents:
        nested = _one_more(nested, tangent)
    return [jnp.asarray(o) for o in nested(*start)]


def _one_more(
    fun: Callable[..., list[Array]], tangent: tuple[Array, ...]
) -> Callable[..., list[Array]]:
    return lambda *values: jax.jvp(fun, values, tangent)[1]
