"""Algebra-valued evaluation of any JAX program. Knows nothing of operators.

value.py         the algebra-valued array
places.py        values that a family's directions change at a few places only
arithmetic.py    sums, products and compositions of coefficients
contraction.py   the products of a large algebra as one primitive of JAX
primitives.py    the table of primitives: rule and traits, declared together
interpret.py     the loop over a jaxpr, and which way an equation goes
fallback.py      what has no rule of its own: any primitive with a JVP
rules/           the rules, one file per class
push.py          pushing a function forward along seeds
onehot.py        seeds that are zero but for one place
chunks.py        a family's directions a few at a time
tuning.py        how an algebra is laid out in arrays
jet.py           univariate Taylor mode, as `jax.experimental.jet`
transforms.py    Laplacian, bilaplacian, chosen partials, all derivatives
coordinates.py   a pytree of arrays as one point
diagonal.py      pure derivatives along chosen coordinates
extension.py     rules for primitives and functions of users
misuse.py        what a user's function raises, explained
"""

from opcompiler.taylor.diagonal import diagonal_sum, diagonal_terms
from opcompiler.taylor.extension import register_rule
from opcompiler.taylor.jet import jet
from opcompiler.taylor.onehot import OneHot
from opcompiler.taylor.primitives import coverage
from opcompiler.taylor.push import push
from opcompiler.taylor.rules import TABLE as TABLE  # filled by importing the rules
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
    "register_rule",
]
