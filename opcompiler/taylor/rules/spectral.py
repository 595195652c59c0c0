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
from opcompiler.taylor.arithmetic import product, Series, total, weighted
from opcompiler.taylor.fallback import any_primitive
from opcompiler.taylor.primitives import Context, primitive
from opcompiler.taylor.rules.linalg import (
    adjoint,
    dense_series,
    diagonal,
    from_diagonal,
    matmul,
    mixed,
    remainder,
    value_of,
)
from opcompiler.taylor.value import Value


@primitive("eigh", kind="spectral")
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
    vectors: Series = [v]
    values: Series = [w]
    for k in range(1, algebra.size):
        stretched = mixed(algebra, k, vectors, values, _scaled_columns)
        moved = [mixed(algebra, k, matrix, vectors)]
        if matrix[k] is not None:
            moved.append(matmul(matrix[k], v))
        rest = remainder(remainder(None, stretched), *map(_negative, moved))
        if rest is None:
            vectors.append(None)
            values.append(None)
            continue
        turned = matmul(adjoint(v), rest)
        rotation = gaps.astype(v.dtype) * turned + _diagonal_part(algebra, k, vectors)
        vectors.append(matmul(v, rotation))
        values.append(diagonal(turned).real)
    avals = _compat.output_avals(equation)
    return [value_of(vectors, avals[0]), value_of(values, avals[1])]


def _negative(part: Array | float) -> Array | float:
    return -part


def _diagonal_part(algebra: TaylorAlgebra, k: int, vectors: Series) -> Array | float:
    r"""Returns the diagonal of X, from $v^* E v = 0$ along every ray, hence $V^* V = 1$.

    $E$ is the Euler derivation; a real part alone would leave complex phases free.
    """
    terms: list[Array] = []
    for i, j, c in algebra.entries[k]:
        moving, still = vectors[i], vectors[j]
        if moving is not None and still is not None:
            share = Fraction(algebra.channels[i].degree, algebra.channels[k].degree)
            overlap = jnp.sum(jnp.conj(still) * moving, -2)
            terms.append(weighted(algebra, (i, j, k, c), overlap, share))
    found = total(terms)
    return 0.0 if found is None else -from_diagonal(found)


@primitive("svd", kind="spectral")
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
        series += [frame.left, [None if c is None else adjoint(c) for c in frame.right]]
    return [value_of(c, aval) for c, aval in zip(series, avals, strict=True)]


class _Frame:
    """The factors of a singular value decomposition, grown channel by channel."""

    def __init__(self, algebra: TaylorAlgebra, matrix: Series) -> None:
        self.algebra = algebra
        self.matrix = matrix

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
        u, v = self.u, self.v
        defect_u, defect_v = (-self._overlap(k, x) for x in (self.left, self.right))
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
        self.values.append(lengths)
        self.left.append(matmul(u, left) + self._outside(u, matmul(rest, v)))
        self.right.append(matmul(v, right) + self._outside(v, matmul(adjoint(rest), u)))

    def _known(self, k: int) -> Array | float:
        """Returns (U S V*)_k with the factors known below k."""
        known = [self.left, self.values, self.right]
        size = self.algebra.size
        left, values, right = ([*c[:k], *[None] * (size - k)] for c in known)
        scaled = product(self.algebra, left, values, _scaled_columns)
        mirror = [None if c is None else adjoint(c) for c in right]
        whole = product(self.algebra, scaled, mirror, matmul)[k]
        return 0.0 if whole is None else whole

    def _overlap(self, k: int, vectors: Series) -> Array | float:
        """Returns (V* V)_k without units."""
        mirror = [None if c is None else adjoint(c) for c in vectors]
        return mixed(self.algebra, k, mirror, vectors)

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
