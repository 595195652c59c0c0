"""Algebra-valued evaluation of any JAX program. Knows nothing of operators.

value.py         the algebra-valued array
arithmetic.py    sums, products and compositions of coefficients
registry.py      the table of primitive rules
rules/           the rules, one file per class
interpreter.py   the loop over a jaxpr
fallback.py      what has no rule of its own: any primitive with a JVP
push.py          pushing a function forward along seeds
"""

from opcompiler.taylor.push import push

__all__ = ["push"]
