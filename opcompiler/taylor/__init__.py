"""Algebra-valued evaluation of any JAX program. Knows nothing of operators.

value.py         the algebra-valued array
arithmetic.py    sums, products and compositions of coefficients
registry.py      the table of primitive rules
rules/           the rules, one file per class
composition.py   how elementwise functions are evaluated
evaluation.py    the loop over a jaxpr
interpreter.py   which way an equation goes
families.py      writing families of directions out, and folding them back
fallback.py      what has no rule of its own: any primitive with a JVP
sparse.py        values that a family's directions change at a few places only
onehot.py        seeds that are zero but for one place
push.py          pushing a function forward along seeds
jet.py           univariate Taylor mode, as `jax.experimental.jet`
transforms.py    Laplacian, bilaplacian, chosen partials, all derivatives
diagonal.py      pure derivatives along chosen coordinates
"""

from opcompiler.taylor.coverage import coverage
from opcompiler.taylor.diagonal import diagonal_sum, diagonal_terms
from opcompiler.taylor.jet import jet
from opcompiler.taylor.onehot import OneHot
from opcompiler.taylor.push import push
from opcompiler.taylor.transforms import (
    biharmonic,
    derivatives,
    forward_laplacian,
    laplacian,
    partials,
)

__all__ = [
    "OneHot",
    "biharmonic",
    "coverage",
    "derivatives",
    "diagonal_sum",
    "diagonal_terms",
    "forward_laplacian",
    "jet",
    "laplacian",
    "partials",
    "push",
]
