"""Runs a straight-line program on JAX arrays."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
from jax import lax

from opcompiler.core.errors import OperatorError
from opcompiler.core.program import Operand, Program
from opcompiler.lowering import special

_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "neg": operator.neg,
}

_MODULES = {"jnp": jnp, "lax": lax, "jsp": jsp, "special": special}


def run_program(
    program: Program,
    inputs: Mapping[str, Any],
    functions: Mapping[str, Callable[..., Any]] | None = None,
) -> list[Any]:
    """Evaluates a program; returns one value per output.

    It mixes real, complex and whole numbers of several ranks, as formulas do. Whoever has
    JAX refuse such mixtures (`jax_numpy_dtype_promotion="strict"`) means code of theirs.

    Args:
        program: the shell, or the arguments of a site.
        inputs: an array for every input name the program reads. They broadcast.
        functions: by name, instead of the usual ones.
    """
    own = functions or {}
    known: dict[str, Any] = dict(inputs)

    def value(operand: Operand) -> Any:
        return known[operand] if isinstance(operand, str) else operand

    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for step in program.steps:
            function = own.get(step.function) or _function(step.function)
            operands = [value(operand) for operand in step.operands]
            try:
                known[step.name] = function(*operands)
            except TypeError as error:
                if not any(map(jnp.iscomplexobj, operands)):
                    raise
                raise OperatorError(
                    f"{step.function} takes no complex values",
                    expression=str(error),
                    hint="take re(...), im(...) or Abs(...) of its argument",
                ) from error
    return [value(output) for output in program.outputs]


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
