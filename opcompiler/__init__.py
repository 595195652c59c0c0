"""A compiler from symbolic differential operators to fast JAX numerics."""

from opcompiler import taylor
from opcompiler.api import compile
from opcompiler.core.errors import OperatorError
from opcompiler.lowering import Residual
from opcompiler.notation import load, parse, Problem, to_text
from opcompiler.planning import Plan
from opcompiler.taylor import jet

__all__ = [
    "OperatorError",
    "Plan",
    "Problem",
    "Residual",
    "compile",
    "jet",
    "load",
    "parse",
    "taylor",
    "to_text",
]
