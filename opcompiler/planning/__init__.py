"""From functionals to a plan: which Taylor channels, seeds and read-outs.

Plain data and exact arithmetic, without JAX. `strategies.make_plan` is the way in; a
strategy is a pure function in the table beside it. What a strategy of your own needs is
exported here; see docs/extending/strategy.md.
"""

from opcompiler.algebra.weil import Channel, TaylorAlgebra, univariate
from opcompiler.ir import Functional, MultiIndex, OperatorSymbol
from opcompiler.planning.kinds import Push, ReadOut
from opcompiler.planning.plan import joined, Plan
from opcompiler.planning.running import running
from opcompiler.planning.strategies import (
    make_plan,
    plan_functionals,
    register_strategy,
    STRATEGIES,
)

__all__ = [
    "STRATEGIES",
    "Channel",
    "Functional",
    "MultiIndex",
    "OperatorSymbol",
    "Plan",
    "Push",
    "ReadOut",
    "TaylorAlgebra",
    "joined",
    "make_plan",
    "plan_functionals",
    "register_strategy",
    "running",
    "univariate",
]
