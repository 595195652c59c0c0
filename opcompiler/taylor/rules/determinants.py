r"""Determinants: one factorisation at any order, one product with the inverse per channel.

In: a stack of matrices $A = A_0 + N$. Out: the channels of its determinant, or of the sign
and the logarithm of it. The logarithm obeys Jacobi's formula, with the Euler derivation
$E$, which multiplies degree d by d:

$$ E \log\det A = \operatorname{tr}(E A\,A^{-1}) = \operatorname{tr}(E M\,W), \qquad
   M = N A_0^{-1}, \quad (1 + M)\,W = 1 . $$

So the inverse of the plain matrix is all that is solved for. At order 2 this is
$\operatorname{tr} M_k - \frac12 \sum \operatorname{tr} M_i M_j$; algebras of any order and
families of any length go the same way.

`jnp.linalg.slogdet` and `det` are functions with a custom JVP. Their own JVP would do, by
the raise identity, but it factorises anew at every order. So they are known here by the
function that JAX gave to `defjvp`, which no other program has. In a version of JAX that has
no function of this name, they go by their JVP.

Source: the formula is Jacobi's; Li et al., *A computational framework for neural
network-based variational Monte Carlo with forward Laplacian* (2024), have it at order 2.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from opcompiler import _compat
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.taylor.arithmetic import (
    add_up,
    multiply,
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
from opcompiler.taylor.value import lifted, make, present, Value


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


@custom(*_compat.jax_derivatives("_slogdet_jvp"), name="slogdet", kind="linalg")
def sign_and_logarithm(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    """The logarithm of the determinant's size, and its sign, which turns if complex."""
    matrix = dense_series(inputs[0], context.algebra)
    sign, size = _compat.bind(equation, matrix[0])
    linear, bent = logarithm(context.algebra, matrix)
    change = list(map(add_up, linear, bent))
    if jnp.iscomplexobj(sign):
        turn = [None if c is None else 1j * c.imag for c in change]
        signs, _ = exponential(context.algebra, turn, sign)
        change = [None if c is None else c.real for c in change]
        sign = make(signs, sign.shape, sign.dtype)
    return [sign, make([size, *change[1:]], size.shape, size.dtype)]


@custom(*_compat.jax_derivatives("_det_jvp"), name="det", kind="linalg")
@one_output
def determinant(context: Context, equation: Any, inputs: Sequence[Value]) -> Series:
    r"""$E y = y\,E \log y$; what is linear in A goes by the cofactors, as JAX has it.

    So a first derivative is right at a singular matrix, too. Higher ones are not finite at
    an exactly singular one, and near to it they lose the digits of the condition number.
    """
    algebra = context.algebra
    degree = [channel.degree for channel in algebra.channels]
    matrix = dense_series(inputs[0], algebra)
    value, back = jax.vjp(lambda a: _compat.bind(equation, a)[0], present(matrix[0]))
    (cofactors,) = back(jnp.ones_like(value))
    first = paired(cofactors, matrix)
    linear, bent = logarithm(algebra, matrix)
    change = list(map(add_up, linear, bent))
    above: Series = [None] * algebra.size
    for k in range(1, algebra.size):
        # Of [E y]_k the terms with the plain value are y_0 E log y, and of these the
        # linear one is known without dividing by y_0.
        (taken,) = sums_of_products(
            algebra, (k,), change, above, lambda i, j, k: Fraction(degree[i], degree[k])
        )
        rest = None if bent[k] is None else multiply(value, present(bent[k]))
        above[k] = add_up(first[k], rest, taken)
    return [value, *above[1:]]


def logarithm(algebra: TaylorAlgebra, matrix: Series) -> tuple[Series, Series]:
    r"""Returns the channels of $\log\det A$ above the unit: the linear part, and the rest.

    Args:
        algebra: of the matrix.
        matrix: its channels in full shape.
    """
    start = present(matrix[0])
    inverted = inverse(start)
    rank = start.ndim
    degree = [channel.degree for channel in algebra.channels]
    times = lifted(matmul, rank, rank, rank)
    flipped, squared = lifted(transpose, rank, rank), lifted(_of_square, rank - 2, rank)

    def traced(a: Array, b: Array) -> Array:
        # tr(V_i M_j) needs no product of matrices.
        if a is b:
            return squared(a)
        return _over_entries(rank, multiply(a, flipped(b)))

    # From the right, so that the rows of all directions are the rows of one matrix.
    divided = lifted(lambda c: matmul(c, inverted), rank, rank)
    alone = _alone(algebra, matrix)
    moved: Series = [
        None if c is None or k in alone else divided(c) for k, c in enumerate(matrix)
    ]
    moved[0] = None
    # V = 1 - W, of which the first degree is that of M, the same array.
    rest: Series = [None] * algebra.size
    bent: Series = [None] * algebra.size
    for k in range(1, algebra.size):
        (bent[k],) = sums_of_products(
            algebra, (k,), rest, moved,
            lambda i, j, k: Fraction(-degree[j], degree[k]), traced,
        )  # fmt: skip
        if degree[k] < algebra.order:
            rest[k] = remainder(moved[k], mixed(algebra, k, moved, rest, times))
    linear = paired(
        transpose(inverted), [c if k in alone else None for k, c in enumerate(matrix)]
    )
    unit = jnp.eye(start.shape[-1], dtype=start.dtype)
    trace = lifted(lambda c: jnp.tensordot(c, unit, 2), rank - 2, rank)
    return [
        a if m is None else trace(m) for a, m in zip(linear, moved, strict=True)
    ], bent


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


def paired(weights: Array, matrix: Series) -> Series:
    """Returns the sum over entries of every channel above the unit, weighted."""
    rank = weights.ndim
    return [
        None,
        *(
            None if c is None else _over_entries(rank, multiply(weights, c))
            for c in matrix[1:]
        ),
    ]


def _over_entries(rank: int, products: Array) -> Array:
    """Sums over the entries of matrices, direction by direction.

    Products are taken outside of `lift`: beside an array without directions it would put
    those of the other in front, which is a copy of all of them.
    """
    return lifted(lambda c: jnp.sum(c, (-2, -1)), rank - 2, rank)(products)
