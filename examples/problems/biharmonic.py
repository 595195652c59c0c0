"""The biharmonic equation on an annulus, in any dimension.

Source: Hu, Shi, Karniadakis, Kawaguchi, Hutchinson trace estimation for high-dimensional
and high-order PINNs, CMAME 424 (2024), section 4.3; Shi et al., NeurIPS 2024, appendix J.3.
"""

import jax

import opcompiler as oc
from examples.problems.calculus import laplacian, square
from examples.problems.elliptic import three_body
from examples.problems.problem import Problem
from examples.problems.sampling import ball


def on_annulus(dim: int, seed: int = 0) -> Problem:
    """Lap^2 u = g for 1 < |x| < 2, u = 0 on both spheres.

    Args:
        dim: d, at least 3.
        seed: of the coefficients.
    """
    x = oc.vector("x", dim)
    boundary = (1 - square(x)) * (4 - square(x))
    return Problem(
        name="biharmonic",
        coordinates=(x,),
        operator=lambda u: laplacian(laplacian(u, x), x),
        sample=ball(dim, inner=1.0, outer=2.0),
        radius=2.0,
        solution=boundary * three_body(x),
        source=True,
        ansatz=lambda N: boundary * N,
        arrays={"c": jax.random.normal(jax.random.key(seed), (dim - 2,))},
    )
