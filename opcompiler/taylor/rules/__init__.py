"""The rules, one file per class of primitive; importing this room fills the table.

constant.py     zero derivative: comparisons, rounding, integers
linear.py       one operation per channel: shapes, sums, selections
bilinear.py     products under any bilinear operation: mul, dot_general, conv
elementwise.py  functions of one array: exp, tanh, log, ...
special.py      gamma, Bessel and inverse error functions
powers.py       powers with constant exponents, absolute value
binary.py       functions of two arrays: div, pow, max, ...
calls.py        programs inside programs: jit, custom rules, checkpoint
control.py      scan, while, cond
structure.py    sorting, extrema and products along an axis
windows.py      reductions by a user's function
piecewise.py    what follows a choice made by plain values: pooling, extremal scatters
linalg.py       linear solves, cholesky, lu, qr
spectral.py     eigh, svd
parallel.py     collectives, sharding, shard_map

Where some operand is sparse, see `opcompiler/taylor/sparse.py`:

sparse.py           functions of single entries, programs inside programs
sparse_axes.py      axes that are permuted, split, joined
sparse_ranges.py    parts that are cut off, put together, turned round
sparse_products.py  sums over places, matrix products
sparse_windows.py   convolutions and gathers
"""

from opcompiler.taylor.registry import RULES
from opcompiler.taylor.rules import (
    bilinear,
    binary,
    calls,
    constant,
    control,
    elementwise,
    linalg,
    linear,
    parallel,
    piecewise,
    powers,
    sparse,
    sparse_axes,
    sparse_products,
    sparse_ranges,
    sparse_windows,
    special,
    spectral,
    structure,
    windows,
)

__all__ = [
    "RULES",
    "bilinear",
    "binary",
    "calls",
    "constant",
    "control",
    "elementwise",
    "linalg",
    "linear",
    "parallel",
    "piecewise",
    "powers",
    "sparse",
    "sparse_axes",
    "sparse_products",
    "sparse_ranges",
    "sparse_windows",
    "special",
    "spectral",
    "structure",
    "windows",
]
