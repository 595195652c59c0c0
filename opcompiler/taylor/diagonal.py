r"""Pure derivatives $\partial_i^k f$ along chosen coordinates, in any number of dimensions.

The directions are kept as places, see `sparse.py`, so that what a coordinate costs does
not grow with the dimension where the function starts with a matrix product.

Source: Shi, Hu, Lin & Kawaguchi, *Stochastic Taylor derivative estimator* (2024),
equations 14 to 17, where $d/|J| \sum_{i \in J} \partial_i^k f$ estimates
$\sum_i \partial_i^k f$.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler.algebra.weil import Channel, TaylorAlgebra
from opcompiler.edge import public
from opcompiler.errors import OperatorError
from opcompiler.taylor.onehot import OneHot, seeded
from opcompiler.taylor.push import push_tree
from opcompiler.taylor.tuning import Tuning
from opcompiler.taylor.value import AlgebraArray, primal, Value


@public("oc.taylor.diagonal_sum(f, 2)(x, indices)")
def diagonal_sum(
    fun: Callable[[Array], Any],
    order: int,
    *,
    with_value: bool = False,
    chunk: int | None = None,
) -> Callable[[Array, Array], Any]:
    r"""Returns $\sum_{i \in J} \partial_i^k f$ of f: (d,) -> pytree.

    With `indices = jax.random.choice(key, d, (R,), replace=False)` and times d/R it is
    an unbiased estimate of the sum over all coordinates, which for k = 2 is the Laplacian.

    Args:
        fun: the function.
        order: k, at least 1.
        with_value: return a pair of f and the sum, from one pass.
        chunk: coordinates that are pushed at a time, to bound memory; all by default.

    Returns:
        A function of a point (d,) and indices (R,), or of points (N, d) and indices
        (R,), the same at all points, or (N, R). Indices may repeat, then they count as
        often. A pytree like that of f, its arrays with N in front for N points.
        All points in one call are quicker than `jax.vmap` over single ones.

    Raises:
        OperatorError: for shapes and indices that do not fit. Traced indices beyond the
            point give NaN.

    Examples:
        >>> at = oc.taylor.diagonal_sum(lambda x: jnp.sum(x**4), 2)
        >>> float(at(jnp.ones(1000), jnp.array([0, 7])))
        24.0
    """
    _check_order(order)
    return partial(_pushed, fun, order, True, with_value, chunk)


@public("oc.taylor.diagonal_terms(f, 2)(x, indices)")
def diagonal_terms(
    fun: Callable[[Array], Any],
    order: int,
    *,
    with_value: bool = False,
    chunk: int | None = None,
) -> Callable[[Array, Array], Any]:
    r"""Returns the single $\partial_i^k f$, $i \in J$, of f: (d,) -> pytree.

    Args:
        fun: the function.
        order: k, at least 1.
        with_value: return a pair of f and the terms, from one pass.
        chunk: coordinates that are pushed at a time, to bound memory; all by default.

    Returns:
        A function of points and indices, as that of `diagonal_sum`; the arrays that it
        returns have one more axis, of length R: in front for one point, behind N for N
        points.

    Raises:
        OperatorError: for shapes and indices that do not fit.

    Examples:
        >>> at = oc.taylor.diagonal_terms(lambda x: jnp.sum(x**4), 2)
        >>> at(jnp.ones(1000), jnp.array([0, 7])).tolist()
        [12.0, 12.0]
    """
    _check_order(order)
    return partial(_pushed, fun, order, False, with_value, chunk)


def _check_order(order: int) -> None:
    if order < 1:
        raise OperatorError(
            "a derivative has an order of at least 1",
            expression=f"order {order}",
            hint="order 2 gives the terms of a Laplacian",
        )


@lru_cache(maxsize=64)
def powers_algebra(order: int, count: int, summed: bool) -> TaylorAlgebra:
    r"""Returns the algebra of $\sum_r (v_r \cdot \xi)^k$, the directions as a family.

    Args:
        order: k.
        count: number of directions, at least 2.
        summed: whether the top degree is summed over the directions.
    """
    top = Channel(order, f"sum of v^{order}", 1 if summed and order > 1 else count)
    below = (Channel(k, f"v^{k}", count) for k in range(1, order))
    products = sorted(
        (
            (i, j, i + j, Fraction(1))
            for i in range(1, order)
            for j in range(i, order + 1 - i)
        ),
        key=lambda p: p[2],
    )
    return TaylorAlgebra((Channel(0, "1"), *below, top), tuple(products))


def _pushed(
    fun: Callable[[Array], Any],
    order: int,
    summed: bool,
    with_value: bool,
    chunk: int | None,
    point: Array,
    indices: Array,
) -> Any:
    point, indices = jnp.asarray(point), jnp.asarray(indices)
    if point.ndim not in (1, 2) or indices.ndim not in (1, point.ndim):
        raise OperatorError(
            "points and indices do not fit",
            expression=f"points {point.shape}, indices {indices.shape}",
            hint="give one point (d,) with indices (R,), or points (N, d) with indices "
            "(R,) or (N, R)",
        )
    count = indices.shape[-1]
    batched = jax.vmap(fun) if point.ndim == 2 else fun
    # A family has two directions or more; those of zero add nothing.
    padded = max(count, 2)
    values = (jnp.arange(padded) < count).astype(point.dtype)
    if padded > count:
        last = [(0, 0)] * (indices.ndim - 1) + [(0, padded - count)]
        indices = jnp.pad(indices, last)
    algebra = powers_algebra(order, padded, summed)
    seeds = [OneHot(indices, values), *[None] * (order - 1)]
    start = seeded(point, seeds, algebra)
    outputs = push_tree(batched, [start], algebra, (order,), Tuning(chunk=chunk))
    read = partial(_read, order, algebra, summed, count, point.ndim == 2)
    result = jax.tree.map(read, outputs)
    return (jax.tree.map(primal, outputs), result) if with_value else result


def _read(
    order: int,
    algebra: TaylorAlgebra,
    summed: bool,
    count: int,
    batched: bool,
    output: Value,
) -> Array:
    shape, dtype = jnp.shape(output), jnp.result_type(output)
    if isinstance(output, AlgebraArray):
        shape, dtype = output.shape, output.dtype
    size = algebra.channels[order].count
    if size == 1:
        if not isinstance(output, AlgebraArray):
            return jnp.zeros(shape, dtype)
        return output.dense(order) * math.factorial(order)
    if isinstance(output, AlgebraArray):
        rows = output.family(order, size)[:count] * math.factorial(order)
    else:
        rows = jnp.zeros((count, *shape), dtype)
    if summed:
        return jnp.sum(rows, 0)
    return jnp.moveaxis(rows, 0, 1) if batched else rows
