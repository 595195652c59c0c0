"""Runs a straight-line program on JAX arrays."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import jax.scipy.special as jsp
from jax import lax

from opcompiler.core.program import Operand, Program

_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "neg": operator.neg,
}
_MODULES = {"jnp": jnp, "lax": lax, "jsp": jsp}


def run_program(program: Program, inputs: Mapping[str, Any]) -> list[Any]:
    """Evaluates a program; returns one value per output.

    Args:
        program: the shell, or the arguments of a site.
        inputs: an array for every input name the program reads. They broadcast.
    """
    known: dict[str, Any] = dict(inputs)

    def value(operand: Operand) -> Any:
        return known[operand] if isinstance(operand, str) else operand

    for step in program.steps:
        known[step.name] = _function(step.function)(*map(value, step.operands))
    return [value(output) for output in program.outputs]


def _function(name: str) -> Callable[..., Any]:
    if name in _ARITHMETIC:
        return _ARITHMETIC[name]
    module, function = name.split(".")
    return getattr(_MODULES[module], function)
