"""Pushing a function forward along seeds in an algebra."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax import Array

from opcompiler import _compat
from opcompiler.core.algebra import TaylorAlgebra
from opcompiler.taylor.evaluation import evaluate
from opcompiler.taylor.families import refold, unfold
from opcompiler.taylor.interpreter import interpreter
from opcompiler.taylor.value import Coefficient, make, Value


def push(
    fun: Callable[[Array], Any],
    point: Array,
    seeds: Sequence[Coefficient],
    algebra: TaylorAlgebra,
) -> list[Value]:
    """Evaluates a function on an algebra-valued array.

    Args:
        fun: any JAX function of one array, a pytree of arrays out.
        point: the plain value, of any shape and a floating dtype.
        seeds: for each channel but the unit, an array that broadcasts to the shape of
            `point`, or `None` for zero: the normalised coefficient it starts from.
        algebra: the algebra.

    Returns:
        The leaves of the result, each an `AlgebraArray`, or a plain array where it
        does not depend on the point.
    """
    jaxpr, consts = _compat.trace(fun, jax.ShapeDtypeStruct(point.shape, point.dtype))
    start = make((point, *seeds), point.shape, point.dtype)
    context = interpreter(algebra)
    if context.folding is None:
        return evaluate(context, jaxpr, consts, [start])
    outputs = evaluate(context, jaxpr, consts, [refold(context.folding, start)])
    return [unfold(context.folding, output) for output in outputs]
