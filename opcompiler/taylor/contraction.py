r"""Sums of products of rows, $y_k = \sum c\, x_i w_j$ over a table, as one JAX primitive.

Arrays of rows and a table of `(i, j, k, c)` come in, an array of rows goes out:

    table = Table(((0, 1, 0, 2.0), (1, 1, 0, 1.0)), (2, 2, 1))
    contract(x, w, table)  # (1, ...): 2 x[0] w[1] + x[1] w[1]

Written as single multiplications, the products of an algebra of 55 channels are some
thousand operations per activation, and XLA needs a minute to compile them. Here they are
one loop over the table, compiled in no time, which is as fast to run: every step reads
the rows of a few products and adds them to one more, and rows of this size stay in the
processor's cache. An accelerator, which pays for every step, gathers all factors at once.

It is a primitive, because JAX would transpose a loop that reads rows of an array into one
that adds a whole array of zeros at every step. The transpose of a sum over a table is a sum
over the same table with its columns exchanged, so that derivatives of any order and either
mode are of the same kind.
"""

import itertools
import math
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from opcompiler import _compat


@dataclass(frozen=True)
class Table:
    """Which rows are multiplied, and where the products are added.

    Attributes:
        entries: `(i, j, k, c)`: c times row i of x and row j of w goes into row k.
        sizes: the numbers of rows of x, of w and of the result.
    """

    entries: tuple[tuple[int, int, int, float], ...] = field(repr=False)
    sizes: tuple[int, int, int]

    @property
    def size(self) -> int:
        """Number of rows of the result."""
        return self.sizes[2]

    def exchanged(self, a: int, b: int, c: int) -> "Table":
        """Returns the table with its columns i, j, k in another order."""
        entries = tuple((e[a], e[b], e[c], e[3]) for e in self.entries)
        return Table(entries, (self.sizes[a], self.sizes[b], self.sizes[c]))

    def columns(self, dtype: Any) -> tuple[Any, Any, Any, Any]:
        """Returns the columns as arrays, sorted by the row that is added to."""
        entries = sorted(self.entries, key=lambda e: e[2])
        i, j, k = (np.array([e[n] for e in entries], np.int32) for n in range(3))
        return i, j, k, np.array([e[3] for e in entries]).astype(dtype)


def contract(x: Array, w: Array, table: Table) -> Array:
    """Returns the sums of products of rows.

    Args:
        x: rows, (I, ...).
        w: rows, (J, ...), of the same shape and dtype as those of x.
        table: what is multiplied.

    Returns:
        (K, ...).
    """
    x, w = _compat.vary_alike(x, w)
    if not table.entries:
        return _compat.vary(
            jnp.zeros((table.size, *x.shape[1:]), x.dtype), _compat.varying(x)
        )
    return _CONTRACTION.bind(x, w, table=table)


_BLOCK = 2048
"""Numbers of a row that one step of the loop takes: such pieces fit any cache."""

_TOGETHER = 4
"""Products that one step adds up, so that a sum is read and written once for all."""


def _in_a_loop(x: Array, w: Array, *, table: Table) -> Array:
    i, j, k, c = _steps(table, x.dtype)
    shape, numbers, steps = x.shape[1:], math.prod(x.shape[1:]), len(k)
    blocks = max(1, -(-numbers // _BLOCK))
    width = -(-numbers // blocks)
    # The row of zeros is for steps of fewer products.
    spare = [(0, 1), (0, blocks * width - numbers)]
    x, w = (jnp.pad(rows.reshape(len(rows), -1), spare) for rows in (x, w))

    def step(n: Array, sums: Array) -> Array:
        entry, at = (
            number.astype(np.int32) for number in (n % steps, n // steps * width)
        )
        to = _element(k, entry)
        new = _piece(sums, to, at, width)
        for t in range(_TOGETHER):
            here = (entry, np.int32(t))
            left = _piece(x, _element(i, *here), at, width)
            new += _element(c, *here) * (
                left * _piece(w, _element(j, *here), at, width)
            )
        return lax.dynamic_update_slice(
            sums, new, (to, at), allow_negative_indices=False
        )

    start = jnp.zeros((table.size, blocks * width), x.dtype)
    start = _compat.vary(start, _compat.varying(x))
    sums = lax.fori_loop(0, blocks * steps, step, start)
    return sums[:, :numbers].reshape(table.size, *shape)


def _piece(rows: Array, row: Array, at: Array, width: int) -> Array:
    return lax.dynamic_slice(rows, (row, at), (1, width), allow_negative_indices=False)


def _element(column: Array, *place: Array) -> Array:
    sizes = (1,) * column.ndim
    piece = lax.dynamic_slice(column, place, sizes, allow_negative_indices=False)
    return lax.squeeze(piece, range(column.ndim))


def _steps(table: Table, dtype: Any) -> tuple[Array, Array, Array, Array]:
    """Returns rows of x and w and constants, each (steps, _TOGETHER), and rows fed."""
    by_row = itertools.groupby(
        sorted(table.entries, key=lambda e: e[2]), lambda e: e[2]
    )
    nothing = (table.sizes[0], table.sizes[1], 0, 0.0)
    steps, fed = [], []
    for k, group in by_row:
        products = [*group]
        products += [nothing] * (-len(products) % _TOGETHER)
        steps += products
        fed += [k] * (len(products) // _TOGETHER)
    columns = np.array(steps).reshape(-1, _TOGETHER, 4)
    i, j = (jnp.asarray(columns[..., n].astype(np.int32)) for n in range(2))
    return (
        i,
        j,
        jnp.asarray(np.array(fed, np.int32)),
        jnp.asarray(columns[..., 3], dtype),
    )


def _at_once(x: Array, w: Array, *, table: Table) -> Array:
    i, j, k, c = table.columns(x.dtype)
    # Every row of the result has as many terms as the longest; the others add a product
    # that is there anyway and count as zero.
    starts = np.searchsorted(k, np.arange(table.size))
    counts = np.bincount(k, minlength=table.size)
    terms = np.arange(max(counts, default=0))
    at = np.minimum(starts[:, None] + terms, len(k) - 1)
    there = (terms < counts[:, None]).reshape(*at.shape, *[1] * (x.ndim - 1))
    factor = jnp.asarray(c[at]).reshape(there.shape)
    added = factor * (x[i[at]] * w[j[at]])
    return jnp.sum(jnp.where(there, added, 0), 1, dtype=x.dtype)


_CONTRACTION = _compat.bilinear_primitive(
    "contraction",
    _in_a_loop,
    shape=lambda x, w, table: (table.size, *x.shape[1:]),
    left=lambda rate, w, table: contract(w, rate, table.exchanged(1, 2, 0)),
    right=lambda rate, x, table: contract(x, rate, table.exchanged(0, 2, 1)),
    elsewhere={"cuda": _at_once, "rocm": _at_once, "tpu": _at_once},
)
