"""The rules, one file per class of primitive; importing this room fills the table.

constant.py     zero derivative: comparisons, rounding, integers
linear.py       one operation per channel: shapes, sums, selections
bilinear.py     products under any bilinear operation: mul, dot_general, conv
elementwise.py  functions of one array: exp, tanh, log, ...
powers.py       powers with constant exponents, absolute value
binary.py       functions of two arrays: div, pow, max, ...
calls.py        programs inside programs: jit, custom rules, checkpoint
"""

from opcompiler.taylor.registry import RULES
from opcompiler.taylor.rules import (
    bilinear,
    binary,
    calls,
    constant,
    control,
    elementwise,
    linear,
    powers,
    structure,
)

__all__ = [
    "RULES",
    "bilinear",
    "binary",
    "calls",
    "constant",
    "control",
    "elementwise",
    "linear",
    "powers",
    "structure",
]
