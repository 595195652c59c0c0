"""How a sum of derivatives is sampled: descriptions only, no JAX.

Planning reads what an estimator needs, lowering draws. Source: Shi, Hu, Lin & Kawaguchi,
*Stochastic Taylor Derivative Estimator*, NeurIPS 2024.
"""

from opcompiler.sampling.randomized import estimated
from opcompiler.sampling.sampling import Dense, Estimator, Sparse

__all__ = ["Dense", "Estimator", "Sparse", "estimated"]
