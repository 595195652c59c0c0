r"""Determinants: one factorisation at any order, one product with the inverse per channel.

In: a stack of matrices $A = A_0 + N$. Out: the channels of its determinant, or of the sign
and the logarithm of it. The logarithm obeys Jacobi's formula, with a derivation $D$ that
multiplies each channel by a weight:

$$ D \log\det A = \operatorname{tr}(D A\,A^{-1}) = \operatorname{tr}(D M\,W), \qquad
   M = N A_0^{-1}, \quad (1 + M)\,W = 1 . $$

So the inverse of the plain matrix is all that is solved for. At order 2 this is
$\operatorname{tr} M_k - \frac12 \sum \operatorname{tr} M_i M_j$; algebras of any order and
families of any length go the same way.

A singular matrix has no logarithm of its determinant, but it has a determinant, whose
derivatives of order d are not zero at ranks down to n - d. So `det` leaves as many rows and
columns as the algebra's order out of the inverse, those with the smallest pivots:

$$ \det A = \det B \cdot \det S, \qquad S = Y (A_0 + (1 + M)^{-1} N)\, X, \quad M = N G, $$

with a block B of A that is far from singular, or of a determinant that does not count; its
inverse G, zero elsewhere; and S of order rows, whose determinant is a polynomial. Nothing
is divided by what is small, and the gradient, one order more, is as good.

`jnp.linalg.slogdet` and `det` are functions with a custom JVP. Their own JVP would do, by
the raise identity, but it factorises anew at every order. So they are known here by the
function that JAX gave to `defjvp`, which no other program has. In a version of JAX that has
no function of this name, they go by their JVP.

Source: the first formula is Jacobi's, the second Schur's; Li et al., *A computational
framework for neural network-based variational Monte Carlo with forward Laplacian* (2024),
have the first at order 2.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import combinations
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.custom_batching import custom_vmap

from opcompiler import _compat
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.taylor.arithmetic import (
    add_up,
    multiply,
    product,
    scaled,
    Series,
    sums_of_products,
)
from opcompiler.taylor.primitives import Context, custom, one_output
from opcompiler.taylor.rules.elementwise import exponential
from opcompiler.taylor.rules.linalg import (
    dense_series,
    matmul,
    mixed,
    remainder,
    transpose,
)
from opcompiler.taylor.rules.local import of_matrices
from opcompiler.taylor.value import Coefficient, family_axis, make, present, Value


@jax.custom_jvp
def inverse(a: Array) -> Array:
    """Returns the inverses of a stack of matrices; a gradient solves nothing more."""
    return jnp.linalg.inv(a)


@inverse.defjvp
def _derivative_of_inverse(
    primals: Sequence[Array], tangents: Sequence[Array]
) -> tuple[Array, Array]:
    found = inverse(*primals)
    return found, -matmul(found, matmul(tangents[0], found))


@jax.custom_jvp
def _of_square(a: Array) -> Array:
    """Returns tr(a a) of a stack of matrices; both factors change it alike."""
    return jnp.sum(a * transpose(a), (-2, -1))


@_of_square.defjvp
def _derivative_of_square(
    primals: Sequence[Array], tangents: Sequence[Array]
) -> tuple[Array, Array]:
    (a,), (change,) = primals, tangents
    return _of_square(a), 2 * jnp.sum(change * transpose(a), (-2, -1))


@custom(*_compat.jax_derivatives("_slogdet_jvp"), name="slogdet", kind="linalg",
        local=of_matrices)  # fmt: skip
def sign_and_logarithm(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """The logarithm of the determinant's size, and its sign, which turns if complex."""
    sign, size = _compat.bind(equation, inputs[0].primal)
    matrix = stacked(inputs[0], context.algebra)
    inverted = inverse(present(matrix[0]))
    # What enters the trace alone needs no product of matrices.
    alone = _alone(context.algebra, matrix)
    moved: Series = [
        None if c is None or k in alone else _times(c, inverted)
        for k, c in enumerate([None, *matrix[1:]])
    ]
    change = logarithm(context.algebra, moved)
    for k in alone:
        products = multiply(transpose(inverted), present(matrix[k]))
        change[k] = add_up(change[k], jnp.sum(products, (-2, -1)))
    change = [None, *_as_numbers(change[1:], sign.shape)]
    if jnp.iscomplexobj(sign):
        turn = [None if c is None else 1j * c.imag for c in change]
        signs, _ = exponential(context.algebra, turn, sign)
        change = [None if c is None else c.real for c in change]
        sign = make(signs, sign.shape, sign.dtype)
    return [sign, make([size, *change[1:]], size.shape, size.dtype)]


@custom(*_compat.jax_derivatives("_det_jvp"), name="det", kind="linalg",
        local=of_matrices)  # fmt: skip
@one_output
def determinant(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
    r"""$\det A = \det B \cdot \det S$ with a block B of A that has an inverse.

    Right at matrices of any rank, and next to them.
    """
    algebra = context.algebra
    matrix = stacked(inputs[0], algebra)
    start = present(matrix[0])
    size = start.shape[-1]
    left = min(algebra.order, size, _LEFT)
    inverted, right, below, rest, value = eliminated(start, left)
    # S = Y A X + Y V, with V = (1 + M)^-1 N X. The last V stands in Y V alone: so M and
    # N X, which are one product, are multiplied by Y before they are by each other.
    both = jnp.concatenate([inverted, right], -1)
    products = [None if c is None else _times(c, both) for c in (None, *matrix[1:])]
    moved, beside = _cut(products, size)
    block, _ = exponential(algebra, logarithm(algebra, moved), value)
    above, first = _cut(
        [None if c is None else _times(below, c) for c in products], size
    )
    solved: Series = [None] * algebra.size
    small: Series = [rest, *[None] * (algebra.size - 1)]
    for k in range(1, algebra.size):
        small[k] = remainder(first[k], mixed(algebra, k, above, solved, _times))
        if algebra.channels[k].degree < algebra.order:
            solved[k] = remainder(beside[k], mixed(algebra, k, moved, solved, _times))
    series = product(algebra, block, minors(algebra, small))
    return _as_numbers(series, inputs[0].shape[:-2])


def stacked(value: Value, algebra: TaylorAlgebra) -> Series:
    """Returns the channels of matrices as one stack, (N, n, n), families (N, R, n, n).

    So the axes of a matrix are the last two of every array, with the directions in front
    of them: what is done with matrices is done with families as they are. `jax.vmap` over
    the directions would put their axis in front of all at every transposition, which is a
    copy of all of them.
    """
    *lead, _, size = value.shape
    axis = family_axis(len(value.shape))

    def one(c: Array) -> Array:
        if c.ndim == len(value.shape):
            return c.reshape(math.prod(lead), size, size)
        c = jnp.moveaxis(c, axis, -3)
        return c.reshape(math.prod(lead), *c.shape[-3:])

    return [None if c is None else one(c) for c in dense_series(value, algebra)]


def _cut(series: Series, size: int) -> tuple[Series, Series]:
    """Returns the first columns of every channel, and the others."""
    first = [None if c is None else c[..., :size] for c in series]
    return first, [None if c is None else c[..., size:] for c in series]


def _as_numbers(series: Sequence[Coefficient], shape: Sequence[int]) -> Series:
    """Returns the channels of one number for each matrix of a stack, (N,) or (N, R)."""
    axis = family_axis(len(shape))

    def one(c: Array) -> Array:
        return jnp.moveaxis(c.reshape(*shape, *c.shape[1:]), len(shape), axis)

    return [
        None if c is None else c.reshape(shape) if c.ndim == 1 else one(c)
        for c in series
    ]


_LEFT = 4
"""Rows of S at most: of 4 rows a determinant is 28 products, of 8 rows 1016."""


def minors(algebra: TaylorAlgebra, matrix: Series) -> Series:
    """Returns the determinant of a series of small matrices, as a polynomial."""
    first = present(matrix[0])
    size = first.shape[-1]

    def entry(i: int, j: int) -> Series:
        return [None if c is None else c[..., i, j] for c in matrix]

    # Of the first rows, for every set of as many columns, by the last of these rows.
    known = {(j,): entry(0, j) for j in range(size)}
    for i in range(1, size):
        row = [entry(i, j) for j in range(size)]
        larger = {}
        for columns in combinations(range(size), i + 1):
            terms = []
            for k, j in enumerate(columns):
                others = known[columns[:k] + columns[k + 1 :]]
                sign = -1 if (i - k) % 2 else 1
                terms.append(
                    [scaled(sign, c) for c in product(algebra, row[j], others)]
                )
            larger[columns] = list(map(add_up, *terms))
        known = larger
    return known[tuple(range(size))]


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def eliminated(matrix: Array, left: int) -> tuple[Array, ...]:
    r"""Eliminates all but some rows and columns, by pivots as large as there are.

    Args:
        matrix: (..., n, n).
        left: how many rows and columns are left, m.

    Returns:
        G, (..., n, n), the inverse of the block B of the others, with zeros for what is
        left; X, (..., n, m), and Y, (..., m, n), with which $S = Y A X$ is what is left;
        S; and $\pm\det B$, such that its product with $\det S$ is $\det A$.
    """
    return _eliminated(left)(matrix)


@cache
def _eliminated(left: int) -> Callable[[Array], tuple[Array, ...]]:
    """Returns `eliminated` for a stack of matrices, also one that `jax.vmap` makes."""

    # Rows of small matrices are too short to be vectorised, so the stack is, as the last
    # axis. `jax.vmap` would put its axis first, and be several times slower.
    @custom_vmap
    def one_stack(matrix: Array) -> tuple[Array, ...]:
        *lead, size, _ = matrix.shape
        table = jnp.moveaxis(matrix.reshape(-1, size, size), 0, -1)
        found = _exchanged(table, left)
        return tuple(
            jnp.moveaxis(c, -1, 0).reshape(*lead, *c.shape[:-1]) for c in found
        )

    @one_stack.def_vmap
    def _one_more_axis(_: int, __: Any, matrix: Array) -> Any:
        return one_stack(matrix), (True,) * 5

    return one_stack


def _exchanged(table: Array, left: int) -> tuple[Array, ...]:
    """Returns what `eliminated` does, of matrices (n, n, ...).

    One step of Gauss and Jordan solves the row of the pivot, in y = A x, for the x of its
    column, and puts it into the others. What is in the table then gives this x by the y of
    the row, which takes the column's place: so in the end there are G, X, -Y and S.
    """
    size = len(table)
    place = jnp.arange(size)[:, None]
    number = size * place[:, None] + place
    scale = jnp.max(jnp.abs(table), (0, 1))
    least = jnp.where(scale > 0, scale, 1) * jnp.finfo(table.dtype).eps

    def step(_: Array, carry: Any) -> Any:
        table, free, order, value = carry
        sizes = jnp.where(free[:, None] & free, jnp.abs(table), -1)
        largest = sizes == jnp.max(sizes, (0, 1))
        first = jnp.min(jnp.where(largest, number, size**2), (0, 1))
        # The first of the largest entries is the pivot, at (`here`, `there`).
        here, there = place == first // size, place == first % size
        row, other = (
            jnp.sum(jnp.where(at[:, None], table, 0), 0) for at in (here, there)
        )
        # Its row changes places with the row of the same number as its column.
        table = jnp.where(here[:, None], other, table)
        moved = [jnp.sum(jnp.where(at, order, 0), 0) for at in (here, there)]
        order = jnp.where(there, moved[0], jnp.where(here, moved[1], order))
        pivot = jnp.sum(jnp.where(there, row, 0), 0)
        # Zero only if all the rest is: then no derivative that is wanted sees the change.
        pivot = jnp.where(pivot == 0, least.astype(pivot.dtype), pivot)
        column = jnp.sum(jnp.where(there, table, 0), 1)
        share = jnp.where(there, -1, row) / pivot
        others = jnp.where(there, 0, table) - column[:, None] * share
        table = jnp.where(there[:, None], -share, others)
        turn = jnp.where(moved[0] == moved[1], 1, -1)
        return table, free & ~there, order, value * pivot * turn

    start = (
        table,
        jnp.ones(table.shape[1:], bool),
        jnp.broadcast_to(place, table.shape[1:]),
        1 + 0 * scale.astype(table.dtype),  # what is not a number stays so
    )
    table, free, order, value = lax.fori_loop(0, size - left, step, start)
    count = jnp.sum(jnp.where(place[:, None] <= place, free[:, None], 0), 0)
    # (m, n, ...): where the rows and columns stand that are left.
    kept = (count == 1 + jnp.arange(left)[:, None, None]) & free
    rest = jnp.sum(jnp.where(kept[:, :, None], table, 0), 1)
    right = jnp.sum(jnp.where(kept[:, None], table[None], 0), 2)
    small = jnp.sum(jnp.where(kept, rest[:, None], 0), 2)
    right = jnp.swapaxes(jnp.where(free, kept, right), 0, 1)
    below = jnp.where(free, kept, -rest)
    # The columns belong to rows that have been moved.
    back = order[:, None] == place
    inverted = jnp.where(free[:, None] | free, 0, table)
    inverted, below = (
        jnp.sum(jnp.where(back, c[:, :, None], 0), 1) for c in (inverted, below)
    )
    return inverted, right, below, small, value


@eliminated.defjvp
def _derivative_of_eliminated(left: int, primals: Any, tangents: Any) -> Any:
    found = inverted, right, below, _, value = eliminated(*primals, left)
    (change,) = tangents
    from_left, from_right = matmul(below, change), matmul(change, right)
    return found, (
        -matmul(inverted, matmul(change, inverted)),
        -matmul(inverted, from_right),
        -matmul(from_left, inverted),
        matmul(below, from_right),
        value * jnp.sum(change * transpose(inverted), (-2, -1)),
    )


def logarithm(algebra: TaylorAlgebra, moved: Series) -> Series:
    r"""Returns the channels of $\log\det A$ above the unit.

    Args:
        algebra: of the matrix.
        moved: the channels of M; what is not there of the highest degree is left out.
    """

    def traced(a: Array, b: Array) -> Array:
        # tr(V_i M_j) needs no product of matrices.
        if a is b:
            return _of_square(a)
        return jnp.sum(multiply(a, transpose(b)), (-2, -1))

    # V = 1 - W, of which the first degree is that of M, the same array.
    rest: Series = [None] * algebra.size
    bent: Series = [None] * algebra.size
    for k in range(1, algebra.size):
        (bent[k],) = sums_of_products(
            algebra, (k,), rest, moved,
            lambda i, j, k: -algebra.share(j, k), traced,
        )  # fmt: skip
        if algebra.channels[k].degree < algebra.order:
            rest[k] = remainder(moved[k], mixed(algebra, k, moved, rest, _times))
    linear = [None if m is None else _trace(m) for m in moved]
    return list(map(add_up, linear, bent))


def _trace(a: Array) -> Array:
    return jnp.tensordot(a, jnp.eye(a.shape[-1], dtype=a.dtype), 2)


def _times(a: Array, b: Array) -> Array:
    """Returns a product of stacks of matrices, one of them or both with directions.

    The rows of all directions are the rows of one matrix: so they are in the gradient, too,
    which takes them as they stand where it would make a copy of axes that are two.
    """
    if a.ndim > b.ndim:
        lines = math.prod(a.shape[1:-1])
        rows = matmul(a.reshape(len(a), lines, a.shape[-1]), b)
        return rows.reshape(*a.shape[:-1], b.shape[-1])
    return matmul(a[:, None] if a.ndim < b.ndim else a, b)


def _alone(algebra: TaylorAlgebra, matrix: Series) -> set[int]:
    """Returns channels of the highest degree, which enter the trace alone.

    They need no product with the inverse. Where they are fewer than the others they have
    one all the same: the gradient of a product is one, which XLA writes down once, where
    it would compute what is elementwise again in each of the layers in front.
    """
    counts = [
        0 if c is None else channel.count
        for c, channel in zip(matrix, algebra.channels, strict=True)
    ]
    top = [k for k in algebra.of_degree(algebra.order) if counts[k]]
    above = sum(counts[k] for k in top)
    return set(top) if 2 * above > sum(counts[1:]) else set()
