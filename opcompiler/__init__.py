"""A compiler from symbolic differential operators to fast JAX numerics."""

from opcompiler import taylor
from opcompiler.api import compile
from opcompiler.calculus import sobolev
from opcompiler.core.errors import OperatorError
from opcompiler.estimators import Dense, Sparse
from opcompiler.lowering import autotune, gauss_legendre, Residual, unbiased_square
from opcompiler.notation import (
    load,
    parse,
    parse_latex,
    Problem,
    to_latex,
    to_text,
)
from opcompiler.planning import Plan
from opcompiler.symbols import D, index, Integral, Sum, vector
from opcompiler.taylor import jet

__all__ = [
    "D",
    "Dense",
    "Integral",
    "OperatorError",
    "Plan",
    "Problem",
    "Residual",
    "Sparse",
    "Sum",
    "autotune",
    "compile",
    "gauss_legendre",
    "index",
    "jet",
    "load",
    "parse",
    "parse_latex",
    "sobolev",
    "taylor",
    "to_latex",
    "to_text",
    "unbiased_square",
    "vector",
]
