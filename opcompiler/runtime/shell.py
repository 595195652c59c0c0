"""Runs a straight-line program on JAX arrays, in the points' dtype from the first number.

Every number of the program and every input is an array of that dtype, or a complex one of
its precision: nothing is computed with integers, which wrap, nor in double precision where
the points are single. Only exponents, orders and axes are integers, and known when traced.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
import numpy as np
from jax import lax

from opcompiler.errors import OperatorError
from opcompiler.ir import Operand, Program, Step
from opcompiler.runtime import linear_algebra, special
from opcompiler.runtime.precision import literal

_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "neg": operator.neg,
}

_MODULES = {
    "jnp": jnp,
    "lax": lax,
    "jsp": jsp,
    "linalg": linear_algebra,
    "special": special,
}


_NUMBER = float | complex

_ORDERED = frozenset(
    f"jnp.{name}"
    for name in ("less", "less_equal", "greater", "greater_equal", "maximum", "minimum")
)
"""What JAX does with complex numbers too, in an order that no equation means."""


def run_program(
    program: Program,
    inputs: Mapping[str, Any],
    dtype: Any,
    functions: Mapping[str, Callable[..., Any]] | None = None,
) -> list[Any]:
    """Evaluates a program; returns one value per output.

    It mixes real and complex numbers of several ranks, as formulas do. JAX can be made to
    refuse such mixtures (`jax_numpy_dtype_promotion="strict"`); here it is not.

    Args:
        program: the shell, or the arguments of a site.
        inputs: for every input name the program reads an array of `dtype`, or a complex
            one of its precision. They broadcast.
        dtype: of the points.
        functions: by name, instead of the usual ones.

    Raises:
        OperatorError: for a number that is none of `dtype`, and for complex values where
            only real ones have a meaning.
    """
    own = functions or {}
    known: dict[str, Any] = dict(inputs)

    def value(operand: Operand) -> Any:
        if isinstance(operand, str):
            return known[operand]
        return literal(operand, dtype) if isinstance(operand, _NUMBER) else operand

    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for step in program.steps:
            function = own.get(step.function) or _function(step.function)
            operands = [value(operand) for operand in step.operands]
            if any(isinstance(operand, str) for operand in step.operands):
                known[step.name] = _applied(step, function, operands)
            else:
                known[step.name] = _constant(step, function, operands)
    return [value(output) for output in program.outputs]


def _applied(step: Step, function: Callable[..., Any], operands: list[Any]) -> Any:
    if not any(map(jnp.iscomplexobj, operands)):
        return function(*operands)
    try:
        if step.function in _ORDERED:
            raise TypeError("complex numbers have no order")
        return function(*operands)
    except TypeError as error:
        raise OperatorError(
            f"{step.function} takes no complex values",
            expression=str(error),
            hint="take re(...), im(...) or Abs(...) of its argument",
        ) from error


def _constant(step: Step, function: Callable[..., Any], operands: list[Any]) -> Any:
    """Computes a step of numbers alone, one that SymPy could not."""
    with jax.ensure_compile_time_eval():
        found = _applied(step, function, operands)
        if not np.isfinite(np.asarray(found)).all():
            raise OperatorError(
                "a number of the equation is not finite",
                expression=f"{step.function}({', '.join(map(str, step.operands))})",
                hint="its argument is outside of the function's domain, or too large",
            )
    return found


def _function(name: str) -> Callable[..., Any]:
    if name in _ARITHMETIC:
        return _ARITHMETIC[name]
    if name in _OWN:
        return _OWN[name]
    module, function = name.split(".")
    return getattr(_MODULES[module], function)


_GENERIC = 0.6180339887498949


def guard(taken: Any, value: Any) -> Any:
    """Returns a value where a branch is taken; elsewhere one that the branch can take.

    Args:
        taken: booleans.
        value: what the branch reads, of a shape that broadcasts with `taken`.

    Returns:
        The value; where the branch is not taken, the constant that it is at some point
        where it is, or a generic number if it is taken nowhere.
    """
    taken, value = jnp.broadcast_arrays(taken, value)
    first = value.reshape(-1)[jnp.argmax(taken)] if value.size else _GENERIC
    safe = lax.stop_gradient(jnp.where(jnp.any(taken), first, _GENERIC))
    return jnp.where(taken, value, safe.astype(value.dtype))


def integrate(integrand: Any, weights: Any, axis: int) -> Any:
    """Returns the weighted sum over the axis of integration variable number `axis`."""
    return jnp.sum(weights * integrand, axis=-2 - axis, keepdims=True)


_OWN: dict[str, Callable[..., Any]] = {"guard": guard, "integrate": integrate}
