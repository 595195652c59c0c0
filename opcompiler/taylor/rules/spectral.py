r"""Eigenvalues and singular values, by perturbation theory of any order.

With the eigenvectors or singular vectors of the plain value as the frame, a channel's
equation is solved entry by entry. Where two eigenvalues meet, the eigenvectors have no
derivative and the channels are infinite, as JAX's own.
Source: the equations $A V = V W$, $V^* V = 1$ and $A = U S V^*$ in each channel; the
first order is JAX's, so that phases and signs of vectors move alike.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import jax.numpy as jnp
from jax import Array

from opcompiler import _compat
from opcompiler.algebra.weil import TaylorAlgebra
from opcompiler.taylor.arithmetic import product, Series, sums_of_products
from opcompiler.taylor.fallback import any_primitive
from opcompiler.taylor.primitives import Context, primitive
from opcompiler.taylor.rules.linalg import (
    adjoint,
    dense_series,
    diagonal,
    from_diagonal,
    mapped,
    matmul,
    mixed,
    remainder,
    value_of,
)
from opcompiler.taylor.rules.local import of_matrices
from opcompiler.taylor.value import Coefficient, lift, lifted, present, Value


@primitive("eigh", kind="spectral", steep=True, local=of_matrices)
def eigh(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    r"""$A V = V W$: $T + W_0 X - X W_0 = W_k$ with $X = V_0^* V_k$."""
    size = inputs[0].shape[-1]
    if equation.params["subset_by_index"] not in (None, (0, size)):
        return any_primitive(context, equation, inputs)  # JAX defines no derivative
    algebra = context.algebra
    matrix = dense_series(inputs[0], algebra)
    v, w = _compat.bind(equation, matrix[0])
    eye = jnp.eye(size, dtype=w.dtype).reshape((1,) * (w.ndim - 1) + (size, size))
    gaps = 1 / (eye + w[..., None, :] - w[..., :, None]) - eye
    rank = v.ndim
    times = lifted(matmul, rank, rank, rank)
    scaled = lifted(_scaled_columns, rank, rank, rank - 1)

    def changes(rest: Array, *overlap: Array) -> list[Array]:
        turned = matmul(adjoint(v), rest)
        rotation = gaps.astype(v.dtype) * turned
        for c in overlap:
            rotation = rotation - from_diagonal(c)
        return [matmul(v, rotation), diagonal(turned).real]

    vectors: Series = [v]
    values: Series = [w]
    for k in range(1, algebra.size):
        moved = [mixed(algebra, k, matrix, vectors, times)]
        if matrix[k] is not None:
            moved.append(times(matrix[k], v))
        stretched = mixed(algebra, k, vectors, values, scaled)
        rest = remainder(remainder(None, stretched), *(-part for part in moved))
        change_v = change_w = None
        if rest is not None:
            overlap = _overlap(algebra, k, vectors)
            given = [] if overlap is None else [(overlap, rank - 1)]
            change_v, change_w = lift(changes, [rank, rank - 1], (rest, rank), *given)
        vectors.append(change_v)
        values.append(change_w)
    avals = _compat.output_avals(equation)
    return [value_of(vectors, avals[0]), value_of(values, avals[1])]


def _overlap(algebra: TaylorAlgebra, k: int, vectors: Series) -> Coefficient:
    r"""Returns minus the diagonal of X.

    It follows from $v^* E v = 0$ along every ray, hence $V^* V = 1$, where $E$ is the
    Euler derivation; a real part alone would leave complex phases free.
    """
    rank = present(vectors[0]).ndim
    degree = [channel.degree for channel in algebra.channels]

    def op(moving: Array, still: Array) -> Array:
        return jnp.sum(jnp.conj(still) * moving, -2)

    above = [None, *vectors[1:], *[None] * (algebra.size - len(vectors))]
    (found,) = sums_of_products(
        algebra, (k,), above, above,
        lambda i, j, k: Fraction(degree[i], degree[k]),
        lifted(op, rank - 1, rank, rank),
    )  # fmt: skip
    return found


@primitive("svd", kind="spectral", steep=True, local=of_matrices)
def svd(context: Context, equation: Any, inputs: Sequence[Value]) -> list[Value]:
    r"""$A = U S V^*$: $T = X S_0 + S_k + S_0 Y^*$, $X = U_0^* U_k$, $Y = V_0^* V_k$."""
    params = equation.params
    rows, columns = inputs[0].shape[-2:]
    whole = params["subset_by_index"] in (None, (0, min(rows, columns)))
    full = params["compute_uv"] and params["full_matrices"] and rows != columns
    if full or not whole:
        return any_primitive(context, equation, inputs)  # JAX defines no derivative
    frame = _Frame(context.algebra, dense_series(inputs[0], context.algebra))
    s, u, vt = _compat.bind(
        equation, frame.matrix[0], full_matrices=False, compute_uv=True
    )
    frame.start(s, u, adjoint(vt))
    for k in range(1, context.algebra.size):
        frame.extend(k)
    avals = _compat.output_avals(equation)
    series = [frame.values]
    if params["compute_uv"]:
        series += [frame.left, mapped(adjoint, frame.right, frame.rank)]
    return [value_of(c, aval) for c, aval in zip(series, avals, strict=True)]


class _Frame:
    """The factors of a singular value decomposition, grown channel by channel."""

    def __init__(self, algebra: TaylorAlgebra, matrix: Series) -> None:
        self.algebra = algebra
        self.matrix = matrix
        self.rank = rank = present(matrix[0]).ndim
        self.times = lifted(matmul, rank, rank, rank)

    def start(self, s: Array, u: Array, v: Array) -> None:
        """Sets the plain factors."""
        self.s, self.u, self.v = s, u, v
        self.values: Series = [s]
        self.left: Series = [u]
        self.right: Series = [v]
        eye = jnp.eye(s.shape[-1], dtype=s.dtype)
        row, column = s[..., None, :], s[..., :, None]
        gaps = (row - column) * (row + column)
        self.gaps = 1 / (gaps + eye) - eye
        none = (s == 0).astype(s.dtype)
        self.inverse = 1 / (s + none) - none

    def extend(self, k: int) -> None:
        """Finds channel k of all three factors."""
        rest = remainder(self.matrix[k], self._known(k))
        if rest is None:
            for column in (self.values, self.left, self.right):
                column.append(None)
            return
        # Both overlaps are there or neither is: the factors have the same channels.
        overlaps = [self._overlap(k, x) for x in (self.left, self.right)]
        given = [(c, self.rank) for c in overlaps if not isinstance(c, float)]
        ranks = [self.rank - 1, self.rank, self.rank]
        found = lift(self._changes, ranks, (rest, self.rank), *given)
        for column, c in zip((self.values, self.left, self.right), found, strict=True):
            column.append(c)

    def _changes(self, rest: Array, *overlaps: Array) -> list[Array]:
        """Returns a channel of S, U and V, of what the known ones leave of A."""
        u, v = self.u, self.v
        defect_u, defect_v = (-c for c in overlaps) if overlaps else (0.0, 0.0)
        turned = matmul(adjoint(u), matmul(rest, v))
        row, column = self.s[..., None, :], self.s[..., :, None]
        above = turned - column * defect_v
        below = adjoint(turned) - column * defect_u
        left = self.gaps * (above * row + below * column) + _half(defect_u, turned)
        right = self.gaps * (above * column + below * row) + _half(defect_v, turned)
        lengths = diagonal(turned).real
        for defect in (defect_u, defect_v):
            if not isinstance(defect, float):
                lengths = lengths - self.s * diagonal(defect).real / 2
        if jnp.iscomplexobj(turned):
            left = left + from_diagonal(1j * diagonal(turned).imag * self.inverse)
        return [
            lengths,
            matmul(u, left) + self._outside(u, matmul(rest, v)),
            matmul(v, right) + self._outside(v, matmul(adjoint(rest), u)),
        ]

    def _known(self, k: int) -> Array | float:
        """Returns (U S V*)_k with the factors known below k."""
        known = [self.left, self.values, self.right]
        size = self.algebra.size
        left, values, right = ([*c[:k], *[None] * (size - k)] for c in known)
        columns = lifted(_scaled_columns, self.rank, self.rank, self.rank - 1)
        scaled = product(self.algebra, left, values, columns)
        mirror = mapped(adjoint, right, self.rank)
        whole = product(self.algebra, scaled, mirror, self.times)[k]
        return 0.0 if whole is None else whole

    def _overlap(self, k: int, vectors: Series) -> Array | float:
        """Returns (V* V)_k without units."""
        mirror = mapped(adjoint, vectors, self.rank)
        return mixed(self.algebra, k, mirror, vectors, self.times)

    def _outside(self, frame: Array, image: Array) -> Array | float:
        """Returns what leaves the space that the frame spans."""
        if frame.shape[-2] == frame.shape[-1]:
            return 0.0
        inside = matmul(frame, matmul(adjoint(frame), image))
        return (image - inside) / self.s[..., None, :]


def _scaled_columns(a: Array, s: Array) -> Array:
    return a * s[..., None, :]


def _half(defect: Array | float, like: Array) -> Array | float:
    """Returns half the diagonal of what the lengths of vectors miss."""
    if isinstance(defect, float):
        return 0.0
    return from_diagonal(diagonal(defect)).astype(like.dtype) / 2
