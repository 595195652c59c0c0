r"""Products of gradients that are held as factors: J Jᵀ without J, and Kronecker factors.

In: the gradients of all residuals, part by part (`layers.py`). Out: inner products of all
pairs of residuals. For a layer with inputs a and gradients g of C products there are two
ways, of which the cheaper one is taken:

$$ K_{nm} = \sum_{c,c'} (a_{nc} \cdot a_{mc'})\,(g_{nc} \cdot g_{mc'})
          = \Big\langle \sum_c a_{nc} g_{nc}^\top,\ \sum_{c'} a_{mc'} g_{mc'}^\top
            \Big\rangle . $$

The first takes (R C)² (inputs + outputs) operations for R residuals, the second R² inputs
outputs; it forms some columns of the matrices at a time. Neither holds the Jacobian.

Source: the layerwise kernel is that of per-example gradient norms, Goodfellow,
arXiv 1510.01799, with all channels of a differential operator.
"""

import math
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from opcompiler.runtime.layers import Factors

_AT_ONCE = 2**18
"""Numbers of an array that is held in between, about; of all rows and some columns."""

_TRAFFIC = 128
"""What a number of the two kernels of the first way costs besides its products."""

Gradient = Factors | Array | None
"""The gradients of some residuals by a part: factors, (N, E, size), or zero."""


def add_products(
    total: Array, gradients: Sequence[Gradient], rows: Sequence[int]
) -> Array:
    """Adds the inner products of all pairs of residuals, by one part of the parameters.

    Args:
        total: (R, R), of the parts before.
        gradients: of every term.
        rows: numbers of residuals of every term, R together.
    """
    ends = [sum(rows[: k + 1]) for k in range(len(rows))]
    present = [(found, end - row, row)
               for found, end, row in zip(gradients, ends, rows, strict=True)
               if found is not None]  # fmt: skip
    for first, (left, at, count) in enumerate(present):
        for right, beside, other in present[first:]:
            product = _product(left, right, count, other)
            total = total.at[at : at + count, beside : beside + other].add(product)
            if beside != at:
                total = total.at[beside : beside + other, at : at + count].add(
                    product.T
                )
    return total


def _product(left: Gradient, right: Gradient, count: int, other: int) -> Array:
    """Returns the inner products of two terms' gradients by one part, (count, other)."""
    if not isinstance(left, Factors) or not isinstance(right, Factors):
        rows = _rows(left, count)
        return _times(rows, rows if left is right else _rows(right, other))
    a, g = (_joined(factor, count) for factor in left)
    b, h = (a, g) if left is right else (_joined(factor, other) for factor in right)
    _, c, size, inputs = a.shape
    outputs, d = g.shape[-1], b.shape[1]
    whole = inputs * outputs * size * (count * other + count * c + other * d)
    pairs = count * other * c * d * size * (inputs + outputs + _TRAFFIC)
    if pairs < whole:
        return _by_pairs(a, g, b, h)
    if inputs > outputs:  # cut along the longer side
        a, g, b, h = g, a, h, b
    return _by_columns(a, g, b, h)


def _joined(factor: Array, rows: int) -> Array:
    """Returns a factor (N, 1 or E, C, B, n) as one of rows, (R, C, B, n)."""
    wide = (factor.shape[0], rows // factor.shape[0], *factor.shape[2:])
    return jnp.broadcast_to(factor, wide).reshape(rows, *factor.shape[2:])


def _rows(block: Gradient, rows: int) -> Array:
    assert isinstance(block, Array)
    return block.reshape(rows, -1)


def _times(left: Array, right: Array) -> Array:
    if left is right:
        return _square(left)
    return jnp.matmul(left, right.T, precision=lax.Precision.HIGHEST)


@jax.custom_jvp
def _square(rows: Array) -> Array:
    """Returns X Xᵀ; its derivative is one product and the transpose of that."""
    return jnp.matmul(rows, rows.T, precision=lax.Precision.HIGHEST)


@_square.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (rows,), (rates,) = primals, tangents
    half = jnp.matmul(rates, rows.T, precision=lax.Precision.HIGHEST)
    return _square(rows), half + half.T


def _by_pairs(a: Array, g: Array, b: Array, h: Array) -> Array:
    """Multiplies the kernels of inputs and of gradients, some rows at a time."""

    def of(own: tuple[Array, Array]) -> Array:
        kernels = [
            jnp.einsum("ncbi,mdbi->bncmd", x, y, precision=lax.Precision.HIGHEST)
            for x, y in zip(own, (b, h), strict=True)
        ]
        return jnp.einsum("bncmd,bncmd->nm", *kernels)

    per_row = math.prod(a.shape[1:3]) * math.prod(b.shape[:2])
    size = max(1, _AT_ONCE // per_row)
    if size >= len(a):
        return of((a, g))
    tiles = [_tiles(x, size, 0) for x in (a, g)]
    found = lax.map(jax.checkpoint(of, prevent_cse=False), (tiles[0], tiles[1]))
    return found.reshape(-1, len(b))[: len(a)]


def _by_columns(a: Array, g: Array, b: Array, h: Array) -> Array:
    """Forms some columns of the gradients of all rows at a time, and multiplies them."""
    same = a is b

    def formed(x: Array, y: Array) -> Array:
        made = jnp.einsum("ncbi,ncbo->nboi", x, y, precision=lax.Precision.HIGHEST)
        return made.reshape(len(x), -1)

    # A gradient forms the columns anew; else it would keep those of all tiles, which is J.
    @partial(jax.checkpoint, prevent_cse=False)
    def of(columns: tuple[Array, Array]) -> Array:
        left = formed(a, columns[0])
        return _times(left, left if same else formed(b, columns[1]))

    per_column = max(len(a), len(b)) * math.prod(a.shape[2:])
    size = max(1, _AT_ONCE // per_column)
    if size >= g.shape[-1]:
        return of((g, h))
    tiles = _tiles(g, size, 3), _tiles(h, size, 3)
    add = lambda total, columns: (total + of(columns), None)
    return lax.scan(add, jnp.zeros((len(a), len(b)), a.dtype), tiles)[0]


def _tiles(array: Array, size: int, axis: int) -> Array:
    """Cuts an axis to tiles, which come first; what is missing is zero."""
    count = -(-array.shape[axis] // size)
    missing = [
        (0, count * size - n if k == axis else 0) for k, n in enumerate(array.shape)
    ]
    array = jnp.pad(array, missing)
    array = array.reshape(*array.shape[:axis], count, size, *array.shape[axis + 1 :])
    return jnp.moveaxis(array, axis, 0)
