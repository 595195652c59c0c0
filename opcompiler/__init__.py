"""A compiler from symbolic differential operators to fast JAX numerics."""

from opcompiler import taylor
from opcompiler.api import compile
from opcompiler.calculus import sobolev
from opcompiler.core.errors import OperatorError
from opcompiler.lowering import autotune, Residual
from opcompiler.planning import Plan
from opcompiler.taylor import jet

__all__ = [
    "OperatorError",
    "Plan",
    "Residual",
    "autotune",
    "compile",
    "jet",
    "sobolev",
    "taylor",
]
