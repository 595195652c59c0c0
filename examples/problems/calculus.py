"""Vector calculus in symbols, for a vector coordinate of any size."""

import sympy as sp

import opcompiler as oc


def laplacian(u: sp.Expr, x: sp.IndexedBase) -> sp.Expr:
    """Returns the sum of all second derivatives."""
    k = oc.index("k", x)
    return oc.Sum(oc.D(u, x[k], 2), k)


def square(x: sp.IndexedBase) -> sp.Expr:
    """Returns |x|^2."""
    i = oc.index("i", x)
    return oc.Sum(x[i] ** 2, i)
