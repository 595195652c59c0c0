"""Elliptic equations on the unit ball, and on the unit cube, in any dimension.

Source: Shi, Hu, Lin, Kawaguchi, Stochastic Taylor Derivative Estimator, NeurIPS 2024,
appendix I.1; the solutions from Hu, Shi, Karniadakis, Kawaguchi, Hutchinson trace
estimation, CMAME 424 (2024). The sources are derived by the compiler: the published
three-body source lacks factors.
"""

import jax
import jax.numpy as jnp
import sympy as sp

import opcompiler as oc
from examples.problems.calculus import laplacian, square
from examples.problems.problem import Map, Problem
from examples.problems.sampling import ball, box, faces

c = sp.IndexedBase("c")
rays = sp.IndexedBase("a")
RAYS = 3


def poisson(u: sp.Expr, x: sp.IndexedBase) -> sp.Expr:
    """Lap u."""
    return laplacian(u, x)


def allen_cahn(u: sp.Expr, x: sp.IndexedBase) -> sp.Expr:
    """Lap u + u - u^3."""
    return laplacian(u, x) + u - u**3


def sine_gordon(u: sp.Expr, x: sp.IndexedBase) -> sp.Expr:
    """Lap u + sin u."""
    return laplacian(u, x) + sp.sin(u)


OPERATORS = {"poisson": poisson, "allen_cahn": allen_cahn, "sine_gordon": sine_gordon}


def two_body(x: sp.IndexedBase) -> sp.Expr:
    """A chain of pairs, sum_i c_i sin(x_i + cos x_{i+1} + x_{i+1} cos x_i)."""
    i, d = oc.index("i", x), int(x.shape[0])
    phase = x[i] + sp.cos(x[i + 1]) + x[i + 1] * sp.cos(x[i])
    return oc.Sum(c[i] * sp.sin(phase), (i, 0, d - 2))


def three_body(x: sp.IndexedBase) -> sp.Expr:
    """A chain of triples, sum_i c_i exp(x_i x_{i+1} x_{i+2})."""
    i, d = oc.index("i", x), int(x.shape[0])
    return oc.Sum(c[i] * sp.exp(x[i] * x[i + 1] * x[i + 2]), (i, 0, d - 3))


def waves(x: sp.IndexedBase) -> sp.Expr:
    """Plane waves along a few dense directions of length sqrt(d), sum_m sin(a_m . x).

    Not degenerate: a_m . x is as large as |x| in every dimension, where the chains become
    constants for d -> oo; and odd, so that no constant fits it.
    """
    i = oc.index("i", x)
    return sp.Add(*(sp.sin(oc.Sum(rays[m, i] * x[i], i)) for m in range(RAYS)))


def houman(x: sp.IndexedBase) -> sp.Expr:
    """sum_i w_i sin(x_i + 3 cos x_{i+1} + x_{i+1} cos x_i), w_i = tanh(4 i / (d - 1) - 2).

    The weights cancel in pairs.
    """
    i, d = oc.index("i", x), int(x.shape[0])
    phase = x[i] + 3 * sp.cos(x[i + 1]) + x[i + 1] * sp.cos(x[i])
    weight = sp.tanh(4 * i / sp.Integer(d - 1) - 2)
    return oc.Sum(weight * sp.sin(phase), (i, 0, d - 2))


SOLUTIONS = {
    "two_body": two_body,
    "three_body": three_body,
    "waves": waves,
    "houman": houman,
}
ON_CUBE = "exponentials"


def named(equation: str, solution: str, dim: int, seed: int = 0) -> Problem:
    """An equation on the ball with one of `SOLUTIONS`, or on the cube with `ON_CUBE`."""
    if solution == ON_CUBE:
        return on_cube(equation, dim)
    return on_ball(equation, solution, dim, seed)


def on_ball(equation: str, solution: str, dim: int, seed: int = 0) -> Problem:
    """An equation on the unit ball, with u = 0 on the sphere.

    Args:
        equation: of `OPERATORS`.
        solution: of `SOLUTIONS`; times 1 - |x|^2.
        dim: d, at least 3.
        seed: of the coefficients.
    """
    x = oc.vector("x", dim)
    boundary = 1 - square(x)
    chain, dense = jax.random.split(jax.random.key(seed))
    shared = jnp.sqrt(1.0 * dim) * _unit(jax.random.normal(dense, (RAYS, dim)))
    return Problem(
        name=f"{equation}_{solution}",
        coordinates=(x,),
        operator=lambda u: OPERATORS[equation](u, x),
        sample=ball(dim),
        solution=boundary * SOLUTIONS[solution](x),
        source=True,
        ansatz=_times(boundary),
        by_hand=lambda point, N: (1 - jnp.sum(point**2)) * N,
        arrays={"c": jax.random.normal(chain, (dim - 1,)), "a": shared},
    )


def on_cube(equation: str, dim: int) -> Problem:
    """An equation on the unit cube, with the solution mean_i exp(x_i).

    Its values on the sides are not built in but trained.
    """
    x = oc.vector("x", dim)
    i = oc.index("i", x)
    corners = (0.0,) * dim, (1.0,) * dim
    return Problem(
        name=f"{equation}_{ON_CUBE}",
        coordinates=(x,),
        operator=lambda u: OPERATORS[equation](u, x),
        sample=box(*corners),
        sides=faces(*corners),
        solution=oc.Sum(sp.exp(x[i]), i) / dim,
        source=True,
        by_hand=lambda point, N: N,
    )


def _times(boundary: sp.Expr) -> Map:
    return lambda u: boundary * u


def _unit(rows: jax.Array) -> jax.Array:
    return rows / jnp.linalg.norm(rows, axis=1, keepdims=True)
