"""Pushing a function forward along seeds in an algebra."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler import _compat
from opcompiler.core.algebra import TaylorAlgebra
from opcompiler.core.apolar import Tangent
from opcompiler.taylor.chunks import evaluate_in_chunks
from opcompiler.taylor.evaluation import evaluate
from opcompiler.taylor.families import refold, unfold
from opcompiler.taylor.interpreter import interpreter
from opcompiler.taylor.onehot import OneHot, seeded
from opcompiler.taylor.sparse import densified
from opcompiler.taylor.tuning import DEFAULT, Tuning
from opcompiler.taylor.value import Coefficient, is_active, Value


def push(
    fun: Callable[[Array], Any],
    point: Array,
    seeds: Sequence[Coefficient | OneHot],
    algebra: TaylorAlgebra,
    wanted: Collection[int] | None = None,
    tuning: Tuning = DEFAULT,
) -> list[Value]:
    """Evaluates a function on an algebra-valued array.

    An algebra may have families from the start, `Channel.count` directions each. Then
    their seeds and the outputs' channels have one more axis for the directions, see
    `value.family_axis`; directions that are zero but for one place are best given as
    `OneHot`.

    Args:
        fun: any JAX function of one array, a pytree of arrays out.
        point: the plain value, of any shape and a floating dtype.
        seeds: for each channel but the unit, an array that broadcasts to the shape of
            `point`, or `None` for zero: the normalised coefficient it starts from. For
            a family an array with its axis, or a `OneHot`.
        algebra: the algebra.
        wanted: the channels that will be read; all by default.
        tuning: how the algebra is laid out.

    Returns:
        The leaves of the result, each an `AlgebraArray`, or a plain array where it
        does not depend on the point.

    Raises:
        OperatorError: for a primitive that JAX cannot differentiate, for chunks of an
            operator that does not split, and for one-hot seeds that do not fit.
    """
    start = seeded(point, seeds, algebra)
    return push_values(fun, [start], algebra, wanted, tuning)


def push_values(
    fun: Callable[..., Any],
    starts: Sequence[Value],
    algebra: TaylorAlgebra,
    wanted: Collection[int] | None = None,
    tuning: Tuning = DEFAULT,
) -> list[Value]:
    """Evaluates a function of several arrays, some of them algebra-valued.

    Args:
        fun: any JAX function of as many arrays, a pytree of arrays out.
        starts: an `AlgebraArray` or a plain array for each argument.
        algebra: the algebra of all of them.
        wanted: the channels that will be read; all by default.
        tuning: how the algebra is laid out.

    Returns:
        As `push`.
    """
    shapes = [
        jax.ShapeDtypeStruct(s.shape, s.dtype) if is_active(s) else jax.typeof(s)
        for s in starts
    ]
    jaxpr, consts = _compat.trace(fun, *shapes)
    context = interpreter(algebra, tuning)
    folding = context.folding
    if folding is not None:
        starts = [refold(folding, start) for start in starts]
    if tuning.chunk is None or not context.algebra.has_families:
        outputs = evaluate(context, jaxpr, consts, starts)
    else:
        places = [(k, 0) for k in range(algebra.size)]
        if folding is not None:
            places = folding.places
        read = range(algebra.size) if wanted is None else wanted
        channels = frozenset(places[k][0] for k in read)
        outputs = evaluate_in_chunks(
            context, jaxpr, consts, starts, tuning.chunk, channels
        )
    outputs = [densified(output) for output in outputs]
    if folding is None:
        return outputs
    return [unfold(folding, output, wanted) for output in outputs]


def tangent_row(tangent: Tangent, dim: int, dtype: Any) -> Array | None:
    """Returns a sparse tangent as a vector (dim,); `None` if it is empty."""
    if not tangent:
        return None
    places = jnp.array([place for place, _ in tangent])
    components = jnp.array([float(c) for _, c in tangent], dtype)
    return jnp.zeros((dim,), dtype).at[places].set(components)
