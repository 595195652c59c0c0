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
push.py          pushing a function forward along seeds
jet.py           univariate Taylor mode, as `jax.experimental.jet`
transforms.py    Laplacian, bilaplacian, chosen partials, all derivatives
"""

from opcompiler.taylor.coverage import coverage
from opcompiler.taylor.jet import jet
from opcompiler.taylor.push import push
from opcompiler.taylor.transforms import biharmonic, derivatives, laplacian, partials

__all__ = [
    "biharmonic",
    "coverage",
    "derivatives",
    "jet",
    "laplacian",
    "partials",
    "push",
]
