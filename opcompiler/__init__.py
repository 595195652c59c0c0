"""A compiler from symbolic differential operators to fast JAX numerics."""

from opcompiler.api import compile
from opcompiler.core.errors import OperatorError
from opcompiler.lowering import Residual
from opcompiler.planning import Plan

__all__ = ["OperatorError", "Plan", "Residual", "compile"]
