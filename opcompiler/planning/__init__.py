"""From functionals to a plan: which Taylor channels, seeds and read-outs.

Plain data and exact arithmetic; neither SymPy nor JAX. A strategy is a pure function
from functionals to a `Plan`, in a file of its own, listed in `strategies.py`.
"""

from opcompiler.planning.plan import Plan, Push, ReadOut
from opcompiler.planning.running import plan_functionals, running
from opcompiler.planning.strategies import make_plan, STRATEGIES

__all__ = [
    "STRATEGIES",
    "Plan",
    "Push",
    "ReadOut",
    "make_plan",
    "plan_functionals",
    "running",
]
