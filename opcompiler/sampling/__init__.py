"""How sums are estimated: one class per estimator, with all that belongs to it.

What an estimator puts in an operator, what it draws and how it is described stand together:

    estimator.py          Estimator (the base), Draw, and who draws when
    sparse_terms.py       Sparse: some terms stand for all
    dense_directions.py   Dense: random directions whose moments give the sum
    laws.py               the laws of random directions: moments and samplers
"""

from opcompiler.sampling.dense_directions import Dense
from opcompiler.sampling.estimator import Draw, draws, estimated, Estimator, every, Span
from opcompiler.sampling.laws import independent, Law, register_law
from opcompiler.sampling.sparse_terms import Sparse

__all__ = [
    "Dense",
    "Draw",
    "Estimator",
    "Law",
    "Span",
    "Sparse",
    "draws",
    "estimated",
    "every",
    "independent",
    "register_law",
]
