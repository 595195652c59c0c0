r"""Linear solves and triangular factorisations: one plain factorisation for all channels.

A factorisation is defined by polynomial equations in matrices. In channel k they read

$$ \text{(linear in the unknown } Y_k) = A_k - \sum_{i,j \ge 1} C^k_{ij} X_i Y_j , $$

the linear part being the same for all k: the derivative of the factorisation at the plain
value. So one plain factorisation and a solve per channel do for any order: the solves cost
one back-substitution per channel, the factorisations two, and all directions of a family go
as columns of one. The functions in a rule that take matrices are written for one channel
without a family's axis, and `lifted`. The eigenvalue and singular value
decompositions, whose equations are solved in the frame of the plain vectors, are in
`spectral.py`.

Source of the first-order parts: I. Murray, *Differentiation of the Cholesky
decomposition*, arXiv 1602.07527; S. F. Walter & L. Lehmann, *Algorithmic
differentiation of linear algebra functions in Taylor arithmetic*, 2010.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from opcompiler import _compat
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.taylor.arithmetic import product, Series, sums_of_products
from opcompiler.taylor.fallback import any_primitive
from opcompiler.taylor.interpret import evaluate
from opcompiler.taylor.primitives import Context, primitive
from opcompiler.taylor.rules.local import of_matrices
from opcompiler.taylor.value import (
    AlgebraArray,
    Coefficient,
    instantiate,
    is_active,
    lift,
    lifted,
    make,
    present,
    primal,
    resized,
    Value,
)

# --- matrices of channels ---------------------------------------------------------------

matmul = partial(jnp.matmul, precision=lax.Precision.HIGHEST)
"""The product of stacks of matrices, in full precision on every device."""


def transpose(a: Array) -> Array:
    """Returns the transposed matrices of a stack."""
    return jnp.swapaxes(a, -1, -2)


def adjoint(a: Array) -> Array:
    """Returns the conjugate transposed matrices of a stack."""
    return jnp.conj(transpose(a))


def diagonal(a: Array) -> Array:
    """Returns the diagonals of a stack of matrices."""
    return jnp.diagonal(a, axis1=-2, axis2=-1)


def from_diagonal(a: Array) -> Array:
    """Returns the diagonal matrices of a stack of vectors."""
    eye = jnp.eye(a.shape[-1], dtype=a.dtype)
    return a[..., None] * eye.reshape((1,) * (a.ndim - 1) + eye.shape)


def dense_series(value: Value, algebra: TaylorAlgebra) -> Series:
    """Returns all channels of a value in full shape; structural zeros above the unit stay.

    A derivative's series has no unit (see `fallback.py`): a solve takes zeros there.
    """
    if not isinstance(value, AlgebraArray):
        return [jnp.asarray(value), *[None] * (algebra.size - 1)]
    above = value.coefficients[1:]
    full = partial(instantiate, shape=value.shape, dtype=value.dtype)
    return [value.primal, *(None if c is None else full(c) for c in above)]


def mapped(
    function: Callable[[Array], Array], series: Sequence[Coefficient], rank: int
) -> Series:
    """Applies a linear or conjugate-linear function that keeps ranks to every channel."""
    each = lifted(function, rank, rank)
    return [None if c is None else each(c) for c in series]


def mixed(
    algebra: TaylorAlgebra,
    k: int,
    x: Sequence[Coefficient],
    y: Sequence[Coefficient],
    op: Callable[[Array, Array], Array],
) -> Array | float:
    """Returns the part of (x y)_k in which neither factor is a unit; 0 if empty."""
    left, right = ([None, *z[1:k], *[None] * (algebra.size - k)] for z in (x, y))
    (found,) = sums_of_products(algebra, (k,), left, right, op=op)
    return 0.0 if found is None else found


def remainder(a: Coefficient, *parts: Array | float) -> Coefficient:
    """Returns a - b - ... with structural zeros kept."""
    arrays = [part for part in parts if not isinstance(part, float)]
    if a is None and not arrays:
        return None
    rest = a
    for part in arrays:
        rest = -part if rest is None else rest - part
    return rest


def value_of(series: Sequence[Coefficient], aval: Any) -> Value:
    """Returns the value of a shape and dtype that has these channels."""
    return make(series, aval.shape, aval.dtype)


# --- solves -------------------------------------------------------------------------


@primitive("triangular_solve", kind="linalg", steep=True, local=of_matrices)
def triangular_solve(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    r"""Solves $A_0 X_k = B_k - \sum_{i \ge 1} A_i X_j$, or from the right."""
    (aval,) = _compat.output_avals(equation)
    params = equation.params
    algebra = context.algebra
    rank = len(aval.shape)
    right = dense_series(inputs[1], algebra)
    matrix = mapped(
        partial(_as_applied, params=params), dense_series(inputs[0], algebra), rank
    )
    start = primal(inputs[0])

    def product(a: Array, x: Array) -> Array:
        return matmul(a, x) if params["left_side"] else matmul(x, a)

    def solve(b: Array) -> Array:
        return _compat.bind(equation, start, b)[0]

    return [value_of(_solution(algebra, matrix, right, rank, product, solve), aval)]


def _solution(
    algebra: TaylorAlgebra,
    matrix: Series,
    right: Series,
    rank: int,
    product: Callable[[Array, Array], Array],
    solve: Callable[[Array], Array],
) -> Series:
    r"""Returns X of A X = B: A_0^{-1} applied to what lower channels leave of B_k.

    Args:
        algebra: of the channels.
        matrix: A; of A_0 nothing is read.
        right: B.
        rank: of every array without a family's axis.
        product: (A_i, X_j) -> A_i X_j.
        solve: B_k -> A_0^{-1} B_k.
    """
    applied, solved = lifted(product, rank, rank, rank), lifted(solve, rank, rank)
    solution: Series = [solve(present(right[0]))]
    for k in range(1, algebra.size):
        parts = [mixed(algebra, k, matrix, solution, applied)]
        if matrix[k] is not None:
            parts.append(applied(matrix[k], solution[0]))
        rest = remainder(right[k], *parts)
        solution.append(None if rest is None else solved(rest))
    return solution


def _as_applied(a: Array, params: dict[str, Any]) -> Array:
    """Returns the matrix that a solve inverts, of what it is given."""
    skip = 1 if params["unit_diagonal"] else 0
    a = jnp.tril(a, -skip) if params["lower"] else jnp.triu(a, skip)
    a = transpose(a) if params["transpose_a"] else a
    return jnp.conj(a) if params["conjugate_a"] else a


@primitive("tridiagonal_solve", kind="linalg", steep=True)
def tridiagonal_solve(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    r"""Solves $T_0 X_k = B_k - \sum_{i \ge 1} T_i X_j$ by the primitive itself."""
    (aval,) = _compat.output_avals(equation)
    algebra = context.algebra
    rank = len(aval.shape)
    *bands, right = (dense_series(value, algebra) for value in inputs)
    start = [primal(value) for value in inputs[:3]]
    # The three bands are one stack, of a matrix's rank, so that a product is one operation.
    joined = lifted(lambda *rows: jnp.stack(rows), rank, *[rank - 1] * 3)
    matrix = [
        None
        if all(c is None for c in rows)
        else joined(*(jnp.zeros_like(start[1]) if c is None else c for c in rows))
        for rows in zip(*bands, strict=True)
    ]

    def solve(b: Array) -> Array:
        return _compat.bind(equation, *start, b)[0]

    found = _solution(algebra, matrix, right, rank, _tridiagonal_product, solve)
    return [value_of(found, aval)]


def _tridiagonal_product(bands: Array, x: Array) -> Array:
    lower, middle, upper = bands[..., None]
    before = jnp.roll(x, 1, -2).at[..., 0, :].set(0)
    after = jnp.roll(x, -1, -2).at[..., -1, :].set(0)
    return lower * before + middle * x + upper * after


@primitive("custom_linear_solve", kind="linalg", steep=True)
def custom_linear_solve(
    context: Context, equation: Any, inputs: Sequence[Value]
) -> list[Value]:
    r"""Solves $A_0 X_k = B_k - [A X]_k$ by the user's solver, X known below k.

    `[A X]` is the user's matvec, interpreted once per degree; so whatever A is made of
    may have channels, and the solver sees plain values only.
    """
    params = equation.params
    lengths = params["const_lengths"]
    total = sum(lengths)
    right = inputs[total:]
    operands = [primal(value) for value in inputs[:total]]
    algebra = context.algebra
    avals = _compat.output_avals(equation)
    plain = _compat.bind(equation, *operands, *map(primal, right))
    solution = [[value, *[None] * (algebra.size - 1)] for value in plain]
    sides = [dense_series(value, algebra) for value in right]
    shapes = [(a.shape, a.dtype) for a in avals[: len(right)]]
    solved = lifted(
        lambda *sides: _compat.bind(equation, *operands, *sides)[: len(right)],
        [len(shape) for shape, _ in shapes],
        *(len(shape) for shape, _ in shapes),
    )
    moving = any(map(is_active, inputs[: lengths.matvec]))
    for degree in range(1, algebra.order + 1):
        images: list[Value] = [None] * len(right)
        if moving:  # a constant matrix maps the unknown channels to nothing
            known = [make(solution[i], *shape) for i, shape in enumerate(shapes)]
            images = _image(
                context, params, [*inputs[: lengths.matvec], *known], degree
            )
        for k in algebra.of_degree(degree):
            rests = [
                remainder(side[k], *_nilpotent(image, k))
                for side, image in zip(sides, images, strict=True)
            ]
            if all(rest is None for rest in rests):
                continue
            dense = [
                jnp.zeros_like(side[0]) if rest is None else rest
                for side, rest in zip(sides, rests, strict=True)
            ]
            for column, value in zip(solution, solved(*dense), strict=False):
                column[k] = value
    return [value_of(s, aval) for s, aval in zip(solution, avals, strict=True)]


def _image(
    context: Context, params: dict[str, Any], operands: Sequence[Value], degree: int
) -> list[Value]:
    """Returns A X up to a degree."""
    lower = context.truncated(degree)
    cut = [resized(value, lower.algebra.size) for value in operands]
    return evaluate(lower, *_compat.open_jaxpr(params["jaxprs"].matvec), cut)


def _nilpotent(image: Value, k: int) -> list[Array]:
    if isinstance(image, AlgebraArray) and image.coefficients[k] is not None:
        return [image.dense(k)]
    return []


# --- factorisations -----------------------------------------------------------------


@primitive("cholesky", kind="linalg", steep=True, local=of_matrices)
def cholesky(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    r"""$A = L L^*$: $L_k = L_0\,\Phi(L_0^{-1} S_k L_0^{-*})$, $\Phi$ half the diagonal."""
    (aval,) = _compat.output_avals(equation)
    algebra = context.algebra
    rank = len(aval.shape)
    matrix = dense_series(inputs[0], algebra)
    start = jnp.tril(_compat.bind(equation, matrix[0])[0])

    def change(rest: Array) -> Array:
        rest = _solve(start, rest, left_side=True, lower=True)
        rest = _solve(
            start, rest, left_side=False, lower=True, transpose_a=True, conjugate_a=True
        )
        return matmul(start, _half_lower(rest))

    times = lifted(matmul, rank, rank, rank)
    factor: Series = [start]
    mirror: Series = [adjoint(start)]
    for k in range(1, algebra.size):
        rest = remainder(matrix[k], mixed(algebra, k, factor, mirror, times))
        factor.append(None if rest is None else lift(change, rank, (rest, rank)))
        mirror += mapped(adjoint, factor[k:], rank)
    return [value_of(factor, aval)]


def _solve(a: Array, b: Array, **options: bool) -> Array:
    return lax.linalg.triangular_solve(a, b, **options)


def _half_lower(a: Array) -> Array:
    halves = 1 + jnp.eye(a.shape[-1], dtype=a.dtype)
    return jnp.tril(a) / halves.reshape((1,) * (a.ndim - 2) + halves.shape)


@primitive("lu", kind="linalg", steep=True, local=of_matrices)
def lu(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    r"""$P A = L U$: $L_0^{-1} S_k U_0^{-1}$ splits into $L_0^{-1} L_k + U_k U_0^{-1}$."""
    avals = _compat.output_avals(equation)
    algebra = context.algebra
    rank = len(avals[0].shape)
    matrix = dense_series(inputs[0], algebra)
    packed, pivots, order = _compat.bind(equation, matrix[0])
    size = min(packed.shape[-2:])
    low, up = _padded_factors(packed)

    def changes(rest: Array) -> list[Array]:
        rest = _solve(low, rest, left_side=True, lower=True, unit_diagonal=True)
        rest = _solve(up, rest, left_side=False, lower=False)
        below = matmul(low, jnp.tril(rest, -1))
        above = matmul(jnp.triu(rest), up)
        return [below[..., :, :size], above[..., :size, :], below + above]

    times = lifted(matmul, rank, rank, rank)
    permuted = lambda a: jnp.take_along_axis(a, order[..., None], -2)
    matrix = [matrix[0], *mapped(permuted, matrix[1:], rank)]
    columns: list[Series] = [[low[..., :, :size]], [up[..., :size, :]], [packed]]
    lower, upper, result = columns
    for k in range(1, algebra.size):
        rest = remainder(matrix[k], mixed(algebra, k, lower, upper, times))
        found: Series = [None] * 3
        if rest is not None:
            found = lift(changes, [rank] * 3, (rest, rank))
        for column, c in zip(columns, found, strict=True):
            column.append(c)
    return [value_of(result, avals[0]), pivots, order]


def _padded_factors(packed: Array) -> tuple[Array, Array]:
    """Returns square factors of a matrix that may be rectangular, padded with ones."""
    rows, columns = packed.shape[-2:]
    rank = min(rows, columns)
    low = jnp.tril(packed[..., :, :rank], -1)
    up = jnp.triu(packed[..., :rank, :])
    keep = [(0, 0)] * (packed.ndim - 2)
    low = jnp.pad(low, [*keep, (0, 0), (0, rows - rank)])
    up = jnp.pad(up, [*keep, (0, columns - rank), (0, 0)])
    spare = (jnp.arange(columns) >= rank).astype(packed.dtype)
    return low + jnp.eye(rows, dtype=packed.dtype), up + jnp.diag(spare)


@primitive("qr", kind="linalg", steep=True, local=of_matrices)
def qr(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    """$A = Q R$ with orthonormal columns; a pivoting permutation is plain."""
    params = equation.params
    rows, columns = inputs[0].shape[-2:]
    if params["full_matrices"] and rows > columns:
        return any_primitive(context, equation, inputs)  # JAX defines no derivative
    algebra = context.algebra
    rank = len(inputs[0].shape)
    matrix = dense_series(inputs[0], algebra)
    q, r, *order = _compat.bind(equation, matrix[0])
    if order:
        permuted = lambda a: jnp.take_along_axis(a, order[0][..., None, :], -1)
        matrix = mapped(permuted, matrix, rank)
    square = mapped(lambda a: a[..., :, :rows], matrix, rank)
    orthogonal, upper = _orthonormal(context, square, q, r[..., :, :rows])
    if columns > rows:
        wide = mapped(lambda a: a[..., :, rows:], matrix, rank)
        upper = _beside(context, orthogonal, upper, wide)
        upper[0] = r
    avals = _compat.output_avals(equation)
    return [value_of(orthogonal, avals[0]), value_of(upper, avals[1]), *order]


def _orthonormal(
    context: Context, matrix: Series, q: Array, r: Array
) -> tuple[Series, Series]:
    r"""Returns the series of Q and R, where R is square.

    With $X = Q_0^* Q_k$ and $T = Q_0^* S_k R_0^{-1} = X + R_k R_0^{-1}$, the part of X
    below the diagonal is that of T, the rest follows from $Q^* Q = 1$.
    """
    algebra = context.algebra
    rank = q.ndim
    times = lifted(matmul, rank, rank, rank)

    def changes(rest: Array, *overlap: Array) -> list[Array]:
        scaled = _solve(r, rest, left_side=False, lower=False)
        turned = matmul(adjoint(q), scaled)
        rotation = _rotation(turned, *(-c for c in overlap))
        return [
            scaled - matmul(q, turned - rotation),
            matmul(turned - rotation, r),
        ]

    series_q: Series = [q]
    series_r: Series = [r]
    mirror: Series = [adjoint(q)]
    for k in range(1, algebra.size):
        rest = remainder(matrix[k], mixed(algebra, k, series_q, series_r, times))
        change_q = change_r = None
        if rest is not None:
            overlap = mixed(algebra, k, mirror, series_q, times)
            operands = [(c, rank) for c in (rest, overlap) if not isinstance(c, float)]
            change_q, change_r = lift(changes, [rank, rank], *operands)
        series_q.append(change_q)
        series_r.append(change_r)
        mirror += mapped(adjoint, [change_q], rank)
    return series_q, series_r


def _rotation(turned: Array, *defect: Array) -> Array:
    """Returns X with X + X* = defect, lower as `turned`, R's diagonal staying real."""
    low = jnp.tril(turned, -1)
    eye = jnp.eye(turned.shape[-1], dtype=turned.dtype)
    rotation = low - adjoint(low)
    for c in defect:
        rotation = rotation + jnp.triu(c, 1) + eye * c / 2
    if jnp.iscomplexobj(turned):
        rotation = rotation + eye * 1j * diagonal(turned).imag[..., None, :]
    return rotation


def _beside(
    context: Context, orthogonal: Series, upper: Series, wide: Series
) -> Series:
    """Puts Q* times the columns that a wide matrix has more beside R."""
    first, q = present(upper[0]), present(orthogonal[0])
    rank = q.ndim
    times = lifted(matmul, rank, rank, rank)
    beside = lifted(lambda a, b: jnp.concatenate([a, b], -1), rank, rank, rank)
    right = product(context.algebra, mapped(adjoint, orthogonal, rank), wide, times)
    result: Series = [None]
    for left, more in zip(upper[1:], right[1:], strict=True):
        if left is None and more is None:
            result.append(None)
            continue
        shape = (*q.shape[:-1], present(wide[0]).shape[-1])
        result.append(
            beside(
                jnp.zeros_like(first) if left is None else left,
                jnp.zeros(shape, first.dtype) if more is None else more,
            )
        )
    return result
