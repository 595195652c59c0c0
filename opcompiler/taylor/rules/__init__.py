"""The rules, one file per class of primitive; importing this package fills the table.

composition.py  how an elementwise function of one array is evaluated
elementwise.py  steps and functions of one array: exp, tanh, log, lgamma, sqrt, abs, ...
binary.py       functions of several arrays: add, mul, div, pow, max, select_n, ...
linear.py       one operation per channel: casts, sums, scatters, devices, pooling
moves.py        entries that move: axes, slices, joining, gathers
bilinear.py     products under any bilinear operation: dot_general, conv
subprograms.py  programs inside programs: calls, custom rules, checkpoint, scan, while, cond
reductions.py   sorting, extrema and products along an axis, a user's reductions
linalg.py       linear solves, cholesky, lu, qr
determinants.py slogdet, det
spectral.py     eigh, svd

Where a family changes an operand at a few places only, see `taylor/places.py`:

sparse_entries.py  entry by entry
sparse_sums.py     sums over places, matrix products, convolutions, gathers

Where each element depends on few directions, which stand in lanes, see `taylor/support.py`:

local.py        entries, moves, sums, matrix products, what works along some axes
windows.py      convolutions and pooling
"""

from opcompiler.taylor.primitives import TABLE
from opcompiler.taylor.rules import (
    bilinear,
    binary,
    composition,
    determinants,
    elementwise,
    linalg,
    linear,
    moves,
    reductions,
    spectral,
    subprograms,
)

__all__ = [
    "TABLE",
    "bilinear",
    "binary",
    "composition",
    "determinants",
    "elementwise",
    "linalg",
    "linear",
    "moves",
    "reductions",
    "spectral",
    "subprograms",
]
