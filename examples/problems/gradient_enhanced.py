r"""The gradient of a residual, by one tangent: amortised gradient-enhanced PINNs.

$v \cdot \nabla r$ for a direction v is one number per point, and with random signs
$E (v \cdot \nabla r)^2 = |\nabla r|^2$. Of $r = \sum_i u_{ii} + f(u) - g$ it holds
$\sum_i u_{iiv}$, of which any estimator samples terms, together with those of r.

Source: Yu, Lu, Meng, Karniadakis, Gradient-enhanced PINNs, CMAME 393 (2022); amortised by
Shi et al., NeurIPS 2024, appendix I.4.2. Its equation 80 bounds nothing, and makes every
u_iij alone cancel the rest; this is the gradient itself.
"""

import sympy as sp

import opcompiler as oc
from examples.problems.problem import Problem

direction = sp.IndexedBase("v")


def with_gradient(problem: Problem) -> list[sp.Expr]:
    """Returns the trained equation r, and v . grad r for a parameter v (d,) or (N, d)."""
    (x,) = problem.coordinates
    j = oc.index("j", x)
    r = problem.trained
    return [r, oc.Sum(direction[j] * oc.D(r, x[j]), j)]
