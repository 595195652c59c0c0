"""Pushing a function forward along seeds in an algebra.

In: a JAX function, a point, an algebra, and for each of its channels a seed. Out: the
values of the function, each with one coefficient per channel.

    algebra = univariate(2)
    (y,) = push(jnp.sin, jnp.asarray(0.5), [1.0, None], algebra)
    y.coefficients  # sin, cos, -sin/2

The function is traced once to a jaxpr, at the plain point. Many like directions are folded
to families, the jaxpr is evaluated (`interpret.py`), a few directions at a time where
memory is short (`chunks.py`), and families are written out again.
"""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from opcompiler import _compat
from opcompiler.algebra.families import fold
from opcompiler.algebra.weil import Tangent, TaylorAlgebra
from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.taylor.chunks import evaluate_in_chunks
from opcompiler.taylor.interpret import evaluate, refold, unfold
from opcompiler.taylor.misuse import explained
from opcompiler.taylor.onehot import seeded
from opcompiler.taylor.places import densified, SparseArray
from opcompiler.taylor.primitives import Context
from opcompiler.taylor.rank import Points, weights_of
from opcompiler.taylor.support import by_element, localised, spread
from opcompiler.taylor.tuning import DEFAULT, Tuning
from opcompiler.taylor.value import Active, AlgebraArray, primal, type_of, Value
from opcompiler.taylor.watch import current_watch, Watch


@public("oc.taylor.push(f, x, seeds, algebra)")
def push(
    fun: Callable[[Any], Any],
    point: Any,
    seeds: Sequence[Any],
    algebra: TaylorAlgebra,
    wanted: Collection[int] | None = None,
    tuning: Tuning = DEFAULT,
    mapped: bool = False,
    piece: int | None = None,
) -> list[Value]:
    """Evaluates a function on an algebra-valued array, or a pytree of them.

    An algebra may have families from the start, `Channel.count` directions each. Then
    their seeds and the outputs' channels have one more axis for the directions, see
    `value.family_axis`; directions that are zero but for one place are best given as
    `OneHot`.

    Args:
        fun: any JAX function of one argument, a pytree of arrays out.
        point: the plain argument: an array of any shape and a floating dtype, or a pytree
            of such.
        seeds: for each channel but the unit the normalised coefficient it starts from:
            an array that broadcasts to the shape of `point`, or `None` for zero; of a
            pytree a pytree of such. For a family an array with its axis, or a `OneHot`.
        algebra: the algebra.
        wanted: the channels that will be read; all by default.
        tuning: how the algebra is laid out.
        mapped: whether the function is a `jax.vmap` over the leading axis of the point;
            then each of its points may have directions of its own.
        piece: directions that are pushed at a time if the families would be large
            otherwise; all by default.

    Returns:
        The leaves of the result, each an `AlgebraArray`, or a plain array where it
        does not depend on the point.

    Raises:
        OperatorError: for a primitive that JAX cannot differentiate, for chunks of an
            operator that does not split, for seeds that are not one per channel or not
            like the point, and for one-hot seeds that do not fit.

    Examples:
        >>> from opcompiler.planning import univariate
        >>> seeds = [jnp.array(1.0), None, None]
        >>> (out,) = oc.taylor.push(jnp.exp, jnp.array(0.0), seeds, univariate(3))
        >>> round(float(out.coefficients[3]), 6)
        0.166667
    """
    leaves, structure = jax.tree.flatten(point)
    if len(seeds) != algebra.size - 1:
        raise OperatorError(
            f"{len(seeds)} seeds are given for {algebra.size - 1} channels",
            expression=f"{len(seeds)} seeds",
            hint="give a seed for each channel but the first, None for zero",
        )
    columns = [_like_point(seed, structure) for seed in seeds]
    starts = [
        seeded(jnp.asarray(leaf), [column[n] for column in columns], algebra)
        for n, leaf in enumerate(leaves)
    ]
    fun_of_leaves = lambda *arrays: fun(jax.tree.unflatten(structure, arrays))
    return jax.tree.leaves(
        push_tree(fun_of_leaves, starts, algebra, wanted, tuning, mapped)
    )


def fits(
    context: Context,
    jaxpr: Any,
    consts: Sequence[Any],
    starts: Sequence[Value],
    chunk: int,
) -> bool:
    """Whether a program keeps its families small, so that it need not go in chunks.

    None may be larger than those of a chunk become, or than what the program is given: the
    first layer's matrix is the family behind it.
    """
    watch = Watch()
    trial = replace(context, watch=watch)
    jax.eval_shape(lambda: list(map(primal, evaluate(trial, jaxpr, consts, starts))))
    arrays = jax.tree.leaves((consts, list(map(_arrays, starts))))
    avals = [v.aval for e in jaxpr.eqns for v in e.outvars]
    widest = max((math.prod(a.shape) for a in avals if hasattr(a, "shape")), default=0)
    given = max((jnp.size(a) for a in arrays), default=0)
    return watch.largest <= max(chunk * widest, given)


def _like_point(seed: Any, structure: Any) -> list[Any]:
    """Returns a seed leaf by leaf."""
    if seed is None:
        return [None] * structure.num_leaves
    try:
        return structure.flatten_up_to(seed)
    except ValueError as error:
        raise OperatorError(
            "a seed has another structure than the point",
            expression=repr(seed)[:200],
            hint=f"give it the structure of the point, {structure}",
        ) from error


def push_tree(
    fun: Callable[..., Any],
    starts: Sequence[Value],
    algebra: TaylorAlgebra,
    wanted: Collection[int] | None = None,
    tuning: Tuning = DEFAULT,
    mapped: bool = False,
    piece: int | None = None,
) -> Any:
    """Evaluates a function of several arrays, some of them algebra-valued.

    Args:
        fun: any JAX function of as many arrays, a pytree of arrays out.
        starts: an `AlgebraArray` or a plain array for each argument.
        algebra: the algebra of all of them.
        wanted: the channels that will be read; all by default.
        tuning: how the algebra is laid out.
        mapped: whether the function is mapped over the leading axes of all arguments.
        piece: as of `push`.

    Returns:
        The values, as those of `push`, in the structure of the function's result.
    """
    starts = list(map(varied, starts))
    types = list(map(type_of, starts))
    given = ", ".join(str(each.shape) for each in types)
    with explained(
        f"the function cannot be called on arguments of shape {given}",
        "it takes these arrays, and returns arrays",
    ):
        closed, result = jax.make_jaxpr(fun, return_shape=True)(*types)
    jaxpr, consts = _compat.open_jaxpr(closed)
    # An algebra that has families from the start stays as it is.
    folding = None if algebra.has_families else fold(algebra, tuning.fold_from)
    context = Context(
        algebra if folding is None else folding.folded,
        folding,
        tuning.stack_from,
        tuning.compose_upto,
        watch=current_watch(),
    )
    if folding is not None:
        starts = [refold(folding, start) for start in starts]
    empty = any(math.prod(each.shape) == 0 for each in types)
    if empty:  # of no numbers there are no places to keep apart
        local = starts = list(map(densified, starts))
    else:
        lanes = tuning.sparsity
        local = [
            localised(by_element(start, lanes), context.algebra, lanes)
            for start in starts
        ]
        if any(isinstance(start, SparseArray) for start in local):
            local = starts
    places = folding.places if folding else [(k, 0) for k in range(algebra.size)]
    read = range(algebra.size) if wanted is None else wanted
    channels = frozenset(places[k][0] for k in read)
    # Where nobody reads a family, another one with the same sums of squares will do.
    summed = all(context.algebra.channels[k].count == 1 for k in channels)
    if summed and not empty and weights_of(context.algebra) is not None:
        longer = lambda: _compat.trace(fun, *map(_one_more, types))[0]
        points = Points(jaxpr, longer) if mapped else None
        context = replace(context, reducible=True, points=points)
    chunk = tuning.chunk if context.algebra.has_families else None
    if chunk is None and piece and not fits(context, jaxpr, consts, local, piece):
        chunk = piece
    if context.watch is not None:
        context.watch.begins(local, chunk)
    if chunk is not None:
        context = replace(context, reducible=False)
        starts = [spread(start) for start in starts]
        outputs = evaluate_in_chunks(context, jaxpr, consts, starts, chunk, channels)
    else:
        outputs = evaluate(context, jaxpr, consts, local)
    outputs = [spread(densified(output)) for output in outputs]
    if folding is not None:
        outputs = [unfold(folding, output, wanted) for output in outputs]
    return jax.tree.unflatten(jax.tree.structure(result), outputs)


def _one_more(given: Any) -> jax.ShapeDtypeStruct:
    """Returns the type of an argument of one point more."""
    first, *rest = given.shape
    return jax.ShapeDtypeStruct((first + 1, *rest), given.dtype)


def varied(start: Value) -> Value:
    """Lets a value's plain part vary along all axes along which a channel does.

    A program is traced at the plain part; inside of `jax.shard_map` a seed may be another
    one on each device where the point is the same on all.
    """
    arrays = jax.tree.leaves(_arrays(start))
    axes = frozenset[Any]().union(*map(_compat.varying, arrays))
    if not axes or not isinstance(start, Active):
        return start
    if isinstance(start, SparseArray):
        return replace(start, base=_varying(start.base, axes))
    return _varying(start, axes)


def _arrays(start: Value) -> Any:
    if isinstance(start, SparseArray):
        return _arrays(start.base), start.patches
    return start.coefficients if isinstance(start, AlgebraArray) else start


def _varying(value: Value, axes: frozenset[Any]) -> Value:
    if not isinstance(value, AlgebraArray):
        return _compat.vary(value, axes)
    first, *rest = value.coefficients
    return replace(value, coefficients=(_compat.vary(first, axes), *rest))


def tangent_row(tangent: Tangent, dim: int, dtype: Any) -> np.ndarray | None:
    """Returns a sparse tangent as a vector (dim,) of numpy; `None` if it is empty."""
    if not tangent:
        return None
    row = np.zeros((dim,), dtype)
    for place, c in tangent:
        row[place] = float(c)
    return row
