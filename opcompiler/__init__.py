"""A compiler from symbolic differential operators to fast JAX numerics."""

from opcompiler import taylor
from opcompiler.api import compile
from opcompiler.calculus import sobolev
from opcompiler.core.errors import OperatorError
from opcompiler.estimators import Dense, Sparse
from opcompiler.lowering import autotune, Residual
from opcompiler.notation import load, parse, Problem, to_text
from opcompiler.planning import Plan
from opcompiler.symbols import D, index, Sum, vector
from opcompiler.taylor import jet

__all__ = [
    "D",
    "Dense",
    "OperatorError",
    "Plan",
    "Problem",
    "Residual",
    "Sparse",
    "Sum",
    "autotune",
    "compile",
    "index",
    "jet",
    "load",
    "parse",
    "sobolev",
    "taylor",
    "to_text",
    "vector",
]
